//! What holds a program to its hook.

use crate::sys::perf;
use crate::sys::tracefs::Tracefs;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::time::Duration;

/// An attachment. Dropping it detaches the program and removes whatever was made for it.
#[must_use = "dropping a link detaches its program"]
pub struct Link {
    // Fields are dropped in this order: the link lets go of the event, the event of the probe.
    _link: Option<OwnedFd>,
    event: Option<OwnedFd>,
    _probe: Option<TracefsProbe>,
}

impl Link {
    /// A BPF link that stands for itself.
    pub(super) fn bare(link: OwnedFd) -> Self {
        Link {
            _link: Some(link),
            event: None,
            _probe: None,
        }
    }

    /// A perf event that holds the program, with the BPF link between them where there is one.
    pub(super) fn of_event(link: Option<OwnedFd>, event: Event) -> Self {
        Link {
            _link: link,
            event: Some(event.fd),
            _probe: event.probe,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(event) = &self.event {
            // Closing follows, which detaches even where this fails.
            let _ = perf::disable(event.as_fd());
        }
    }
}

/// An open perf event, and the probe that was made in tracefs for it, if any.
pub(super) struct Event {
    pub(super) fd: OwnedFd,
    pub(super) probe: Option<TracefsProbe>,
}

/// A probe in `kprobe_events`, removed when dropped.
pub(super) struct TracefsProbe {
    pub(super) tracefs: Tracefs,
    pub(super) name: String,
}

/// The kernel lets go of a closed event a little later, and answers EBUSY until then.
const REMOVALS: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(10);

impl Drop for TracefsProbe {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            if self.tracefs.remove_kprobe(&self.name) != Err(Errno::BUSY) {
                return;
            }
            std::thread::sleep(BETWEEN_REMOVALS);
        }
    }
}
