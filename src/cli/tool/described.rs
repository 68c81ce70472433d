//! A tool that is described in the words of `run`.

use btfly::object::{Object, Program};

use super::super::run::Asked;
use super::super::{Common, Failure, loading, output, taking};
use super::options::Given;
use super::{help, of_tool, places};
use crate::tools::{Data, Tool, Types};

pub fn run(tool: &Tool, data: &Data, args: &[&str], common: &Common) -> Result<(), Failure> {
    if taking::is_help(args) {
        return output::print(&help::text(tool));
    }
    let of_tool = |failure| of_tool(tool, failure);
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
        None => !program.autoload && there.has(&program.hook),
    };
    asked.work(object, (tool.name, bytes), common, &also)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::{Work, all};

    fn described() -> impl Iterator<Item = (&'static Tool, &'static Data)> {
        all().iter().filter_map(|tool| match &tool.work {
            Work::Data(data) => Some((tool, data)),
            Work::Own(_) => None,
        })
    }

    /// What a command line means is known to the tool's object.
    #[track_caller]
    fn fits(tool: &Tool, data: &Data, args: &[&str]) {
        let told = |failure: Failure| panic!("{} {args:?}: {}", tool.name, failure.reason());
        let mut given = Given::read(data, Types::Known, args).unwrap_or_else(told);
        let place: &[&str] = match data.place {
            Some(_) => &["f"],
            None => &[],
        };
        let interval: &[&str] = match data.interval {
            "" => &[],
            _ => &["1", "2"],
        };
        let arguments = [place, interval].concat();
        let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
        given
            .add_arguments(data, &arguments)
            .unwrap_or_else(|failure| panic!("{}: {}", tool.name, failure.reason()));
        let mut object = Object::parse(tool.object.unpack()).unwrap();
        for (option, name, value) in &given.sets {
            if let Err(failure) = loading::set_global(&mut object, "", option, name, value) {
                panic!("{} {args:?}: {}", tool.name, failure.reason());
            }
        }
        for (name, _) in &given.programs {
            let program = object.programs.iter().find(|p| p.name == *name);
            let program = program.unwrap_or_else(|| panic!("{}: no {name}", tool.name));
            assert!(!program.autoload, "{}: {name} is loaded anyway", tool.name);
        }
        let words: Vec<&str> = given.words.iter().map(String::as_str).collect();
        let asked = Asked::take(tool.name, &words);
        let fits = asked.and_then(|asked| asked.expect("no help").fits(&mut object));
        if let Err(failure) = fits {
            panic!("{} {args:?}: {}", tool.name, failure.reason());
        }
    }

    #[test]
    fn every_option_of_every_tool_means_something_to_its_object() {
        for (tool, data) in described() {
            fits(tool, data, &[]);
            for option in data.options.iter() {
                let long = ["--", option.long].concat();
                let short = ["-", option.short].concat();
                for name in [&*long, &*short] {
                    match (name, option.value) {
                        ("-", _) => {}
                        (name, "") => fits(tool, data, &[name]),
                        (name, _) => fits(tool, data, &[name, "1"]),
                    }
                }
            }
        }
    }

    #[test]
    fn no_option_of_a_tool_hides_one_that_all_have() {
        for (tool, data) in described() {
            let mut names: Vec<&str> = vec![
                "v",
                "h",
                "verbose",
                "help",
                "duration",
                "btf",
                "relocate",
                "without",
                "as-kernel",
            ];
            for option in data.options.iter() {
                for name in [option.short, option.long] {
                    let twice = !name.is_empty() && names.contains(&name);
                    assert!(!twice, "{}: {name} has two meanings", tool.name);
                    names.push(name);
                }
            }
        }
    }

    #[test]
    fn the_help_of_a_tool_is_as_wide_as_a_terminal() {
        for (tool, _) in described() {
            let text = help::text(tool);
            let own = text
                .split("display usage information")
                .next()
                .unwrap_or_default();
            for line in own.lines().filter(|line| !line.starts_with("Usage:")) {
                assert!(line.chars().count() <= 80, "{}: {line}", tool.name);
            }
        }
    }
}
