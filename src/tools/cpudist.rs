//! `btfly cpudist`: how long threads are on a CPU at a time, as a histogram.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "cpudist",
    alias: "cpudist",
    about: "how long threads are on a CPU at a time, or off it, as a histogram",
    object: packed!("cpudist"),
    work: Work::Data(Data {
        shows: "--hist times:usecs",
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "O",
                "offcpu",
                "",
                "time off the CPU in the place of time on it",
                "$off_cpu=1",
            ),
            opt("P", "pids", "", "a histogram for each process", "$by=1"),
            opt("L", "tids", "", "a histogram for each thread", "$by=2"),
            opt(
                "m",
                "milliseconds",
                "",
                "count milliseconds",
                "$unit_ns=1000000 --hist times:msecs",
            ),
        ],
        ..Data::NONE
    }),
};
