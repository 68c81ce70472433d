//! Which sources of types this machine has, for a person who wants to know.

use rustix::io::Errno;

use super::hub::{self, KernelName};
use super::{embedded, modules};
use crate::sys::tracefs::Tracefs;
use crate::target::TargetError;
use crate::target::source::Source;

/// A BTF that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Whether it is read in the kernel's own pages, and not piece by piece.
    pub mapped: bool,
}

/// What there is.
#[derive(Debug)]
pub struct Survey {
    /// The running kernel's own BTF; `None`: it has none.
    pub own: Result<Option<Found>, TargetError>,
    /// How many of its modules have BTF; `None`: the kernel does not show it to this user.
    pub modules: Option<usize>,
    /// The usual vmlinux files that are there, and what is wrong with those that are of no use.
    pub installed: Vec<Result<Found, TargetError>>,
    /// In how many places they were looked for.
    pub places: usize,
    /// How many kernels' BTF is built into this binary, and what that of this kernel is called there.
    pub built_in: (usize, Option<&'static str>),
    /// Where its BTF would be in a folder laid out like BTFHub's, without the ending; the best first.
    pub names: Vec<String>,
    /// Where tracefs is mounted, and whether it tells the format of a tracepoint.
    pub tracefs: Option<(String, Result<(), Errno>)>,
}

impl Survey {
    /// Looks around. BTF is opened and its header checked; nothing else of it is read.
    pub fn take() -> Survey {
        let own = Source::running().and_then(|own| {
            own.map(|(source, len)| Found::check(source, len, super::super::source::VMLINUX))
                .transpose()
        });
        let mut installed = Vec::new();
        let mut places = 0;
        for path in hub::vmlinux() {
            places += 1;
            match crate::target::open::open(&path) {
                Err(TargetError::File {
                    error: Errno::NOENT | Errno::NOTDIR,
                    ..
                }) => {}
                opened => installed
                    .push(opened.and_then(|(source, len)| Found::check(source, len, &path))),
            }
        }
        let tracefs = Tracefs::find().map(|tracefs| {
            // Every kernel with tracepoints has this one.
            let format = tracefs.tracepoint_format("sched", "sched_switch");
            (tracefs.root().to_owned(), format.map(drop))
        });
        Survey {
            own,
            modules: modules::count(),
            installed,
            places,
            built_in: (embedded::count(), embedded::find().map(|(name, _)| name)),
            names: KernelName::running().places(),
            tracefs,
        }
    }

    /// The BTF that objects are relocated against where no other is asked for.
    pub fn types(&self) -> Option<&Found> {
        match &self.own {
            Ok(None) => self.installed.iter().find_map(|found| found.as_ref().ok()),
            Ok(Some(own)) => Some(own),
            Err(_) => None,
        }
    }
}

impl Found {
    fn check(source: Source<'_>, len: u64, path: &str) -> Result<Found, TargetError> {
        match source.layout(len) {
            Ok(_) => Ok(Found {
                path: path.into(),
                len,
                mapped: source.bytes().is_some(),
            }),
            Err(error) => Err(TargetError::Btf {
                path: path.into(),
                source: error,
            }),
        }
    }

    /// The BTF that a user named: a file, or this kernel's in a folder.
    ///
    /// # Errors
    /// None is there, or it can't be read.
    pub fn named(path: &str) -> Result<Found, TargetError> {
        let (source, len, path) = super::named(path)?;
        Found::check(source, len, &path)
    }
}
