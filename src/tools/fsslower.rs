//! `btfly fsslower`: slow reads, writes, opens and syncs of a file system.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "fsslower",
    alias: "fsslower",
    about: "slow reads, writes, opens and syncs of a file system: of which file, by whom",
    object: packed!("fsslower"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "m",
                "min",
                "MS",
                "only what took at least so many milliseconds (10)",
                "$min_ns=%ms",
            ),
            opt(
                "t",
                "type",
                "FS",
                "of this file system (ext4): btrfs, f2fs, xfs, or what begins its functions",
                "--attach read_begins=%_file_read_iter --attach read_ends=%_file_read_iter --attach write_begins=%_file_write_iter --attach write_ends=%_file_write_iter --attach open_begins=%_file_open --attach open_ends=%_file_open --attach sync_begins=%_sync_file --attach sync_ends=%_sync_file --skip-missing",
            ),
        ],
        ..Data::NONE
    }),
};
