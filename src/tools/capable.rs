//! `btfly capable`: capabilities that the kernel looks for.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "capable",
    alias: "capable",
    about: "capabilities that the kernel looks for: whose, and whether they were there",
    object: packed!("capable"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "a",
                "all",
                "",
                "also checks that are not for the audit log",
                "$all_checks=1",
            ),
            opt(
                "u",
                "unique",
                "",
                "each capability but once for a process",
                "$unique=1",
            ),
        ],
        ..Data::NONE
    }),
};
