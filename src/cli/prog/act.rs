//! What `btfly prog` does with programs: load, run by hand, detach, count, listen to.

use std::time::{Duration, Instant};

use btfly::sys::bpf_details::{TestRun, prog_test_run};
use btfly::sys::bpf_link::prog_detach;
use btfly::sys::poll::Poller;
use btfly::sys::signals::StopSignals;
use btfly::sys::tracefs::Tracefs;
use btfly::sys::{file, names};
use rustix::fd::AsFd;
use rustix::io::Errno;

use super::super::loaded::{MAPS, PROGRAMS, Words, find_one, hex, hex_list, no_more, refused};
use super::super::output::{self, Patience, Written};
use super::super::{Class, Common, Failure, load as loader, taking};

/// `load OBJ DIR`: what `btfly load OBJ --pin DIR` does, with options by other names.
pub fn load(words: &[&str], common: Common) -> Result<(), Failure> {
    let mut attach = false;
    let mut maps = Vec::new();
    let kept = taking::take(words, &mut |given, rest| {
        match given.name {
            "--auto-attach" | "--autoattach" | "autoattach" => attach = true,
            // It is the folder.
            "--pin" => return Err(super::super::no_more("prog load", "--pin")),
            "--map-reuse" => {
                let value = given.value(rest)?;
                let (name, path) = value.split_once('=').ok_or_else(|| {
                    Failure::usage(format!("--map-reuse {value}: it is written NAME=PATH"))
                })?;
                maps.push([name, "=pinned:", path].concat());
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let [object, folder, kept @ ..] = kept.as_slice() else {
        return Err(Failure::usage("load needs an object and a folder")
            .with_hint("btfly prog load OBJ /sys/fs/bpf/NAME [--auto-attach]"));
    };
    let mut args = vec![*object, "--pin", *folder];
    args.extend(kept);
    if !attach {
        args.push("--no-attach");
    }
    for map in &maps {
        args.extend(["--map", map]);
    }
    loader::run(&args, common)
}

/// `detach PROG TYPE MAP`, `detach PROG TYPE cgroup FOLDER`.
pub fn detach(words: &Words<'_>) -> Result<(), Failure> {
    let (prog, rest) = find_one(&PROGRAMS, &words.words)?;
    let [attach_type, rest @ ..] = rest else {
        return Err(
            Failure::usage("detach: of which type is the attachment?").with_hint(
                "btfly prog detach PROG TYPE (MAP | cgroup FOLDER), such as sk_msg_verdict",
            ),
        );
    };
    let number = names::attach_type_called(attach_type)
        .ok_or_else(|| Failure::usage(format!("there is no attachment '{attach_type}'")))?;
    let target = match rest {
        ["cgroup", folder] => file::open_folder(folder).map_err(|error| refused(folder, error))?,
        rest => {
            let (map, rest) = find_one(&MAPS, rest)?;
            no_more("prog", rest)?;
            map
        }
    };
    prog_detach(prog.as_fd(), target.as_fd(), number).map_err(|error| match error {
        Errno::NOENT | Errno::INVAL => Failure::new(
            Class::Other,
            format!("the program is not attached there as {attach_type}"),
        )
        .with_hint("what is attached by a link ends with it: btfly link detach"),
        Errno::BADF => Failure::usage("the folder is no cgroup of version 2")
            .with_hint("such as /sys/fs/cgroup, where cgroup2 is mounted"),
        error => refused("detaching", error),
    })
}

/// The largest file that is handed to a program.
const MOST: usize = 16 << 20;

/// `run PROG …`.
pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    let (prog, mut rest) = find_one(&PROGRAMS, &words.words)?;
    let mut run = TestRun::default();
    let (mut data_out, mut ctx_out) = (None, None);
    // More than a kernel makes of a packet.
    let (mut data_room, mut ctx_room) = (65_536, 4096);
    let read = |path: &str| file::read_whole(path, MOST).map_err(|error| refused(path, error));
    while let [word, value, more @ ..] = rest {
        match word.trim_start_matches('-').replace('-', "_").as_str() {
            "data_in" => run.data = read(value)?,
            "ctx_in" => run.context = read(value)?,
            "data_out" => data_out = Some(*value),
            "ctx_out" => ctx_out = Some(*value),
            "repeat" => run.repeat = number(word, value)?,
            "data_size_out" => data_room = number(word, value)? as usize,
            "ctx_size_out" => ctx_room = number(word, value)? as usize,
            _ => return no_more("prog", rest),
        }
        rest = more;
    }
    no_more("prog", rest)?;
    if data_room.max(ctx_room) > MOST {
        return Err(Failure::usage(
            "data_size_out and ctx_size_out: 16 MiB at most",
        ));
    }
    if data_out.is_some() {
        run.data_out = vec![0; data_room];
    }
    if ctx_out.is_some() {
        run.context_out = vec![0; ctx_room];
    }
    prog_test_run(prog.as_fd(), &mut run).map_err(|error| match error.raw_os_error() {
        524 => Failure::new(
            Class::Missing,
            "this kernel runs no programs of this type by hand",
        ),
        _ if error == Errno::NOSPC => Failure::new(
            Class::Other,
            format!("it left more than there is room for: {data_room} bytes of data, {ctx_room} of context"),
        )
        .with_hint("data_size_out N and ctx_size_out N make room for N bytes"),
        _ if error == Errno::INVAL => Failure::new(
            Class::Other,
            "the kernel does not run this program so (invalid argument)",
        )
        .with_hint(
            "programs for packets need data_in of 14 bytes at least, others ctx_in or nothing",
        ),
        _ => refused("running it", error),
    })?;
    let mut text = String::from(if words.json { "{" } else { "" });
    for (what, name, to, bytes) in [
        ("data", "data_out", data_out, &run.data_out),
        ("context", "ctx_out", ctx_out, &run.context_out),
    ] {
        match to {
            None => {}
            Some("-") if words.json => text.extend(["\"", name, "\":", &hex_list(bytes), ","]),
            Some("-") => text.extend([what, ": ", &hex(bytes, " "), "\n"]),
            Some(path) => file::create(path, bytes).map_err(|error| refused(path, error))?,
        }
    }
    let (returned, time) = (run.returned, run.nanoseconds);
    text.push_str(&match words.json {
        true => format!("\"retval\":{returned},\"duration\":{time}}}\n"),
        false => format!("Return value: {returned}, duration (average): {time}ns\n"),
    });
    output::print(&text)
}

fn number(what: &str, text: &str) -> Result<u32, Failure> {
    let number = text.parse();
    number.map_err(|_| Failure::usage(format!("{what}: '{text}' is no number")))
}

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// `stats on|off`.
pub fn stats(words: &Words<'_>) -> Result<(), Failure> {
    let text = match words.words.as_slice() {
        ["on"] => b"1",
        ["off"] => b"0",
        _ => return Err(Failure::usage("stats takes on or off")),
    };
    let file = file::open_output(STATS);
    file.and_then(|file| file::write_all(&file, text))
        .map_err(|error| match error {
            Errno::NOENT => Failure::new(
                Class::Missing,
                "this kernel counts no runs of programs (5.1 and later do)",
            ),
            error => refused(STATS, error),
        })
}

/// `trace`.
pub fn trace(words: &Words<'_>) -> Result<(), Failure> {
    no_more("prog", &words.words)?;
    let Some(tracefs) = Tracefs::find() else {
        return Err(Failure::new(Class::Missing, "tracefs is not mounted")
            .with_hint("mount -t tracefs tracefs /sys/kernel/tracing"));
    };
    let path = [tracefs.root(), "/trace_pipe"].concat();
    let failed = |error| refused(&path, error);
    let pipe = file::open(&*path).map_err(failed)?;
    let signals = StopSignals::block().map_err(failed)?;
    let poller = Poller::new().map_err(failed)?;
    poller.watch(signals.as_fd(), 0).map_err(failed)?;
    poller.watch(pipe.as_fd(), 1).map_err(failed)?;
    // A duration too long to be a moment is as good as none.
    let end = words.common.duration;
    let end = end.and_then(|duration| Instant::now().checked_add(duration));
    let patience = Patience {
        signals: Some(&signals),
        end,
    };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) || poller.wait(left).map_err(failed)?.has(0) {
            return Ok(());
        }
        let text = match rustix::io::read(&pipe, buffer.as_mut_slice()) {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            read => buffer.get(..read.map_err(failed)?).unwrap_or_default(),
        };
        if output::write(text, patience)? != Written::All {
            return Ok(());
        }
    }
}
