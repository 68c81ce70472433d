//! Standard output and standard error, unbuffered.

use rustix::fd::BorrowedFd;
use rustix::io;

/// Standard output.
#[must_use]
pub fn output() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

/// Standard error.
#[must_use]
pub fn errors() -> BorrowedFd<'static> {
    rustix::stdio::stderr()
}

/// Whether somebody sits at the other end.
#[must_use]
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    rustix::termios::isatty(fd)
}

/// Writes as many of the bytes as are taken at once, and returns how many.
///
/// # Errors
/// The kernel's, from write(2).
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    io::write(fd, bytes)
}
