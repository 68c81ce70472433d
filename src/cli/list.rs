//! `btfly list`: the tools that are built in, and whether this board has what each needs.

#[cfg(feature = "full")]
use super::tool::Board;
use super::{Common, Failure, line_of, output, parse};
use crate::tools;

/// List the tools that are built in.
#[cfg_attr(
    feature = "full",
    doc = "For each it is said what it needs, and whether this board has it: its programs are loaded, as root, and not attached."
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
    let board = Board::new(common.kernel()?);
    for tool in tools::ALL {
        line_of(&mut text, "", tool.name, tool.about);
        #[cfg(feature = "full")]
        for said in board.says(tool)? {
            line_of(&mut text, "", "", &said);
        }
    }
    output::print(&text)
}
