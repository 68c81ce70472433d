//! `btfly boot`: programs, modules and mounts while a system starts.

use super::packed::packed;
use super::{Data, Tool, Work};

pub const TOOL: Tool = Tool {
    name: "boot",
    alias: "boot",
    about: "programs, modules and mounts while a system starts, and how long they took",
    object: packed!("boot"),
    work: Work::Data(Data::NONE),
};
