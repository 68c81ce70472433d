//! The records of several CPUs in the order of their times.
//!
//! Each CPU's records lie in their order, with their times before them. So the one that is next is the
//! youngest of the first ones, and nothing is copied. A record that was sent before another may lie in its
//! ring a little later than that: what is younger than a window is left in the rings until the next look.
//! No memory is taken but that of the rings; where one is half full it is not waited for any longer.

use super::pace::Found;
use super::records::BufferRecords;
use super::set::{Member, Ring, Rings};
use super::{Record, RingError};
use crate::sys::kernel::{Clock, now_ns};
use std::ops::ControlFlow;
use std::time::Duration;

/// What sorting needs to remember.
#[derive(Debug)]
pub(super) struct Sorting {
    /// How young a record is that has to wait.
    window: Duration,
    /// When the last record was sent that was handed over.
    last: u64,
    /// Records that were handed over behind some that were sent after them.
    late: u64,
    /// Whether the last look left some.
    held: bool,
}

impl Sorting {
    /// For records that are shown when they are no older than `latency`.
    pub(super) fn new(latency: Duration) -> Sorting {
        Sorting {
            // What a look leaves to others: see `Pace`.
            window: latency / 5,
            last: 0,
            late: 0,
            held: false,
        }
    }

    /// How soon records that were left can be handed over.
    pub(super) fn again_in(&self) -> Option<Duration> {
        self.held.then_some(self.window)
    }

    fn handed(&mut self, time: u64) {
        match time < self.last {
            true => self.late = self.late.saturating_add(1),
            false => self.last = time,
        }
    }
}

/// How much of what lies in the rings may be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// What no record can come before any more.
    Window,
    /// All: nothing comes any more.
    End,
}

/// A CPU's records, and when the first of them was sent.
struct Source<'r> {
    ring: usize,
    time: Option<u64>,
    records: BufferRecords<'r>,
}

impl Rings<'_> {
    /// Records that were handed over behind some that were sent after them.
    pub fn late(&self) -> u64 {
        self.sorting.as_ref().map_or(0, |sorting| sorting.late)
    }

    /// Whether the records of another ring can be put in order with those that are there.
    pub(super) fn can_be_sorted(&self, timed: bool) -> Result<(), RingError> {
        let alone = self.members.is_empty();
        let others = self.members.iter().all(Member::is_perf);
        match self.sorting.is_none() || alone || (timed && others) {
            true => Ok(()),
            false => Err(RingError::Timeless),
        }
    }

    pub(super) fn drain_sorted<F>(&mut self, until: Until, each: &mut F) -> ControlFlow<()>
    where
        F: FnMut(usize, u32, Record<'_>) -> ControlFlow<()> + ?Sized,
    {
        let (now, _) = self.now();
        let Some(sorting) = &mut self.sorting else {
            return ControlFlow::Continue(());
        };
        // Before the rings are looked at: what is not there then is younger.
        let clock = u64::try_from(now_ns(Clock::Monotonic)).unwrap_or_default();
        let window = u64::try_from(sorting.window.as_nanos()).unwrap_or(u64::MAX);
        let mut limit = match until {
            Until::Window => clock.saturating_sub(window),
            Until::End => u64::MAX,
        };
        let mut found = Found::default();
        let mut flow = ControlFlow::Continue(());
        sorting.held = false;
        let mut sources = Vec::new();
        for (ring, member) in self.members.iter_mut().enumerate() {
            let Ring::Perf(perf) = &mut member.ring else {
                continue;
            };
            for records in perf.unreleased_by_cpu() {
                if records.is_half_full() {
                    limit = u64::MAX;
                }
                sources.push(Source {
                    ring,
                    time: records.next_time(),
                    records,
                });
            }
        }
        while flow.is_continue() {
            let first = sources.iter_mut().filter(|source| source.time.is_some());
            let Some(source) = first.min_by_key(|source| source.time) else {
                break;
            };
            let time = source.time.unwrap_or_default();
            if time > limit {
                sorting.held = true;
                break;
            }
            // A record that is none is passed over.
            if let Some((cpu, record)) = source.records.next() {
                found.records = true;
                // Losses have no time: they are told as soon as they are seen.
                if time > 0 {
                    sorting.handed(time);
                }
                flow = each(source.ring, cpu, record);
            }
            source.time = source.records.next_time();
        }
        drop(sources);
        for member in &mut self.members {
            if let Ring::Perf(perf) = &mut member.ring {
                perf.release();
            }
        }
        self.pace.looked(now, found);
        flow
    }
}
