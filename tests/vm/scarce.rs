//! Rings that there is no memory for, or that a user may not have: refused with what to do.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::board::{object, on_board, pages_of_memory, version};
use crate::hostile::Disk;
use crate::left::Snapshot;
use crate::watch::{Watch, full};

const USAGE: i32 = 1;
const PERMISSION: i32 = 4;
const OTHER: i32 = 6;

/// kB of memory that can be had.
fn available() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// A command without a power: of linux/capability.h.
fn without(powers: &'static [libc::c_ulong]) -> Command {
    let mut command = full();
    // Safety: between fork and exec only system calls are made, on numbers and on memory that lives on.
    unsafe {
        command.pre_exec(move || {
            let little = libc::rlimit {
                rlim_cur: 64 * 1024,
                rlim_max: 64 * 1024,
            };
            let mut result = libc::setrlimit(libc::RLIMIT_MEMLOCK, &little);
            for power in powers {
                result |= libc::prctl(libc::PR_CAPBSET_DROP, *power, 0, 0, 0);
            }
            match result {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    command
}

#[test]
fn rings_that_there_is_no_memory_for_are_refused_with_what_to_do() {
    on_board!();
    let before = Snapshot::take();
    const IPC_LOCK: libc::c_ulong = 14;
    let rings = object("tests/rings.bpf.o");
    // About a quarter of what the machine has, for two CPUs, where less than twice as much can be had. What a CPU
    // keeps for itself of pages that were freed, in all an eighth on newer kernels, does not count as available,
    // and may do so a moment later.
    let pages = (pages_of_memory() / 8).next_power_of_two();
    let number = pages.to_string();
    let many = ["run", &rings, "--event", "record", "--pages", &number];
    let needed = 2 * (pages * rustix::param::page_size()) as u64 / 1024;
    let disk = Disk::new("/tmp/eaten", "100%");
    let mut eaten = File::create(format!("{}/file", disk.0)).unwrap();
    while available() > needed + needed / 2 {
        eaten.write_all(&vec![1; 1 << 20]).unwrap();
    }
    let mut command = full();
    let told = format!("{number} pages");
    let words = [&told, "MiB are available", "--pages N"];
    Watch::spawn({
        command.args(many);
        command
    })
    .end()
    .failed(OTHER, &words);
    drop((eaten, disk));
    before.is_restored();
    // There is memory, but this user may not take so much of it.
    let few = ["run", &rings, "--event", "record", "--pages", "1024"];
    let has_room = 2 * 1024 * rustix::param::page_size() as u64 / 1024 <= available() / 2;
    // Older kernels count maps, too, and the limit is raised for those.
    if !has_room || version() < (5, 11) {
        return;
    }
    let mut command = without(&[IPC_LOCK]);
    command.args(few);
    let words = ["pages", "mapped", "perf_event_mlock_kb", "--pages"];
    Watch::spawn(command).end().failed(PERMISSION, &words[1..]);
    before.is_restored();
}

#[test]
fn a_ring_buffer_that_there_is_no_memory_for_is_refused_with_what_to_do() {
    on_board!();
    const RESOURCE: libc::c_ulong = 24;
    let before = Snapshot::take();
    let rings = object("tests/rings.bpf.o");
    let huge = [
        "run",
        &rings,
        "--event",
        "record",
        "--resize",
        "ring=67108864",
    ];
    if version() < (5, 11) {
        // Maps are counted as locked memory.
        let mut command = without(&[RESOURCE]);
        command.args(huge);
        Watch::spawn(command)
            .end()
            .failed(PERMISSION, &["map", "locked memory", "ulimit -l"]);
    } else if let Some(group) = Group::new("hostile", "32M") {
        let mut command = group.command();
        command.args(huge);
        let words = ["map ring", "memory"];
        Watch::spawn(command).end().failed(OTHER, &words);
    }
    before.is_restored();
    // Not a power of two, and not whole pages.
    let mut command = full();
    command.args([
        "run",
        &rings,
        "--event",
        "record",
        "--resize",
        "ring=0",
        "--duration",
        "0",
    ]);
    let done = Watch::spawn(command).end();
    assert!(done.code == Some(USAGE), "{done:#?}");
    done.failed(USAGE, &["ring"]);
    before.is_restored();
}

/// A control group with little memory, until it is dropped.
struct Group(String);

impl Group {
    fn new(name: &str, most: &str) -> Option<Group> {
        let root = "/sys/fs/cgroup";
        fs::write(format!("{root}/cgroup.subtree_control"), "+memory").ok()?;
        let group = Group(format!("{root}/{name}"));
        fs::create_dir_all(&group.0).ok()?;
        fs::write(format!("{}/memory.max", group.0), most).ok()?;
        Some(group)
    }

    fn command(&self) -> Command {
        let procs = OpenOptions::new()
            .write(true)
            .open(format!("{}/cgroup.procs", self.0));
        let procs = procs.unwrap();
        let mut command = full();
        // Safety: between fork and exec one system call is made, on a file that was moved in.
        unsafe { command.pre_exec(move || (&procs).write_all(b"0")) };
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
