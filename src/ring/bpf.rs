//! The BPF ring buffer (5.8): one buffer for all CPUs, in the order in which records were reserved.
//!
//! The consumer's position is a page that we write, the producer's a page that the kernel writes,
//! and the data follow it twice in a row, so that no record is ever in two pieces. Source: the
//! kernel's `kernel/bpf/ringbuf.c`.

use super::{Record, RingError};
use crate::sys::abi::{BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ};
use crate::sys::bpf_map::Elements;
use crate::sys::kernel;
use crate::sys::mapping::{Access, Mapping};
use crate::sys::poll::Poller;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::ops::ControlFlow;
use std::sync::atomic::{Ordering, fence};

const HEADER: usize = BPF_RINGBUF_HDR_SZ as usize;

/// A mapped ring buffer. Dropping it unmaps; the map itself stays the caller's.
pub struct BpfRing {
    /// The page with our position, at its start.
    consumer: Mapping,
    /// The page with the kernel's position, then the data, twice.
    producer: Mapping,
    page: usize,
    size: usize,
    corrupt: u64,
    /// How far an iterator has handed records over.
    #[cfg(feature = "full")]
    handed: u64,
}

/// What a pass over the ring came to.
#[derive(Debug, PartialEq, Eq)]
enum Pass {
    /// No record is ready.
    Empty,
    /// The receiver asked to stop.
    Stopped,
    /// So many bytes were done.
    Bytes(usize),
}

impl BpfRing {
    /// Maps a BPF_MAP_TYPE_RINGBUF and has the poller watch it under `token`.
    ///
    /// # Errors
    /// `RingError`; the map's own size is taken, which is a power of two of pages.
    pub fn open(map: BorrowedFd<'_>, poller: &Poller, token: u8) -> Result<Self, RingError> {
        let elements = Elements::of(map).map_err(|errno| RingError::Map { errno })?;
        let page = kernel::page_size();
        let memory = |errno| RingError::Memory {
            bytes: elements.max_entries() as usize,
            errno,
        };
        let size = usize::try_from(elements.max_entries())
            .ok()
            .filter(|size| size.is_power_of_two() && *size >= page)
            .ok_or(memory(Errno::INVAL))?;
        let both = size
            .checked_mul(2)
            .and_then(|twice| twice.checked_add(page))
            .ok_or(memory(Errno::OVERFLOW))?;
        let consumer = Mapping::new(map, 0, page, Access::ReadWrite).map_err(memory)?;
        let producer = Mapping::new(map, page as u64, both, Access::Read).map_err(memory)?;
        poller
            .watch(map, token)
            .map_err(|errno| RingError::Poll { errno })?;
        Ok(BpfRing {
            #[cfg(feature = "full")]
            handed: consumer.load_acquire(0),
            consumer,
            producer,
            page,
            size,
            corrupt: 0,
        })
    }

    /// Hands over the records that are finished, in order; the number given with each is 0, there
    /// being one buffer for all CPUs. Stops where `each` breaks (that record counts as received), at
    /// a record that is still being written, and when as much as two rings was read: the poller will
    /// ask again then.
    pub fn drain<F>(&mut self, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        #[cfg(feature = "full")]
        self.release();
        let mut read = 0;
        while read < 2 * self.size {
            match self.pass(each) {
                Pass::Empty => break,
                Pass::Stopped => return ControlFlow::Break(()),
                Pass::Bytes(bytes) => read += bytes,
            }
            // The kernel wakes us only if it finds our position at the record that it finishes, so
            // the position must be seen before we look for the last time.
            fence(Ordering::SeqCst);
        }
        ControlFlow::Continue(())
    }

    /// How far it was read, in bytes since it was made.
    #[cfg(feature = "full")]
    pub(super) fn position(&self) -> u64 {
        self.consumer.load_acquire(0)
    }

    /// Gives the room of what an iterator has handed over back to the kernel, which wakes nobody before. So
    /// many bytes.
    #[cfg(feature = "full")]
    pub fn release(&mut self) -> u64 {
        let before = self.position();
        let bytes = self.handed.wrapping_sub(before);
        if bytes > 0 {
            self.consumer.store_release(0, self.handed);
            // As in `drain`.
            fence(Ordering::SeqCst);
        }
        bytes
    }

    /// The records behind those that were handed over.
    #[cfg(feature = "full")]
    pub(super) fn unreleased(&mut self) -> super::BpfRecords<'_> {
        super::BpfRecords {
            end: self.producer.load_acquire(0),
            producer: &self.producer,
            page: self.page,
            size: self.size,
            handed: &mut self.handed,
            corrupt: &mut self.corrupt,
        }
    }

    /// Bytes that it holds.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes given up because they made no sense as records. Never anything but 0, unless the
    /// kernel is broken.
    #[must_use]
    pub fn corrupt_bytes(&self) -> u64 {
        self.corrupt
    }

    fn advance(&mut self, position: u64) {
        self.consumer.store_release(0, position);
        #[cfg(feature = "full")]
        {
            self.handed = position;
        }
    }

    /// One pass from our position to the kernel's; our position is stored once, at its end.
    #[cfg_attr(all(hot_loops, feature = "full"), optimize(speed))]
    fn pass<F>(&mut self, each: &mut F) -> Pass
    where
        F: FnMut(u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        let start = self.consumer.load_acquire(0);
        let end = self.producer.load_acquire(0);
        let available = end.wrapping_sub(start);
        if available == 0 {
            return Pass::Empty;
        }
        if available > self.size as u64 {
            self.corrupt = self.corrupt.saturating_add(self.size as u64);
            self.advance(end);
            return Pass::Empty;
        }
        let mut done = 0;
        let mut stopped = false;
        while (done as u64) < available && !stopped {
            // Inside of the data, whatever the position.
            let position = start.wrapping_add(done as u64) & (self.size as u64 - 1);
            let at = self.page + position as usize;
            let word = self.producer.load_acquire_u32(at);
            if word & BPF_RINGBUF_BUSY_BIT != 0 {
                break;
            }
            let len = (word & !BPF_RINGBUF_DISCARD_BIT) as usize;
            let whole = (HEADER + len).next_multiple_of(8);
            if whole as u64 > available - done as u64 {
                let rest = available as usize - done;
                self.corrupt = self.corrupt.saturating_add(rest as u64);
                done += rest;
                break;
            }
            if word & BPF_RINGBUF_DISCARD_BIT == 0 {
                // Safety: the record's busy bit was seen to be clear with acquire ordering, so the
                // program is done with it; the kernel reuses its bytes only when our position, which
                // is stored below, has passed it. The mapping is read-only on our side.
                let data = unsafe { self.producer.bytes(at + HEADER, len) };
                // Not longer than the ring and begun inside of it: within the second copy.
                let data = data.unwrap_or_default();
                stopped = each(0, Record::Sample(data)).is_break();
            }
            done += whole;
        }
        if done == 0 {
            return Pass::Empty;
        }
        self.advance(start.wrapping_add(done as u64));
        if stopped {
            return Pass::Stopped;
        }
        Pass::Bytes(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::unix::fs::FileExt;

    /// The kernel's side: a file of consumer page, producer page and the data twice.
    struct Kernel {
        file: std::fs::File,
        page: u64,
        size: u64,
        position: u64,
    }

    fn ring(start: u64) -> (Kernel, BpfRing) {
        let page = kernel::page_size();
        let size = page;
        let file = memfd_create("ring", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, (2 * page + 2 * size) as u64).unwrap();
        let consumer = Mapping::new(file.as_fd(), 0, page, Access::ReadWrite).unwrap();
        let both = page + 2 * size;
        let producer = Mapping::new(file.as_fd(), page as u64, both, Access::Read).unwrap();
        consumer.store_release(0, start);
        let kernel = Kernel {
            file: file.into(),
            page: page as u64,
            size: size as u64,
            position: start,
        };
        kernel.publish();
        let ring = BpfRing {
            consumer,
            producer,
            page,
            size,
            corrupt: 0,
            #[cfg(feature = "full")]
            handed: start,
        };
        (kernel, ring)
    }

    impl Kernel {
        fn publish(&self) {
            self.file
                .write_at(&self.position.to_ne_bytes(), self.page)
                .unwrap();
        }

        fn put(&self, position: u64, byte: u8) {
            for copy in 0..2 {
                let at = 2 * self.page + copy * self.size + position % self.size;
                self.file.write_at(&[byte], at).unwrap();
            }
        }

        /// Writes a record and returns where it begins.
        fn write(&mut self, bits: u32, data: &[u8]) -> u64 {
            let start = self.position;
            self.set_word(start, bits | data.len() as u32);
            for (i, byte) in data.iter().enumerate() {
                self.put(start.wrapping_add(8 + i as u64), *byte);
            }
            let whole = (8 + data.len() as u64).next_multiple_of(8);
            self.position = start.wrapping_add(whole);
            self.publish();
            start
        }

        fn set_word(&self, at: u64, word: u32) {
            for (i, byte) in word.to_ne_bytes().into_iter().enumerate() {
                self.put(at.wrapping_add(i as u64), byte);
            }
        }
    }

    fn take(ring: &mut BpfRing) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        let flow = ring.drain(&mut |_, record| {
            let Record::Sample(bytes) = record else {
                panic!("{record:?}");
            };
            got.push(bytes.to_vec());
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        got
    }

    #[test]
    fn records_come_in_order_round_and_round_the_ring() {
        for start in [0, 0_u64.wrapping_sub(4096 + 24)] {
            let (mut kernel, mut ring) = ring(start);
            let mut sent = 0_usize;
            for round in 0..200 {
                let mut want = Vec::new();
                for _ in 0..round % 9 {
                    let data = vec![sent as u8; sent % 130];
                    kernel.write(0, &data);
                    want.push(data);
                    sent += 1;
                }
                assert_eq!(take(&mut ring), want, "round {round}");
            }
            assert_eq!(ring.corrupt_bytes(), 0);
        }
    }

    #[test]
    fn a_record_still_being_written_holds_back_those_behind_it() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(0, b"done");
        let busy = kernel.write(BPF_RINGBUF_BUSY_BIT, b"busy");
        kernel.write(0, b"behind");
        assert_eq!(take(&mut ring), [b"done"]);
        assert!(take(&mut ring).is_empty());
        kernel.set_word(busy, 4);
        assert_eq!(take(&mut ring), [&b"busy"[..], b"behind"]);
    }

    #[cfg(feature = "full")]
    #[test]
    fn an_iterator_gives_the_same_and_gives_room_back_when_it_is_told() {
        let (mut kernel, mut ring) = ring(0_u64.wrapping_sub(4096 + 24));
        let start = kernel.position;
        for round in 0..100_u8 {
            let before = kernel.position;
            kernel.write(0, &vec![round; 700]);
            kernel.write(BPF_RINGBUF_DISCARD_BIT, b"discarded");
            kernel.write(0, &[]);
            let busy = kernel.write(BPF_RINGBUF_BUSY_BIT, b"late");
            let want = [Record::Sample(&[round; 700]), Record::Sample(&[])];
            // All of them at once: none is overwritten while another is looked at.
            let records: Vec<Record<'_>> = ring.records().collect();
            assert_eq!(records, want, "round {round}");
            assert_eq!(ring.consumer.load_acquire(0), before);
            kernel.set_word(busy, 4);
            assert_eq!(
                ring.records().collect::<Vec<_>>(),
                [Record::Sample(b"late")]
            );
            assert_eq!(ring.consumer.load_acquire(0), busy);
            ring.release();
            assert_eq!(ring.consumer.load_acquire(0), kernel.position);
        }
        let last = kernel.write(0, b"last");
        assert!(ring.records().next().is_some());
        assert!(take(&mut ring).is_empty(), "it was handed over");
        assert!(last.wrapping_sub(start) > 0 && ring.corrupt_bytes() == 0);
        let bad = kernel.write(0, b"bad");
        kernel.set_word(bad, 0x3fff_ffff);
        assert_eq!(ring.records().next(), None);
        assert_eq!(ring.corrupt_bytes(), 16);
    }

    #[test]
    fn discarded_records_are_passed_over() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(BPF_RINGBUF_DISCARD_BIT, b"discarded");
        kernel.write(0, b"kept");
        assert_eq!(take(&mut ring), [b"kept"]);
        assert_eq!(ring.consumer.load_acquire(0), kernel.position);
    }

    #[test]
    fn what_a_receiver_did_not_take_stays() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(0, b"one");
        kernel.write(0, b"two");
        assert!(ring.drain(&mut |_, _| ControlFlow::Break(())).is_break());
        assert_eq!(take(&mut ring), [b"two"]);
    }

    #[test]
    fn an_impossible_length_gives_up_what_follows_and_counts_it() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(0, b"good");
        let bad = kernel.write(0, b"bad");
        kernel.set_word(bad, 0x3fff_ffff);
        assert_eq!(take(&mut ring), [b"good"]);
        assert_eq!(ring.corrupt_bytes(), 16);
        kernel.write(0, b"anew");
        assert_eq!(take(&mut ring), [b"anew"]);
        kernel.position += 5 * kernel.size;
        kernel.publish();
        assert!(take(&mut ring).is_empty());
        assert_eq!(ring.corrupt_bytes(), 16 + kernel.size);
    }
}
