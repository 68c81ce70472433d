//! From a loaded program to a hook that runs it: kprobes, system calls, tracepoints and raw
//! tracepoints, each giving a link that detaches when it is dropped.
//!
//! Names come as plain strings: what a section name means is told in `object`.

#[cfg(feature = "full")]
mod cgroup;
mod error;
#[cfg(feature = "full")]
mod hook_error;
#[cfg(feature = "full")]
mod iterator;
mod kprobe;
mod ksyscall;
mod link;
mod perf_event;
mod raw_tracepoint;
mod tracepoint;
#[cfg(feature = "full")]
mod tracing;
#[cfg(feature = "full")]
mod xdp;

pub use crate::sys::tracefs::Probe;
#[cfg(feature = "full")]
pub use cgroup::OfCgroup;
pub use error::AttachError;
#[cfg(feature = "full")]
pub use hook_error::HookError;
#[cfg(feature = "full")]
pub use iterator::{IterProgram, Reading};
pub use link::Link;
#[cfg(feature = "full")]
pub use tracing::Traced;

use crate::sys::Features;
use crate::sys::kprobe_pmu::KprobePmu;
use crate::sys::tracefs::Tracefs;
#[cfg(feature = "full")]
use std::cell::RefCell;
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
    /// What a user should know of attachments that succeeded.
    #[cfg(feature = "full")]
    notes: RefCell<Vec<String>>,
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
            #[cfg(feature = "full")]
            notes: RefCell::default(),
        }
    }

    fn tracefs(&self) -> Option<&Tracefs> {
        self.tracefs.get_or_init(Tracefs::find).as_ref()
    }

    #[cfg(feature = "full")]
    fn note(&self, text: String) {
        self.notes.borrow_mut().push(text);
    }

    /// Takes what is to be told of attachments that succeeded so far: programs that run elsewhere than
    /// one may think, or never.
    #[cfg(feature = "full")]
    pub fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }
}
