//! The section names beyond those that every build attaches, as libbpf knows them: from a name to
//! what BPF_PROG_LOAD wants and to where the program attaches.

use super::Hook;
use super::kinds::{Kind, Reads, kind, probe};
use super::{more_places, places};
use crate::sys::abi::*;

impl Kind {
    /// With a hook that the name alone says.
    const fn is(mut self, hook: Hook<'static>) -> Kind {
        self.reads = Reads::Nothing(hook);
        self
    }

    /// A kind that is not attached yet, with a place behind a slash.
    const fn with_place(mut self) -> Kind {
        self.reads = Reads::Other;
        self
    }

    /// Attached to a cgroup; a kind without an attach type of its own sees what comes in.
    const fn by_cgroup(self) -> Kind {
        let attach_type = match self.kind.expected_attach_type {
            Some(attach_type) => attach_type,
            None => BPF_CGROUP_INET_INGRESS,
        };
        self.is(Hook::Cgroup {
            attach_type,
            path: "",
        })
    }

    /// With an attach type that is always sent.
    const fn attach(mut self, attach_type: u32) -> Kind {
        self.kind.expected_attach_type = Some(attach_type);
        self
    }

    /// With an attach type that is sent where the kernel knows such.
    const fn may_attach(mut self, attach_type: u32) -> Kind {
        self.kind.attach_type_optional = true;
        self.attach(attach_type)
    }

    /// Attached to a function that the kernel's BTF describes, which must be named at load.
    const fn by_btf(mut self) -> Kind {
        self.kind.attach_btf = true;
        self
    }

    const fn sleepable(mut self) -> Kind {
        self.kind.prog_flags |= BPF_F_SLEEPABLE;
        self
    }

    const fn frags(mut self) -> Kind {
        self.kind.prog_flags |= BPF_F_XDP_HAS_FRAGS;
        self
    }
}

const fn tracing(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_TRACING)
        .attach(attach_type)
        .by_btf()
}

const fn multi(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_TRACING)
        .with_place()
        .attach(attach_type)
}

const fn cls(name: &'static str) -> Kind {
    kind(name, BPF_PROG_TYPE_SCHED_CLS)
}

const fn sock(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_CGROUP_SOCK).attach(attach_type)
}

const fn addr(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(attach_type)
}

const XDP: Hook<'static> = Hook::Xdp { interface: "" };

#[rustfmt::skip]
pub(super) static MORE: &[Kind] = &[
    probe("kprobe.multi").at(more_places::kprobe_multi).attach(BPF_TRACE_KPROBE_MULTI),
    probe("kretprobe.multi").at(more_places::kretprobe_multi).attach(BPF_TRACE_KPROBE_MULTI),
    probe("kprobe.session").at(more_places::kprobe_session).attach(BPF_TRACE_KPROBE_SESSION),
    probe("uprobe").at(more_places::uprobe),
    probe("uprobe.s").at(more_places::uprobe).sleepable(),
    probe("uretprobe").at(more_places::uretprobe),
    probe("uretprobe.s").at(more_places::uretprobe).sleepable(),
    probe("uprobe.multi").at(more_places::uprobe_multi).attach(BPF_TRACE_UPROBE_MULTI),
    probe("uprobe.multi.s").at(more_places::uprobe_multi).attach(BPF_TRACE_UPROBE_MULTI).sleepable(),
    probe("uretprobe.multi").at(more_places::uretprobe_multi).attach(BPF_TRACE_UPROBE_MULTI),
    probe("uretprobe.multi.s").at(more_places::uretprobe_multi).attach(BPF_TRACE_UPROBE_MULTI).sleepable(),
    probe("uprobe.session").at(more_places::uprobe_session).attach(BPF_TRACE_UPROBE_SESSION),
    probe("uprobe.session.s").at(more_places::uprobe_session).attach(BPF_TRACE_UPROBE_SESSION).sleepable(),
    probe("usdt").with_place().attach(BPF_TRACE_UPROBE_MULTI),
    probe("usdt.s").with_place().attach(BPF_TRACE_UPROBE_MULTI).sleepable(),
    kind("tracepoint.s", BPF_PROG_TYPE_TRACEPOINT).at(places::tracepoint).sleepable(),
    kind("tp.s", BPF_PROG_TYPE_TRACEPOINT).at(places::tracepoint).sleepable(),
    kind("raw_tracepoint.s", BPF_PROG_TYPE_RAW_TRACEPOINT).at(places::raw_tracepoint).sleepable(),
    kind("raw_tp.s", BPF_PROG_TYPE_RAW_TRACEPOINT).at(places::raw_tracepoint).sleepable(),
    kind("raw_tracepoint.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE).at(places::raw_tracepoint),
    kind("raw_tp.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE).at(places::raw_tracepoint),
    tracing("tp_btf", BPF_TRACE_RAW_TP).at(more_places::tp_btf),
    tracing("tp_btf.s", BPF_TRACE_RAW_TP).at(more_places::tp_btf).sleepable(),
    tracing("fentry", BPF_TRACE_FENTRY).at(more_places::tracing),
    tracing("fentry.s", BPF_TRACE_FENTRY).at(more_places::tracing).sleepable(),
    tracing("fexit", BPF_TRACE_FEXIT).at(more_places::tracing),
    tracing("fexit.s", BPF_TRACE_FEXIT).at(more_places::tracing).sleepable(),
    tracing("fmod_ret", BPF_MODIFY_RETURN).at(more_places::tracing),
    tracing("fmod_ret.s", BPF_MODIFY_RETURN).at(more_places::tracing).sleepable(),
    tracing("fsession", BPF_TRACE_FSESSION).at(more_places::tracing),
    tracing("fsession.s", BPF_TRACE_FSESSION).at(more_places::tracing).sleepable(),
    multi("fentry.multi", BPF_TRACE_FENTRY_MULTI),
    multi("fentry.multi.s", BPF_TRACE_FENTRY_MULTI).sleepable(),
    multi("fexit.multi", BPF_TRACE_FEXIT_MULTI),
    multi("fexit.multi.s", BPF_TRACE_FEXIT_MULTI).sleepable(),
    multi("fsession.multi", BPF_TRACE_FSESSION_MULTI),
    multi("fsession.multi.s", BPF_TRACE_FSESSION_MULTI).sleepable(),
    kind("freplace", BPF_PROG_TYPE_EXT).at(more_places::freplace).by_btf(),
    kind("lsm", BPF_PROG_TYPE_LSM).at(more_places::lsm).attach(BPF_LSM_MAC).by_btf(),
    kind("lsm.s", BPF_PROG_TYPE_LSM).at(more_places::lsm).attach(BPF_LSM_MAC).by_btf().sleepable(),
    kind("lsm_cgroup", BPF_PROG_TYPE_LSM).at(more_places::lsm_cgroup).attach(BPF_LSM_CGROUP).by_btf(),
    tracing("iter", BPF_TRACE_ITER).at(more_places::iter),
    tracing("iter.s", BPF_TRACE_ITER).at(more_places::iter).sleepable(),
    kind("syscall", BPF_PROG_TYPE_SYSCALL).is(Hook::Syscall).sleepable(),
    kind("xdp", BPF_PROG_TYPE_XDP).is(XDP).may_attach(BPF_XDP),
    kind("xdp.frags", BPF_PROG_TYPE_XDP).is(XDP).attach(BPF_XDP).frags(),
    kind("xdp/devmap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_DEVMAP),
    kind("xdp.frags/devmap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_DEVMAP).frags(),
    kind("xdp/cpumap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_CPUMAP),
    kind("xdp.frags/cpumap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_CPUMAP).frags(),
    cls("tc"),
    cls("classifier"),
    cls("tc/ingress").attach(BPF_TCX_INGRESS),
    cls("tc/egress").attach(BPF_TCX_EGRESS),
    cls("tcx/ingress").attach(BPF_TCX_INGRESS),
    cls("tcx/egress").attach(BPF_TCX_EGRESS),
    cls("netkit/primary").attach(BPF_NETKIT_PRIMARY),
    cls("netkit/peer").attach(BPF_NETKIT_PEER),
    kind("action", BPF_PROG_TYPE_SCHED_ACT),
    kind("socket", BPF_PROG_TYPE_SOCKET_FILTER),
    kind("cgroup_skb/ingress", BPF_PROG_TYPE_CGROUP_SKB).may_attach(BPF_CGROUP_INET_INGRESS).by_cgroup(),
    kind("cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB).may_attach(BPF_CGROUP_INET_EGRESS).by_cgroup(),
    kind("cgroup/skb", BPF_PROG_TYPE_CGROUP_SKB).by_cgroup(),
    kind("cgroup/sock", BPF_PROG_TYPE_CGROUP_SOCK).may_attach(BPF_CGROUP_INET_SOCK_CREATE).by_cgroup(),
    sock("cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE).by_cgroup(),
    sock("cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE).by_cgroup(),
    sock("cgroup/post_bind4", BPF_CGROUP_INET4_POST_BIND).by_cgroup(),
    sock("cgroup/post_bind6", BPF_CGROUP_INET6_POST_BIND).by_cgroup(),
    addr("cgroup/bind4", BPF_CGROUP_INET4_BIND).by_cgroup(),
    addr("cgroup/bind6", BPF_CGROUP_INET6_BIND).by_cgroup(),
    addr("cgroup/connect4", BPF_CGROUP_INET4_CONNECT).by_cgroup(),
    addr("cgroup/connect6", BPF_CGROUP_INET6_CONNECT).by_cgroup(),
    addr("cgroup/connect_unix", BPF_CGROUP_UNIX_CONNECT).by_cgroup(),
    addr("cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG).by_cgroup(),
    addr("cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG).by_cgroup(),
    addr("cgroup/sendmsg_unix", BPF_CGROUP_UNIX_SENDMSG).by_cgroup(),
    addr("cgroup/recvmsg4", BPF_CGROUP_UDP4_RECVMSG).by_cgroup(),
    addr("cgroup/recvmsg6", BPF_CGROUP_UDP6_RECVMSG).by_cgroup(),
    addr("cgroup/recvmsg_unix", BPF_CGROUP_UNIX_RECVMSG).by_cgroup(),
    addr("cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME).by_cgroup(),
    addr("cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME).by_cgroup(),
    addr("cgroup/getpeername_unix", BPF_CGROUP_UNIX_GETPEERNAME).by_cgroup(),
    addr("cgroup/getsockname4", BPF_CGROUP_INET4_GETSOCKNAME).by_cgroup(),
    addr("cgroup/getsockname6", BPF_CGROUP_INET6_GETSOCKNAME).by_cgroup(),
    addr("cgroup/getsockname_unix", BPF_CGROUP_UNIX_GETSOCKNAME).by_cgroup(),
    kind("cgroup/sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL).attach(BPF_CGROUP_SYSCTL).by_cgroup(),
    kind("cgroup/getsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_GETSOCKOPT).by_cgroup(),
    kind("cgroup/setsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_SETSOCKOPT).by_cgroup(),
    kind("cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE).may_attach(BPF_CGROUP_DEVICE).by_cgroup(),
    kind("sockops", BPF_PROG_TYPE_SOCK_OPS).may_attach(BPF_CGROUP_SOCK_OPS).by_cgroup(),
    kind("sk_msg", BPF_PROG_TYPE_SK_MSG).may_attach(BPF_SK_MSG_VERDICT),
    kind("lirc_mode2", BPF_PROG_TYPE_LIRC_MODE2).may_attach(BPF_LIRC_MODE2),
    kind("flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR).may_attach(BPF_FLOW_DISSECTOR),
    kind("sk_skb", BPF_PROG_TYPE_SK_SKB),
    kind("sk_skb/stream_parser", BPF_PROG_TYPE_SK_SKB).may_attach(BPF_SK_SKB_STREAM_PARSER),
    kind("sk_skb/stream_verdict", BPF_PROG_TYPE_SK_SKB).may_attach(BPF_SK_SKB_STREAM_VERDICT),
    kind("sk_skb/verdict", BPF_PROG_TYPE_SK_SKB).may_attach(BPF_SK_SKB_VERDICT),
    kind("sk_lookup", BPF_PROG_TYPE_SK_LOOKUP).attach(BPF_SK_LOOKUP),
    kind("sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT).attach(BPF_SK_REUSEPORT_SELECT),
    kind("sk_reuseport/migrate", BPF_PROG_TYPE_SK_REUSEPORT).attach(BPF_SK_REUSEPORT_SELECT_OR_MIGRATE),
    kind("netfilter", BPF_PROG_TYPE_NETFILTER).attach(BPF_NETFILTER),
    kind("lwt_in", BPF_PROG_TYPE_LWT_IN),
    kind("lwt_out", BPF_PROG_TYPE_LWT_OUT),
    kind("lwt_xmit", BPF_PROG_TYPE_LWT_XMIT),
    kind("lwt_seg6local", BPF_PROG_TYPE_LWT_SEG6LOCAL),
    kind("struct_ops", BPF_PROG_TYPE_STRUCT_OPS).with_place().by_btf(),
    kind("struct_ops.s", BPF_PROG_TYPE_STRUCT_OPS).with_place().by_btf().sleepable(),
];
