//! A line on standard error while a person sees nothing else: for how long it runs, what came, what was lost.
//! It is rewritten in place, and taken away before anything else is said.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use btfly::sys::poll::{Writable, wait_writable};
use btfly::sys::stdio;

use super::sink::Sink;

/// How often it is renewed.
const EVERY: Duration = Duration::from_secs(1);
/// How long a screen that has lines of output has to rest first.
const REST: Duration = Duration::from_secs(2);

/// Characters of the line that stands there. There is one standard error, whoever writes to it.
static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// Takes the line away, if there is one.
pub fn erase() {
    let len = SHOWN.swap(0, Ordering::Relaxed);
    if len > 0 {
        let mut out = vec![b' '; len + 2];
        // By spaces: every terminal knows these.
        if let [first, .., last] = out.as_mut_slice() {
            (*first, *last) = (b'\r', b'\r');
        }
        let _ = stdio::write(stdio::errors(), &out);
    }
}

/// Where a session's output goes, as far as the line is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To a screen, which may be the one that the line stands on.
    Screen,
    /// To somebody who may write to that screen: nothing is known of when.
    Pipe,
    /// To where nobody looks: a file.
    Apart,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Events that came; `None` where no ring is read.
    pub events: Option<u64>,
    /// Events that found no room.
    pub lost: u64,
    /// Lines that nobody took.
    pub dropped: u64,
}

/// The line of a session.
pub struct Status {
    output: Output,
    begun: Instant,
    last: Instant,
}

impl Status {
    /// `None` where nobody would see it, or it would be in somebody's way: a shell's that has sent us into the
    /// background, a reader's of our output.
    pub fn new(sink: &Sink) -> Option<Status> {
        let output = sink.output_kind();
        let now = Instant::now();
        let seen = stdio::is_terminal(stdio::errors()) && stdio::is_foreground(stdio::errors());
        (seen && output != Output::Pipe).then_some(Status {
            output,
            begun: now,
            last: now,
        })
    }

    /// How long until it is to be renewed, but no longer than `most`.
    pub fn wait(&self, most: Option<Duration>) -> Option<Duration> {
        let left = EVERY.saturating_sub(self.last.elapsed());
        Some(most.map_or(left, |most| most.min(left)))
    }

    /// Writes it anew, once a second, where the screen has been at rest.
    pub fn show(&mut self, sink: &Sink, numbers: Numbers) {
        let now = Instant::now();
        if now.saturating_duration_since(self.last) < EVERY {
            return;
        }
        self.last = now;
        let rests = |at: Instant| now.saturating_duration_since(at) >= REST;
        let may = self.output == Output::Apart || sink.rests_since().is_some_and(rests);
        // A terminal that was stopped (Ctrl-S) is not waited for, nor is the shell disturbed meanwhile.
        if !may
            || !stdio::is_foreground(stdio::errors())
            || wait_writable(stdio::errors(), None, Some(now)) != Ok(Writable::Yes)
        {
            return;
        }
        let mut text = line(now.saturating_duration_since(self.begun), numbers);
        // In the last column some terminals begin a new line.
        text.truncate(stdio::columns(stdio::errors()).saturating_sub(1));
        let len = text.len();
        let before = SHOWN.swap(len, Ordering::Relaxed);
        text.insert(0, '\r');
        text.extend(std::iter::repeat_n(' ', before.saturating_sub(len)));
        let _ = stdio::write(stdio::errors(), text.as_bytes());
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        erase();
    }
}

/// `btfly: 00:01:12  1,204 events  0 lost`
fn line(time: Duration, numbers: Numbers) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut line = format!("btfly: {hours:02}:{minutes:02}:{seconds:02}");
    match numbers.events {
        None => line.push_str("  Ctrl-C stops"),
        Some(events) => {
            let word = match events {
                1 => "event",
                _ => "events",
            };
            let (events, lost) = (grouped(events), grouped(numbers.lost));
            line.push_str(&format!("  {events} {word}  {lost} lost"));
        }
    }
    if numbers.dropped > 0 {
        line.push_str(&format!("  {} lines dropped", grouped(numbers.dropped)));
    }
    line
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_long_and_how_much() {
        for (seconds, events, lost, dropped, expected) in [
            (
                72,
                Some(1204),
                0,
                0,
                "btfly: 00:01:12  1,204 events  0 lost",
            ),
            (0, Some(1), 1, 0, "btfly: 00:00:00  1 event  1 lost"),
            (360_001, None, 0, 0, "btfly: 100:00:01  Ctrl-C stops"),
            (
                3600,
                Some(1_000_000),
                999,
                34_567,
                "btfly: 01:00:00  1,000,000 events  999 lost  34,567 lines dropped",
            ),
        ] {
            let numbers = Numbers {
                events,
                lost,
                dropped,
            };
            assert_eq!(line(Duration::from_secs(seconds), numbers), expected);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }
}
