//! Why the kernel may have said "not permitted": the user, lockdown, the limits of perf.

use super::file;
use super::{
    abi::{BPF_PROG_TYPE_TRACEPOINT, PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE, PerfEventAttr},
    bpf::{self, ProgLoad},
    cpus, kernel, perf, rlimit,
};
use rustix::io::{self, Errno};

/// What stands in the way of a permission, and so what a person can do about it.
#[must_use]
pub fn hint() -> String {
    if !rustix::process::geteuid().is_root() {
        return "run it as root, or with CAP_BPF and CAP_PERFMON (before 5.8: CAP_SYS_ADMIN)"
            .to_owned();
    }
    if let Some(mode) = lockdown()
        && mode != "none"
    {
        return ["the kernel is locked down (", &*mode, ")"].concat();
    }
    let paranoid = match file::read_number("/proc/sys/kernel/perf_event_paranoid") {
        Ok(level) => level.to_string(),
        Err(_) => "not there".to_owned(),
    };
    if let Some(told) = told_by_status() {
        return [&told, "; kernel.perf_event_paranoid is ", &paranoid].concat();
    }
    [
        "this root lacks a capability, or a filter (seccomp, a security module) forbids it; \
         kernel.perf_event_paranoid is ",
        &paranoid,
    ]
    .concat()
}

/// How far the kernel is locked down: `none`, `integrity` or `confidentiality`. `None`: it can't be, or securityfs
/// does not say.
#[must_use]
pub fn lockdown() -> Option<String> {
    let mut buffer = [0; 64];
    let modes = file::read("/sys/kernel/security/lockdown", &mut buffer).ok()?;
    chosen(modes).map(str::to_owned)
}

/// The kernel from which on memory is charged to the cgroup, as `LINUX_VERSION_CODE`. Only a hint hangs on it.
const FIRST_WITHOUT_LIMIT: u32 = 5 << 16 | 11 << 8;

/// What /proc/self/status and the limits say of this root's powers; `None` where nothing lacks.
fn told_by_status() -> Option<String> {
    let mut buffer = [0; 4096];
    let status = file::read("/proc/self/status", &mut buffer).ok()?;
    let status = core::str::from_utf8(status).ok()?;
    let missing = missing_capabilities(status);
    if !missing.is_empty() {
        return Some(format!(
            "this root lacks {}, as in a container",
            missing.join(" and ")
        ));
    }
    if line(status, "Seccomp:").is_some_and(|mode| mode != "0") {
        return Some("a seccomp filter is on this process, as in a container".into());
    }
    // Without the power to raise it, the limit is what a kernel before 5.11 charges.
    let limit = rlimit::memlock().filter(|_| kernel::version_code() < FIRST_WITHOUT_LIMIT)?;
    Some(format!(
        "the limit on locked memory may be used up, which kernels before 5.11 count: ulimit -l is {} kB",
        limit / 1024
    ))
}

/// The capabilities that loading and attaching take, and that the process does not have. CAP_SYS_ADMIN
/// stands for the others.
fn missing_capabilities(status: &str) -> Vec<&'static str> {
    const ADMIN: u32 = 21;
    const OTHERS: [(u32, &str); 2] = [(39, "CAP_BPF"), (38, "CAP_PERFMON")];
    let Some(effective) = line(status, "CapEff:") else {
        return Vec::new();
    };
    let Ok(effective) = u64::from_str_radix(effective, 16) else {
        return Vec::new();
    };
    let has = |bit: u32| effective >> bit & 1 == 1;
    if has(ADMIN) {
        return Vec::new();
    }
    // Before 5.8 there are none but CAP_SYS_ADMIN, and a kernel shows none that it does not know.
    let lacking = OTHERS.iter().filter(|(bit, _)| !has(*bit));
    lacking.map(|(_, name)| *name).collect()
}

/// What a line of /proc/self/status says.
fn line<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

/// Whether programs for tracing may be loaded: the smallest one is.
///
/// # Errors
/// The kernel's: `EPERM` without permission, `ENOSYS` where it has no bpf(2), `EINVAL` where it knows
/// no such programs.
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

    #[test]
    fn capabilities_that_lack_are_named() {
        for (effective, missing) in [
            ("000001ffffffffff", &[][..]),
            ("0000000000200000", &[]),
            ("00000000a80425fb", &["CAP_BPF", "CAP_PERFMON"]),
            ("000000c0a80425fb", &[]),
            ("00000080a80425fb", &["CAP_PERFMON"]),
        ] {
            let status = format!("Name:\tx\nCapEff:\t{effective}\nSeccomp:\t0\n");
            assert_eq!(missing_capabilities(&status), missing, "{effective}");
        }
        assert!(missing_capabilities("").is_empty());
    }
}
