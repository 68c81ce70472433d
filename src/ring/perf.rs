//! The perf ring: one buffer for each online CPU, which the kernel finds through a
//! BPF_MAP_TYPE_PERF_EVENT_ARRAY.
//!
//! Order of accesses (the kernel's `kernel/events/ring_buffer.c`): load `data_head` with acquire,
//! read the records, store `data_tail` with release. Between tail and head the kernel does not
//! write, because the buffer is mapped for writing.

use super::perf_record::{Unread, unread_ranges, walk};
use super::sender::Sender;
use super::{Record, RingError};
use crate::sys::abi::{
    BPF_ANY, PERF_ATTR_WATERMARK, PERF_COUNT_SW_BPF_OUTPUT, PERF_MMAP_DATA_HEAD,
    PERF_MMAP_DATA_TAIL, PERF_SAMPLE_RAW, PERF_TYPE_SOFTWARE, PerfEventAttr,
};
#[cfg(feature = "full")]
use crate::sys::abi::{PERF_ATTR_USE_CLOCKID, PERF_SAMPLE_TIME};
use crate::sys::bpf_map::Elements;
use crate::sys::cpus::CpuList;
#[cfg(feature = "full")]
use crate::sys::kernel::Clock;
use crate::sys::mapping::{Access, Mapping};
use crate::sys::poll::Poller;
use crate::sys::{cpus, kernel, perf};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};
use std::ops::ControlFlow;
use std::time::Duration;

/// When the kernel wakes the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// At each record: nothing waits, but at a high rate waking is most of the work.
    EachRecord,
    /// When so many bytes have gathered on a CPU, or 100 ms later at the latest.
    Bytes(u32),
    /// When so many records have come on a CPU, or 100 ms later at the latest.
    #[cfg(feature = "full")]
    Records(u32),
}

/// With `Wake::Bytes` no record is older than this when it is read.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How a perf ring is to be.
#[derive(Clone, Copy, Debug)]
pub struct PerfOptions {
    /// Bytes for each CPU's records, rounded up to a power of two and to a page.
    pub bytes_per_cpu: usize,
    /// When the reader is woken.
    pub wake: Wake,
    /// Whether each CPU has a second event that wakes at each record: `PerfRing::tell_first` says which
    /// of the two is in force.
    #[cfg(feature = "full")]
    pub tells_first: bool,
    /// Whether each record comes with its time (CLOCK_MONOTONIC, nanoseconds).
    #[cfg(feature = "full")]
    pub timed: bool,
}

impl Default for PerfOptions {
    /// 32 KiB for each CPU; woken when a quarter of that is full, or after 100 ms.
    fn default() -> Self {
        PerfOptions {
            bytes_per_cpu: 32 * 1024,
            wake: Wake::Bytes(8 * 1024),
            #[cfg(feature = "full")]
            tells_first: false,
            #[cfg(feature = "full")]
            timed: false,
        }
    }
}

/// The buffers of all CPUs. Dropping it closes them; the map forgets them by itself.
pub struct PerfRing {
    buffers: Vec<Buffer>,
    /// Where records that wrap are put together; as large as the largest of them.
    scratch: Vec<u8>,
    options: PerfOptions,
    token: u8,
    /// The CPUs that were online at the last look.
    online: CpuList,
    /// Whether each record wakes the reader, where there is a choice.
    #[cfg(feature = "full")]
    first: bool,
}

/// One CPU's buffer: a header page, then the records.
struct Buffer {
    cpu: u32,
    memory: Mapping,
    page: usize,
    lost: u64,
    corrupt: u64,
    /// Writes to the same memory, and wakes at each record.
    #[cfg(feature = "full")]
    first: Option<OwnedFd>,
    /// How far an iterator has handed records over, and the one that it had to put together.
    #[cfg(feature = "full")]
    handed: u64,
    #[cfg(feature = "full")]
    joined: std::cell::OnceCell<Vec<u8>>,
    /// Bytes in front of each sample: its time, where that was asked for.
    #[cfg(feature = "full")]
    front: usize,
    // Dropped last: the memory belongs to the event.
    #[cfg_attr(not(feature = "full"), expect(dead_code))]
    event: Option<OwnedFd>,
}

impl PerfRing {
    /// Opens a buffer on each online CPU that the map has a place for, stores it there, and has the
    /// poller watch it under `token`.
    ///
    /// # Errors
    /// `RingError`, which names the CPU.
    pub fn open(
        map: BorrowedFd<'_>,
        options: &PerfOptions,
        poller: &Poller,
        token: u8,
    ) -> Result<Self, RingError> {
        let mut ring = PerfRing {
            buffers: Vec::new(),
            scratch: Vec::new(),
            options: *options,
            token,
            online: CpuList::default(),
            #[cfg(feature = "full")]
            first: true,
        };
        ring.follow_cpus(map, poller)?;
        if options.has_to_be_looked_at() {
            poller.never_wait_longer_than(LONGEST_WAIT);
        }
        Ok(ring)
    }

    /// Opens buffers on CPUs that came online since the last look, those that were away in between
    /// among them: the kernel ends the events of a CPU that goes. Costs a short read where nothing
    /// has changed. Drain the ring first: what a CPU sent before it went is in its old buffer.
    ///
    /// # Errors
    /// `RingError`, which names the CPU.
    pub fn follow_cpus(&mut self, map: BorrowedFd<'_>, poller: &Poller) -> Result<(), RingError> {
        let online = cpus::online().map_err(|errno| RingError::Cpus { errno })?;
        if online == self.online {
            return Ok(());
        }
        let elements = Elements::of(map).map_err(|errno| RingError::Map { errno })?;
        for cpu in online.iter().filter(|cpu| *cpu < elements.max_entries()) {
            if self.online.iter().any(|known| known == cpu) {
                continue;
            }
            let Some(opened) = Buffer::open(cpu, &self.options, &elements, poller, self.token)?
            else {
                continue;
            };
            #[cfg(feature = "full")]
            opened.tell_first(&elements, self.first)?;
            match self.buffers.iter_mut().find(|buffer| buffer.cpu == cpu) {
                Some(old) => {
                    let (lost, corrupt) = (old.lost, old.corrupt);
                    *old = opened;
                    (old.lost, old.corrupt) = (lost, corrupt);
                }
                None => self.buffers.push(opened),
            }
        }
        self.online = online;
        Ok(())
    }

    /// Hands over every record that is there, CPU by CPU, each CPU's in its order, with the number
    /// of its CPU. Breaks where `each` does; the record it breaks at counts as received, the rest
    /// stays for the next call. What comes while it runs stays for the next call, too.
    pub fn drain<F>(&mut self, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        for buffer in &mut self.buffers {
            buffer.drain(&mut self.scratch, each)?;
        }
        ControlFlow::Continue(())
    }

    /// Asks for the losses that the kernel has not told yet, and returns how many records more were
    /// lost; `lost` has them, too.
    ///
    /// The kernel tells of lost records with the next one that finds room, which at the end never
    /// comes. Call this when the programs are detached and the ring is drained: it runs a program of
    /// its own on each CPU, whose records are thrown away together with any that are left.
    ///
    /// # Errors
    /// The kernel's; one before 5.10 can't be asked.
    pub fn last_losses(&mut self, map: BorrowedFd<'_>) -> io::Result<u64> {
        let before = self.lost();
        let sender = Sender::load(map)?;
        for buffer in &mut self.buffers {
            match sender.send_on(buffer.cpu) {
                // It went offline, and has told all before.
                Ok(()) | Err(Errno::NXIO) => {}
                Err(error) => return Err(error),
            }
            // Not made anew for who takes nothing: it is seldom called.
            let nobody: &mut dyn FnMut(u32, Record<'_>) -> ControlFlow<()> =
                &mut |_, _| ControlFlow::Continue(());
            let _ = buffer.drain(&mut self.scratch, nobody);
        }
        Ok(self.lost().saturating_sub(before))
    }

    /// Where each CPU has an event that wakes at each record beside the one that does not: which of them
    /// programs send by from now on. A program that runs at this moment may still use the other.
    ///
    /// # Errors
    /// `RingError`, which names the CPU.
    #[cfg(feature = "full")]
    pub fn tell_first(&mut self, map: BorrowedFd<'_>, first: bool) -> Result<(), RingError> {
        let elements = Elements::of(map).map_err(|errno| RingError::Map { errno })?;
        self.first = first;
        let mut buffers = self.buffers.iter();
        buffers.try_for_each(|buffer| buffer.tell_first(&elements, first))
    }

    /// Gives the room of what an iterator has handed over back to the kernel: so many bytes.
    #[cfg(feature = "full")]
    pub fn release(&mut self) -> u64 {
        let bytes = self.buffers.iter_mut().map(Buffer::release);
        bytes.fold(0, u64::saturating_add)
    }

    /// The records behind those that were handed over and released.
    #[cfg(feature = "full")]
    pub(super) fn unreleased(&mut self) -> impl Iterator<Item = (u32, Record<'_>)> {
        self.unreleased_by_cpu().flatten()
    }

    /// The same, CPU by CPU.
    #[cfg(feature = "full")]
    pub(super) fn unreleased_by_cpu(
        &mut self,
    ) -> impl Iterator<Item = super::records::BufferRecords<'_>> {
        self.buffers.iter_mut().map(Buffer::unreleased)
    }

    /// CPUs that have a buffer.
    #[must_use]
    pub fn cpus(&self) -> usize {
        self.buffers.len()
    }

    /// Records that found no room, so far, on all CPUs.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_by_cpu()
            .fold(0, |sum, (_, lost)| sum.saturating_add(lost))
    }

    /// Records that found no room, so far, by CPU.
    pub fn lost_by_cpu(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.buffers.iter().map(|buffer| (buffer.cpu, buffer.lost))
    }

    /// Bytes given up because they made no sense as records. Never anything but 0, unless the
    /// kernel is broken.
    #[must_use]
    pub fn corrupt_bytes(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.corrupt).sum()
    }
}

impl Buffer {
    /// Opens the buffer of a CPU and stores its event in the map. `None`: the CPU went offline.
    fn open(
        cpu: u32,
        options: &PerfOptions,
        elements: &Elements<'_>,
        poller: &Poller,
        token: u8,
    ) -> Result<Option<Buffer>, RingError> {
        let page = kernel::page_size();
        let size = buffer_size(options.bytes_per_cpu, page).ok_or(RingError::Memory {
            bytes: options.bytes_per_cpu,
            errno: Errno::INVAL,
        })?;
        let event = match perf::open_on_cpu(&attribute(options.wake, size, options.front()), cpu) {
            Ok(event) => event,
            Err(Errno::NODEV) => return Ok(None),
            Err(errno) => return Err(RingError::Open { cpu, errno }),
        };
        let memory = Mapping::new(event.as_fd(), 0, page + size, Access::ReadWrite);
        let memory = memory.map_err(|errno| RingError::Memory {
            bytes: page + size,
            errno,
        })?;
        let value = event.as_raw_fd().to_ne_bytes();
        elements
            .update(&cpu.to_ne_bytes(), &value, BPF_ANY)
            .map_err(|errno| RingError::Store { cpu, errno })?;
        poller
            .watch_edges(event.as_fd(), token)
            .map_err(|errno| RingError::Poll { errno })?;
        Ok(Some(Buffer {
            cpu,
            memory,
            page,
            lost: 0,
            corrupt: 0,
            #[cfg(feature = "full")]
            first: open_first(&event, options, cpu)?,
            #[cfg(feature = "full")]
            handed: 0,
            #[cfg(feature = "full")]
            joined: std::cell::OnceCell::new(),
            #[cfg(feature = "full")]
            front: options.front(),
            event: Some(event),
        }))
    }

    /// Has programs send by the event that wakes at each record, or by the other.
    #[cfg(feature = "full")]
    fn tell_first(&self, elements: &Elements<'_>, first: bool) -> Result<(), RingError> {
        let (Some(one), Some(other)) = (&self.first, &self.event) else {
            return Ok(());
        };
        let event = if first { one } else { other };
        let value = event.as_raw_fd().to_ne_bytes();
        let cpu = self.cpu;
        elements
            .update(&cpu.to_ne_bytes(), &value, BPF_ANY)
            .map_err(|errno| RingError::Store { cpu, errno })
    }

    /// Gives the room of what was handed over back to the kernel: so many bytes.
    #[cfg(feature = "full")]
    fn release(&mut self) -> u64 {
        let tail = self.memory.load_acquire(PERF_MMAP_DATA_TAIL);
        self.joined.take();
        if self.handed != tail {
            self.memory.store_release(PERF_MMAP_DATA_TAIL, self.handed);
        }
        self.handed.wrapping_sub(tail)
    }

    /// The records behind those that were handed over and released.
    #[cfg(feature = "full")]
    fn unreleased(&mut self) -> super::records::BufferRecords<'_> {
        let size = self.memory.len() - self.page;
        let head = self.memory.load_acquire(PERF_MMAP_DATA_HEAD);
        if unread_ranges(head, self.handed, size).is_none() {
            self.corrupt = self.corrupt.saturating_add(size as u64);
            self.handed = head;
        }
        let unread = unread_ranges(head, self.handed, size);
        let (first, second) = unread.unwrap_or((0..0, 0..0));
        // Safety: as in `drain`; the tail moves when this buffer is borrowed mutably next, and the slices
        // are gone.
        let pieces = unsafe {
            (
                self.memory.bytes(self.page + first.start, first.len()),
                self.memory.bytes(self.page + second.start, second.len()),
            )
        };
        super::records::BufferRecords {
            cpu: self.cpu,
            first: pieces.0.unwrap_or_default(),
            second: pieces.1.unwrap_or_default(),
            at: 0,
            front: self.front,
            size,
            handed: &mut self.handed,
            joined: &self.joined,
            lost: &mut self.lost,
            corrupt: &mut self.corrupt,
        }
    }

    fn drain<F>(&mut self, scratch: &mut Vec<u8>, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        #[cfg(feature = "full")]
        self.release();
        let size = self.memory.len() - self.page;
        let head = self.memory.load_acquire(PERF_MMAP_DATA_HEAD);
        let tail = self.memory.load_acquire(PERF_MMAP_DATA_TAIL);
        if head == tail {
            return ControlFlow::Continue(());
        }
        let Some((first, second)) = unread_ranges(head, tail, size) else {
            self.corrupt = self.corrupt.saturating_add(size as u64);
            self.advance(head);
            return ControlFlow::Continue(());
        };
        // Safety: these bytes lie between tail and head; the kernel finished them before it stored
        // the head that was loaded with acquire, and writes none of them until the tail moves,
        // which it does below, when the slices are gone. Nobody else has this memory.
        let pieces = unsafe {
            (
                self.memory.bytes(self.page + first.start, first.len()),
                self.memory.bytes(self.page + second.start, second.len()),
            )
        };
        // Both ranges are inside of the data pages, so the pieces are there.
        let unread = Unread {
            first: pieces.0.unwrap_or_default(),
            second: pieces.1.unwrap_or_default(),
        };
        let (cpu, front) = (self.cpu, self.front());
        let walked = walk(&unread, front, scratch, &mut |record| each(cpu, record));
        let done = tail.wrapping_add(walked.consumed as u64);
        self.advance(done);
        self.lost = self.lost.saturating_add(walked.lost);
        self.corrupt = self.corrupt.saturating_add(walked.corrupt as u64);
        if walked.stopped {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Buffer {
    fn front(&self) -> usize {
        #[cfg(feature = "full")]
        return self.front;
        #[cfg(not(feature = "full"))]
        0
    }

    fn advance(&mut self, tail: u64) {
        self.memory.store_release(PERF_MMAP_DATA_TAIL, tail);
        #[cfg(feature = "full")]
        {
            self.handed = tail;
        }
    }
}

impl PerfOptions {
    /// Bytes in front of each sample.
    fn front(&self) -> usize {
        #[cfg(feature = "full")]
        if self.timed {
            return size_of::<u64>();
        }
        0
    }

    /// Whether nobody tells of the first records.
    fn has_to_be_looked_at(&self) -> bool {
        #[cfg(feature = "full")]
        if self.tells_first {
            return false;
        }
        self.wake != Wake::EachRecord
    }
}

/// Opens the event of a CPU that wakes at each record and writes where `event` does.
#[cfg(feature = "full")]
fn open_first(
    event: &OwnedFd,
    options: &PerfOptions,
    cpu: u32,
) -> Result<Option<OwnedFd>, RingError> {
    if !options.tells_first {
        return Ok(None);
    }
    let opened = perf::open_on_cpu(&attribute(Wake::EachRecord, 0, options.front()), cpu);
    let opened = opened.and_then(|first| {
        perf::set_output(first.as_fd(), event.as_fd())?;
        Ok(Some(first))
    });
    match opened {
        Err(Errno::NODEV) => Ok(None),
        opened => opened.map_err(|errno| RingError::Open { cpu, errno }),
    }
}

/// A power of two of at least a page; `None` where that overflows.
fn buffer_size(bytes: usize, page: usize) -> Option<usize> {
    let size = bytes.checked_next_power_of_two()?.max(page);
    // The kernel counts pages in an int, and a header page is added.
    (size <= 1 << 30).then_some(size)
}

/// `front`: bytes in front of each sample, which are its time.
fn attribute(wake: Wake, size: usize, front: usize) -> PerfEventAttr {
    let most = u32::try_from(size / 2).unwrap_or(u32::MAX);
    let (flags, wakeup) = match wake {
        Wake::EachRecord => (0, 1),
        #[cfg(feature = "full")]
        Wake::Records(records) => (0, records.max(1)),
        // More than half of a buffer would leave too little room for what comes before the reader
        // runs.
        Wake::Bytes(bytes) => (PERF_ATTR_WATERMARK, bytes.clamp(1, most)),
    };
    let attribute = PerfEventAttr {
        event_type: PERF_TYPE_SOFTWARE,
        config: PERF_COUNT_SW_BPF_OUTPUT,
        sample_period: 1,
        sample_type: PERF_SAMPLE_RAW,
        flags,
        wakeup,
        ..PerfEventAttr::default()
    };
    #[cfg(feature = "full")]
    if front > 0 {
        return PerfEventAttr {
            sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME,
            flags: flags | PERF_ATTR_USE_CLOCKID,
            clockid: Clock::Monotonic.number(),
            ..attribute
        };
    }
    let _ = front;
    attribute
}

#[cfg(test)]
mod tests {
    use super::super::perf_record::tests::{lost, sample};
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::unix::fs::FileExt;

    /// A buffer in a file, and the kernel's side of it.
    struct Kernel {
        file: std::fs::File,
        page: usize,
        size: usize,
        head: u64,
    }

    fn ring(start: u64) -> (Kernel, PerfRing) {
        let page = kernel::page_size();
        let size = page;
        let file = memfd_create("ring", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, (page + size) as u64).unwrap();
        let memory = Mapping::new(file.as_fd(), 0, page + size, Access::ReadWrite).unwrap();
        memory.store_release(PERF_MMAP_DATA_HEAD, start);
        memory.store_release(PERF_MMAP_DATA_TAIL, start);
        let buffer = Buffer {
            cpu: 3,
            memory,
            page,
            lost: 0,
            corrupt: 0,
            #[cfg(feature = "full")]
            first: None,
            #[cfg(feature = "full")]
            handed: start,
            #[cfg(feature = "full")]
            joined: std::cell::OnceCell::new(),
            #[cfg(feature = "full")]
            front: 0,
            event: None,
        };
        let kernel = Kernel {
            file: file.into(),
            page,
            size,
            head: start,
        };
        let ring = PerfRing {
            options: PerfOptions::default(),
            token: 0,
            online: CpuList::default(),
            #[cfg(feature = "full")]
            first: true,
            buffers: vec![buffer],
            scratch: Vec::new(),
        };
        (kernel, ring)
    }

    impl Kernel {
        fn write(&mut self, ring: &PerfRing, bytes: &[u8]) {
            for byte in bytes {
                let at = self.page as u64 + self.head % self.size as u64;
                self.file.write_at(&[*byte], at).unwrap();
                self.head = self.head.wrapping_add(1);
            }
            ring.buffers[0]
                .memory
                .store_release(PERF_MMAP_DATA_HEAD, self.head);
        }
    }

    #[test]
    fn records_come_in_order_round_and_round_the_ring() {
        // Just before the counters wrap, too.
        for start in [0, 0_u64.wrapping_sub(4096 + 24)] {
            let (mut kernel, mut ring) = ring(start);
            let mut expected = 0_u32;
            let mut sent = 0_u32;
            for round in 0..200 {
                for _ in 0..round % 7 {
                    let mut data = sent.to_ne_bytes().to_vec();
                    data.resize(4 + sent as usize % 90, 0xee);
                    kernel.write(&ring, &sample(&data));
                    sent += 1;
                }
                let flow = ring.drain(&mut |cpu, record| {
                    assert_eq!(cpu, 3);
                    let Record::Sample(bytes) = record else {
                        panic!("{record:?}");
                    };
                    assert_eq!(bytes[..4], expected.to_ne_bytes());
                    expected += 1;
                    ControlFlow::Continue(())
                });
                assert!(flow.is_continue());
                assert_eq!(expected, sent);
            }
            assert_eq!((ring.lost(), ring.corrupt_bytes()), (0, 0));
        }
    }

    #[test]
    fn what_a_receiver_did_not_take_stays() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(&ring, &[sample(b"one!"), sample(b"two!")].concat());
        let mut seen = Vec::new();
        let flow = ring.drain(&mut |_, record| {
            seen.push(format!("{record:?}"));
            ControlFlow::Break(())
        });
        assert!(flow.is_break());
        assert_eq!(seen.len(), 1);
        let _ = ring.drain(&mut |_, record| {
            assert_eq!(record, Record::Sample(b"two!"));
            seen.push(String::new());
            ControlFlow::Continue(())
        });
        assert_eq!(seen.len(), 2);
    }

    #[cfg(feature = "full")]
    #[test]
    fn an_iterator_gives_the_same_and_gives_room_back_when_it_is_told() {
        for start in [0, 0_u64.wrapping_sub(4096 + 24)] {
            let (mut kernel, mut ring) = ring(start);
            for round in 0..300_u32 {
                let before = kernel.head;
                let mut data = vec![round as u8; 4 + 8 * (round as usize % 40)];
                data[..4].copy_from_slice(&round.to_ne_bytes());
                let all = [sample(&data), lost(2), sample(&data), sample(b"last")].concat();
                kernel.write(&ring, &all);
                let records: Vec<_> = ring.records().collect();
                let want = [
                    Record::Sample(&data[..]),
                    Record::Lost(2),
                    Record::Sample(&data[..]),
                    Record::Sample(b"last"),
                ];
                assert_eq!(records, want.map(|record| (3, record)), "round {round}");
                let tail =
                    |ring: &PerfRing| ring.buffers[0].memory.load_acquire(PERF_MMAP_DATA_TAIL);
                assert_eq!(tail(&ring), before);
                assert_eq!(ring.release(), all.len() as u64);
                assert_eq!(tail(&ring), kernel.head);
            }
            assert_eq!((ring.lost(), ring.corrupt_bytes()), (600, 0));
            kernel.write(&ring, &[0; 64]);
            assert_eq!(ring.records().count(), 0);
            assert_eq!(ring.corrupt_bytes(), 64);
        }
    }

    #[test]
    fn losses_are_told_in_their_place_and_summed() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(&ring, &[lost(2), sample(b"data"), lost(40)].concat());
        let mut told = Vec::new();
        let _ = ring.drain(&mut |_, record| {
            if let Record::Lost(count) = record {
                told.push(count);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(told, [2, 40]);
        assert_eq!(ring.lost(), 42);
        assert_eq!(ring.lost_by_cpu().collect::<Vec<_>>(), [(3, 42)]);
    }

    #[test]
    fn a_ring_that_makes_no_sense_begins_anew_at_its_head() {
        let (mut kernel, mut ring) = ring(0);
        kernel.write(&ring, &[0; 64]);
        let _ = ring.drain(&mut |_, record| panic!("{record:?}"));
        assert_eq!(ring.corrupt_bytes(), 64);
        kernel.write(&ring, &sample(b"anew"));
        let mut seen = 0;
        let _ = ring.drain(&mut |_, record| {
            assert_eq!(record, Record::Sample(b"anew"));
            seen += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(seen, 1);
        // A head further ahead than the ring is large.
        kernel.head += 3 * kernel.size as u64;
        kernel.write(&ring, &[]);
        let _ = ring.drain(&mut |_, record| panic!("{record:?}"));
        assert_eq!(ring.corrupt_bytes(), 64 + kernel.size as u64);
        kernel.write(&ring, &sample(b"anew"));
        assert!(ring.drain(&mut |_, _| ControlFlow::Break(())).is_break());
    }

    #[test]
    fn sizes_are_powers_of_two_of_at_least_a_page() {
        let cases = [
            (0, 4096, Some(4096)),
            (32 * 1024, 4096, Some(32 * 1024)),
            (32 * 1024, 65536, Some(65536)),
            (33 * 1024, 4096, Some(65536)),
            (usize::MAX, 4096, None),
            ((1 << 30) + 1, 4096, None),
        ];
        for (bytes, page, size) in cases {
            assert_eq!(buffer_size(bytes, page), size, "{bytes} on {page}");
        }
    }

    #[test]
    fn a_watermark_leaves_room_for_what_comes_meanwhile() {
        let attr = attribute(Wake::Bytes(1 << 20), 32 * 1024, 0);
        assert_eq!((attr.flags, attr.wakeup), (PERF_ATTR_WATERMARK, 16 * 1024));
        let attr = attribute(Wake::EachRecord, 32 * 1024, 0);
        assert_eq!((attr.flags, attr.wakeup), (0, 1));
    }
}
