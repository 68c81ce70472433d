//! Tools that tell of waiting, beside those of Debian's libbpf-tools that they are called after.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::beside::{Pair, compare_all, texts};
use super::{objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tools::{debian, has_failed, words};

/// How long a thread waits for another at least, in microseconds.
const WAIT: u64 = 40_000;

/// Binds this thread to the first CPU; how it is scheduled there, and its number.
fn share_a_cpu(policy: libc::c_int, priority: libc::c_int) -> libc::c_long {
    // Safety: the set and the parameters live through the calls, and are as long as is said.
    unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut cpus);
        let set = libc::sched_setaffinity(0, size_of_val(&cpus), &raw const cpus);
        assert_eq!(set, 0);
        // The C library's own function is none on musl.
        let set = libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const priority);
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        libc::syscall(libc::SYS_gettid)
    }
}

/// A thread wakes while one of higher priority has the CPU of both, and has to wait until that is done.
fn wait_for_another() -> String {
    let (tell, told) = mpsc::channel();
    let (sleep, sleeps) = mpsc::channel();
    let waits = thread::Builder::new().name("waits".into());
    let waits = waits.spawn(move || {
        tell.send(share_a_cpu(libc::SCHED_OTHER, 0)).unwrap();
        sleeps.recv().unwrap();
        thread::sleep(Duration::from_millis(20));
    });
    let tid = told.recv().unwrap();
    let runs = thread::Builder::new().name("runs".into()).spawn(move || {
        share_a_cpu(libc::SCHED_FIFO, 1);
        sleep.send(()).unwrap();
        // The other one goes to sleep meanwhile.
        thread::sleep(Duration::from_millis(10));
        let end = Instant::now() + Duration::from_millis(20) + 2 * Duration::from_micros(WAIT);
        while Instant::now() < end {}
    });
    runs.unwrap().join().unwrap();
    waits.unwrap().join().unwrap();
    tid.to_string()
}

const SLOWER: &[Pair] = &[Pair {
    ours: &["runqslower", "-m", "40000"],
    theirs: &["runqslower-libbpf", "-P", "40000"],
    work: wait_for_another,
    told: |line| words(line, &[1, 2, 4, 5]),
    tell: |event| texts(event, &["comm", "tid", "prev_comm", "prev_tid"]),
    fails: None,
    blind: false,
}];

#[test]
fn waits_for_a_cpu_are_told_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    compare_all(SLOWER);
}

const NAPS: u64 = 10;
const NAP: Duration = Duration::from_millis(40);

/// The functions of a stack, from `schedule` on: what is above belongs to the one who looks.
fn from_schedule<'s>(stack: impl Iterator<Item = &'s str>) -> Vec<String> {
    let names = stack.map(|place| place.split('+').next().unwrap_or_default());
    let names = names.skip_while(|name| *name != "schedule");
    names.map(str::to_owned).collect()
}

/// Functions, and microseconds, of the stack in which a thread naps.
type Nap = (Vec<String>, u64);

/// Debian's writes the functions of a stack each on a line, those of the program behind those of the kernel, then
/// which thread it was, then the time.
fn told(lines: &[String], tid: &str) -> Vec<Nap> {
    let mut found = Vec::new();
    let mut stack = Vec::new();
    let mut own = false;
    for line in lines.iter().map(|line| line.trim()) {
        if line.is_empty() {
            stack.clear();
            own = false;
        } else if line.starts_with("- ") {
            own = line.ends_with(&format!("({tid})"));
        } else if let (true, Ok(time)) = (own, line.parse()) {
            found.push((from_schedule(stack.iter().copied()), time));
        } else if line != "[unknown]" {
            stack.push(line);
        }
    }
    found
}

/// The time in each stack of those in which a thread naps.
fn naps(all: impl Iterator<Item = Nap>) -> BTreeMap<Vec<String>, u64> {
    let mut sums = BTreeMap::new();
    for (stack, time) in all.filter(|nap| nap.0.iter().any(|name| name == "do_nanosleep")) {
        *sums.entry(stack).or_default() += time;
    }
    sums
}

#[test]
fn time_off_cpu_is_told_as_by_debians_tool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let pid = own_pid();
    // It says nothing before its end: what it leaves in the kernel meanwhile tells that it is attached.
    let theirs = debian("offcputime-libbpf", &["-p", &pid, "-m", "20000"]);
    let end = Instant::now() + Duration::from_secs(40);
    while Snapshot::take().since(&before).links.is_empty() {
        if Instant::now() > end {
            return has_failed(theirs, "offcputime", None);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let ours = tool("offcpu", &["-p", &pid, "-m", "20000"]);
    // Both tell of each thread apart: ours of its name, Debian's of its number.
    let thread = thread::Builder::new().name("naps".into()).spawn(|| {
        (0..NAPS).for_each(|_| thread::sleep(NAP));
        // Safety: no memory is involved.
        unsafe { libc::syscall(libc::SYS_gettid) }
    });
    let tid = thread.unwrap().join().unwrap().to_string();
    let ours = objects(&ours.stop());
    theirs.signal(libc::SIGINT);
    let theirs = theirs.end().stdout;
    let own = ours.iter().filter(|entry| entry["key"]["comm"] == "naps");
    let tell = naps(own.map(|entry| {
        let stack = entry["stacks"]["kern_stack_id"]
            .as_array()
            .expect("a stack");
        let names = stack.iter().map(|place| place.as_str().expect("a place"));
        let time = entry["value"]["total_ns"].as_u64().expect("a number");
        (from_schedule(names), time / 1000)
    }));
    let told = naps(told(&theirs, &tid).into_iter());
    println!("offcputime: {told:?}, and btfly: {tell:?}");
    let all = format!("{theirs:#?}, and btfly: {ours:#?}");
    assert!(tell.keys().eq(told.keys()), "{all}");
    let sum = |naps: &BTreeMap<_, u64>| naps.values().sum::<u64>();
    let (ours, theirs) = (sum(&tell), sum(&told));
    // Off the CPU it is a little shorter than asked for.
    let least = NAPS * u64::try_from(NAP.as_micros()).unwrap() * 9 / 10;
    assert!(least <= ours.min(theirs), "{all}");
    assert!(ours.abs_diff(theirs) <= ours / 20, "{all}");
    before.is_restored();
}
