//! `btfly cachestat`: how often what is read or written was in the page cache.

use super::packed::packed;
use super::{Data, EACH, Tool, Work};

pub const TOOL: Tool = Tool {
    name: "cachestat",
    alias: "cachestat",
    about: "how often what is read or written was in the page cache, in pages",
    object: packed!("cachestat"),
    work: Work::Data(Data {
        shows: "--show counts",
        interval: EACH,
        ..Data::NONE
    }),
};
