//! What the verifier calls the context of each kind of program, for functions that are handed it.
//!
//! Source: the kernel's `include/linux/bpf_types.h`, and `bpf_user_pt_regs_t` of arm64.

use crate::btf::Context;
use crate::sys::abi::*;

/// The context of programs of this type.
pub(super) fn context(prog_type: u32) -> Context {
    const REGISTERS: &[&str] = &["pt_regs", "user_pt_regs"];
    let named = |name| Context {
        name: Some(name),
        also: &[],
        integers: false,
    };
    match prog_type {
        BPF_PROG_TYPE_KPROBE => Context {
            also: REGISTERS,
            ..named("bpf_user_pt_regs_t")
        },
        BPF_PROG_TYPE_PERF_EVENT => Context {
            also: REGISTERS,
            ..named("bpf_perf_event_data")
        },
        BPF_PROG_TYPE_RAW_TRACEPOINT | BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE => Context {
            integers: true,
            ..named("bpf_raw_tracepoint_args")
        },
        BPF_PROG_TYPE_SOCKET_FILTER
        | BPF_PROG_TYPE_SCHED_CLS
        | BPF_PROG_TYPE_SCHED_ACT
        | BPF_PROG_TYPE_CGROUP_SKB
        | BPF_PROG_TYPE_LWT_IN
        | BPF_PROG_TYPE_LWT_OUT
        | BPF_PROG_TYPE_LWT_XMIT
        | BPF_PROG_TYPE_LWT_SEG6LOCAL
        | BPF_PROG_TYPE_SK_SKB
        | BPF_PROG_TYPE_FLOW_DISSECTOR => named("__sk_buff"),
        BPF_PROG_TYPE_XDP => named("xdp_md"),
        BPF_PROG_TYPE_CGROUP_DEVICE => named("bpf_cgroup_dev_ctx"),
        BPF_PROG_TYPE_CGROUP_SOCK => named("bpf_sock"),
        BPF_PROG_TYPE_CGROUP_SOCK_ADDR => named("bpf_sock_addr"),
        BPF_PROG_TYPE_CGROUP_SOCKOPT => named("bpf_sockopt"),
        BPF_PROG_TYPE_CGROUP_SYSCTL => named("bpf_sysctl"),
        BPF_PROG_TYPE_NETFILTER => named("bpf_nf_ctx"),
        BPF_PROG_TYPE_SK_LOOKUP => named("bpf_sk_lookup"),
        BPF_PROG_TYPE_SK_MSG => named("sk_msg_md"),
        BPF_PROG_TYPE_SK_REUSEPORT => named("sk_reuseport_md"),
        BPF_PROG_TYPE_SOCK_OPS => named("bpf_sock_ops"),
        // Tracepoints, and those that the kernel's BTF describes.
        _ => Context {
            name: None,
            also: &[],
            integers: false,
        },
    }
}
