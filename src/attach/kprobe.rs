//! Kprobes and kretprobes: by the kprobe PMU (4.17), by `kprobe_events` where that is missing.
//!
//! Source: the kernel's `kernel/events/core.c` (perf_kprobe_event_init) and
//! `kernel/trace/trace_kprobe.c`.

use super::link::{Event, Link};
use super::tracefs_probe::TracefsProbe;
use super::{AttachError, Attacher, Probe, Prog};
use crate::sys::Feature;
use crate::sys::perf::Scope;
use crate::sys::probe_pmu::ProbePmu;
use crate::sys::tracefs::{Space, Tracefs};
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use std::ffi::CString;

/// Why no event could be opened, before it is told to a person.
pub(super) enum Failure {
    /// The kernel has neither way to make a kprobe.
    NoKprobes,
    /// The kernel has no PMU for it, and tracefs is not mounted.
    NoTracefs,
    /// The kernel's answer.
    Errno(Errno),
}

impl Failure {
    /// Whether it may be that there is no such function: another name can be tried.
    pub(super) fn may_be_missing(&self) -> bool {
        matches!(self, Failure::Errno(Errno::NOENT | Errno::INVAL))
    }
}

impl Attacher<'_> {
    /// Attaches a kprobe program to a function, `offset` bytes behind its start, or to its return.
    ///
    /// # Errors
    /// `AttachError`, which names the function: not there, there more than once, not to be probed,
    /// no kprobes in this kernel, no permission.
    pub fn kprobe(
        &self,
        prog: Prog<'_>,
        function: &str,
        offset: u64,
        probe: Probe,
    ) -> Result<Link, AttachError> {
        let subject = match probe {
            Probe::Entry => ["kprobe ", function].concat(),
            Probe::Return => ["kretprobe ", function].concat(),
        };
        match self.open_kprobe(function, offset, probe) {
            Ok(event) => self.bind(prog, event, &subject),
            Err(failure) => Err(AttachError::of_kprobe(failure, &subject, function)),
        }
    }

    /// Opens the event of a kprobe by whichever way the kernel has.
    pub(super) fn open_kprobe(
        &self,
        function: &str,
        offset: u64,
        probe: Probe,
    ) -> Result<Event, Failure> {
        if u32::try_from(offset).is_err() {
            // The kernel would cut it to 32 bits and probe somewhere else.
            return Err(Failure::Errno(Errno::INVAL));
        }
        if let Some(pmu) = self.kprobe_pmu() {
            match self.open_by_pmu(pmu, function, offset, probe) {
                Ok(fd) => return Ok(Event { fd, probe: None }),
                // The PMU of older kernels makes the function's name an event's name, which must
                // not have a dot; in kprobe_events the event's name is ours.
                Err(Errno::INVAL) if function.contains('.') => {}
                Err(errno) => return Err(Failure::Errno(errno)),
            }
        }
        let Some(tracefs) = self.tracefs() else {
            return Err(Failure::NoTracefs);
        };
        if !tracefs.has_events(Space::Kernel) {
            return Err(Failure::NoKprobes);
        }
        self.open_by_tracefs(tracefs, function, offset, probe)
            .map_err(Failure::Errno)
    }

    fn kprobe_pmu(&self) -> Option<&ProbePmu> {
        let found = self.kprobe_pmu.get_or_init(|| {
            if self.features.known(Feature::KprobePmu) == Some(false) {
                return None;
            }
            let pmu = ProbePmu::find(Space::Kernel);
            self.features.remember(Feature::KprobePmu, pmu.is_some());
            pmu
        });
        found.as_ref()
    }

    fn open_by_pmu(
        &self,
        pmu: &ProbePmu,
        function: &str,
        offset: u64,
        probe: Probe,
    ) -> io::Result<OwnedFd> {
        let name = CString::new(function).map_err(|_| Errno::INVAL)?;
        self.on_some_cpu(&mut |cpu| pmu.open(&name, offset, probe, Scope::Cpu(cpu)))
    }

    fn open_by_tracefs(
        &self,
        tracefs: &Tracefs,
        function: &str,
        offset: u64,
        probe: Probe,
    ) -> io::Result<Event> {
        let made = TracefsProbe::make(tracefs, Space::Kernel, &mut |name| {
            tracefs.add_kprobe(name, function, offset, probe)
        })?;
        self.open_made(made, &mut |attr| self.open_event(attr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_is_tried_only_where_the_function_may_be_missing() {
        for (errno, retry) in [
            (Errno::NOENT, true),
            (Errno::INVAL, true),
            (Errno::ADDRNOTAVAIL, false),
            (Errno::PERM, false),
            (Errno::NOMEM, false),
        ] {
            assert_eq!(Failure::Errno(errno).may_be_missing(), retry, "{errno}");
        }
        assert!(!Failure::NoKprobes.may_be_missing());
    }
}
