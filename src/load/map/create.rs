//! One map into the kernel, as its definition says.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::{LoadError, Making, kernel_name};
use crate::btf::TypeId;
use crate::object::{DataKind, MapKind, MapSpec};
use crate::sys::{Feature, abi, bpf, cpus, kernel as sys_kernel};

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

impl Making<'_, '_> {
    /// Creates a map; for a map of maps, a template of its inner maps first, which is let go again.
    pub(super) fn create(&self, map: &MapSpec<'_>) -> Result<OwnedFd, Box<LoadError>> {
        let inner = match &map.inner {
            Some(inner) => Some(self.create_one(inner, None)?),
            None => None,
        };
        self.create_one(map, inner.as_ref().map(AsFd::as_fd))
    }

    fn create_one(
        &self,
        map: &MapSpec<'_>,
        inner: Option<BorrowedFd<'_>>,
    ) -> Result<OwnedFd, Box<LoadError>> {
        let name = self.name_of(map);
        let typed = map.key_type != TypeId::VOID || map.value_type != TypeId::VOID;
        let with_btf = typed && !WITHOUT_BTF.contains(&map.map_type);
        let mut create = bpf::MapCreate {
            map_type: map.map_type,
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: max_entries(map)?,
            map_flags: self.flags(map),
            name: &name,
            btf: self.btf.filter(|_| with_btf).map(|btf| bpf::MapBtf {
                fd: btf.as_fd(),
                key_type_id: map.key_type.0,
                value_type_id: map.value_type.0,
            }),
            inner_map: inner,
            numa_node: map.numa_node,
            map_extra: map.map_extra,
            ..bpf::MapCreate::default()
        };
        #[cfg(feature = "full")]
        if let Some(table) = self.named.tables.table(self.object, map) {
            create.value_size = table.value_size;
            create.btf_vmlinux_value_type_id = table.value_type.number();
            create.value_type_btf = table.module().and_then(|m| self.named.modules.get(m));
            // Its types are the kernel's; whose program refers to them is asked all the same.
            create.btf = self.btf.map(|btf| bpf::MapBtf {
                fd: btf.as_fd(),
                key_type_id: 0,
                value_type_id: 0,
            });
        }
        #[cfg(feature = "full")]
        if self.says_event(map) {
            create.value_size = match is_ring(map) {
                true => 0,
                false => 4,
            };
            create.btf = None;
        }
        let features = &self.kernel.features;
        if is_ring(map) && features.is_hidden(Feature::RingBuffer) {
            return Err(super::MapError::no_rings(map.name, Errno::INVAL).into());
        }
        if features.known(Feature::ObjectNames) == Some(false) {
            create.name = "";
        }
        let mut made = self.memlock.retry(|| bpf::map_create(&create));
        if made.is_err() && !create.name.is_empty() && !features.has(Feature::ObjectNames) {
            create.name = "";
            made = bpf::map_create(&create);
        }
        #[cfg(feature = "full")]
        if made.is_err() && self.is_mapped_in_vain(map, &create) {
            create.map_flags &= !abi::BPF_F_MMAPABLE;
            made = bpf::map_create(&create);
        }
        if made.is_err() && create.btf.is_some() {
            // The kernel may know this type of map with plain sizes only.
            let plain = bpf::MapCreate {
                btf: None,
                ..create
            };
            made = bpf::map_create(&plain).or(made);
        }
        made.map_err(|errno| match errno {
            Errno::PERM | Errno::ACCESS => Box::new(LoadError::Permission {
                subject: format!("creating map {}", map.name),
                errno,
            }),
            _ => refused(map, &create, errno).into(),
        })
    }

    /// Whether the value type of a ring says what its records are; to the kernel a ring has none, or the
    /// file descriptors of its buffers.
    #[cfg(feature = "full")]
    fn says_event(&self, map: &MapSpec<'_>) -> bool {
        use crate::btf::Types;
        let ring = is_ring(map) || map.map_type == abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY;
        let btf = self.object.btf.as_ref().filter(|_| ring);
        let of = btf.and_then(|btf| btf.peel(map.value_type).ok());
        of.is_some_and(|of| of.kind.is_composite())
    }

    fn name_of(&self, map: &MapSpec<'_>) -> String {
        if self.is_plain(map) {
            // The dot came with global data.
            return kernel_name(map.name).replace('.', "_");
        }
        if matches!(map.kind, MapKind::Data { .. }) {
            return super::names::data_name(self.name, map.name);
        }
        kernel_name(map.name)
    }

    /// `BPF_F_…` of a map: those of its definition, and those that go with its kind.
    pub(super) fn flags(&self, map: &MapSpec<'_>) -> u32 {
        match &map.kind {
            MapKind::Data { kind, .. } => map.flags | self.data_flags(map, *kind),
            _ => map.flags,
        }
    }

    fn data_flags(&self, map: &MapSpec<'_>, kind: DataKind) -> u32 {
        #[cfg(feature = "full")]
        let mapped = match self.is_mappable(map) {
            true => abi::BPF_F_MMAPABLE,
            false => 0,
        };
        #[cfg(not(feature = "full"))]
        let mapped = 0;
        match kind {
            DataKind::Rodata | DataKind::Kconfig if !self.is_plain(map) => {
                mapped | abi::BPF_F_RDONLY_PROG
            }
            _ => mapped,
        }
    }

    /// Whether the map of a data section is like any other: the kernel has no global data, and programs
    /// look theirs up.
    pub(super) fn is_plain(&self, map: &MapSpec<'_>) -> bool {
        let is_data = matches!(map.kind, MapKind::Data { .. });
        is_data && !self.kernel.features.has(Feature::GlobalData)
    }

    /// Whether a data section was to be mapped by a kernel that does not do that.
    #[cfg(feature = "full")]
    fn is_mapped_in_vain(&self, map: &MapSpec<'_>, create: &bpf::MapCreate<'_>) -> bool {
        matches!(map.kind, MapKind::Data { .. })
            && create.map_flags & abi::BPF_F_MMAPABLE != 0
            && !self.kernel.features.has(Feature::MmapableArray)
    }

    /// Whether user space is to map a data section: nothing says that the kernel can't, and there is a
    /// variable in it that is not static, so that somebody may want to.
    #[cfg(feature = "full")]
    fn is_mappable(&self, map: &MapSpec<'_>) -> bool {
        use crate::btf::{Kind, Linkage, Types};
        let Some(btf) = &self.object.btf else {
            return false;
        };
        let section = btf.find(Kind::Datasec, map.name);
        let section = section.and_then(|id| btf.header(id).ok());
        let is_static = |var| {
            let linkage = btf.header(var).and_then(|var| btf.linkage(&var));
            linkage == Ok(Linkage::Static)
        };
        let visible = section.is_some_and(|section| {
            let mut vars = (0..section.vlen).filter_map(|i| btf.secinfo(&section, i).ok());
            vars.any(|info| !is_static(info.var))
        });
        visible && self.kernel.features.known(Feature::MmapableArray) != Some(false)
    }
}

/// What the definition leaves to the machine.
pub(super) fn max_entries(map: &MapSpec<'_>) -> Result<u32, Box<LoadError>> {
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

fn is_ring(map: &MapSpec<'_>) -> bool {
    map.map_type == abi::BPF_MAP_TYPE_RINGBUF
}

#[cfg(not(feature = "full"))]
fn refused(map: &MapSpec<'_>, _: &bpf::MapCreate<'_>, errno: Errno) -> LoadError {
    LoadError::Map {
        map: map.name.into(),
        errno,
    }
}

/// Why the kernel refused a map: it does not know the type, or this one is not as it wants them.
#[cfg(feature = "full")]
fn refused(map: &MapSpec<'_>, create: &bpf::MapCreate<'_>, errno: Errno) -> LoadError {
    use super::MapError;
    use crate::sys::map_types;
    if errno == Errno::NOSYS {
        return LoadError::Map {
            map: map.name.into(),
            errno,
        };
    }
    let lacking = errno != Errno::NOMEM && map_types::probe(map.map_type).is_err();
    if lacking && is_ring(map) {
        return MapError::no_rings(map.name, errno).into();
    }
    let Some(kind) = map_types::map_type(map.map_type) else {
        return LoadError::Maps(MapError::UnknownType {
            map: map.name.into(),
            number: map.map_type,
            errno,
        });
    };
    LoadError::Maps(match lacking {
        true => MapError::NoType {
            map: map.name.into(),
            name: kind.name,
            since: kind.since,
            config: kind.config,
            errno,
        },
        false => MapError::Refused {
            map: map.name.into(),
            name: kind.name,
            definition: definition(create),
            errno,
        },
    })
}

/// The definition in words: what is not zero of it.
#[cfg(feature = "full")]
fn definition(create: &bpf::MapCreate<'_>) -> String {
    let mut text = format!(
        "key_size {}, value_size {}, max_entries {}",
        create.key_size, create.value_size, create.max_entries
    );
    if create.map_flags != 0 {
        text.push_str(&format!(", map_flags {:#x}", create.map_flags));
    }
    if let Some(node) = create.numa_node {
        text.push_str(&format!(", numa_node {node}"));
    }
    if create.map_extra != 0 {
        text.push_str(&format!(", map_extra {:#x}", create.map_extra));
    }
    text
}
