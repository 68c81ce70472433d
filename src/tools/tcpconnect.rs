//! `btfly tcpconnect`: TCP connections as they are asked for: by whom, from where and to where.

use super::packed::packed;
use super::{Data, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "tcpconnect",
    alias: "tcpconnect",
    about: "TCP connections as they are asked for: by whom, from where and to where",
    object: packed!("tcpconnect"),
    work: Work::Data(Data {
        options: options![
            opt("p", "pid", "PID", "only of this process", "$target_pid=%"),
            opt("u", "uid", "UID", "only of this user", "$target_uid=%"),
            opt("P", "port", "PORT", "only to this port", "$target_port=%"),
        ],
        ..Data::NONE
    }),
};
