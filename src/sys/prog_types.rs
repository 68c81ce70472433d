//! Types of programs: whether the kernel has each, and which helpers it lets it call.
//!
//! Both are asked by loading the smallest program that there can be. The kernel's log of a call has the name of the
//! helper, so that no list of names is needed, and helpers are found that are newer than this file.

use super::abi::*;
use super::bpf::{self, Log, ProgLoad};
use super::kernel;
use super::probes::{EXIT, R0_IS_0};
use crate::text::{contains, has, split_once};
use rustix::io::{self, Errno};

/// The smallest program of a type, which returns 0.
fn smallest(prog_type: u32) -> ProgLoad<'static> {
    const INSNS: [[u8; 8]; 2] = [R0_IS_0, EXIT];
    let (expected_attach_type, attach_btf_id) = match prog_type {
        BPF_PROG_TYPE_CGROUP_SOCK_ADDR => (BPF_CGROUP_INET4_CONNECT, 0),
        BPF_PROG_TYPE_CGROUP_SOCKOPT => (BPF_CGROUP_GETSOCKOPT, 0),
        BPF_PROG_TYPE_LIRC_MODE2 => (BPF_LIRC_MODE2, 0),
        BPF_PROG_TYPE_SK_LOOKUP => (BPF_SK_LOOKUP, 0),
        BPF_PROG_TYPE_NETFILTER => (BPF_NETFILTER, 0),
        // The first type of a kernel is no function.
        BPF_PROG_TYPE_TRACING => (BPF_TRACE_FENTRY, 1),
        BPF_PROG_TYPE_LSM => (BPF_LSM_MAC, 1),
        BPF_PROG_TYPE_EXT => (0, 1),
        _ => (0, 0),
    };
    ProgLoad {
        prog_type,
        expected_attach_type: Some(expected_attach_type),
        attach_btf_id,
        insns: INSNS.as_flattened(),
        license: c"GPL",
        kern_version: match prog_type {
            BPF_PROG_TYPE_KPROBE => kernel::version_code(),
            _ => 0,
        },
        prog_flags: match prog_type {
            BPF_PROG_TYPE_SYSCALL => BPF_F_SLEEPABLE,
            _ => 0,
        },
        ..ProgLoad::default()
    }
}

/// Loads a program, and gives the kernel's answer and its log.
fn logged<'b>(prog: &ProgLoad<'_>, buffer: &'b mut [u8]) -> (io::Result<()>, &'b [u8]) {
    let log = Log {
        buffer: &mut *buffer,
        level: 2,
    };
    let answer = bpf::prog_load(prog, Some(log)).map(drop);
    let end = buffer.iter().position(|&b| b == 0).unwrap_or(buffer.len());
    (answer, buffer.get(..end).unwrap_or_default())
}

/// What the kernel says where it has the type, but not what the program is for.
fn refusal(prog_type: u32) -> &'static [u8] {
    match prog_type {
        BPF_PROG_TYPE_TRACING | BPF_PROG_TYPE_LSM => b"is not a function",
        BPF_PROG_TYPE_EXT => b"Cannot replace kernel functions",
        _ => b"",
    }
}

/// Whether the kernel has programs of this type: the smallest one is loaded, or refused for want of a place.
///
/// # Errors
/// The kernel's: `EINVAL` where it has none, `EPERM` without permission.
pub fn probe(prog_type: u32) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let (answer, log) = logged(&smallest(prog_type), &mut buffer);
    let expected = refusal(prog_type);
    match answer {
        Err(error) if prog_type == BPF_PROG_TYPE_STRUCT_OPS && error.raw_os_error() == ENOTSUPP => {
            Ok(())
        }
        Err(Errno::INVAL) if !expected.is_empty() && has(log, expected) => Ok(()),
        Ok(()) if prog_type == BPF_PROG_TYPE_STRUCT_OPS => Err(Errno::INVAL),
        answer => answer,
    }
}

/// A helper, and whether programs may call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// Its name, such as `bpf_map_lookup_elem`.
    pub name: String,
    /// Whether programs of the type may call it, in the right way.
    pub usable: bool,
}

/// What the kernel says of the helper with this number to programs of this type, for which `place` is a function
/// to attach to, by its BTF id, where they need one. `None`: there are no more.
#[must_use]
pub fn helper(prog_type: u32, place: u32, number: u32) -> Option<Helper> {
    let call = [[0x85, 0, 0, 0], number.to_le_bytes()].concat();
    let insns = [&call[..], &EXIT].concat();
    let smallest = smallest(prog_type);
    let prog = ProgLoad {
        insns: &insns,
        attach_btf_id: match smallest.attach_btf_id {
            0 => 0,
            _ => place,
        },
        ..smallest
    };
    let mut buffer = [0; 4096];
    let (_, log) = logged(&prog, &mut buffer);
    read(log)
}

/// What a log says of the first call in it.
fn read(log: &[u8]) -> Option<Helper> {
    // Beyond the last helper, or no program at all.
    if has(log, b"invalid func ") {
        return None;
    }
    let log = String::from_utf8_lossy(log);
    let (_, behind) = split_once(&log, "call ")?;
    let (name, _) = behind.split_once('#')?;
    let refused = ["unknown func ", "program of this type cannot use helper "];
    Some(Helper {
        name: name.into(),
        usable: !refused.iter().any(|told| contains(&log, told)),
    })
}

/// Small programs that only kernels with a certain feature take, by its name.
pub const PROGRAMS: [(&str, &[[u8; 8]]); 5] = [
    (
        "bounded_loops",
        &[R0_IS_10, R0_MINUS_1, BACK_UNLESS_0, EXIT],
    ),
    (
        "v2_isa_extension",
        &[R0_IS_0, [0xa5, 0, 1, 0, 0, 0, 0, 0], R0_IS_0, EXIT],
    ),
    (
        "v3_isa_extension",
        &[R0_IS_0, [0xa6, 0, 1, 0, 0, 0, 0, 0], R0_IS_0, EXIT],
    ),
    // A jump of 32 bits, and a move with its sign.
    (
        "v4_isa_extension",
        &[
            R0_IS_0,
            [0x06, 0, 0, 0, 0, 0, 0, 0],
            [0xbf, 0, 8, 0, 0, 0, 0, 0],
            EXIT,
        ],
    ),
    // A load that acquires, of the stack.
    (
        "load_acquire",
        &[
            [0x7a, 0x0a, 0xf8, 0xff, 0, 0, 0, 0],
            [0xdb, 0xa0, 0xf8, 0xff, 0, 1, 0, 0],
            R0_IS_0,
            EXIT,
        ],
    ),
];

const R0_IS_10: [u8; 8] = [0xb7, 0, 0, 0, 10, 0, 0, 0];
const R0_MINUS_1: [u8; 8] = [0x17, 0, 0, 0, 1, 0, 0, 0];
const BACK_UNLESS_0: [u8; 8] = [0x55, 0, 0xfe, 0xff, 0, 0, 0, 0];

/// Whether the kernel takes a program of these instructions.
///
/// # Errors
/// The kernel's: `EINVAL` and others of the verifier.
pub fn takes(insns: &[[u8; 8]]) -> io::Result<()> {
    let prog = ProgLoad {
        insns: insns.as_flattened(),
        ..smallest(BPF_PROG_TYPE_SOCKET_FILTER)
    };
    bpf::prog_load(&prog, None).map(drop)
}

/// Whether programs may have more than the 4096 instructions that they may have always (5.2).
///
/// # Errors
/// The kernel's: `E2BIG`.
pub fn takes_many() -> io::Result<()> {
    let mut insns = vec![R0_IS_0; 4096];
    insns.push(EXIT);
    takes(&insns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_read_from_the_log_of_its_call() {
        let usable = |name: &str, usable| {
            Some(Helper {
                name: name.into(),
                usable,
            })
        };
        for (log, expected) in [
            (
                "0: R1=ctx R10=fp0\n0: (85) call bpf_get_current_task#35\nR0=x\n1: (95) exit\n",
                usable("bpf_get_current_task", true),
            ),
            (
                "0: (85) call bpf_map_lookup_elem#1\nR1 type=ctx expected=map_ptr\n",
                usable("bpf_map_lookup_elem", true),
            ),
            (
                "0: (85) call bpf_sys_bpf#166\nunknown func bpf_sys_bpf#166\n",
                usable("bpf_sys_bpf", false),
            ),
            (
                "0: (85) call bpf_xdp_output#121\nprogram of this type cannot use helper bpf_xdp_output#121\n",
                usable("bpf_xdp_output", false),
            ),
            ("0: (85) call unknown#900\ninvalid func unknown#900\n", None),
            ("", None),
        ] {
            assert_eq!(read(log.as_bytes()), expected, "{log}");
        }
    }
}
