//! From a loaded program to a hook that runs it: kprobes, system calls, tracepoints and raw
//! tracepoints, each giving a link that detaches when it is dropped.
//!
//! Names come as plain strings: what a section name means is told in `object`.

#[cfg(feature = "full")]
mod binary;
#[cfg(feature = "full")]
mod cgroup;
mod error;
#[cfg(feature = "full")]
mod glob;
#[cfg(feature = "full")]
mod hook_error;
#[cfg(feature = "full")]
mod iterator;
mod kprobe;
#[cfg(feature = "full")]
mod kprobe_multi;
mod ksyscall;
mod link;
mod perf_event;
#[cfg(feature = "full")]
mod probe_error;
mod raw_tracepoint;
mod sample;
mod tracefs_probe;
mod tracepoint;
#[cfg(feature = "full")]
mod tracing;
#[cfg(feature = "full")]
mod uprobe;
#[cfg(feature = "full")]
mod uprobe_multi;
mod wishes;
#[cfg(feature = "full")]
mod xdp;

pub use crate::sys::tracefs::Probe;
#[cfg(feature = "full")]
pub use binary::BinaryError;
#[cfg(feature = "full")]
pub use cgroup::OfCgroup;
pub use error::AttachError;
#[cfg(feature = "full")]
pub use hook_error::HookError;
#[cfg(feature = "full")]
pub use iterator::{IterProgram, Reading};
pub use link::Link;
#[cfg(feature = "full")]
pub use probe_error::ProbeError;
pub use sample::{Sample, SampleError};
#[cfg(feature = "full")]
pub use tracing::Traced;
pub use wishes::{Missing, Wishes};

use crate::sys::Features;
use crate::sys::probe_pmu::ProbePmu;
use crate::sys::tracefs::Tracefs;
use rustix::fd::BorrowedFd;
use std::cell::{Cell, OnceCell, RefCell};

/// A loaded program as it is to be attached.
#[derive(Clone, Copy)]
pub struct Prog<'p> {
    /// The program.
    pub fd: BorrowedFd<'p>,
    /// What `bpf_get_attach_cookie` gives it; 0 for none.
    #[cfg(feature = "full")]
    pub cookie: u64,
}

impl<'p> From<BorrowedFd<'p>> for Prog<'p> {
    /// Without a cookie.
    fn from(fd: BorrowedFd<'p>) -> Self {
        Prog {
            fd,
            #[cfg(feature = "full")]
            cookie: 0,
        }
    }
}

/// What all attachments share: the features, and what was found of the kernel on the way, so that
/// the second attachment does not look again.
pub struct Attacher<'a> {
    features: &'a Features,
    /// What a user asks for beside what the sections say.
    wishes: &'a Wishes,
    tracefs: OnceCell<Option<Tracefs>>,
    kprobe_pmu: OnceCell<Option<ProbePmu>>,
    #[cfg(feature = "full")]
    uprobe_pmu: OnceCell<Option<ProbePmu>>,
    /// The CPU that events are opened on. An event of a probe or tracepoint runs its program on
    /// all CPUs, but has to live on one.
    cpu: Cell<u32>,
    /// What a user should know of attachments that succeeded.
    notes: RefCell<Vec<String>>,
}

impl<'a> Attacher<'a> {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(features: &'a Features) -> Self {
        Attacher {
            features,
            wishes: const { &Wishes::NONE },
            tracefs: OnceCell::new(),
            kprobe_pmu: OnceCell::new(),
            #[cfg(feature = "full")]
            uprobe_pmu: OnceCell::new(),
            cpu: Cell::new(0),
            notes: RefCell::default(),
        }
    }

    /// The same, with what a user asks for.
    #[must_use]
    pub fn with(features: &'a Features, wishes: &'a Wishes) -> Self {
        Attacher {
            wishes,
            ..Attacher::new(features)
        }
    }

    /// What a user asks for beside what the sections say.
    #[must_use]
    pub fn wishes(&self) -> &Wishes {
        self.wishes
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
    pub fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// A loaded program of this name, with the cookie that is asked for.
    #[must_use]
    pub fn prog<'p>(&self, name: &str, fd: BorrowedFd<'p>) -> Prog<'p> {
        #[cfg(feature = "full")]
        return Prog {
            fd,
            cookie: self.wishes.cookie(name),
        };
        #[cfg(not(feature = "full"))]
        {
            let _ = name;
            Prog::from(fd)
        }
    }
}
