//! Memory that is shared with the kernel: mapped, read with the ordering that rings need, unmapped
//! when dropped.

use rustix::fd::BorrowedFd;
use rustix::io::{self, Errno};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What may be done with mapped memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only; stores are refused.
    Read,
    /// Reading and storing.
    ReadWrite,
}

/// A shared mapping of a descriptor's memory, owned: dropping it unmaps.
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    access: Access,
}

// Safety: the memory belongs to the mapping, not to a thread; every access to it goes through
// `&self` and is atomic, or is a slice whose maker vouches for its stillness.
unsafe impl Send for Mapping {}

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
}
