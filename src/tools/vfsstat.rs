//! `btfly vfsstat`: how often the kernel's file system calls are made.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "vfsstat",
    alias: "vfsstat",
    about: "how often the kernel's file system calls are made, whatever the file system",
    object: packed!("vfsstat"),
    work: Work::Data(Data {
        shows: "--show calls",
        interval: EACH,
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
