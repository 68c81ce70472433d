//! Why a program could not be attached by a link of its own kind, or run.

use rustix::io::Errno;
use thiserror::Error;

/// What failed about tracing programs, iterators, XDP, cgroups and runs. The text says what failed and
/// why; `hint` says what to do.
#[derive(Debug, Error)]
pub enum HookError {
    /// The kernel has no trampolines on this machine.
    #[error("{subject}: this kernel has no trampolines for it on this machine")]
    NoTrampolines {
        /// What was to be attached.
        subject: String,
    },
    /// As many programs as a hook takes are there, or one that stands for itself.
    #[error("{subject}: another program is there already ({errno})")]
    Taken {
        /// What was to be attached.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A cookie for a kernel that takes none there.
    #[error("{subject}: this kernel takes no cookie there ({errno})")]
    NoCookie {
        /// What was to be attached.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// An iterator that goes through a map, and nobody said which.
    #[error("{subject}: it goes through a map, and none is named")]
    NoMap {
        /// What was to be attached.
        subject: String,
        /// Its name.
        program: String,
        /// What it iterates over.
        target: String,
    },
    /// An iterator over a map that the object does not have.
    #[error("{subject}: the object has no map {map}")]
    NoSuchMap {
        /// What was to be attached.
        subject: String,
        /// The map.
        map: String,
    },
    /// An XDP program, and nobody said for which interface.
    #[error("program {program}: it is for a network interface, and none is named")]
    NoInterface {
        /// The program.
        program: String,
    },
    /// There is no such interface.
    #[error("{subject}: there is no such network interface")]
    NoSuchInterface {
        /// What was to be attached.
        subject: String,
        /// Those that are there, joined.
        known: String,
    },
    /// Neither the driver nor the kernel takes the program.
    #[error("{subject}: neither the driver ({driver}) nor the kernel ({generic}) takes it")]
    Xdp {
        /// What was to be attached.
        subject: String,
        /// The driver's answer.
        driver: Errno,
        /// The kernel's answer, without the driver.
        generic: Errno,
    },
    /// A program for a cgroup, and nobody said for which.
    #[error("program {program}: it is for a cgroup, and none is named")]
    NoCgroup {
        /// The program.
        program: String,
    },
    /// The folder is not there, or no cgroup of version 2.
    #[error("{subject}: {why} ({errno})")]
    NotACgroup {
        /// What was to be attached.
        subject: String,
        /// What is wrong.
        why: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A place that can't be read.
    #[error("program {program}: the place in its section can't be read: {why}")]
    BadPlace {
        /// The program.
        program: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The kernel does not run a program.
    #[error("program {program}: the kernel did not run it ({errno})")]
    Run {
        /// The program.
        program: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// An iterator that ended with an error.
    #[error("{subject}: it ended with an error ({errno})")]
    Iterator {
        /// What was read.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

impl HookError {
    /// Whether something was not said that must be (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            HookError::NoMap { .. }
                | HookError::NoSuchMap { .. }
                | HookError::NoInterface { .. }
                | HookError::NoCgroup { .. }
                | HookError::BadPlace { .. }
        )
    }

    /// Whether this machine lacks what was asked for (exit code 3).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            HookError::NoTrampolines { .. }
                | HookError::NoCookie { .. }
                | HookError::NoSuchInterface { .. }
                | HookError::Xdp { .. }
                | HookError::NotACgroup { .. }
        )
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            HookError::NoTrampolines { .. } if cfg!(target_arch = "aarch64") => {
                "on arm64 kernel functions have them from Linux 6.4 on, and programs (freplace) from \
                 6.0 on; a kprobe or a raw tracepoint works without"
                    .into()
            }
            HookError::NoTrampolines { .. } => {
                "a kprobe or a raw tracepoint works without".into()
            }
            HookError::Taken { .. } => {
                "detach the other first; bpftool net and bpftool link show what is attached".into()
            }
            HookError::NoCookie { .. } => {
                "tracing programs have cookies from Linux 6.0 on, raw tracepoints from 6.10 on".into()
            }
            HookError::NoMap {
                program, target, ..
            } => format!("--attach {program}={target}:MAP"),
            HookError::BadPlace { program, .. } => format!("--attach {program}=PLACE"),
            HookError::NoInterface { program } => {
                format!("--iface NAME, or --attach {program}=NAME")
            }
            HookError::NoSuchInterface { known, .. } => format!("there are {known}"),
            HookError::Xdp { .. } => {
                "links of XDP programs came with Linux 5.9; the program may be of a sort (frags, \
                 devmap) that this interface can't have"
                    .into()
            }
            HookError::NoCgroup { program } => {
                format!("--cgroup FOLDER, as in /sys/fs/cgroup, or --attach {program}=FOLDER")
            }
            HookError::NotACgroup { .. } => {
                "cgroups of version 2 are mounted by mount -t cgroup2 none /sys/fs/cgroup".into()
            }
            HookError::Run { errno, .. } if *errno == Errno::FAULT || *errno == Errno::INVAL => {
                "its context is 65535 bytes of zero".into()
            }
            _ => return None,
        })
    }
}
