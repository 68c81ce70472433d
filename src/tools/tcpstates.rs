//! `btfly tcpstates`: TCP connections from state to state.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "tcpstates",
    alias: "tcpstates",
    about: "TCP connections from state to state, and how long they were in each",
    object: packed!("tcpstates"),
    work: Work::Data(Data {
        options: options![
            opt("4", "ipv4", "", "only IPv4", "$target_family=2"),
            opt("6", "ipv6", "", "only IPv6", "$target_family=10"),
            opt(
                "L",
                "localport",
                "PORT",
                "only of this local port",
                "$target_sport=%",
            ),
            opt(
                "D",
                "remoteport",
                "PORT",
                "only of this remote port",
                "$target_dport=%",
            ),
        ],
        ..Data::NONE
    }),
};
