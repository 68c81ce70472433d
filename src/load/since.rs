//! Since which Linux the kernel has a kind of program, for messages: what it can do is found out by
//! trying.
//!
//! Source: the kernel's history of `include/uapi/linux/bpf.h` and `kernel/bpf/syscall.c`.

use rustix::io::Errno;

use super::LoadError;
use super::verifier::Refusal;
use crate::object::{Insn, Program, ProgramKind, op};
use crate::sys::abi::*;
use crate::sys::bpf::{self, Log, ProgLoad, Records};
use crate::sys::kernel;

/// Whether the kernel refused a program because it knows none of its kind: it said no without a word, and
/// says so of the simplest one, too.
pub(super) fn is_unknown(
    program: &Program<'_>,
    load: &ProgLoad<'_>,
    errno: Errno,
) -> Option<LoadError> {
    let nothing = [(op::ALU64 | MOV, 0), (op::JMP | EXIT, 0)].map(|(code, imm)| {
        let insn = Insn {
            code,
            imm,
            ..Insn::default()
        };
        insn.bytes()
    });
    let simplest = ProgLoad {
        insns: nothing.as_flattened(),
        btf: None,
        func_info: Records::default(),
        line_info: Records::default(),
        core_relos: Records::default(),
        fd_array: &[],
        ..*load
    };
    (errno == Errno::INVAL && is_refused_silently(&simplest)).then(|| LoadError::NoSuchKind {
        program: program.name.into(),
        kind: program.kind.name,
        since: told(&program.kind),
    })
}

/// Whether the verifier refused a program for its kind, which came after the running kernel: it has words for
/// a place or for sleep then, or none at all, and never comes to an instruction.
pub(super) fn is_too_new(program: &Program<'_>, refusal: &Refusal) -> Option<LoadError> {
    const OF_KINDS: [&str; 2] = [
        "programs can be sleepable",
        "Tracing programs must provide btf_id",
    ];
    let words = &refusal.reason;
    let of_kind = words.is_empty() || OF_KINDS.iter().any(|of_kind| words.contains(of_kind));
    let running = kernel::version().map(|version| (version.major, version.minor))?;
    let newer = since(&program.kind)
        .is_none_or(|(major, minor)| (u32::from(major), u32::from(minor)) > running);
    (of_kind && refusal.insn.is_none() && newer).then(|| LoadError::NoSuchKind {
        program: program.name.into(),
        kind: program.kind.name,
        since: told(&program.kind),
    })
}

/// Whether the answer is EINVAL, and the log has no word but its last line.
fn is_refused_silently(load: &ProgLoad<'_>) -> bool {
    let mut buffer = [0; 4096];
    let log = Log {
        buffer: &mut buffer,
        level: 1,
    };
    if !matches!(bpf::prog_load(load, Some(log)), Err(Errno::INVAL)) {
        return false;
    }
    let text = buffer.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut lines = text.split(|&byte| byte == b'\n');
    lines.all(|line| line.is_empty() || line.starts_with(b"processed "))
}

/// `BPF_MOV` and `BPF_EXIT` of the kernel's `include/uapi/linux/bpf.h`.
const MOV: u8 = 0xb0;
const EXIT: u8 = 0x90;

/// Why the running kernel may not have such programs.
fn told(kind: &ProgramKind) -> String {
    let running = kernel::version().map(|version| (version.major, version.minor));
    match (since(kind), running) {
        (Some((major, minor)), Some(running))
            if running >= (u32::from(major), u32::from(minor)) =>
        {
            "it was built without an option for them".into()
        }
        (Some((major, minor)), _) => format!("they came with Linux {major}.{minor}"),
        (None, _) => "they came with a later Linux".into(),
    }
}

/// The first release with programs of this kind, as `(major, minor)`. `None`: it is not told here.
pub(super) fn since(kind: &ProgramKind) -> Option<(u8, u8)> {
    let known = |table: &[(u32, (u8, u8))], number| {
        let found = table.iter().find(|(known, _)| *known == number);
        found.map(|(_, since)| *since)
    };
    let mut since = known(TYPES, kind.prog_type)?;
    // Probes at many places at once are made one by one where the kernel has no such attach type.
    let attach_type = kind.expected_attach_type;
    if let Some(attach_type) = attach_type.filter(|_| kind.prog_type != BPF_PROG_TYPE_KPROBE) {
        if LATE.contains(&attach_type) {
            return None;
        }
        since = since.max(known(ATTACH_TYPES, attach_type).unwrap_or_default());
    }
    if kind.prog_flags & BPF_F_XDP_HAS_FRAGS != 0 {
        since = since.max((5, 18));
    }
    if kind.prog_flags & BPF_F_SLEEPABLE != 0 {
        since = since.max(sleepable(kind)?);
    }
    Some(since)
}

/// Since when programs of this kind may sleep.
fn sleepable(kind: &ProgramKind) -> Option<(u8, u8)> {
    Some(match (kind.prog_type, kind.expected_attach_type) {
        (BPF_PROG_TYPE_SYSCALL, _) => (5, 14),
        (BPF_PROG_TYPE_KPROBE, _) => (6, 0),
        (BPF_PROG_TYPE_STRUCT_OPS, _) => (6, 3),
        (BPF_PROG_TYPE_TRACING, Some(BPF_TRACE_ITER)) => (6, 0),
        (BPF_PROG_TYPE_TRACING, Some(BPF_TRACE_RAW_TP)) => return None,
        (BPF_PROG_TYPE_TRACING, _) => (5, 10),
        (BPF_PROG_TYPE_LSM, _) => (5, 10),
        _ => return None,
    })
}

const TYPES: &[(u32, (u8, u8))] = &[
    (BPF_PROG_TYPE_SOCKET_FILTER, (3, 19)),
    (BPF_PROG_TYPE_KPROBE, (4, 1)),
    (BPF_PROG_TYPE_SCHED_CLS, (4, 1)),
    (BPF_PROG_TYPE_SCHED_ACT, (4, 1)),
    (BPF_PROG_TYPE_TRACEPOINT, (4, 7)),
    (BPF_PROG_TYPE_XDP, (4, 8)),
    (BPF_PROG_TYPE_PERF_EVENT, (4, 9)),
    (BPF_PROG_TYPE_CGROUP_SKB, (4, 10)),
    (BPF_PROG_TYPE_CGROUP_SOCK, (4, 10)),
    (BPF_PROG_TYPE_LWT_IN, (4, 10)),
    (BPF_PROG_TYPE_LWT_OUT, (4, 10)),
    (BPF_PROG_TYPE_LWT_XMIT, (4, 10)),
    (BPF_PROG_TYPE_SOCK_OPS, (4, 13)),
    (BPF_PROG_TYPE_SK_SKB, (4, 14)),
    (BPF_PROG_TYPE_CGROUP_DEVICE, (4, 15)),
    (BPF_PROG_TYPE_SK_MSG, (4, 17)),
    (BPF_PROG_TYPE_RAW_TRACEPOINT, (4, 17)),
    (BPF_PROG_TYPE_CGROUP_SOCK_ADDR, (4, 17)),
    (BPF_PROG_TYPE_LWT_SEG6LOCAL, (4, 18)),
    (BPF_PROG_TYPE_LIRC_MODE2, (4, 18)),
    (BPF_PROG_TYPE_SK_REUSEPORT, (4, 19)),
    (BPF_PROG_TYPE_FLOW_DISSECTOR, (4, 20)),
    (BPF_PROG_TYPE_CGROUP_SYSCTL, (5, 2)),
    (BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, (5, 2)),
    (BPF_PROG_TYPE_CGROUP_SOCKOPT, (5, 3)),
    (BPF_PROG_TYPE_TRACING, (5, 5)),
    (BPF_PROG_TYPE_STRUCT_OPS, (5, 6)),
    (BPF_PROG_TYPE_EXT, (5, 6)),
    (BPF_PROG_TYPE_LSM, (5, 7)),
    (BPF_PROG_TYPE_SK_LOOKUP, (5, 9)),
    (BPF_PROG_TYPE_SYSCALL, (5, 14)),
    (BPF_PROG_TYPE_NETFILTER, (6, 4)),
];

const ATTACH_TYPES: &[(u32, (u8, u8))] = &[
    (BPF_CGROUP_UDP4_SENDMSG, (4, 18)),
    (BPF_CGROUP_UDP6_SENDMSG, (4, 18)),
    (BPF_CGROUP_UDP4_RECVMSG, (5, 2)),
    (BPF_CGROUP_UDP6_RECVMSG, (5, 2)),
    (BPF_MODIFY_RETURN, (5, 7)),
    (BPF_TRACE_ITER, (5, 8)),
    (BPF_CGROUP_INET4_GETPEERNAME, (5, 8)),
    (BPF_CGROUP_INET6_GETPEERNAME, (5, 8)),
    (BPF_CGROUP_INET4_GETSOCKNAME, (5, 8)),
    (BPF_CGROUP_INET6_GETSOCKNAME, (5, 8)),
    (BPF_XDP_DEVMAP, (5, 8)),
    (BPF_CGROUP_INET_SOCK_RELEASE, (5, 9)),
    (BPF_XDP_CPUMAP, (5, 9)),
    (BPF_SK_SKB_VERDICT, (5, 13)),
    (BPF_SK_REUSEPORT_SELECT_OR_MIGRATE, (5, 14)),
    (BPF_LSM_CGROUP, (6, 0)),
    (BPF_TCX_INGRESS, (6, 6)),
    (BPF_TCX_EGRESS, (6, 6)),
    (BPF_NETKIT_PRIMARY, (6, 7)),
    (BPF_NETKIT_PEER, (6, 7)),
    (BPF_CGROUP_UNIX_CONNECT, (6, 7)),
    (BPF_CGROUP_UNIX_SENDMSG, (6, 7)),
    (BPF_CGROUP_UNIX_RECVMSG, (6, 7)),
    (BPF_CGROUP_UNIX_GETPEERNAME, (6, 7)),
    (BPF_CGROUP_UNIX_GETSOCKNAME, (6, 7)),
    (BPF_TRACE_FSESSION, (7, 0)),
];

/// Of which no release is told here.
const LATE: &[u32] = &[
    BPF_TRACE_FENTRY_MULTI,
    BPF_TRACE_FEXIT_MULTI,
    BPF_TRACE_FSESSION_MULTI,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    #[test]
    fn a_kind_is_as_new_as_what_is_newest_of_it() {
        let bytes = include_bytes!("../../prebuilt/arm64/hello.bpf.o");
        let mut object = Object::parse(bytes).unwrap();
        let name = object.programs[0].name;
        for (section, expected) in [
            ("kprobe/x", Some((4, 1))),
            ("kprobe.multi/x", Some((4, 1))),
            ("usdt.s/a:b:c", Some((6, 0))),
            ("uprobe.s/a:b", Some((6, 0))),
            ("uprobe.multi.s/a:b*", Some((6, 0))),
            ("xdp.frags/cpumap", Some((5, 18))),
            ("lsm.s/x", Some((5, 10))),
            ("fsession/x", Some((7, 0))),
            ("fentry.multi/x*", None),
            ("lsm_cgroup/x", Some((6, 0))),
            ("cgroup/connect_unix", Some((6, 7))),
            ("netfilter", Some((6, 4))),
            ("syscall", Some((5, 14))),
            ("tp.s/a/b", None),
        ] {
            object.set_section(name, section).unwrap();
            assert_eq!(since(&object.programs[0].kind), expected, "{section}");
        }
    }
}
