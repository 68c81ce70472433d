//! How soon a tool is attached, whatever it prints, and its memory and CPU time over a workload.
//!
//! The time is from the beginning of its exec to the return of the last call by which it joins the kernel: opening
//! or enabling a perf event, giving it a program, or making a link, as the kernel's own trace of system calls has it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error, Read, Result};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The numbers of execve, bpf, perf_event_open and ioctl on arm64.
const EXECVE: &str = "221";
const BPF: &str = "280";
const PERF_EVENT_OPEN: &str = "241";
const IOCTL: &str = "29";

/// Of bpf(2): BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE.
const LINKS: [&str; 2] = ["(11,", "(1c,"];

/// Of ioctl(2), after the descriptor: PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_SET_BPF.
const EVENTS: [&str; 2] = ["2400,", "40042408,"];

const TRACING: &str = "/sys/kernel/tracing";

/// Longer than any tool takes to be attached.
const REST: Duration = Duration::from_secs(3);

/// A tool shows by then what it has counted in a second.
const AFTER: Duration = Duration::from_millis(1500);

/// Most lines that are kept of what it says on standard error.
const KEPT: usize = 3;

/// What was found out about a tool.
#[derive(Default)]
pub struct Attached {
    pub ready_us: u64,
    /// At rest, and after the workload.
    pub rest: Memory,
    pub end: Memory,
    pub max_rss: u64,
    /// What the workload took.
    pub work_us: u64,
    /// User and kernel, from rest to the end.
    pub cpu_us: u64,
    /// The same from its start on, as the kernel accounts for it in `rusage`.
    pub cpu_all_us: u64,
    pub lines: u64,
    /// The last that it said on standard error.
    pub said: Vec<String>,
}

/// Memory in kB: all that was ever resident, and what is its own now.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    pub high_water: u64,
    pub own: u64,
}

/// Runs the tool with its output on `output`, and the workload when it is attached.
pub fn measure(
    mut command: Command,
    (output, input): (File, OwnedFd),
    workload: &str,
) -> Result<Attached> {
    command.stdout(Stdio::from(input)).stderr(Stdio::piped());
    let set = |file: &str, value: &str| fs::write(format!("{TRACING}/{file}"), value);
    let calls =
        format!("id == {EXECVE} || id == {BPF} || id == {PERF_EVENT_OPEN} || id == {IOCTL}");
    set("buffer_size_kb", "4096")?;
    set("events/raw_syscalls/filter", &calls)?;
    set("trace", "")?;
    set("events/raw_syscalls/enable", "1")?;
    let mut child = command.spawn()?;
    drop(command); // and with it our copy of the writing end
    let lines = count(output);
    let said = last(child.stderr.take());
    thread::sleep(REST);
    set("events/raw_syscalls/enable", "0")?;
    let seen = see(&mut child, workload);
    // Safety: no memory is involved; the child has not been waited for, so the pid is its own.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
    let (_, usage) = super::wait(&child)?;
    let mut seen = seen?;
    seen.ready_us = attached_us(child.id())?;
    seen.max_rss = usage.ru_maxrss.cast_unsigned();
    let us = |time: libc::timeval| {
        time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned()
    };
    seen.cpu_all_us = us(usage.ru_utime) + us(usage.ru_stime);
    seen.lines = lines.join().unwrap_or_default();
    seen.said = said.join().unwrap_or_default();
    Ok(seen)
}

/// What there is to see while it runs.
fn see(child: &mut Child, workload: &str) -> Result<Attached> {
    let pid = child.id();
    let (rest, before) = (memory(pid)?, cpu_us(pid)?);
    let mut work = Command::new("/bin/sh");
    work.args(["-c", workload])
        .stdout(Stdio::null())
        .stdin(Stdio::null());
    // Of its own, so that the tool's end is not its end.
    let begun = super::monotonic_us();
    work.process_group(0).status()?;
    let work_us = super::monotonic_us() - begun;
    thread::sleep(AFTER);
    Ok(Attached {
        rest,
        work_us,
        end: memory(pid)?,
        cpu_us: cpu_us(pid)? - before,
        ..Attached::default()
    })
}

/// Reads all that comes, and counts its lines.
fn count(mut output: File) -> JoinHandle<u64> {
    thread::spawn(move || {
        let (mut bytes, mut lines) = ([0; 65536], 0);
        // A terminal ends with EIO, a pipe with 0.
        while let Ok(read @ 1..) = output.read(&mut bytes) {
            lines += bytes[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
        }
        lines
    })
}

/// Reads all that comes, and keeps the last lines.
fn last(errors: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut kept = VecDeque::new();
        let lines = errors.map(|errors| BufReader::new(errors).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            kept.push_back(line);
            if kept.len() > KEPT {
                kept.pop_front();
            }
        }
        kept.into()
    })
}

/// `VmHWM` and `RssAnon` of /proc/PID/status. An error once it has ended.
fn memory(pid: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
    };
    let ended = || Error::other("it ended by itself");
    Ok(Memory {
        high_water: field("VmHWM:").ok_or_else(ended)?,
        own: field("RssAnon:").ok_or_else(ended)?,
    })
}

/// The time of all its threads on a CPU, by its own clock, which small kernels have, too.
fn cpu_us(pid: u32) -> Result<u64> {
    // CPUCLOCK_SCHED of a process: posix-timers.h.
    let clock = (!pid.cast_signed() << 3) | 2;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // Safety: the time lives through the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(Error::last_os_error());
    }
    Ok(time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_nsec.cast_unsigned() / 1000)
}

/// From the beginning of its exec to the end of its last call that attaches.
fn attached_us(pid: u32) -> Result<u64> {
    // Line by line: what is resident here counts as the next command's, which begins as a copy of this.
    let trace = BufReader::new(File::open(format!("{TRACING}/trace"))?);
    let of = format!("-{pid} ");
    let (mut begun, mut end, mut attaches) = (None, None, false);
    for line in trace.lines() {
        let line = line?;
        let Some((task, rest)) = line.split_once('[') else {
            continue;
        };
        // CPU, flags, time, event, NR, number, and arguments or a result.
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [_, _, time, event, _, number, args @ ..] = &words[..] else {
            continue;
        };
        if !task.contains(&of) {
            continue;
        }
        let time = microseconds(time.trim_end_matches(':'));
        match (*event, *number) {
            ("sys_enter:", EXECVE) => begun = begun.or(time),
            ("sys_enter:", PERF_EVENT_OPEN) => attaches = true,
            ("sys_enter:", BPF) => attaches = args.first().is_some_and(|a| LINKS.contains(a)),
            ("sys_enter:", IOCTL) => attaches = args.get(1).is_some_and(|a| EVENTS.contains(a)),
            ("sys_exit:", _) if attaches => end = time,
            _ => {}
        }
    }
    let (Some(begun), Some(end)) = (begun, end) else {
        return Err(Error::other("it was not seen to attach"));
    };
    Ok(end - begun)
}

/// `SECONDS.MICROSECONDS`.
fn microseconds(time: &str) -> Option<u64> {
    let (seconds, parts) = time.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + parts.parse::<u64>().ok()?)
}
