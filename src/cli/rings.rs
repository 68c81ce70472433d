//! The rings of a session: read for batches, their losses counted and told.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use btfly::load::Loaded;
use btfly::ring::{self, Batch, Record, RingOptions};
use btfly::sys::poll::{Poller, Ready};
use rustix::fd::AsFd;

use super::Failure;
use super::losses::Losses;
use super::output::{Patience, Written, say};
use super::sink::Sink;
use super::status::Numbers;
use crate::tools::View;

/// How often a look is taken for CPUs that came online, where records come anyway, and where none does: one that
/// was away between two looks would not be missed.
const CPUS_EVERY: Duration = Duration::from_millis(100);
const CPUS_AT_LAST: Duration = Duration::from_millis(200);

/// Output is written when this much has gathered, and when nothing more is there.
pub const FLUSH: usize = 16 * 1024;

/// The rings of what was loaded.
pub struct Rings<'l> {
    loaded: &'l Loaded<'l>,
    rings: ring::Rings<'l>,
    /// The index of each ring's map.
    maps: Vec<usize>,
    /// What each BPF ring had no room for at the last look; behind them, what some unknown one had.
    failed: Vec<u64>,
    received: u64,
    losses: Losses,
    cpus_seen: Instant,
}

impl<'l> Rings<'l> {
    pub fn open(loaded: &'l Loaded<'l>, options: RingOptions) -> Result<Rings<'l>, Failure> {
        let rings = ring::Rings::new(options);
        let mut rings = rings.map_err(|e| Failure::other(format!("epoll: {e}")))?;
        let mut maps = Vec::new();
        for (index, map) in loaded.maps.iter().enumerate() {
            if rings.add(map.fd.as_fd(), map.map_type)?.is_some() {
                maps.push(index);
            }
        }
        Ok(Rings {
            loaded,
            rings,
            failed: vec![0; maps.len() + 1],
            maps,
            received: 0,
            losses: Losses::default(),
            cpus_seen: Instant::now(),
        })
    }

    pub fn poller(&self) -> &Poller {
        self.rings.poller()
    }

    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// What came and what was lost until now.
    pub fn numbers(&self, sink: &Sink) -> Numbers {
        Numbers {
            events: (!self.is_empty()).then_some(self.received),
            lost: self.losses.sum(),
            dropped: sink.dropped(),
        }
    }

    /// Waits until the rings are to be read, something else asks for attention, or the time is up.
    pub fn wait(&mut self, sink: &Sink, timeout: Option<Duration>) -> Result<Ready, Failure> {
        let limit = match self.is_empty() {
            true => timeout,
            false => Some(timeout.map_or(CPUS_AT_LAST, |timeout| timeout.min(CPUS_AT_LAST))),
        };
        if sink.is_behind() {
            // The reader is waited for, too, and the rings are looked at no later than without it.
            let limits = [limit, self.rings.look_within()];
            return sink.wait(self.poller(), limits.into_iter().flatten().min());
        }
        Ok(self.rings.wait(limit)?)
    }

    /// Opens rings on CPUs that came online.
    pub fn follow_cpus(&mut self) -> Result<(), Failure> {
        if self.cpus_seen.elapsed() < CPUS_EVERY {
            return Ok(());
        }
        self.cpus_seen = Instant::now();
        Ok(self.rings.follow_cpus()?)
    }

    /// Hands everything that is in the rings to the view, and writes what it makes of it.
    pub fn drain(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
    ) -> Result<Written, Failure> {
        self.read(view, out, sink, patience, Last::No)
    }

    /// The last of it, when the programs are detached: with what was lost and not told.
    pub fn finish(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
    ) -> Result<Written, Failure> {
        self.read(view, out, sink, patience, Last::Yes)
    }

    fn read(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
        last: Last,
    ) -> Result<Written, Failure> {
        view.look();
        let written = match view.counts() {
            true => {
                self.count(view, last);
                Ok(Written::All)
            }
            false => self.show(view, out, sink, patience, last),
        };
        self.ask_programs();
        let (loaded, maps) = (self.loaded, &self.maps);
        self.losses
            .tell(Instant::now(), &|ring| map_name(loaded, maps, ring));
        match written? {
            Written::All => {}
            other => return Ok(other),
        }
        let mut written = sink.write(out, patience)?;
        out.clear();
        // A line about losses that is dropped itself would leave them unknown: the reader has room for it first.
        if written == Written::All && (last == Last::Yes || !sink.is_behind()) {
            self.losses.show(&mut |ring, cpu, count| {
                view.lost(map_name(loaded, maps, ring), cpu.unwrap_or(0), count, out);
            });
            written = sink.tell(out)?;
            out.clear();
        }
        if written == Written::All && last == Last::Yes {
            view.sum_up(out);
            written = sink.write(out, patience)?;
            out.clear();
        }
        Ok(written)
    }

    /// Has the view show what is in the rings.
    fn show(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
        last: Last,
    ) -> Result<Written, Failure> {
        let (loaded, maps, losses) = (self.loaded, &self.maps, &mut self.losses);
        let received = &mut self.received;
        let mut written = Ok(Written::All);
        let mut each = |ring: usize, cpu: u32, record: Record<'_>| {
            let map = map_name(loaded, maps, ring);
            match record {
                Record::Sample(bytes) => {
                    *received += 1;
                    view.event(map, cpu, bytes, out);
                }
                Record::Lost(count) => losses.add(ring, Some(cpu), count),
            }
            if out.len() < FLUSH {
                return ControlFlow::Continue(());
            }
            written = sink.write(out, patience);
            out.clear();
            match written {
                Ok(Written::All) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let _ = match last {
            Last::No => self.rings.drain(&mut each),
            Last::Yes => self.rings.finish(&mut each),
        };
        written
    }

    /// Tells the view how many records are in the rings.
    fn count(&mut self, view: &mut dyn View, last: Last) {
        let (loaded, maps, losses) = (self.loaded, &self.maps, &mut self.losses);
        let received = &mut self.received;
        let mut each = |ring: usize, cpu: u32, batch: Batch| {
            let map = map_name(loaded, maps, ring);
            *received += batch.records;
            view.counted(map, batch);
            if batch.lost > 0 {
                losses.add(ring, Some(cpu), batch.lost);
            }
        };
        match last {
            Last::No => self.rings.count(&mut each),
            Last::Yes => self.rings.count_last(&mut each),
        }
    }

    /// What BPF rings had no room for, the programs count themselves.
    fn ask_programs(&mut self) {
        let (loaded, maps, losses) = (self.loaded, &self.maps, &mut self.losses);
        for (ring, failed) in self.failed.iter_mut().enumerate() {
            let map = maps.get(ring).copied().unwrap_or(usize::MAX);
            let count = match loaded.ring_failures(map) {
                Some(sum) => sum,
                None if ring == maps.len() => loaded.other_ring_failures(),
                None => continue,
            };
            let new = count.saturating_sub(std::mem::replace(failed, count));
            if new > 0 {
                losses.add(ring, None, new);
            }
        }
    }

    /// Says how many events were lost in all, and where.
    pub fn report_losses(&mut self) {
        let (loaded, maps) = (self.loaded, &self.maps);
        let name = |ring: usize| map_name(loaded, maps, ring);
        self.losses.tell_all(&name);
        let late = self.rings.late();
        if late > 0 {
            say(format_args!(
                "{late} events came too late to be sorted: a longer --latency waits longer\n"
            ));
        }
    }
}

/// The name of a ring's map; nothing for the one that stands for unknown rings.
fn map_name<'l>(loaded: &'l Loaded<'_>, maps: &[usize], ring: usize) -> &'l str {
    let map = maps.get(ring).and_then(|index| loaded.maps.get(*index));
    map.map_or("", |map| map.name.as_str())
}

/// Whether anything can still come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    No,
    Yes,
}
