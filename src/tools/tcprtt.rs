//! `btfly tcprtt`: how long TCP's packets are on their way and back, as a histogram.

use super::packed::packed;
use super::{Data, EACH, Tool, Work, options};

pub const TOOL: Tool = Tool {
    name: "tcprtt",
    alias: "tcprtt",
    about: "how long TCP's packets are on their way and back, as a histogram",
    object: packed!("tcprtt"),
    work: Work::Data(Data {
        shows: "--hist rtt:usecs",
        interval: EACH,
        options: options![
            opt(
                "p",
                "lport",
                "PORT",
                "only of this local port",
                "$target_sport=%",
            ),
            opt(
                "P",
                "rport",
                "PORT",
                "only of this remote port",
                "$target_dport=%",
            ),
            opt(
                "b",
                "byladdr",
                "",
                "a histogram for each local address",
                "$by=1",
            ),
            opt(
                "B",
                "byraddr",
                "",
                "a histogram for each remote address",
                "$by=2",
            ),
            opt(
                "m",
                "milliseconds",
                "",
                "count milliseconds",
                "$unit_us=1000 --hist rtt:msecs",
            ),
        ],
        ..Data::NONE
    }),
};
