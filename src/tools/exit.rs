//! `btfly exit`: processes as they end: how long they ran, and their status or signal.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "exit",
    alias: "exitsnoop",
    about: "processes as they end: how long they ran, and their status or signal",
    object: packed!("exit"),
    work: Work::Data(Data {
        without_types: "leaves sent hit born",
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
            opt(
                "x",
                "failed",
                "",
                "only those with a status or a signal",
                "$failed_only=1",
            ),
            opt("T", "threads", "", "each thread, too", "$threads=1"),
        ],
        ..Data::NONE
    }),
};
