//! Maps of every type that there is, each made by btfly and by bpftool, and looked at by both.

use std::fs;

use serde_json::Value;

use crate::board::{object, on_board};
use crate::bpftool::bpftool;
use crate::loaded::{Kept, json as parsed, printed, same_facts};
use crate::watch::{btfly, build_for};

const FOLDER: &str = "/sys/fs/bpf/kinds";
const OPS: &str = "/sys/fs/bpf/ops";

/// A type of maps, how one is made, and what is put into it.
struct Kind {
    name: &'static str,
    make: &'static str,
    fill: &'static [&'static str],
}

const fn kind(name: &'static str, make: &'static str, fill: &'static [&'static str]) -> Kind {
    Kind { name, make, fill }
}

/// In the kernel's order. `OBJECT` stands for one that has types, `PAGE` for the size of a page.
#[rustfmt::skip]
const KINDS: [Kind; 34] = [
    kind("hash", "key 4 value 8 entries 3", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("array", "key 4 value 8 entries 3", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("prog_array", "key 4 value 4 entries 3", &["key 1 0 0 0 value name target"]),
    kind("perf_event_array", "key 4 value 4 entries 2", &[]),
    kind("percpu_hash", "key 4 value 8 entries 3", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("percpu_array", "key 4 value 8 entries 3", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("stack_trace", "key 4 value 64 entries 8", &[]),
    kind("cgroup_array", "key 4 value 4 entries 2", &[]),
    kind("lru_hash", "key 4 value 8 entries 30", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("lru_percpu_hash", "key 4 value 8 entries 30", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
    kind("lpm_trie", "key 8 value 4 entries 3 flags 1", &["key 8 0 0 0 10 0 0 0 value 1 2 3 4"]),
    kind("array_of_maps", "key 4 value 4 entries 3 inner_map name array", &["key 1 0 0 0 value name array"]),
    kind("hash_of_maps", "key 4 value 4 entries 3 inner_map name array", &["key 1 0 0 0 value name array"]),
    kind("devmap", "key 4 value 4 entries 3", &["key 1 0 0 0 value 1 0 0 0"]),
    kind("sockmap", "key 4 value 4 entries 3", &[]),
    kind("cpumap", "key 4 value 4 entries 2", &["key 1 0 0 0 value 192 0 0 0"]),
    kind("xskmap", "key 4 value 4 entries 3", &[]),
    kind("sockhash", "key 4 value 4 entries 3", &[]),
    kind("cgroup_storage", "key 16 value 8 entries 0", &[]),
    kind("reuseport_sockarray", "key 4 value 4 entries 3", &[]),
    kind("percpu_cgroup_storage", "key 16 value 8 entries 0", &[]),
    kind("queue", "key 0 value 4 entries 3", &["value 1 2 3 4"]),
    kind("stack", "key 0 value 4 entries 3", &["value 1 2 3 4"]),
    kind("sk_storage", "key 4 value 16 entries 0 flags 1 btf OBJECT:account", &[]),
    kind("devmap_hash", "key 4 value 4 entries 3", &["key 7 0 0 0 value 1 0 0 0"]),
    kind("ringbuf", "key 0 value 0 entries PAGE", &[]),
    kind("inode_storage", "key 4 value 16 entries 0 flags 1 btf OBJECT:account", &[]),
    kind("task_storage", "key 4 value 16 entries 0 flags 1 btf OBJECT:account", &[]),
    kind("bloom_filter", "key 0 value 4 entries 3", &["value 1 2 3 4"]),
    kind("user_ringbuf", "key 0 value 0 entries PAGE", &[]),
    kind("cgrp_storage", "key 4 value 16 entries 0 flags 1 btf OBJECT:account", &[]),
    kind("arena", "key 0 value 0 entries 4 flags 1024", &[]),
    kind("insn_array", "key 4 value 16 entries 2", &[]),
    kind("rhash", "key 4 value 8 entries 3 flags 1", &["key 1 0 0 0 value 1 2 3 4 5 6 7 8"]),
];

/// Makes a map, by one tool or the other: their words are the same, but for types, which bpftool has none of.
fn make(index: usize, kind: &Kind, path: &str) -> Result<(), String> {
    let object = object("tests/shown.bpf.o");
    let words = kind
        .make
        .replace("OBJECT", &object)
        .replace("PAGE", "65536");
    let words: Vec<&str> = words.split(' ').collect();
    let head = ["map", "create", path, "type", kind.name, "name", kind.name];
    let args = [&head[..], &words].concat();
    let by_them = index % 2 == 1 && index < 32 && !words.contains(&"btf");
    let output = match by_them {
        true => bpftool(&args),
        false => build_for(&args).args(&args).output().unwrap(),
    };
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// What both say of a map: nothing, if that ended badly.
fn said(action: &str, path: &str) -> [Option<Value>; 2] {
    let args = ["map", action, "pinned", path, "-j"];
    let ours = btfly().args(args).output().unwrap();
    let theirs = bpftool(&["-j", "map", action, "pinned", path]);
    [ours, theirs].map(|output| {
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| parsed(&text))
    })
}

/// Without what docs/bpftool.md says of it: who holds a map, the words of an error, types that are newer than
/// bpftool, fields of the kernel's own structs.
fn as_agreed(kind: &Kind, mut said: Value) -> Value {
    if let Some(map) = said.as_object_mut() {
        map.remove("pids");
        if map["type"].is_number() {
            map["type"] = kind.name.into();
        }
    }
    for entry in said.as_array_mut().into_iter().flatten() {
        if let Some(error) = entry.pointer_mut("/value/error") {
            *error = Value::Null;
        }
        if let (Some(entry), "struct_ops") = (entry.as_object_mut(), kind.name) {
            entry.remove("formatted");
        }
    }
    said
}

#[test]
fn maps_of_every_type_are_listed_shown_and_dumped_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    fs::create_dir(FOLDER).unwrap();
    let mut made = Vec::new();
    for (index, kind) in KINDS.iter().enumerate() {
        let path = format!("{FOLDER}/{}", kind.name);
        if let Err(why) = make(index, kind, &path) {
            let unknown = why.contains("this kernel has no maps of type") || index % 2 == 1;
            assert!(unknown, "{}: {why}", kind.name);
            continue;
        }
        made.push(kind.name);
        for fill in kind.fill {
            let action = if fill.starts_with("key") {
                "update"
            } else {
                "push"
            };
            let words: Vec<&str> = fill.split(' ').collect();
            printed(&[&["map", action, &path], &words[..]].concat());
        }
        for action in ["show", "dump"] {
            let [ours, theirs] = said(action, &path).map(|said| Some(as_agreed(kind, said?)));
            assert_eq!(ours, theirs, "{action} {}", kind.name);
            let filled = kind.fill.iter().any(|fill| fill.starts_with("key"));
            if filled && action == "dump" {
                assert!(
                    !ours.unwrap().as_array().unwrap().is_empty(),
                    "{}",
                    kind.name
                );
            }
        }
    }
    // Functions for the kernel, which an object alone can have.
    let ops = kind("struct_ops", "", &[]);
    printed(&["prog", "load", &object("tests/struct_ops.bpf.o"), OPS]);
    for action in ["show", "dump"] {
        let still = format!("{OPS}/maps/still");
        let [ours, theirs] = said(action, &still).map(|said| Some(as_agreed(&ops, said?)));
        assert!(ours.is_some());
        assert_eq!(ours, theirs, "{action} struct_ops");
    }
    // Those of 5.10, and what came until 6.12.
    assert!(made.len() >= 26, "{made:?}");
    assert!(board.name() != "6.12" || made.len() == 32, "{made:?}");
    same_facts(&["map", "list"], &["pids", "type"]);
    fs::remove_dir_all(FOLDER).unwrap();
    printed(&["unload", OPS]);
    kept.unload();
}
