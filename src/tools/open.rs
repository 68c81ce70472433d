//! `btfly open`: files as they are opened: by whom, how, and what came of it.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "open",
    alias: "opensnoop",
    about: "files as they are opened: by whom, how, and what came of it",
    object: packed!("open"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt("u", "uid", "UID", "only of this user", "$target_uid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
            opt("x", "failed", "", "only what fails", "$failed_only=1"),
        ],
        ..Data::NONE
    }),
};
