//! `btfly boot`.

use std::fs;

use serde_json::Value;

use super::{is_number, json, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::{BUSYBOX, start, tag};
use crate::tools::run;
use crate::watch::Watch;

/// Waits for what a process did.
#[track_caller]
fn step(watch: &Watch, what: &str, pid: &str) -> Value {
    let found = |line: &str| {
        let event = json(line);
        event["what"] == what && is_number(&event["pid"], pid)
    };
    json(&watch.line(&format!("{what} of {pid}"), found))
}

#[test]
fn programs_modules_and_mounts_are_told_with_their_times() {
    on_board!(board);
    let before = Snapshot::take();
    let watch = tool("boot", &[]);
    let name = tag();
    let pid = start(&[&name]).pid.to_string();
    let (begins, ends) = (step(&watch, "EXEC", &pid), step(&watch, "EXIT", &pid));
    assert_eq!(begins["name"], BUSYBOX, "{begins}");
    assert_eq!(begins["at_ns"], ends["at_ns"], "{begins} {ends}");
    assert_eq!(begins["took_ns"], 0, "{begins}");
    assert!(ends["took_ns"].as_u64().unwrap() > 0, "{ends}");
    // Without types of the kernel the arguments are not told.
    if board.has_btf() {
        let args = format!("{BUSYBOX}\0true\0{name}");
        assert_eq!(begins["args"], args, "{begins}");
    }

    let folder = format!("/tmp/{name}");
    fs::create_dir(&folder).unwrap();
    let pid = run(&["mount", "-t", "tmpfs", &name, &folder]);
    let mount = step(&watch, "MOUNT", &pid);
    assert_eq!(mount["name"], folder.as_str(), "{mount}");
    assert_eq!(
        (&mount["fstype"], &mount["args"]),
        (&"tmpfs".into(), &name.as_str().into())
    );
    assert_eq!(mount["ret"], 0, "{mount}");
    assert!(
        mount["at_ns"].as_u64() > begins["at_ns"].as_u64(),
        "{mount} {begins}"
    );
    run(&["umount", &folder]);
    let fails = run(&["mount", "-t", "nothing", &name, &folder]);
    let failed = step(&watch, "MOUNT", &fails);
    assert_ne!(failed["ret"], 0, "{failed}");
    fs::remove_dir(&folder).unwrap();

    if board.has_btf() {
        let pid = run(&["insmod", board.module("loop").to_str().unwrap()]);
        let module = step(&watch, "MODULE", &pid);
        assert_eq!(
            (&module["name"], &module["ret"]),
            (&"loop".into(), &0.into()),
            "{module}"
        );
        assert!(module["took_ns"].as_u64().unwrap() > 0, "{module}");
        run(&["rmmod", "loop"]);
    }
    watch.stop();
    before.is_restored();
}
