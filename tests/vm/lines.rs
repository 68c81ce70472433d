//! Very many events as JSON: each line is valid, each event is there or accounted for, and memory stays as it is.
//!
//! `BTFLY_LINES` says how many events are sent to each ring (6,000); `scripts/qemu-arm64/bench lines` has a million.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::watch::full;

const OPTION: libc::c_long = 0x6274_6672;
/// What rings.bpf.c is told, bytes of a record, and the most that one call sends.
const PERF: u64 = 0;
const RESERVE: u64 = 2;
const RECORD: usize = 64;
const TIMES: u64 = 32;
/// Records that are on their way at most: fewer than either ring holds.
const WINDOW: u64 = 1500;
/// How often memory is looked at.
const SAMPLES: u64 = 50;

fn send(how: u64, times: u64) {
    // Safety: not an option that the kernel knows: it does nothing.
    unsafe { libc::syscall(libc::SYS_prctl, OPTION, how, RECORD, times, 0) };
}

/// Keeps this thread on the first CPU.
fn stay() {
    // Safety: a set of CPUs that is zeroed, has one added, and is borrowed for the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &set), 0);
    }
}

/// What the lines say.
#[derive(Debug, Default)]
struct Account {
    received: u64,
    lost: u64,
    dropped: u64,
    /// The number that the next event has at least.
    next: u64,
    bytes: u64,
}

impl Account {
    /// Checks a line and takes it into the account.
    fn take(&mut self, line: &str, ring: &str) {
        self.bytes += line.len() as u64 + 1;
        let shown: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        let time = shown["time"].as_str().unwrap_or_default();
        assert!(time.len() == 27 && time.ends_with('Z'), "{line}");
        if let Some(dropped) = shown["dropped"].as_u64() {
            self.dropped += dropped;
            return;
        }
        assert_eq!(shown["map"], ring, "{line}");
        if let Some(lost) = shown["lost"].as_u64() {
            self.lost += lost;
            return;
        }
        assert_eq!(shown["type"], "record", "{line}");
        let number = shown["number"].as_u64().expect("a number");
        assert!(number >= self.next, "{number} after {}: {line}", self.next);
        self.next = number + 1;
        assert!(
            shown["comm"].is_string() && shown["time_ns"].is_u64(),
            "{line}"
        );
        let words = shown["words"].as_array().expect("an array");
        let expected = match ring {
            // What it was filled with: nothing.
            "perf" => 0,
            _ => number,
        };
        let right = words.iter().all(|word| word.as_u64() == Some(expected));
        assert!(words.len() == 3 && right, "{line}");
        self.received += 1;
    }
}

/// kB of a process that are its own, all that it has, and the most that it ever had.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    own: u64,
    resident: u64,
    most: u64,
}

impl Memory {
    fn of(pid: u32) -> Memory {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Memory {
            own: number("RssAnon:"),
            resident: number("VmRSS:"),
            most: number("VmHWM:"),
        }
    }
}

#[test]
fn every_line_is_valid_json_all_is_accounted_for_and_memory_stays_flat() {
    on_board!();
    let before = Snapshot::take();
    let count: u64 = env::var("BTFLY_LINES").map_or(6_000, |n| n.parse().unwrap());
    for (ring, how) in [("perf", PERF), ("ring", RESERVE)] {
        let mut command = full();
        let rings = object("tests/rings.bpf.o");
        command.args([
            "run", &rings, "--event", "record", "--json", "--pages", "64",
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = child.id();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = errors.next().unwrap().unwrap();
        assert!(first.contains("attached"), "{first}");
        let out = BufReader::with_capacity(1 << 16, child.stdout.take().unwrap());
        let seen = AtomicU64::new(0);
        let (mut sent, mut samples) = (0, Vec::new());
        let begun = Instant::now();
        let account = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut account = Account::default();
                for line in out.lines() {
                    account.take(&line.unwrap(), ring);
                    seen.store(account.next, Ordering::Relaxed);
                }
                account
            });
            // Perf rings are one for each CPU, and records of several come in no order.
            stay();
            // First more than anybody takes: what is there for bursts is in use from here on.
            while sent < count / 10 {
                send(how, TIMES);
                sent += TIMES;
            }
            // Until nothing more of it comes.
            let mut last = 0;
            while last < sent {
                sleep(Duration::from_millis(400));
                let now = seen.load(Ordering::Relaxed);
                if now == last && now > 0 {
                    break;
                }
                last = now;
            }
            let flood = sent;
            while sent < flood + count && !reader.is_finished() {
                let on_its_way = || sent - seen.load(Ordering::Relaxed).max(flood).min(sent);
                let patience = Instant::now() + Duration::from_secs(20);
                while on_its_way() > WINDOW && Instant::now() < patience {
                    sleep(Duration::from_millis(1));
                }
                send(how, TIMES);
                sent += TIMES;
                if (sent - flood) * SAMPLES / count > samples.len() as u64 {
                    samples.push(Memory::of(pid));
                }
            }
            let patience = Instant::now() + Duration::from_millis(500);
            while seen.load(Ordering::Relaxed) < sent && Instant::now() < patience {
                sleep(Duration::from_millis(10));
            }
            // Safety: no memory is involved; the child has not been waited for.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGINT) };
            reader.join().unwrap()
        });
        let errors: Vec<String> = errors.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{errors:#?}");
        let (first, last) = (samples[0], samples[samples.len() - 1]);
        let most = samples.iter().map(|memory| memory.own).max().unwrap();
        println!(
            "{ring}: {sent} sent, {} received, {} lost, {} dropped, {} MB of JSON in {:.0?}; kB of its own first {} last {} \
             most {most}, resident first {} last {}, VmHWM {}",
            account.received,
            account.lost,
            account.dropped,
            account.bytes / 1_000_000,
            begun.elapsed(),
            first.own,
            last.own,
            first.resident,
            last.resident,
            last.most,
        );
        let all = account.received + account.lost + account.dropped;
        assert_eq!(all, sent, "{ring}: {account:?} {errors:#?}");
        assert!(
            account.received >= count * 9 / 10,
            "{ring}: {account:?} {errors:#?}"
        );
        // A reader that rests for a moment has up to 1 MiB waiting, and that is all.
        let bound = first.own + 1024 + 2 * (rustix::param::page_size() as u64 / 1024).max(64);
        assert!(most <= bound, "{ring}: {samples:?}");
        before.is_restored();
    }
}
