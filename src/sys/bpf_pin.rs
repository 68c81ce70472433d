//! Pins: names in a BPF file system that keep programs, maps and links.
//!
//! Source: the kernel's `kernel/bpf/inode.c`.

use super::abi::{BPF_OBJ_GET, BPF_OBJ_PIN, ObjAttr};
use super::bpf_call::{call, call_for_fd, number};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::io;
use std::ffi::CStr;

/// What statfs(2) says of a BPF file system (`BPF_FS_MAGIC`).
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Whether a path lies in a BPF file system.
///
/// # Errors
/// The kernel's: `ENOENT` where there is no such path.
pub fn is_bpf_fs(path: &str) -> io::Result<bool> {
    let stat = rustix::fs::statfs(path)?;
    // Signed on some machines.
    Ok(stat.f_type as u64 & 0xffff_ffff == BPF_FS_MAGIC)
}

/// What a descriptor of bpf(2) is, in the kernel's word: `bpf-map`, `bpf-prog`, `bpf_link`. `None` where
/// /proc does not say.
pub fn kind_of(fd: BorrowedFd<'_>) -> Option<String> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let target = rustix::fs::readlink(path, Vec::new()).ok()?;
    let target = target.into_string().ok()?;
    Some(target.strip_prefix("anon_inode:")?.to_owned())
}

/// Removes a name.
///
/// # Errors
/// The kernel's: `ENOENT` where there is no such name.
pub fn unpin(path: &CStr) -> io::Result<()> {
    rustix::fs::unlink(path)
}

/// Removes a folder that is empty.
///
/// # Errors
/// The kernel's: `ENOTEMPTY` where it is not.
pub fn remove_folder(path: &str) -> io::Result<()> {
    rustix::fs::rmdir(path)
}

/// Gives a program, map or link a name in a BPF file system (`BPF_OBJ_PIN`); it stays until the name is
/// removed as a file is.
///
/// # Errors
/// The kernel's: `EEXIST` where the name is taken, `EPERM` where the folder is in no BPF file system,
/// `ENOENT` where it does not exist; `EINVAL` for a link before 5.7.
pub fn obj_pin(fd: BorrowedFd<'_>, path: &CStr) -> io::Result<()> {
    let mut attr = ObjAttr {
        pathname: path.as_ptr() as u64,
        bpf_fd: number(fd),
        ..ObjAttr::default()
    };
    // Safety: the path ends with a zero and is borrowed for this call.
    unsafe { call(BPF_OBJ_PIN, &mut attr) }.map(drop)
}

/// Opens the program, map or link with this name in a BPF file system (`BPF_OBJ_GET`).
///
/// # Errors
/// The kernel's: `ENOENT` where there is no such name, `EACCES` where it is no such name.
pub fn obj_get(path: &CStr) -> io::Result<OwnedFd> {
    let mut attr = ObjAttr {
        pathname: path.as_ptr() as u64,
        ..ObjAttr::default()
    };
    // Safety: the path ends with a zero and is borrowed for this call.
    unsafe { call_for_fd(BPF_OBJ_GET, &mut attr) }
}
