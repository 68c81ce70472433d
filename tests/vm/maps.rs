//! Maps: of every type, given from elsewhere, of another size, with initial slots.

use std::fs;
use std::os::fd::AsFd;

use btfly::sys::bpf_map::map_lookup;

use crate::board::{object, on_board};
use crate::bpftool::{bpftool, loads_all};
use crate::globals::{calls, with};
use crate::left::Snapshot;
use crate::program::executable;
use crate::watch::{Done, Watch, full};

const USAGE: i32 = 1;
const MISSING: i32 = 3;
const OTHER: i32 = 6;

/// Loads and attaches an object, and ends at once.
pub fn run(path: &str, options: &[&str]) -> Done {
    let mut command = full();
    command.args(["run", path, "--duration", "0"]).args(options);
    Watch::spawn(command).end()
}

#[track_caller]
pub fn ran(done: &Done) {
    assert_eq!(done.code, Some(0), "{done:#?}");
}

/// What stands for a number of the definition in map_plain.bpf.o and its kind.
const TYPE: u32 = 0x61001;
const KEY_SIZE: u32 = 0x61002;
const VALUE_SIZE: u32 = 0x61003;
const MAX_ENTRIES: u32 = 0x61004;
const MAP_FLAGS: u32 = 0x61005;
const MAP_EXTRA: u32 = 0x61006;

const NO_PREALLOC: u32 = 1;
const MMAPABLE: u32 = 1 << 10;

/// Which of the objects, and the numbers of the definition.
#[derive(Clone, Copy)]
enum Of {
    /// Bytes of a key and of a value, entries, flags, extra.
    Plain(u32, u32, u32, u32, u32),
    /// A key of 4 and a value of 8 bytes: entries, flags.
    Typed(u32, u32),
    /// A map of maps of so many.
    Maps(u32),
}
use Of::{Maps, Plain, Typed};

/// Name, number, kernel that brought it, and a definition that it takes.
const TYPES: [(&str, u32, (u32, u32), Of); 34] = [
    ("hash", 1, (3, 19), Plain(4, 8, 5, 0, 0)),
    ("array", 2, (3, 19), Typed(5, 0)),
    ("prog_array", 3, (4, 2), Plain(4, 4, 5, 0, 0)),
    ("perf_event_array", 4, (4, 3), Plain(4, 4, 0, 0, 0)),
    ("percpu_hash", 5, (4, 6), Typed(5, 0)),
    ("percpu_array", 6, (4, 6), Typed(5, 0)),
    ("stack_trace", 7, (4, 6), Plain(4, 1016, 16, 0, 0)),
    ("cgroup_array", 8, (4, 8), Plain(4, 4, 1, 0, 0)),
    ("lru_hash", 9, (4, 10), Typed(16, 0)),
    ("lru_percpu_hash", 10, (4, 10), Typed(16, 0)),
    ("lpm_trie", 11, (4, 11), Plain(8, 8, 5, NO_PREALLOC, 0)),
    ("array_of_maps", 12, (4, 12), Maps(3)),
    ("hash_of_maps", 13, (4, 12), Maps(3)),
    ("devmap", 14, (4, 14), Typed(4, 0)),
    ("sockmap", 15, (4, 14), Typed(4, 0)),
    ("cpumap", 16, (4, 15), Plain(4, 4, 1, 0, 0)),
    ("xskmap", 17, (4, 18), Plain(4, 4, 4, 0, 0)),
    ("sockhash", 18, (4, 18), Typed(4, 0)),
    ("cgroup_storage", 19, (4, 19), Plain(16, 8, 0, 0, 0)),
    ("reuseport_sockarray", 20, (4, 19), Typed(4, 0)),
    ("percpu_cgroup_storage", 21, (4, 20), Plain(16, 8, 0, 0, 0)),
    ("queue", 22, (4, 20), Plain(0, 16, 9, 0, 0)),
    ("stack", 23, (4, 20), Plain(0, 16, 9, 0, 0)),
    ("sk_storage", 24, (5, 2), Typed(0, NO_PREALLOC)),
    ("devmap_hash", 25, (5, 4), Plain(4, 4, 4, 0, 0)),
    // Rounded up to pages.
    ("ringbuf", 27, (5, 8), Plain(0, 0, 5000, 0, 0)),
    ("inode_storage", 28, (5, 10), Typed(0, NO_PREALLOC)),
    ("task_storage", 29, (5, 11), Typed(0, NO_PREALLOC)),
    ("bloom_filter", 30, (5, 16), Plain(0, 8, 100, 0, 3)),
    ("user_ringbuf", 31, (6, 1), Plain(0, 0, 5000, 0, 0)),
    ("cgrp_storage", 32, (6, 2), Typed(0, NO_PREALLOC)),
    ("arena", 33, (6, 9), Plain(0, 0, 10, MMAPABLE, 0)),
    ("insn_array", 34, (6, 19), Plain(4, 16, 1, 0, 0)),
    ("rhash", 35, (7, 2), Plain(4, 8, 5, NO_PREALLOC, 0)),
];

/// An object with one map of that type and definition; its path.
fn object_with(map_type: u32, of: Of) -> String {
    let (name, numbers) = match of {
        Plain(key, value, entries, flags, extra) => (
            "map_plain",
            vec![
                (KEY_SIZE, key),
                (VALUE_SIZE, value),
                (MAX_ENTRIES, entries),
                (MAP_FLAGS, flags),
                (MAP_EXTRA, extra),
            ],
        ),
        Typed(entries, flags) => (
            "map_typed",
            vec![(MAX_ENTRIES, entries), (MAP_FLAGS, flags)],
        ),
        Maps(entries) => ("map_outer", vec![(MAX_ENTRIES, entries)]),
    };
    let mut bytes = fs::read(object(&["tests/", name, ".bpf.o"].concat())).unwrap();
    for (stands_for, number) in [&[(TYPE, map_type)], &numbers[..]].concat() {
        let found = |w: &[u8]| w == stands_for.to_le_bytes();
        assert_eq!(bytes.windows(4).filter(|w| found(w)).count(), 1);
        let at = bytes.windows(4).position(found).unwrap();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    executable("one-map.bpf.o", &bytes)
}

#[test]
fn maps_of_every_type_are_made_where_the_kernel_has_it_and_named_where_not() {
    on_board!();
    let before = Snapshot::take();
    let mut made = Vec::new();
    for (name, number, since, of) in TYPES {
        let path = object_with(number, of);
        let done = run(&path, &[]);
        match loads_all(&path) {
            Ok(()) => {
                println!("{name}: there");
                ran(&done);
                made.push(name);
            }
            Err(told) => {
                println!("{name}: {}", done.stderr.join(" / "));
                let since = format!("Linux {}.{} ", since.0, since.1);
                let kind = format!("type {name},");
                assert!(!told.is_empty());
                done.failed(MISSING, &["map any", &kind, &since, "newer kernel"]);
            }
        }
        before.is_restored();
    }
    println!("{} of {}: {}", made.len(), TYPES.len(), made.join(" "));
    // What no Linux from 4.20 on lacks.
    for name in [
        "hash",
        "array",
        "prog_array",
        "lpm_trie",
        "hash_of_maps",
        "queue",
        "stack",
    ] {
        assert!(made.contains(&name), "{name}");
    }
}

#[test]
fn types_come_with_the_kernels_that_the_table_says() {
    on_board!(board);
    // The boards' kernels are built with less.
    if !board.has_btf() {
        return;
    }
    let here = crate::board::version();
    for (name, number, since, of) in TYPES {
        let done = run(&object_with(number, of), &[]);
        // Debian's cloud kernels are built without these.
        if !["xskmap"].contains(&name) || since > here {
            assert_eq!(done.code == Some(0), since <= here, "{name} {done:#?}");
        }
    }
}

#[test]
fn one_map_of_each_type_in_an_object_is_as_its_definition_says() {
    on_board!();
    let path = object("tests/map_types.bpf.o");
    let mut command = full();
    command.args(["run", &path]);
    let watch = Watch::spawn(command);
    watch.header();
    let listed = bpftool(&["map", "show"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // Safety: a plain question to the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let ring = u64::try_from(page).unwrap().max(8192);
    let cpus = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
    let cpus = cpus.trim_end().rsplit(['-', ',']).next().unwrap();
    let cpus = cpus.parse::<u32>().unwrap() + 1;
    for (name, sizes) in [
        ("hash  name hash", "flags 0x5"),
        ("hash  name hash", "key 4B  value 16B  max_entries 5"),
        ("array  name array", "key 4B  value 8B  max_entries 7"),
        ("prog_array  name prog_array", "max_entries 2"),
        (
            "perf_event_array  name perf_event_arra",
            &format!("max_entries {cpus} "),
        ),
        (
            "percpu_hash  name percpu_hash",
            "key 8B  value 8B  max_entries 5",
        ),
        (
            "percpu_array  name percpu_array",
            "value 16B  max_entries 5",
        ),
        ("stack_trace  name stack_trace", "value 1016B"),
        ("lru_hash  name lru_hash", "value 1B"),
        ("lru_percpu_hash  name lru_percpu_hash", "value 2B"),
        ("lpm_trie  name lpm_trie", "flags 0x1"),
        (
            "array_of_maps  name array_of_maps",
            "value 4B  max_entries 3",
        ),
        ("hash_of_maps  name hash_of_maps", "key 8B  value 4B"),
        ("queue  name queue", "key 0B  value 16B  max_entries 9"),
        ("stack  name stack", "key 0B  value 16B  max_entries 9"),
        ("ringbuf  name ringbuf", &format!("max_entries {ring} ")),
    ] {
        let at = listed.find(&format!(": {name}"));
        let at = at.unwrap_or_else(|| panic!("no {name} in {listed}"));
        let entry: Vec<&str> = listed[at..].lines().take(2).collect();
        let entry = entry.join(" ") + " ";
        assert!(entry.contains(sizes), "{sizes} in {entry}");
    }
    watch.stop();
}

#[test]
fn definitions_that_a_kernel_refuses_are_told_with_their_numbers() {
    on_board!();
    let before = Snapshot::take();
    for (number, of, words) in [
        // A key is four bytes.
        (2, Plain(8, 8, 1, 0, 0), &["this array", "key_size 8"][..]),
        (1, Plain(4, 8, 0, 0, 0), &["this hash", "max_entries 0"]),
        (
            1,
            Plain(4, 8, 1, 1 << 30, 0),
            &["this hash", "map_flags 0x40000000"],
        ),
        (22, Plain(4, 8, 1, 0, 0), &["this queue", "key_size 4"]),
        (
            7,
            Plain(4, 7, 1, 0, 0),
            &["this stack_trace", "value_size 7"],
        ),
        (
            11,
            Plain(8, 8, 1, 0, 0),
            &["this lpm_trie", "max_entries 1"],
        ),
    ] {
        println!("{words:?}");
        run(&object_with(number, of), &[]).failed(MISSING, &[&["map any"], words].concat());
    }
    // None has these.
    for number in [36, 99, 0x7fff_ffff] {
        let done = run(&object_with(number, Plain(4, 4, 1, 0, 0)), &[]);
        done.failed(MISSING, &["map any", &format!("type {number} ")]);
    }
    before.is_restored();
}

#[test]
fn a_map_is_given_another_size() {
    on_board!();
    let before = Snapshot::take();
    let path = object("tests/map_types.bpf.o");
    let mut command = full();
    command.args([
        "run",
        &path,
        "--resize",
        "hash=77",
        "--resize",
        "ringbuf=100000",
    ]);
    let watch = Watch::spawn(command);
    watch.header();
    let listed = bpftool(&["map", "show"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for words in ["key 4B  value 16B  max_entries 77 ", "max_entries 131072 "] {
        assert!(listed.contains(words), "{words} in {listed}");
    }
    watch.stop();
    for (option, words) in [
        (
            "no_such_map=4",
            &["--resize no_such_map", "hash, array, prog_array"][..],
        ),
        ("hash", &["--resize hash", "NAME=N"]),
        ("hash=many", &["--resize hash=many", "NAME=N"]),
        ("hash=0", &["--resize hash=0", "NAME=N"]),
    ] {
        run(&path, &["--resize", option]).failed(USAGE, words);
    }
    // Far more memory than the board has.
    let done = run(&path, &["--resize", "array=500000000"]);
    done.failed(OTHER, &["map array", "max_entries 500000000", "--resize"]);
    before.is_restored();
}

#[test]
fn slots_hold_maps_and_programs_from_the_first_event_on() {
    on_board!();
    let before = Snapshot::take();
    with("slots", &[], &[], |loaded| {
        calls(3);
        let count = |map: &str| {
            let mut value = [0; 8];
            let fd = loaded.map(map).unwrap().fd.as_fd();
            assert_eq!(map_lookup(fd, &[0; 4], &mut value), Ok(true));
            u64::from_le_bytes(value)
        };
        // Through the array, and through the hash.
        assert_eq!(count("second"), 3 * 1000 + 3);
        assert_eq!(count("first"), 3 * 100);
    });
    before.is_restored();
    // The program of the slot is not loaded: the slot stays empty, and -v says so.
    let done = run(&object("tests/slots.bpf.o"), &["--prog", "jump", "-v"]);
    ran(&done);
    let told = "map jumps: slot 3 stays empty, program next not being loaded";
    assert!(done.stderr.join("\n").contains(told), "{done:#?}");
    before.is_restored();
}
