//! Creating and filling maps.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::{LoadError, LoadedMap, Memlock, kconfig};
use crate::btf::TypeId;
use crate::object::{DataKind, MapKind, MapSpec, Object, Pinning};
use crate::sys::{Feature, abi, bpf, bpf_map, cpus, kernel as sys_kernel};
use crate::target::Kernel;

/// Maps that the kernel refuses when they come with BTF ids (`map_check_btf` is not theirs).
const WITHOUT_BTF: [u32; 14] = [
    abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    abi::BPF_MAP_TYPE_CGROUP_ARRAY,
    abi::BPF_MAP_TYPE_STACK_TRACE,
    abi::BPF_MAP_TYPE_ARRAY_OF_MAPS,
    abi::BPF_MAP_TYPE_HASH_OF_MAPS,
    abi::BPF_MAP_TYPE_DEVMAP,
    abi::BPF_MAP_TYPE_DEVMAP_HASH,
    abi::BPF_MAP_TYPE_CPUMAP,
    abi::BPF_MAP_TYPE_XSKMAP,
    abi::BPF_MAP_TYPE_SOCKMAP,
    abi::BPF_MAP_TYPE_SOCKHASH,
    abi::BPF_MAP_TYPE_QUEUE,
    abi::BPF_MAP_TYPE_STACK,
    abi::BPF_MAP_TYPE_ARENA,
];

pub(super) fn create(
    object: &Object<'_>,
    map: &MapSpec<'_>,
    btf: Option<&OwnedFd>,
    memlock: &Memlock<'_>,
    kernel: &Kernel,
) -> Result<LoadedMap, LoadError> {
    if map.pinning != Pinning::None {
        return Err(LoadError::Unsupported {
            what: format!("map {}: pinning by name", map.name),
        });
    }
    let inner = match &map.inner {
        Some(inner) => Some(create_one(inner, None, btf, memlock, kernel)?),
        None => None,
    };
    let inner = inner.as_ref().map(AsFd::as_fd);
    let fd = create_one(map, inner, btf, memlock, kernel)?;
    if let MapKind::Data { kind, initial } = &map.kind {
        fill(object, map, *kind, initial, fd.as_fd(), kernel)?;
    }
    Ok(LoadedMap {
        name: map.name.into(),
        map_type: map.map_type,
        fd,
    })
}

fn create_one(
    map: &MapSpec<'_>,
    inner: Option<BorrowedFd<'_>>,
    btf: Option<&OwnedFd>,
    memlock: &Memlock<'_>,
    kernel: &Kernel,
) -> Result<OwnedFd, LoadError> {
    let name = kernel_name(map.name);
    let typed = map.key_type != TypeId::VOID || map.value_type != TypeId::VOID;
    let with_btf = typed && !WITHOUT_BTF.contains(&map.map_type);
    let mut create = bpf::MapCreate {
        map_type: map.map_type,
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: max_entries(map)?,
        map_flags: map.flags | data_flags(map),
        name: &name,
        btf: btf.filter(|_| with_btf).map(|btf| bpf::MapBtf {
            fd: btf.as_fd(),
            key_type_id: map.key_type.0,
            value_type_id: map.value_type.0,
        }),
        inner_map: inner,
        numa_node: map.numa_node,
        map_extra: map.map_extra,
        ..bpf::MapCreate::default()
    };
    if kernel.features.is_hidden(Feature::ObjectNames) {
        create.name = "";
    }
    let mut made = memlock.retry(|| bpf::map_create(&create));
    if made.is_err() && create.btf.is_some() {
        // The kernel may know this type of map with plain sizes only.
        let plain = bpf::MapCreate {
            btf: None,
            ..create
        };
        made = bpf::map_create(&plain).or(made);
    }
    made.map_err(|errno| match errno {
        Errno::PERM | Errno::ACCESS => LoadError::Permission {
            subject: format!("creating map {}", map.name),
            errno,
        },
        _ => LoadError::Map {
            map: map.name.into(),
            errno,
        },
    })
}

fn data_flags(map: &MapSpec<'_>) -> u32 {
    match &map.kind {
        MapKind::Data {
            kind: DataKind::Rodata | DataKind::Kconfig,
            ..
        } => abi::BPF_F_RDONLY_PROG,
        _ => 0,
    }
}

/// What the definition leaves to the machine.
fn max_entries(map: &MapSpec<'_>) -> Result<u32, LoadError> {
    match map.map_type {
        abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY if map.max_entries == 0 => {
            let possible = cpus::possible().map_err(|errno| LoadError::Map {
                map: map.name.into(),
                errno,
            })?;
            Ok(possible
                .iter()
                .max()
                .map_or(1, |last| last.saturating_add(1)))
        }
        // A power of two, and whole pages.
        abi::BPF_MAP_TYPE_RINGBUF | abi::BPF_MAP_TYPE_USER_RINGBUF => {
            let page = sys_kernel::page_size() as u32;
            let rounded = map.max_entries.max(page).checked_next_power_of_two();
            Ok(rounded.unwrap_or(map.max_entries))
        }
        _ => Ok(map.max_entries),
    }
}

fn fill(
    object: &Object<'_>,
    map: &MapSpec<'_>,
    kind: DataKind,
    initial: &[u8],
    fd: BorrowedFd<'_>,
    kernel: &Kernel,
) -> Result<(), LoadError> {
    let failed = |errno| LoadError::Contents {
        map: map.name.into(),
        errno,
    };
    let key = 0u32.to_ne_bytes();
    if kind == DataKind::Kconfig {
        let value = kconfig::values(object, map, kernel)?;
        bpf_map::map_update(fd, &key, &value, abi::BPF_ANY).map_err(failed)?;
    } else if !initial.is_empty() {
        bpf_map::map_update(fd, &key, initial, abi::BPF_ANY).map_err(failed)?;
    }
    if matches!(kind, DataKind::Rodata | DataKind::Kconfig) {
        bpf::map_freeze(fd).map_err(failed)?;
    }
    Ok(())
}

/// At most 15 characters of those that the kernel takes in a name. The dot of a data section is
/// known from 5.2 on, as data sections are.
pub(super) fn kernel_name(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => c,
            _ => '_',
        })
        .take(abi::BPF_OBJ_NAME_LEN - 1)
        .collect()
}
