//! Many elements of a map by one call, and elements that are read and removed in one step.

use super::abi::{
    BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_LOOKUP_AND_DELETE_ELEM, BPF_MAP_LOOKUP_BATCH,
    MapBatchAttr, MapElemAttr,
};
use super::bpf_call::{address, call, length, number};
use super::bpf_map::{Elements, Reading};
use rustix::io::{self, Errno};

/// Where a walk by batches stands.
#[derive(Debug, Default)]
pub struct Cursor {
    /// As the kernel wrote it: the number of a bucket, or a key. Empty before the first batch.
    at: Vec<u8>,
}

/// What a batch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Elements at the front of the buffers.
    pub count: usize,
    /// Whether it was the last.
    pub last: bool,
}

impl Elements<'_> {
    /// Reads as many elements as fit both buffers (`BPF_MAP_LOOKUP_BATCH`,
    /// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`, 5.6), and moves the cursor behind them.
    ///
    /// # Errors
    /// The kernel's: `ENOSPC` where the next bucket of a hash has more elements than fit; `EINVAL` before
    /// 5.6, and where the buffers have no room for one element; 524 where this type of map has no batches.
    pub fn batch(
        &self,
        reading: Reading,
        cursor: &mut Cursor,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch> {
        let rooms = |buffer: &[u8], each: usize| buffer.len().checked_div(each).unwrap_or(0);
        let room = rooms(keys, self.key_len).min(rooms(values, self.value_len));
        if room == 0 {
            return Err(Errno::INVAL);
        }
        // A hash writes the number of its bucket, whatever the length of its keys.
        let mut next = vec![0u8; self.key_len.max(size_of::<u32>())];
        let mut attr = MapBatchAttr {
            in_batch: address(&cursor.at),
            out_batch: next.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: length(room)?,
            map_fd: number(self.map),
            elem_flags: self.flags,
            ..MapBatchAttr::default()
        };
        let command = match reading {
            Reading::Keep => BPF_MAP_LOOKUP_BATCH,
            Reading::Remove => BPF_MAP_LOOKUP_AND_DELETE_BATCH,
        };
        // Safety: the kernel writes at most `count` keys and values, for which both buffers have room, and
        // a cursor of four bytes or a key's length, which is also what it reads of the one before.
        let answer = unsafe { call(command, &mut attr) };
        let last = match answer {
            Ok(_) => false,
            Err(Errno::NOENT) => true,
            Err(error) => return Err(error),
        };
        cursor.at = next;
        let count = (attr.count as usize).min(room);
        Ok(Batch { count, last })
    }

    /// Reads an element into `value` and removes it in one step (`BPF_MAP_LOOKUP_AND_DELETE_ELEM`; of
    /// hashes from 5.14 on); `false` where there is none.
    ///
    /// # Errors
    /// The kernel's: `EINVAL` or 524 where this type of map has no such step; `EINVAL` too where a length is
    /// not the map's.
    pub fn take(&self, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
        if key.len() != self.key_len || value.len() != self.value_len {
            return Err(Errno::INVAL);
        }
        let mut attr = MapElemAttr {
            map_fd: number(self.map),
            key: address(key),
            value: value.as_mut_ptr() as u64,
            ..MapElemAttr::default()
        };
        // Safety: key and value are borrowed for this call, the value to be written, and as long as the
        // kernel said that it reads and writes.
        match unsafe { call(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &mut attr) } {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
