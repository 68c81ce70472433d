//! One place to wait for all descriptors that may ask for attention: epoll(7) and poll(2).

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Tokens are bits of one word.
const TOKENS: u8 = 64;
const EVENTS_AT_ONCE: usize = 32;

/// An epoll with tokens of 0 to 63; several descriptors may share one.
pub struct Poller {
    epoll: OwnedFd,
    /// Some rings are only woken when much has gathered; no wait may be longer than this then.
    longest_wait: Cell<Option<Duration>>,
}

/// Which tokens asked for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready(u64);

impl Ready {
    /// Whether a descriptor of this token asked.
    #[must_use]
    pub fn has(self, token: u8) -> bool {
        token < TOKENS && self.0 & (1 << token) != 0
    }

    /// Whether none asked: the time was up, or a signal came.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Poller {
    /// Nothing to wait for yet.
    ///
    /// # Errors
    /// The kernel's, from epoll_create1(2).
    pub fn new() -> io::Result<Self> {
        Ok(Poller {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            longest_wait: Cell::new(None),
        })
    }

    /// Watches a descriptor until it is readable: a signalfd, a timerfd, anything of the caller's. It
    /// asks again at each wait until it is read. Closing it ends the watch.
    ///
    /// # Errors
    /// The kernel's, from epoll_ctl(2); `EINVAL` too for a token above 63.
    pub fn watch(&self, fd: BorrowedFd<'_>, token: u8) -> io::Result<()> {
        self.add(fd, token, epoll::EventFlags::IN)
    }

    /// Watches a descriptor that is written to, until nobody reads the other end any more.
    ///
    /// # Errors
    /// The kernel's, from epoll_ctl(2): `EPERM` for a file, which has no other end.
    pub fn watch_closing(&self, fd: BorrowedFd<'_>, token: u8) -> io::Result<()> {
        // Errors and hang-ups are told without being asked for.
        self.add(fd, token, epoll::EventFlags::empty())
    }

    /// Watches a descriptor that is always read until nothing is left, and asks once for new data.
    /// So a perf event whose CPU goes away, which is "readable" for ever, asks only once.
    pub(crate) fn watch_edges(&self, fd: BorrowedFd<'_>, token: u8) -> io::Result<()> {
        self.add(fd, token, epoll::EventFlags::IN | epoll::EventFlags::ET)
    }

    /// Has a watched descriptor ask for attention, or never until it is told otherwise. What came
    /// meanwhile is asked for at once then.
    ///
    /// # Errors
    /// The kernel's, from epoll_ctl(2).
    #[cfg(feature = "full")]
    pub(crate) fn listen(&self, fd: BorrowedFd<'_>, token: u8, asks: bool) -> io::Result<()> {
        let flags = match asks {
            true => epoll::EventFlags::IN,
            false => epoll::EventFlags::empty(),
        };
        let data = epoll::EventData::new_u64(u64::from(token));
        epoll::modify(&self.epoll, fd, data, flags)
    }

    fn add(&self, fd: BorrowedFd<'_>, token: u8, flags: epoll::EventFlags) -> io::Result<()> {
        if token >= TOKENS {
            return Err(Errno::INVAL);
        }
        let data = epoll::EventData::new_u64(u64::from(token));
        epoll::add(&self.epoll, fd.as_fd(), data, flags)
    }

    /// From now on no wait is longer than this.
    pub(crate) fn never_wait_longer_than(&self, limit: Duration) {
        let shorter = self
            .longest_wait
            .get()
            .map_or(limit, |other| other.min(limit));
        self.longest_wait.set(Some(shorter));
    }

    /// Waits like `wait`, for less than a millisecond if need be, which epoll can't on kernels before 5.11.
    ///
    /// # Errors
    /// The kernel's, from ppoll(2) and epoll_wait(2); a signal is none.
    #[cfg(feature = "full")]
    pub(crate) fn pause(&self, time: Duration) -> io::Result<Ready> {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
        match poll(&mut fds, Some(&time)) {
            Ok(0) | Err(Errno::INTR) => Ok(Ready::default()),
            Ok(_) => self.wait(Some(Duration::ZERO)),
            Err(error) => Err(error),
        }
    }

    /// Waits until a token asks, the time is up (never, for `None`), or a signal comes. Rings that
    /// are woken by watermark shorten every wait to 100 ms: drain all rings after each.
    ///
    /// # Errors
    /// The kernel's, from epoll_wait(2); a signal is none.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        let limit = match (timeout, self.longest_wait.get()) {
            (Some(timeout), Some(longest)) => Some(timeout.min(longest)),
            (timeout, longest) => timeout.or(longest),
        };
        let limit = limit.map(whole_milliseconds);
        let empty = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut events = [empty; EVENTS_AT_ONCE];
        let count = match epoll::wait(&self.epoll, &mut events, limit.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error),
        };
        let mut ready = 0;
        for event in events.iter().take(count) {
            // Copied out of the packed struct.
            let data = event.data;
            ready |= 1_u64.checked_shl(data.u64() as u32).unwrap_or(0);
        }
        Ok(Ready(ready))
    }
}

/// Readable when a token asks.
impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Whether a descriptor takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writable {
    /// It does, or a write would say why not.
    Yes,
    /// Something else asked for attention first, or the time was up.
    Stopped,
}

/// Waits until `out` takes bytes, `other` is readable, or `end` has come.
///
/// # Errors
/// The kernel's, from poll(2); a signal is none.
pub fn wait_writable(
    out: BorrowedFd<'_>,
    other: Option<BorrowedFd<'_>>,
    end: Option<Instant>,
) -> io::Result<Writable> {
    loop {
        let left = end.map(|end| whole_milliseconds(end.saturating_duration_since(Instant::now())));
        let mut fds = heapless::Vec::<PollFd<'_>, 2>::new();
        let _ = fds.push(PollFd::from_borrowed_fd(out, PollFlags::OUT));
        if let Some(other) = other {
            let _ = fds.push(PollFd::from_borrowed_fd(other, PollFlags::IN));
        }
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return Ok(Writable::Stopped),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        let ready = fds.first().is_some_and(|out| !out.revents().is_empty());
        return Ok(if ready {
            Writable::Yes
        } else {
            Writable::Stopped
        });
    }
}

/// Rounded up, so that a wait of less than a millisecond is none of zero; kernels before 5.11 know
/// no finer one. Eleven days are as good as for ever.
fn whole_milliseconds(time: Duration) -> Timespec {
    // Not by as_nanos(): its division of 128 bits would be the only one.
    let most = Duration::from_secs(1_000_000);
    let time = time.min(most);
    let milliseconds = time.as_secs() * 1000 + u64::from(time.subsec_nanos().div_ceil(1_000_000));
    let milliseconds = milliseconds.cast_signed();
    Timespec {
        tv_sec: milliseconds / 1000,
        tv_nsec: milliseconds % 1000 * 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_readable_descriptor_asks_by_its_token() {
        let poller = Poller::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        poller.watch(reader.as_fd(), 63).unwrap();
        assert!(poller.wait(Some(Duration::ZERO)).unwrap().is_empty());
        rustix::io::write(&writer, b"x").unwrap();
        for _ in 0..2 {
            let ready = poller.wait(None).unwrap();
            assert!(ready.has(63), "asks until it is read");
            assert!(!ready.has(0));
        }
        assert_eq!(poller.watch(writer.as_fd(), 64), Err(Errno::INVAL));
    }

    #[test]
    fn an_edge_asks_once() {
        let poller = Poller::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        poller.watch_edges(reader.as_fd(), 5).unwrap();
        rustix::io::write(&writer, b"x").unwrap();
        assert!(poller.wait(None).unwrap().has(5));
        assert!(poller.wait(Some(Duration::ZERO)).unwrap().is_empty());
    }

    #[test]
    fn a_limit_shortens_every_wait() {
        let poller = Poller::new().unwrap();
        poller.never_wait_longer_than(Duration::from_millis(20));
        poller.never_wait_longer_than(Duration::from_secs(60));
        let start = Instant::now();
        assert!(poller.wait(None).unwrap().is_empty());
        assert!(
            poller
                .wait(Some(Duration::from_secs(60)))
                .unwrap()
                .is_empty()
        );
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn times_are_rounded_up_to_milliseconds() {
        let cases = [
            (Duration::ZERO, (0, 0)),
            (Duration::from_nanos(1), (0, 1_000_000)),
            (Duration::from_micros(1500), (0, 2_000_000)),
            (Duration::from_secs(2), (2, 0)),
            (Duration::MAX, (1_000_000, 0)),
        ];
        for (time, (tv_sec, tv_nsec)) in cases {
            let spec = whole_milliseconds(time);
            assert_eq!((spec.tv_sec, spec.tv_nsec), (tv_sec, tv_nsec), "{time:?}");
        }
    }
}
