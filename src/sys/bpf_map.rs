//! A map's elements: read, set, removed and walked, with lengths that the kernel itself gave.
//!
//! The kernel takes the lengths of keys and values from the map, not from the caller, so a safe
//! call has to check them against the map first.

use super::abi::{
    BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_ELEM, BPF_MAP_TYPE_LRU_PERCPU_HASH,
    BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, BPF_MAP_TYPE_PERCPU_HASH,
    BPF_MAP_UPDATE_ELEM, MapElemAttr, MapInfo,
};
use super::bpf_call::{address, call, number};
use super::bpf_ids::map_info;
use super::cpus;
use rustix::fd::BorrowedFd;
use rustix::io::{self, Errno};

/// What happens to elements as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// They stay.
    Keep,
    /// Each is removed in the moment in which it is read.
    Remove,
}

/// A map that is open somewhere, with the lengths of its keys and values.
#[derive(Clone, Copy)]
pub struct Elements<'a> {
    pub(super) map: BorrowedFd<'a>,
    pub(super) key_len: usize,
    pub(super) value_len: usize,
    max_entries: u32,
    /// Flags of what is read.
    pub(super) flags: u64,
}

/// Sets an element of a map (`BPF_MAP_UPDATE_ELEM`); `flags` are `BPF_ANY`, `BPF_NOEXIST`,
/// `BPF_EXIST`. For many elements, make one `Elements`.
///
/// # Errors
/// The kernel's; `EINVAL` too where a length is not the map's.
pub fn map_update(map: BorrowedFd<'_>, key: &[u8], value: &[u8], flags: u64) -> io::Result<()> {
    Elements::of(map)?.update(key, value, flags)
}

/// Reads an element of a map into `value` (`BPF_MAP_LOOKUP_ELEM`); `false` where there is none.
///
/// # Errors
/// The kernel's; `EINVAL` too where a length is not the map's.
pub fn map_lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
    Elements::of(map)?.lookup(key, value)
}

impl<'a> Elements<'a> {
    /// Asks the kernel for the map's sizes (`BPF_OBJ_GET_INFO_BY_FD`), and for a per-CPU map reads
    /// how many CPUs there can be.
    ///
    /// # Errors
    /// The kernel's.
    pub fn of(map: BorrowedFd<'a>) -> io::Result<Self> {
        let info = map_info(map)?;
        let value_len = match info.map_type {
            BPF_MAP_TYPE_PERCPU_HASH
            | BPF_MAP_TYPE_PERCPU_ARRAY
            | BPF_MAP_TYPE_LRU_PERCPU_HASH
            | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE => per_cpu_len(&info, cpus::possible()?.count()),
            _ => Some(info.value_size as usize),
        };
        Ok(Elements {
            map,
            key_len: info.key_size as usize,
            value_len: value_len.ok_or(Errno::OVERFLOW)?,
            max_entries: info.max_entries,
            flags: 0,
        })
    }

    /// The same, read under the lock that is in each value (`BPF_F_LOCK`, 5.1).
    #[must_use]
    pub fn locked(self) -> Self {
        Elements {
            flags: super::abi::BPF_F_LOCK,
            ..self
        }
    }

    /// Bytes in a key.
    #[must_use]
    pub fn key_len(&self) -> usize {
        self.key_len
    }

    /// Bytes that a look-up fills and an update reads: for per-CPU maps the value rounded up to 8
    /// bytes, once for every possible CPU.
    #[must_use]
    pub fn value_len(&self) -> usize {
        self.value_len
    }

    /// Entries at most; bytes for a ring buffer.
    #[must_use]
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// Sets an element (`BPF_MAP_UPDATE_ELEM`).
    ///
    /// # Errors
    /// The kernel's: `E2BIG` where the map is full, `EEXIST` and `ENOENT` by the flags; `EINVAL`
    /// too where a length is not the map's.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> io::Result<()> {
        expect(value, self.value_len)?;
        let mut attr = MapElemAttr {
            value: address(value),
            flags,
            ..self.at(key)?
        };
        // Safety: key and value are borrowed for this call and as long as the kernel said that
        // it reads.
        unsafe { call(BPF_MAP_UPDATE_ELEM, &mut attr) }.map(drop)
    }

    /// Reads an element into `value` (`BPF_MAP_LOOKUP_ELEM`); `false` where there is none.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` too where a length is not the map's.
    pub fn lookup(&self, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
        expect(value, self.value_len)?;
        let mut attr = MapElemAttr {
            value: value.as_mut_ptr() as u64,
            flags: self.flags,
            ..self.at(key)?
        };
        // Safety: key and value are borrowed for this call, the value to be written, and as long
        // as the kernel said that it reads and writes.
        found(unsafe { call(BPF_MAP_LOOKUP_ELEM, &mut attr) })
    }

    /// Removes an element (`BPF_MAP_DELETE_ELEM`); `false` where there was none.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` too where the key's length is not the map's.
    pub fn delete(&self, key: &[u8]) -> io::Result<bool> {
        let mut attr = self.at(key)?;
        // Safety: the key is borrowed for this call and as long as the kernel said that it reads.
        found(unsafe { call(BPF_MAP_DELETE_ELEM, &mut attr) })
    }

    /// Writes the key after `key`, or the first one for `None`, into `next`
    /// (`BPF_MAP_GET_NEXT_KEY`); `false` at the end.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` too where a length is not the map's.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
        expect(next, self.key_len)?;
        let mut attr = match key {
            Some(key) => self.at(key)?,
            None => self.nowhere(),
        };
        attr.value = next.as_mut_ptr() as u64;
        // Safety: both keys are borrowed for this call, `next` to be written, and as long as the
        // kernel said that it reads and writes.
        found(unsafe { call(BPF_MAP_GET_NEXT_KEY, &mut attr) })
    }

    fn nowhere(&self) -> MapElemAttr {
        MapElemAttr {
            map_fd: number(self.map),
            ..MapElemAttr::default()
        }
    }

    fn at(&self, key: &[u8]) -> io::Result<MapElemAttr> {
        expect(key, self.key_len)?;
        Ok(MapElemAttr {
            key: address(key),
            ..self.nowhere()
        })
    }
}

fn per_cpu_len(info: &MapInfo, cpus: usize) -> Option<usize> {
    (info.value_size as usize)
        .checked_next_multiple_of(8)?
        .checked_mul(cpus)
}

fn expect(bytes: &[u8], len: usize) -> io::Result<()> {
    if bytes.len() == len {
        return Ok(());
    }
    Err(Errno::INVAL)
}

fn found(answer: io::Result<u32>) -> io::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_per_cpu_value_is_padded_for_each_cpu() {
        for (value_size, cpus, len) in [(4, 3, 24), (8, 2, 16), (9, 1, 16), (0, 4, 0)] {
            let info = MapInfo {
                value_size,
                ..MapInfo::default()
            };
            assert_eq!(per_cpu_len(&info, cpus), Some(len), "{value_size} x {cpus}");
        }
    }

    #[test]
    fn a_missing_element_is_no_error() {
        assert_eq!(found(Ok(0)), Ok(true));
        assert_eq!(found(Err(Errno::NOENT)), Ok(false));
        assert_eq!(found(Err(Errno::PERM)), Err(Errno::PERM));
    }
}
