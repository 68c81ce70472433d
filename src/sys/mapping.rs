//! Memory that is shared with the kernel: mapped, read with the ordering that rings need, unmapped
//! when dropped.

use rustix::fd::BorrowedFd;
use rustix::io::{self, Errno};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::ptr::NonNull;
#[cfg(feature = "full")]
use std::sync::atomic::AtomicU8;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What may be done with mapped memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only; stores are refused.
    Read,
    /// Reading and storing.
    ReadWrite,
}

/// A shared mapping of a descriptor's memory, owned: dropping it unmaps.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    access: Access,
}

// Safety: the memory belongs to the mapping, not to a thread; every access to it goes through
// `&self` and is atomic, or is a slice whose maker vouches for its stillness.
unsafe impl Send for Mapping {}
// Safety: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes from byte `offset` of `fd`; both are multiples of the page size.
    ///
    /// # Errors
    /// The kernel's: `EPERM` where the locked memory allowed to perf is used up, `EINVAL` where
    /// length or offset don't fit.
    pub fn new(fd: BorrowedFd<'_>, offset: u64, len: usize, access: Access) -> io::Result<Self> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // Safety: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                fd,
                offset,
            )
        }?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(Errno::FAULT)?;
        Ok(Mapping { start, len, access })
    }

    /// Maps `len` bytes of `fd`, from its start, to be read and stored at address `start` and nowhere else.
    ///
    /// # Errors
    /// The kernel's: `EEXIST` where something else is mapped there, or `EINVAL`.
    #[cfg(feature = "full")]
    pub fn at(start: usize, fd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        let flags = MapFlags::SHARED | MapFlags::FIXED_NOREPLACE;
        let wanted = std::ptr::without_provenance_mut::<c_void>(start);
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // Safety: the flag keeps the kernel from putting it over memory that is in use.
        let start = unsafe { mmap(wanted, len, protection, flags, fd, 0) }?;
        let mapping = Mapping {
            start: NonNull::new(start.cast::<u8>()).ok_or(Errno::FAULT)?,
            len,
            access: Access::ReadWrite,
        };
        // A kernel before 4.17 takes the address for a wish.
        match start == wanted {
            true => Ok(mapping),
            false => Err(Errno::EXIST),
        }
    }

    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is mapped, which mmap(2) never allows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of an aligned `size`-byte word inside the mapping.
    fn word(&self, offset: usize, size: usize) -> Option<NonNull<u8>> {
        let end = offset.checked_add(size)?;
        if end > self.len || !offset.is_multiple_of(size) {
            return None;
        }
        // Safety: `offset` is inside the mapping.
        Some(unsafe { self.start.add(offset) })
    }

    /// Loads the 64-bit word at byte `offset`, with acquire ordering: what the kernel wrote before
    /// it stored this word is seen by every read after. Zero outside of the mapping.
    #[must_use]
    pub fn load_acquire(&self, offset: usize) -> u64 {
        let Some(word) = self.word(offset, 8) else {
            return 0;
        };
        // Safety: mapped, aligned, and only touched by atomic accesses here and in the kernel.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }.load(Ordering::Acquire)
    }

    /// Loads the 32-bit word at byte `offset`, with acquire ordering. Zero outside of the mapping.
    #[must_use]
    pub fn load_acquire_u32(&self, offset: usize) -> u32 {
        let Some(word) = self.word(offset, 4) else {
            return 0;
        };
        // Safety: mapped, aligned, and only touched by atomic accesses here and in the kernel.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }.load(Ordering::Acquire)
    }

    /// Stores the 64-bit word at byte `offset`, with release ordering: every read of ours before it
    /// is done when the kernel sees the word. Does nothing outside of the mapping or where it is
    /// read-only.
    pub fn store_release(&self, offset: usize, value: u64) {
        let Some(word) = self.word(offset, 8) else {
            return;
        };
        if self.access != Access::ReadWrite {
            return;
        }
        // Safety: mapped for writing, aligned, and only touched by atomic accesses.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }.store(value, Ordering::Release);
    }

    /// Copies bytes from byte `offset` on into `out`; `false` where they are not all inside. Each aligned
    /// word of up to eight bytes is read at once: a number is never half old, half new.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        self.each_word(offset, out.len(), |place, at, size| {
            let Some(out) = out.get_mut(at..at + size) else {
                return;
            };
            // Safety: `each_word` gives mapped, aligned words of that size, which are only touched by
            // atomic accesses, here and by programs.
            unsafe {
                match size {
                    8 => out.copy_from_slice(&load64(place).to_ne_bytes()),
                    4 => out.copy_from_slice(&load32(place).to_ne_bytes()),
                    _ => out.fill(AtomicU8::from_ptr(place).load(Ordering::Relaxed)),
                }
            }
        })
    }

    /// Copies `bytes` to byte `offset` on; `false` where they do not all fit or the mapping is read-only.
    /// Each aligned word of up to eight bytes is stored at once.
    #[cfg(feature = "full")]
    pub fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        if self.access != Access::ReadWrite {
            return false;
        }
        self.each_word(offset, bytes.len(), |place, at, size| {
            let Some(bytes) = bytes.get(at..at + size) else {
                return;
            };
            // Safety: as in `read`, and mapped for writing.
            unsafe {
                match (bytes.first_chunk(), bytes.first_chunk(), bytes.first()) {
                    (Some(long), ..) if size == 8 => {
                        let long = u64::from_ne_bytes(*long);
                        AtomicU64::from_ptr(place.cast()).store(long, Ordering::Relaxed);
                    }
                    (_, Some(word), _) if size == 4 => {
                        let word = u32::from_ne_bytes(*word);
                        AtomicU32::from_ptr(place.cast()).store(word, Ordering::Relaxed);
                    }
                    (.., Some(byte)) => AtomicU8::from_ptr(place).store(*byte, Ordering::Relaxed),
                    _ => {}
                }
            }
        })
    }

    /// Goes through the largest aligned words of 8, 4 or 1 bytes in a range: address, bytes from the
    /// range's start, size.
    #[cfg(feature = "full")]
    fn each_word(
        &self,
        offset: usize,
        len: usize,
        mut word: impl FnMut(*mut u8, usize, usize),
    ) -> bool {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return false;
        }
        let mut at = 0;
        while at < len {
            let fits = |size: &usize| len - at >= *size && (offset + at).is_multiple_of(*size);
            let size = [8, 4].into_iter().find(fits).unwrap_or(1);
            if let Some(place) = self.word(offset + at, size) {
                word(place.as_ptr(), at, size);
            }
            at += size;
        }
        true
    }

    /// The `len` bytes from byte `offset`; `None` where they are not all inside.
    ///
    /// # Safety
    /// The kernel does not write those bytes for as long as the slice lives: they are a record that
    /// it has finished and that has not been given back to it.
    #[must_use]
    pub unsafe fn bytes(&self, offset: usize, len: usize) -> Option<&[u8]> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // Safety: inside the mapping, which lives as long as `self`; stillness is the caller's.
        Some(unsafe { std::slice::from_raw_parts(self.start.add(offset).as_ptr(), len) })
    }
}

/// # Safety
/// As for `AtomicU64::from_ptr`.
#[cfg(feature = "full")]
unsafe fn load64(place: *mut u8) -> u64 {
    // Safety: the caller's.
    unsafe { AtomicU64::from_ptr(place.cast()) }.load(Ordering::Relaxed)
}

/// # Safety
/// As for `AtomicU32::from_ptr`.
#[cfg(feature = "full")]
unsafe fn load32(place: *mut u8) -> u32 {
    // Safety: the caller's.
    unsafe { AtomicU32::from_ptr(place.cast()) }.load(Ordering::Relaxed)
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Safety: this is the mapping made in `new`, whole, and nothing borrows from it any more.
        // munmap(2) of a whole mapping does not fail.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    #[test]
    fn words_and_bytes_stay_inside_the_mapping() {
        let page = crate::sys::kernel::page_size();
        let file = memfd_create("mapping", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, page as u64).unwrap();
        let both = Mapping::new(file.as_fd(), 0, page, Access::ReadWrite).unwrap();
        let reader = Mapping::new(file.as_fd(), 0, page, Access::Read).unwrap();

        both.store_release(page - 8, 0x0102_0304_0506_0708);
        assert_eq!(reader.load_acquire(page - 8), 0x0102_0304_0506_0708);
        assert_eq!(reader.load_acquire_u32(page - 4), 0x0102_0304);
        // Safety: this test is the only writer.
        let bytes = unsafe { reader.bytes(page - 8, 8) }.unwrap();
        assert_eq!(bytes, 0x0102_0304_0506_0708_u64.to_le_bytes());

        both.store_release(page - 4, u64::MAX);
        both.store_release(page, u64::MAX);
        reader.store_release(0, u64::MAX);
        assert_eq!(reader.load_acquire(0), 0);
        assert_eq!(reader.load_acquire(page - 4), 0);
        // Safety: this test is the only writer.
        assert!(unsafe { reader.bytes(page - 7, 8) }.is_none());
        // Safety: this test is the only writer.
        assert!(unsafe { reader.bytes(usize::MAX, 8) }.is_none());
    }

    #[cfg(feature = "full")]
    #[test]
    fn any_bytes_are_copied_in_and_out() {
        let page = crate::sys::kernel::page_size();
        let file = memfd_create("mapping", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, page as u64).unwrap();
        let both = Mapping::new(file.as_fd(), 0, page, Access::ReadWrite).unwrap();
        let reader = Mapping::new(file.as_fd(), 0, page, Access::Read).unwrap();
        let bytes: Vec<u8> = (1..=40).collect();
        for (offset, len) in [
            (0, 40),
            (1, 39),
            (3, 1),
            (5, 17),
            (8, 8),
            (12, 4),
            (page - 7, 7),
        ] {
            let bytes = &bytes[..len];
            assert!(both.write(offset, bytes), "{len} at {offset}");
            let mut out = vec![0; len];
            assert!(reader.read(offset, &mut out), "{len} at {offset}");
            assert_eq!(out, bytes, "{len} at {offset}");
            assert!(both.write(offset, &vec![0; len]));
            let mut all = vec![0; page];
            assert!(reader.read(0, &mut all));
            assert!(all.iter().all(|&b| b == 0), "{len} at {offset}");
        }
        for (offset, len) in [(page, 1), (page - 7, 8), (usize::MAX, 1)] {
            assert!(!both.write(offset, &vec![1; len]), "{len} at {offset}");
            assert!(!both.read(offset, &mut vec![1; len]), "{len} at {offset}");
        }
        assert!(!reader.write(0, &[1]));
    }
}
