//! The records of rings as iterators, beside the callbacks of `drain`.
//!
//! What an iterator hands over lies where the kernel wrote it, and may be kept as long as the ring is
//! borrowed. The room is given back to the kernel when the ring is used next: by `release`, which waiting
//! for several rings does by itself, or by another look.

use super::perf_record::raw_sample;
use super::{BpfRing, PerfRing, Record};
use crate::sys::abi::{
    BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ, PERF_RECORD_LOST,
    PERF_RECORD_LOST_SAMPLES, PERF_RECORD_SAMPLE, PerfEventHeader,
};
use crate::sys::mapping::Mapping;
use std::cell::OnceCell;
use std::mem::size_of;

/// The records of a BPF ring: made by [`BpfRing::records`].
pub struct BpfRecords<'r> {
    pub(super) producer: &'r Mapping,
    /// Where the data begin in that, and their size.
    pub(super) page: usize,
    pub(super) size: usize,
    /// How far records were handed over, and how far there are any.
    pub(super) handed: &'r mut u64,
    pub(super) end: u64,
    pub(super) corrupt: &'r mut u64,
}

impl<'r> Iterator for BpfRecords<'r> {
    type Item = Record<'r>;

    fn next(&mut self) -> Option<Record<'r>> {
        const HEADER: usize = BPF_RINGBUF_HDR_SZ as usize;
        loop {
            let left = self.end.wrapping_sub(*self.handed);
            if left == 0 {
                return None;
            }
            let position = *self.handed & (self.size as u64 - 1);
            let at = self.page + position as usize;
            let word = self.producer.load_acquire_u32(at);
            if word & BPF_RINGBUF_BUSY_BIT != 0 {
                return None;
            }
            let len = (word & !BPF_RINGBUF_DISCARD_BIT) as usize;
            let whole = (HEADER + len).next_multiple_of(8) as u64;
            if left > self.size as u64 || whole > left {
                *self.corrupt = self.corrupt.saturating_add(left.min(self.size as u64));
                *self.handed = self.end;
                return None;
            }
            *self.handed = self.handed.wrapping_add(whole);
            if word & BPF_RINGBUF_DISCARD_BIT == 0 {
                // Safety: the busy bit was seen to be clear with acquire ordering; the kernel reuses the
                // bytes only when our position passes them, which is stored by who borrows the ring
                // mutably next, when this slice is gone.
                let data = unsafe { self.producer.bytes(at + HEADER, len) };
                return Some(Record::Sample(data.unwrap_or_default()));
            }
        }
    }
}

const HEADER: usize = size_of::<PerfEventHeader>();

/// The records of one CPU's perf ring.
pub(super) struct BufferRecords<'r> {
    pub(super) cpu: u32,
    /// What is unread, in two pieces that follow each other.
    pub(super) first: &'r [u8],
    pub(super) second: &'r [u8],
    /// How much of it was handed over.
    pub(super) at: usize,
    /// Bytes in front of each sample: its time, or nothing.
    pub(super) front: usize,
    /// Bytes that the ring holds.
    pub(super) size: usize,
    /// The place of that in the ring.
    pub(super) handed: &'r mut u64,
    /// The one record that may lie in both pieces.
    pub(super) joined: &'r OnceCell<Vec<u8>>,
    pub(super) lost: &'r mut u64,
    pub(super) corrupt: &'r mut u64,
}

impl<'r> BufferRecords<'r> {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// `len` bytes at `at`, as they lie where they are in one piece.
    fn bytes(&self, at: usize, len: usize) -> Option<&'r [u8]> {
        let end = at.checked_add(len)?;
        if end <= self.first.len() {
            return self.first.get(at..end);
        }
        let second_end = end - self.first.len();
        if let Some(start) = at.checked_sub(self.first.len()) {
            return self.second.get(start..second_end);
        }
        let (front, back) = (self.first.get(at..)?, self.second.get(..second_end)?);
        let joined = self.joined.get_or_init(|| [front, back].concat());
        Some(joined.as_slice()).filter(|joined| joined.len() == len)
    }

    /// Whether it has to be read soon.
    pub(super) fn is_half_full(&self) -> bool {
        self.len() > self.size / 2
    }

    /// When the next record was sent; 0 for one that does not say, and `None` where there is none.
    pub(super) fn next_time(&self) -> Option<u64> {
        const WORD: usize = size_of::<u64>();
        if self.at >= self.len() {
            return None;
        }
        let header = self.bytes(self.at, HEADER)?.first_chunk::<4>()?;
        if u32::from_ne_bytes(*header) != PERF_RECORD_SAMPLE || self.front < WORD {
            return Some(0);
        }
        // Words lie in one piece.
        let time = self.bytes(self.at + HEADER, WORD);
        let time = time.and_then(<[u8]>::first_chunk::<WORD>);
        Some(time.map_or(0, |time| u64::from_ne_bytes(*time)))
    }

    fn done(&mut self, bytes: usize) {
        self.at += bytes;
        *self.handed = self.handed.wrapping_add(bytes as u64);
    }
}

impl<'r> Iterator for BufferRecords<'r> {
    type Item = (u32, Record<'r>);

    fn next(&mut self) -> Option<(u32, Record<'r>)> {
        while self.at < self.len() {
            let header = self
                .bytes(self.at, HEADER)
                .and_then(<[u8]>::first_chunk::<8>);
            let [a, b, c, d, _, _, low, high] = header.copied().unwrap_or_default();
            let (record_type, size) = (
                u32::from_ne_bytes([a, b, c, d]),
                u16::from_ne_bytes([low, high]),
            );
            let size = usize::from(size);
            let body = (size >= HEADER && size.is_multiple_of(8))
                .then(|| self.bytes(self.at + HEADER, size - HEADER))
                .flatten();
            let Some(body) = body else {
                // Without a size nothing behind can be found.
                let rest = self.len() - self.at;
                *self.corrupt = self.corrupt.saturating_add(rest as u64);
                self.done(rest);
                return None;
            };
            self.done(size);
            let count = |at: usize| {
                let word = body.get(at..)?.first_chunk::<8>()?;
                Some(u64::from_ne_bytes(*word))
            };
            let record = match record_type {
                PERF_RECORD_SAMPLE => raw_sample(body, self.front).map(Record::Sample),
                PERF_RECORD_LOST => count(8).map(Record::Lost),
                PERF_RECORD_LOST_SAMPLES => count(0).map(Record::Lost),
                _ => continue,
            };
            match record {
                Some(record) => {
                    if let Record::Lost(count) = record {
                        *self.lost = self.lost.saturating_add(count);
                    }
                    return Some((self.cpu, record));
                }
                None => *self.corrupt = self.corrupt.saturating_add(size as u64),
            }
        }
        None
    }
}

impl BpfRing {
    /// The records that are finished, in order; those that are discarded are passed over, and it ends at
    /// one that is still being written. They may be kept as long as the ring is borrowed.
    pub fn records(&mut self) -> BpfRecords<'_> {
        self.release();
        self.unreleased()
    }
}

impl PerfRing {
    /// The records that are there, CPU by CPU, each with the number of its CPU. They may be kept as long
    /// as the ring is borrowed.
    pub fn records(&mut self) -> impl Iterator<Item = (u32, Record<'_>)> {
        self.release();
        self.unreleased()
    }
}
