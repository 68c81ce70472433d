//! `btfly biolatency`: how long requests to block devices took, as a histogram.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "biolatency",
    alias: "biolatency",
    about: "how long requests to block devices took, as a histogram",
    object: packed!("biolatency"),
    work: Work::Data(Data {
        shows: "--hist took:usecs",
        interval: EACH,
        options: options![
            opt(
                "Q",
                "queued",
                "",
                "count the time in the queue, too",
                "+inserted $queued=1",
            ),
            opt("D", "disks", "", "a histogram for each disk", "$by_disk=1"),
            opt(
                "F",
                "flags",
                "",
                "a histogram for each kind of request (R, W, S for sync, M for metadata)",
                "$by_flags=1",
            ),
            opt(
                "d",
                "disk",
                "MAJOR:MINOR",
                "only of this disk",
                "$target_disk=%",
            ),
            opt(
                "m",
                "milliseconds",
                "",
                "count milliseconds",
                "$milliseconds=1 --hist took:msecs",
            ),
        ],
        ..Data::NONE
    }),
};
