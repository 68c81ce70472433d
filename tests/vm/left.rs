//! What a loader may leave in the kernel: programs, maps, BTF objects, links, events of probes.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

// Commands of bpf(2), from linux/bpf.h.
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_MAP_GET_NEXT_ID: libc::c_int = 12;
const BPF_BTF_GET_NEXT_ID: libc::c_int = 23;
const BPF_LINK_GET_NEXT_ID: libc::c_int = 31;

/// All that is there at a moment.
#[derive(Debug)]
pub struct Snapshot {
    pub programs: BTreeSet<u32>,
    pub maps: BTreeSet<u32>,
    pub btfs: BTreeSet<u32>,
    pub links: BTreeSet<u32>,
    /// Lines of kprobe_events and uprobe_events.
    pub events: BTreeSet<String>,
    /// Probed places of the kernel, without their addresses.
    pub kprobes: BTreeSet<String>,
}

impl Snapshot {
    pub fn take() -> Snapshot {
        Snapshot {
            programs: ids(BPF_PROG_GET_NEXT_ID),
            maps: ids(BPF_MAP_GET_NEXT_ID),
            btfs: ids(BPF_BTF_GET_NEXT_ID),
            links: ids(BPF_LINK_GET_NEXT_ID),
            events: &lines("/sys/kernel/tracing/kprobe_events", 0)
                | &lines("/sys/kernel/tracing/uprobe_events", 0),
            kprobes: lines("/sys/kernel/debug/kprobes/list", 1),
        }
    }

    /// What has come since `before`. The kernel gives no id twice, so that what goes meanwhile,
    /// as it frees some things a little later, makes no difference.
    pub fn since(&self, before: &Snapshot) -> Snapshot {
        Snapshot {
            programs: &self.programs - &before.programs,
            maps: &self.maps - &before.maps,
            btfs: &self.btfs - &before.btfs,
            links: &self.links - &before.links,
            events: &self.events - &before.events,
            kprobes: &self.kprobes - &before.kprobes,
        }
    }

    fn is_empty(&self) -> bool {
        let ids = [&self.programs, &self.maps, &self.btfs, &self.links];
        ids.iter().all(|ids| ids.is_empty()) && self.events.is_empty() && self.kprobes.is_empty()
    }

    /// Checks that nothing is there which was not there at this snapshot.
    #[track_caller]
    pub fn is_restored(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let new = Snapshot::take().since(self);
            if new.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "left behind: {new:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Ids of a kind: bpf(2) answers ENOENT after the last.
fn ids(command: libc::c_int) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut last = 0u32;
    loop {
        // start_id, next_id, open_flags
        let mut attr = [last, 0u32, 0];
        let size = size_of_val(&attr);
        // Safety: the kernel reads and writes `size` bytes of `attr`, which lives on.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size) };
        if result != 0 {
            let error = std::io::Error::last_os_error();
            assert_eq!(
                error.raw_os_error(),
                Some(libc::ENOENT),
                "bpf({command}): {error}"
            );
            return found;
        }
        last = attr[1];
        found.insert(last);
    }
}

/// Lines of a file without their first `skip` words; none where there is no such file.
fn lines(path: &str, skip: usize) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let rest = |line: &str| {
        line.split_whitespace()
            .skip(skip)
            .collect::<Vec<_>>()
            .join(" ")
    };
    text.lines().map(rest).collect()
}
