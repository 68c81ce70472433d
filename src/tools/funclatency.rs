//! `btfly funclatency`: how long a function of the kernel takes, as a histogram.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "funclatency",
    alias: "funclatency",
    about: "how long a function of the kernel takes, as a histogram",
    object: packed!("funclatency"),
    work: Work::Data(Data {
        shows: "--hist latency:nsecs --show sum",
        place: Some(("FUNCTION", "--attach begin=% --attach end=%")),
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "u",
                "microseconds",
                "",
                "count microseconds",
                "$unit_ns=1000 --hist latency:usecs --show sum",
            ),
            opt(
                "m",
                "milliseconds",
                "",
                "count milliseconds",
                "$unit_ns=1000000 --hist latency:msecs --show sum",
            ),
        ],
        ..Data::NONE
    }),
};
