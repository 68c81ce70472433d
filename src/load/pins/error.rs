//! Why a load could not be pinned, or what was pinned not be removed.

use rustix::io::Errno;
use thiserror::Error;

use crate::sys::permission;

/// Pins that could not be made or removed.
#[derive(Debug, Error)]
pub enum PinError {
    /// An attachment that ends with this process, whatever is done.
    #[error("program {program}: it can't stay attached: {why}")]
    NoLink {
        /// The program.
        program: String,
        /// Why there is nothing to pin.
        why: &'static str,
    },
    /// The folder is not where pins can be.
    #[error("{folder} is in no BPF file system, where pins are made")]
    NoBpfFs {
        /// The folder.
        folder: String,
    },
    /// There is something in the folder already.
    #[error("{folder} has something in it already")]
    NotEmpty {
        /// The folder.
        folder: String,
    },
    /// A pin that the kernel refused.
    #[error("{path}: the {what} could not be pinned ({errno})")]
    Pin {
        /// Program, map or link.
        what: &'static str,
        /// The path.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The folder to be removed is an ordinary one.
    #[error("{folder} is in no BPF file system: nothing was loaded there")]
    NotBpfFs {
        /// The folder.
        folder: String,
    },
    /// Something that no load left there.
    #[error("{path} was not left by a load: nothing is removed")]
    Foreign {
        /// The path.
        path: String,
    },
    /// A folder or name that can't be made, read or removed.
    #[error("{path}: {errno}")]
    Path {
        /// The path.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

impl PinError {
    pub(super) fn folder(path: &str, errno: Errno) -> PinError {
        PinError::Path {
            path: path.into(),
            errno,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            PinError::NoLink { .. } => {
                "--no-attach pins programs and maps only; btfly run attaches \
                 as long as it runs"
                    .into()
            }
            PinError::NoBpfFs { .. } => {
                "mount -t bpf bpf /sys/fs/bpf, and give a new folder in there: \
                 --pin /sys/fs/bpf/NAME"
                    .into()
            }
            PinError::NotEmpty { folder } => {
                ["btfly unload ", folder, " removes it, if it was loaded so"].concat()
            }
            PinError::Pin {
                errno: Errno::EXIST,
                ..
            } => {
                "two of the object's have the same name there: --prog NAME loads one of them".into()
            }
            PinError::Pin {
                what: "link",
                errno: Errno::INVAL,
                ..
            } => {
                "this kernel pins no links, which those from 5.7 on do: --no-attach leaves them out"
                    .into()
            }
            PinError::Foreign { .. } => "remove by rm what you know, and try again".into(),
            _ if self.is_permission() => permission::hint(),
            _ => return None,
        })
    }

    /// Whether a permission is what lacks (exit code 4).
    pub fn is_permission(&self) -> bool {
        matches!(
            self,
            PinError::Pin {
                errno: Errno::PERM | Errno::ACCESS,
                ..
            } | PinError::Path {
                errno: Errno::PERM | Errno::ACCESS,
                ..
            }
        )
    }

    /// Whether this kernel, as it is, lacks what it takes (exit code 3).
    pub fn is_missing(&self) -> bool {
        matches!(self, PinError::NoLink { .. } | PinError::NoBpfFs { .. })
    }

    /// Whether another folder would have been right (exit code 1).
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            PinError::NotEmpty { .. }
                | PinError::NotBpfFs { .. }
                | PinError::Foreign { .. }
                | PinError::Path {
                    errno: Errno::NOENT | Errno::NOTDIR,
                    ..
                }
        )
    }
}
