//! Why a uprobe, an attachment to many places or a cookie failed.

use super::BinaryError;
use thiserror::Error;

/// What was asked for and can't be had. The text says what failed and why; `hint` says what to do.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// A place that can't be read.
    #[error("{subject}: {why}")]
    Place {
        /// What was to be attached.
        subject: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The program or library has no such place.
    #[error("{subject}: {error}")]
    Binary {
        /// What was to be attached.
        subject: String,
        /// Why.
        error: BinaryError,
    },
    /// The kernel was built without uprobes.
    #[error("{subject}: this kernel has no uprobes")]
    NoUprobes {
        /// What was to be attached.
        subject: String,
    },
    /// The process to be probed is not there.
    #[error("{subject}: there is no process {process}")]
    NoProcess {
        /// What was to be attached.
        subject: String,
        /// Its number.
        process: u32,
    },
    /// A pattern that no function matches.
    #[error("{subject}: no function matches, of {searched}")]
    NoMatch {
        /// What was to be attached.
        subject: String,
        /// What was searched.
        searched: String,
    },
    /// A pattern that matches more functions than can be probed one by one.
    #[error("{subject}: more than {most} functions match, and this kernel takes them one by one")]
    TooMany {
        /// What was to be attached.
        subject: String,
        /// How many may match.
        most: usize,
    },
    /// The kernel has no sessions.
    #[error("{subject}: this kernel has no sessions, which see a function's entry and return")]
    NoSession {
        /// What was to be attached.
        subject: String,
    },
    /// The kernel takes no cookie there.
    #[error("{subject}: this kernel takes no cookie there")]
    NoCookie {
        /// What was to be attached.
        subject: String,
    },
}

impl ProbeError {
    /// Whether the hook is not there: what `--skip-missing` passes over.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            ProbeError::Binary { error, .. } => error.is_absent(),
            ProbeError::NoUprobes { .. } | ProbeError::NoMatch { .. } => true,
            _ => false,
        }
    }

    /// Whether this kernel or machine lacks what was asked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            ProbeError::NoSession { .. } | ProbeError::NoCookie { .. } => true,
            other => other.is_absent(),
        }
    }

    /// Whether what was asked for makes no sense.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            ProbeError::Place { .. } | ProbeError::TooMany { .. } | ProbeError::NoProcess { .. }
        )
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            ProbeError::Place { .. } => {
                "a place is written PATH:FUNCTION, PATH:FUNCTION+OFFSET or PATH:0xOFFSET"
            }
            ProbeError::Binary { error, .. } => return error.hint(),
            ProbeError::NoUprobes { .. } => "it needs CONFIG_UPROBE_EVENTS",
            ProbeError::NoProcess { .. } => return None,
            ProbeError::NoMatch { .. } => "* stands for any letters, ? for one",
            ProbeError::TooMany { .. } => {
                "make the pattern narrower; kernels from 5.18 on (arm64: 6.14) can take them at once"
            }
            ProbeError::NoSession { .. } => {
                "kernels have them for kernel functions from 6.10 (arm64: 6.14), for programs from 6.13 on; \
                 an entry and a return program do the same"
            }
            ProbeError::NoCookie { .. } => {
                "leave --cookie out: probes and tracepoints have them from 5.15, tracing programs from \
                 5.19, raw tracepoints from 6.10 on"
            }
        };
        Some(text.to_owned())
    }
}
