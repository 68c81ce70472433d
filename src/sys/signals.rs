//! Signals that ask the program to stop, turned into a descriptor that an epoll loop can watch.
//!
//! Source: signalfd(2).

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{self, Errno};
use std::mem::MaybeUninit;

/// SIGINT, SIGTERM and SIGHUP, blocked and readable from a descriptor.
///
/// They stay blocked when this is dropped: whoever asked to stop is being obeyed.
pub struct StopSignals {
    fd: OwnedFd,
}

/// A signal that asked the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal went away.
    Hangup,
}

impl StopSignals {
    /// Blocks the signals for this thread and those that it starts, and opens the descriptor
    /// (close-on-exec, non-blocking).
    ///
    /// SIGHUP stays as it is where it is ignored: that is how nohup(1) asks to go on. SIGINT is
    /// taken even so, because shells ignore it for every background job of a script.
    ///
    /// # Errors
    /// The kernel's, from sigprocmask(2) and signalfd(2).
    pub fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // Safety: sigemptyset initialises the set, and sigaddset then adds valid numbers to it.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            if !is_ignored(libc::SIGHUP) {
                libc::sigaddset(set.as_mut_ptr(), libc::SIGHUP);
            }
            set.assume_init()
        };
        // Safety: the set is initialised, and the old one is not asked for.
        let blocked =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if blocked != 0 {
            return Err(Errno::from_raw_os_error(blocked));
        }
        // Safety: the set is initialised, and -1 asks for a new descriptor.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(super::perf::last_error());
        }
        // Safety: the descriptor was just made for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(StopSignals { fd })
    }

    /// The next signal that came, if any; never waits.
    #[must_use]
    pub fn take(&self) -> Option<Stop> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // Safety: the buffer is as large as the size says.
        let len = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(len) != Ok(size) {
            return None;
        }
        // Safety: zeroed at first, now filled by the kernel; a struct of integers.
        let info = unsafe { info.assume_init() };
        match info.ssi_signo.cast_signed() {
            libc::SIGINT => Some(Stop::Interrupt),
            libc::SIGTERM => Some(Stop::Terminate),
            _ => Some(Stop::Hangup),
        }
    }
}

impl AsFd for StopSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // Safety: only asks; the answer has room for a whole struct, which zeroed is a valid value of.
    let action = unsafe {
        if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
            return false;
        }
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_waits_in_the_descriptor() {
        let signals = StopSignals::block().unwrap();
        assert_eq!(signals.take(), None);
        // Safety: the signal is blocked in this thread, to which it is sent.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGTERM) };
        assert_eq!(signals.take(), Some(Stop::Terminate));
        assert_eq!(signals.take(), None);
    }
}
