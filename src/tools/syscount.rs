//! `btfly syscount`: how many system calls there were, of which kind or process, and their time.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "syscount",
    alias: "syscount",
    about: "how many system calls there were, of which kind or process, and their time",
    object: packed!("syscount"),
    work: Work::Data(Data {
        words: "--rows 10",
        shows: "--show calls",
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "s",
                "syscall",
                "NAME",
                "only this system call",
                "$target_call=%",
            ),
            opt("x", "failed", "", "only what fails", "$failed_only=1"),
            opt(
                "L",
                "latency",
                "",
                "how long they took, too",
                "+begun --by total_ns",
            ),
            opt(
                "P",
                "process",
                "",
                "by process",
                "$by_process=1 --show processes",
            ),
            opt("T", "most", "N", "so many rows (10)", "--rows %"),
        ],
        ..Data::NONE
    }),
};
