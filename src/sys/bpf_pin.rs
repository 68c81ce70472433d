//! Pins: names in a BPF file system that keep programs, maps and links.
//!
//! Source: the kernel's `kernel/bpf/inode.c`.

use super::abi::{BPF_OBJ_GET, BPF_OBJ_PIN, ObjAttr};
use super::bpf_call::{call, call_for_fd, number};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io;
use std::ffi::CStr;

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
