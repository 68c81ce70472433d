//! A file of the kernel that never changes, mapped: the BTF of a kernel from 6.16 on.

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::ptr::NonNull;

/// The bytes of a mapped kernel file. They are the kernel's own pages: none is copied.
pub struct Constant {
    start: NonNull<u8>,
    len: usize,
}

impl Constant {
    /// Maps `len` bytes of a file in /sys/kernel/btf, from its start.
    ///
    /// Only for files whose contents the kernel never changes and never takes away while they are
    /// mapped: the kernel's own BTF. Sharing is refused there (`btf_sysfs_vmlinux_mmap`), so the
    /// mapping is private.
    ///
    /// # Errors
    /// The kernel's: `ENODEV` before 6.16.
    pub fn map(file: &OwnedFd, len: usize) -> io::Result<Constant> {
        // Safety: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                file.as_fd(),
                0,
            )
        }?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(Errno::FAULT)?;
        Ok(Constant { start, len })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // Safety: mapped for as long as `self`, readable, and never written: it is the kernel's
        // read-only data.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Constant {
    fn drop(&mut self) {
        // Safety: ours alone, and no slice of it outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
    }
}
