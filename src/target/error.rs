//! Why the types of a kernel can't be had.

use thiserror::Error;

use crate::btf::BtfError;

/// A kernel's types that are not there or can't be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TargetError {
    /// The file can't be opened or read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// The kernel's answer.
        error: rustix::io::Errno,
    },
    /// The file is there, and is damaged or no BTF at all.
    #[error("{path}: {source}")]
    Btf {
        /// The file.
        path: String,
        /// What is wrong.
        source: BtfError,
    },
    /// An ELF file or an archive that has no BTF to give.
    #[error("{path}: {what}")]
    Container {
        /// The file.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A file that is no symbol table, or no configuration.
    #[error("{path}: {what}")]
    Facts {
        /// The file.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    #[cfg(feature = "full")]
    /// An archive that can't be unpacked for lack of room.
    #[error("{path}: no room to unpack it ({error})")]
    Room {
        /// The archive.
        path: String,
        /// The kernel's answer.
        error: rustix::io::Errno,
    },
    #[cfg(feature = "full")]
    /// A folder that has no BTF for this kernel.
    #[error("{folder}: no BTF for this kernel; looked for {tried}")]
    Folder {
        /// The folder.
        folder: String,
        /// The paths below it, joined.
        tried: String,
    },
}

impl TargetError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            TargetError::File { .. } => return None,
            TargetError::Facts { .. } => return None,
            TargetError::Btf { .. } | TargetError::Container { .. }
                if cfg!(not(feature = "full")) =>
            {
                "--btf takes raw BTF, or a file with a .BTF section: unpack it, or use the build made with cross/build --full"
            }
            TargetError::Btf { .. } | TargetError::Container { .. } => {
                "--btf takes raw BTF, a vmlinux with a .BTF section, or a .btf.tar.xz of BTFHub"
            }
            #[cfg(feature = "full")]
            TargetError::Room { .. } => {
                "name a folder with room in TMPDIR, or unpack it elsewhere and give the .btf inside"
            }
            #[cfg(feature = "full")]
            TargetError::Folder { .. } => {
                "put the file of this kernel there under one of these names, or give it as --btf FILE"
            }
        })
    }
}
