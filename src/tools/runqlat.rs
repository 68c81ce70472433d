//! `btfly runqlat`: how long threads waited for a CPU, as a histogram.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "runqlat",
    alias: "runqlat",
    about: "how long threads waited for a CPU, as a histogram",
    object: packed!("runqlat"),
    work: Work::Data(Data {
        shows: "--hist waits:usecs",
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "P",
                "pids",
                "",
                "a histogram for each process",
                "$by_process=1",
            ),
            opt(
                "L",
                "tids",
                "",
                "a histogram for each thread",
                "$by_thread=1",
            ),
            opt(
                "m",
                "milliseconds",
                "",
                "count milliseconds",
                "$milliseconds=1 --hist waits:msecs",
            ),
        ],
        ..Data::NONE
    }),
};
