//! Lists of CPUs as sysfs writes them ("0-3,5"), and the lists of online and possible CPUs.
//!
//! Source: the kernel's `Documentation/admin-guide/cputopology.rst` and `lib/bitmap-str.c`.

use super::file;
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use std::sync::OnceLock;

/// CPU numbers beyond this are refused: no kernel is built for more.
pub const MAX_CPUS: u32 = 8192;

const MAX_RANGES: usize = 128;

/// CPUs in ascending order, held as ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuList {
    /// First and last CPU of each range, ascending and apart.
    ranges: heapless::Vec<(u16, u16), MAX_RANGES>,
}

impl CpuList {
    /// Reads a list such as `0-3,5`, with or without a newline at its end.
    ///
    /// `None` where it is no such list, names a CPU of 8192 and more, is not in ascending order, or
    /// has more than 128 ranges.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let mut list = CpuList::default();
        if text.is_empty() {
            return Some(list);
        }
        let mut above: Option<u16> = None;
        for range in text.split(|b| *b == b',') {
            let mut ends = range.splitn(2, |b| *b == b'-');
            let first = cpu(ends.next()?)?;
            let last = match ends.next() {
                Some(end) => cpu(end)?,
                None => first,
            };
            if first > last || above.is_some_and(|above| first <= above) {
                return None;
            }
            above = Some(last);
            list.ranges.push((first, last)).ok()?;
        }
        Some(list)
    }

    /// The CPUs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges
            .iter()
            .flat_map(|&(first, last)| u32::from(first)..=u32::from(last))
    }

    /// How many CPUs the list has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges
            .iter()
            .map(|&(first, last)| usize::from(last - first) + 1)
            .sum()
    }

    /// The lowest CPU, if any.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|&(first, _)| u32::from(first))
    }
}

fn cpu(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let cpu: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if cpu >= MAX_CPUS {
        return None;
    }
    u16::try_from(cpu).ok()
}

fn read(path: &str) -> io::Result<CpuList> {
    let mut buffer = [0; 1024];
    let text = file::read(path, &mut buffer)?;
    CpuList::parse(text).ok_or(Errno::INVAL)
}

/// The CPUs that run now. The file stays open: it is read several times a second, and who watches what is opened
/// would see nothing else.
///
/// # Errors
/// The kernel's where sysfs is not there; `EINVAL` where the list can't be read.
pub fn online() -> io::Result<CpuList> {
    static FILE: OnceLock<OwnedFd> = OnceLock::new();
    let file = match FILE.get() {
        Some(file) => file,
        None => {
            let opened = file::open("/sys/devices/system/cpu/online")?;
            FILE.get_or_init(|| opened)
        }
    };
    let mut buffer = [0; 1024];
    let len = file::read_at(file, 0, &mut buffer)?;
    let text = buffer.get(..len).ok_or(Errno::OVERFLOW)?;
    CpuList::parse(text).ok_or(Errno::INVAL)
}

/// The CPUs that this kernel could ever run: per-CPU maps have a value for each.
///
/// # Errors
/// The kernel's where sysfs is not there; `EINVAL` where the list can't be read.
pub fn possible() -> io::Result<CpuList> {
    read("/sys/devices/system/cpu/possible")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_the_kernel_writes_are_read() {
        let cases: [(&str, &[u32]); 6] = [
            ("0\n", &[0]),
            ("0-3\n", &[0, 1, 2, 3]),
            ("0-3,5", &[0, 1, 2, 3, 5]),
            ("1,3,5-6\n", &[1, 3, 5, 6]),
            ("8191", &[8191]),
            ("\n", &[]),
        ];
        for (text, cpus) in cases {
            let list = CpuList::parse(text.as_bytes()).expect(text);
            assert_eq!(list.iter().collect::<Vec<_>>(), cpus, "{text}");
            assert_eq!(list.count(), cpus.len(), "{text}");
            assert_eq!(list.first(), cpus.first().copied(), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "a",
            "-",
            "1-",
            "-1",
            "3-1",
            "0,0",
            "2,1",
            "0-3,3",
            "8192",
            "0-99999",
            "1,,2",
            "+1",
            "0-3-5",
            "0x1",
            "99999999999999999999",
        ] {
            assert_eq!(CpuList::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn more_ranges_than_fit_are_refused_not_cut() {
        let text = |ranges: u32| {
            let cpus: Vec<String> = (0..ranges).map(|i| (i * 2).to_string()).collect();
            cpus.join(",")
        };
        assert_eq!(
            CpuList::parse(text(128).as_bytes()).map(|l| l.count()),
            Some(128)
        );
        assert_eq!(CpuList::parse(text(129).as_bytes()), None);
    }

    #[test]
    fn this_machine_has_an_online_cpu_among_its_possible_ones() {
        let online = online().unwrap();
        let possible = possible().unwrap();
        assert!(online.count() > 0);
        assert!(online.iter().all(|cpu| possible.iter().any(|p| p == cpu)));
    }
}
