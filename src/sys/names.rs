//! Names of the kinds of programs, links and attachments, in the order of their numbers: each is that of its
//! constant without what all have in front, in small letters.

/// From 0 on, as all of these.
const PROGRAMS: &str = "unspec socket_filter kprobe sched_cls sched_act tracepoint xdp perf_event cgroup_skb cgroup_sock \
    lwt_in lwt_out lwt_xmit sock_ops sk_skb cgroup_device sk_msg raw_tracepoint cgroup_sock_addr lwt_seg6local \
    lirc_mode2 sk_reuseport flow_dissector cgroup_sysctl raw_tracepoint_writable cgroup_sockopt tracing \
    struct_ops ext lsm sk_lookup syscall netfilter";

const LINKS: &str = "unspec raw_tracepoint tracing cgroup iter netns xdp perf_event kprobe_multi struct_ops netfilter tcx \
    uprobe_multi netkit sockmap tracing_multi";

const ATTACHMENTS: &str = "cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create cgroup_sock_ops \
    sk_skb_stream_parser sk_skb_stream_verdict cgroup_device sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind \
    cgroup_inet4_connect cgroup_inet6_connect cgroup_inet4_post_bind cgroup_inet6_post_bind cgroup_udp4_sendmsg \
    cgroup_udp6_sendmsg lirc_mode2 flow_dissector cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg \
    cgroup_getsockopt cgroup_setsockopt trace_raw_tp trace_fentry trace_fexit modify_return lsm_mac trace_iter \
    cgroup_inet4_getpeername cgroup_inet6_getpeername cgroup_inet4_getsockname cgroup_inet6_getsockname \
    xdp_devmap cgroup_inet_sock_release xdp_cpumap sk_lookup xdp sk_skb_verdict sk_reuseport_select \
    sk_reuseport_select_or_migrate perf_event trace_kprobe_multi lsm_cgroup struct_ops netfilter tcx_ingress \
    tcx_egress trace_uprobe_multi cgroup_unix_connect cgroup_unix_sendmsg cgroup_unix_recvmsg \
    cgroup_unix_getpeername cgroup_unix_getsockname netkit_primary netkit_peer trace_kprobe_session \
    trace_uprobe_session trace_fsession trace_fentry_multi trace_fexit_multi trace_fsession_multi";

fn nth(names: &'static str, number: u32) -> Option<&'static str> {
    names.split_ascii_whitespace().nth(number as usize)
}

/// What programs of `BPF_PROG_TYPE_…` are called.
#[must_use]
pub fn prog_type(number: u32) -> Option<&'static str> {
    nth(PROGRAMS, number)
}

/// What links of `BPF_LINK_TYPE_…` are called.
#[must_use]
pub fn link_type(number: u32) -> Option<&'static str> {
    nth(LINKS, number)
}

/// What an attachment is called, `BPF_…` of `enum bpf_attach_type`.
#[must_use]
pub fn attach_type(number: u32) -> Option<&'static str> {
    nth(ATTACHMENTS, number)
}

/// The number of an attachment that is called so.
#[must_use]
pub fn attach_type_called(name: &str) -> Option<u32> {
    let at = ATTACHMENTS
        .split_ascii_whitespace()
        .position(|n| n == name)?;
    u32::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::super::abi;
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (found, name) in [
            (prog_type(abi::BPF_PROG_TYPE_XDP), "xdp"),
            (prog_type(abi::BPF_PROG_TYPE_NETFILTER), "netfilter"),
            (prog_type(abi::BPF_PROG_TYPE_LSM), "lsm"),
            (link_type(abi::BPF_LINK_TYPE_TRACING_MULTI), "tracing_multi"),
            (link_type(abi::BPF_LINK_TYPE_PERF_EVENT), "perf_event"),
            (attach_type(abi::BPF_PERF_EVENT), "perf_event"),
            (attach_type(abi::BPF_TRACE_FEXIT), "trace_fexit"),
            (
                attach_type(abi::BPF_TRACE_FSESSION_MULTI),
                "trace_fsession_multi",
            ),
        ] {
            assert_eq!(found, Some(name));
        }
        assert_eq!(prog_type(33), None);
        assert_eq!(link_type(16), None);
        assert_eq!(attach_type(62), None);
        assert_eq!(attach_type_called("xdp"), Some(abi::BPF_XDP));
        assert_eq!(attach_type_called("no"), None);
    }
}
