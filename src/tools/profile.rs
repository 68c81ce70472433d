//! `btfly profile`: what runs on the CPUs: stacks, looked at 49 times a second.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "profile",
    alias: "profile",
    about: "what runs on the CPUs: stacks, looked at 49 times a second",
    object: packed!("profile"),
    work: Work::Data(Data {
        words: "--sample 49hz",
        shows: "--show samples --by value",
        interval: EACH,
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt(
                "n",
                "name",
                "NAME",
                "only of commands of this name",
                "$target_comm=%",
            ),
            opt(
                "F",
                "frequency",
                "HZ",
                "look so many times a second",
                "--sample %hz",
            ),
            opt(
                "K",
                "kernel",
                "",
                "only the part in the kernel",
                "$kernel_only=1",
            ),
            opt("I", "idle", "", "idle CPUs, too", "$idle_too=1"),
            opt(
                "f",
                "fold",
                "",
                "as folded stacks, for flame graphs",
                "--folded",
            ),
        ],
        ..Data::NONE
    }),
};
