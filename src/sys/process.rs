//! What procfs says of a process.

use super::file;

/// The parent of process `pid`, while it lives. `None` once it is gone, or where procfs is not there.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    let mut buffer = [0; 512];
    let stat = file::read(&format!("/proc/{pid}/stat"), &mut buffer).ok()?;
    parent_in(stat)
}

/// The second field after the name, which stands in the last pair of parentheses.
fn parent_in(stat: &[u8]) -> Option<u32> {
    let end = stat.iter().rposition(|&b| b == b')')?;
    let rest = core::str::from_utf8(stat.get(end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Puts the thread that calls before all others of the usual kind, as far as it is permitted.
///
/// # Errors
/// The kernel's: `EACCES` where it is not.
#[cfg(feature = "full")]
pub fn hurry_thread() -> rustix::io::Result<()> {
    // On Linux a process without number is the calling thread.
    rustix::process::setpriority_process(None, -20)
}

/// Waits until every BPF program that is running now has ended, where the kernel lets one wait for that
/// (membarrier(2): a grace period of RCU). Where it does not, nothing is waited for.
#[cfg(feature = "full")]
pub fn wait_for_readers() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // Safety: no memory is involved.
    let _ = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_hide_the_parent() {
        assert_eq!(parent_in(b"12 (a) b) (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in(b"12 (sh) R 1 12"), Some(1));
        assert_eq!(parent_in(b"12 (sh"), None);
        assert_eq!(
            parent(std::process::id()),
            Some(std::os::unix::process::parent_id())
        );
    }
}
