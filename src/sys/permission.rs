//! Why the kernel may have said "not permitted": the user, lockdown, the limits of perf.

use super::file;

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
