//! Ways to attach programs.

use btfly::sys::abi::{
    BPF_MAP_TYPE_STRUCT_OPS, BPF_PROG_TYPE_EXT, BPF_PROG_TYPE_LSM, BPF_PROG_TYPE_PERF_EVENT,
    BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_TRACING,
};
use btfly::sys::probe_pmu::ProbePmu;
use btfly::sys::tracefs::{Space, Tracefs};
use btfly::sys::{Feature, attach_probes, map_types, prog_types, security};

use super::super::Failure;
use super::kinds::{FENTRY, function};
use super::{Asked, Out};

/// How probes of functions can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// By perf_event_open(2).
    pub perf: bool,
    /// By files of tracefs.
    pub tracefs: bool,
}

/// How probes can be made on functions of the kernel, or of files.
pub fn kprobes(space: Space, tracefs: Option<&Tracefs>) -> Probes {
    Probes {
        perf: ProbePmu::find(space).is_some(),
        tracefs: tracefs.is_some_and(|tracefs| tracefs.has_events(space)),
    }
}

pub fn tell(asked: &Asked, out: &mut Out) -> Result<(), Failure> {
    let features = &asked.kernel.features;
    let tracefs = Tracefs::find();
    let has = |prog_type| prog_types::probe(prog_type).is_ok();
    let mut yes = |name: &str, is: bool| out.yes(&[name], name, is);
    let kernel = kprobes(Space::Kernel, tracefs.as_ref());
    let user = kprobes(Space::User, tracefs.as_ref());
    for (name, is) in [
        ("kprobe_perf", kernel.perf),
        ("kprobe_tracefs", kernel.tracefs),
        ("kprobe_multi", features.has(Feature::KprobeMulti)),
        ("uprobe_perf", user.perf),
        ("uprobe_tracefs", user.tracefs),
        ("uprobe_multi", features.has(Feature::UprobeMulti)),
        (
            "tracepoint",
            tracefs.is_some() && has(BPF_PROG_TYPE_TRACEPOINT),
        ),
        (
            "syscall_tracepoints",
            tracefs.is_some_and(|tracefs| tracefs.has_category("syscalls")),
        ),
        ("raw_tracepoint", attach_probes::raw_tracepoint().is_ok()),
        ("perf_event", has(BPF_PROG_TYPE_PERF_EVENT)),
        ("perf_link", features.has(Feature::PerfLink)),
    ] {
        yes(name, is);
    }
    // Without the kernel's own types nothing can be meant.
    let function = function(FENTRY);
    let fentry = function.is_some_and(|function| attach_probes::fentry(function).is_ok());
    let tracing = has(BPF_PROG_TYPE_TRACING);
    let asks_bpf = || {
        let active = security::active_modules().unwrap_or_default();
        active.split(',').any(|name| name == "bpf")
    };
    for (name, is) in [
        ("fentry", fentry),
        ("freplace", fentry && has(BPF_PROG_TYPE_EXT)),
        ("lsm", fentry && has(BPF_PROG_TYPE_LSM) && asks_bpf()),
        ("tp_btf", tracing),
        ("iter", tracing && attach_probes::iterator().is_ok()),
        (
            "struct_ops",
            tracing && map_types::probe(BPF_MAP_TYPE_STRUCT_OPS).is_ok(),
        ),
    ] {
        yes(name, is);
    }
    attach_probes::for_each_link(&mut yes);
    Ok(())
}
