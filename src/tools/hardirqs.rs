//! `btfly hardirqs`: hardware interrupts and the time in them.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "hardirqs",
    alias: "hardirqs",
    about: "hardware interrupts: how many, and the time in them",
    object: packed!("hardirqs"),
    work: Work::Data(Data {
        shows: "--show irqs --by total_ns",
        interval: EACH,
        options: options![
            opt(
                "d",
                "distributed",
                "",
                "histograms in the place of sums",
                "$distribution=1 --hist irq_times:usecs",
            ),
            opt(
                "N",
                "nanoseconds",
                "",
                "histograms of nanoseconds",
                "$distribution=1 $unit_ns=1 --hist irq_times:nsecs",
            ),
        ],
        ..Data::NONE
    }),
};
