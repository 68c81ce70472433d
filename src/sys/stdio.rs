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

/// Writes as many of the bytes as are taken at once, and returns how many.
///
/// # Errors
/// The kernel's, from write(2).
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    io::write(fd, bytes)
}
