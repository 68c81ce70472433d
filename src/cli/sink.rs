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
use super::status::{self, Output};
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
    /// Whether it is a plain file, which takes all at once.
    plain: bool,
    /// What the reader has not taken yet; the first `done` bytes it has.
    waiting: Vec<u8>,
    done: usize,
    /// Bytes that were let go before those that wait.
    before: u64,
    /// Where among all bytes notices begin that wait: what is dropped of them was no event. With each, how many
    /// dropped lines it tells of.
    notices: Vec<(u64, u64)>,
    /// The last byte that was taken ended no line, and what followed it is gone.
    broken_line: bool,
    /// Lines dropped and not yet told in the output.
    untold: u64,
    dropped: u64,
    /// Why the last of them were.
    error: Option<Errno>,
    told: Option<Instant>,
    notice: Notice,
    /// When a screen last took something.
    wrote: Instant,
    /// Whether what it took last ended a line.
    ended_line: bool,
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
        let fd = match &to {
            Target::Output => Some(stdio::output()),
            Target::Stream(fd) => Some(fd.as_fd()),
            Target::File(_) => None,
        };
        Sink {
            plain: fd.is_some_and(stdio::is_plain),
            to,
            waiting: Vec::new(),
            done: 0,
            before: 0,
            notices: Vec::new(),
            broken_line: false,
            untold: 0,
            dropped: 0,
            error: None,
            told: None,
            notice,
            wrote: Instant::now(),
            ended_line: true,
        }
    }

    /// Whether nobody sees on standard output that everything is attached.
    pub fn is_elsewhere(&self) -> bool {
        !matches!(self.to, Target::Output)
    }

    /// Who sees the output.
    pub fn output_kind(&self) -> Output {
        match self.fd() {
            None => Output::Apart,
            Some(fd) if stdio::is_terminal(fd) => Output::Screen,
            Some(fd) if stdio::is_pipe(fd) => Output::Pipe,
            Some(_) => Output::Apart,
        }
    }

    /// Since when a screen rests at the beginning of a line; `None` where it stands in one.
    pub fn rests_since(&self) -> Option<Instant> {
        let rests = self.waiting.is_empty() && self.ended_line && !self.broken_line;
        rests.then_some(self.wrote)
    }

    /// Lines that were dropped until now.
    pub fn dropped(&self) -> u64 {
        self.dropped
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

    /// Takes lines that tell of events that are not there. They are few: none is dropped for want of room, and
    /// where one is dropped with the rest it is counted as none.
    pub fn tell(&mut self, lines: &[u8]) -> Result<Written, Failure> {
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let at = self.before + self.waiting.len() as u64;
            self.notices.push((at, 0));
            self.waiting.extend_from_slice(line);
        }
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
                        self.count(line_count(rest));
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

    /// Gives the reader a `moment` for each piece, ten in all, and says what was dropped in all.
    ///
    /// # Errors
    /// Output that could not be written although somebody was there to take it.
    pub fn finish(&mut self, moment: Duration) -> Result<(), Failure> {
        let end = Instant::now() + moment * 10;
        loop {
            if self.pump()? == Written::Closed {
                return Ok(());
            }
            let Some(fd) = self.fd().filter(|_| !self.waiting.is_empty()) else {
                break;
            };
            let next = end.min(Instant::now() + moment);
            if wait_writable(fd, None, Some(next)) != Ok(Writable::Yes) {
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
            return self.count(line_count(lines));
        }
        let told = std::mem::take(&mut self.untold);
        if !notice.is_empty() {
            let at = self.before + self.waiting.len() as u64;
            self.notices.push((at, told));
            self.waiting.extend_from_slice(&notice);
        }
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
            let screen = !self.plain && stdio::is_terminal(fd);
            let most = match (self.plain, screen) {
                (true, _) => usize::MAX,
                (_, true) => TERMINAL,
                _ => PIPE,
            };
            let now = Some(Instant::now());
            match wait_writable(fd, None, now) {
                Ok(Writable::Yes) => {}
                Ok(Writable::Stopped) => break,
                Err(error) => return Err(self.failed(error)),
            }
            let rest = self.waiting.get(self.done..).unwrap_or_default();
            // A reader that stops reading has whole lines: a pipe takes a piece in one, or not at all.
            let mut piece = rest.get(..most).unwrap_or(rest);
            piece = whole_lines(piece).unwrap_or(piece);
            if self.broken_line {
                piece = b"\n";
            }
            if screen {
                status::erase();
            }
            let wrote = stdio::write(fd, piece);
            if let (true, Ok(len)) = (screen, wrote) {
                self.wrote = Instant::now();
                self.ended_line = len > 0 && piece.get(len - 1) == Some(&b'\n');
            }
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
        let done = self.done.min(self.waiting.len());
        self.waiting.drain(..done);
        self.done = 0;
        self.before += done as u64;
        self.notices.retain(|(at, _)| *at >= self.before);
    }

    /// Lets go of what waits, and counts it.
    fn drop_waiting(&mut self, error: Option<Errno>) {
        let written = self.waiting.get(..self.done).unwrap_or_default();
        let begun = written.len() - whole_lines(written).map_or(0, <[u8]>::len);
        if begun > 0 {
            match self.take_back(begun) {
                true => self.done -= begun,
                false => self.broken_line = true,
            }
        }
        self.forget_done();
        let notices = std::mem::take(&mut self.notices);
        // They were not told, after all.
        let told = notices.iter().map(|(_, told)| *told);
        self.untold = told.fold(self.untold, u64::saturating_add);
        let rest = std::mem::take(&mut self.waiting);
        self.before += rest.len() as u64;
        if !rest.is_empty() {
            self.error = error;
            let lines = line_count(&rest).saturating_sub(notices.len() as u64);
            self.count(lines);
        }
    }

    /// Takes the start of a line away again, where the output is a file.
    fn take_back(&self, bytes: usize) -> bool {
        self.fd()
            .is_some_and(|fd| stdio::take_back(fd, bytes as u64))
    }

    fn count(&mut self, count: u64) {
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

/// The lines at the start that have an end.
fn whole_lines(piece: &[u8]) -> Option<&[u8]> {
    let end = piece.iter().rposition(|&b| b == b'\n')?;
    piece.get(..=end)
}

fn line_count(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&b| b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(lines: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("dropped {lines}\n").as_bytes());
    }

    fn read(pipe: &OwnedFd) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            let mut fds = [rustix::event::PollFd::new(
                pipe,
                rustix::event::PollFlags::IN,
            )];
            let none = rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let ready = rustix::event::poll(&mut fds, Some(&none)).unwrap();
            if ready == 0 {
                return String::from_utf8(all).unwrap();
            }
            let len = rustix::io::read(pipe, &mut buffer).unwrap();
            all.extend_from_slice(&buffer[..len]);
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_by_whole_lines_and_all_is_accounted_for() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut sink = Sink::stream(writer, notice);
        let line = |number: u64| format!("{number:0>99}\n");
        let sent = 20_000;
        for number in 0..sent {
            let lines = line(number);
            assert_eq!(
                sink.write(lines.as_bytes(), Patience::default()).unwrap(),
                Written::All
            );
        }
        let dropped = sink.dropped;
        assert!(dropped > 0 && sink.waiting.len() <= MOST_WAITING);
        let mut text = String::new();
        loop {
            let more = read(&reader);
            if more.is_empty() {
                break;
            }
            text += &more;
            sink.write(b"", Patience::default()).unwrap();
        }
        sink.write(b"last\n", Patience::default()).unwrap();
        text += &read(&reader);
        assert!(text.ends_with(&format!("dropped {dropped}\nlast\n")));
        let received = text.lines().filter(|l| l.starts_with('0')).count() as u64;
        assert_eq!(received + dropped, sent);
        assert!(sink.finish(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_notice_that_is_dropped_itself_is_no_event() {
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let mut sink = Sink::stream(writer, notice);
        sink.waiting = b"0\n".repeat(MOST_WAITING / 2);
        sink.write(b"1\n2\n", Patience::default()).unwrap();
        sink.write(b"3\n", Patience::default()).unwrap();
        let waiting = line_count(&sink.waiting[sink.done..]);
        let notices = sink.notices.len() as u64;
        let dropped = sink.dropped;
        sink.drop_waiting(None);
        assert_eq!(sink.dropped, dropped + waiting - notices);
        assert_eq!(sink.untold, sink.dropped, "the notice told nobody");
    }

    #[test]
    fn notices_add_up_to_what_was_dropped_however_the_reader_reads() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut sink = Sink::stream(writer, notice);
        let (mut text, mut sent, mut state) = (String::new(), 0u64, 1u32);
        for _ in 0..6000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let count = u64::from(state >> 16) % 20 + 1;
            let lines = format!("{:0>999}\n", sent).repeat(count as usize);
            sent += count;
            sink.write(lines.as_bytes(), Patience::default()).unwrap();
            if (state >> 8) % 97 == 0 {
                text += &read(&reader);
            }
        }
        loop {
            let more = read(&reader);
            text += &more;
            sink.write(b"", Patience::default()).unwrap();
            if more.is_empty() && sink.waiting.is_empty() {
                break;
            }
        }
        sink.write(b"last\n", Patience::default()).unwrap();
        text += &read(&reader);
        let told = text.lines().filter_map(|l| l.strip_prefix("dropped "));
        let told: u64 = told.map(|number| number.parse::<u64>().unwrap()).sum();
        let received = text.lines().filter(|l| l.starts_with('0')).count() as u64;
        assert_eq!((told, received + told), (sink.dropped, sent));
    }
}
