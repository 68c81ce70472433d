//! The limit on locked memory, which kernels before 5.11 charge BPF objects to.

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
