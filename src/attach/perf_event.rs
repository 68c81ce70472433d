//! Binding a program to an open perf event: by a BPF link where the kernel has them, else by
//! ioctl.

use super::link::{Event, Link};
use super::{AttachError, Attacher, Prog};
use crate::sys::abi::PerfEventAttr;
use crate::sys::{Feature, bpf, cpus, perf};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};

impl Attacher<'_> {
    /// Binds the program to the event; `subject` is what the error will speak of.
    pub(super) fn bind(
        &self,
        prog: Prog<'_>,
        event: Event,
        subject: &str,
    ) -> Result<Link, AttachError> {
        #[cfg(feature = "full")]
        if prog.cookie != 0 && !self.features.has(Feature::PerfLink) {
            let subject = subject.to_owned();
            return Err(super::ProbeError::NoCookie { subject }.into());
        }
        let link = self
            .bind_fd(prog, event.fd.as_fd())
            .map_err(|errno| AttachError::refused(subject, errno))?;
        Ok(Link::of_event(link, event))
    }

    /// The link, or `None` where the kernel has none, and the event itself holds the program.
    fn bind_fd(&self, prog: Prog<'_>, event: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
        // The attempt is its own probe: the program and the event are at hand.
        let known = self.features.known(Feature::PerfLink);
        if known != Some(false) {
            #[cfg(feature = "full")]
            let cookie = prog.cookie;
            #[cfg(not(feature = "full"))]
            let cookie = 0;
            match bpf::link_create_perf(prog.fd, event, cookie) {
                Ok(link) => {
                    self.features.remember(Feature::PerfLink, true);
                    return Ok(Some(link));
                }
                // A kernel before 5.15 says so; before 5.7 it does not know the command at all.
                Err(Errno::INVAL) if known.is_none() => {}
                Err(error) => return Err(error),
            }
        }
        perf::set_bpf(event, prog.fd)?;
        perf::enable(event)?;
        self.features.remember(Feature::PerfLink, false);
        Ok(None)
    }

    /// Opens an event on the CPU that worked last, or on the first one that runs.
    pub(super) fn on_some_cpu(
        &self,
        open: &mut dyn FnMut(u32) -> io::Result<OwnedFd>,
    ) -> io::Result<OwnedFd> {
        // CPU 0 nearly always runs, and asking costs more than trying.
        match open(self.cpu.get()) {
            Err(Errno::NODEV) => {}
            other => return other,
        }
        let first = cpus::online()?.first().ok_or(Errno::NODEV)?;
        self.cpu.set(first);
        open(first)
    }

    /// Opens an event that needs no name.
    pub(super) fn open_event(&self, attr: &PerfEventAttr) -> io::Result<OwnedFd> {
        self.on_some_cpu(&mut |cpu| perf::open_on_cpu(attr, cpu))
    }
}
