//! Binding a program to an open perf event: by a BPF link where the kernel has them, else by
//! ioctl.

use super::link::{Event, Link};
use super::{AttachError, Attacher};
use crate::sys::abi::PerfEventAttr;
use crate::sys::{Feature, bpf, cpus, perf};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};

impl Attacher<'_> {
    /// Binds the program to the event; `subject` is what the error will speak of.
    pub(super) fn bind(
        &self,
        prog: BorrowedFd<'_>,
        event: Event,
        subject: &str,
    ) -> Result<Link, AttachError> {
        let link = self
            .bind_fd(prog, event.fd.as_fd())
            .map_err(|errno| AttachError::refused(subject, errno))?;
        Ok(Link::of_event(link, event))
    }

    fn bind_fd(&self, prog: BorrowedFd<'_>, event: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
        // The attempt is its own probe: the program and the event are at hand.
        let known = self.features.known(Feature::PerfLink);
        if known != Some(false) {
            match bpf::link_create_perf(prog, event, 0) {
                Ok(link) => {
                    self.features.remember(Feature::PerfLink, true);
                    return Ok(Some(link));
                }
                // A kernel before 5.15 says so; before 5.7 it does not know the command at all.
                Err(Errno::INVAL) if known.is_none() => {}
                Err(error) => return Err(error),
            }
        }
        perf::set_bpf(event, prog)?;
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
