//! Settings of the system, and how the kernel was built.

use btfly::sys::{file, permission, security};
use btfly::target::Config;

use super::super::Failure;
use super::{Asked, Out};

/// Settings: the file below /proc/sys, and what its numbers mean, from 0 on, where that is known.
#[rustfmt::skip]
const SETTINGS: [(&str, &str); 16] = [
    ("kernel/unprivileged_bpf_disabled", "bpf(2) is for everybody|only for root, for good|only for root, until that is changed"),
    ("net/core/bpf_jit_enable", "programs are interpreted|programs become machine code|programs become machine code, which the log shows"),
    ("net/core/bpf_jit_harden", "off|for programs of others than root|for all programs"),
    ("net/core/bpf_jit_kallsyms", "off|root sees programs among the kernel's symbols"),
    ("net/core/bpf_jit_limit", ""),
    ("kernel/bpf_stats_enabled", "runs of programs are not counted|runs of programs are counted"),
    ("kernel/perf_event_paranoid", ""),
    ("kernel/perf_event_mlock_kb", ""),
    ("kernel/perf_event_max_stack", ""),
    ("kernel/perf_event_max_sample_rate", ""),
    ("kernel/perf_cpu_time_max_percent", ""),
    ("kernel/kptr_restrict", "addresses are shown to root|addresses are shown to who has CAP_SYSLOG|addresses are hidden from all"),
    ("kernel/ftrace_enabled", "off: no fentry, no kprobe.multi|on"),
    ("kernel/randomize_va_space", ""),
    ("vm/max_map_count", ""),
    ("debug/kprobes-optimization", "off|on"),
];

pub fn settings(_: &Asked, out: &mut Out) -> Result<(), Failure> {
    for (path, meanings) in SETTINGS {
        let number = file::read_number(&["/proc/sys/", path].concat()).ok();
        let at = number.and_then(|number| usize::try_from(number).ok());
        let meaning = at.and_then(|at| meanings.split('|').nth(at));
        let name = path.rsplit('/').next().unwrap_or(path);
        out.number(name, number, meaning.unwrap_or_default());
    }
    let lockdown = permission::lockdown();
    out.word("lockdown", lockdown.as_deref(), "not known");
    let modules = security::active_modules();
    out.word("security_modules", modules.as_deref(), "not known");
    Ok(())
}

/// Options behind `CONFIG_`, with spaces between.
const OPTIONS: &str = "BPF BPF_SYSCALL HAVE_EBPF_JIT BPF_JIT BPF_JIT_ALWAYS_ON BPF_JIT_DEFAULT_ON \
    BPF_UNPRIV_DEFAULT_OFF BPF_PRELOAD BPF_LSM DEBUG_INFO_BTF DEBUG_INFO_BTF_MODULES MODULE_ALLOW_BTF_MISMATCH \
    CGROUPS CGROUP_BPF CGROUP_NET_CLASSID SOCK_CGROUP_DATA BPF_EVENTS PERF_EVENTS KPROBES KPROBE_EVENTS UPROBE_EVENTS \
    TRACING FTRACE_SYSCALLS FUNCTION_TRACER DYNAMIC_FTRACE DYNAMIC_FTRACE_WITH_ARGS \
    DYNAMIC_FTRACE_WITH_DIRECT_CALLS FPROBE FUNCTION_ERROR_INJECTION BPF_KPROBE_OVERRIDE NET XDP_SOCKETS \
    LWTUNNEL_BPF NET_ACT_BPF NET_CLS_BPF NET_CLS_ACT NET_SCH_INGRESS XFRM IP_ROUTE_CLASSID IPV6_SEG6_BPF \
    BPF_LIRC_MODE2 BPF_STREAM_PARSER NETFILTER_XT_MATCH_BPF NETFILTER_BPF_LINK NETKIT BPFILTER BPFILTER_UMH TEST_BPF \
    KALLSYMS KALLSYMS_ALL IKCONFIG_PROC SECURITY_LOCKDOWN_LSM STACKTRACE HZ";

pub fn config(_: &Asked, out: &mut Out) -> Result<(), Failure> {
    let names: Vec<String> = OPTIONS
        .split_ascii_whitespace()
        .map(|name| ["CONFIG_", name].concat())
        .collect();
    let config = Config::running(names.iter().map(String::as_str));
    // A file that can't be read is as good as none, but that is to be said.
    let none = match &config {
        Ok(Some(_)) => "not set",
        Ok(None) => "not known: neither /proc/config.gz nor /boot/config-RELEASE is there",
        Err(_) => "not known: the configuration can't be read",
    };
    let config = config.ok().flatten().unwrap_or_default();
    for name in &names {
        let value = config.get(name);
        match value.and_then(|value| value.parse().ok()) {
            Some(number) => out.number(name, Some(number), ""),
            None => out.word(name, value.map(|v| v.trim_matches('"')), none),
        }
    }
    Ok(())
}
