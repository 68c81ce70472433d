//! `btfly signal`.

use std::process::Command;

use super::{json, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::BUSYBOX;

#[test]
fn signals_are_told_with_both_sides() {
    on_board!();
    let before = Snapshot::take();
    let pid = own_pid();
    let all = tool("signal", &[]);
    let one = tool("signal", &["-s", "USR2", "-p", &pid]);
    let mut sleeper = Command::new(BUSYBOX)
        .args(["sleep", "1000"])
        .spawn()
        .unwrap();
    let to = sleeper.id();
    // Safety: the child has not been waited for.
    assert_eq!(unsafe { libc::kill(to as i32, libc::SIGUSR2) }, 0);
    sleeper.wait().unwrap();
    for watch in [&all, &one] {
        let line = watch.line("the signal", |line| json(line)["to_pid"] == to);
        let event = json(&line);
        assert_eq!(event["signal"], "SIGUSR2", "{event}");
        assert_eq!(event["pid"].to_string(), pid, "{event}");
        assert_eq!(event["result"], "DELIVERED", "{event}");
    }
    let done = one.stop();
    assert!(
        done.stdout
            .iter()
            .all(|line| json(line)["signal"] == "SIGUSR2"),
        "{done:#?}"
    );
    all.stop();
    before.is_restored();
}
