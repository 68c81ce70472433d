//! A tool that is built in: prepared by its own file, run like any object.

use btfly::object::{Object, Program};

#[cfg(feature = "full")]
use super::output_options::OutputOptions;
use super::session::{self, Plan};
use super::{Common, Failure, early_exit};
use crate::tools::{Optional, Prepared, Stop, Tool, Types};

pub fn run(tool: &'static Tool, args: &[&str], common: &Common) -> Result<(), Failure> {
    #[cfg(feature = "full")]
    let (args, output) = &OutputOptions::take(args, tool.own_options)?;
    let types = match common.kernel()?.has_types() {
        true => Types::Known,
        false => Types::Unknown,
    };
    let prepared = match (tool.prepare)(args, Object::parse(tool.object.unpack())?, types) {
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
