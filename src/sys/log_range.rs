//! A log buffer that is larger than the memory behind it: a range of addresses in which a small file
//! is mapped over and over. What the kernel writes through it goes round and round in the file, and
//! the end of it stays, however long it is.
//!
//! Kernels before 6.4 fill a log buffer from its start and stop where it is full; the reason of a
//! refusal is at the end.

use rustix::fd::BorrowedFd;
use rustix::io::{self, Errno};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::ffi::c_void;
use std::ptr::NonNull;

/// A range of addresses for the kernel to write to, owned: dropping it unmaps. Nothing here reads or
/// writes it; what was written is read from the file.
pub struct LogRange {
    start: NonNull<c_void>,
    len: usize,
}

// Safety: the range belongs to no thread, and no reference to its memory is ever made: the kernel
// writes it, and read(2) of the file gives what was written.
unsafe impl Sync for LogRange {}

impl LogRange {
    /// A range of `len` bytes in which the first `window` bytes of `file` follow each other as often
    /// as it takes. Both are multiples of the page size, and `file` has at least `window` bytes. A
    /// window as large as the range maps the file once.
    ///
    /// # Errors
    /// The kernel's: `ENOMEM` where addresses are limited; `EINVAL` where the sizes don't fit.
    pub fn new(file: BorrowedFd<'_>, window: usize, len: usize) -> io::Result<LogRange> {
        if window == 0 || len == 0 || !len.is_multiple_of(window) {
            return Err(Errno::INVAL);
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // Safety: a new mapping at an address of the kernel's choice touches no memory of ours; it
        // can't be accessed and only keeps the addresses.
        let start =
            unsafe { mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), flags) }?;
        let start = NonNull::new(start).ok_or(Errno::FAULT)?;
        // From here on a failure unmaps by the drop.
        let range = LogRange { start, len };
        for offset in (0..len).step_by(window) {
            // Safety: `offset` is inside the range that was reserved above.
            let at = unsafe { start.as_ptr().byte_add(offset) };
            let flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE;
            let access = ProtFlags::READ | ProtFlags::WRITE;
            // Safety: the fixed address lies with all its `window` bytes inside the reserved range,
            // which is ours alone, holds nothing, and has no reference to it.
            unsafe { mmap(at, window, access, flags, file, 0) }?;
        }
        Ok(range)
    }

    /// Bytes of addresses.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no addresses, which `new` never gives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first address, for the kernel to write to.
    pub(super) fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Lets go of the pages that this process has been given through the range, so that they don't
    /// count as its memory once for each address. The file keeps what is in them, and whoever writes
    /// is given them again.
    ///
    /// # Errors
    /// The kernel's.
    pub fn forget_pages(&self) -> io::Result<()> {
        // Safety: of a shared mapping the kernel drops page table entries only; the contents stay in
        // the file, and no reference to the memory exists.
        unsafe { madvise(self.start.as_ptr(), self.len, Advice::LinuxDontNeed) }
    }
}

impl Drop for LogRange {
    fn drop(&mut self) {
        // Safety: this is the range made in `new`, whole, and nothing borrows from it. munmap(2) of a
        // whole range does not fail.
        let _ = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::pread;

    const WINDOW: usize = 64 * 1024;

    fn window() -> OwnedFd {
        let file = memfd_create("log", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, WINDOW as u64).unwrap();
        file
    }

    /// Writes as the kernel does, from outside of this program's own accesses: by read(2) from a pipe.
    fn write(range: &LogRange, offset: usize, bytes: &[u8]) {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, bytes).unwrap();
        assert!(offset + bytes.len() <= range.len());
        // Safety: inside the range, of which no reference exists but this one, for the call.
        let target = unsafe {
            let at = range.start.as_ptr().byte_add(offset);
            std::slice::from_raw_parts_mut(at.cast::<u8>(), bytes.len())
        };
        assert_eq!(rustix::io::read(&reader, target), Ok(bytes.len()));
    }

    #[test]
    fn what_is_written_anywhere_goes_round_in_the_window() {
        let file = window();
        let range = LogRange::new(file.as_fd(), WINDOW, 8 * WINDOW).unwrap();
        write(&range, 5 * WINDOW - 3, b"around");
        let mut bytes = [0; 3];
        pread(&file, &mut bytes, WINDOW as u64 - 3).unwrap();
        assert_eq!(&bytes, b"aro");
        pread(&file, &mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"und");
    }

    #[test]
    fn what_was_written_outlasts_the_pages_and_the_range() {
        let file = window();
        let range = LogRange::new(file.as_fd(), WINDOW, 2 * WINDOW).unwrap();
        write(&range, WINDOW + 7, b"kept");
        range.forget_pages().unwrap();
        drop(range);
        let mut bytes = [0; 4];
        pread(&file, &mut bytes, 7).unwrap();
        assert_eq!(&bytes, b"kept");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let file = window();
        for (window, len) in [
            (0, WINDOW),
            (WINDOW, 0),
            (WINDOW, WINDOW + 4096),
            (100, 1000),
        ] {
            assert!(
                LogRange::new(file.as_fd(), window, len).is_err(),
                "{window} {len}"
            );
        }
    }
}
