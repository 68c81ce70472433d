//! `btfly trace`: a function of the kernel or a tracepoint, with its arguments.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "trace",
    alias: "trace",
    about: "a function of the kernel or a tracepoint of your choice, with its arguments",
    object: packed!("trace"),
    work: Work::Trace(Data {
        place: Some(("FUNCTION or CATEGORY:NAME", "")),
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
        ],
        ..Data::NONE
    }),
};
