//! Measures how soon a tracing tool is ready and how much memory it takes: for `scripts/qemu-arm64/bench`.
//!
//! `ready [--runs N] [--events N] [--pty] [--end] -- COMMAND…` starts the command with its output on a pipe
//! (or a terminal: some tools flush their header only there), reads its first line, then starts
//! `/bin/true` as often as `--events` says and reads as many lines, then sends SIGINT and waits. With
//! `--end` it lets the command end by itself, and that is what it measures. It
//! prints one line of `name=value`: microseconds from just before the start to the first line read, and kB
//! of memory, the largest of all runs.
//!
//! With `--while SCRIPT` it asks the kernel when the command is attached, whatever that prints, and runs the script
//! then: see `ready/attached.rs`. The quickest of the runs counts.

#[path = "ready/attached.rs"]
mod attached;

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};

/// How long to wait for the first line, in milliseconds.
const PATIENCE_MS: i32 = 60_000;

/// How long nothing comes before no more is expected, in milliseconds.
const QUIET_MS: i32 = 1000;

struct Options {
    runs: usize,
    events: usize,
    channel: Channel,
    until: Until,
    workload: Option<String>,
    command: Vec<String>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    FirstLine,
    End,
}

#[derive(Clone, Copy)]
enum Channel {
    Pipe,
    Terminal,
}

/// Memory of a process in kB, as the kernel counts it at one moment.
#[derive(Default)]
struct Memory {
    high_water: u64,
    resident: u64,
}

#[derive(Default)]
struct Run {
    ready_us: u64,
    at_header: Memory,
    after_events: Memory,
    max_rss: u64,
    lines: usize,
}

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprintln!(
            "usage: ready [--runs N] [--events N] [--pty] [--end] [--while SCRIPT] -- COMMAND..."
        );
        return ExitCode::from(1);
    };
    let done = match &options.workload {
        Some(workload) => measure_while(&options, workload),
        None => (0..options.runs)
            .map(|_| measure(&options))
            .collect::<Result<Vec<Run>>>()
            .map(|runs| report(&runs)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ready: {}: {error}", options.command[0]);
            ExitCode::from(6)
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        runs: 1,
        events: 0,
        channel: Channel::Pipe,
        until: Until::FirstLine,
        workload: None,
        command: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--runs" => options.runs = args.next()?.parse().ok().filter(|&n| n > 0)?,
            "--events" => options.events = args.next()?.parse().ok()?,
            "--end" => options.until = Until::End,
            "--while" => options.workload = Some(args.next()?),
            "--pty" => options.channel = Channel::Terminal,
            "--" => {
                options.command = args.collect();
                break;
            }
            _ => return None,
        }
    }
    (!options.command.is_empty()).then_some(options)
}

impl Options {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command
    }

    /// What the command writes to, and where that is read.
    fn output(&self) -> Result<(File, OwnedFd)> {
        match self.channel {
            Channel::Pipe => {
                let (reader, writer) = std::io::pipe()?;
                Ok((File::from(OwnedFd::from(reader)), OwnedFd::from(writer)))
            }
            Channel::Terminal => terminal(),
        }
    }
}

/// One start of the command, to its end.
fn measure(options: &Options) -> Result<Run> {
    let (mut output, input) = options.output()?;
    let mut command = options.command();
    command.stdout(Stdio::from(input));
    let started = monotonic_us();
    let mut child = command.spawn()?;
    drop(command); // and with it our copy of the writing end
    if options.until == Until::End {
        return whole(child, output, started);
    }
    let run = watch(&child, &mut output, started, options.events);
    if run.is_err() {
        // It would disturb what is measured next.
        child.kill()?;
        child.wait()?;
    }
    let mut run = run?;
    run.max_rss = stop(child, output)?;
    Ok(run)
}

/// The command over a workload, as often as asked for: one line about all.
fn measure_while(options: &Options, workload: &str) -> Result<()> {
    // How soon it is attached, all runs tell; the rest, the last one.
    let runs: Result<Vec<_>> = (1..=options.runs)
        .map(|run| {
            let workload = if run == options.runs { workload } else { "" };
            attached::measure(options.command(), options.output()?, workload)
        })
        .collect();
    let runs = runs?;
    let largest = |value: fn(&attached::Attached) -> u64| runs.iter().map(value).max().unwrap_or(0);
    let last = runs.last().ok_or(ErrorKind::NotFound)?;
    println!(
        "first_us={} min_us={} hwm_rest={} hwm_end={} own_rest={} own_end={} maxrss={} work_us={} cpu_us={} cpu_all_us={} lines={} said={}",
        runs[0].ready_us,
        runs.iter().map(|run| run.ready_us).min().unwrap_or(0),
        largest(|run| run.rest.high_water),
        largest(|run| run.end.high_water),
        largest(|run| run.rest.own),
        largest(|run| run.end.own),
        largest(|run| run.max_rss),
        last.work_us,
        last.cpu_us,
        last.cpu_all_us,
        last.lines,
        last.said.join(" / "),
    );
    Ok(())
}

/// What is known of a command that ended by itself: an error if it failed.
fn whole(child: Child, mut output: File, started: u64) -> Result<Run> {
    let mut bytes = [0; 4096];
    while output.read(&mut bytes).is_ok_and(|n| n > 0) {}
    let (status, usage) = wait(&child)?;
    let ready_us = monotonic_us() - started;
    if status != 0 {
        return Err(Error::other("it failed"));
    }
    Ok(Run {
        ready_us,
        max_rss: usage.ru_maxrss.cast_unsigned(),
        ..Run::default()
    })
}

/// What there is to see while the command runs.
fn watch(child: &Child, output: &mut File, started: u64, events: usize) -> Result<Run> {
    let mut run = Run::default();
    let mut lines = 0;
    while lines == 0 {
        lines += read_lines(output, PATIENCE_MS)?.ok_or(ErrorKind::TimedOut)?;
    }
    run.ready_us = monotonic_us() - started;
    run.at_header = memory(child);

    for _ in 0..events {
        Command::new("/bin/true").status()?;
        lines += read_lines(output, 0)?.unwrap_or(0);
    }
    // A tool may lose events: what has not come after a quiet second does not come.
    while lines <= events {
        let Some(more) = read_lines(output, QUIET_MS)? else {
            break;
        };
        lines += more;
    }
    run.after_events = memory(child);
    run.lines = lines;
    Ok(run)
}

/// Newlines among the next bytes; `None` when none came in time. The end of the output is an error.
fn read_lines(output: &mut File, wait_ms: i32) -> Result<Option<usize>> {
    let mut poll = libc::pollfd {
        fd: output.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // Safety: one pollfd, on the stack for the time of the call.
    match unsafe { libc::poll(&mut poll, 1, wait_ms) } {
        0 => return Ok(None),
        1 => {}
        _ => return Err(Error::last_os_error()),
    }
    let mut bytes = [0; 4096];
    match output.read(&mut bytes)? {
        0 => Err(Error::new(ErrorKind::UnexpectedEof, "it ended by itself")),
        n => Ok(Some(
            bytes[..n].iter().filter(|&&byte| byte == b'\n').count(),
        )),
    }
}

/// Interrupts the child, reads what it still has to say, and gives its `ru_maxrss` in kB.
fn stop(child: Child, mut output: File) -> Result<u64> {
    let pid = child.id().cast_signed();
    // Safety: no memory is involved; the child has not been waited for, so the pid is its own.
    unsafe { libc::kill(pid, libc::SIGINT) };
    let mut bytes = [0; 4096];
    // A terminal ends with EIO, a pipe with 0.
    while output.read(&mut bytes).is_ok_and(|n| n > 0) {}
    Ok(wait(&child)?.1.ru_maxrss.cast_unsigned())
}

/// Waits for the child: its status, and what it used.
fn wait(child: &Child) -> Result<(i32, libc::rusage)> {
    let pid = child.id().cast_signed();
    let mut status = 0;
    // Safety: an rusage is integers, for which all zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // Safety: both point to live variables of the types that wait4(2) fills.
    if unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } != pid {
        return Err(Error::last_os_error());
    }
    Ok((status, usage))
}

/// `VmHWM` of /proc/PID/status and `Rss` of /proc/PID/smaps_rollup (0 on a kernel without it).
fn memory(child: &Child) -> Memory {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Memory {
        high_water: field("status", "VmHWM:").unwrap_or(0),
        resident: field("smaps_rollup", "Rss:").unwrap_or(0),
    }
}

/// A pseudo-terminal: the side that reads, and the side for a child.
fn terminal() -> Result<(File, OwnedFd)> {
    // Safety: plain calls; the descriptor is new and has no other owner.
    let reader = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    if reader < 0 {
        return Err(Error::last_os_error());
    }
    // Safety: as above.
    let reader = unsafe { File::from_raw_fd(reader) };
    let mut name = [0u8; 64];
    // Safety: the descriptor is open, and the buffer's length is given.
    let failed = unsafe {
        libc::grantpt(reader.as_raw_fd()) != 0
            || libc::unlockpt(reader.as_raw_fd()) != 0
            || libc::ptsname_r(reader.as_raw_fd(), name.as_mut_ptr().cast(), name.len()) != 0
    };
    if failed {
        return Err(Error::last_os_error());
    }
    let path = std::ffi::CStr::from_bytes_until_nul(&name).map_err(Error::other)?;
    let child_side = File::options()
        .read(true)
        .write(true)
        .open(path.to_str().map_err(Error::other)?)?;
    Ok((reader, child_side.into()))
}

fn monotonic_us() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // Safety: `now` is a live timespec; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1000
}

fn report(runs: &[Run]) {
    let mut times: Vec<u64> = runs.iter().map(|run| run.ready_us).collect();
    times.sort_unstable();
    let largest = |value: fn(&Run) -> u64| runs.iter().map(value).max().unwrap_or(0);
    println!(
        "first_us={} min_us={} median_us={} hwm_header={} hwm_events={} maxrss={} rss_header={} rss_events={} lines={}",
        runs[0].ready_us,
        times[0],
        times[times.len() / 2],
        largest(|run| run.at_header.high_water),
        largest(|run| run.after_events.high_water),
        largest(|run| run.max_rss),
        largest(|run| run.at_header.resident),
        largest(|run| run.after_events.resident),
        largest(|run| run.lines as u64),
    );
}
