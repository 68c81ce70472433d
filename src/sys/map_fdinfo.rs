//! A map as /proc tells of it: for kernels that can't be asked by bpf(2).
//!
//! Source: `bpf_map_show_fdinfo` in the kernel's `kernel/bpf/syscall.c`.

use super::abi::MapInfo;
use super::file;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::{self, Errno};

/// Longer than what any kernel tells of a map.
const MAX: usize = 4096;

/// What /proc/self/fdinfo says of a map: type, sizes, entries, flags and `map_extra`. The rest is 0.
///
/// # Errors
/// The kernel's; `EINVAL` where the descriptor is no map.
pub fn map_fdinfo(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
    let path = format!("/proc/self/fdinfo/{}", map.as_raw_fd());
    let mut buffer = [0; MAX];
    parse(file::read(&path, &mut buffer)?).ok_or(Errno::INVAL)
}

fn parse(text: &[u8]) -> Option<MapInfo> {
    let mut info = MapInfo::default();
    let text = String::from_utf8_lossy(text);
    for line in text.lines() {
        let Some((field, value)) = line.split_once(':') else {
            continue;
        };
        let value = number(value.trim_ascii());
        let small = u32::try_from(value.unwrap_or(0)).unwrap_or(0);
        match field {
            "map_type" => info.map_type = small,
            "key_size" => info.key_size = small,
            "value_size" => info.value_size = small,
            "max_entries" => info.max_entries = small,
            "map_flags" => info.map_flags = small,
            "map_extra" => info.map_extra = value.unwrap_or(0),
            _ => {}
        }
    }
    (info.map_type != 0).then_some(info)
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_told_by_its_lines() {
        let text = b"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nmap_type:\t9\nkey_size:\t4\nvalue_size:\t16\n\
            max_entries:\t1024\nmap_flags:\t0x480\nmap_extra:\t0x100000000\nmemlock:\t4096\nfrozen:\t0\n";
        let info = parse(text).unwrap();
        assert_eq!(
            (
                info.map_type,
                info.key_size,
                info.value_size,
                info.max_entries
            ),
            (9, 4, 16, 1024)
        );
        assert_eq!((info.map_flags, info.map_extra), (0x480, 0x1_0000_0000));
    }

    #[test]
    fn what_is_no_map_has_no_type() {
        for text in [
            &b""[..],
            b"pos:\t0\nflags:\t02\n",
            b"prog_type:\t5\n",
            b"map_type:\t\n",
        ] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
