//! `btfly tcplife`, `tcpstates` and `tcprtt`, over one connection of this process to itself.

use super::{counted, is_number, json, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tools::connection;

#[test]
fn a_connection_that_ended_is_told_from_both_sides() {
    on_board!(board);
    let before = Snapshot::take();
    let watch = tool("tcplife", &["-4", "-p", &own_pid()]);
    let others = tool("tcplife", &["-6"]);
    let port = connection();
    for (side, other, data, nothing) in [
        ("dport", "sport", "tx_bytes", "rx_bytes"),
        ("sport", "dport", "rx_bytes", "tx_bytes"),
    ] {
        let line = watch.line(side, |line| is_number(&json(line)[side], &port));
        let event = json(&line);
        assert_eq!(event["pid"].to_string(), own_pid(), "{event}");
        assert_eq!(event["saddr"], "127.0.0.1", "{event}");
        assert_eq!(event["daddr"], "127.0.0.1", "{event}");
        assert_ne!(event[other], 0, "{event}");
        assert!(event["span_ns"].as_u64().unwrap() > 0, "{event}");
        if !board.has_btf() {
            assert!(event[data].is_null() && event[nothing].is_null(), "{event}");
            continue;
        }
        // The five bytes, and what begins and ends a connection, which TCP counts as a byte each.
        assert!((5..=7).contains(&event[data].as_u64().unwrap()), "{event}");
        assert!(event[nothing].as_u64().unwrap() <= 2, "{event}");
    }
    watch.stop();
    assert_eq!(others.stop().stdout, [""; 0]);
    before.is_restored();
}

#[test]
fn each_state_of_a_connection_is_told() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("tcpstates", &[]);
    let port = connection();
    let is_close = |line: &str| {
        let event = json(line);
        is_number(&event["dport"], &port) && event["newstate"] == "TCP_FIN_WAIT1"
    };
    watch.line("the close", is_close);
    let all = objects(&watch.stop());
    let of_client = all.iter().filter(|event| is_number(&event["dport"], &port));
    let mut steps: Vec<_> = of_client
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let known = event["delta_ns"].as_u64().unwrap() > 0;
            (text("oldstate"), text("newstate"), known)
        })
        .collect();
    steps.sort();
    for (old, new, known) in [
        ("TCP_CLOSE", "TCP_SYN_SENT", false),
        ("TCP_SYN_SENT", "TCP_ESTABLISHED", true),
        ("TCP_ESTABLISHED", "TCP_FIN_WAIT1", true),
    ] {
        let expected = (old.to_owned(), new.to_owned(), known);
        assert!(steps.contains(&expected), "{expected:?} in {steps:?}");
    }
    before.is_restored();
}

#[test]
fn times_of_packets_are_counted_for_all_or_by_address() {
    on_board!();
    let before = Snapshot::take();
    for (options, of) in [
        (&[][..], ""),
        (&["-B"], "addr = 127.0.0.1"),
        (&["-b", "-m"], "addr = 127.0.0.1"),
    ] {
        let watch = tool("tcprtt", options);
        (0..5).for_each(|_| {
            connection();
        });
        let all = objects(&watch.stop());
        let drawn = all.iter().find(|drawn| drawn["of"] == of);
        let drawn = drawn.unwrap_or_else(|| panic!("{options:?}: {all:#?}"));
        assert!(counted(drawn, 0).0 >= 5, "{drawn}");
        assert_eq!(
            drawn["unit"],
            if options.contains(&"-m") {
                "msecs"
            } else {
                "usecs"
            }
        );
    }
    let watch = tool("tcprtt", &["-p", "1"]);
    connection();
    assert_eq!(watch.stop().stdout, [""; 0]);
    before.is_restored();
}
