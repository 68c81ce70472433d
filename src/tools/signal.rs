//! `btfly signal`: signals as they are sent: by whom, to whom, and what became of them.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "signal",
    alias: "sigsnoop",
    about: "signals as they are sent: by whom, to whom, and what became of them",
    object: packed!("signal"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt("t", "to", "PID", "only to this process", "$receiver_pid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
            opt(
                "s",
                "signal",
                "SIGNAL",
                "only this one, such as SIGKILL or 9",
                "$target_signal=%",
            ),
            opt(
                "x",
                "failed",
                "",
                "only those that were not delivered",
                "$failed_only=1",
            ),
        ],
        ..Data::NONE
    }),
};
