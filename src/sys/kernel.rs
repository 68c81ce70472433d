//! The running kernel: its release, its version code, its clocks and its page size.

use std::fmt;

/// A kernel version such as 5.10.223.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 5 of 5.10.223.
    pub major: u32,
    /// 10 of 5.10.223.
    pub minor: u32,
    /// 223 of 5.10.223.
    pub sublevel: u32,
}

impl Version {
    /// Reads the front of a release (`5.10.0-28-arm64`, `6.1`, `7.0-rc3`); `None` without two
    /// numbers.
    #[must_use]
    pub fn parse(release: &str) -> Option<Self> {
        let (major, rest) = number(release)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let sublevel = rest.strip_prefix('.').and_then(number);
        Some(Version {
            major,
            minor,
            sublevel: sublevel.map_or(0, |(sublevel, _)| sublevel),
        })
    }

    /// `LINUX_VERSION_CODE`: the sublevel has one byte there, and 255 stands for all above.
    #[must_use]
    pub fn code(self) -> u32 {
        (self.major.min(255) << 16) | (self.minor.min(255) << 8) | self.sublevel.min(255)
    }

    fn from_code(code: u32) -> Self {
        Version {
            major: code >> 16,
            minor: (code >> 8) & 255,
            sublevel: code & 255,
        }
    }
}

/// The number at the front of a text, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.sublevel)
    }
}

/// The release as `uname -r` prints it.
#[must_use]
pub fn release() -> String {
    let names = rustix::system::uname();
    names.release().to_string_lossy().into_owned()
}

/// The machine as `uname -m` prints it: `aarch64`.
#[must_use]
pub fn machine() -> String {
    let names = rustix::system::uname();
    names.machine().to_string_lossy().into_owned()
}

/// The version that this kernel was built as, which is the one that it compares `kern_version`
/// with: from the vDSO's note, else from what Ubuntu says in a file of its own or Debian in uname's
/// version field, else from the release. Distributions change the release: Debian's says 5.10.0 for
/// all of 5.10.
#[must_use]
pub fn version() -> Option<Version> {
    if let Some(code) = super::vdso::version_code() {
        return Some(Version::from_code(code));
    }
    #[cfg(feature = "full")]
    if let Ok(signature) = super::file::read("/proc/version_signature", &mut [0; 256])
        && let Some(version) = ubuntu_version(&String::from_utf8_lossy(signature))
    {
        return Some(version);
    }
    let names = rustix::system::uname();
    let built = names.version().to_string_lossy();
    debian_version(&built).or_else(|| Version::parse(&names.release().to_string_lossy()))
}

/// `LINUX_VERSION_CODE` of the running kernel, for `kern_version`; 0 where it can't be told.
#[must_use]
pub fn version_code() -> u32 {
    version().map_or(0, Version::code)
}

/// From `#1 SMP Debian 5.10.223-1 (2024-08-10)`.
fn debian_version(built: &str) -> Option<Version> {
    let mut words = built.split(' ').skip_while(|word| *word != "Debian");
    Version::parse(words.nth(1)?)
}

/// From `Ubuntu 5.15.0-91.101-generic 5.15.131`.
#[cfg(feature = "full")]
fn ubuntu_version(signature: &str) -> Option<Version> {
    let mut words = signature.split_whitespace();
    words.next().filter(|word| *word == "Ubuntu")?;
    Version::parse(words.nth(1)?)
}

/// Bytes in a page: 4, 16 or 64 KiB on arm64.
#[must_use]
pub fn page_size() -> usize {
    // The C library has it from the auxiliary vector on its stack; rustix would read
    // /proc/self/auxv, and panic where procfs is not mounted.
    // Safety: only asks.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Clocks that times are told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970, as set by people and NTP.
    Realtime,
    /// Since boot, without the time asleep: `bpf_ktime_get_ns`.
    Monotonic,
    /// Since boot, with the time asleep: `bpf_ktime_get_boot_ns`.
    Boottime,
}

impl Clock {
    /// `CLOCK_*` of `linux/time.h`.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Clock::Realtime => libc::CLOCK_REALTIME,
            Clock::Monotonic => libc::CLOCK_MONOTONIC,
            Clock::Boottime => libc::CLOCK_BOOTTIME,
        }
    }
}

/// Nanoseconds to add to a time of `bpf_ktime_get_ns` (CLOCK_MONOTONIC) to get nanoseconds since
/// 1970.
#[must_use]
pub fn monotonic_to_wall_ns() -> i64 {
    now_ns(Clock::Realtime).wrapping_sub(now_ns(Clock::Monotonic))
}

/// Nanoseconds to add to a time of `bpf_ktime_get_boot_ns` (CLOCK_BOOTTIME) to get nanoseconds
/// since 1970.
#[must_use]
pub fn boot_to_wall_ns() -> i64 {
    now_ns(Clock::Realtime).wrapping_sub(now_ns(Clock::Boottime))
}

/// Nanoseconds of a clock, up to the year 2262; 0 for a clock that the kernel lacks.
#[must_use]
pub fn now_ns(clock: Clock) -> i64 {
    let number = clock.number();
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // Safety: the answer has room for a whole struct.
    if unsafe { libc::clock_gettime(number, &raw mut now) } != 0 {
        return 0;
    }
    now.tv_sec
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_all_kinds_are_read() {
        let cases = [
            ("5.10.0-28-arm64", Some((5, 10, 0))),
            ("5.10.223", Some((5, 10, 223))),
            ("6.1", Some((6, 1, 0))),
            ("7.0-rc3", Some((7, 0, 0))),
            ("7.0-rc3.4", Some((7, 0, 0))),
            ("4.19.111-microsoft.1", Some((4, 19, 111))),
            ("6.12.9+", Some((6, 12, 9))),
            ("6", None),
            ("x.y", None),
            ("", None),
            ("99999999999.1", None),
        ];
        for (release, expected) in cases {
            let found = Version::parse(release).map(|v| (v.major, v.minor, v.sublevel));
            assert_eq!(found, expected, "{release}");
        }
    }

    #[test]
    fn a_sublevel_above_255_is_clamped_in_the_code() {
        let version = Version::parse("4.19.316").unwrap();
        assert_eq!(version.code(), (4 << 16) | (19 << 8) | 255);
        assert_eq!(version.to_string(), "4.19.316");
    }

    #[test]
    fn debian_tells_the_version_that_its_release_hides() {
        let built = "#1 SMP Debian 5.10.223-1 (2024-08-10)";
        let version = debian_version(built).unwrap();
        assert_eq!(version.code(), (5 << 16) | (10 << 8) | 223);
        assert_eq!(debian_version("#1 SMP PREEMPT_DYNAMIC"), None);
    }

    #[cfg(feature = "full")]
    #[test]
    fn ubuntu_tells_the_version_in_a_file_of_its_own() {
        let version = |signature| ubuntu_version(signature).map(|version| version.to_string());
        let signature = "Ubuntu 5.15.0-91.101-generic 5.15.131\n";
        assert_eq!(version(signature).as_deref(), Some("5.15.131"));
        for other in [
            "",
            "Ubuntu",
            "Ubuntu 5.15.0-91.101-generic",
            "Mint 1 5.15.131",
        ] {
            assert_eq!(version(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_wall_clock_is_ahead_of_the_boot_clock() {
        let wall = now_ns(Clock::Boottime) + boot_to_wall_ns();
        assert!((wall - now_ns(Clock::Realtime)).abs() < 1_000_000_000);
        assert!(monotonic_to_wall_ns() > 0);
    }
}
