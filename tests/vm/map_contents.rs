//! `btfly map`: what is in maps, beside bpftool, and what changes it.

use std::fs;

use serde_json::Value;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::loaded::{FOLDER, Kept, json, printed, same_facts, theirs};
use crate::types::end;
use crate::watch::{Done, full};

fn done(args: &[&str]) -> Done {
    end(full(), &[&["map"], args].concat())
}

fn map(args: &[&str]) -> String {
    printed(&[&["map"], args].concat())
}

fn pinned(name: &str) -> String {
    format!("{FOLDER}/maps/{name}")
}

/// Loads maps, and puts something into them.
fn filled() -> Kept {
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    let guest = "{number: 5, balance: -3, mood: MERRY, places: [{x: 1, y: -2}], low: 3, high: 9}";
    map(&["update", "guests", "key", "7", "value", guest]);
    map(&[
        "update",
        "name",
        "guests",
        "key",
        "hex",
        "08",
        "0",
        "00",
        "00",
        "value",
        "{number: 18446744073709551615}",
    ]);
    map(&[
        "update",
        &pinned("counts"),
        "key",
        "1",
        "0",
        "0",
        "0",
        "value",
        "77",
    ]);
    map(&["update", "per_cpu", "key", "1", "value", "{x: 4, y: 5}"]);
    map(&[
        "update",
        "untyped",
        "key",
        "hex",
        "010203040506",
        "value",
        "513",
    ]);
    map(&[
        "update",
        "accounts",
        "key",
        "0",
        "value",
        "{count: 2, sum: 3}",
    ]);
    kept
}

/// The entries of a map, as both have them; in their own order, if it is an array.
fn entries(name: &str) -> (Vec<Value>, Vec<Value>) {
    let ours = json(&map(&["dump", "name", name, "--json"]));
    let theirs = json(&theirs(&["-j", "map", "dump", "name", name]));
    let list = |entries: Value| entries.as_array().unwrap().clone();
    (list(ours), list(theirs))
}

fn with_numbers(mut entry: Value) -> Value {
    for field in ["low", "high"] {
        let path = format!("/formatted/value/{field}");
        if let Some(value) = entry.pointer_mut(&path) {
            let digits = value.as_str().unwrap().trim_start_matches("0x");
            *value = u64::from_str_radix(digits, 16).unwrap().into();
        }
    }
    entry
}

#[test]
fn maps_are_listed_and_dumped_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let kept = filled();
    same_facts(&["map", "list"], &["pids"]);
    for name in ["guests", "counts", "per_cpu", "untyped"] {
        let (ours, theirs) = entries(name);
        assert!(!ours.is_empty());
        // bpftool has bitfields in text: see docs/bpftool.md.
        let theirs: Vec<Value> = theirs.into_iter().map(with_numbers).collect();
        assert_eq!(ours, theirs, "{name}");
    }
    // Ours has neither the lock nor a list around a section: see docs/bpftool.md.
    for name in ["accounts", "shown.bss"] {
        let (ours, theirs) = entries(name);
        let bytes = |entries: &[Value]| -> Vec<Value> {
            entries
                .iter()
                .map(|e| serde_json::json!([e["key"], e["value"]]))
                .collect()
        };
        assert_eq!(bytes(&ours), bytes(&theirs), "{name}");
        assert!(!ours[0]["formatted"]["value"].is_null(), "{ours:?}");
    }
    kept.unload();
}

#[test]
fn entries_are_shown_and_changed_by_bytes_numbers_and_fields() {
    on_board!(board);
    let kept = filled();
    let shown = map(&["show", "pinned", &pinned("guests")]);
    assert!(shown.contains(": hash  name guests  flags 0x"), "{shown}");
    assert!(
        shown.contains("\tkey 4B  value 40B  max_entries 3"),
        "{shown}"
    );
    if board.has_btf() || shown.contains("btf_id") {
        let dump = map(&["dump", "guests"]);
        assert!(
            dump.contains("key: 7  value: {\n  number: 5\n  balance: -3\n  mood: MERRY\n"),
            "{dump}"
        );
        assert!(dump.contains("number: 18446744073709551615"), "{dump}");
        assert!(dump.ends_with("Found 2 elements\n"), "{dump}");
        let account = map(&["lookup", "accounts", "key", "0"]);
        assert_eq!(account, "key: 0  value: {\n  count: 2\n  sum: 3\n}\n");
    }
    assert_eq!(
        map(&["dump", "untyped"]),
        "key: 01 02 03 04 05 06  value: 01 02\nFound 1 element\n"
    );
    let cpus = map(&["lookup", "per_cpu", "key", "1"]);
    assert!(
        cpus.contains("value (CPU 0): {\n  x: 4\n  y: 5\n}\nvalue (CPU 1): {"),
        "{cpus}"
    );
    let counts = map(&["lookup", "counts", "key", "hex", "01", "00", "00", "00"]);
    assert_eq!(counts, "key: 1  value: 77\n");

    map(&["delete", "guests", "key", "7"]);
    done(&["lookup", "guests", "key", "7"]).failed(3, &["no entry with this key"]);
    done(&["delete", "guests", "key", "7"]).failed(3, &["no entry with this key"]);
    kept.unload();
}

#[test]
fn queues_are_pushed_peeked_and_popped() {
    on_board!();
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    map(&["push", "line", "value", "1", "0", "0", "0"]);
    map(&["enqueue", "line", "value", "2"]);
    done(&["push", "line", "value", "3"]).failed(6, &["full", "2 entries"]);
    let peeked = map(&["peek", "line"]);
    assert_eq!(peeked, map(&["pop", "line"]));
    assert!(
        peeked == "value: 01 00 00 00\n" || peeked == "value: 1\n",
        "{peeked}"
    );
    let popped = json(&map(&["pop", "line", "--json"]));
    assert_eq!(popped["value"][0], "0x02", "{popped}");
    done(&["pop", "line"]).failed(3, &["nothing in it"]);
    done(&["dump", "line"]).failed(6, &["no keys", "peek"]);
    done(&["peek", "counts"]).failed(1, &["has keys"]);
    kept.unload();
}

#[test]
fn programs_are_put_into_a_map_of_programs() {
    on_board!();
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    map(&["update", "jumps", "key", "0", "value", "name", "target"]);
    let dump = json(&map(&["dump", "jumps", "--json"]));
    let first = &dump.as_array().unwrap()[0];
    assert!(first["value"].is_array(), "{dump}");
    done(&["update", "jumps", "key", "0", "value", "name", "length"]).failed(6, &["does not take"]);
    done(&["update", "jumps", "key", "9", "value", "name", "target"]).failed(6, &["2 entries"]);
    map(&["delete", "jumps", "key", "0"]);
    kept.unload();
}

#[test]
fn a_map_is_made_pinned_frozen_and_found() {
    on_board!();
    let before = Snapshot::take();
    let path = "/sys/fs/bpf/findme";
    map(&[
        "create", path, "type", "array", "key", "4", "value", "8", "entries", "2",
    ]);
    let shown = map(&["show", "pinned", path]);
    assert!(shown.contains("  name findme  flags 0x0"), "{shown}");
    assert_eq!(map(&["show", "findme"]), shown);
    done(&[
        "create", path, "type", "hash", "key", "4", "value", "8", "entries", "2",
    ])
    .failed(1, &["is there already"]);
    map(&[
        "update", path, "key", "1", "value", "hex", "01", "02", "03", "04", "05", "06", "07", "08",
    ]);
    assert_eq!(
        map(&["lookup", path, "key", "1"]),
        "key: 01 00 00 00  value: 01 02 03 04 05 06 07 08\n"
    );
    map(&["pin", path, "/sys/fs/bpf/findme_too"]);
    assert_eq!(map(&["show", "/sys/fs/bpf/findme_too"]), shown);
    map(&["freeze", path]);
    done(&["update", path, "key", "1", "value", "1"]).failed(6, &["frozen"]);
    assert_eq!(json(&map(&["show", path, "-j"]))["frozen"], 1);
    fs::remove_file("/sys/fs/bpf/findme_too").unwrap();
    fs::remove_file(path).unwrap();
    let types = format!("{}:account", object("tests/shown.bpf.o"));
    map(&[
        "create", path, "type", "array", "value", "16", "entries", "1", "btf", &types, "name",
        "by_hand",
    ]);
    map(&["update", "by_hand", "key", "0", "value", "{sum: 9}"]);
    assert_eq!(
        map(&["dump", "by_hand"]),
        "key: 0  value: {\n  count: 0\n  sum: 9\n}\nFound 1 element\n"
    );
    fs::remove_file(path).unwrap();
    before.is_restored();
}

#[test]
fn what_is_wrong_with_a_map_is_said_in_a_line() {
    on_board!();
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    let guests = "{number: -1}";
    for (args, code, words) in [
        (
            &["show", "id", "4000000000"][..],
            3,
            &["no map 4000000000"][..],
        ),
        (&["dump", "/proc/version"], 6, &["no pinned BPF object"]),
        (
            &["dump", &format!("{FOLDER}/target")],
            6,
            &["is no map", "bpf-prog"],
        ),
        (
            &["lookup", "counts", "key", "hex", "01"],
            1,
            &["4 bytes, but 1 are given"],
        ),
        (&["lookup", "counts"], 1, &["of which key"]),
        (&["lookup", "untyped", "key", "5"], 1, &["6 bytes", "hex"]),
        (
            &["update", "counts", "key", "9", "value", "1"],
            6,
            &["beyond the end", "4 entries"],
        ),
        (
            &["update", "counts", "key", "1", "value", "x"],
            1,
            &["value", "x"],
        ),
        (
            &["update", "counts", "key", "1"],
            1,
            &["value", "nothing is given"],
        ),
        (
            &["update", "counts", "key", "1", "value", "hex", "zz"],
            1,
            &["two digits"],
        ),
        (
            &["update", "guests", "key", "1", "value", guests],
            1,
            &["number", "out of range"],
        ),
        (&["delete", "counts", "key", "1"], 6, &["can't be removed"]),
        (
            &["create", "/sys/fs/bpf/x", "type", "hsh"],
            1,
            &["no type 'hsh'"],
        ),
        (
            &[
                "create",
                "/sys/fs/bpf/x",
                "type",
                "array",
                "key",
                "8",
                "value",
                "8",
                "entries",
                "1",
            ],
            6,
            &["no array map", "4 bytes"],
        ),
        (
            &[
                "create", "/tmp/x", "type", "array", "key", "4", "value", "8", "entries", "1",
            ],
            3,
            &["no BPF file system"],
        ),
        (&["freeze", "name", "nobody"], 3, &["no map is called"]),
    ] {
        done(args).failed(code, words);
    }
    for key in ["1", "2", "3"] {
        map(&["update", "guests", "key", key, "value", "{number: 1}"]);
    }
    let full = ["update", "guests", "key", "4", "value", "{number: 1}"];
    done(&full).failed(6, &["full", "3 entries"]);
    done(&[
        "update",
        "guests",
        "key",
        "3",
        "value",
        "{number: 1}",
        "noexist",
    ])
    .failed(6, &["has an entry"]);
    done(&[
        "update",
        "guests",
        "key",
        "4",
        "value",
        "{number: 1}",
        "exist",
    ])
    .failed(3, &["no entry"]);
    kept.unload();
}
