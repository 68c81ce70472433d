//! Raw tracepoints: the program sees the tracepoint's own arguments, and no perf event is needed.

use super::link::Link;
use super::{AttachError, Attacher};
use crate::sys::bpf;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::ffi::CString;

impl Attacher<'_> {
    /// Attaches a raw tracepoint program to the tracepoint `name` (`sched_switch`, no category).
    ///
    /// # Errors
    /// `AttachError`, which names the tracepoint: not there, no permission.
    pub fn raw_tracepoint(&self, prog: BorrowedFd<'_>, name: &str) -> Result<Link, AttachError> {
        let subject = ["raw tracepoint ", name].concat();
        let opened = match CString::new(name) {
            Ok(name) => bpf::raw_tracepoint_open(prog, Some(&name)),
            Err(_) => Err(Errno::NOENT),
        };
        match opened {
            Ok(link) => Ok(Link::bare(link)),
            Err(Errno::NOENT) => Err(AttachError::NoRawTracepoint {
                name: name.to_owned(),
            }),
            Err(errno) => Err(AttachError::refused(&subject, errno)),
        }
    }
}
