//! `btfly tcpconnect`.

use super::{is_number, json, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tools::connection;

#[test]
fn connections_are_told_when_they_are_asked_for() {
    on_board!();
    let before = Snapshot::take();
    let all = tool("tcpconnect", &[]);
    let others = tool("tcpconnect", &["-P", "1"]);
    let port = connection();
    let line = all.line("the connection", |line| {
        is_number(&json(line)["dport"], &port)
    });
    let event = json(&line);
    assert_eq!(event["pid"].to_string(), own_pid(), "{event}");
    assert_eq!(
        (&event["daddr"], &event["saddr"]),
        (&"127.0.0.1".into(), &"127.0.0.1".into())
    );
    all.stop();
    assert_eq!(others.stop().stdout, [""; 0]);
    before.is_restored();
}
