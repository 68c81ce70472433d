//! `btfly exit`.

use super::{event_of, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tools::run;

#[test]
fn processes_that_end_are_told_with_their_status_or_signal() {
    on_board!();
    let before = Snapshot::take();
    let all = tool("exit", &[]);
    let failed = tool("exit", &["-x"]);
    for (script, status, signal) in [
        ("exit 0", 0, "0"),
        ("exit 3", 3, "0"),
        ("kill -9 $$", 0, "\"SIGKILL\""),
        ("kill -TERM $$", 0, "\"SIGTERM\""),
    ] {
        let pid = run(&["sh", "-c", script]);
        let event = event_of(&all, &pid);
        assert_eq!(event["status"], status, "{script}: {event}");
        assert_eq!(event["signal"].to_string(), signal, "{script}: {event}");
        assert_eq!(event["ppid"].to_string(), own_pid(), "{script}: {event}");
        let age = event["age_ns"].as_u64().unwrap();
        assert!((1..20_000_000_000).contains(&age), "{script}: {event}");
        if script != "exit 0" {
            event_of(&failed, &pid);
        }
    }
    let done = failed.stop();
    let fine = done
        .stdout
        .iter()
        .filter(|line| line.contains("\"status\":0,\"signal\":0"));
    assert_eq!(fine.count(), 0, "{done:#?}");
    all.stop();
    before.is_restored();
}
