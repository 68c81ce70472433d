//! `btfly oomkill`.

use std::fs;
use std::process::Command;

use super::{is_number, json, tool};
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
    let pid = eat();
    fs::remove_dir(GROUP).unwrap();
    pid
}

fn eat() -> String {
    let mut command = Command::new(BUSYBOX);
    // The memory is that of tail, which keeps what may be the last line.
    let script = format!("echo $$ >{GROUP}/cgroup.procs; exec {BUSYBOX} tail /dev/zero");
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
