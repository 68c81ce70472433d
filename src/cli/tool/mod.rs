//! A tool that is built in: prepared by its own file, or put into the words of `run`; then run like any object.

#[cfg(feature = "full")]
mod board;
#[cfg(feature = "full")]
mod described;
#[cfg(feature = "full")]
mod help;
#[cfg(feature = "full")]
mod options;
#[cfg(feature = "full")]
mod places;

use btfly::object::{Object, Program};

#[cfg(feature = "full")]
pub use board::Board;

#[cfg(feature = "full")]
use super::output_options::OutputOptions;
use super::session::{self, Plan};
use super::{Common, Failure, early_exit};
use crate::tools::{Optional, Own, Prepared, Stop, Tool, Types, Work};

pub fn run(tool: &'static Tool, args: &[&str], common: &Common) -> Result<(), Failure> {
    match &tool.work {
        Work::Own(own) => run_own(tool, own, args, common),
        #[cfg(feature = "full")]
        Work::Data(data) => described::run(tool, data, args, common),
    }
}

fn run_own(tool: &'static Tool, own: &Own, args: &[&str], common: &Common) -> Result<(), Failure> {
    #[cfg(feature = "full")]
    let (args, output) = &OutputOptions::take(args, own.options)?;
    let types = match common.kernel()?.has_types() {
        true => Types::Known,
        false => Types::Unknown,
    };
    let prepared = match (own.prepare)(args, Object::parse(tool.object.unpack())?, types) {
        Ok(prepared) => prepared,
        Err(Stop::Options(exit)) => return early_exit(tool.name, &exit),
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
        #[cfg(feature = "full")]
        output: output.clone(),
        ..Plan::default()
    };
    session::run(&object, common, plan, &mut *view)
}
