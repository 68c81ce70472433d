//! `btfly extract TOOL [FILE]`: the object of a tool as a file.

use btfly::sys::file;

use super::{Common, Failure, no_more, output};
use crate::tools;

const HELP: &str = "\
Usage: btfly extract TOOL [FILE]

Write the object of a tool that is built in into a file: TOOL.bpf.o unless another is given. A file
of that name is replaced.
";

/// What tells the names of tools.
const LIST: &str = "btfly list lists the tools";

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let (name, file) = match *args {
        ["--help"] => return output::print(HELP),
        [name] => (name, None),
        [name, file] => (name, Some(file.to_owned())),
        [] => return Err(Failure::usage("the tool is missing").with_hint(LIST)),
        [_, _, arg, ..] => return Err(no_more("extract", arg)),
    };
    let Some(tool) = tools::find(name) else {
        let what = format!("there is no tool '{name}'");
        return Err(Failure::usage(what).with_hint(LIST));
    };
    let path = file.unwrap_or_else(|| [tool.name, ".bpf.o"].concat());
    let bytes = tool.object.unpack();
    file::create(&path, bytes)
        .map_err(|errno| Failure::other(format!("{path}: it can't be written: {errno}")))?;
    output::print(&format!("{path}: {} bytes\n", bytes.len()))
}
