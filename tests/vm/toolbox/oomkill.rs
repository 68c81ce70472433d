//! `btfly oomkill`.

use std::fs;
use std::process::Command;

use super::{is_number, json, objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::BUSYBOX;

/// A group of processes that has no more than 32 MiB.
const GROUP: &str = "/sys/fs/cgroup/oom";

/// Takes memory until there is no more in a group of its own. The process that is killed for it.
pub fn eat_in_group() -> String {
    fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory").unwrap();
    fs::create_dir(GROUP).unwrap();
    fs::write([GROUP, "/memory.max"].concat(), "32M").unwrap();
    let pid = eat(&format!("echo $$ >{GROUP}/cgroup.procs"));
    fs::remove_dir(GROUP).unwrap();
    pid
}

/// Takes all memory of the board, as the one process that is to go then.
fn eat_all() -> String {
    eat("echo 1000 >/proc/self/oom_score_adj")
}

/// Takes memory until it is killed for it, after a command of its own.
fn eat(first: &str) -> String {
    let mut command = Command::new(BUSYBOX);
    // The memory is that of tail, which keeps what may be the last line.
    let script = format!("{first}; exec {BUSYBOX} tail /dev/zero");
    command.args(["sh", "-c", &script]);
    let mut child = command.spawn().expect("it starts");
    let pid = child.id().to_string();
    let status = child.wait().unwrap();
    assert!(!status.success(), "{status}: it ate all and lived");
    pid
}

#[test]
fn a_process_that_is_killed_for_its_memory_is_told_with_its_name() {
    on_board!(board);
    let before = Snapshot::take();
    let watch = tool("oomkill", &[]);
    let pid = eat_in_group();
    let line = watch.line("the killing", |line| is_number(&json(line)["tpid"], &pid));
    let event = json(&line);
    // It asked for the memory itself.
    assert_eq!(event["fpid"].to_string(), pid, "{event}");
    assert_eq!(event["tcomm"], event["fcomm"], "{event}");
    assert!(!event["tcomm"].as_str().unwrap().is_empty(), "{event}");
    // How much there was is in a struct of the kernel.
    match board.has_btf() {
        true => assert!(event["pages"].as_u64().unwrap() > 0, "{event}"),
        false => assert!(event["pages"].is_null(), "{event}"),
    }
    watch.stop();
    before.is_restored();
}

#[test]
fn a_process_that_took_all_memory_of_the_board_is_told_and_no_other() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("oomkill", &[]);
    let pid = eat_all();
    watch.line("the killing", |line| is_number(&json(line)["tpid"], &pid));
    let told = objects(&watch.stop());
    // Somebody else may have asked for the last page.
    assert!(
        matches!(&told[..], [one] if is_number(&one["tpid"], &pid)),
        "{told:#?}"
    );
    before.is_restored();
}
