//! The table of map types: the name of each, the kernel that brought it, and a probe.

use super::abi::{
    BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_ARRAY_OF_MAPS,
    BPF_MAP_TYPE_BLOOM_FILTER, BPF_MAP_TYPE_CGROUP_STORAGE, BPF_MAP_TYPE_CGRP_STORAGE,
    BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_INODE_STORAGE,
    BPF_MAP_TYPE_INSN_ARRAY, BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
    BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_RHASH, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_SK_STORAGE,
    BPF_MAP_TYPE_STACK, BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_STRUCT_OPS,
    BPF_MAP_TYPE_TASK_STORAGE, BPF_MAP_TYPE_USER_RINGBUF,
};
use super::bpf::{self, MapBtf, MapCreate};
use super::{kernel, probes};
use rustix::fd::AsFd;
use rustix::io::{self, Errno};

/// A type of map.
#[derive(Debug)]
pub struct MapType {
    /// Its name, that of its constant without `BPF_MAP_TYPE_`, in small letters.
    pub name: &'static str,
    /// The mainline kernel that brought it.
    pub since: (u32, u32),
    /// The options that a kernel must be built with, beside those of BPF itself; empty for none.
    pub config: &'static str,
}

const fn row(name: &'static str, since: (u32, u32), config: &'static str) -> MapType {
    MapType {
        name,
        since,
        config,
    }
}

/// In the order of the numbers, from 1 on.
#[rustfmt::skip]
static TYPES: [MapType; 35] = [
    row("hash", (3, 19), ""),
    row("array", (3, 19), ""),
    row("prog_array", (4, 2), ""),
    row("perf_event_array", (4, 3), "CONFIG_PERF_EVENTS"),
    row("percpu_hash", (4, 6), ""),
    row("percpu_array", (4, 6), ""),
    row("stack_trace", (4, 6), "CONFIG_PERF_EVENTS"),
    row("cgroup_array", (4, 8), "CONFIG_CGROUPS"),
    row("lru_hash", (4, 10), ""),
    row("lru_percpu_hash", (4, 10), ""),
    row("lpm_trie", (4, 11), ""),
    row("array_of_maps", (4, 12), ""),
    row("hash_of_maps", (4, 12), ""),
    row("devmap", (4, 14), "CONFIG_NET"),
    row("sockmap", (4, 14), "CONFIG_INET"),
    row("cpumap", (4, 15), "CONFIG_NET"),
    row("xskmap", (4, 18), "CONFIG_XDP_SOCKETS"),
    row("sockhash", (4, 18), "CONFIG_INET"),
    row("cgroup_storage", (4, 19), "CONFIG_CGROUP_BPF"),
    row("reuseport_sockarray", (4, 19), "CONFIG_INET"),
    row("percpu_cgroup_storage", (4, 20), "CONFIG_CGROUP_BPF"),
    row("queue", (4, 20), ""),
    row("stack", (4, 20), ""),
    row("sk_storage", (5, 2), "CONFIG_NET"),
    row("devmap_hash", (5, 4), "CONFIG_NET"),
    row("struct_ops", (5, 6), "CONFIG_BPF_JIT"),
    row("ringbuf", (5, 8), ""),
    row("inode_storage", (5, 10), "CONFIG_BPF_LSM"),
    row("task_storage", (5, 11), ""),
    row("bloom_filter", (5, 16), ""),
    row("user_ringbuf", (6, 1), ""),
    row("cgrp_storage", (6, 2), "CONFIG_CGROUPS"),
    row("arena", (6, 9), "CONFIG_MMU"),
    row("insn_array", (6, 19), ""),
    row("rhash", (7, 2), ""),
];

/// What is known of `BPF_MAP_TYPE_…` number `map_type`; `None` for one that no kernel had when this
/// was written.
#[must_use]
pub fn map_type(map_type: u32) -> Option<&'static MapType> {
    TYPES.get((map_type as usize).checked_sub(1)?)
}

/// Makes the smallest map of this type, and lets it go again.
///
/// # Errors
/// The kernel's: `EINVAL` where it does not know the type.
pub fn probe(map_type: u32) -> io::Result<()> {
    let page = u32::try_from(kernel::page_size()).map_err(|_| Errno::OVERFLOW)?;
    let create = MapCreate {
        map_type,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        ..MapCreate::default()
    };
    let (key_size, value_size, max_entries, map_flags) = match map_type {
        BPF_MAP_TYPE_STACK_TRACE => (4, 8, 1, 0),
        BPF_MAP_TYPE_LPM_TRIE => (8, 8, 1, BPF_F_NO_PREALLOC),
        BPF_MAP_TYPE_RHASH => (4, 4, 1, BPF_F_NO_PREALLOC),
        // A key is an inode number and an attach type.
        BPF_MAP_TYPE_CGROUP_STORAGE | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE => (16, 8, 0, 0),
        BPF_MAP_TYPE_QUEUE | BPF_MAP_TYPE_STACK | BPF_MAP_TYPE_BLOOM_FILTER => (0, 4, 1, 0),
        BPF_MAP_TYPE_RINGBUF | BPF_MAP_TYPE_USER_RINGBUF => (0, 0, page, 0),
        BPF_MAP_TYPE_ARENA => (0, 0, 1, BPF_F_MMAPABLE),
        BPF_MAP_TYPE_INSN_ARRAY => (4, 16, 1, 0),
        BPF_MAP_TYPE_SK_STORAGE
        | BPF_MAP_TYPE_INODE_STORAGE
        | BPF_MAP_TYPE_TASK_STORAGE
        | BPF_MAP_TYPE_CGRP_STORAGE => {
            let btf = bpf::btf_load(&probes::int_btf()?, None)?;
            let btf = Some(MapBtf {
                fd: btf.as_fd(),
                key_type_id: 1,
                value_type_id: 1,
            });
            let storage = MapCreate {
                max_entries: 0,
                map_flags: BPF_F_NO_PREALLOC,
                btf,
                ..create
            };
            return bpf::map_create(&storage).map(drop);
        }
        BPF_MAP_TYPE_ARRAY_OF_MAPS | BPF_MAP_TYPE_HASH_OF_MAPS => {
            let inner = bpf::map_create(&MapCreate {
                map_type: BPF_MAP_TYPE_HASH,
                ..create
            })?;
            let outer = MapCreate {
                inner_map: Some(inner.as_fd()),
                ..create
            };
            return bpf::map_create(&outer).map(drop);
        }
        BPF_MAP_TYPE_STRUCT_OPS => {
            let none = MapCreate {
                btf_vmlinux_value_type_id: 1,
                ..create
            };
            // The first type of a kernel is no struct_ops, which is another answer than EINVAL.
            return match bpf::map_create(&none) {
                Err(error) if error.raw_os_error() == ENOTSUPP => Ok(()),
                other => other.map(drop),
            };
        }
        _ => (4, 4, 1, 0),
    };
    let create = MapCreate {
        key_size,
        value_size,
        max_entries,
        map_flags,
        ..create
    };
    bpf::map_create(&create).map(drop)
}

/// The kernel's own "not supported", which is no error of user space.
const ENOTSUPP: i32 = 524;

#[cfg(test)]
mod tests {
    use super::super::abi;
    use super::*;

    #[test]
    fn types_stand_in_the_order_of_their_numbers_and_of_time() {
        for (number, name) in [
            (abi::BPF_MAP_TYPE_HASH, "hash"),
            (abi::BPF_MAP_TYPE_LPM_TRIE, "lpm_trie"),
            (
                abi::BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
                "percpu_cgroup_storage",
            ),
            (abi::BPF_MAP_TYPE_RINGBUF, "ringbuf"),
            (abi::BPF_MAP_TYPE_RHASH, "rhash"),
        ] {
            assert_eq!(map_type(number).map(|t| t.name), Some(name), "{number}");
        }
        assert!(map_type(abi::BPF_MAP_TYPE_UNSPEC).is_none());
        assert!(map_type(abi::BPF_MAP_TYPE_RHASH + 1).is_none());
        assert!(TYPES.is_sorted_by_key(|row| row.since));
    }
}
