//! Why the kernel may have said "not permitted": the user, lockdown, the limits of perf.

use super::file;
#[cfg(feature = "full")]
use super::{
    abi::{BPF_PROG_TYPE_TRACEPOINT, PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE, PerfEventAttr},
    bpf::{self, ProgLoad},
    cpus, perf, rlimit,
};
#[cfg(feature = "full")]
use rustix::io::{self, Errno};

/// What stands in the way of a permission, and so what a person can do about it.
#[must_use]
pub fn hint() -> String {
    if !rustix::process::geteuid().is_root() {
        return "run it as root, or with CAP_BPF and CAP_PERFMON (before 5.8: CAP_SYS_ADMIN)"
            .to_owned();
    }
    let mut buffer = [0; 64];
    if let Ok(modes) = file::read("/sys/kernel/security/lockdown", &mut buffer)
        && let Some(mode) = chosen(modes)
        && mode != "none"
    {
        return ["the kernel is locked down (", mode, ")"].concat();
    }
    let paranoid = match file::read_number("/proc/sys/kernel/perf_event_paranoid") {
        Ok(level) => level.to_string(),
        Err(_) => "not there".to_owned(),
    };
    [
        "this root lacks a capability, or a filter (seccomp, a security module) forbids it; \
         kernel.perf_event_paranoid is ",
        &paranoid,
    ]
    .concat()
}

/// Whether programs for tracing may be loaded: the smallest one is.
///
/// # Errors
/// The kernel's: `EPERM` without permission, `ENOSYS` where it has no bpf(2), `EINVAL` where it knows
/// no such programs.
#[cfg(feature = "full")]
pub fn load_programs() -> io::Result<()> {
    // r0 = 0; exit
    const INSNS: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let load = || {
        let prog = ProgLoad {
            prog_type: BPF_PROG_TYPE_TRACEPOINT,
            insns: &INSNS,
            license: c"GPL",
            ..ProgLoad::default()
        };
        bpf::prog_load(&prog, None).map(drop)
    };
    match load() {
        // Before 5.11 it may be the limit on locked memory.
        Err(Errno::PERM) if rlimit::raise_memlock().is_ok() => load(),
        answer => answer,
    }
}

/// Whether perf events of the kind that rings are made of may be opened.
///
/// # Errors
/// The kernel's: `EPERM` or `EACCES` without permission, `ENOSYS` where it has no perf events.
#[cfg(feature = "full")]
pub fn open_perf_events() -> io::Result<()> {
    let attr = PerfEventAttr {
        event_type: PERF_TYPE_SOFTWARE,
        config: PERF_COUNT_SW_BPF_OUTPUT,
        ..PerfEventAttr::default()
    };
    let cpu = cpus::online()?.first().unwrap_or(0);
    perf::open_on_cpu(&attr, cpu).map(drop)
}

/// The mode in brackets of `none [integrity] confidentiality`.
fn chosen(modes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(modes).ok()?;
    let (_, after) = text.split_once('[')?;
    let (mode, _) = after.split_once(']')?;
    Some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_lockdown_mode_is_the_one_in_brackets() {
        assert_eq!(
            chosen(b"none [integrity] confidentiality\n"),
            Some("integrity")
        );
        assert_eq!(chosen(b"[none] integrity confidentiality\n"), Some("none"));
        assert_eq!(chosen(b""), None);
        assert_eq!(chosen(b"]["), None);
    }
}
