//! Tools that count, beside those of Debian's libbpf-tools that they are called after: all at once, over the same work.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use super::{counted, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;
use crate::run::prctl;
use crate::show::drawn;
use crate::tool_counts::{Counts, Disk};
use crate::tools::{connection, debian, has_failed};
use crate::watch::{Done, Watch};

/// A tool and Debian's.
struct Pair {
    ours: &'static [&'static str],
    theirs: &'static [&'static str],
    /// What each has counted by its end.
    count: fn(&Done) -> u64,
    counted: fn(&Done) -> u64,
    counts: Counts,
    /// What Debian's tool says on kernels where it does not run.
    fails: Option<&'static str>,
}

const TIMES: u64 = 100;

/// Stands for the process id of this test.
const SELF: &str = "SELF";

/// Something for each tool to count.
fn work() {
    (0..TIMES).for_each(prctl);
    // A CPU is waited for at the end of each, which an interrupt brings.
    (0..TIMES).for_each(|_| thread::sleep(Duration::from_millis(3)));
    // More threads than there are CPUs, each of which has to give its own to another.
    let end = Instant::now() + Duration::from_millis(800);
    let spin = move || while Instant::now() < end {};
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(spin)).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = socket.local_addr().unwrap();
    for _ in 0..TIMES {
        socket.send_to(&[1], own).unwrap();
        socket.recv(&mut [0]).unwrap();
    }
    (0..10).for_each(|_| drop(connection()));
    let mut disk = OpenOptions::new().write(true).open("/dev/loop0").unwrap();
    for _ in 0..40 {
        disk.write_all(&[1; 4096]).unwrap();
        disk.sync_all().unwrap();
    }
    let path = format!("/tmp/{}", tag());
    for _ in 0..TIMES {
        fs::write(&path, "").unwrap();
        fs::remove_file(&path).unwrap();
    }
}

/// All that our histograms have.
fn of_histograms(done: &Done) -> u64 {
    let all = objects(done);
    let histograms = all.iter().filter(|object| object["histogram"].is_array());
    histograms.map(|histogram| counted(histogram, 0).0).sum()
}

/// The same of what was drawn.
fn of_drawn(done: &Done) -> u64 {
    drawn(&done.stdout).iter().map(|(_, count)| count).sum()
}

const PAIRS: &[Pair] = &[
    Pair {
        ours: &["funclatency", "__arm64_sys_prctl", "-p", SELF],
        theirs: &["funclatency", "-p", SELF, "__arm64_sys_prctl"],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::Exactly(TIMES),
        fails: None,
    },
    Pair {
        ours: &["syscount", "-p", SELF, "-s", "prctl"],
        theirs: &["syscount", "-p", SELF, "-T", "400"],
        count: |done| {
            let all = objects(done);
            let row = all.iter().find(|row| row["key"] == "prctl");
            row.map_or(0, |row| row["value"]["calls"].as_u64().unwrap())
        },
        counted: |done| {
            // Names of system calls are made by a program that is not on the board.
            let end = format!("{}]", libc::SYS_prctl);
            let rows = done
                .stdout
                .iter()
                .map(|line| line.split_whitespace().collect());
            let row = rows
                .into_iter()
                .find(|row: &Vec<&str>| row.get(1) == Some(&end.as_str()));
            row.map_or(0, |row| row[2].parse().unwrap())
        },
        counts: Counts::Exactly(TIMES),
        fails: None,
    },
    Pair {
        ours: &["runqlat", "-p", SELF],
        theirs: &["runqlat", "-p", SELF],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(TIMES * 3 / 4),
        fails: None,
    },
    Pair {
        // Of time on a CPU, Debian's counts only what ended because another had to run.
        ours: &["cpudist", "-O", "-p", SELF],
        theirs: &["cpudist", "-O", "-p", SELF],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(8),
        fails: None,
    },
    Pair {
        ours: &["hardirqs", "-d"],
        theirs: &["hardirqs", "-d"],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(TIMES * 3 / 4),
        fails: None,
    },
    Pair {
        ours: &["softirqs", "-d"],
        theirs: &["softirqs", "-d"],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(TIMES),
        fails: None,
    },
    Pair {
        ours: &["biolatency"],
        theirs: &["biolatency"],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(40),
        // It goes by the release, and Debian's 5.10 has what came with 5.11.
        fails: Some("func 'block_rq_issue' doesn't have 2-th argument"),
    },
    Pair {
        ours: &["tcprtt"],
        theirs: &["tcprtt"],
        count: of_histograms,
        counted: of_drawn,
        counts: Counts::AtLeast(10),
        fails: None,
    },
];

/// With its own process id where that is asked for.
fn own(words: &[&str]) -> Vec<String> {
    let own = own_pid();
    words.iter().map(|word| word.replace(SELF, &own)).collect()
}

impl Pair {
    fn theirs(&self) -> Watch {
        let words = own(self.theirs);
        let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        debian(&words[0], &args)
    }

    fn ours(&self) -> Watch {
        let words = own(self.ours);
        let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        tool(&words[0], &args)
    }

    fn compare(&self, ours: &Done, theirs: &Done) {
        let (count, counted) = ((self.count)(ours), (self.counted)(theirs));
        let name = self.theirs[0];
        let all = format!("{name}: {counted}, and btfly: {count}");
        println!("{all}");
        let right = match self.counts {
            Counts::Exactly(times) => (counted, count) == (times, times),
            Counts::AtLeast(least) => least <= count && count <= counted,
        };
        assert!(right, "{all}: {theirs:#?}, {ours:#?}");
    }
}

#[test]
fn tools_count_what_debians_count() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    let before = Snapshot::take();
    // Debian's run before ours and after them, and count all that ours do.
    let started: Vec<_> = PAIRS.iter().map(|pair| (pair, pair.theirs())).collect();
    let mut begun = Vec::new();
    for (pair, theirs) in started {
        match theirs.begins() {
            true => begun.push((pair, theirs)),
            false => has_failed(theirs, pair.theirs[0], pair.fails),
        }
    }
    let ours: Vec<_> = begun.iter().map(|(pair, _)| pair.ours()).collect();
    work();
    let ours: Vec<_> = ours.into_iter().map(Watch::stop).collect();
    for ((pair, theirs), ours) in begun.into_iter().zip(&ours) {
        theirs.signal(libc::SIGINT);
        pair.compare(ours, &theirs.end());
    }
    before.is_restored();
}
