//! Probes of features that no tool inside needs: a full build does, and `feature` tells of them.

use super::abi::{
    BPF_LINK_CREATE, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI,
    BPF_TRACE_UPROBE_MULTI, BtfInfo, InfoAttr, LinkCreateMultiKprobeAttr,
    LinkCreateMultiUprobeAttr, LinkCreatePerfAttr,
};
use super::bpf;
use super::bpf_call::{call, call_for_fd, length, number};
use super::bpf_map::{Elements, Reading};
use super::map_batch::Cursor;
use super::probes::{EXIT, R0_IS_0, call as helper, load, load_btf_named, program};
use rustix::fd::AsFd;
use rustix::io::{self, Errno};

const FUNC_GET_ATTACH_COOKIE: u8 = 174;

/// `Ok` where the kernel's answer is the one that only a kernel with the feature gives.
pub(super) fn answered<T>(answer: io::Result<T>, with_feature: Errno) -> io::Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(errno) if errno == with_feature => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(super) fn bpf_link() -> io::Result<()> {
    // Attach type 0 is that of a cgroup. No program has the number -1: a kernel that knows the
    // command looks for it, another knows no command.
    let mut attr = LinkCreatePerfAttr {
        prog_fd: u32::MAX,
        ..LinkCreatePerfAttr::default()
    };
    // Safety: the struct holds no address.
    answered(
        unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) },
        Errno::BADF,
    )
}

/// A hash without an element.
fn empty_hash() -> io::Result<rustix::fd::OwnedFd> {
    bpf::map_create(&bpf::MapCreate {
        map_type: super::abi::BPF_MAP_TYPE_HASH,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        ..bpf::MapCreate::default()
    })
}

pub(super) fn map_batch() -> io::Result<()> {
    let map = empty_hash()?;
    let (mut key, mut value) = ([0; 4], [0; 4]);
    Elements::of(map.as_fd())?
        .batch(Reading::Keep, &mut Cursor::default(), &mut key, &mut value)
        .map(drop)
}

pub(super) fn map_take() -> io::Result<()> {
    let map = empty_hash()?;
    Elements::of(map.as_fd())?
        .take(&[0; 4], &mut [0; 4])
        .map(drop)
}

pub(super) fn module_btf() -> io::Result<()> {
    // Modules' BTF came with names of BTF, which can be asked for.
    let btf = bpf::btf_load(&super::probes::int_btf()?, None)?;
    let mut name = [0u8; 16];
    let mut answer = BtfInfo {
        name: name.as_mut_ptr() as u64,
        name_len: length(name.len())?,
        ..BtfInfo::default()
    };
    let mut attr = InfoAttr {
        bpf_fd: number(btf.as_fd()),
        info_len: length(size_of::<BtfInfo>())?,
        info: std::ptr::from_mut(&mut answer) as u64,
    };
    // Safety: the kernel writes at most `info_len` bytes to `answer` and `name_len` to `name`.
    unsafe { call(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }.map(drop)
}

pub(super) fn bpf_cookie() -> io::Result<()> {
    program(&[helper(FUNC_GET_ATTACH_COOKIE), EXIT].concat()).map(drop)
}

pub(super) fn kprobe_multi() -> io::Result<()> {
    kprobe_multi_as(BPF_TRACE_KPROBE_MULTI)
}

/// The same for attachments of another type.
pub(super) fn kprobe_multi_as(attach_type: u32) -> io::Result<()> {
    let insns = [R0_IS_0, EXIT].concat();
    let prog = load(BPF_PROG_TYPE_KPROBE, Some(attach_type), &insns)?;
    let missing = c"btfly probes for what is no function";
    let names = [missing.as_ptr() as u64];
    let mut attr = LinkCreateMultiKprobeAttr {
        prog_fd: number(prog.as_fd()),
        attach_type,
        cnt: 1,
        syms: names.as_ptr() as u64,
        ..LinkCreateMultiKprobeAttr::default()
    };
    // A kernel that has such links looks for the function, another says EINVAL or EOPNOTSUPP.
    // Safety: one address of one string that ends with a zero.
    answered(
        unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr) },
        Errno::SRCH,
    )
}

pub(super) fn uprobe_multi() -> io::Result<()> {
    uprobe_multi_as(BPF_TRACE_UPROBE_MULTI)
}

/// The same for attachments of another type.
pub(super) fn uprobe_multi_as(attach_type: u32) -> io::Result<()> {
    let insns = [R0_IS_0, EXIT].concat();
    let prog = load(BPF_PROG_TYPE_KPROBE, Some(attach_type), &insns)?;
    let offsets = [0u64];
    let attr = LinkCreateMultiUprobeAttr {
        prog_fd: number(prog.as_fd()),
        attach_type,
        path: c"/".as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        cnt: 1,
        ..LinkCreateMultiUprobeAttr::default()
    };
    // A folder holds no code, which a kernel that has such links says.
    // Safety: a string that ends with a zero, and one offset.
    answered(
        unsafe { call_for_fd(BPF_LINK_CREATE, &mut attr.clone()) },
        Errno::BADF,
    )?;
    // The first of them took a process for its thread. Those that don't refuse a negative number
    // before they look at the path.
    let mut process = LinkCreateMultiUprobeAttr {
        pid: u32::MAX,
        ..attr
    };
    // Safety: as above.
    answered(
        unsafe { call_for_fd(BPF_LINK_CREATE, &mut process) },
        Errno::INVAL,
    )
}

pub(super) fn btf_qmark_datasec() -> io::Result<()> {
    load_btf_named(b"\0x\0?.data\0\0\0", &super::probes::DATASEC_OF_X)
}

pub(super) fn arg_ctx_tag() -> io::Result<()> {
    let btf = bpf::btf_load(&super::probes::tagged_btf()?, None)?;
    // A function that calls a global one with its context, and one that reads the first word of what it is
    // given: of no other `void *` is anything known.
    let insns = [CALL_NEXT_BUT_ONE, EXIT, R0_IS_AT_R1, EXIT].concat();
    let functions = [0u32, 4, 2, 4].map(u32::to_le_bytes);
    let prog = bpf::ProgLoad {
        prog_type: BPF_PROG_TYPE_KPROBE,
        insns: &insns,
        license: c"GPL",
        kern_version: super::kernel::version_code(),
        btf: Some(btf.as_fd()),
        func_info: bpf::Records {
            bytes: functions.as_flattened(),
            record_size: 8,
        },
        ..bpf::ProgLoad::default()
    };
    bpf::prog_load(&prog, None).map(drop)
}

/// A call of a function of the program, one instruction further on than the next.
const CALL_NEXT_BUT_ONE: [u8; 8] = [0x85, 0x10, 0, 0, 1, 0, 0, 0];
const R0_IS_AT_R1: [u8; 8] = [0x79, 0x10, 0, 0, 0, 0, 0, 0];
