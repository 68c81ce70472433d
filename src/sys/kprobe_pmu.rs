//! The kprobe PMU (4.17): a kprobe by perf_event_open(2), gone when its descriptor is closed.
//!
//! Source: the kernel's `kernel/events/core.c` (perf_kprobe) and its folder in sysfs.

use super::abi::PerfEventAttr;
use super::tracefs::Probe;
use super::{file, perf};
use rustix::fd::OwnedFd;
use rustix::io;
use std::ffi::CStr;

const TYPE: &str = "/sys/bus/event_source/devices/kprobe/type";
const RETPROBE: &str = "/sys/bus/event_source/devices/kprobe/format/retprobe";

/// The kprobe PMU as sysfs describes it.
pub struct KprobePmu {
    number: u32,
    /// The bit of `config` that asks for the return of the function.
    return_bit: u32,
}

impl KprobePmu {
    /// Reads its description; `None` where this kernel has none.
    #[must_use]
    pub fn find() -> Option<Self> {
        let number = file::read_number(TYPE).ok()?;
        Some(KprobePmu {
            number: u32::try_from(number).ok()?,
            return_bit: return_bit().unwrap_or(0),
        })
    }

    /// Opens a probe on a function, `offset` bytes behind its start, as an event on one CPU: it is
    /// hit on all CPUs, but has to live on one.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` or `EINVAL` where it has no such function, by version and kind;
    /// `EADDRNOTAVAIL` where it has more than one (6.6); `ENODEV` where the CPU is offline.
    pub fn open(
        &self,
        function: &CStr,
        offset: u64,
        probe: Probe,
        cpu: u32,
    ) -> io::Result<OwnedFd> {
        let config = match probe {
            Probe::Entry => 0,
            Probe::Return => 1 << self.return_bit,
        };
        let attr = PerfEventAttr {
            event_type: self.number,
            config,
            config1: function.as_ptr() as u64,
            config2: offset,
            ..PerfEventAttr::default()
        };
        // Safety: this PMU reads a string at config1, which ends with a zero and is borrowed for
        // the call.
        unsafe { perf::open(&attr, cpu) }
    }
}

/// Whether this kernel has the PMU.
///
/// # Errors
/// The kernel's: `ENOENT` where it has none.
pub(super) fn look() -> io::Result<()> {
    rustix::fs::access(TYPE, rustix::fs::Access::EXISTS)
}

/// From `config:0`.
fn return_bit() -> Option<u32> {
    let mut buffer = [0; 32];
    let format = file::read(RETPROBE, &mut buffer).ok()?;
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
