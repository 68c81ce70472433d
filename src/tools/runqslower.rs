//! `btfly runqslower`: threads that waited long for a CPU.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "runqslower",
    alias: "runqslower",
    about: "threads that waited long for a CPU, and who ran in their place",
    object: packed!("runqslower"),
    work: Work::Data(Data {
        options: options![
            opt(
                "m",
                "min",
                "US",
                "only at least so many microseconds (10000)",
                "$min_ns=%us",
            ),
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt("t", "tid", "TID", "only this thread", "$target_tid=%"),
        ],
        ..Data::NONE
    }),
};
