//! Memory of maps that this process shares with programs.

use std::sync::OnceLock;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use super::{LoadError, MapError};
use crate::object::{DataKind, MapKind, MapSpec};
use crate::sys::abi;
use crate::sys::kernel::page_size;
use crate::sys::mapping::{Access, Mapping};

/// Which bytes of a map are variables, and how to come by them.
#[derive(Debug)]
pub(in crate::load) enum Memory {
    /// None are.
    None,
    /// The value of a data section's map: so many bytes, mapped when first asked for, where it can be.
    Data {
        len: usize,
        access: Access,
        mapping: OnceLock<Option<Mapping>>,
    },
    /// An arena, which is mapped as long as it is there.
    Arena(Mapping),
}

impl Memory {
    /// What a map has that was made or found. An arena is mapped, and filled where it is new: programs
    /// can't name a place in it before.
    pub fn of(
        map: &MapSpec<'_>,
        fd: BorrowedFd<'_>,
        reused: bool,
    ) -> Result<Memory, Box<LoadError>> {
        match &map.kind {
            MapKind::Data { kind, .. } => Ok(Memory::Data {
                len: map.value_size as usize,
                access: match kind {
                    DataKind::Rodata | DataKind::Kconfig => Access::Read,
                    DataKind::Data | DataKind::Bss => Access::ReadWrite,
                },
                mapping: OnceLock::new(),
            }),
            _ if map.map_type == abi::BPF_MAP_TYPE_ARENA => {
                let initial = map.arena_data.as_deref().filter(|_| !reused);
                arena(map, fd, initial.unwrap_or_default()).map_err(Into::into)
            }
            _ => Ok(Memory::None),
        }
    }

    /// The mapping, where there is one.
    pub fn mapping(&self, fd: impl AsFd) -> Option<&Mapping> {
        match self {
            Memory::None => None,
            Memory::Arena(mapping) => Some(mapping),
            Memory::Data {
                len,
                access,
                mapping,
            } => mapping
                .get_or_init(|| {
                    let len = len.checked_next_multiple_of(page_size())?;
                    Mapping::new(fd.as_fd(), 0, len, *access).ok()
                })
                .as_ref(),
        }
    }
}

/// Maps an arena where its definition says (`map_extra`), else where there is room.
fn arena(map: &MapSpec<'_>, fd: BorrowedFd<'_>, initial: &[u8]) -> Result<Memory, MapError> {
    let failed = |errno| MapError::Arena {
        map: map.name.into(),
        errno,
    };
    let len = (map.max_entries as usize).checked_mul(page_size());
    let len = len.ok_or_else(|| failed(Errno::NOMEM))?;
    if initial.len() > len {
        return Err(MapError::ArenaFull {
            map: map.name.into(),
            needs: initial.len(),
            has: len,
        });
    }
    let mapping = match usize::try_from(map.map_extra) {
        Ok(0) => Mapping::new(fd, 0, len, Access::ReadWrite),
        Ok(start) => Mapping::at(start, fd, len),
        Err(_) => Err(Errno::INVAL),
    };
    let mapping = mapping.map_err(failed)?;
    // A page comes into being when it is first written: those that are zero need not.
    for (index, page) in initial.chunks(page_size()).enumerate() {
        if page.iter().all(|&b| b == 0) {
            continue;
        }
        // Touching it would end this process.
        if map.flags & abi::BPF_F_SEGV_ON_FAULT != 0 {
            return Err(failed(Errno::FAULT));
        }
        mapping.write(index * page_size(), page);
    }
    Ok(Memory::Arena(mapping))
}
