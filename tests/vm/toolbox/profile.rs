//! `btfly profile`.

use std::time::{Duration, Instant};

use super::{objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;

#[test]
fn a_process_that_runs_is_seen_as_often_as_it_is_looked_at() {
    on_board!();
    let before = Snapshot::take();
    let pid = own_pid();
    let watch = tool("profile", &["-p", &pid, "-F", "99"]);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        std::fs::metadata("/nowhere").unwrap_err();
    }
    let all = objects(&watch.stop());
    let total: u64 = all
        .iter()
        .map(|entry| entry["value"].as_u64().unwrap())
        .sum();
    // 198, and under emulation some fewer.
    assert!((60..260).contains(&total), "{total}: {all:#?}");
    let in_kernel = all
        .iter()
        .any(|entry| entry["stacks"].to_string().contains("\"el0_svc"));
    assert!(in_kernel, "{all:#?}");
    before.is_restored();
}
