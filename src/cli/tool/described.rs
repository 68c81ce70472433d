//! A tool that is described in the words of `run`.

use btfly::object::{Object, Program};

use super::super::run::Asked;
use super::super::{Common, Failure, loading, output};
use super::options::Given;
use super::{help, places};
use crate::tools::{Data, Tool, Types};

pub fn run(tool: &Tool, data: &Data, args: &[&str], common: &Common) -> Result<(), Failure> {
    if args.first() == Some(&"help") || args.contains(&"--help") {
        return output::print(&help::text(tool, data));
    }
    let of_tool =
        |failure: Failure| failure.or_hint(format!("btfly {} --help lists the options", tool.name));
    let types = match common.kernel()?.has_types() {
        true => Types::Known,
        false => Types::Unknown,
    };
    let mut given = Given::read(data, types, args).map_err(of_tool)?;
    // Only they who know all options can tell which words are arguments.
    let words: Vec<&str> = given.words.iter().map(String::as_str).collect();
    let Some(asked) = Asked::take(tool.name, &words)? else {
        return Ok(());
    };
    let arguments = asked.into_objects();
    let added = given.add_arguments(data, &arguments);
    added.map_err(of_tool)?;
    let words: Vec<&str> = given.words.iter().map(String::as_str).collect();
    let Some(asked) = Asked::take(tool.name, &words)? else {
        return Ok(());
    };
    let bytes = tool.object.unpack();
    let mut object = Object::parse(bytes)?;
    for (option, name, value) in &given.sets {
        loading::set_global(&mut object, "", option, name, value).map_err(of_tool)?;
    }
    let own = given.programs;
    let there = places::Places::of([&object]);
    let also = |program: &Program<'_>| match own.iter().find(|(name, _)| *name == program.name) {
        Some((_, asked)) => *asked,
        None => there.has(&program.hook),
    };
    asked.work(object, (tool.name, bytes), common, &also)
}
