//! `btfly list`: the tools that are built in.

use super::{Common, Failure, output, parse};
use crate::tools;

/// List the tools that are built in.
#[derive(argh::FromArgs)]
struct List {}

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    if parse::<List>("list", args)?.is_none() {
        return Ok(());
    }
    let mut text = String::new();
    for tool in tools::ALL {
        text.push_str(tool.name);
        text.extend(std::iter::repeat_n(
            ' ',
            10usize.saturating_sub(tool.name.len()),
        ));
        text.push_str(tool.about);
        text.push('\n');
    }
    output::print(&text)
}
