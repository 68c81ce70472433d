//! Raw tracepoints: the program sees the tracepoint's own arguments, and no perf event is needed.

use super::link::Link;
use super::{AttachError, Attacher, Prog};
use crate::sys::bpf;
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use std::ffi::{CStr, CString};

impl Attacher<'_> {
    /// Attaches a raw tracepoint program to the tracepoint `name` (`sched_switch`, no category).
    ///
    /// # Errors
    /// `AttachError`, which names the tracepoint: not there, no permission.
    pub fn raw_tracepoint(&self, prog: Prog<'_>, name: &str) -> Result<Link, AttachError> {
        let subject = ["raw tracepoint ", name].concat();
        let opened = match CString::new(name) {
            Ok(name) => open(prog, &name),
            Err(_) => Err(Errno::NOENT),
        };
        match opened {
            Ok(link) => Ok(Link::bare(link)),
            Err(Errno::NOENT) => Err(AttachError::NoRawTracepoint {
                name: name.to_owned(),
            }),
            // A kernel before 6.10 takes no cookie there.
            #[cfg(feature = "full")]
            Err(Errno::INVAL) if prog.cookie != 0 => {
                Err(super::ProbeError::NoCookie { subject }.into())
            }
            Err(errno) => Err(AttachError::refused(&subject, errno)),
        }
    }
}

#[cfg(feature = "full")]
fn open(prog: Prog<'_>, name: &CStr) -> io::Result<OwnedFd> {
    bpf::raw_tracepoint_open_with(prog.fd, Some(name), prog.cookie)
}

#[cfg(not(feature = "full"))]
fn open(prog: Prog<'_>, name: &CStr) -> io::Result<OwnedFd> {
    bpf::raw_tracepoint_open(prog.fd, Some(name))
}
