//! `btfly extract TOOL [FILE]`: the object of a tool as a file.

use btfly::sys::file;

use super::{Common, Failure, output, parse};
use crate::tools;

/// Write the object of a tool that is built in into a file: TOOL.bpf.o unless another is given. A file of that
/// name is replaced.
#[derive(argh::FromArgs)]
struct Extract {
    /// the tool
    #[argh(positional)]
    tool: String,

    /// the file
    #[argh(positional)]
    file: Option<String>,
}

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let Some(extract) = parse::<Extract>("extract", args)? else {
        return Ok(());
    };
    let Some(tool) = tools::find(&extract.tool) else {
        let what = format!("there is no tool '{}'", extract.tool);
        return Err(Failure::usage(what).with_hint("btfly list lists the tools"));
    };
    let path = extract
        .file
        .unwrap_or_else(|| [tool.name, ".bpf.o"].concat());
    let bytes = tool.object.unpack();
    file::create(&path, bytes)
        .map_err(|errno| Failure::other(format!("{path}: it can't be written: {errno}")))?;
    output::print(&format!("{path}: {} bytes\n", bytes.len()))
}
