//! The probe of each feature: the smallest real use of it. Whatever it makes is closed at once.

use super::abi::{
    BPF_CGROUP_INET_SOCK_CREATE, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_MAP_TYPE_ARRAY,
    BPF_MAP_TYPE_RINGBUF, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_TRACEPOINT,
};
use super::bpf::{self, MapCreate, ProgLoad, Records};
use super::kernel;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};

fn array(name: &str, map_flags: u32) -> io::Result<()> {
    let map = MapCreate {
        map_type: BPF_MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        map_flags,
        name,
        ..MapCreate::default()
    };
    bpf::map_create(&map).map(drop)
}

/// A tracepoint program: every kernel that can trace by BPF has the type, and none checks its version.
pub(super) fn program(insns: &[u8]) -> io::Result<OwnedFd> {
    load(BPF_PROG_TYPE_TRACEPOINT, None, insns)
}

pub(super) fn load(
    prog_type: u32,
    expected_attach_type: Option<u32>,
    insns: &[u8],
) -> io::Result<OwnedFd> {
    let prog = ProgLoad {
        prog_type,
        expected_attach_type,
        insns,
        license: c"GPL",
        ..ProgLoad::default()
    };
    bpf::prog_load(&prog, None)
}

// Instructions: code, registers (source in the upper half), 16-bit offset, 32-bit immediate.
pub(super) const R0_IS_0: [u8; 8] = [0xb7, 0, 0, 0, 0, 0, 0, 0];
pub(super) const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
const R1_IS_R10: [u8; 8] = [0xbf, 0xa1, 0, 0, 0, 0, 0, 0];
const R1_MINUS_8: [u8; 8] = [0x07, 0x01, 0, 0, 0xf8, 0xff, 0xff, 0xff];
const R2_IS_8: [u8; 8] = [0xb7, 0x02, 0, 0, 8, 0, 0, 0];
const R3_IS_0: [u8; 8] = [0xb7, 0x03, 0, 0, 0, 0, 0, 0];

pub(super) const fn call(helper: u8) -> [u8; 8] {
    [0x85, 0, 0, 0, helper, 0, 0, 0]
}

const FUNC_PROBE_READ_KERNEL: u8 = 113;
const FUNC_KTIME_GET_COARSE_NS: u8 = 160;

pub(super) fn object_names() -> io::Result<()> {
    array("btfly", 0)
}

pub(super) fn expected_attach_type() -> io::Result<()> {
    // Ignored for this program type where the kernel has the field, refused where it has not.
    let insns = [R0_IS_0, EXIT].concat();
    let unused = Some(BPF_CGROUP_INET_SOCK_CREATE);
    load(BPF_PROG_TYPE_TRACEPOINT, unused, &insns).map(drop)
}

pub(super) fn kprobe_pmu() -> io::Result<()> {
    super::probe_pmu::look()
}

pub(super) fn global_data() -> io::Result<()> {
    // The flag came in one series with freezing and with addresses of map values.
    array("", BPF_F_RDONLY_PROG)
}

pub(super) fn mmapable_array() -> io::Result<()> {
    array("", BPF_F_MMAPABLE)
}

pub(super) fn probe_read_kernel() -> io::Result<()> {
    let insns = [
        R1_IS_R10,
        R1_MINUS_8,
        R2_IS_8,
        R3_IS_0,
        call(FUNC_PROBE_READ_KERNEL),
        R0_IS_0,
        EXIT,
    ]
    .concat();
    program(&insns).map(drop)
}

pub(super) fn ring_buffer() -> io::Result<()> {
    let map = MapCreate {
        map_type: BPF_MAP_TYPE_RINGBUF,
        max_entries: u32::try_from(kernel::page_size()).map_err(|_| Errno::OVERFLOW)?,
        ..MapCreate::default()
    };
    bpf::map_create(&map).map(drop)
}

pub(super) fn memcg_accounting() -> io::Result<()> {
    // Nothing tells of the accounting itself; this helper came in the same release, at first not for
    // tracing programs.
    let insns = [call(FUNC_KTIME_GET_COARSE_NS), R0_IS_0, EXIT].concat();
    load(BPF_PROG_TYPE_SOCKET_FILTER, None, &insns).map(drop)
}

pub(super) fn perf_link() -> io::Result<()> {
    let prog = program(&[R0_IS_0, EXIT].concat())?;
    // A kernel with such links looks at the event, which is none; another looks no further than
    // the attach type.
    match bpf::link_create_perf_raw(prog.as_fd(), -1, 0) {
        Ok(_) | Err(Errno::BADF) => Ok(()),
        Err(error) => Err(error),
    }
}

// BTF, by hand: `kind << 24 | vlen` is a type's second word.
const INT: u32 = 1 << 24;
const PTR: u32 = 2 << 24;
const FUNC: u32 = 12 << 24;
const FUNC_PROTO: u32 = 13 << 24;
const VAR: u32 = 14 << 24;
const DATASEC: u32 = 15 << 24;
const FLOAT: u32 = 16 << 24;
const DECL_TAG: u32 = 17 << 24;
const TYPE_TAG: u32 = 18 << 24;
const ENUM64: u32 = 19 << 24;
const FUNC_GLOBAL: u32 = 1;
const ANY_COMPONENT: u32 = u32::MAX;

/// Strings of every probe: "x" at 1, ".data" at 3.
const STRINGS: &[u8; 12] = b"\0x\0.data\0\0\0\0";
const X: u32 = 1;
const DATA: u32 = 3;

/// Type 1 of every probe: `int x`, 4 bytes, 32 bits, signed.
const INT_X: [u32; 4] = [X, INT, 4, (1 << 24) | 32];

/// Loads BTF of `INT_X` and the given words, which are its further types.
fn load_btf(more: &[u32]) -> io::Result<()> {
    load_btf_named(STRINGS, more)
}

/// BTF of nothing but an int.
pub(super) fn int_btf() -> io::Result<Vec<u8>> {
    btf_bytes(STRINGS, &[])
}

/// A global function `int x(void *x)`, type 4, whose argument is called the context.
pub(super) fn tagged_btf() -> io::Result<Vec<u8>> {
    let pointer = [0, PTR, 0];
    let proto = [0, FUNC_PROTO | 1, 1, X, 2];
    let function = [X, FUNC | FUNC_GLOBAL, 3];
    let tag = [DATA, DECL_TAG, 4, 0];
    let more = [&pointer[..], &proto, &function, &tag].concat();
    btf_bytes(b"\0x\0arg:ctx\0\0", &more)
}

/// The same with other strings.
pub(super) fn load_btf_named(strings: &[u8; 12], more: &[u32]) -> io::Result<()> {
    bpf::btf_load(&btf_bytes(strings, more)?, None).map(drop)
}

fn btf_bytes(strings: &[u8; 12], more: &[u32]) -> io::Result<Vec<u8>> {
    let types_len = (INT_X.len() + more.len()) * 4;
    let types_len = u32::try_from(types_len).map_err(|_| Errno::OVERFLOW)?;
    let header_len = 24;
    let strings_len = 12;
    let magic_version_flags = 0x0001_eb9f;
    let header = [
        magic_version_flags,
        header_len,
        0,
        types_len,
        types_len,
        strings_len,
    ];
    let mut bytes = Vec::with_capacity(128);
    for word in header.iter().chain(&INT_X).chain(more) {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(strings);
    Ok(bytes)
}

pub(super) fn btf() -> io::Result<()> {
    load_btf(&[])
}

/// `int x(void)` with a linkage.
fn func(linkage: u32) -> io::Result<()> {
    load_btf(&[0, FUNC_PROTO, 1, X, FUNC | linkage, 2])
}

pub(super) fn btf_func() -> io::Result<()> {
    func(0)
}

pub(super) fn btf_global_func() -> io::Result<()> {
    func(FUNC_GLOBAL)
}

/// A static variable `x`, and a section of 4 bytes that holds it at offset 0.
pub(super) const DATASEC_OF_X: [u32; 10] = [X, VAR, 1, 0, DATA, DATASEC | 1, 4, 2, 0, 4];

pub(super) fn btf_datasec() -> io::Result<()> {
    load_btf(&DATASEC_OF_X)
}

pub(super) fn btf_float() -> io::Result<()> {
    load_btf(&[X, FLOAT, 4])
}

pub(super) fn btf_decl_tag() -> io::Result<()> {
    // A static variable `x`, and a tag on the whole of it.
    load_btf(&[X, VAR, 1, 0, X, DECL_TAG, 2, ANY_COMPONENT])
}

pub(super) fn btf_type_tag() -> io::Result<()> {
    // A pointer to a tagged int.
    load_btf(&[X, TYPE_TAG, 1, 0, PTR, 2])
}

pub(super) fn core_relocations() -> io::Result<()> {
    let load = ProgLoad {
        // A flag that is none is what every kernel looks at first, of all that it knows.
        prog_flags: 1 << 31,
        btf: Some(rustix::stdio::stdin()),
        core_relos: Records {
            bytes: &[0; 16],
            record_size: 16,
        },
        ..ProgLoad::default()
    };
    match bpf::prog_load(&load, None) {
        Err(Errno::INVAL) => Ok(()),
        answer => answer.map(drop),
    }
}

pub(super) fn btf_enum64() -> io::Result<()> {
    load_btf(&[X, ENUM64, 8])
}

pub(super) fn log_rotation() -> io::Result<()> {
    // Some twenty bytes of log for each instruction, and a summary, in a buffer that is too small.
    let insns = [[R0_IS_0; 16].concat(), EXIT.to_vec()].concat();
    let prog = ProgLoad {
        prog_type: BPF_PROG_TYPE_TRACEPOINT,
        insns: &insns,
        license: c"GPL",
        ..ProgLoad::default()
    };
    let mut buffer = [0; 128];
    let log = bpf::Log {
        buffer: &mut buffer,
        level: 1,
    };
    match bpf::prog_load(&prog, Some(log)) {
        Err(Errno::NOSPC) if buffer.windows(5).any(|word| word == b"insns") => Ok(()),
        Err(Errno::PERM) => Err(Errno::PERM),
        _ => Err(Errno::INVAL),
    }
}
