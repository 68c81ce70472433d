//! `btfly filetop`: which files are read and written most.

use super::packed::packed;
use super::{Data, Tool, Work, opt};

pub const TOOL: Tool = Tool {
    name: "filetop",
    alias: "filetop",
    about: "which files are read and written most, and by whom",
    object: packed!("filetop"),
    work: Work::Data(Data {
        shows: "--show files --top 20 --by read_bytes --clear",
        interval: "--interval %",
        options: &[
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "a",
                "all",
                "",
                "also what is no regular file",
                "$all_files=1",
            ),
            opt(
                "s",
                "sort",
                "COLUMN",
                "the largest of this first: reads, writes, read_bytes, write_bytes",
                "--by %",
            ),
            opt("r", "rows", "N", "so many rows (20)", "--top %"),
        ],
        ..Data::NONE
    }),
};
