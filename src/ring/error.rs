//! Why a ring could not be opened.

use crate::sys::permission;
use rustix::io::Errno;
use thiserror::Error;

#[cfg(feature = "full")]
const MIB: usize = 1 << 20;

/// A ring that could not be opened.
#[derive(Debug, Error)]
pub enum RingError {
    /// The kernel doesn't tell about the map.
    #[error("the ring's map can't be asked for its size ({errno})")]
    Map {
        /// The kernel's answer.
        errno: Errno,
    },
    /// The list of CPUs can't be read.
    #[error("the list of online CPUs can't be read ({errno})")]
    Cpus {
        /// The kernel's answer.
        errno: Errno,
    },
    /// The event that carries a CPU's records can't be opened.
    #[error("no perf ring on CPU {cpu} ({errno})")]
    Open {
        /// The CPU.
        cpu: u32,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The ring's memory can't be mapped.
    #[error("a ring of {bytes} bytes can't be mapped ({errno})")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The rings would take most of the memory that is left.
    #[cfg(feature = "full")]
    #[error(
        "{pages} pages of perf ring for each of {cpus} CPUs are {} MiB, and {} MiB are available",
        bytes / MIB,
        available / MIB as u64
    )]
    TooLarge {
        /// Pages for each CPU.
        pages: usize,
        /// CPUs that are online.
        cpus: usize,
        /// Bytes in all.
        bytes: usize,
        /// Bytes that can be had.
        available: u64,
    },
    /// Records of this ring have no time to go by.
    #[cfg(feature = "full")]
    #[error(
        "records of a BPF ring buffer have no time to be sorted by, and there is more than one ring"
    )]
    Timeless,
    /// The ring can't be put into its map.
    #[error("the perf ring of CPU {cpu} can't be stored in its map ({errno})")]
    Store {
        /// The CPU.
        cpu: u32,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The ring can't be waited for.
    #[error("the ring can't be polled ({errno})")]
    Poll {
        /// The kernel's answer.
        errno: Errno,
    },
}

impl RingError {
    /// What the kernel answered.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            RingError::Map { errno }
            | RingError::Cpus { errno }
            | RingError::Open { errno, .. }
            | RingError::Memory { errno, .. }
            | RingError::Store { errno, .. }
            | RingError::Poll { errno } => *errno,
            #[cfg(feature = "full")]
            RingError::TooLarge { .. } => Errno::NOMEM,
            #[cfg(feature = "full")]
            RingError::Timeless => Errno::OPNOTSUPP,
        }
    }

    /// Whether a permission is what lacks (exit code 4).
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), Errno::PERM | Errno::ACCESS)
    }

    /// Whether this kernel lacks perf events (exit code 3).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            RingError::Open {
                errno: Errno::NOSYS,
                ..
            }
        )
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            #[cfg(feature = "full")]
            RingError::Memory {
                errno: Errno::PERM, ..
            } => Some(
                "kernel.perf_event_mlock_kb and ulimit -l limit perf rings: raise one, or give fewer --pages"
                    .to_owned(),
            ),
            #[cfg(not(feature = "full"))]
            RingError::Memory {
                errno: Errno::PERM, ..
            } => Some("kernel.perf_event_mlock_kb limits perf rings: raise it".to_owned()),
            RingError::Memory {
                errno: Errno::NOMEM,
                ..
            } => Some("the board has too little free memory for them".to_owned()),
            RingError::Open {
                errno: Errno::NOSYS,
                ..
            } => Some("it needs CONFIG_PERF_EVENTS".to_owned()),
            #[cfg(feature = "full")]
            RingError::TooLarge { .. } => Some("give fewer: --pages N".to_owned()),
            #[cfg(feature = "full")]
            RingError::Timeless => Some(
                "leave --sort out: each ring buffer is in order by itself, and perf rings are sorted where there is no other"
                    .to_owned(),
            ),
            RingError::Cpus { .. } => Some("mount -t sysfs sysfs /sys".to_owned()),
            _ if self.is_permission() => Some(permission::hint()),
            _ => None,
        }
    }
}
