//! Network interfaces by name.

use rustix::io::{self, Errno};
use std::ffi::CString;

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
    // Safety: the list is made by libc, ends with a zero index, and is given back below.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(last_error());
    }
    let mut at = list;
    // Safety: `at` goes through the list up to the entry that ends it; each name before is a string.
    unsafe {
        while (*at).if_index != 0 && !(*at).if_name.is_null() {
            let name = std::ffi::CStr::from_ptr((*at).if_name);
            names.push(name.to_string_lossy().into_owned());
            at = at.add(1);
        }
        libc::if_freenameindex(list);
    }
    Ok(names)
}

/// Whether an interface is up, as far as sysfs says.
pub fn is_up(name: &str) -> Option<bool> {
    let path = ["/sys/class/net/", name, "/flags"].concat();
    let mut buffer = [0; 32];
    let text = std::str::from_utf8(super::file::read(&path, &mut buffer).ok()?).ok()?;
    let flags = u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()?;
    Some(flags & libc::IFF_UP.cast_unsigned() != 0)
}

fn last_error() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    Errno::from_raw_os_error(code.unwrap_or(libc::EIO))
}
