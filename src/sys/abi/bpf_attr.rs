//! The argument structs of bpf(2), one per command, as they stand in `union bpf_attr`.
//!
//! Source: the kernel's `include/uapi/linux/bpf.h`. File descriptors are plain numbers here and
//! pointers are 64-bit addresses; `sys::bpf` is the only place that fills them in.

use super::BPF_OBJ_NAME_LEN;
use static_assertions::const_assert_eq;
use std::mem::{offset_of, size_of};

/// Argument of `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MapCreateAttr {
    /// One of `BPF_MAP_TYPE_*`.
    pub map_type: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Entries at most (bytes for ring buffers).
    pub max_entries: u32,
    /// `BPF_F_*` of map creation.
    pub map_flags: u32,
    /// Descriptor of the template of a map of maps.
    pub inner_map_fd: u32,
    /// NUMA node, read where `BPF_F_NUMA_NODE` is set.
    pub numa_node: u32,
    /// Name, zero-terminated (4.15).
    pub map_name: [u8; BPF_OBJ_NAME_LEN],
    /// Network device of an offloaded map.
    pub map_ifindex: u32,
    /// Descriptor of the BTF that describes key and value (4.18).
    pub btf_fd: u32,
    /// BTF id of the key.
    pub btf_key_type_id: u32,
    /// BTF id of the value.
    pub btf_value_type_id: u32,
    /// BTF id in the kernel's own BTF, of a struct_ops value (5.6).
    pub btf_vmlinux_value_type_id: u32,
    /// Extra number of some map types (5.16).
    pub map_extra: u64,
    /// Descriptor of the module BTF of `btf_vmlinux_value_type_id` (6.9).
    pub value_type_btf_obj_fd: i32,
    /// BPF token (6.9).
    pub map_token_fd: i32,
    /// Address of the hash of the one program that may use the map (6.18).
    pub excl_prog_hash: u64,
    /// Bytes of that hash.
    pub excl_prog_hash_size: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<MapCreateAttr>(), 96);
const_assert_eq!(offset_of!(MapCreateAttr, map_name), 28);
const_assert_eq!(offset_of!(MapCreateAttr, btf_fd), 48);
const_assert_eq!(offset_of!(MapCreateAttr, map_extra), 64);
const_assert_eq!(offset_of!(MapCreateAttr, excl_prog_hash_size), 88);

/// Argument of `BPF_MAP_*_ELEM`, `BPF_MAP_GET_NEXT_KEY` and `BPF_MAP_FREEZE`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MapElemAttr {
    /// Descriptor of the map.
    pub map_fd: u32,
    /// Explicit padding, zero.
    pub pad: u32,
    /// Address of the key.
    pub key: u64,
    /// Address of the value, or of the next key.
    pub value: u64,
    /// `BPF_ANY`, `BPF_NOEXIST`, `BPF_EXIST`, …
    pub flags: u64,
}
const_assert_eq!(size_of::<MapElemAttr>(), 32);
const_assert_eq!(offset_of!(MapElemAttr, value), 16);

/// Argument of `BPF_MAP_*_BATCH`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MapBatchAttr {
    /// Address of where the batch before ended; zero for the first.
    pub in_batch: u64,
    /// Address of where this one ended, which the kernel writes.
    pub out_batch: u64,
    /// Address of the keys.
    pub keys: u64,
    /// Address of the values.
    pub values: u64,
    /// Elements that there is room for; the kernel writes how many there are.
    pub count: u32,
    /// Descriptor of the map.
    pub map_fd: u32,
    /// Flags of each look-up.
    pub elem_flags: u64,
    /// None are known.
    pub flags: u64,
}
const_assert_eq!(size_of::<MapBatchAttr>(), 56);
const_assert_eq!(offset_of!(MapBatchAttr, map_fd), 36);

/// Argument of `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProgLoadAttr {
    /// One of `BPF_PROG_TYPE_*`.
    pub prog_type: u32,
    /// Instructions, 8 bytes each.
    pub insn_cnt: u32,
    /// Address of the instructions.
    pub insns: u64,
    /// Address of the zero-terminated license.
    pub license: u64,
    /// 0 no log, 1 branches, 2 every instruction, 4 statistics.
    pub log_level: u32,
    /// Bytes of the log buffer.
    pub log_size: u32,
    /// Address of the log buffer.
    pub log_buf: u64,
    /// `LINUX_VERSION_CODE`, checked for kprobe programs until 5.0.
    pub kern_version: u32,
    /// `BPF_F_*` of program loading.
    pub prog_flags: u32,
    /// Name, zero-terminated (4.15).
    pub prog_name: [u8; BPF_OBJ_NAME_LEN],
    /// Network device of an offloaded program.
    pub prog_ifindex: u32,
    /// One of `BPF_*` attach types (4.17).
    pub expected_attach_type: u32,
    /// Descriptor of the program's BTF (5.0).
    pub prog_btf_fd: u32,
    /// Bytes in a func_info record.
    pub func_info_rec_size: u32,
    /// Address of the func_info records.
    pub func_info: u64,
    /// Records of func_info.
    pub func_info_cnt: u32,
    /// Bytes in a line_info record.
    pub line_info_rec_size: u32,
    /// Address of the line_info records.
    pub line_info: u64,
    /// Records of line_info.
    pub line_info_cnt: u32,
    /// BTF id of what a tracing program attaches to (5.5).
    pub attach_btf_id: u32,
    /// Descriptor of the program to extend, or of the module BTF of `attach_btf_id` (5.5, 5.11).
    pub attach_fd: u32,
    /// Records of CO-RE relocations for the kernel to apply (5.17).
    pub core_relo_cnt: u32,
    /// Address of an array of descriptors (5.14).
    pub fd_array: u64,
    /// Address of the CO-RE relocations (5.17).
    pub core_relos: u64,
    /// Bytes in a CO-RE relocation.
    pub core_relo_rec_size: u32,
    /// Answer: bytes that the whole log needs (6.4).
    pub log_true_size: u32,
    /// BPF token (6.9).
    pub prog_token_fd: i32,
    /// Descriptors in `fd_array`, where it is to be bound as a whole (6.14).
    pub fd_array_cnt: u32,
    /// Address of a signature (6.18).
    pub signature: u64,
    /// Bytes of the signature.
    pub signature_size: u32,
    /// Keyring that holds the key of the signature.
    pub keyring_id: i32,
}
const_assert_eq!(size_of::<ProgLoadAttr>(), 168);
const_assert_eq!(offset_of!(ProgLoadAttr, log_buf), 32);
const_assert_eq!(offset_of!(ProgLoadAttr, prog_name), 48);
const_assert_eq!(offset_of!(ProgLoadAttr, func_info), 80);
const_assert_eq!(offset_of!(ProgLoadAttr, attach_fd), 112);
const_assert_eq!(offset_of!(ProgLoadAttr, fd_array), 120);
const_assert_eq!(offset_of!(ProgLoadAttr, log_true_size), 140);
const_assert_eq!(offset_of!(ProgLoadAttr, signature), 152);

/// Argument of `BPF_OBJ_PIN` and `BPF_OBJ_GET`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ObjAttr {
    /// Address of the zero-terminated path.
    pub pathname: u64,
    /// Descriptor of what is pinned.
    pub bpf_fd: u32,
    /// Flags of the open.
    pub file_flags: u32,
    /// Folder that a relative path starts from (6.5).
    pub path_fd: i32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<ObjAttr>(), 24);

/// Argument of `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProgTestRunAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Answer: what the program returned.
    pub retval: u32,
    /// Bytes at `data_in`.
    pub data_size_in: u32,
    /// Bytes at `data_out`.
    pub data_size_out: u32,
    /// Address of the data that the program sees.
    pub data_in: u64,
    /// Address for the data as the program left it.
    pub data_out: u64,
    /// Times to run.
    pub repeat: u32,
    /// Answer: nanoseconds of one run.
    pub duration: u32,
    /// Bytes at `ctx_in`.
    pub ctx_size_in: u32,
    /// Bytes at `ctx_out`.
    pub ctx_size_out: u32,
    /// Address of the context that the program sees.
    pub ctx_in: u64,
    /// Address for the context as the program left it.
    pub ctx_out: u64,
    /// `BPF_F_TEST_RUN_ON_CPU` and others (5.10).
    pub flags: u32,
    /// CPU to run on.
    pub cpu: u32,
    /// Packets in a batch (5.18).
    pub batch_size: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<ProgTestRunAttr>(), 80);
const_assert_eq!(offset_of!(ProgTestRunAttr, flags), 64);

/// Argument of `BPF_*_GET_NEXT_ID` and `BPF_*_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct IdAttr {
    /// Id asked for, or the id to start after.
    pub id: u32,
    /// Answer of `BPF_*_GET_NEXT_ID`.
    pub next_id: u32,
    /// Flags of the open.
    pub open_flags: u32,
    /// BPF token (6.17).
    pub token_fd: i32,
}
const_assert_eq!(size_of::<IdAttr>(), 16);

/// Argument of `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct InfoAttr {
    /// Descriptor of a program, map, BTF or link.
    pub bpf_fd: u32,
    /// Bytes at `info`; the kernel answers how many it filled.
    pub info_len: u32,
    /// Address of the info struct.
    pub info: u64,
}
const_assert_eq!(size_of::<InfoAttr>(), 16);

/// Argument of `BPF_RAW_TRACEPOINT_OPEN`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct RawTracepointAttr {
    /// Address of the zero-terminated name.
    pub name: u64,
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Explicit padding, zero.
    pub pad: u32,
    /// Value for `bpf_get_attach_cookie` (6.10).
    pub cookie: u64,
}
const_assert_eq!(size_of::<RawTracepointAttr>(), 24);

/// Argument of `BPF_BTF_LOAD`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct BtfLoadAttr {
    /// Address of the BTF.
    pub btf: u64,
    /// Address of the log buffer.
    pub btf_log_buf: u64,
    /// Bytes of the BTF.
    pub btf_size: u32,
    /// Bytes of the log buffer.
    pub btf_log_size: u32,
    /// 0 no log, 1 and more a log.
    pub btf_log_level: u32,
    /// Answer: bytes that the whole log needs (6.4).
    pub btf_log_true_size: u32,
    /// Flags (6.9).
    pub btf_flags: u32,
    /// BPF token (6.9).
    pub btf_token_fd: i32,
}
const_assert_eq!(size_of::<BtfLoadAttr>(), 40);

/// Argument of `BPF_LINK_CREATE` for a perf event (5.15).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreatePerfAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Descriptor of the perf event.
    pub target_fd: u32,
    /// `BPF_PERF_EVENT`.
    pub attach_type: u32,
    /// Flags, zero.
    pub flags: u32,
    /// Value for `bpf_get_attach_cookie`.
    pub bpf_cookie: u64,
}
const_assert_eq!(size_of::<LinkCreatePerfAttr>(), 24);

/// Argument of `BPF_LINK_CREATE` for many kprobes (5.18).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreateMultiKprobeAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Not used, zero.
    pub target_fd: u32,
    /// `BPF_TRACE_KPROBE_MULTI` or `BPF_TRACE_KPROBE_SESSION`.
    pub attach_type: u32,
    /// Flags of every link, zero.
    pub link_flags: u32,
    /// `BPF_F_KPROBE_MULTI_RETURN` or zero.
    pub flags: u32,
    /// How many functions.
    pub cnt: u32,
    /// Address of the addresses of their zero-terminated names, or zero.
    pub syms: u64,
    /// Address of their addresses, or zero.
    pub addrs: u64,
    /// Address of a value each for `bpf_get_attach_cookie`, or zero.
    pub cookies: u64,
}
const_assert_eq!(size_of::<LinkCreateMultiKprobeAttr>(), 48);
const_assert_eq!(offset_of!(LinkCreateMultiKprobeAttr, cookies), 40);

/// Argument of `BPF_LINK_CREATE` for many uprobes (6.6).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreateMultiUprobeAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Not used, zero.
    pub target_fd: u32,
    /// `BPF_TRACE_UPROBE_MULTI` or `BPF_TRACE_UPROBE_SESSION`.
    pub attach_type: u32,
    /// Flags of every link, zero.
    pub link_flags: u32,
    /// Address of the zero-terminated path of the file.
    pub path: u64,
    /// Address of the places in the file.
    pub offsets: u64,
    /// Address of the places of semaphores, or zero.
    pub ref_ctr_offsets: u64,
    /// Address of a value each for `bpf_get_attach_cookie`, or zero.
    pub cookies: u64,
    /// How many places.
    pub cnt: u32,
    /// `BPF_F_UPROBE_MULTI_RETURN` or zero.
    pub flags: u32,
    /// Only in this process; zero for all.
    pub pid: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<LinkCreateMultiUprobeAttr>(), 64);
const_assert_eq!(offset_of!(LinkCreateMultiUprobeAttr, pid), 56);

/// Argument of `BPF_LINK_CREATE` for a network interface or a cgroup, of which nothing more is said.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreateAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Index of the interface, or descriptor of the cgroup.
    pub target: u32,
    /// One of the attach types.
    pub attach_type: u32,
    /// Flags, by attach type.
    pub flags: u32,
}
const_assert_eq!(size_of::<LinkCreateAttr>(), 16);

/// Argument of `BPF_LINK_CREATE` for a tracing program (5.15).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreateTracingAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Descriptor of the program to attach to, where it is another than at load.
    pub target_fd: u32,
    /// One of the attach types.
    pub attach_type: u32,
    /// Flags, zero.
    pub flags: u32,
    /// BTF id of the function to attach to, where it is another than at load.
    pub target_btf_id: u32,
    /// Explicit padding, zero.
    pub pad: u32,
    /// Value for `bpf_get_attach_cookie` (6.0).
    pub cookie: u64,
}
const_assert_eq!(size_of::<LinkCreateTracingAttr>(), 32);
const_assert_eq!(offset_of!(LinkCreateTracingAttr, cookie), 24);

/// Argument of `BPF_LINK_CREATE` for an iterator (5.8).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkCreateIterAttr {
    /// Descriptor of the program.
    pub prog_fd: u32,
    /// Zero.
    pub target_fd: u32,
    /// `BPF_TRACE_ITER`.
    pub attach_type: u32,
    /// Flags, zero.
    pub flags: u32,
    /// Address of a `union bpf_iter_link_info`.
    pub iter_info: u64,
    /// Bytes of that.
    pub iter_info_len: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<LinkCreateIterAttr>(), 32);
const_assert_eq!(offset_of!(LinkCreateIterAttr, iter_info), 16);

/// Argument of `BPF_ITER_CREATE` (5.8).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct IterCreateAttr {
    /// Descriptor of the link.
    pub link_fd: u32,
    /// Flags, zero.
    pub flags: u32,
}
const_assert_eq!(size_of::<IterCreateAttr>(), 8);

/// Argument of `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProgAttachAttr {
    /// Descriptor of the cgroup, or of what else the program is attached to.
    pub target_fd: u32,
    /// Descriptor of the program.
    pub attach_bpf_fd: u32,
    /// One of the attach types.
    pub attach_type: u32,
    /// `BPF_F_ALLOW_MULTI` and others.
    pub attach_flags: u32,
}
const_assert_eq!(size_of::<ProgAttachAttr>(), 16);
