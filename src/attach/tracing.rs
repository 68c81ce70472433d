//! Programs that were loaded for their place: fentry and its like, tp_btf, LSM, freplace. The kernel
//! knows where to; only a cookie has to be said.

use super::link::Link;
use super::{AttachError, Attacher, HookError};
use crate::sys::abi::ENOTSUPP;
use crate::sys::{bpf, bpf_link, security};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// A program for a place in the kernel's BTF.
#[derive(Clone, Copy)]
pub struct Traced<'p> {
    /// The program.
    pub prog: BorrowedFd<'p>,
    /// What its section calls its kind, and its place.
    pub kind: &'p str,
    /// Such as `do_exit`.
    pub place: &'p str,
    /// One of the attach types.
    pub attach_type: u32,
    /// What `bpf_get_attach_cookie` gives it; 0 for none.
    pub cookie: u64,
}

impl Attacher<'_> {
    /// Attaches a program to the function, tracepoint or program that it was loaded for.
    ///
    /// # Errors
    /// `AttachError`, which names the place: no trampolines on this machine, as many programs there as
    /// can be, no permission.
    pub fn tracing(&self, traced: Traced<'_>) -> Result<Link, AttachError> {
        let subject = [traced.kind, " ", traced.place].concat();
        // Opening a raw tracepoint without a name is the older way, which all kernels still have. It
        // takes no cookie.
        let opened = match traced.cookie {
            0 => bpf::raw_tracepoint_open(traced.prog, None),
            cookie => bpf_link::link_create_tracing(traced.prog, traced.attach_type, cookie),
        };
        match opened {
            Ok(link) => Ok(Link::bare(link)),
            Err(errno) if errno.raw_os_error() == ENOTSUPP => {
                Err(HookError::NoTrampolines { subject }.into())
            }
            Err(errno @ (Errno::BUSY | Errno::TOOBIG)) if traced.cookie == 0 => {
                Err(HookError::Taken { subject, errno }.into())
            }
            Err(errno @ (Errno::INVAL | Errno::TOOBIG)) if traced.cookie != 0 => {
                Err(HookError::NoCookie { subject, errno }.into())
            }
            Err(errno) => Err(AttachError::refused(&subject, errno)),
        }
    }

    /// Attaches a program to a decision of the security modules.
    ///
    /// # Errors
    /// As [`tracing`](Self::tracing).
    pub fn lsm(&self, traced: Traced<'_>) -> Result<Link, AttachError> {
        let link = self.tracing(traced)?;
        // The kernel attaches it all the same, and never asks it.
        if let Some(active) = security::active_modules()
            && !active.split(',').any(|name| name == "bpf")
        {
            self.note(format!(
                "{} {}: it is never asked: bpf is not among the active security modules ({active}); \
                 boot with lsm=…,bpf",
                traced.kind, traced.place
            ));
        }
        Ok(link)
    }
}
