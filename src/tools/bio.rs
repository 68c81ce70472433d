//! `btfly bio`: requests to block devices.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "bio",
    alias: "biosnoop",
    about: "requests to block devices: of whom, where, and how long they took",
    object: packed!("bio"),
    work: Work::Data(Data {
        options: options![
            opt(
                "d",
                "disk",
                "MAJOR:MINOR",
                "only of this disk",
                "$target_dev=%",
            ),
            opt(
                "m",
                "min",
                "MS",
                "only what took at least so many milliseconds",
                "$min_ns=%ms",
            ),
        ],
        ..Data::NONE
    }),
};
