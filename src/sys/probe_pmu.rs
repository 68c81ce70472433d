//! The kprobe and uprobe PMUs (4.17): a probe by perf_event_open(2), gone when its descriptor is
//! closed.
//!
//! Source: the kernel's `kernel/events/core.c` (perf_kprobe, perf_uprobe) and their folders in sysfs.

use super::abi::PerfEventAttr;
use super::perf::Scope;
use super::tracefs::{Probe, Space};
use super::{file, perf};
use rustix::fd::OwnedFd;
use rustix::io;
use std::ffi::CStr;

/// The PMU of one kind of probe as sysfs describes it.
pub struct ProbePmu {
    number: u32,
    /// The bit of `config` that asks for the return of the function.
    return_bit: u32,
}

impl ProbePmu {
    /// Reads its description; `None` where this kernel has none.
    #[must_use]
    pub fn find(space: Space) -> Option<Self> {
        let number = file::read_number(&path(space, "type")).ok()?;
        Some(ProbePmu {
            number: u32::try_from(number).ok()?,
            return_bit: return_bit(space).unwrap_or(0),
        })
    }

    /// Opens a probe: on a kernel function, `offset` bytes behind its start, or on byte `offset` of a
    /// file. On one CPU it is hit on all, but has to live on one; a probe of a file may be that of a
    /// single process.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` or `EINVAL` where it has no such function, by version and kind;
    /// `EADDRNOTAVAIL` where it has more than one (6.6); `ENODEV` where the CPU is offline; `ENOENT` and
    /// others where the file can't be found; `EINVAL` where the offset is none of its.
    pub fn open(
        &self,
        target: &CStr,
        offset: u64,
        probe: Probe,
        scope: Scope,
    ) -> io::Result<OwnedFd> {
        let config = match probe {
            Probe::Entry => 0,
            Probe::Return => 1 << self.return_bit,
        };
        let attr = PerfEventAttr {
            event_type: self.number,
            config,
            config1: target.as_ptr() as u64,
            config2: offset,
            ..PerfEventAttr::default()
        };
        // Safety: these PMUs read a string at config1, which ends with a zero and is borrowed for
        // the call.
        unsafe { perf::open(&attr, scope) }
    }
}

/// Whether this kernel has the PMU of kprobes.
///
/// # Errors
/// The kernel's: `ENOENT` where it has none.
pub(super) fn look() -> io::Result<()> {
    rustix::fs::access(path(Space::Kernel, "type"), rustix::fs::Access::EXISTS)
}

fn path(space: Space, file: &str) -> String {
    let name = match space {
        Space::Kernel => "kprobe/",
        Space::User => "uprobe/",
    };
    ["/sys/bus/event_source/devices/", name, file].concat()
}

fn return_bit(space: Space) -> Option<u32> {
    let mut buffer = [0; 32];
    let format = file::read(&path(space, "format/retprobe"), &mut buffer).ok()?;
    parse_return_bit(format)
}

fn parse_return_bit(format: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(format).ok()?;
    let bit: u32 = text.trim_ascii().strip_prefix("config:")?.parse().ok()?;
    (bit < 64).then_some(bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_bit_is_read_from_its_format() {
        let cases: [(&[u8], Option<u32>); 6] = [
            (b"config:0\n", Some(0)),
            (b"config:3", Some(3)),
            (b"config:64\n", None),
            (b"config1:0\n", None),
            (b"config:0-3\n", None),
            (b"", None),
        ];
        for (format, bit) in cases {
            assert_eq!(parse_return_bit(format), bit, "{format:?}");
        }
    }
}
