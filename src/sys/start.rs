//! The start of a program without that of the standard library, which a build for boards has no room for: what
//! there is beside arguments is for threads and for panics.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Mode, OFlags, open};

/// Makes `$main` what the C library starts: a function that takes the arguments behind the program's name, and
/// returns the status.
#[macro_export]
#[doc(hidden)]
macro_rules! start {
    ($main:path) => {
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: core::ffi::c_int,
            args: *const *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            // Safety: they are what the C library hands on.
            let args = unsafe { $crate::sys::start::start(count, args) };
            $main(args.into_iter()).into()
        }
    };
}

/// Sees to it that no file that is opened becomes standard input, output or error because that is closed, and that
/// a closed pipe is an error; returns the arguments behind the program's name.
///
/// # Safety
/// `args` are so many pointers to strings that end in a NUL, which stay.
pub unsafe fn start(count: c_int, args: *const *const c_char) -> Vec<OsString> {
    #[cfg(packed)]
    super::cold::unpack_when_used();
    for fd in 0..3 {
        // Safety: it asks for the flags of what may be no descriptor at all.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            // The lowest number that is free is this one. It is never closed.
            let null = open(c"/dev/null", OFlags::RDWR, Mode::empty());
            core::mem::forget(null);
        }
    }
    // Safety: no handler of ours is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let count = usize::try_from(count).unwrap_or_default();
    // Safety: as the caller says.
    let args = (1..count).map(|index| unsafe { CStr::from_ptr(*args.add(index)) });
    args.map(|arg| OsStr::from_bytes(arg.to_bytes()).to_owned())
        .collect()
}
