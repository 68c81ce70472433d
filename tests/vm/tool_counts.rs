//! The objects inside Debian's libbpf-tools that count, each run beside the tool that it comes from.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::run::prctl;
use crate::show::drawn;
use crate::tools::{carved, connection, debian, has_failed, run};

/// A tool that counts, in a histogram.
struct Counting {
    tool: &'static str,
    args: &'static [&'static str],
    options: &'static [&'static str],
    work: fn(),
    counts: Counts,
    /// What Debian's tool says on kernels where it does not run.
    fails: Option<&'static str>,
}

/// How many it has to count.
pub enum Counts {
    /// Nothing else on the board adds to it.
    Exactly(u64),
    /// So many by the work, and more by all else, of which the one that runs longer sees more.
    AtLeast(u64),
}

const CALLS: u64 = 200;

/// Waits for a CPU, over and over.
fn naps() {
    (0..CALLS).for_each(|_| thread::sleep(Duration::from_millis(3)));
}

/// More threads than there are CPUs, each of which has to give its own to another.
fn spins() {
    let end = Instant::now() + Duration::from_millis(800);
    let spin = move || while Instant::now() < end {};
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(spin)).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// Packets to oneself, one after the other.
fn packets() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = socket.local_addr().unwrap();
    for _ in 0..CALLS {
        socket.send_to(&[1], own).unwrap();
        socket.recv(&mut [0]).unwrap();
    }
}

fn calls() {
    (0..CALLS).for_each(prctl);
}

/// Stands for the process id of this test.
const SELF: &str = "SELF";

const COUNTING: &[Counting] = &[
    Counting {
        tool: "funclatency",
        args: &["-p", SELF, "__arm64_sys_prctl"],
        options: &[
            "--attach",
            "dummy_kprobe=__arm64_sys_prctl",
            "--attach",
            "dummy_kretprobe=__arm64_sys_prctl",
            "--set",
            "targ_tgid=SELF",
            "--hist",
            "hist:nsec",
        ],
        work: calls,
        counts: Counts::Exactly(CALLS),
        fails: None,
    },
    Counting {
        tool: "tcpsynbl",
        args: &[],
        options: &[
            "--prog",
            "tcp_v4_syn_recv_kprobe",
            "--prog",
            "tcp_v6_syn_recv_kprobe",
            "--hist",
            "hists:backlog",
        ],
        work: || (0..10).for_each(|_| drop(connection())),
        counts: Counts::Exactly(10),
        fails: None,
    },
    Counting {
        tool: "runqlat",
        args: &["-p", SELF],
        options: &[
            "--set",
            "targ_tgid=SELF",
            "--prog",
            "sched_wakeup",
            "--prog",
            "sched_wakeup_new",
            "--prog",
            "sched_switch",
            "--hist",
            "hists:usecs",
        ],
        work: naps,
        counts: Counts::AtLeast(150),
        fails: None,
    },
    Counting {
        tool: "cpudist",
        args: &["-p", SELF],
        options: &[
            "--set",
            "targ_tgid=SELF",
            "--prog",
            "sched_switch_btf",
            "--resize",
            "start=10240",
            "--resize",
            "hists=10240",
            "--hist",
            "hists:usecs",
        ],
        work: spins,
        counts: Counts::AtLeast(8),
        fails: None,
    },
    Counting {
        tool: "hardirqs",
        args: &["-d"],
        options: &[
            "--set",
            "targ_dist=true",
            "--prog",
            "irq_handler_entry_btf",
            "--prog",
            "irq_handler_exit_btf",
            "--hist",
            "infos:usecs",
        ],
        work: naps,
        counts: Counts::AtLeast(150),
        fails: None,
    },
    Counting {
        tool: "softirqs",
        args: &["-d"],
        options: &[
            "--set",
            "targ_dist=true",
            "--prog",
            "softirq_entry_btf",
            "--prog",
            "softirq_exit_btf",
            "--hist",
            "hists:usecs",
        ],
        work: packets,
        counts: Counts::AtLeast(200),
        fails: None,
    },
    Counting {
        tool: "biolatency",
        args: &[],
        options: &[
            "--prog",
            "block_rq_insert_btf",
            "--prog",
            "block_rq_issue_btf",
            "--prog",
            "block_rq_complete_btf",
            "--hist",
            "hists:usecs",
        ],
        work: || {
            let mut disk = fs::OpenOptions::new()
                .write(true)
                .open("/dev/loop0")
                .unwrap();
            for _ in 0..40 {
                disk.write_all(&[1; 4096]).unwrap();
                disk.sync_all().unwrap();
            }
        },
        counts: Counts::AtLeast(40),
        // It goes by the release, and Debian's 5.10 has what came with 5.11.
        fails: Some("func 'block_rq_issue' doesn't have 2-th argument"),
    },
];

impl Counting {
    fn compare(&self) {
        let tool = self.tool;
        let pid = process::id().to_string();
        let own = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| word.replace(SELF, &pid)).collect()
        };
        let (args, options) = (own(self.args), own(self.options));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let theirs = debian(tool, &args);
        if !theirs.begins() {
            return has_failed(theirs, tool, self.fails);
        }
        let ours = carved(tool, &options, "");
        ours.attached();
        (self.work)();
        // The other one runs before and after, and counts all that this one does.
        let ours = ours.stop().stdout;
        theirs.signal(libc::SIGINT);
        let theirs = theirs.end().stdout;
        // What stands above the ranges, and a row but for what it counts.
        let shape = |lines: &[String]| {
            let header = lines.iter().find(|line| line.contains(": count "))?;
            let row = lines.iter().find(|line| line.contains(" -> "))?;
            let places = [
                row.find("->"),
                row.find(" : "),
                row.find('|'),
                row.rfind('|'),
            ];
            Some((header.clone(), places))
        };
        let all = format!("{tool}: {theirs:#?}, and btfly: {ours:#?}");
        assert!(
            shape(&ours).is_some() && shape(&ours) == shape(&theirs),
            "{all}"
        );
        let total = |lines: &[String]| drawn(lines).iter().map(|(_, count)| count).sum::<u64>();
        let (ours, theirs) = (total(&ours), total(&theirs));
        println!("{tool}: {theirs}, and btfly: {ours}");
        match self.counts {
            Counts::Exactly(expected) => {
                assert_eq!((theirs, ours), (expected, expected), "{all}");
            }
            Counts::AtLeast(least) => assert!(least <= ours && ours <= theirs, "{all}"),
        }
    }
}

/// A block device in memory, until it is dropped.
pub struct Disk;

impl Disk {
    pub fn new(module: &str) -> Disk {
        run(&["insmod", module]);
        run(&["dd", "if=/dev/zero", "of=/tmp/disk", "bs=4k", "count=256"]);
        run(&["losetup", "/dev/loop0", "/tmp/disk"]);
        let sectors = fs::read_to_string("/sys/block/loop0/size").unwrap_or_default();
        assert_eq!(sectors.trim(), "2048", "the size of /dev/loop0");
        Disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(&["losetup", "-d", "/dev/loop0"]);
        run(&["rmmod", "loop"]);
        let _ = fs::remove_file("/tmp/disk");
    }
}

#[test]
fn histograms_are_drawn_as_by_debians_tools() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    let before = Snapshot::take();
    COUNTING.iter().for_each(Counting::compare);
    before.is_restored();
}

#[test]
fn system_calls_are_counted_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let pid = process::id().to_string();
    let theirs = debian("syscount", &["-p", &pid]);
    theirs.line("its banner", |line| line.starts_with("Tracing "));
    let ours = carved(
        "syscount",
        &["--set", &format!("filter_pid={pid}"), "--show", "data"],
        "",
    );
    ours.attached();
    calls();
    ours.signal(libc::SIGINT);
    theirs.signal(libc::SIGINT);
    let (ours, theirs) = (ours.end().stdout, theirs.end().stdout);
    let number = libc::SYS_prctl.to_string();
    let count = |lines: &[String], wanted: &dyn Fn(&[&str]) -> bool, at: usize| {
        let found = lines.iter().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            wanted(&words).then(|| words.get(at)?.parse::<u64>().ok())
        });
        found.flatten()
    };
    // Names of system calls are made by a program that is not on the board.
    let end = format!("{number}]");
    let theirs_count = count(&theirs, &|words| words.get(1) == Some(&end.as_str()), 2);
    let ours_count = count(&ours, &|words| words.first() == Some(&number.as_str()), 1);
    assert_eq!(
        (theirs_count, ours_count),
        (Some(CALLS), Some(CALLS)),
        "{theirs:#?} {ours:#?}"
    );
}
