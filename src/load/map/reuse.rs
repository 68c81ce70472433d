//! Maps that are in the kernel already, taken in the place of new ones.

use std::ffi::CString;

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

use super::choice::MapSource;
use super::create::max_entries;
use super::{LoadError, Making, MapError};
use crate::object::{MapKind, MapSpec};
use crate::sys::abi::{self, MapInfo};
use crate::sys::{bpf, bpf_pin, map_types};

impl Making<'_, '_> {
    /// Opens the map that was chosen for `map`.
    pub(super) fn chosen(
        &self,
        map: &MapSpec<'_>,
        source: MapSource<'_>,
    ) -> Result<OwnedFd, Box<LoadError>> {
        let (name, opened) = match source {
            MapSource::Pinned(path) => (path.to_owned(), open(path)),
            MapSource::Id(id) => (format!("map {id}"), bpf::map_get_fd_by_id(id)),
            MapSource::Open(fd) => (
                "the open map".into(),
                rustix::io::fcntl_dupfd_cloexec(fd, 3),
            ),
        };
        let fd = opened.map_err(|errno| match source {
            // What the kernel answers of any other file.
            MapSource::Pinned(path)
                if errno == Errno::ACCESS && bpf_pin::is_bpf_fs(path) == Ok(false) =>
            {
                MapError::NotPinned {
                    map: map.name.into(),
                    path: path.into(),
                }
            }
            _ => MapError::Open {
                map: map.name.into(),
                source_name: name.clone(),
                errno,
            },
        })?;
        self.check(map, &fd, name, Found::ByChoice)?;
        Ok(fd)
    }

    /// Opens the map that is pinned at `path`; `None` where there is nothing.
    pub(super) fn pinned(
        &self,
        map: &MapSpec<'_>,
        path: &str,
    ) -> Result<Option<OwnedFd>, Box<LoadError>> {
        let fd = match open(path) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => {
                return Err(LoadError::Maps(MapError::Open {
                    map: map.name.into(),
                    source_name: path.into(),
                    errno,
                })
                .into());
            }
        };
        self.check(map, &fd, path.into(), Found::ByName)?;
        Ok(Some(fd))
    }

    /// Whether an open map is as `map` would be made.
    fn check(
        &self,
        map: &MapSpec<'_>,
        fd: &OwnedFd,
        source_name: String,
        found: Found,
    ) -> Result<(), Box<LoadError>> {
        let is_map = bpf_pin::kind_of(fd.as_fd()).is_none_or(|kind| kind == "bpf-map");
        if !is_map {
            return Err(LoadError::Maps(MapError::NotAMap {
                map: map.name.into(),
                source_name,
            })
            .into());
        }
        let there = bpf::map_info(fd.as_fd()).map_err(|errno| MapError::Open {
            map: map.name.into(),
            source_name: source_name.clone(),
            errno,
        })?;
        let differences = differences(&self.wanted(map)?, &there);
        match differences.is_empty() {
            true => Ok(()),
            false => Err(LoadError::Maps(MapError::Different {
                map: map.name.into(),
                source_name,
                differences: differences.join(", "),
                by_name: found == Found::ByName,
            })
            .into()),
        }
    }

    /// What the kernel would say of `map`, were it made here.
    fn wanted(&self, map: &MapSpec<'_>) -> Result<MapInfo, Box<LoadError>> {
        let node = match map.numa_node {
            Some(_) => abi::BPF_F_NUMA_NODE,
            None => 0,
        };
        let mut flags = self.flags(map) | node;
        if matches!(map.kind, MapKind::Data { .. }) {
            // Whether it can be mapped is nothing that programs see.
            flags &= !abi::BPF_F_MMAPABLE;
        }
        Ok(MapInfo {
            map_type: map.map_type,
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: max_entries(map)?,
            map_flags: flags,
            map_extra: map.map_extra,
            ..MapInfo::default()
        })
    }
}

/// How a map was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    ByName,
    ByChoice,
}

fn open(path: &str) -> rustix::io::Result<OwnedFd> {
    let path = CString::new(path).map_err(|_| Errno::NOENT)?;
    bpf_pin::obj_get(&path)
}

/// Each field in which a map that is there differs from the one that is wanted.
fn differences(wanted: &MapInfo, there: &MapInfo) -> Vec<String> {
    let mut found = Vec::new();
    if wanted.map_type != there.map_type {
        let name = |number: u32| match map_types::map_type(number) {
            Some(kind) => kind.name.to_owned(),
            None => number.to_string(),
        };
        let (there, wanted) = (name(there.map_type), name(wanted.map_type));
        found.push(format!("its type is {there}, not {wanted}"));
    }
    for (field, there, wanted) in [
        ("key_size", there.key_size, wanted.key_size),
        ("value_size", there.value_size, wanted.value_size),
        ("max_entries", there.max_entries, wanted.max_entries),
    ] {
        if there != wanted {
            found.push(format!("its {field} is {there}, not {wanted}"));
        }
    }
    // The kernel adds this to every device map.
    let ignored = match there.map_type {
        abi::BPF_MAP_TYPE_DEVMAP | abi::BPF_MAP_TYPE_DEVMAP_HASH => abi::BPF_F_RDONLY_PROG,
        abi::BPF_MAP_TYPE_ARRAY if wanted.map_flags & abi::BPF_F_MMAPABLE == 0 => {
            abi::BPF_F_MMAPABLE
        }
        _ => 0,
    };
    let flags = there.map_flags & !ignored;
    if flags != wanted.map_flags & !ignored {
        found.push(format!(
            "its map_flags are {flags:#x}, not {:#x}",
            wanted.map_flags
        ));
    }
    if there.map_extra != wanted.map_extra {
        found.push(format!(
            "its map_extra is {:#x}, not {:#x}",
            there.map_extra, wanted.map_extra
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_that_differs_is_named_with_both_values() {
        let wanted = MapInfo {
            map_type: abi::BPF_MAP_TYPE_HASH,
            key_size: 4,
            value_size: 8,
            max_entries: 64,
            ..MapInfo::default()
        };
        assert!(differences(&wanted, &wanted).is_empty());
        type Change = fn(&mut MapInfo);
        let cases: [(Change, &str); 6] = [
            (
                |i| i.map_type = abi::BPF_MAP_TYPE_ARRAY,
                "its type is array, not hash",
            ),
            (|i| i.key_size = 8, "its key_size is 8, not 4"),
            (|i| i.value_size = 16, "its value_size is 16, not 8"),
            (|i| i.max_entries = 65, "its max_entries is 65, not 64"),
            (|i| i.map_flags = 1, "its map_flags are 0x1, not 0x0"),
            (|i| i.map_extra = 5, "its map_extra is 0x5, not 0x0"),
        ];
        for (change, told) in cases {
            let mut there = wanted;
            change(&mut there);
            assert_eq!(differences(&wanted, &there), [told]);
        }
    }

    #[test]
    fn flags_that_the_kernel_adds_are_no_difference() {
        for map_type in [abi::BPF_MAP_TYPE_DEVMAP, abi::BPF_MAP_TYPE_DEVMAP_HASH] {
            let wanted = MapInfo {
                map_type,
                ..MapInfo::default()
            };
            let there = MapInfo {
                map_flags: abi::BPF_F_RDONLY_PROG,
                ..wanted
            };
            assert!(differences(&wanted, &there).is_empty(), "{map_type}");
        }
    }
}
