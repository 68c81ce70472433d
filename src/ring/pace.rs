//! When to look at rings: as soon as something comes while little does, and now and then while much
//! does, so that a wake-up is for many records.
//!
//! The kernel wakes a reader of a BPF ring at the first record behind the reader's position, and at none
//! after it until the position has moved: who reads in the midst of a stream is woken again by the next
//! record. So a busy reader does not listen. It sleeps for as long as no record gets too old and the
//! ring can't have filled, and reads what there is.

use std::time::{Duration, Instant};

/// A burst is taken to bring no more bytes in a millisecond than this, until it was measured: thrice what a
/// program sends that does nothing else, for the reader may get its turn some milliseconds late.
const BYTES_IN_A_MILLISECOND: u64 = 96 * 1024;
/// Shorter pauses cost more than they save.
const SHORTEST: Duration = Duration::from_micros(200);
/// A ring is to be no fuller than one part of so many when it is looked at.
const PART: u32 = 4;

/// When to look next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// When the kernel says that something came.
    WhenTold,
    /// The same, and once more after this time: what came while that was being arranged is told by nobody.
    WhenToldOrIn(Duration),
    /// After this time; records alone are no reason to look earlier.
    In(Duration),
}

/// What a look came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Whether there was any record.
    pub(super) records: bool,
    /// How long the fullest ring can be left alone; `None` where the kernel tells in time.
    pub(super) leave: Option<Duration>,
}

impl Found {
    /// Takes in how long another ring can be left alone.
    pub(super) fn leave_alone(&mut self, time: Duration) {
        self.leave = Some(self.leave.map_or(time, |other| other.min(time)));
    }
}

/// Decides when to look.
#[derive(Debug)]
pub(super) struct Pace {
    /// No pause is longer than this.
    longest: Duration,
    look: Look,
    /// When there last was a record.
    last: Option<Instant>,
}

impl Pace {
    /// A pace at which no record gets older than `latency` before it is read; of zero, each record is
    /// waited for.
    pub(super) fn new(latency: Duration) -> Pace {
        Pace {
            // The rest is for waking up and for the records in front.
            longest: latency / 5 * 4,
            look: Look::WhenTold,
            last: None,
        }
    }

    /// When to look next.
    pub(super) fn look(&self) -> Look {
        self.look
    }

    /// Takes in what a look at `now` came to.
    pub(super) fn looked(&mut self, now: Instant, found: Found) {
        let pause = found
            .leave
            .map_or(self.longest, |leave| leave.min(self.longest));
        let lately = |last: Instant| now.saturating_duration_since(last) <= self.longest;
        self.look = match self.look {
            _ if pause < SHORTEST => Look::WhenTold,
            // One here and there is shown at once, and costs one wake-up.
            Look::WhenTold | Look::WhenToldOrIn(_) if found.records => {
                match self.last.is_some_and(lately) {
                    true => Look::In(pause),
                    false => self.look,
                }
            }
            Look::In(_) if found.records => Look::In(pause),
            Look::In(_) => Look::WhenToldOrIn(self.longest),
            Look::WhenTold | Look::WhenToldOrIn(_) => Look::WhenTold,
        };
        if found.records {
            self.last = Some(now);
        }
    }
}

/// How long a ring of `size` bytes can be left alone that gave `bytes` in the time since the last look.
pub(super) fn leave(size: usize, bytes: u64, since: Duration) -> Duration {
    let size = size as u64;
    let unknown = Duration::from_micros(size.saturating_mul(1000) / BYTES_IN_A_MILLISECOND);
    let part = u32::try_from(size / u64::from(PART)).unwrap_or(u32::MAX);
    match u32::try_from(bytes) {
        Ok(0) => unknown,
        Ok(bytes) => unknown.min(since.saturating_mul(part) / bytes),
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn found(records: bool) -> Found {
        Found {
            records,
            leave: None,
        }
    }

    #[test]
    fn records_here_and_there_are_waited_for() {
        let start = Instant::now();
        let mut pace = Pace::new(100 * MS);
        for second in 0..5 {
            pace.looked(start + 1000 * second * MS, found(true));
            assert_eq!(pace.look(), Look::WhenTold, "second {second}");
        }
    }

    #[test]
    fn a_stream_is_looked_at_now_and_then_until_it_ends() {
        let start = Instant::now();
        let mut pace = Pace::new(100 * MS);
        pace.looked(start, found(true));
        pace.looked(start + MS, found(true));
        assert_eq!(pace.look(), Look::In(80 * MS));
        pace.looked(start + 81 * MS, found(true));
        assert_eq!(pace.look(), Look::In(80 * MS));
        pace.looked(start + 161 * MS, found(false));
        assert_eq!(pace.look(), Look::WhenToldOrIn(80 * MS));
        pace.looked(start + 241 * MS, found(false));
        assert_eq!(pace.look(), Look::WhenTold);
    }

    #[test]
    fn without_patience_each_record_is_waited_for() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::ZERO);
        for time in 0..5 {
            pace.looked(start + time * MS, found(true));
            assert_eq!(pace.look(), Look::WhenTold);
        }
    }

    #[test]
    fn a_ring_that_fills_is_looked_at_more_often() {
        let start = Instant::now();
        let mut pace = Pace::new(100 * MS);
        pace.looked(start, found(true));
        for (leave, look) in [
            (Some(5 * MS), Look::In(5 * MS)),
            (Some(500 * MS), Look::In(80 * MS)),
            (Some(MS / 100), Look::WhenTold),
        ] {
            let records = true;
            pace.looked(start + MS, Found { records, leave });
            assert_eq!(pace.look(), look, "{leave:?}");
        }
    }

    #[test]
    fn a_ring_is_left_alone_for_as_long_as_it_does_not_fill() {
        let size = 256 * 1024;
        for (bytes, since, expected) in [
            // Nothing is known of what comes.
            (0, 100 * MS, Duration::from_micros(2666)),
            (72, 100 * MS, Duration::from_micros(2666)),
            // A quarter of it in the time in which a quarter came, and in which all of it came.
            (64 * 1024, 2 * MS, 2 * MS),
            (256 * 1024, 4 * MS, MS),
            (u64::MAX, MS, Duration::ZERO),
        ] {
            assert_eq!(leave(size, bytes, since), expected, "{bytes} in {since:?}");
        }
        assert_eq!(leave(4096, 0, MS), Duration::from_micros(41));
    }
}
