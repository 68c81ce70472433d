//! Objects of other shapes: maps of before BTF, no types at all, functions that only the kernel calls.

use std::process::Command;

use crate::board::{object, on_board, version};
use crate::bpftool::bpftool;
use crate::left::Snapshot;
use crate::watch::{Watch, full};

/// What bpftool says of the maps and programs of a process.
fn listed(what: &str) -> String {
    let output = bpftool(&[what, "show"]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn maps_of_before_btf_and_objects_without_types_work() {
    on_board!();
    for name in ["legacy", "without_btf"] {
        let before = Snapshot::take();
        let mut command = full();
        command.args(["run", &object(&format!("tests/{name}.bpf.o"))]);
        let watch = Watch::spawn(command);
        watch.attached();
        let maps = listed("map");
        for (map, sizes) in [
            (
                "hash  name legacy_counts",
                "key 4B  value 8B  max_entries 64",
            ),
            (
                "array  name legacy_slots",
                "key 4B  value 8B  max_entries 4",
            ),
        ] {
            let found = maps.split_once(map);
            let (_, after) = found.unwrap_or_else(|| panic!("{name}: {map}: {maps}"));
            let lines: Vec<&str> = after.lines().take(2).collect();
            assert!(lines.concat().contains(sizes), "{name}: {map}: {maps}");
        }
        // Its programs have counted system calls: some of them were made to ask.
        let dump = bpftool(&["map", "dump", "name", "legacy_counts"]);
        let dump = String::from_utf8_lossy(&dump.stdout).into_owned();
        let keys = ["03 00 00 00", "04 00 00 00"];
        assert!(keys.iter().all(|key| dump.contains(key)), "{name}: {dump}");
        watch.stop();
        before.is_restored();
    }
}

#[test]
fn functions_that_only_the_kernel_calls_are_part_of_their_programs() {
    on_board!();
    // Verified by themselves from 5.6 on: by the object's BTF, which needs none of the kernel.
    let before = Snapshot::take();
    let path = object("tests/callbacks.bpf.o");
    let run = |mut command: Command, args: &[&str]| {
        command.args(args);
        Watch::spawn(command).end()
    };
    let done = run(full(), &["load", &path, "--dry-run", "--keep-going"]);
    let found = |name: &str| {
        let mut lines = done.stdout.iter();
        let line = lines.find(|line| line.split_whitespace().nth(1) == Some(name));
        line.unwrap_or_else(|| panic!("{name}: {done:#?}")).as_str()
    };
    for name in ["may_throw", "calls_hidden"] {
        assert!(found(name).starts_with("ok "), "{name}: {done:#?}");
    }
    // The helper came with 5.13.
    let each = found("each_entry");
    assert_eq!(each.starts_with("ok "), version() >= (5, 13), "{done:#?}");
    let sent = run(full(), &["check", "--insns", "--btf", "none", &path]);
    let functions = |program: &str| -> Vec<&str> {
        let lines = sent.stdout.iter().map(String::as_str);
        let lines = lines.skip_while(|l| !l.starts_with(&format!("prog {program} ")));
        let lines = lines.skip(1).take_while(|l| !l.starts_with("prog "));
        lines.filter_map(|l| l.strip_prefix("fn ")).collect()
    };
    assert_eq!(functions("each_entry"), ["each_entry", "add", "weighed"]);
    let may_throw = ["may_throw", "before", "caught", "weighed"];
    assert_eq!(functions("may_throw"), may_throw);
    before.is_restored();
}
