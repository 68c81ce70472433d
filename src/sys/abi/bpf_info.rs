//! What the kernel answers to `BPF_OBJ_GET_INFO_BY_FD`, one struct per kind of object.
//!
//! Source: the kernel's `include/uapi/linux/bpf.h`. A kernel fills the front part that it knows
//! and leaves the rest as it was; `Default` makes that rest zero.

use super::{BPF_OBJ_NAME_LEN, BPF_TAG_SIZE};
use static_assertions::const_assert_eq;
use std::mem::{offset_of, size_of};

/// Answer about a program (`struct bpf_prog_info`), its front part up to the BTF id: what comes
/// after are addresses of tables that nobody here asks for.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProgInfo {
    /// One of `BPF_PROG_TYPE_*`.
    pub prog_type: u32,
    /// Id.
    pub id: u32,
    /// Hash of the instructions.
    pub tag: [u8; BPF_TAG_SIZE],
    /// Bytes of machine code.
    pub jited_prog_len: u32,
    /// Bytes of instructions after the verifier.
    pub xlated_prog_len: u32,
    /// Address for the machine code, zero for none.
    pub jited_prog_insns: u64,
    /// Address for the instructions, zero for none.
    pub xlated_prog_insns: u64,
    /// When it was loaded, nanoseconds since boot.
    pub load_time: u64,
    /// User who loaded it.
    pub created_by_uid: u32,
    /// Maps that it uses.
    pub nr_map_ids: u32,
    /// Address for their ids, zero for none.
    pub map_ids: u64,
    /// Name, zero-terminated unless it fills the array.
    pub name: [u8; BPF_OBJ_NAME_LEN],
    /// Network device of an offloaded program.
    pub ifindex: u32,
    /// Bit 0: the license is compatible with the GPL.
    pub gpl_compatible: u32,
    /// Network namespace: device.
    pub netns_dev: u64,
    /// Network namespace: inode.
    pub netns_ino: u64,
    /// Symbols of the machine code.
    pub nr_jited_ksyms: u32,
    /// Functions of the machine code.
    pub nr_jited_func_lens: u32,
    /// Address for the symbols, zero for none.
    pub jited_ksyms: u64,
    /// Address for the function lengths, zero for none.
    pub jited_func_lens: u64,
    /// Id of its BTF (5.0).
    pub btf_id: u32,
    /// Bytes in a func_info record.
    pub func_info_rec_size: u32,
}
const_assert_eq!(size_of::<ProgInfo>(), 136);
const_assert_eq!(offset_of!(ProgInfo, name), 64);
const_assert_eq!(offset_of!(ProgInfo, btf_id), 128);

/// Answer about a map (`struct bpf_map_info`).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MapInfo {
    /// One of `BPF_MAP_TYPE_*`.
    pub map_type: u32,
    /// Id.
    pub id: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Entries at most.
    pub max_entries: u32,
    /// `BPF_F_*` of map creation.
    pub map_flags: u32,
    /// Name, zero-terminated unless it fills the array.
    pub name: [u8; BPF_OBJ_NAME_LEN],
    /// Network device of an offloaded map.
    pub ifindex: u32,
    /// BTF id of a struct_ops value in the kernel's BTF.
    pub btf_vmlinux_value_type_id: u32,
    /// Network namespace: device.
    pub netns_dev: u64,
    /// Network namespace: inode.
    pub netns_ino: u64,
    /// Id of its BTF.
    pub btf_id: u32,
    /// BTF id of the key.
    pub btf_key_type_id: u32,
    /// BTF id of the value.
    pub btf_value_type_id: u32,
    /// Id of the module BTF of a struct_ops value.
    pub btf_vmlinux_id: u32,
    /// Extra number of some map types (5.16).
    pub map_extra: u64,
}
const_assert_eq!(size_of::<MapInfo>(), 88);
const_assert_eq!(offset_of!(MapInfo, btf_id), 64);

/// Answer about a BTF object (`struct bpf_btf_info`).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct BtfInfo {
    /// Address for the BTF itself, zero for none.
    pub btf: u64,
    /// Bytes of the BTF.
    pub btf_size: u32,
    /// Id.
    pub id: u32,
    /// Address for the name (`vmlinux`, a module's), zero for none.
    pub name: u64,
    /// Bytes at `name`.
    pub name_len: u32,
    /// 1 where the BTF is the kernel's own or a module's.
    pub kernel_btf: u32,
}
const_assert_eq!(size_of::<BtfInfo>(), 32);

/// Answer about a link (`struct bpf_link_info`), its front part that all links share.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct LinkInfo {
    /// One of `BPF_LINK_TYPE_*`.
    pub link_type: u32,
    /// Id.
    pub id: u32,
    /// Id of the program.
    pub prog_id: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}
const_assert_eq!(size_of::<LinkInfo>(), 16);
