//! Tools that tell of files and disks, beside those of Debian's libbpf-tools that they are called after.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::beside::{Pair, compare_all, texts};
use super::{is_number, json, objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;
use crate::tool_counts::Disk;
use crate::tools::{debian, has_failed, run, words};
use crate::watch::Watch;

/// Where the file system of the disk is.
const MOUNTED: &str = "/tmp/mounted";

/// A file system on a disk, until it is dropped.
struct Mounted {
    _disk: Disk,
}

impl Mounted {
    /// `None` where the kernel knows none of this type.
    fn new(disk: Disk, fs: &str) -> Option<Mounted> {
        let known = fs::read_to_string("/proc/filesystems").unwrap();
        if !known.split_whitespace().any(|known| known == fs) {
            println!("this kernel has no {fs}");
            return None;
        }
        fs::create_dir(MOUNTED).unwrap();
        run(&["mke2fs", "/dev/loop0"]);
        run(&["mount", "-t", fs, "/dev/loop0", MOUNTED]);
        let found = fs::exists([MOUNTED, "/lost+found"].concat()).unwrap();
        assert!(found, "{fs} is not mounted");
        Some(Mounted { _disk: disk })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(&["umount", MOUNTED]);
        let _ = fs::remove_dir(MOUNTED);
    }
}

/// A page of the disk, another each time: by which process.
fn write_to_disk() -> String {
    static PAGE: AtomicU32 = AtomicU32::new(16);
    let page = PAGE.fetch_add(4, Ordering::Relaxed);
    let place = format!("seek={page}");
    let to = ["if=/dev/zero", "of=/dev/loop0", "conv=fsync,notrunc"];
    run(&[&["dd", "bs=16k", "count=1", &place], &to[..]].concat())
}

/// Only requests for a place: that all be written has none, and each tool its own way to say so.
fn of_place(facts: Vec<String>, bytes: &str) -> Vec<String> {
    match bytes {
        "0" => Vec::new(),
        _ => facts,
    }
}

const DISK: &[Pair] = &[Pair {
    ours: &["bio"],
    theirs: &["biosnoop-libbpf"],
    work: write_to_disk,
    told: |line| {
        let bytes = line.get(6).copied().unwrap_or_default();
        of_place(words(line, &[1, 2, 4, 5, 6]), bytes)
    },
    tell: |event| {
        let facts = texts(event, &["comm", "pid", "rwbs", "sector", "bytes"]);
        of_place(facts, &event["bytes"].to_string())
    },
    // It goes by the release: 5.10's tracepoint has what came with 5.11, and 6.1 has not all functions.
    fails: Some("failed to load BPF object"),
    blind: false,
}];

/// A file that is made, kept for a while and removed: its name.
fn short_lived() -> String {
    let name = tag();
    let path = format!("/tmp/{name}");
    fs::write(&path, "").unwrap();
    thread::sleep(Duration::from_millis(300));
    run(&["rm", &path]);
    name
}

/// Whether a file became as old as that, but not much older.
fn aged(seconds: f64) -> String {
    (0.3..2.0).contains(&seconds).to_string()
}

const LIFE: Pair = Pair {
    ours: &["filelife"],
    theirs: &["filelife-libbpf"],
    work: short_lived,
    told: |line| {
        let mut facts = words(line, &[1, 2, 4]);
        let age = line.get(3).and_then(|age| age.parse().ok());
        facts.push(aged(age.unwrap_or_default()));
        facts
    },
    tell: |event| {
        let mut facts = texts(event, &["pid", "comm", "file"]);
        facts.push(aged(event["age_ns"].as_f64().unwrap() / 1e9));
        facts
    },
    fails: None,
    // 7.x has changed what it reads.
    blind: true,
};

/// A file that is written, synced and read: its name.
fn written_and_read() -> String {
    let name = tag();
    let path = format!("{MOUNTED}/{name}");
    let to = format!("of={path}");
    run(&[
        "dd",
        "if=/dev/zero",
        &to,
        "bs=5000",
        "count=3",
        "conv=fsync",
    ]);
    run(&["dd", &format!("if={path}"), "of=/dev/null", "bs=6000"]);
    fs::remove_file(path).unwrap();
    name
}

const SLOWER: Pair = Pair {
    ours: &["fsslower", "-t", "ext4", "-m", "0"],
    theirs: &["fsslower-libbpf", "-t", "ext4", "-m", "0"],
    work: written_and_read,
    told: |line| match line.get(3) {
        // Of a sync it tells the range.
        Some(&"F") => words(line, &[1, 2, 3, 7]),
        _ => words(line, &[1, 2, 3, 7, 4, 5]),
    },
    tell: |event| {
        let mut facts = texts(event, &["comm", "pid", "operation", "file"]);
        facts[2].truncate(1);
        if facts[2] != "F" {
            facts.extend(texts(event, &["bytes"]));
            let kilo = event["offset"].as_u64().unwrap() / 1024;
            facts.push(kilo.to_string());
        }
        facts
    },
    fails: None,
    blind: false,
};

#[test]
fn requests_to_a_disk_are_told_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    compare_all(DISK);
}

#[test]
fn files_are_told_as_by_debians_tools() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let disk = Disk::new(board.module("loop").to_str().unwrap());
    match Mounted::new(disk, "ext4") {
        Some(_mounted) => compare_all(const { &[LIFE, SLOWER] }),
        None => compare_all(const { &[LIFE] }),
    }
}

/// How often, and how many kB, were read and written of a file by somebody.
type Used = [u64; 4];

/// The sums in all lines that are about a file.
fn sums(lines: &[String], used: impl Fn(&str) -> Option<Used>) -> Used {
    let all = lines.iter().filter_map(|line| used(line));
    all.fold([0; 4], |mut sums, used| {
        sums.iter_mut().zip(used).for_each(|(sum, one)| *sum += one);
        sums
    })
}

#[test]
fn use_of_a_file_is_counted_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let theirs = debian("filetop-libbpf", &["-C", "-r", "100", "1"]);
    if !theirs.begins() {
        return has_failed(theirs, "filetop", None);
    }
    let ours = tool("filetop", &["-r", "100"]);
    let name = tag();
    let path = format!("/tmp/{name}");
    let to = format!("of={path}");
    let writer = run(&["dd", "if=/dev/zero", &to, "bs=4k", "count=10"]);
    // Not to its end: of a read that finds nothing, Debian's counts what was asked for.
    let from = format!("if={path}");
    let reader = run(&["dd", &from, "of=/dev/null", "bs=8k", "count=5"]);
    for (pid, expected) in [(writer, [0, 10, 0, 40]), (reader, [5, 0, 40, 0])] {
        let told = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let about =
                words.first() == Some(&pid.as_str()) && words.last() == Some(&name.as_str());
            let number = |at: usize| words[at].parse::<u64>().expect("a number");
            about.then(|| [number(2), number(3), number(4), number(5)])
        };
        let tell = |line: &str| {
            let entry = json(line);
            let value = &entry["value"];
            let about = is_number(&entry["key"]["pid"], &pid) && value["file"] == name.as_str();
            let number = |column: &str| value[column].as_u64().expect("a number");
            let kilo = |column: &str| number(column) / 1024;
            about.then(|| {
                [
                    number("reads"),
                    number("writes"),
                    kilo("read_bytes"),
                    kilo("write_bytes"),
                ]
            })
        };
        let end = Instant::now() + Duration::from_secs(20);
        let facts = || [sums(&theirs.so_far(), told), sums(&ours.so_far(), tell)];
        while facts() != [expected; 2] && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(facts(), [expected; 2], "{:#?}", theirs.so_far());
    }
    fs::remove_file(path).unwrap();
    ours.stop();
    drop(theirs);
    before.is_restored();
}

/// Waits until Debian's tool shows what it has counted until now, a line a second.
fn shown(theirs: &Watch) {
    let count = theirs.so_far().len();
    theirs.lines(count + 3, |_| true);
}

/// The sums of columns in all lines that begin with a number, or a time.
fn columns<const N: usize>(theirs: &Watch, columns: [usize; N]) -> [u64; N] {
    let mut sums = [0; N];
    for line in theirs.so_far() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words
            .first()
            .is_none_or(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        {
            continue;
        }
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum += words[column].parse::<u64>().expect("a number");
        }
    }
    sums
}

/// A global variable's last value.
fn last<const N: usize>(ours: Watch, columns: [&str; N]) -> [u64; N] {
    let all = objects(&ours.stop());
    let value: &Value = &all.last().expect("a value")["value"];
    columns.map(|column| value[column].as_u64().unwrap_or_else(|| panic!("{value}")))
}

#[test]
fn calls_are_counted_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    const FILES: u64 = 40;
    let before = Snapshot::take();
    let theirs = debian("vfsstat-libbpf", &["1"]);
    if !theirs.begins() {
        return has_failed(theirs, "vfsstat", None);
    }
    let ours = tool("vfsstat", &[]);
    let folder = format!("/tmp/{}", tag());
    for _ in 0..FILES {
        fs::create_dir(&folder).unwrap();
        let path = format!("{folder}/file");
        fs::write(&path, "text").unwrap();
        fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::remove_dir(&folder).unwrap();
    }
    let ours = last(ours, ["unlink", "mkdir", "rmdir", "read", "write", "open"]);
    shown(&theirs);
    let theirs_all = columns(&theirs, [6, 7, 8, 1, 2, 4]);
    println!("vfsstat: {theirs_all:?}, and btfly: {ours:?}");
    let all = format!("{:#?}, and btfly: {ours:?}", theirs.so_far());
    // Nobody else makes folders or removes files. All else on the board reads and writes. What files are made,
    // Debian's counts by a function that an open does not call; a kernel may have no place to see folders go.
    assert_eq!(ours[..2], [FILES; 2], "{all}");
    assert_eq!(theirs_all[..3], ours[..3], "{all}");
    for (ours, theirs) in ours.into_iter().zip(theirs_all).skip(3) {
        assert!(FILES <= ours && ours <= theirs, "{all}");
    }
    drop(theirs);
    before.is_restored();
}

#[test]
fn hits_of_the_cache_are_counted_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    let before = Snapshot::take();
    let theirs = debian("cachestat-libbpf", &["1"]);
    if !theirs.begins() {
        return has_failed(theirs, "cachestat", None);
    }
    // As long as it is open, its pages stay.
    let mut device = OpenOptions::new().read(true).open("/dev/loop0").unwrap();
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    let ours = tool("cachestat", &[]);
    let mut page = [0; 4096];
    for _ in 0..3 {
        device.rewind().unwrap();
        while device.read(&mut page).unwrap() > 0 {}
    }
    let ours = last(ours, ["hits", "misses"]);
    shown(&theirs);
    let theirs_all = columns(&theirs, [0, 1]);
    println!("cachestat: {theirs_all:?}, and btfly: {ours:?}");
    let all = format!("{:#?}, and btfly: {ours:?}", theirs.so_far());
    // In pages of up to 64 kB, or in pieces of more.
    let [hits, misses] = ours;
    assert!(hits >= 32 && misses >= 4, "{all}");
    match theirs_all {
        // It looks at functions for pages, which reading takes no more where there are folios.
        [_, 0] => println!("Debian's cachestat sees nothing of what is read here"),
        [more_hits, more_misses] => {
            assert!(hits <= more_hits && misses <= more_misses, "{all}");
        }
    }
    drop(device);
    drop(theirs);
    before.is_restored();
}
