//! `btfly oomkill`: processes that the kernel kills because memory ran out.

use super::packed::packed;
use super::{Data, Tool, Work};

pub const TOOL: Tool = Tool {
    name: "oomkill",
    alias: "oomkill",
    about: "processes that are killed as memory runs out: who asked, and who had to go",
    object: packed!("oomkill"),
    work: Work::Data(Data::NONE),
};
