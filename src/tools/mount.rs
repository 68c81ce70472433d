//! `btfly mount`: file systems as they are mounted and unmounted, and what came of it.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "mount",
    alias: "mountsnoop",
    about: "file systems as they are mounted and unmounted, and what came of it",
    object: packed!("mount"),
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
