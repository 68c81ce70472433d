//! `btfly softirqs`: software interrupts and the time in them.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "softirqs",
    alias: "softirqs",
    about: "software interrupts: how many, and the time in them",
    object: packed!("softirqs"),
    work: Work::Data(Data {
        shows: "--show softirqs --by total_ns",
        interval: EACH,
        options: options![
            opt(
                "d",
                "distributed",
                "",
                "histograms in the place of sums",
                "$distribution=1 --hist softirq_times:usecs",
            ),
            opt(
                "N",
                "nanoseconds",
                "",
                "histograms of nanoseconds",
                "$distribution=1 $unit_ns=1 --hist softirq_times:nsecs",
            ),
        ],
        ..Data::NONE
    }),
};
