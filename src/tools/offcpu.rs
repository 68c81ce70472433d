//! `btfly offcpu`: how long threads were off CPU, and where in the kernel.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "offcpu",
    alias: "offcputime",
    about: "how long threads were off CPU, and where in the kernel",
    object: packed!("offcpu"),
    work: Work::Data(Data {
        shows: "--show off --by total_ns",
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt("t", "tid", "TID", "only of this thread", "$target_tid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
            opt(
                "m",
                "min",
                "US",
                "only longer than so many microseconds (1)",
                "$min_ns=%us",
            ),
            opt(
                "M",
                "max",
                "US",
                "only shorter than so many microseconds",
                "$max_ns=%us",
            ),
            opt(
                "s",
                "state",
                "BITS",
                "only in these states of the kernel (1 interruptible, 2 not)",
                "$states=%",
            ),
            opt(
                "f",
                "fold",
                "",
                "as folded stacks, for flame graphs",
                "--folded",
            ),
        ],
        ..Data::NONE
    }),
};
