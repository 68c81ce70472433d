//! `btfly tcplife`: TCP connections that ended.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "tcplife",
    alias: "tcplife",
    about: "TCP connections that ended: whose, how long they lived, and what they carried",
    object: packed!("tcplife"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
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
