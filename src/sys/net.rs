//! Network interfaces by name.

use rustix::io::{self, Errno};
use std::ffi::CString;

use super::file;

/// The index of the interface of this name in the network namespace of this process.
///
/// # Errors
/// The kernel's: `ENODEV` where there is none.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(|_| Errno::NODEV)?;
    // Safety: the name ends with a zero and is borrowed for this call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(last_error()),
        index => Ok(index),
    }
}

/// The names of all interfaces of this process's network namespace.
///
/// # Errors
/// The kernel's.
pub fn interfaces() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    // Two lines of headings, and one for each with its name before a colon.
    file::for_each_line(&file::open("/proc/net/dev")?, &mut |line| {
        if let Some(end) = line.iter().position(|&b| b == b':') {
            let name = line.get(..end).unwrap_or_default().trim_ascii();
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        true
    })?;
    Ok(names)
}

/// Whether an interface is up, as far as sysfs says.
pub fn is_up(name: &str) -> Option<bool> {
    let path = ["/sys/class/net/", name, "/flags"].concat();
    let mut buffer = [0; 32];
    let text = std::str::from_utf8(file::read(&path, &mut buffer).ok()?).ok()?;
    let flags = u32::from_str_radix(text.trim_ascii().strip_prefix("0x")?, 16).ok()?;
    Some(flags & libc::IFF_UP.cast_unsigned() != 0)
}

fn last_error() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    Errno::from_raw_os_error(code.unwrap_or(libc::EIO))
}
