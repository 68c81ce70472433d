//! All that the kernel answers about a program, and what it answers about the place of a link.
//!
//! Source: the kernel's `include/uapi/linux/bpf.h`, as in `bpf_info`.

use super::{LinkInfo, ProgInfo};
use static_assertions::const_assert_eq;
use std::mem::{offset_of, size_of};

/// Answer about a program, whole (`struct bpf_prog_info`).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProgDetails {
    /// The front part.
    pub front: ProgInfo,
    /// Address for the func_info records, zero for none.
    pub func_info: u64,
    /// Records of func_info.
    pub nr_func_info: u32,
    /// Records of line_info.
    pub nr_line_info: u32,
    /// Address for the line_info records, zero for none.
    pub line_info: u64,
    /// Address for the addresses of lines in the machine code, zero for none.
    pub jited_line_info: u64,
    /// How many of those.
    pub nr_jited_line_info: u32,
    /// Bytes in a line_info record.
    pub line_info_rec_size: u32,
    /// Bytes in such an address.
    pub jited_line_info_rec_size: u32,
    /// Functions that have a tag each.
    pub nr_prog_tags: u32,
    /// Address for the tags, zero for none.
    pub prog_tags: u64,
    /// Nanoseconds in which it ran, while that was counted (5.1).
    pub run_time_ns: u64,
    /// How often it ran, while that was counted (5.1).
    pub run_cnt: u64,
    /// How often it did not run, because it ran already (5.12).
    pub recursion_misses: u64,
    /// Instructions that the verifier went through (5.16).
    pub verified_insns: u32,
    /// Id of the BTF of what it is attached to (6.1).
    pub attach_btf_obj_id: u32,
    /// BTF id of what it is attached to (6.1).
    pub attach_btf_id: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<ProgDetails>(), 232);
const_assert_eq!(offset_of!(ProgDetails, line_info), 152);
const_assert_eq!(offset_of!(ProgDetails, run_time_ns), 192);

/// Answer about a link: what all of them share, and then by its type.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkDetails {
    /// The front part.
    pub front: LinkInfo,
    /// The rest, in words of 64 bits. Texts are at an address, which comes first, with a length.
    pub words: [u64; 8],
}
const_assert_eq!(size_of::<LinkDetails>(), 80);

/// Argument of `BPF_TASK_FD_QUERY`, which the kernel writes its answer into.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct TaskFdAttr {
    /// The process.
    pub pid: u32,
    /// Its descriptor.
    pub fd: u32,
    /// Flags, zero.
    pub flags: u32,
    /// Bytes at `buf`; the kernel writes how long the name is.
    pub buf_len: u32,
    /// Address for the name.
    pub buf: u64,
    /// Answer: id of the program.
    pub prog_id: u32,
    /// Answer: one of `BPF_FD_TYPE_*`.
    pub fd_type: u32,
    /// Answer: bytes from the name on.
    pub probe_offset: u64,
    /// Answer: address of a probe.
    pub probe_addr: u64,
}
const_assert_eq!(size_of::<TaskFdAttr>(), 48);
const_assert_eq!(offset_of!(TaskFdAttr, probe_offset), 32);

/// Where a perf event is one of (`enum bpf_perf_event_type`).
pub mod perf_event {
    /// `BPF_PERF_EVENT_UPROBE`.
    pub const UPROBE: u32 = 1;
    /// `BPF_PERF_EVENT_URETPROBE`.
    pub const URETPROBE: u32 = 2;
    /// `BPF_PERF_EVENT_KPROBE`.
    pub const KPROBE: u32 = 3;
    /// `BPF_PERF_EVENT_KRETPROBE`.
    pub const KRETPROBE: u32 = 4;
    /// `BPF_PERF_EVENT_TRACEPOINT`.
    pub const TRACEPOINT: u32 = 5;
    /// `BPF_PERF_EVENT_EVENT`.
    pub const EVENT: u32 = 6;
}
