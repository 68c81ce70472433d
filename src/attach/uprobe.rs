//! Uprobes and uretprobes, in programs and libraries: by the uprobe PMU (4.17), by `uprobe_events` where
//! that is missing.
//!
//! Source: the kernel's `kernel/events/core.c` (perf_uprobe_event_init) and
//! `kernel/trace/trace_uprobe.c`.

use super::binary::{Binary, BinaryError, path_of};
use super::link::{Event, Link};
use super::tracefs_probe::TracefsProbe;
use super::{AttachError, Attacher, Probe, ProbeError, Prog};
use crate::sys::abi::PerfEventAttr;
use crate::sys::perf::{self, Scope};
use crate::sys::probe_pmu::ProbePmu;
use crate::sys::tracefs::Space;
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use std::ffi::CString;

/// Where in a file.
#[derive(Debug, PartialEq, Eq)]
enum Spot<'a> {
    /// So many bytes behind the start of a function.
    Function(&'a str, u64),
    /// At a byte of the file.
    Byte(u64),
}

/// `PATH:FUNCTION`, `PATH:FUNCTION+OFFSET` or `PATH:0xOFFSET`.
fn parse(place: &str) -> Result<(&str, Spot<'_>), &'static str> {
    let (path, spot) = split(place)?;
    let (function, offset) = match spot.split_once('+') {
        Some((function, offset)) => (function, number(offset).ok_or("the offset is no number")?),
        None => (spot, 0),
    };
    match function.starts_with(|c: char| c.is_ascii_digit()) {
        true if spot.contains('+') => Err("an offset has no other behind it"),
        true => {
            let byte = number(function).ok_or("the offset is no number")?;
            Ok((path, Spot::Byte(byte)))
        }
        false if function.is_empty() => Err("no function is named"),
        false => Ok((path, Spot::Function(function, offset))),
    }
}

/// The file, and what is said of it.
pub(super) fn split(place: &str) -> Result<(&str, &str), &'static str> {
    match place.rsplit_once(':') {
        Some(("", _)) => Err("no file is named"),
        Some((_, "")) => Err("no function is named"),
        Some(both) => Ok(both),
        None => Err("a colon must stand between the file and the function"),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Attacher<'_> {
    /// Attaches a program to a place in a program or library of user space, `PATH:FUNCTION[+OFFSET]` or
    /// `PATH:0xOFFSET`, or to the return of that function: in all processes, or in the one of the wishes.
    ///
    /// # Errors
    /// `AttachError`, which names the place: no such file, no ELF file, no such function or several, no
    /// uprobes in this kernel, no permission.
    pub fn uprobe(&self, prog: Prog<'_>, place: &str, probe: Probe) -> Result<Link, AttachError> {
        let subject = match probe {
            Probe::Entry => ["uprobe ", place].concat(),
            Probe::Return => ["uretprobe ", place].concat(),
        };
        let (name, spot) = parse(place).map_err(|why| bad_place(&subject, why))?;
        if probe == Probe::Return && matches!(spot, Spot::Function(_, 1..)) {
            return Err(bad_place(&subject, "a uretprobe has no offset"));
        }
        let (path, offset) = locate(name, spot).map_err(|error| ProbeError::Binary {
            subject: subject.clone(),
            error,
        })?;
        self.uprobe_at(prog, &path, offset, probe, &subject)
    }

    /// Attaches a program to a byte of a file.
    pub(super) fn uprobe_at(
        &self,
        prog: Prog<'_>,
        path: &str,
        offset: u64,
        probe: Probe,
        subject: &str,
    ) -> Result<Link, AttachError> {
        match self.open_uprobe(path, offset, probe) {
            Ok(Some(event)) => self.bind(prog, event, subject),
            Ok(None) => {
                let subject = subject.to_owned();
                Err(ProbeError::NoUprobes { subject }.into())
            }
            Err(errno) => Err(self.uprobe_refused(subject, errno)),
        }
    }

    /// Tells a refusal of the kernel.
    pub(super) fn uprobe_refused(&self, subject: &str, errno: Errno) -> AttachError {
        match (errno, self.wishes.process) {
            (Errno::SRCH, Some(process)) => ProbeError::NoProcess {
                subject: subject.to_owned(),
                process: process.get(),
            }
            .into(),
            _ => AttachError::refused(subject, errno),
        }
    }

    /// `None` where this kernel has neither way to make a uprobe.
    fn open_uprobe(&self, path: &str, offset: u64, probe: Probe) -> io::Result<Option<Event>> {
        if let Some(pmu) = self.uprobe_pmu() {
            let path = CString::new(path).map_err(|_| Errno::INVAL)?;
            let fd = self.in_scope(&mut |scope| pmu.open(&path, offset, probe, scope))?;
            return Ok(Some(Event { fd, probe: None }));
        }
        let Some(tracefs) = self.tracefs().filter(|t| t.has_events(Space::User)) else {
            return Ok(None);
        };
        let made = TracefsProbe::make(tracefs, Space::User, &mut |name| {
            tracefs.add_uprobe(name, path, offset, probe)
        })?;
        let open =
            &mut |attr: &PerfEventAttr| self.in_scope(&mut |scope| perf::open_plain(attr, scope));
        self.open_made(made, open).map(Some)
    }

    fn uprobe_pmu(&self) -> Option<&ProbePmu> {
        let found = self.uprobe_pmu.get_or_init(|| {
            // The two PMUs came in one series.
            match self.features.is_hidden(crate::sys::Feature::KprobePmu) {
                true => None,
                false => ProbePmu::find(Space::User),
            }
        });
        found.as_ref()
    }

    /// Opens an event for the process that is asked for, or for all.
    fn in_scope(&self, open: &mut dyn FnMut(Scope) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
        match self.wishes.process {
            Some(process) => open(Scope::Process(process)),
            None => self.on_some_cpu(&mut |cpu| open(Scope::Cpu(cpu))),
        }
    }
}

pub(super) fn bad_place(subject: &str, why: &'static str) -> AttachError {
    let subject = subject.to_owned();
    ProbeError::Place { subject, why }.into()
}

/// The file's path, and the byte in it.
fn locate(name: &str, spot: Spot<'_>) -> Result<(String, u64), BinaryError> {
    let path = path_of(name)?;
    let binary = Binary::open(&path)?;
    let outside = |function: &str| BinaryError::Outside {
        path: path.clone(),
        function: function.to_owned(),
    };
    let (offset, words) = match spot {
        Spot::Function(function, 0) => (binary.function(function)?, function.to_owned()),
        Spot::Function(function, behind) => {
            let words = format!("{function}+{behind:#x}");
            let start = binary.function(function)?;
            let offset = start.checked_add(behind);
            (offset.ok_or_else(|| outside(&words))?, words)
        }
        Spot::Byte(byte) => (byte, format!("{byte:#x}")),
    };
    match binary.holds(offset) {
        true => Ok((path, offset)),
        false => Err(outside(&words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_and_a_function_or_a_byte() {
        for (place, expected) in [
            ("/bin/sh:main", ("/bin/sh", Spot::Function("main", 0))),
            (
                "libc.so.6:malloc+0x10",
                ("libc.so.6", Spot::Function("malloc", 16)),
            ),
            ("a:b:f+4", ("a:b", Spot::Function("f", 4))),
            ("sh:0x1234", ("sh", Spot::Byte(0x1234))),
            ("sh:64", ("sh", Spot::Byte(64))),
            ("l.so:f@@V_1.0", ("l.so", Spot::Function("f@@V_1.0", 0))),
        ] {
            assert_eq!(parse(place), Ok(expected), "{place}");
        }
        for (place, why) in [
            ("malloc", "a colon"),
            (":malloc", "no file"),
            ("/bin/sh:", "no function"),
            ("/bin/sh:+4", "no function"),
            ("/bin/sh:f+x", "no number"),
            ("/bin/sh:0xg", "no number"),
            ("/bin/sh:0x1+4", "no other behind"),
        ] {
            let told = parse(place).unwrap_err();
            assert!(told.contains(why), "{place}: {told}");
        }
    }

    #[test]
    fn the_functions_of_this_very_program_are_found() {
        let own = std::env::current_exe().unwrap();
        let own = own.to_str().unwrap();
        let binary = Binary::open(own).unwrap();
        let start = binary.function("__libc_start_main").unwrap();
        assert!(binary.holds(start));
        let error = binary.function("__libc_start_mian").unwrap_err();
        assert!(
            error.hint().unwrap().contains("__libc_start_main"),
            "{error:?}"
        );
        assert_eq!(binary.matching("__libc_start_mai?").unwrap(), [start]);
        assert_eq!(binary.matching("no_such_*").unwrap(), [0; 0]);
    }

    #[test]
    fn what_is_no_program_is_told_why() {
        for (name, words) in [
            ("/proc/self/status", "not an ELF file"),
            ("/", "a folder"),
            ("/no/such/file", "No such file"),
        ] {
            let error = locate(name, Spot::Byte(0)).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
