//! `btfly list`: the tools that are built in, and whether this board has what each needs.

#[cfg(feature = "full")]
use super::tool::Board;
use super::{Common, Failure, line_of, output, parse};
#[cfg(feature = "full")]
use super::{TRACE, trace};
use crate::tools;

/// List the tools that are built in.
#[cfg_attr(
    feature = "full",
    doc = "For each it is said what it needs of the kernel, and whether that is here."
)]
#[derive(argh::FromArgs)]
struct List {}

#[cfg_attr(not(feature = "full"), allow(unused_variables))]
pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    if parse::<List>("list", args)?.is_none() {
        return Ok(());
    }
    let mut text = String::new();
    #[cfg(feature = "full")]
    for (tool, needs, here) in Board::new(common.kernel()?, tools::ALL)?.tools() {
        line_of(&mut text, "", tool.name, tool.about);
        line_of(&mut text, "", "", &needs);
        line_of(&mut text, "", "", &here);
    }
    #[cfg(feature = "full")]
    {
        line_of(&mut text, "", TRACE.name, TRACE.about);
        line_of(&mut text, "", "", "needs: a tracepoint, or kprobes");
        line_of(&mut text, "", "", trace::here());
    }
    #[cfg(not(feature = "full"))]
    for tool in tools::ALL {
        line_of(&mut text, "", tool.name, tool.about);
    }
    output::print(&text)
}
