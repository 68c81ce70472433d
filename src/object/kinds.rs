//! The section names whose programs are loaded and not attached yet, as libbpf knows them: from a
//! name to what BPF_PROG_LOAD wants.

use super::ProgramKind;
use crate::sys::abi::*;

/// What stands behind the name of a kind.
#[derive(Clone, Copy, PartialEq)]
enum Rest {
    /// Nothing.
    None,
    /// Nothing, or a slash and a place.
    Place,
}

struct Kind {
    name: &'static str,
    rest: Rest,
    kind: ProgramKind,
}

/// A kind without an attach type, and without a place.
const fn kind(name: &'static str, prog_type: u32) -> Kind {
    Kind {
        name,
        rest: Rest::None,
        kind: ProgramKind {
            prog_type,
            ..ProgramKind::UNKNOWN
        },
    }
}

impl Kind {
    /// With a place behind a slash.
    const fn at(mut self) -> Kind {
        self.rest = Rest::Place;
        self
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

const fn probe(name: &'static str) -> Kind {
    kind(name, BPF_PROG_TYPE_KPROBE).at()
}

const fn tracing(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_TRACING)
        .at()
        .attach(attach_type)
        .by_btf()
}

const fn multi(name: &'static str, attach_type: u32) -> Kind {
    kind(name, BPF_PROG_TYPE_TRACING).at().attach(attach_type)
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

#[rustfmt::skip]
static KINDS: &[Kind] = &[
    probe("kprobe.multi").attach(BPF_TRACE_KPROBE_MULTI),
    probe("kretprobe.multi").attach(BPF_TRACE_KPROBE_MULTI),
    probe("kprobe.session").attach(BPF_TRACE_KPROBE_SESSION),
    probe("uprobe"),
    probe("uprobe.s").sleepable(),
    probe("uretprobe"),
    probe("uretprobe.s").sleepable(),
    probe("uprobe.multi").attach(BPF_TRACE_UPROBE_MULTI),
    probe("uprobe.multi.s").attach(BPF_TRACE_UPROBE_MULTI).sleepable(),
    probe("uretprobe.multi").attach(BPF_TRACE_UPROBE_MULTI),
    probe("uretprobe.multi.s").attach(BPF_TRACE_UPROBE_MULTI).sleepable(),
    probe("uprobe.session").attach(BPF_TRACE_UPROBE_SESSION),
    probe("uprobe.session.s").attach(BPF_TRACE_UPROBE_SESSION).sleepable(),
    probe("usdt"),
    probe("usdt.s").sleepable(),
    kind("tracepoint.s", BPF_PROG_TYPE_TRACEPOINT).at().sleepable(),
    kind("tp.s", BPF_PROG_TYPE_TRACEPOINT).at().sleepable(),
    kind("raw_tracepoint.s", BPF_PROG_TYPE_RAW_TRACEPOINT).at().sleepable(),
    kind("raw_tp.s", BPF_PROG_TYPE_RAW_TRACEPOINT).at().sleepable(),
    kind("raw_tracepoint.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE).at(),
    kind("raw_tp.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE).at(),
    tracing("tp_btf", BPF_TRACE_RAW_TP),
    tracing("tp_btf.s", BPF_TRACE_RAW_TP).sleepable(),
    tracing("fentry", BPF_TRACE_FENTRY),
    tracing("fentry.s", BPF_TRACE_FENTRY).sleepable(),
    tracing("fexit", BPF_TRACE_FEXIT),
    tracing("fexit.s", BPF_TRACE_FEXIT).sleepable(),
    tracing("fmod_ret", BPF_MODIFY_RETURN),
    tracing("fmod_ret.s", BPF_MODIFY_RETURN).sleepable(),
    tracing("fsession", BPF_TRACE_FSESSION),
    tracing("fsession.s", BPF_TRACE_FSESSION).sleepable(),
    multi("fentry.multi", BPF_TRACE_FENTRY_MULTI),
    multi("fentry.multi.s", BPF_TRACE_FENTRY_MULTI).sleepable(),
    multi("fexit.multi", BPF_TRACE_FEXIT_MULTI),
    multi("fexit.multi.s", BPF_TRACE_FEXIT_MULTI).sleepable(),
    multi("fsession.multi", BPF_TRACE_FSESSION_MULTI),
    multi("fsession.multi.s", BPF_TRACE_FSESSION_MULTI).sleepable(),
    kind("freplace", BPF_PROG_TYPE_EXT).at().by_btf(),
    kind("lsm", BPF_PROG_TYPE_LSM).at().attach(BPF_LSM_MAC).by_btf(),
    kind("lsm.s", BPF_PROG_TYPE_LSM).at().attach(BPF_LSM_MAC).by_btf().sleepable(),
    kind("lsm_cgroup", BPF_PROG_TYPE_LSM).at().attach(BPF_LSM_CGROUP).by_btf(),
    tracing("iter", BPF_TRACE_ITER),
    tracing("iter.s", BPF_TRACE_ITER).sleepable(),
    kind("syscall", BPF_PROG_TYPE_SYSCALL).sleepable(),
    kind("xdp", BPF_PROG_TYPE_XDP).may_attach(BPF_XDP),
    kind("xdp.frags", BPF_PROG_TYPE_XDP).attach(BPF_XDP).frags(),
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
    kind("perf_event", BPF_PROG_TYPE_PERF_EVENT),
    kind("cgroup_skb/ingress", BPF_PROG_TYPE_CGROUP_SKB).may_attach(BPF_CGROUP_INET_INGRESS),
    kind("cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB).may_attach(BPF_CGROUP_INET_EGRESS),
    kind("cgroup/skb", BPF_PROG_TYPE_CGROUP_SKB),
    kind("cgroup/sock", BPF_PROG_TYPE_CGROUP_SOCK).may_attach(BPF_CGROUP_INET_SOCK_CREATE),
    sock("cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE),
    sock("cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE),
    sock("cgroup/post_bind4", BPF_CGROUP_INET4_POST_BIND),
    sock("cgroup/post_bind6", BPF_CGROUP_INET6_POST_BIND),
    addr("cgroup/bind4", BPF_CGROUP_INET4_BIND),
    addr("cgroup/bind6", BPF_CGROUP_INET6_BIND),
    addr("cgroup/connect4", BPF_CGROUP_INET4_CONNECT),
    addr("cgroup/connect6", BPF_CGROUP_INET6_CONNECT),
    addr("cgroup/connect_unix", BPF_CGROUP_UNIX_CONNECT),
    addr("cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG),
    addr("cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG),
    addr("cgroup/sendmsg_unix", BPF_CGROUP_UNIX_SENDMSG),
    addr("cgroup/recvmsg4", BPF_CGROUP_UDP4_RECVMSG),
    addr("cgroup/recvmsg6", BPF_CGROUP_UDP6_RECVMSG),
    addr("cgroup/recvmsg_unix", BPF_CGROUP_UNIX_RECVMSG),
    addr("cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME),
    addr("cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME),
    addr("cgroup/getpeername_unix", BPF_CGROUP_UNIX_GETPEERNAME),
    addr("cgroup/getsockname4", BPF_CGROUP_INET4_GETSOCKNAME),
    addr("cgroup/getsockname6", BPF_CGROUP_INET6_GETSOCKNAME),
    addr("cgroup/getsockname_unix", BPF_CGROUP_UNIX_GETSOCKNAME),
    kind("cgroup/sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL).attach(BPF_CGROUP_SYSCTL),
    kind("cgroup/getsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_GETSOCKOPT),
    kind("cgroup/setsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_SETSOCKOPT),
    kind("cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE).may_attach(BPF_CGROUP_DEVICE),
    kind("sockops", BPF_PROG_TYPE_SOCK_OPS).may_attach(BPF_CGROUP_SOCK_OPS),
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
    kind("struct_ops", BPF_PROG_TYPE_STRUCT_OPS).at().by_btf(),
    kind("struct_ops.s", BPF_PROG_TYPE_STRUCT_OPS).at().by_btf().sleepable(),
];

/// Reads a section name, its `?` already taken off: the name of its kind, what that is, and its
/// place. `None` if no kind is called so.
pub(super) fn find(section: &str) -> Option<(&'static str, ProgramKind, Option<&str>)> {
    KINDS.iter().find_map(|kind| {
        let rest = section.strip_prefix(kind.name)?;
        let place = match rest.strip_prefix('/') {
            Some(place) if kind.rest == Rest::Place => Some(place),
            None if rest.is_empty() => None,
            _ => return None,
        };
        Some((kind.name, kind.kind, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_whole_name_and_takes_a_place_only_where_it_has_one() {
        let found =
            |section| find(section).map(|(name, kind, place)| (name, kind.prog_type, place));
        let (tracing, kprobe) = (BPF_PROG_TYPE_TRACING, BPF_PROG_TYPE_KPROBE);
        for (section, expected) in [
            ("fentry", Some(("fentry", tracing, None))),
            ("fentry/do_exit", Some(("fentry", tracing, Some("do_exit")))),
            ("fentry/", Some(("fentry", tracing, Some("")))),
            ("fentry.s/x", Some(("fentry.s", tracing, Some("x")))),
            (
                "uprobe/libc.so:f",
                Some(("uprobe", kprobe, Some("libc.so:f"))),
            ),
            ("xdp/devmap", Some(("xdp/devmap", BPF_PROG_TYPE_XDP, None))),
            (
                "tc/ingress",
                Some(("tc/ingress", BPF_PROG_TYPE_SCHED_CLS, None)),
            ),
            ("xdp/eth0", None),
            ("xdp.frags/x", None),
            ("cgroup/skb/x", None),
            ("fentryx", None),
            ("fent", None),
            ("", None),
        ] {
            assert_eq!(found(section), expected, "{section}");
        }
    }

    #[test]
    fn kinds_have_the_types_and_flags_that_the_kernel_wants() {
        let kind = |section| find(section).unwrap().1;
        assert_eq!(kind("xdp").expected_attach_type, Some(BPF_XDP));
        assert!(kind("xdp").attach_type_optional);
        assert_eq!(kind("xdp.frags").prog_flags, BPF_F_XDP_HAS_FRAGS);
        assert_eq!(kind("syscall").prog_flags, BPF_F_SLEEPABLE);
        assert_eq!(kind("cgroup/skb").expected_attach_type, None);
        let lsm = kind("lsm.s/file_open");
        assert_eq!(lsm.expected_attach_type, Some(BPF_LSM_MAC));
        assert!(lsm.attach_btf && !lsm.attach_type_optional);
        assert_eq!(lsm.prog_flags, BPF_F_SLEEPABLE);
        assert!(!kind("fentry.multi/x*").attach_btf);
    }

    #[test]
    fn no_name_stands_twice() {
        for (at, one) in KINDS.iter().enumerate() {
            let same = KINDS
                .iter()
                .skip(at + 1)
                .find(|other| other.name == one.name);
            assert!(same.is_none(), "{}", one.name);
        }
    }
}
