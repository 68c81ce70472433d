//! bpf(2), one function per command: safe inputs, the kernel's own errors.
//!
//! Each argument struct is passed only up to its last byte that is not zero, so a kernel never
//! sees a field that it does not know unless that field is really used (it would answer `E2BIG`).
//! Source: bpf(2) and the kernel's `kernel/bpf/syscall.c`.

use super::abi::{
    BPF_BTF_LOAD, BPF_F_NUMA_NODE, BPF_F_TEST_RUN_ON_CPU, BPF_F_VTYPE_BTF_OBJ_FD, BPF_LINK_CREATE,
    BPF_MAP_CREATE, BPF_MAP_FREEZE, BPF_PERF_EVENT, BPF_PROG_LOAD, BPF_PROG_TEST_RUN,
    BPF_RAW_TRACEPOINT_OPEN, BtfLoadAttr, LinkCreatePerfAttr, MapCreateAttr, MapElemAttr,
    ProgLoadAttr, ProgTestRunAttr, RawTracepointAttr,
};
use super::bpf_call::{address, call, call_for_fd, length, number, object_name};
pub use super::bpf_ids::*;
pub use super::bpf_map::{Elements, map_lookup, map_update};
#[cfg(feature = "full")]
use super::log_range::LogRange;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{self, Errno};
use std::ffi::CStr;

/// `BPF_PROG_LOAD` answers `EAGAIN` when a signal or a race stops the verifier.
const LOAD_ATTEMPTS: u32 = 5;

/// What a map is to be. Sizes are in bytes.
#[derive(Clone, Copy, Default)]
pub struct MapCreate<'a> {
    /// One of `BPF_MAP_TYPE_*`.
    pub map_type: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Entries at most; bytes for ring buffers.
    pub max_entries: u32,
    /// `BPF_F_*` of map creation; `BPF_F_NUMA_NODE` is added where `numa_node` is given.
    pub map_flags: u32,
    /// Name of at most 15 bytes of `[A-Za-z0-9_.]`, cut by the caller; empty sends none.
    pub name: &'a str,
    /// BTF with the ids of key and value.
    pub btf: Option<MapBtf<'a>>,
    /// BTF id in the kernel's own BTF of a struct_ops value; 0 for none.
    pub btf_vmlinux_value_type_id: u32,
    /// The module BTF of that id, where it is not the kernel's own (6.9).
    pub value_type_btf: Option<BorrowedFd<'a>>,
    /// Template of the inner map of a map of maps.
    pub inner_map: Option<BorrowedFd<'a>>,
    /// NUMA node to allocate on.
    pub numa_node: Option<u32>,
    /// Extra number of some map types (5.16); 0 for none.
    pub map_extra: u64,
    /// Network device of an offloaded map; 0 for none.
    pub ifindex: u32,
}

/// The BTF of a map's keys and values.
#[derive(Clone, Copy)]
pub struct MapBtf<'a> {
    /// The loaded BTF.
    pub fd: BorrowedFd<'a>,
    /// Type id of the key; 0 for none.
    pub key_type_id: u32,
    /// Type id of the value.
    pub value_type_id: u32,
}

/// What a program is. All slices stay the caller's and are read during the call only.
#[derive(Clone, Copy, Default)]
pub struct ProgLoad<'a> {
    /// One of `BPF_PROG_TYPE_*`.
    pub prog_type: u32,
    /// One of the attach types; `None` sends nothing.
    pub expected_attach_type: Option<u32>,
    /// Instructions, 8 bytes each.
    pub insns: &'a [u8],
    /// License; the helpers marked GPL-only look at it.
    pub license: &'a CStr,
    /// `LINUX_VERSION_CODE` of the running kernel, see `sys::kernel::version_code`.
    pub kern_version: u32,
    /// `BPF_F_*` of program loading.
    pub prog_flags: u32,
    /// Name of at most 15 bytes of `[A-Za-z0-9_.]`, cut by the caller; empty sends none.
    pub name: &'a str,
    /// The program's BTF.
    pub btf: Option<BorrowedFd<'a>>,
    /// func_info records, looked at where `btf` is given.
    pub func_info: Records<'a>,
    /// line_info records, looked at where `btf` is given.
    pub line_info: Records<'a>,
    /// CO-RE relocations that the kernel shall apply (5.17): `EINVAL` where `btf` is not given.
    pub core_relos: Records<'a>,
    /// Descriptors that instructions name by index.
    pub fd_array: &'a [RawFd],
    /// BTF id of what a tracing program attaches to; 0 for none.
    pub attach_btf_id: u32,
    /// Where that id lives: a module's BTF, or the program to extend.
    pub attach_to: Option<BorrowedFd<'a>>,
    /// Network device of an offloaded program; 0 for none.
    pub ifindex: u32,
}

/// Records of one size, one after the other.
#[derive(Clone, Copy, Default)]
pub struct Records<'a> {
    /// The bytes of all records.
    pub bytes: &'a [u8],
    /// Bytes in one record.
    pub record_size: u32,
}

impl Records<'_> {
    /// Address, count and record size as the kernel wants them; `EINVAL` where the bytes are not
    /// whole records.
    fn parts(&self) -> io::Result<(u64, u32, u32)> {
        if self.bytes.is_empty() {
            return Ok((0, 0, 0));
        }
        let size = self.record_size as usize;
        if size == 0 || !self.bytes.len().is_multiple_of(size) {
            return Err(Errno::INVAL);
        }
        let count = length(self.bytes.len() / size)?;
        Ok((address(self.bytes), count, self.record_size))
    }
}

/// Where the verifier or the BTF checker writes its log: zero-terminated text.
pub struct Log<'a> {
    /// The buffer; kernels before 6.4 want at least 128 bytes. `ENOSPC` says that it was too small.
    pub buffer: &'a mut [u8],
    /// 1 for branches, 2 for every instruction, plus 4 for statistics.
    pub level: u32,
}

/// Creates a map (`BPF_MAP_CREATE`).
///
/// # Errors
/// The kernel's; `EINVAL` too where the name is longer than 15 bytes.
pub fn map_create(map: &MapCreate<'_>) -> io::Result<OwnedFd> {
    let mut attr = map_attr(map)?;
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_MAP_CREATE, &mut attr) }
}

fn map_attr(map: &MapCreate<'_>) -> io::Result<MapCreateAttr> {
    let mut attr = MapCreateAttr {
        map_type: map.map_type,
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        map_flags: map.map_flags,
        inner_map_fd: map.inner_map.map_or(0, number),
        numa_node: map.numa_node.unwrap_or(0),
        map_name: object_name(map.name)?,
        map_ifindex: map.ifindex,
        btf_vmlinux_value_type_id: map.btf_vmlinux_value_type_id,
        map_extra: map.map_extra,
        ..MapCreateAttr::default()
    };
    if map.numa_node.is_some() {
        attr.map_flags |= BPF_F_NUMA_NODE;
    }
    if let Some(btf) = map.value_type_btf {
        attr.map_flags |= BPF_F_VTYPE_BTF_OBJ_FD;
        attr.value_type_btf_obj_fd = btf.as_raw_fd();
    }
    if let Some(btf) = map.btf {
        attr.btf_fd = number(btf.fd);
        attr.btf_key_type_id = btf.key_type_id;
        attr.btf_value_type_id = btf.value_type_id;
    }
    Ok(attr)
}

/// Makes a map read-only for user space, for good (`BPF_MAP_FREEZE`, 5.2).
///
/// # Errors
/// The kernel's.
pub fn map_freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = MapElemAttr {
        map_fd: number(map),
        ..MapElemAttr::default()
    };
    // Safety: the struct holds no address.
    unsafe { call(BPF_MAP_FREEZE, &mut attr) }.map(drop)
}

/// Hands a program to the verifier (`BPF_PROG_LOAD`), again at `EAGAIN`, five times at most.
///
/// # Errors
/// The kernel's: `EACCES`, `EINVAL` and others from the verifier, `ENOSPC` where the log was cut
/// off, `EPERM` from capabilities or the memory limit; `EINVAL` too where the instructions are not
/// whole or records don't fit their size.
pub fn prog_load(prog: &ProgLoad<'_>, log: Option<Log<'_>>) -> io::Result<OwnedFd> {
    load_program(&mut prog_attr(prog, log)?)
}

/// As [`prog_load`], with a log in a range of addresses, of which the first `len` bytes are used.
///
/// # Errors
/// As those of [`prog_load`]; `EINVAL` too where the range is shorter, or `len` more than the kernel
/// takes: 16 MiB less a byte before 5.2, then 1 GiB less a byte.
#[cfg(feature = "full")]
pub fn prog_load_logged(
    prog: &ProgLoad<'_>,
    level: u32,
    log: &LogRange,
    len: usize,
) -> io::Result<OwnedFd> {
    if len > log.len() {
        return Err(Errno::INVAL);
    }
    let mut attr = prog_attr(prog, None)?;
    attr.log_level = level;
    attr.log_size = length(len)?;
    attr.log_buf = log.address();
    load_program(&mut attr)
}

/// Loads a program whose arguments are those of `prog_attr`, all of them still borrowed.
fn load_program(attr: &mut ProgLoadAttr) -> io::Result<OwnedFd> {
    let mut attempts = 1;
    loop {
        // Safety: every address is that of a slice or string borrowed for this call, with its
        // length beside it; the license ends with a zero; the log is ours to write, being a slice that
        // is borrowed mutably or a `LogRange`, both for as long as the call takes. Descriptors
        // in `fd_array` are only read, and a bad index finds at worst whatever follows the slice
        // in memory, which the kernel then refuses as a descriptor or faults on.
        match unsafe { call_for_fd(BPF_PROG_LOAD, attr) } {
            Err(Errno::AGAIN) if attempts < LOAD_ATTEMPTS => attempts += 1,
            other => return other,
        }
    }
}

fn prog_attr(prog: &ProgLoad<'_>, log: Option<Log<'_>>) -> io::Result<ProgLoadAttr> {
    if !prog.insns.len().is_multiple_of(8) {
        return Err(Errno::INVAL);
    }
    let mut attr = ProgLoadAttr {
        prog_type: prog.prog_type,
        insn_cnt: length(prog.insns.len() / 8)?,
        insns: address(prog.insns),
        license: prog.license.as_ptr() as u64,
        kern_version: prog.kern_version,
        prog_flags: prog.prog_flags,
        prog_name: object_name(prog.name)?,
        prog_ifindex: prog.ifindex,
        expected_attach_type: prog.expected_attach_type.unwrap_or(0),
        attach_btf_id: prog.attach_btf_id,
        attach_fd: prog.attach_to.map_or(0, number),
        ..ProgLoadAttr::default()
    };
    if !prog.fd_array.is_empty() {
        attr.fd_array = prog.fd_array.as_ptr() as u64;
    }
    if let Some(btf) = prog.btf {
        attr.prog_btf_fd = number(btf);
        (attr.func_info, attr.func_info_cnt, attr.func_info_rec_size) = prog.func_info.parts()?;
        (attr.line_info, attr.line_info_cnt, attr.line_info_rec_size) = prog.line_info.parts()?;
        (attr.core_relos, attr.core_relo_cnt, attr.core_relo_rec_size) = prog.core_relos.parts()?;
    } else if !prog.core_relos.bytes.is_empty() {
        // The kernel would load it as it was compiled.
        return Err(Errno::INVAL);
    }
    if let Some(log) = log {
        attr.log_level = log.level;
        attr.log_size = length(log.buffer.len())?;
        attr.log_buf = log.buffer.as_mut_ptr() as u64;
    }
    Ok(attr)
}

/// Runs a raw tracepoint program once on a CPU, without arguments (`BPF_PROG_TEST_RUN`, 5.10 for this
/// type).
///
/// # Errors
/// The kernel's: `ENXIO` where the CPU is offline, `EINVAL` or 524 where it can't.
pub fn prog_run_on_cpu(prog: BorrowedFd<'_>, cpu: u32) -> io::Result<()> {
    let mut attr = ProgTestRunAttr {
        prog_fd: number(prog),
        flags: BPF_F_TEST_RUN_ON_CPU,
        cpu,
        ..ProgTestRunAttr::default()
    };
    // Safety: the struct holds no address; the program is one that the verifier has passed.
    unsafe { call(BPF_PROG_TEST_RUN, &mut attr) }.map(drop)
}

/// Hands BTF to the kernel (`BPF_BTF_LOAD`, 4.18).
///
/// # Errors
/// The kernel's: `EINVAL` where it doesn't like the BTF, `ENOSPC` where the log was cut off.
pub fn btf_load(btf: &[u8], log: Option<Log<'_>>) -> io::Result<OwnedFd> {
    let mut attr = btf_attr(btf, log)?;
    // Safety: both addresses are those of slices borrowed for this call, with their lengths.
    unsafe { call_for_fd(BPF_BTF_LOAD, &mut attr) }
}

fn btf_attr(btf: &[u8], log: Option<Log<'_>>) -> io::Result<BtfLoadAttr> {
    let mut attr = BtfLoadAttr {
        btf: address(btf),
        btf_size: length(btf.len())?,
        ..BtfLoadAttr::default()
    };
    if let Some(log) = log {
        attr.btf_log_level = log.level;
        attr.btf_log_size = length(log.buffer.len())?;
        attr.btf_log_buf = log.buffer.as_mut_ptr() as u64;
    }
    Ok(attr)
}

/// Attaches a program to a raw tracepoint (`BPF_RAW_TRACEPOINT_OPEN`, 4.17); closing the descriptor
/// detaches. Without a name, attaches a tracing program to what it was loaded for.
///
/// # Errors
/// The kernel's: `ENOENT` where there is no such tracepoint.
pub fn raw_tracepoint_open(prog: BorrowedFd<'_>, name: Option<&CStr>) -> io::Result<OwnedFd> {
    raw_tracepoint_open_with(prog, name, 0)
}

/// As [`raw_tracepoint_open`]; `cookie` is what `bpf_get_attach_cookie` gives the program (6.10).
///
/// # Errors
/// As there; `EINVAL` where a cookie is given and the kernel takes none.
pub fn raw_tracepoint_open_with(
    prog: BorrowedFd<'_>,
    name: Option<&CStr>,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attr = RawTracepointAttr {
        name: name.map_or(0, |name| name.as_ptr() as u64),
        prog_fd: number(prog),
        cookie,
        ..RawTracepointAttr::default()
    };
    // Safety: the name ends with a zero and is borrowed for this call.
    unsafe { call_for_fd(BPF_RAW_TRACEPOINT_OPEN, &mut attr) }
}

/// Attaches a program to a perf event by a link (`BPF_LINK_CREATE`, 5.15); closing the link detaches.
/// `cookie` is what `bpf_get_attach_cookie` gives the program.
///
/// # Errors
/// The kernel's: `EINVAL` where it has no such links, `EBADF` where the event is none.
pub fn link_create_perf(
    prog: BorrowedFd<'_>,
    event: BorrowedFd<'_>,
    cookie: u64,
) -> io::Result<OwnedFd> {
    link_create_perf_raw(prog, event.as_raw_fd(), cookie)
}

/// As `link_create_perf`, with an event number that need not be open: a probe asks with -1.
pub(super) fn link_create_perf_raw(
    prog: BorrowedFd<'_>,
    event: RawFd,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreatePerfAttr {
        prog_fd: number(prog),
        target_fd: event.cast_unsigned(),
        attach_type: BPF_PERF_EVENT,
        flags: 0,
        bpf_cookie: cookie,
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::bpf_call::used;

    /// Bytes of each command's argument that Linux 4.19 knows: up to the types of a map's keys and
    /// values, to the expected attach type of a program, to the level of the log of BTF.
    const KNOWN_TO_4_19: [usize; 3] = [60, 72, 28];

    #[test]
    fn an_old_kernel_is_sent_nothing_that_it_does_not_know() {
        let btf = rustix::stdio::stdin();
        let map = map_attr(&MapCreate {
            map_type: 1,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            name: "fifteen_letters",
            btf: Some(MapBtf {
                fd: btf,
                key_type_id: 1,
                value_type_id: 2,
            }),
            ..MapCreate::default()
        });
        let mut log = [0; 128];
        let prog = ProgLoad {
            prog_type: 2,
            insns: &[0; 16],
            license: c"GPL",
            kern_version: 4 << 16 | 19 << 8,
            name: "fifteen_letters",
            expected_attach_type: Some(1),
            // Without a BTF nobody asks for these.
            func_info: Records {
                bytes: &[1; 8],
                record_size: 8,
            },
            line_info: Records {
                bytes: &[1; 16],
                record_size: 16,
            },
            ..ProgLoad::default()
        };
        let log = Log {
            buffer: &mut log,
            level: 1,
        };
        let prog = prog_attr(&prog, Some(log));
        let mut log = [0; 128];
        let log = Log {
            buffer: &mut log,
            level: 1,
        };
        let types = btf_attr(&[1; 24], Some(log));
        let sizes = [
            used(&map.unwrap()),
            used(&prog.unwrap()),
            used(&types.unwrap()),
        ];
        for (size, known) in sizes.into_iter().zip(KNOWN_TO_4_19) {
            assert!(
                (1..=known).contains(&size),
                "{sizes:?} of {KNOWN_TO_4_19:?}"
            );
        }
    }

    #[test]
    fn records_must_be_whole() {
        let whole = Records {
            bytes: &[0; 24],
            record_size: 8,
        };
        let (_, count, size) = whole.parts().unwrap();
        assert_eq!((count, size), (3, 8));
        for record_size in [0, 7, 25] {
            let odd = Records {
                bytes: &[0; 24],
                record_size,
            };
            assert_eq!(odd.parts(), Err(Errno::INVAL), "record size {record_size}");
        }
        assert_eq!(Records::default().parts(), Ok((0, 0, 0)));
    }
}
