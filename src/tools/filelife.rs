//! `btfly filelife`: files that were made and removed.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "filelife",
    alias: "filelife",
    about: "files that were made and removed: by whom, and how old they became",
    object: packed!("filelife"),
    work: Work::Data(Data {
        options: options![opt(
            "p",
            "pid",
            "PID",
            "only of this process",
            "$target_pid=%",
        )],
        ..Data::NONE
    }),
};
