//! Probes made by writing to tracefs, for kernels without the PMUs: each under a name of its own, and
//! removed when dropped.

use super::Attacher;
use super::link::Event;
use crate::sys::abi::{PERF_TYPE_TRACEPOINT, PerfEventAttr};
use crate::sys::tracefs::{GROUP, Space, Tracefs};
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Names are told apart by process and by this counter. Another process's leftovers, or those of a
/// process of the same number in another namespace, cost a few more numbers.
static NEXT_NAME: AtomicU32 = AtomicU32::new(0);
const NAMES_TRIED: u32 = 64;

/// A probe in `kprobe_events` or `uprobe_events`, removed when dropped.
pub(super) struct TracefsProbe {
    tracefs: Tracefs,
    space: Space,
    name: String,
}

impl TracefsProbe {
    /// Has `add` make the probe under a name that nobody has yet.
    pub(super) fn make(
        tracefs: &Tracefs,
        space: Space,
        add: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Self> {
        let process = std::process::id().to_string();
        let kind = match space {
            Space::Kernel => "kprobe_",
            Space::User => "uprobe_",
        };
        for _ in 0..NAMES_TRIED {
            let number = NEXT_NAME.fetch_add(1, Ordering::Relaxed).to_string();
            let name = [kind, &process, "_", &number].concat();
            // Kernels 4.x take a second event of the same name without a word.
            if tracefs.tracepoint_id(GROUP, &name).is_ok() {
                continue;
            }
            match add(&name) {
                Ok(()) => {
                    let tracefs = tracefs.clone();
                    return Ok(TracefsProbe {
                        tracefs,
                        space,
                        name,
                    });
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::EXIST)
    }
}

impl Attacher<'_> {
    /// Opens the perf event of a probe that was made; `open` says for whom.
    pub(super) fn open_made(
        &self,
        made: TracefsProbe,
        open: &mut dyn FnMut(&PerfEventAttr) -> io::Result<OwnedFd>,
    ) -> io::Result<Event> {
        let attr = PerfEventAttr {
            event_type: PERF_TYPE_TRACEPOINT,
            config: made.tracefs.tracepoint_id(GROUP, &made.name)?,
            ..PerfEventAttr::default()
        };
        Ok(Event {
            fd: open(&attr)?,
            probe: Some(made),
        })
    }
}

/// The kernel lets go of a closed event a little later, and answers EBUSY until then.
const REMOVALS: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(10);

impl Drop for TracefsProbe {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            if self.tracefs.remove(self.space, &self.name) != Err(Errno::BUSY) {
                return;
            }
            std::thread::sleep(BETWEEN_REMOVALS);
        }
    }
}
