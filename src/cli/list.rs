//! `btfly list`: the tools that are built in, and whether this board has what each needs.

use super::tool::Board;
use super::{Common, Failure, line_of, no_more, output};
use super::{TRACE, trace};
use crate::tools;

const HELP: &str = "\
Usage: btfly list

List the tools that are built in: what each shows, what it needs of the kernel, and whether that is
here.
";

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    match args {
        [] => {}
        ["--help"] => return output::print(HELP),
        [arg, ..] => return Err(no_more("list", arg)),
    }
    let mut text = String::new();
    for (tool, needs, here) in Board::new(common.kernel()?, tools::all())?.tools() {
        line_of(&mut text, "", tool.name, tool.about);
        line_of(&mut text, "", "", &needs);
        line_of(&mut text, "", "", &here);
    }
    line_of(&mut text, "", TRACE.name, TRACE.about);
    line_of(&mut text, "", "", "needs: a tracepoint, or kprobes");
    line_of(&mut text, "", "", trace::here());
    output::print(&text)
}
