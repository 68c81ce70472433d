//! Ways to attach: whether the kernel has each. Where a link can be tried, one is asked for with a place that can't
//! be, and what the kernel says of that place tells that it knows such links; nothing is ever attached, but to a
//! function that is there for tests.
//!
//! Source: `link_create` in the kernel's `kernel/bpf/syscall.c`, and what it calls.

use super::abi::*;
use super::bpf::{self, ProgLoad};
use super::bpf_call::{call_for_fd, number};
use super::more_probes::{answered, kprobe_multi_as, uprobe_multi_as};
use super::names;
use super::probes::{EXIT, R0_IS_0, load};
use rustix::fd::AsFd;
use rustix::io::{self, Errno};

/// A sort of links that is tried.
struct Try {
    name: &'static str,
    prog_type: u32,
    attach_type: u32,
    /// A place that is none.
    target: u32,
    flags: u32,
    /// What is said of that place by a kernel that has such links.
    answer: Errno,
}

/// No descriptor, no interface.
const NONE: u32 = i32::MAX.cast_unsigned();
/// The loopback interface, of which there is one in each network namespace. Its driver takes no XDP programs.
const LOOPBACK: u32 = 1;

const fn row(
    name: &'static str,
    prog_type: u32,
    attach_type: u32,
    (target, flags): (u32, u32),
    answer: Errno,
) -> Try {
    Try {
        name,
        prog_type,
        attach_type,
        target,
        flags,
        answer,
    }
}

#[rustfmt::skip]
const TRIES: [Try; 7] = [
    row("cgroup_link", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, (NONE, 0), Errno::BADF),
    row("netns_link", BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR, (NONE, 0), Errno::BADF),
    row("xdp_link", BPF_PROG_TYPE_XDP, BPF_XDP, (LOOPBACK, XDP_FLAGS_DRV_MODE), Errno::OPNOTSUPP),
    row("tcx", BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, (NONE, 0), Errno::NODEV),
    row("netkit", BPF_PROG_TYPE_SCHED_CLS, BPF_NETKIT_PRIMARY, (NONE, 0), Errno::NODEV),
    row("netfilter", BPF_PROG_TYPE_NETFILTER, BPF_NETFILTER, (0, 0), Errno::AFNOSUPPORT),
    row("sockmap_link", BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, (NONE, 0), Errno::BADF),
];

fn attempt(kind: &Try) -> io::Result<()> {
    let insns = [R0_IS_0, EXIT].concat();
    let prog = load(kind.prog_type, Some(kind.attach_type), &insns)?;
    let mut attr = LinkCreateAttr {
        prog_fd: number(prog.as_fd()),
        target: kind.target,
        attach_type: kind.attach_type,
        flags: kind.flags,
    };
    // Safety: the struct holds no address.
    answered(
        unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) },
        kind.answer,
    )
}

/// Hands each sort of links to `tell`, by its name, and whether the kernel has it.
pub fn for_each_link(tell: &mut dyn FnMut(&str, bool)) {
    for kind in &TRIES {
        tell(kind.name, attempt(kind).is_ok());
    }
    for (attach_type, probe) in [
        (
            BPF_TRACE_KPROBE_SESSION,
            kprobe_multi_as as fn(u32) -> io::Result<()>,
        ),
        (BPF_TRACE_UPROBE_SESSION, uprobe_multi_as),
    ] {
        let name = names::attach_type(attach_type).unwrap_or_default();
        tell(
            name.strip_prefix("trace_").unwrap_or(name),
            probe(attach_type).is_ok(),
        );
    }
}

/// Whether programs attach to raw tracepoints (4.17).
///
/// # Errors
/// The kernel's.
pub fn raw_tracepoint() -> io::Result<()> {
    let prog = load(
        BPF_PROG_TYPE_RAW_TRACEPOINT,
        None,
        &[R0_IS_0, EXIT].concat(),
    )?;
    // There is none of this name, which is looked for last.
    answered(
        bpf::raw_tracepoint_open(prog.as_fd(), Some(c"btfly probes")),
        Errno::NOENT,
    )
}

/// Whether iterators can be read (5.8).
///
/// # Errors
/// The kernel's.
pub fn iterator() -> io::Result<()> {
    // A kernel without iterators does not look for the link.
    let mut attr = IterCreateAttr {
        link_fd: NONE,
        flags: 0,
    };
    // Safety: the struct holds no address.
    answered(
        unsafe { call_for_fd(BPF_ITER_CREATE, &mut attr) },
        Errno::BADF,
    )
}

/// Whether programs can be put in front of functions (fentry), which takes trampolines and ways to call them: one
/// is, for a moment. `function` is the BTF id of one that only tests call.
///
/// # Errors
/// The kernel's: 524 where the machine has no trampolines.
pub fn fentry(function: u32) -> io::Result<()> {
    let prog = ProgLoad {
        prog_type: BPF_PROG_TYPE_TRACING,
        expected_attach_type: Some(BPF_TRACE_FENTRY),
        attach_btf_id: function,
        insns: [R0_IS_0, EXIT].as_flattened(),
        license: c"GPL",
        ..ProgLoad::default()
    };
    let prog = bpf::prog_load(&prog, None)?;
    bpf::raw_tracepoint_open(prog.as_fd(), None).map(drop)
}
