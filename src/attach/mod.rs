//! From a loaded program to a hook that runs it: kprobes, system calls, tracepoints and raw
//! tracepoints, each giving a link that detaches when it is dropped.
//!
//! Names come as plain strings: what a section name means is told in `object`.

mod error;
mod kprobe;
mod ksyscall;
mod link;
mod perf_event;
mod raw_tracepoint;
mod tracepoint;

pub use crate::sys::tracefs::Probe;
pub use error::AttachError;
pub use link::Link;

use crate::sys::Features;
use crate::sys::kprobe_pmu::KprobePmu;
use crate::sys::tracefs::Tracefs;
use std::cell::{Cell, OnceCell};

/// What all attachments share: the features, and what was found of the kernel on the way, so that
/// the second attachment does not look again.
pub struct Attacher<'a> {
    features: &'a Features,
    tracefs: OnceCell<Option<Tracefs>>,
    kprobe_pmu: OnceCell<Option<KprobePmu>>,
    /// The CPU that events are opened on. An event of a probe or tracepoint runs its program on
    /// all CPUs, but has to live on one.
    cpu: Cell<u32>,
}

impl<'a> Attacher<'a> {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(features: &'a Features) -> Self {
        Attacher {
            features,
            tracefs: OnceCell::new(),
            kprobe_pmu: OnceCell::new(),
            cpu: Cell::new(0),
        }
    }

    fn tracefs(&self) -> Option<&Tracefs> {
        self.tracefs.get_or_init(Tracefs::find).as_ref()
    }
}
