//! `btfly capable`.

use std::process::Command;

use super::{is_number, json, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::{BUSYBOX, NOBODY, finish};
use crate::watch::Watch;

/// Asks for another root: of whom, as process id.
pub fn ask(uid: u32) -> String {
    let mut command = Command::new(BUSYBOX);
    // busybox gives back rights that it was not started with, before it asks.
    command.args(["chroot", "/", BUSYBOX, "true"]);
    std::os::unix::process::CommandExt::uid(&mut command, uid);
    finish(command).pid.to_string()
}

fn asked(watch: &Watch, pid: &str) -> Vec<serde_json::Value> {
    let is_it = |line: &str| {
        let event = json(line);
        is_number(&event["pid"], pid) && event["cap"] == "CAP_SYS_CHROOT"
    };
    watch.line(&format!("CAP_SYS_CHROOT of {pid}"), is_it);
    let lines = watch.so_far();
    let lines = lines.iter().filter(|line| is_it(line));
    lines.map(|line| json(line)).collect()
}

#[test]
fn a_capability_is_told_with_whether_it_was_there() {
    on_board!(board);
    if !board.has_kprobes() {
        return; // What is said there, another test shows.
    }
    let before = Snapshot::take();
    let watch = tool("capable", &[]);
    for (uid, ret) in [(0, serde_json::json!(0)), (NOBODY, "EPERM".into())] {
        let pid = ask(uid);
        let events = asked(&watch, &pid);
        for event in &events {
            assert_eq!(event["ret"], ret, "{event}");
            assert_eq!(event["uid"], uid, "{event}");
            assert_eq!(event["audit"], 1, "{event}");
        }
    }
    watch.stop();
    before.is_restored();
}
