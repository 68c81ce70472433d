//! Links of one program to many places at once (`BPF_LINK_CREATE`): functions of the kernel (5.18),
//! and offsets in a file (6.6).
//!
//! Source: the kernel's `kernel/trace/bpf_trace.c`.

use super::abi::{
    BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN, BPF_LINK_CREATE,
    LinkCreateMultiKprobeAttr, LinkCreateMultiUprobeAttr,
};
use super::bpf_call::{call_for_fd, length, number};
use super::tracefs::Probe;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};
use std::ffi::CStr;

/// Attaches a program to kernel functions by their addresses. `cookies` has one for each, or is empty.
///
/// # Errors
/// The kernel's: `EOPNOTSUPP` where it was built without, `EINVAL` where it doesn't know the attach
/// type or an address is none of a traceable function; `EINVAL` too where there are not as many
/// cookies.
pub fn link_create_kprobe_multi(
    prog: BorrowedFd<'_>,
    attach_type: u32,
    probe: Probe,
    addresses: &[u64],
    cookies: &[u64],
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateMultiKprobeAttr {
        prog_fd: number(prog),
        attach_type,
        flags: match probe {
            Probe::Entry => 0,
            Probe::Return => BPF_F_KPROBE_MULTI_RETURN,
        },
        cnt: length(addresses.len())?,
        addrs: addresses.as_ptr() as u64,
        cookies: matching(cookies, addresses.len())?,
        ..LinkCreateMultiKprobeAttr::default()
    };
    // Safety: both addresses are those of slices with `cnt` numbers, borrowed for this call.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// The same to one function by its name, which the kernel finds much sooner than a user can. A cookie of 0
/// is none.
///
/// # Errors
/// As `link_create_kprobe_multi`; `ESRCH` where there is no such function.
pub fn link_create_kprobe_named(
    prog: BorrowedFd<'_>,
    attach_type: u32,
    probe: Probe,
    name: &CStr,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let (names, cookies) = ([name.as_ptr() as u64], [cookie]);
    let mut attr = LinkCreateMultiKprobeAttr {
        prog_fd: number(prog),
        attach_type,
        flags: match probe {
            Probe::Entry => 0,
            Probe::Return => BPF_F_KPROBE_MULTI_RETURN,
        },
        cnt: 1,
        syms: names.as_ptr() as u64,
        ..LinkCreateMultiKprobeAttr::default()
    };
    if cookie != 0 {
        attr.cookies = cookies.as_ptr() as u64;
    }
    // Safety: one address of one string that ends with a zero, and one cookie, all borrowed or owned for
    // this call.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// Attaches a program to bytes of a file, in all processes or in one (`process`, 0 for all). `cookies`
/// has one for each, or is empty.
///
/// # Errors
/// The kernel's: `EINVAL` where it has no such links, `EBADF` where the path is no regular file,
/// `ESRCH` where there is no such process; `EINVAL` too where there are not as many cookies.
pub fn link_create_uprobe_multi(
    prog: BorrowedFd<'_>,
    attach_type: u32,
    probe: Probe,
    path: &CStr,
    offsets: &[u64],
    cookies: &[u64],
    process: u32,
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateMultiUprobeAttr {
        prog_fd: number(prog),
        attach_type,
        path: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        cookies: matching(cookies, offsets.len())?,
        cnt: length(offsets.len())?,
        flags: match probe {
            Probe::Entry => 0,
            Probe::Return => BPF_F_UPROBE_MULTI_RETURN,
        },
        pid: process,
        ..LinkCreateMultiUprobeAttr::default()
    };
    // Safety: the path ends with a zero; the other addresses are those of slices with `cnt` numbers;
    // all are borrowed for this call.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// The address of the cookies, one for each of `count` places; zero for none.
fn matching(cookies: &[u64], count: usize) -> io::Result<u64> {
    match cookies.len() {
        0 => Ok(0),
        len if len == count => Ok(cookies.as_ptr() as u64),
        _ => Err(Errno::INVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_cookie_for_each_place_or_none() {
        assert_eq!(matching(&[], 3), Ok(0));
        assert_eq!(matching(&[1, 2], 3), Err(Errno::INVAL));
        assert_ne!(matching(&[1, 2, 3], 3).unwrap(), 0);
    }
}
