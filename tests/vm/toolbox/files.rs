//! `btfly vfsstat`, `filetop`, `filelife`, `fsslower` and `cachestat`, over files of this process.

use std::fs::{self, File, OpenOptions};
use std::io::{PipeWriter, Read, Seek, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::{event_with, json, objects, own_pid, tool};
use crate::board::{Board, on_board, version};
use crate::left::Snapshot;
use crate::program::tag;
use crate::tool_counts::Disk;
use crate::tools::run;

/// Options by which a board without BTF knows the kernel's types.
fn types(board: &Board) -> Vec<String> {
    let archive = board.archive().filter(|_| !board.has_btf());
    let path = archive.map(|archive| archive.to_str().unwrap().to_owned());
    path.into_iter()
        .flat_map(|path| ["--btf".to_owned(), path])
        .collect()
}

/// Options of a tool, and those types.
fn with_types<'o>(options: &[&'o str], types: &'o [String]) -> Vec<&'o str> {
    let types = types.iter().map(String::as_str);
    options.iter().copied().chain(types).collect()
}

/// A block device for tests, with a file system where the kernel knows one.
struct Drive {
    path: &'static str,
    _disk: Option<Disk>,
}

impl Drive {
    fn new(board: &Board) -> Drive {
        match board.has_btf() {
            true => Drive {
                path: "/dev/loop0",
                _disk: Some(Disk::new(board.module("loop").to_str().unwrap())),
            },
            // Boards have a disk in their memory.
            false => Drive {
                path: "/dev/ram0",
                _disk: None,
            },
        }
    }
}

/// What a global variable was in the end.
#[track_caller]
fn value(all: &[Value]) -> &Value {
    assert_eq!(all.len(), 1, "{all:#?}");
    &all[0]["value"]
}

#[test]
fn calls_of_a_process_are_counted_each() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    const FILES: u64 = 20;
    let before = Snapshot::take();
    let types = types(&board);
    let others = tool("vfsstat", &["-p", "999999"]);
    // From here on this process does nothing but what is counted.
    let watch = tool("vfsstat", &with_types(&["-p", &own_pid()], &types));
    let folder = format!("/tmp/{}", tag());
    fs::create_dir(&folder).unwrap();
    for name in 0..FILES {
        let path = format!("{folder}/{name}");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"text").unwrap();
        file.sync_all().unwrap();
        drop(file);
        fs::remove_file(&path).unwrap();
    }
    fs::remove_dir(&folder).unwrap();
    let all = objects(&watch.stop());
    let calls = value(&all);
    for (call, count) in [
        ("open", FILES),
        ("create", FILES),
        ("fsync", FILES),
        ("unlink", FILES),
        ("mkdir", 1),
    ] {
        assert_eq!(calls[call], count, "{call} in {calls}");
    }
    assert!(calls["write"].as_u64().unwrap() >= FILES, "{calls}");
    // The compiler of Debian's 5.10 made the function a part of the one that calls it.
    if version() != (5, 10) || !board.has_btf() {
        assert_eq!(calls["rmdir"], 1, "{calls}");
    }
    for none in objects(&others.stop()) {
        let mut counts = none["value"].as_object().unwrap().values();
        assert!(counts.all(|count| count == 0), "{none}");
    }
    before.is_restored();
}

/// A thread that reads of a pipe until that is closed.
fn reader_that_waits() -> (JoinHandle<()>, PipeWriter) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let read = move || assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    (thread::spawn(read), writer)
}

#[test]
fn a_file_is_told_with_what_was_read_and_written_of_it() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    let types = types(&board);
    let name = tag();
    let path = format!("/tmp/{name}");
    let watch = tool(
        "filetop",
        &with_types(&["-p", &own_pid(), "-r", "100"], &types),
    );
    // Who waits in a read, as of a pipe, hides no other's.
    let waiting: Vec<_> = (0..40).map(|_| reader_that_waits()).collect();
    thread::sleep(Duration::from_millis(300));
    let mut file = File::create(&path).unwrap();
    (0..10).for_each(|_| file.write_all(&[1; 1000]).unwrap());
    let mut file = File::open(&path).unwrap();
    let mut bytes = [0; 1000];
    (0..5).for_each(|_| file.read_exact(&mut bytes).unwrap());
    // All the rest, which is less than there is room for, and nothing.
    let mut bytes = [0; 20_000];
    assert_eq!(file.read(&mut bytes).unwrap(), 5000);
    assert_eq!(file.read(&mut bytes).unwrap(), 0);
    for (thread, writer) in waiting {
        drop(writer);
        thread.join().unwrap();
    }
    let done = watch.stop();
    // It may have shown it in parts, each second.
    let mut sums = [0; 4];
    for entry in objects(&done)
        .iter()
        .filter(|entry| entry["value"]["file"] == name.as_str())
    {
        for (sum, column) in sums
            .iter_mut()
            .zip(["reads", "writes", "read_bytes", "write_bytes"])
        {
            *sum += entry["value"][column].as_u64().unwrap();
        }
        assert_eq!(entry["key"]["pid"].to_string(), own_pid(), "{entry}");
    }
    assert_eq!(sums, [7, 10, 10_000, 10_000], "{done:#?}");
    fs::remove_file(&path).unwrap();
    before.is_restored();
}

#[test]
fn a_file_that_is_removed_is_told_with_its_age() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    let types = types(&board);
    let watch = tool("filelife", &with_types(&["-p", &own_pid()], &types));
    let old = tag();
    fs::write(format!("/tmp/{old}"), "").unwrap();
    let young = tag();
    fs::write(format!("/tmp/{young}"), "").unwrap();
    fs::remove_file(format!("/tmp/{young}")).unwrap();
    thread::sleep(Duration::from_millis(50));
    fs::remove_file(format!("/tmp/{old}")).unwrap();
    for (name, least) in [(&young, 1), (&old, 50_000_000)] {
        let event = event_with(&watch, "file", name);
        assert_eq!(event["pid"].to_string(), own_pid(), "{event}");
        let age = event["age_ns"].as_u64().unwrap();
        assert!((least..5_000_000_000).contains(&age), "{event}");
    }
    watch.stop();
    before.is_restored();
}

/// Reads all of an open device from its beginning, by pages.
fn read_all(file: &mut File) {
    file.rewind().unwrap();
    let mut page = [0; 4096];
    while file.read(&mut page).unwrap() > 0 {}
}

#[test]
fn what_is_read_twice_is_in_the_cache_the_second_time() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let drive = Drive::new(&board);
    let before = Snapshot::take();
    // As long as it is open, its pages stay.
    let mut device = File::open(drive.path).unwrap();
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    let counts = |device: &mut File| {
        let watch = tool("cachestat", &[]);
        read_all(device);
        let all = objects(&watch.stop());
        let number = |name: &str| value(&all)[name].as_i64().unwrap();
        (number("hits"), number("misses"))
    };
    let (_, first) = counts(&mut device);
    let (hits, misses) = counts(&mut device);
    assert!(first >= 4, "{first} misses of what was never read");
    assert!(
        hits > 0 && misses < first / 2,
        "{hits} hits and {misses} misses, before {first}"
    );
    drop(device);
    before.is_restored();
}

#[test]
fn what_a_file_system_takes_long_for_is_told() {
    on_board!(board);
    let fs = if board.has_btf() { "ext4" } else { "ext2" };
    let known = fs::read_to_string("/proc/filesystems")
        .unwrap()
        .contains(fs);
    if !board.has_kprobes() || !known {
        return;
    }
    let drive = Drive::new(&board);
    let folder = format!("/tmp/{}", tag());
    fs::create_dir(&folder).unwrap();
    run(&["mke2fs", drive.path]);
    run(&["mount", "-t", fs, drive.path, &folder]);
    assert!(
        Path::new(&folder).join("lost+found").is_dir(),
        "{fs} is not mounted"
    );
    let before = Snapshot::take();
    let types = types(&board);
    let watch = tool(
        "fsslower",
        &with_types(&["-m", "0", "-t", fs, "-p", &own_pid()], &types),
    );
    let slow = tool("fsslower", &with_types(&["-m", "60000", "-t", fs], &types));
    let name = tag();
    let path = format!("{folder}/{name}");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    file.write_all(&[1; 5000]).unwrap();
    file.sync_all().unwrap();
    file.rewind().unwrap();
    let mut bytes = [0; 3000];
    file.read_exact(&mut bytes).unwrap();
    drop(file);
    let mut operations = vec![("WRITE", 5000), ("READ", 3000)];
    if fs == "ext4" {
        operations.extend([("OPEN", 0), ("FSYNC", 0)]);
    }
    for (operation, bytes) in operations {
        let found = |line: &str| {
            let event = json(line);
            event["operation"] == operation && event["file"] == name.as_str()
        };
        let event = json(&watch.line(operation, found));
        assert_eq!(event["bytes"], bytes, "{event}");
        assert_eq!(event["offset"], 0, "{event}");
        assert!(event["took_ns"].as_u64().unwrap() > 0, "{event}");
    }
    watch.stop();
    assert_eq!(slow.stop().stdout, [""; 0]);
    run(&["umount", &folder]);
    fs::remove_dir(&folder).unwrap();
    before.is_restored();
}
