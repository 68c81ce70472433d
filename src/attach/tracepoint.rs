//! Tracepoints by category and name: tracefs knows the number, a perf event does the rest.

use super::link::{Event, Link};
use super::{AttachError, Attacher, Prog};
use crate::near::Near;
use crate::sys::abi::{PERF_TYPE_TRACEPOINT, PerfEventAttr};
use crate::sys::tracefs::Tracefs;
use rustix::io::Errno;

impl Attacher<'_> {
    /// Attaches a tracepoint program to `category/name`.
    ///
    /// # Errors
    /// `AttachError`, which names the tracepoint: not there (with names that come near), no
    /// tracefs, no permission.
    pub fn tracepoint(
        &self,
        prog: Prog<'_>,
        category: &str,
        name: &str,
    ) -> Result<Link, AttachError> {
        let subject = ["tracepoint ", category, "/", name].concat();
        let Some(tracefs) = self.tracefs() else {
            return Err(AttachError::no_tracefs(&subject));
        };
        let id = match tracefs.tracepoint_id(category, name) {
            Ok(id) => id,
            Err(Errno::NOENT) => return Err(missing(tracefs, category, name)),
            Err(errno) => return Err(AttachError::refused(&subject, errno)),
        };
        let attr = PerfEventAttr {
            event_type: PERF_TYPE_TRACEPOINT,
            config: id,
            ..PerfEventAttr::default()
        };
        let fd = self
            .open_event(&attr)
            .map_err(|errno| AttachError::refused(&subject, errno))?;
        self.bind(prog, Event { fd, probe: None }, &subject)
    }
}

fn missing(tracefs: &Tracefs, category: &str, name: &str) -> AttachError {
    if !tracefs.has_category(category) {
        return AttachError::NoCategory {
            category: category.to_owned(),
            name: name.to_owned(),
        };
    }
    let mut near = Near::new(name);
    // Names that can't be listed can't be suggested.
    let _ = tracefs.for_each_tracepoint(category, &mut |other| near.consider(other));
    AttachError::NoTracepoint {
        category: category.to_owned(),
        name: name.to_owned(),
        near: near.join(),
    }
}
