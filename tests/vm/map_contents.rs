//! `btfly map`: what is in maps, beside bpftool, and what changes it.

use std::fs;

use serde_json::Value;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::loaded::{FOLDER, Kept, json, printed, same_facts, theirs};
use crate::types::end;
use crate::watch::{Done, Watch, btfly, build_for};

fn done(args: &[&str]) -> Done {
    let args = [&["map"], args].concat();
    end(build_for(&args), &args)
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
fn the_key_behind_another_is_told() {
    on_board!(board);
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    let by_type = json(&map(&["show", "counts", "-j"]))["btf_id"].is_number();
    let shown = |n: u32| match by_type {
        true => n.to_string(),
        false => format!("{n:02x} 00 00 00"),
    };
    assert_eq!(
        map(&["getnext", "counts"]),
        format!("next key: {}\n", shown(0))
    );
    let line = format!("key: {}  next key: {}\n", shown(1), shown(2));
    assert_eq!(map(&["getnext", "counts", "key", "1"]), line);
    if board.has_btf() {
        for key in [&[][..], &["key", "1", "0", "0", "0"]] {
            let args = [&["map", "getnext", "name", "counts"], key].concat();
            let ours = json(&printed(&[&args[..], &["--json"]].concat()));
            assert_eq!(ours, json(&theirs(&[&["-j"], &args[..]].concat())));
        }
    }
    done(&["getnext", "counts", "key", "3"]).failed(3, &["no key behind it"]);
    done(&["getnext", "line"]).failed(6, &["no keys to go through"]);
    done(&["getnext", "counts", "kye", "3"]).failed(1, &["kye"]);
    kept.unload();
}

#[test]
fn a_value_with_a_lock_is_read_as_a_whole() {
    on_board!();
    let kinds = json(&printed(&["feature", "programs", "-j"]));
    if kinds["program_types"]["have_sched_cls_prog_type"] != true {
        return;
    }
    let kept = Kept::load("tests/locked.bpf.o", &["--prog", "writes"]);
    fs::write("/tmp/packet", [7u8; 64]).unwrap();
    let mut command = btfly();
    command.args([
        "prog",
        "run",
        "name",
        "writes",
        "data_in",
        "/tmp/packet",
        "repeat",
        "2000000000",
    ]);
    let writer = Watch::spawn(command);
    let mut counts = std::collections::BTreeSet::new();
    for round in 0..40 {
        // One by one, and by batches where the kernel has them.
        let entry = match round % 2 {
            0 => json(&map(&["lookup", "records", "key", "0", "--json"])),
            _ => json(&map(&["dump", "records", "--json"]))[0].clone(),
        };
        let bytes: Vec<u8> = entry["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|byte| {
                u8::from_str_radix(byte.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
            })
            .collect();
        let count = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
        counts.insert(count);
        for copy in bytes[8..].chunks(8) {
            let copy = u64::from_le_bytes(copy.try_into().unwrap());
            assert_eq!(copy, u64::from(count), "in round {round}: {entry}");
        }
    }
    assert!(counts.len() > 10, "hardly written to: {counts:?}");
    drop(writer);
    kept.unload();
}

/// A machine with one CPU at a time seldom shows a value that is half written, so the kernel is asked whether it was
/// told of the lock: it refuses that for values without one.
#[test]
fn the_kernel_is_told_to_read_under_the_lock() {
    on_board!();
    use btfly::sys::bpf_map::{Elements, Reading};
    use btfly::sys::map_batch::Cursor;
    use std::os::fd::AsFd;
    let kept = Kept::load("tests/shown.bpf.o", &[]);
    for (name, has_lock) in [("accounts", true), ("counts", false)] {
        let path = std::ffi::CString::new(pinned(name)).unwrap();
        let map = btfly::sys::bpf_pin::obj_get(&path).unwrap();
        let plain = Elements::of(map.as_fd()).unwrap();
        for (elements, fine) in [(plain, true), (plain.locked(), has_lock)] {
            let mut value = vec![0; elements.value_len()];
            let found = elements.lookup(&[0; 4], &mut value);
            assert_eq!(found.is_ok(), fine, "{name}: {found:?}");
            let mut keys = [0; 4];
            let batch =
                elements.batch(Reading::Keep, &mut Cursor::default(), &mut keys, &mut value);
            assert_eq!(batch.is_ok(), fine, "{name}: {batch:?}");
        }
    }
    kept.unload();
}

/// A hash of 2000 values of 512 bytes, made and filled by hand.
struct Filled {
    path: &'static str,
    map: std::os::fd::OwnedFd,
}

impl Filled {
    const KEYS: u32 = 2000;

    fn new(path: &'static str) -> Filled {
        map(&[
            "create", path, "type", "hash", "key", "4", "value", "512", "entries", "2000",
        ]);
        let name = std::ffi::CString::new(path).unwrap();
        let attr = [name.as_ptr() as u64, 0];
        // Safety: the kernel made the descriptor for us.
        let map = unsafe { std::os::fd::FromRawFd::from_raw_fd(Filled::bpf(7, attr)) };
        let filled = Filled { path, map };
        (0..Filled::KEYS).for_each(|key| filled.set(key));
        filled
    }

    /// bpf(2) with the front of its argument, whose addresses are valid.
    fn bpf<const N: usize>(command: libc::c_int, mut attr: [u64; N]) -> i32 {
        let size = size_of_val(&attr);
        // Safety: the caller's, and `attr` lives through the call.
        let answer = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size) };
        assert!(
            answer >= 0,
            "bpf({command}): {}",
            std::io::Error::last_os_error()
        );
        i32::try_from(answer).unwrap()
    }

    fn fd(&self) -> u64 {
        use std::os::fd::AsRawFd;
        self.map.as_raw_fd() as u64
    }

    fn set(&self, key: u32) {
        let value = [key as u8; 512];
        Filled::bpf(
            2,
            [self.fd(), &raw const key as u64, value.as_ptr() as u64, 0],
        );
    }

    fn remove(&self, key: u32) {
        Filled::bpf(3, [self.fd(), &raw const key as u64]);
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path);
    }
}

#[test]
fn a_dump_streams_and_outlives_entries_that_are_removed() {
    on_board!();
    use std::io::Read;
    let before = Snapshot::take();
    let filled = Filled::new("/sys/fs/bpf/many");
    for without in ["--without=object-names", "--without=map-batch"] {
        let args = ["map", "dump", filled.path, "--json", without];
        let mut command = build_for(&args);
        command.args(args);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        crate::watch::shrink(&out);
        let mut text = vec![0; 4096];
        out.read_exact(&mut text).unwrap();
        // It waits for us, with no more than a part of the map in its hands, which has a megabyte.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let own = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .unwrap();
        let own: u32 = own.trim().trim_end_matches(" kB").parse().unwrap();
        println!("{without}: {own} kB");
        assert!(own < 1000, "{own} kB: {status}");
        (0..Filled::KEYS)
            .filter(|key| key % 2 == 0)
            .for_each(|key| filled.remove(key));
        out.read_to_end(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        let entries = json(&String::from_utf8(text).unwrap());
        let mut seen = std::collections::BTreeMap::new();
        for entry in entries.as_array().unwrap() {
            let bytes = entry["key"].as_array().unwrap().iter().map(|byte| {
                u8::from_str_radix(byte.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
            });
            let key = u32::from_le_bytes(bytes.collect::<Vec<u8>>().try_into().unwrap());
            assert_eq!(
                entry["value"].as_array().map(Vec::len),
                Some(512),
                "{entry}"
            );
            *seen.entry(key).or_insert(0) += 1;
        }
        for key in (0..Filled::KEYS).filter(|key| key % 2 == 1) {
            assert_eq!(seen.get(&key), Some(&1), "{key} {without}");
        }
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
        (0..Filled::KEYS).for_each(|key| filled.set(key));
    }
    drop(filled);
    before.is_restored();
}

#[test]
fn values_of_struct_ops_are_shown_by_the_kernels_types() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let object = object("tests/struct_ops.bpf.o");
    let output = crate::bpftool::bpftool(&["struct_ops", "register", &object]);
    if !output.status.success() {
        // Kernels without trampolines.
        println!(
            "not registered: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(crate::board::version() < (6, 4));
        return;
    }
    let list = json(&printed(&["map", "list", "-j"]));
    let table = list
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["type"] == "struct_ops")
        .unwrap();
    let id = table["id"].to_string();
    for (args, entry) in [
        (&["dump", "id", &id, "-j"][..], "/0"),
        (&["lookup", "id", &id, "key", "0", "-j"], ""),
    ] {
        let told = json(&map(args));
        let value = told.pointer(entry).unwrap()["formatted"]["value"].clone();
        assert!(value.to_string().contains("cong_avoid"), "{value}");
    }
    let ours = json(&map(&["dump", "id", &id, "--json"]));
    let known = json(&theirs(&["-j", "map", "dump", "id", &id]));
    assert_eq!(ours[0]["value"], known[0]["value"]);
    assert!(map(&["dump", "id", &id]).contains("cong_avoid: 0x"));
    for table in list
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["type"] == "struct_ops")
    {
        theirs(&["struct_ops", "unregister", "id", &table["id"].to_string()]);
    }
    before.is_restored();
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
