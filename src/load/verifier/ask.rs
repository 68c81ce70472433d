//! Loads a program once more with a log, which may be far larger than what is kept of it in memory.
//!
//! From 6.4 on the kernel keeps the end of a log in a buffer of any size. Before, it stops where the
//! buffer is full: there it is given a buffer that is a small one over and over (see
//! [`LogRange`]). Each verification of a large program takes seconds on a board, so that nothing is
//! asked twice but where the first answer can't have told.

use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{self, Errno};

use super::window::{self, WINDOW};
use super::{Answer, KeepLog, VerifierLog};
use crate::sys::bpf::{self, Log, ProgLoad};
use crate::sys::log_range::LogRange;
use crate::sys::{Feature, Features, file, helper};

/// The addresses that a log may take. It is of a million instructions at most, most of which are told
/// in 40 to 200 bytes.
const RANGE: usize = 256 * 1024 * 1024;
/// What a log may take before 5.2: a byte more, and it is refused before anything is looked at.
const RANGE_BEFORE_5_2: usize = 16 * 1024 * 1024 - 1;

/// Each instruction that was looked at on the way to the refusal.
const LEVEL: u32 = 1;
/// Nothing but messages and figures (5.2).
const LEVEL_MESSAGES: u32 = 4;

/// How often the pages are let go of that the kernel has written to.
const FORGET_EVERY: Duration = Duration::from_millis(2);

pub(in crate::load) fn ask(load: &ProgLoad<'_>, features: &Features, keep: KeepLog) -> Answer {
    let whole = match keep {
        KeepLog::Whole => into_file(load),
        KeepLog::End => None,
    };
    // Where there is no room for all of it, the end has to do.
    whole.unwrap_or_else(|| match features.has(Feature::LogRotation) {
        true => into_buffer(load, LEVEL),
        false => around(load).unwrap_or_else(|_| into_buffer(load, LEVEL)),
    })
}

/// With a plain buffer: enough where the kernel keeps the end.
fn into_buffer(load: &ProgLoad<'_>, level: u32) -> Answer {
    let mut buffer = vec![0; WINDOW];
    let log = Log {
        buffer: &mut buffer,
        level,
    };
    let answer = bpf::prog_load(load, Some(log));
    let cut = matches!(answer, Err(Errno::NOSPC));
    let log = VerifierLog {
        text: window::front(buffer),
        cut: cut || level == LEVEL_MESSAGES,
        file: None,
    };
    Answer::of(answer, log)
}

/// With a buffer that goes round and round. The error is that such a buffer can't be had.
fn around(load: &ProgLoad<'_>) -> io::Result<Answer> {
    let file = memfd_create("btfly-log", MemfdFlags::CLOEXEC).or_else(|_| file::scratch())?;
    ftruncate(&file, WINDOW as u64)?;
    let range = LogRange::new(file.as_fd(), WINDOW, RANGE)?;
    window::mark(&file)?;
    let answer = logged(load, &range, &file);
    drop(range);
    let read = window::unroll(window::read(&file)?);
    Ok(match (answer, read) {
        (Err(errno), Some((text, cut))) if errno != Errno::NOSPC => {
            let log = VerifierLog {
                text,
                cut,
                file: None,
            };
            Answer::of(Err(errno), log)
        }
        (Ok(fd), _) => Answer::Loaded(fd),
        // Longer than the range: its end is not to be had, but the messages alone are.
        _ => into_buffer(load, LEVEL_MESSAGES),
    })
}

/// With a file that takes all of it; `None` where that can't be.
fn into_file(load: &ProgLoad<'_>) -> Option<Answer> {
    let file = file::scratch().ok()?;
    ftruncate(&file, RANGE as u64).ok()?;
    let range = LogRange::new(file.as_fd(), RANGE, RANGE).ok()?;
    let answer = logged(load, &range, &file);
    drop(range);
    // A file system that is full.
    if matches!(answer, Err(Errno::FAULT)) {
        return None;
    }
    let (text, cut) = window::end_of_file(&file).ok()?;
    if matches!(answer, Err(Errno::NOSPC))
        && let Answer::Refused(mut refusal) = into_buffer(load, LEVEL_MESSAGES)
    {
        refusal.log.file = Some(file);
        return Some(Answer::Refused(refusal));
    }
    let file = cut.then_some(file);
    Some(Answer::of(answer, VerifierLog { text, cut, file }))
}

/// Loads with all of a range as the log, while another thread keeps what is mapped of it small.
fn logged(load: &ProgLoad<'_>, range: &LogRange, file: &OwnedFd) -> io::Result<OwnedFd> {
    let forget = || {
        // Pages that stay count as memory of this process and do no other harm.
        let _ = range.forget_pages();
    };
    // It hurries: the verifier leaves a machine with one CPU little time.
    helper::beside(FORGET_EVERY, &forget, || {
        match bpf::prog_load_logged(load, LEVEL, range, RANGE) {
            Err(Errno::INVAL) if window::is_empty(file) => {
                bpf::prog_load_logged(load, LEVEL, range, RANGE_BEFORE_5_2)
            }
            answer => answer,
        }
    })
}
