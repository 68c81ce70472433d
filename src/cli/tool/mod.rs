//! A tool that is built in: prepared by its own file, or put into the words of `run`; then run like any object.

mod board;
mod described;
mod help;
mod options;
mod places;

use btfly::object::{Object, Program};

pub use board::Board;

use super::output_options::OutputOptions;
use super::session::{self, Plan};
use super::{Common, Failure, no_more_here, output, taking};
use crate::tools::{Optional, Own, Prepared, Stop, Tool, Types, Work};

pub fn run(tool: &'static Tool, args: &[&str], common: &Common) -> Result<(), Failure> {
    match &tool.work {
        Work::Own(own) => run_own(tool, own, args, common),
        Work::Data(data) => described::run(tool, data, args, common),
    }
}

fn run_own(tool: &'static Tool, own: &Own, args: &[&str], common: &Common) -> Result<(), Failure> {
    if taking::is_help(args) {
        return output::print(&help::text(tool));
    }
    let wrong = |what: String| of_tool(tool, Failure::usage(what));
    let mut given = Vec::new();
    let rest = options::take(own.options, args, &mut |option, _, value| {
        given.push((option.long, value));
    });
    let rest = rest.map_err(|failure| of_tool(tool, failure))?;
    let (rest, output) = &OutputOptions::take(&rest, &[])?;
    if let Some(arg) = rest.first() {
        return Err(no_more_here(tool.name, arg));
    }
    let types = match common.kernel()?.has_types() {
        true => Types::Known,
        false => Types::Unknown,
    };
    let prepared = match (own.prepare)(&given, Object::parse(tool.object.unpack())?, types) {
        Ok(prepared) => prepared,
        Err(Stop::Options(what)) => return Err(wrong(what)),
        Err(Stop::Object(error)) => return Err(error.into()),
    };
    let Prepared {
        object,
        optional,
        mut view,
    } = prepared;
    let choose = |program: &Program<'_>| program.autoload || optional == Optional::Load;
    let plan = Plan {
        choose: &choose,
        output: output.clone(),
        ..Plan::default()
    };
    session::run(&object, common, plan, &mut *view)
}

/// A failure with what tells more of a tool's options, where there is nothing better.
fn of_tool(tool: &Tool, failure: Failure) -> Failure {
    failure.or_hint(["btfly ", tool.name, " --help lists the options"].concat())
}
