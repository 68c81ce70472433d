//! Links, attachments and runs of programs by bpf(2), one function for each sort of hook.
//!
//! Source: the kernel's `kernel/bpf/syscall.c` (link_create), `net/core/dev.c` (bpf_xdp_link_attach),
//! `kernel/bpf/cgroup.c` and `kernel/bpf/bpf_iter.c`.

use super::abi::{
    BPF_F_ALLOW_MULTI, BPF_ITER_CREATE, BPF_LINK_CREATE, BPF_PROG_ATTACH, BPF_PROG_DETACH,
    BPF_PROG_TEST_RUN, BPF_TRACE_ITER, BPF_XDP, IterCreateAttr, LinkCreateAttr, LinkCreateIterAttr,
    LinkCreateTracingAttr, ProgAttachAttr, ProgTestRunAttr,
};
use super::bpf_call::{address, call, call_for_fd, length, number};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};

/// Attaches a tracing program to what it was loaded for, with a value for `bpf_get_attach_cookie`
/// (`BPF_LINK_CREATE`, 6.0); closing the link detaches.
///
/// # Errors
/// The kernel's: `EINVAL` or `E2BIG` where it takes no cookie, 524 where the machine has no trampolines.
pub fn link_create_tracing(
    prog: BorrowedFd<'_>,
    attach_type: u32,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateTracingAttr {
        prog_fd: number(prog),
        attach_type,
        cookie,
        ..LinkCreateTracingAttr::default()
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// Makes a link of an iterator program (`BPF_LINK_CREATE`, 5.8). An iterator over the elements of a map
/// is told which.
///
/// # Errors
/// The kernel's: `EINVAL` where it has no such links, `EBADF` where the iterator wants a map.
pub fn link_create_iter(prog: BorrowedFd<'_>, map: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    // `union bpf_iter_link_info`: the map's descriptor comes first in all of it.
    let info = map.map(number).unwrap_or_default().to_ne_bytes();
    let mut attr = LinkCreateIterAttr {
        prog_fd: number(prog),
        attach_type: BPF_TRACE_ITER,
        ..LinkCreateIterAttr::default()
    };
    if map.is_some() {
        (attr.iter_info, attr.iter_info_len) = (address(&info), length(info.len())?);
    }
    // Safety: the address is that of `info`, which lives through the call, with its length.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// Opens what an iterator has to say (`BPF_ITER_CREATE`, 5.8): read to its end, it has run once.
///
/// # Errors
/// The kernel's.
pub fn iter_create(link: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = IterCreateAttr {
        link_fd: number(link),
        flags: 0,
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_ITER_CREATE, &mut attr) }
}

/// Attaches an XDP program to a network interface by its index (`BPF_LINK_CREATE`, 5.9); closing the
/// link detaches. `flags` are `XDP_FLAGS_*`.
///
/// # Errors
/// The kernel's: `EBUSY` where another program is attached, `EOPNOTSUPP` where the driver can't,
/// `EINVAL` where the kernel has no such links or the interface is gone.
pub fn link_create_xdp(prog: BorrowedFd<'_>, interface: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateAttr {
        prog_fd: number(prog),
        target: interface,
        attach_type: BPF_XDP,
        flags,
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

/// Attaches a program to a cgroup by the descriptor of its folder (`BPF_LINK_CREATE`, 5.7); closing the
/// link detaches.
///
/// # Errors
/// The kernel's: `EBADF` where the folder is no cgroup of version 2, `EINVAL` where it has no such links.
pub fn link_create_cgroup(
    prog: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateAttr {
        prog_fd: number(prog),
        target: number(cgroup),
        attach_type,
        flags: 0,
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

fn prog_attachment(
    prog: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    attach_type: u32,
) -> ProgAttachAttr {
    ProgAttachAttr {
        target_fd: number(target),
        attach_bpf_fd: number(prog),
        attach_type,
        ..ProgAttachAttr::default()
    }
}

/// Attaches a program to a cgroup beside others (`BPF_PROG_ATTACH`, 4.10; several since 4.15). It stays
/// until [`prog_detach`].
///
/// # Errors
/// The kernel's: `EBADF` where the folder is no cgroup of version 2.
pub fn prog_attach(
    prog: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<()> {
    let mut attr = ProgAttachAttr {
        attach_flags: BPF_F_ALLOW_MULTI,
        ..prog_attachment(prog, target, attach_type)
    };
    // Safety: the struct holds no address.
    unsafe { call(BPF_PROG_ATTACH, &mut attr) }.map(drop)
}

/// Takes a program from where [`prog_attach`] put it (`BPF_PROG_DETACH`).
///
/// # Errors
/// The kernel's: `ENOENT` where it is not attached.
pub fn prog_detach(
    prog: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<()> {
    let mut attr = prog_attachment(prog, target, attach_type);
    // Safety: the struct holds no address.
    unsafe { call(BPF_PROG_DETACH, &mut attr) }.map(drop)
}

/// Runs a program of the type syscall once, with `context` as its argument, and returns what it
/// returned (`BPF_PROG_TEST_RUN`, 5.14 for this type). The program may write to `context`.
///
/// # Errors
/// The kernel's: `EINVAL` where the context is larger or smaller than the program wants, 524 where it
/// does not run such programs.
pub fn prog_run(prog: BorrowedFd<'_>, context: &mut [u8]) -> io::Result<u32> {
    let mut attr = ProgTestRunAttr {
        prog_fd: number(prog),
        ctx_size_in: length(context.len())?,
        ..ProgTestRunAttr::default()
    };
    if !context.is_empty() {
        attr.ctx_in = context.as_mut_ptr() as u64;
    }
    // Safety: the address is that of `context`, ours to write, with its length; the program is one that
    // the verifier has passed.
    unsafe { call(BPF_PROG_TEST_RUN, &mut attr) }?;
    Ok(attr.retval)
}

/// Reads what an iterator says, as much as there is and `buffer` holds; 0 at the end.
///
/// # Errors
/// The kernel's: `E2BIG` where the program said more of one thing than eight pages hold.
pub fn iter_read(iterator: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(iterator, &mut *buffer) {
            // The kernel pauses after many things of which the program said nothing.
            Err(Errno::INTR | Errno::AGAIN) => {}
            answer => return answer,
        }
    }
}
