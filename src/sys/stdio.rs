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

/// Whether it is a pipe or a socket: somebody else's program reads it.
#[cfg(feature = "full")]
#[must_use]
pub fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    use rustix::fs::FileType;
    rustix::fs::fstat(fd).is_ok_and(|stat| {
        let kind = FileType::from_raw_mode(stat.st_mode);
        matches!(kind, FileType::Fifo | FileType::Socket)
    })
}

/// Whether it is a plain file.
#[cfg(feature = "full")]
#[must_use]
pub fn is_plain(fd: BorrowedFd<'_>) -> bool {
    use rustix::fs::FileType;
    rustix::fs::fstat(fd)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Cuts the last bytes off a plain file that was written to its end, and says whether it did.
#[cfg(feature = "full")]
#[must_use]
pub fn take_back(fd: BorrowedFd<'_>, bytes: u64) -> bool {
    use rustix::fs::{FileType, SeekFrom, fstat, ftruncate, seek, tell};
    let cut = || {
        let stat = fstat(fd).ok()?;
        let size = u64::try_from(stat.st_size).ok()?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let end = size.checked_sub(bytes).filter(|_| kind.is_file())?;
        // Somebody else's bytes may stand behind ours.
        (tell(fd).ok()? == size).then_some(())?;
        ftruncate(fd, end).ok()?;
        seek(fd, SeekFrom::Start(end)).ok()
    };
    cut().is_some()
}

/// Whether this process may write to its terminal as it likes: no shell has sent it into the background. A
/// terminal that no shell controls is anybody's.
#[cfg(feature = "full")]
#[must_use]
pub fn is_foreground(fd: BorrowedFd<'_>) -> bool {
    let group = rustix::termios::tcgetpgrp(fd);
    group.map_or(true, |group| group == rustix::process::getpgrp())
}

/// Columns of a terminal; 80 where it does not know.
#[cfg(feature = "full")]
#[must_use]
pub fn columns(fd: BorrowedFd<'_>) -> usize {
    let size = rustix::termios::tcgetwinsize(fd);
    size.ok().map_or(80, |size| match size.ws_col {
        0 => 80,
        columns => columns.into(),
    })
}

/// Writes as many of the bytes as are taken at once, and returns how many.
///
/// # Errors
/// The kernel's, from write(2).
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    io::write(fd, bytes)
}
