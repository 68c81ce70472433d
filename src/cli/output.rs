//! Standard output and standard error: one is waited for and never blocks the way out, the other may
//! be gone.

use std::fmt;
use std::time::Instant;

use btfly::sys::poll::{Writable, wait_writable};
use btfly::sys::signals::StopSignals;
use btfly::sys::stdio;
use btfly::value::escape;
use rustix::fd::AsFd;
use rustix::io::Errno;

use super::Failure;

/// What becomes of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it was taken.
    All,
    /// Nobody reads any more: `| head` has seen enough.
    Closed,
    /// A signal or the end of the time came while the reader kept us waiting.
    Stopped,
}

/// What may end a wait for a slow reader.
#[derive(Clone, Copy, Default)]
pub struct Patience<'s> {
    pub signals: Option<&'s StopSignals>,
    pub end: Option<Instant>,
}

/// A pipe that has room takes this much at once (`PIPE_BUF`), a terminal at least this much.
const PIPE: usize = 4096;
const TERMINAL: usize = 256;

/// Writes all of `bytes` to standard output. A reader that is stopped (Ctrl-S, a dead connection)
/// is waited for until `patience` ends.
pub fn write(bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
    let failed = |error: Errno| Failure::other(format!("writing the output: {error}"));
    let most = match stdio::is_terminal(stdio::output()) {
        true => TERMINAL,
        false => PIPE,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let signals = patience.signals.map(AsFd::as_fd);
        match wait_writable(stdio::output(), signals, patience.end).map_err(failed)? {
            Writable::Yes => {}
            Writable::Stopped => return Ok(Written::Stopped),
        }
        let piece = rest.get(..most).unwrap_or(rest);
        match stdio::write(stdio::output(), piece) {
            Ok(0) => return Ok(Written::Closed),
            Ok(done) => rest = rest.get(done..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::PIPE) => return Ok(Written::Closed),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Written::All)
}

/// Prints a text that is all there is to print.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes(), Patience::default()).map(drop)
}

/// Text that stays in its line and does nothing to a terminal; it may be that of a stranger's file.
pub fn plain(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Says something on standard error, of what may be a stranger's words: nothing in them but the ends
/// of lines acts on a terminal. Where that is closed or full, nobody hears it, and the program goes
/// on.
pub fn say(text: fmt::Arguments<'_>) {
    let text = fmt::format(text);
    #[cfg(feature = "full")]
    super::status::erase();
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let whole = line.strip_suffix('\n');
        escape(whole.unwrap_or(line).as_bytes(), &mut out);
        out.extend(whole.map(|_| b'\n'));
    }
    let mut rest = out.as_slice();
    while !rest.is_empty() {
        match stdio::write(stdio::errors(), rest) {
            Ok(done) if done > 0 => rest = rest.get(done..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}
