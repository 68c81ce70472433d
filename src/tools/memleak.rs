//! `btfly memleak`: memory of the kernel that was taken and not given back.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "memleak",
    alias: "memleak",
    about: "memory of the kernel that was taken and not given back, by where it was taken",
    object: packed!("memleak"),
    work: Work::Data(Data {
        words: "--rows 10",
        shows: "--show held --by bytes",
        interval: "--interval %",
        options: options![
            opt(
                "z",
                "min-size",
                "BYTES",
                "only pieces of at least so many bytes",
                "$min_size=%",
            ),
            opt(
                "Z",
                "max-size",
                "BYTES",
                "only pieces of at most so many bytes",
                "$max_size=%",
            ),
            opt(
                "s",
                "sample-rate",
                "N",
                "only one piece of so many",
                "$sample_every=%",
            ),
            opt("T", "most", "N", "so many rows (10)", "--rows %"),
        ],
        ..Data::NONE
    }),
};
