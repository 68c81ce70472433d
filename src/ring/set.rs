//! Several rings of either kind, waited for and read together.

use super::pace::{Found, Look, Pace, leave};
use super::sorted::{Sorting, Until};
use super::{BpfRing, PerfOptions, PerfRing, Record, RingError, Wake};
use crate::sys::abi::{BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};
use crate::sys::poll::{Poller, Ready};
use crate::sys::{kernel, memory, process};
use rustix::fd::BorrowedFd;
use rustix::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How rings are read.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Pages of a perf ring for each CPU, a power of two; `None` for 32 KiB. The size of a BPF ring is
    /// that of its map.
    pub pages: Option<usize>,
    /// So many records on a CPU wake the reader of a perf ring; `None` for a quarter of its bytes. With 1
    /// each record of either kind of ring does, and nothing is gathered.
    pub wakeup: Option<u32>,
    /// No record is older than this when it is read, as long as the reader keeps up.
    pub latency: Duration,
    /// Whether the records of all CPUs are handed over in the order in which they were sent. Those of a BPF
    /// ring are so by themselves.
    pub sort: bool,
}

impl Default for RingOptions {
    /// 32 KiB for each CPU, read when a quarter is full, and after 100 ms.
    fn default() -> Self {
        RingOptions {
            pages: None,
            wakeup: None,
            latency: Duration::from_millis(100),
            sort: false,
        }
    }
}

/// Rings that are read together: perf rings and BPF ring buffers, in the order in which they were added.
///
/// Waiting costs one wake-up for many records where many come, and none where none does. What is shared
/// with the kernel is unmapped when this is dropped; the maps stay the caller's.
///
/// ```no_run
/// use btfly::ring::{Record, RingOptions, Rings};
/// use std::ops::ControlFlow;
/// # use rustix::fd::AsFd;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let bytes = std::fs::read("my.bpf.o")?;
/// # let kernel = btfly::target::Kernel::running();
/// # let loaded = btfly::object::Object::parse(&bytes)?.load(&kernel)?;
/// let mut rings = Rings::new(RingOptions::default())?;
/// for map in &loaded.maps {
///     rings.add(map.fd.as_fd(), map.map_type)?;
/// }
/// let links = loaded.attach(&kernel)?;
/// loop {
///     rings.wait(None)?;
///     let _ = rings.drain(&mut |ring, cpu, record| {
///         match record {
///             Record::Sample(bytes) => println!("ring {ring}, CPU {cpu}: {} bytes", bytes.len()),
///             Record::Lost(count) => println!("ring {ring}, CPU {cpu}: {count} lost"),
///         }
///         ControlFlow::Continue(())
///     });
/// }
/// # }
/// ```
pub struct Rings<'m> {
    poller: Poller,
    pub(super) members: Vec<Member<'m>>,
    options: RingOptions,
    pub(super) pace: Pace,
    /// Whether the kernel was asked to tell of each record.
    told: bool,
    /// When the rings were last read.
    looked: Option<Instant>,
    /// When an iterator began to hand records over, and how long after the last look that was.
    handing: Option<(Instant, Duration)>,
    pub(super) sorting: Option<Sorting>,
}

/// A ring and its map.
pub(super) struct Member<'m> {
    map: BorrowedFd<'m>,
    pub(super) ring: Ring,
}

pub(super) enum Ring {
    Perf(Box<PerfRing>),
    Bpf(BpfRing),
}

impl Member<'_> {
    pub(super) fn is_perf(&self) -> bool {
        matches!(self.ring, Ring::Perf(_))
    }
}

/// The token of rings in the poller; others are the caller's.
pub const RINGS_TOKEN: u8 = 0;

impl<'m> Rings<'m> {
    /// No rings yet.
    ///
    /// # Errors
    /// The kernel's, from epoll_create1(2).
    pub fn new(options: RingOptions) -> io::Result<Rings<'m>> {
        let latency = match options.wakeup {
            Some(0 | 1) => Duration::ZERO,
            _ => options.latency,
        };
        Ok(Rings {
            poller: Poller::new()?,
            members: Vec::new(),
            options,
            pace: Pace::new(latency),
            told: true,
            looked: None,
            handing: None,
            sorting: options.sort.then(|| Sorting::new(latency)),
        })
    }

    /// Adds the ring of a map, given its `BPF_MAP_TYPE_…`; the number by which it is known here, in the
    /// order of adding. `None`: maps of this type are no rings.
    ///
    /// # Errors
    /// [`RingError`]; of a perf ring too large for the memory that is available, too.
    pub fn add(&mut self, map: BorrowedFd<'m>, map_type: u32) -> Result<Option<usize>, RingError> {
        let ring = match map_type {
            BPF_MAP_TYPE_PERF_EVENT_ARRAY => {
                self.can_be_sorted(true)?;
                let options = self.perf_options()?;
                let ring = PerfRing::open(map, &options, &self.poller, RINGS_TOKEN)?;
                Ring::Perf(Box::new(ring))
            }
            BPF_MAP_TYPE_RINGBUF => {
                self.can_be_sorted(false)?;
                Ring::Bpf(BpfRing::open(map, &self.poller, RINGS_TOKEN)?)
            }
            _ => return Ok(None),
        };
        self.members.push(Member { map, ring });
        Ok(self.members.len().checked_sub(1))
    }

    fn perf_options(&self) -> Result<PerfOptions, RingError> {
        let default = PerfOptions::default();
        let page = kernel::page_size();
        let bytes_per_cpu = match self.options.pages {
            None => default.bytes_per_cpu,
            Some(pages) => pages.saturating_mul(page),
        };
        // The kernel takes each page of a perf ring from wherever it finds one, and ends other programs
        // where it finds none.
        let cpus = crate::sys::cpus::online().map_err(|errno| RingError::Cpus { errno })?;
        let bytes = bytes_per_cpu.saturating_mul(cpus.count());
        if let Some(pages) = self.options.pages
            && let Some(available) = memory::available()
            && bytes as u64 > available / 2
        {
            return Err(RingError::TooLarge {
                pages,
                cpus: cpus.count(),
                bytes,
                available,
            });
        }
        Ok(PerfOptions {
            bytes_per_cpu,
            wake: match self.options.wakeup {
                None => Wake::Bytes(u32::try_from(bytes_per_cpu / 4).unwrap_or(u32::MAX)),
                Some(0 | 1) => Wake::EachRecord,
                Some(records) => Wake::Records(records),
            },
            tells_first: !matches!(self.options.wakeup, Some(0 | 1)),
            timed: self.options.sort,
        })
    }

    /// What waits; the caller may have it watch more under tokens of 1 to 63.
    pub fn poller(&self) -> &Poller {
        &self.poller
    }

    /// How many rings there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Waits until the rings are to be read, a descriptor of the caller's asks, or the time is up (never,
    /// for `None`). Drain all rings after each wait.
    ///
    /// # Errors
    /// [`RingError`]: the kernel's, from epoll_wait(2), epoll_ctl(2) and bpf(2).
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Ready, RingError> {
        self.release();
        let held = self.sorting.as_ref().and_then(Sorting::again_in);
        let timeout = [timeout, held].into_iter().flatten().min();
        let within = |limit: Duration| timeout.map_or(limit, |timeout| timeout.min(limit));
        let ready = match self.pace.look() {
            _ if self.members.is_empty() => self.poller.wait(timeout),
            Look::WhenTold => {
                self.have_told(true)?;
                self.poller.wait(timeout)
            }
            Look::WhenToldOrIn(limit) => {
                self.have_told(true)?;
                self.poller.wait(Some(within(limit)))
            }
            Look::In(pause) => {
                self.have_told(false)?;
                self.poller.pause(within(pause))
            }
        };
        ready.map_err(|errno| RingError::Poll { errno })
    }

    /// How soon the rings are to be read again, whatever the kernel tells: for who waits in another way.
    /// `None`: not before it tells.
    pub fn look_within(&self) -> Option<Duration> {
        let held = self.sorting.as_ref().and_then(Sorting::again_in);
        let look = match self.pace.look() {
            Look::WhenTold => None,
            Look::WhenToldOrIn(time) | Look::In(time) => Some(time),
        };
        [held, look].into_iter().flatten().min()
    }

    /// Has the kernel tell of each record, or only where a perf ring fills.
    fn have_told(&mut self, told: bool) -> Result<(), RingError> {
        if self.told == told {
            return Ok(());
        }
        for member in &mut self.members {
            match &mut member.ring {
                Ring::Perf(ring) => ring.tell_first(member.map, told)?,
                Ring::Bpf(_) => self
                    .poller
                    .listen(member.map, RINGS_TOKEN, told)
                    .map_err(|errno| RingError::Poll { errno })?,
            }
        }
        self.told = told;
        Ok(())
    }

    /// Hands over every record that is there: the number of its ring, its CPU (0 for BPF rings, which
    /// have one buffer for all) and the record. Records lie where the kernel wrote them; only one that
    /// wraps around the end of a perf ring is copied. Breaks where `each` does; the record at which it
    /// breaks counts as received.
    pub fn drain<F>(&mut self, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(usize, u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        self.drain_until(Until::Window, each)
    }

    fn drain_until<F>(&mut self, until: Until, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(usize, u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        self.release();
        // A BPF ring is alone, and in order.
        if self.sorting.is_some() && self.members.iter().all(Member::is_perf) {
            return self.drain_sorted(until, each);
        }
        self.drain_in_turn(each)
    }

    /// One ring after the other, and of a perf ring one CPU after the other.
    #[cfg_attr(all(hot_loops, feature = "full"), optimize(speed))]
    fn drain_in_turn<F>(&mut self, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(usize, u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        let (now, since) = self.now();
        let mut found = Found::default();
        for (index, member) in self.members.iter_mut().enumerate() {
            let mut leave_alone = None;
            let mut each = |cpu: u32, record: Record<'_>| {
                found.records = true;
                each(index, cpu, record)
            };
            match &mut member.ring {
                Ring::Perf(ring) => ring.drain(&mut each)?,
                Ring::Bpf(ring) => {
                    let before = ring.position();
                    ring.drain(&mut each)?;
                    let bytes = ring.position().wrapping_sub(before);
                    leave_alone = Some(leave(ring.size(), bytes, since));
                }
            }
            if let Some(time) = leave_alone {
                found.leave_alone(time);
            }
        }
        self.pace.looked(now, found);
        ControlFlow::Continue(())
    }

    /// The time, and how long after the last look that is.
    pub(super) fn now(&mut self) -> (Instant, Duration) {
        let now = Instant::now();
        let last = self.looked.replace(now);
        let since = last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        (now, since)
    }

    /// The same as an iterator: each record with the number of its ring and its CPU. Records may be kept as
    /// long as the rings are borrowed; their room is given back to the kernel by the next wait or look.
    ///
    /// ```no_run
    /// # fn show(rings: &mut btfly::ring::Rings<'_>) -> Result<(), btfly::ring::RingError> {
    /// loop {
    ///     rings.wait(None)?;
    ///     for (ring, cpu, record) in rings.records() {
    ///         println!("ring {ring}, CPU {cpu}: {record:?}");
    ///     }
    /// }
    /// # }
    /// ```
    pub fn records(&mut self) -> impl Iterator<Item = (usize, u32, Record<'_>)> {
        self.release();
        self.handing = Some(self.now());
        let members = self.members.iter_mut().enumerate();
        members.flat_map(|(index, member)| {
            let (perf, bpf) = match &mut member.ring {
                Ring::Perf(ring) => (Some(ring.unreleased()), None),
                Ring::Bpf(ring) => (None, Some(ring.unreleased())),
            };
            let perf = perf.into_iter().flatten();
            let bpf = bpf.into_iter().flatten().map(|record| (0, record));
            perf.chain(bpf)
                .map(move |(cpu, record)| (index, cpu, record))
        })
    }

    /// Gives back what an iterator has handed over.
    fn release(&mut self) {
        let Some((now, since)) = self.handing.take() else {
            return;
        };
        let mut found = Found::default();
        for member in &mut self.members {
            let bytes = match &mut member.ring {
                Ring::Perf(ring) => ring.release(),
                Ring::Bpf(ring) => {
                    let bytes = ring.release();
                    found.leave_alone(leave(ring.size(), bytes, since));
                    bytes
                }
            };
            found.records |= bytes > 0;
        }
        self.pace.looked(now, found);
    }

    /// Opens perf rings on CPUs that came online since the last look. Drain the rings first.
    ///
    /// # Errors
    /// [`RingError`], which names the CPU.
    pub fn follow_cpus(&mut self) -> Result<(), RingError> {
        for member in &mut self.members {
            if let Ring::Perf(ring) = &mut member.ring {
                ring.follow_cpus(member.map, &self.poller)?;
            }
        }
        Ok(())
    }

    /// Hands over the last records, when the programs are detached, and then the losses that the kernel
    /// has not told by records: after this, what was handed over and what was lost is what was sent.
    ///
    /// The kernel tells of losses in a perf ring with the next record that finds room: without this,
    /// those after the last record of each CPU are missing, which is what other loaders' counts lack. A
    /// kernel before 5.10 can't be asked.
    pub fn finish<F>(&mut self, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(usize, u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        // A program that was detached may still run on another CPU.
        process::wait_for_readers();
        self.drain_until(Until::End, each)?;
        self.last_losses(&mut |index, cpu, lost| each(index, cpu, Record::Lost(lost)))
    }

    /// Hands over the losses that the kernel has not told by records.
    fn last_losses(
        &mut self,
        each: &mut dyn FnMut(usize, u32, u64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (index, member) in self.members.iter_mut().enumerate() {
            let Ring::Perf(ring) = &mut member.ring else {
                continue;
            };
            let before: Vec<(u32, u64)> = ring.lost_by_cpu().collect();
            let _ = ring.last_losses(member.map);
            for ((cpu, before), (_, after)) in before.into_iter().zip(ring.lost_by_cpu()) {
                if after > before {
                    each(index, cpu, after - before)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Records of a ring that the kernel said found no room, by CPU. Nothing for BPF rings, whose
    /// programs alone know.
    pub fn lost_by_cpu(&self, ring: usize) -> impl Iterator<Item = (u32, u64)> + '_ {
        let ring = self
            .members
            .get(ring)
            .and_then(|member| match &member.ring {
                Ring::Perf(ring) => Some(ring),
                Ring::Bpf(_) => None,
            });
        ring.into_iter().flat_map(|ring| ring.lost_by_cpu())
    }

    /// Bytes given up because they made no sense as records, in all rings. Never anything but 0, unless
    /// the kernel is broken.
    pub fn corrupt_bytes(&self) -> u64 {
        let bytes = self.members.iter().map(|member| match &member.ring {
            Ring::Perf(ring) => ring.corrupt_bytes(),
            Ring::Bpf(ring) => ring.corrupt_bytes(),
        });
        bytes.fold(0, u64::saturating_add)
    }
}
