//! The rings of a session in a small build, those of perf events: read when the kernel says so, or ten times a second.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use btfly::load::Loaded;
use btfly::ring::{PerfOptions, PerfRing, Record};
use btfly::sys::abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY;
use btfly::sys::poll::{Poller, Ready};
use rustix::fd::AsFd;

use super::Failure;
use super::output::{Patience, Written, say};
use super::sink::Sink;
use crate::tools::View;

const RINGS: u8 = 0;

/// How often a look is taken for CPUs that came online.
const CPUS_EVERY: Duration = Duration::from_millis(100);

/// Output is written when this much has gathered, and when nothing more is there.
pub const FLUSH: usize = 16 * 1024;

/// The rings of what was loaded.
pub struct Rings<'l> {
    loaded: &'l Loaded<'l>,
    poller: Poller,
    /// Each with the index of its map.
    rings: Vec<(usize, Box<PerfRing>)>,
    cpus_seen: Instant,
}

/// Who takes records: one function for all, which is smaller than one for each.
type Each<'e> = dyn FnMut(u32, Record<'_>) -> ControlFlow<()> + 'e;

impl<'l> Rings<'l> {
    pub fn open(loaded: &'l Loaded<'l>) -> Result<Rings<'l>, Failure> {
        let poller = Poller::new().map_err(|e| Failure::other(format!("epoll: {e}")))?;
        let mut rings = Vec::new();
        for (index, map) in loaded.maps.iter().enumerate() {
            if map.map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY {
                let options = PerfOptions::default();
                let ring = PerfRing::open(map.fd.as_fd(), &options, &poller, RINGS)?;
                rings.push((index, Box::new(ring)));
            }
        }
        Ok(Rings {
            loaded,
            poller,
            rings,
            cpus_seen: Instant::now(),
        })
    }

    pub fn poller(&self) -> &Poller {
        &self.poller
    }

    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Waits until something asks for attention, or the time is up.
    pub fn wait(&mut self, sink: &Sink, timeout: Option<Duration>) -> Result<Ready, Failure> {
        sink.wait(&self.poller, timeout)
    }

    /// Opens rings on CPUs that came online.
    pub fn follow_cpus(&mut self) -> Result<(), Failure> {
        if self.cpus_seen.elapsed() < CPUS_EVERY {
            return Ok(());
        }
        self.cpus_seen = Instant::now();
        for (index, ring) in &mut self.rings {
            if let Some(map) = self.loaded.maps.get(*index) {
                ring.follow_cpus(map.fd.as_fd(), &self.poller)?;
            }
        }
        Ok(())
    }

    /// Hands everything that is in the rings to the view, and writes what it makes of it.
    pub fn drain(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
    ) -> Result<Written, Failure> {
        view.look();
        for (index, ring) in self.rings.iter_mut() {
            let map = self.loaded.maps.get(*index).map_or("", |m| m.name.as_str());
            let mut written = Ok(Written::All);
            let each: &mut Each<'_> = &mut |cpu, record| {
                match record {
                    Record::Sample(bytes) => view.event(map, cpu, bytes, out),
                    Record::Lost(count) => {
                        say(format_args!("lost {count} events on CPU {cpu}\n"));
                        view.lost(map, cpu, count, out);
                    }
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
            let _ = ring.drain(each);
            let written = written?;
            if written != Written::All {
                return Ok(written);
            }
        }
        let written = sink.write(out, patience)?;
        out.clear();
        Ok(written)
    }

    /// The last of it, when the programs are detached.
    pub fn finish(
        &mut self,
        view: &mut dyn View,
        out: &mut Vec<u8>,
        sink: &mut Sink,
        patience: Patience<'_>,
    ) -> Result<Written, Failure> {
        self.drain(view, out, sink, patience)
    }

    /// Asks for losses that the kernel has not told yet, and says how many there were in all.
    pub fn report_losses(&mut self) {
        let mut lost = 0u64;
        for (index, ring) in &mut self.rings {
            let Some(map) = self.loaded.maps.get(*index) else {
                continue;
            };
            // A kernel before 5.10 can't be asked; what it told on the way is counted all the same.
            let _ = ring.last_losses(map.fd.as_fd());
            lost = lost.saturating_add(ring.lost());
        }
        if lost > 0 {
            say(format_args!(
                "lost {lost} events in all: the rings were full\n"
            ));
        }
    }
}
