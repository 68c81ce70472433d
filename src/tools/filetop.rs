//! `btfly filetop`: which files are read and written most.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "filetop",
    alias: "filetop",
    about: "which files are read and written most, and by whom",
    object: packed!("filetop"),
    work: Work::Data(Data {
        shows: "--show files --top 20 --by read_bytes --clear",
        interval: "--interval %",
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "a",
                "all",
                "",
                "also what is no regular file",
                "$all_files=1",
            ),
            opt(
                "w",
                "written",
                "",
                "what is written most first (else what is read; or --by COLUMN)",
                "--by write_bytes",
            ),
            opt("r", "rows", "N", "so many rows (20)", "--top %"),
        ],
        ..Data::NONE
    }),
};
