//! Where a session's output goes: to standard output or a file, and never in the way of the rings. What
//! a slow reader or a full disk does not take is dropped by whole lines, counted and told.

use std::time::{Duration, Instant};

use btfly::sys::poll::{Poller, Ready, Writable, wait_writable};
use btfly::sys::signals::StopSignals;
use btfly::sys::stdio;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::log_file::LogFile;
use super::output::{Patience, Written, say};
use super::{Class, Failure};

/// Bytes that wait for a slow reader at most.
const MOST_WAITING: usize = 1 << 20;
/// A pipe that has room takes this much at once (`PIPE_BUF`), a terminal at least this much.
const PIPE: usize = 4096;
const TERMINAL: usize = 256;
/// Bytes of a long text that are taken at once.
const LONG_PIECE: usize = 64 * 1024;
/// How long the rings are left alone while a reader is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often it is told that lines are dropped.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What becomes a line of the output where lines were dropped.
pub type Notice = fn(u64, &mut Vec<u8>);

/// Where output goes.
pub struct Sink {
    to: Target,
    /// What the reader has not taken yet; the first `done` bytes it has.
    waiting: Vec<u8>,
    done: usize,
    /// The last byte that was taken ended no line, and what followed it is gone.
    broken_line: bool,
    /// Lines dropped and not yet told in the output.
    untold: u64,
    dropped: u64,
    /// Why the last of them were.
    error: Option<Errno>,
    told: Option<Instant>,
    notice: Notice,
}

enum Target {
    Output,
    /// A pipe, a device, a terminal.
    Stream(OwnedFd),
    File(LogFile),
}

impl Sink {
    /// To standard output.
    pub fn output(notice: Notice) -> Sink {
        Sink::new(Target::Output, notice)
    }

    /// To what was opened.
    pub fn stream(stream: OwnedFd, notice: Notice) -> Sink {
        Sink::new(Target::Stream(stream), notice)
    }

    /// To a file that is rotated.
    pub fn file(file: LogFile, notice: Notice) -> Sink {
        Sink::new(Target::File(file), notice)
    }

    fn new(to: Target, notice: Notice) -> Sink {
        Sink {
            to,
            waiting: Vec::new(),
            done: 0,
            broken_line: false,
            untold: 0,
            dropped: 0,
            error: None,
            told: None,
            notice,
        }
    }

    /// Whether nobody sees on standard output that everything is attached.
    pub fn is_elsewhere(&self) -> bool {
        !matches!(self.to, Target::Output)
    }

    /// Whether the reader has not taken all that it was given.
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes what stands at the top, of each file if there will be several.
    pub fn header(&mut self, bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        if let Target::File(file) = &mut self.to {
            file.set_header(bytes);
            return Ok(Written::All);
        }
        self.write(bytes, patience)
    }

    /// Takes lines, and writes what can be written without waiting.
    pub fn write(&mut self, lines: &[u8], _: Patience<'_>) -> Result<Written, Failure> {
        self.take(lines);
        self.pump()
    }

    /// Writes text that is no event and of which nothing is dropped: the reader is waited for until
    /// `patience` ends.
    pub fn write_all(&mut self, text: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        for piece in text.chunks(MOST_WAITING / 4) {
            self.waiting.extend_from_slice(piece);
            loop {
                let written = self.pump()?;
                let Some(fd) = self.fd().filter(|_| !self.waiting.is_empty()) else {
                    break;
                };
                if written != Written::All {
                    return Ok(written);
                }
                let signals = patience.signals.map(AsFd::as_fd);
                match wait_writable(fd, signals, patience.end) {
                    Ok(Writable::Yes) => {}
                    Ok(Writable::Stopped) => return Ok(Written::Stopped),
                    Err(error) => return Err(self.failed(error)),
                }
            }
        }
        Ok(Written::All)
    }

    /// Writes a text that may be long. Its reader has a `moment` for each piece: one who goes on reading gets
    /// it all, and for one who has stopped, what is left is dropped and counted.
    pub fn write_patiently(
        &mut self,
        text: &[u8],
        signals: &StopSignals,
        moment: Duration,
    ) -> Result<Written, Failure> {
        let mut rest = text;
        while let Some((piece, after)) = rest.split_at_checked(rest.len().min(LONG_PIECE))
            && !piece.is_empty()
        {
            self.waiting.extend_from_slice(piece);
            rest = after;
            loop {
                if self.pump()? == Written::Closed {
                    return Ok(Written::Closed);
                }
                let Some(fd) = self.fd().filter(|_| !self.waiting.is_empty()) else {
                    break;
                };
                let end = Instant::now().checked_add(moment);
                match wait_writable(fd, Some(signals.as_fd()), end) {
                    Ok(Writable::Yes) => {}
                    Ok(Writable::Stopped) => {
                        self.count(rest);
                        return Ok(Written::Stopped);
                    }
                    Err(error) => return Err(self.failed(error)),
                }
            }
        }
        Ok(Written::All)
    }

    /// Waits for the poller, and for the reader if something waits for it.
    pub fn wait(&self, poller: &Poller, left: Option<Duration>) -> Result<Ready, Failure> {
        let failed = |e| Failure::other(format!("epoll: {e}"));
        let Some(fd) = self.fd().filter(|_| !self.waiting.is_empty()) else {
            return poller.wait(left).map_err(failed);
        };
        let limit = left.map_or(LOOK_AGAIN, |left| left.min(LOOK_AGAIN));
        let end = Instant::now().checked_add(limit);
        wait_writable(fd, Some(poller.as_fd()), end).map_err(failed)?;
        poller.wait(Some(Duration::ZERO)).map_err(failed)
    }

    /// Gives the reader the rest of its time, and says what was dropped in all.
    ///
    /// # Errors
    /// Output that could not be written although somebody was there to take it.
    pub fn finish(&mut self, end: Instant) -> Result<(), Failure> {
        loop {
            if self.pump()? == Written::Closed {
                return Ok(());
            }
            let Some(fd) = self.fd().filter(|_| !self.waiting.is_empty()) else {
                break;
            };
            if wait_writable(fd, None, Some(end)) != Ok(Writable::Yes) {
                break;
            }
        }
        self.drop_waiting(None);
        let lines = self.dropped;
        match self.error {
            _ if lines == 0 => Ok(()),
            None => {
                say(format_args!(
                    "dropped {lines} lines of output in all: its reader is too slow\n"
                ));
                Ok(())
            }
            Some(error) => Err(Failure::new(
                Class::Other,
                format!(
                    "dropped {lines} lines of output in all: {}",
                    self.why(error)
                ),
            )),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.to {
            Target::Output => Some(stdio::output()),
            Target::Stream(fd) => Some(fd.as_fd()),
            Target::File(_) => None,
        }
    }

    fn take(&mut self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let mut notice = Vec::new();
        if self.untold > 0 {
            (self.notice)(self.untold, &mut notice);
        }
        let left = self.waiting.len() - self.done.min(self.waiting.len());
        if left > 0 && left + notice.len() + lines.len() > MOST_WAITING {
            self.error = None;
            return self.count(lines);
        }
        self.untold = 0;
        self.waiting.extend_from_slice(&notice);
        self.waiting.extend_from_slice(lines);
    }

    /// Writes what is taken without waiting.
    fn pump(&mut self) -> Result<Written, Failure> {
        if let Target::File(file) = &mut self.to {
            let wrote = file.write(&self.waiting);
            self.done = wrote.done;
            match wrote.error {
                Some(error) => self.drop_waiting(Some(error)),
                None => self.forget_done(),
            }
            return Ok(Written::All);
        }
        while !self.waiting.is_empty() {
            let Some(fd) = self.fd() else { break };
            let most = match stdio::is_terminal(fd) {
                true => TERMINAL,
                false => PIPE,
            };
            let now = Some(Instant::now());
            match wait_writable(fd, None, now) {
                Ok(Writable::Yes) => {}
                Ok(Writable::Stopped) => break,
                Err(error) => return Err(self.failed(error)),
            }
            let rest = self.waiting.get(self.done..).unwrap_or_default();
            let mut piece = rest.get(..most).unwrap_or(rest);
            if self.broken_line {
                piece = b"\n";
            }
            let wrote = stdio::write(fd, piece);
            match wrote {
                Ok(0) | Err(Errno::PIPE) => return Ok(Written::Closed),
                Ok(_) if self.broken_line => self.broken_line = false,
                Ok(len) => self.done += len,
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::IO)) => {
                    self.drop_waiting(Some(error));
                }
                Err(error) => return Err(self.failed(error)),
            }
            if self.done >= self.waiting.len() {
                self.forget_done();
            }
        }
        // What is done goes now and then, not at each piece.
        if self.done > MOST_WAITING / 4 {
            self.forget_done();
        }
        Ok(Written::All)
    }

    fn forget_done(&mut self) {
        self.waiting.drain(..self.done.min(self.waiting.len()));
        self.done = 0;
    }

    /// Lets go of what waits, and counts it.
    fn drop_waiting(&mut self, error: Option<Errno>) {
        let done = self.done.min(self.waiting.len());
        let (taken, rest) = self.waiting.split_at(done);
        let ended = taken.is_empty() || taken.ends_with(b"\n");
        self.broken_line |= !ended;
        let rest = rest.to_vec();
        self.waiting.clear();
        self.done = 0;
        if !rest.is_empty() {
            self.error = error;
            self.count(&rest);
        }
    }

    fn count(&mut self, lines: &[u8]) {
        let count = lines.iter().filter(|&&b| b == b'\n').count() as u64;
        self.untold = self.untold.saturating_add(count);
        self.dropped = self.dropped.saturating_add(count);
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        // The terminal that does not take our output may be the one that would hear of it.
        let now = Some(Instant::now());
        if wait_writable(stdio::errors(), None, now) != Ok(Writable::Yes) {
            return;
        }
        let total = self.dropped;
        match self.error {
            Some(error) => say(format_args!(
                "dropped {total} lines of output until now: {}\n",
                self.why(error)
            )),
            None => say(format_args!(
                "dropped {total} lines of output until now: its reader is too slow\n"
            )),
        }
    }

    fn why(&self, error: Errno) -> String {
        match &self.to {
            Target::File(file) => format!("{}: {error}", file.path()),
            _ => error.to_string(),
        }
    }

    fn failed(&self, error: Errno) -> Failure {
        Failure::other(format!("writing the output: {}", self.why(error)))
    }
}
