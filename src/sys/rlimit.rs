//! The limit on locked memory, which kernels before 5.11 charge BPF objects to, and that on open
//! descriptors.

use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises `RLIMIT_MEMLOCK` to infinity, or to the hard limit where only that is allowed.
///
/// # Errors
/// The kernel's, from getrlimit(2) and setrlimit(2).
pub fn raise_memlock() -> io::Result<()> {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    if setrlimit(Resource::Memlock, unlimited).is_ok() {
        return Ok(());
    }
    let maximum = getrlimit(Resource::Memlock).maximum;
    setrlimit(
        Resource::Memlock,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
}

/// `RLIMIT_MEMLOCK` in bytes; `None` where there is no limit.
pub fn memlock() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// Raises `RLIMIT_NOFILE`, the number of open descriptors, to `wanted` where it is less; beyond the hard
/// limit where that is allowed.
///
/// # Errors
/// The kernel's, from setrlimit(2).
#[cfg(feature = "full")]
pub fn raise_files(wanted: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    let current = Some(wanted);
    setrlimit(Resource::Nofile, Rlimit { current, maximum })
}
