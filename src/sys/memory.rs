//! How much memory the machine has left.

use super::file;

/// Bytes that can be had without taking anything away from anybody (`MemAvailable` in /proc/meminfo);
/// `None` where the kernel doesn't tell.
#[must_use]
pub fn available() -> Option<u64> {
    // It stands in the third line.
    let mut buffer = [0; 512];
    let text = file::read("/proc/meminfo", &mut buffer).ok()?;
    in_meminfo(core::str::from_utf8(text).ok()?, "MemAvailable:")
}

/// A line of /proc/meminfo, in bytes.
fn in_meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim_ascii().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_name() {
        let text = "MemTotal:  245760 kB\nMemAvailable:   2048 kB\nMemOdd: x kB\n";
        assert_eq!(in_meminfo(text, "MemAvailable:"), Some(2 << 20));
        assert_eq!(in_meminfo(text, "MemOdd:"), None);
        assert_eq!(in_meminfo(text, "MemNone:"), None);
    }
}
