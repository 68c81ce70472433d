//! Why a place in a program or library can't be found.

use rustix::io::Errno;
use thiserror::Error;

/// What is wrong with the file, or with the name of the function.
#[derive(Debug, Error)]
pub enum BinaryError {
    /// A name without a folder that is nowhere.
    #[error("{name} is in none of {folders}")]
    NotFound {
        /// The name.
        name: String,
        /// The folders, joined by colons.
        folders: String,
    },
    /// The file can't be opened or read.
    #[error("{path}: {errno}")]
    File {
        /// The file.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// Not an ELF file, or a damaged one.
    #[error("{path} is no program or library: {why}")]
    NotElf {
        /// The file.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// There is no such function, although there are others.
    #[error("{path} has no function `{function}`")]
    NoFunction {
        /// The file.
        path: String,
        /// The function.
        function: String,
        /// Names that come near, joined; empty for none.
        near: String,
    },
    /// The file names no function at all.
    #[error("{path} has no symbols: it was stripped of them")]
    Stripped {
        /// The file.
        path: String,
    },
    /// Several functions have that name.
    #[error("{path} has several functions `{function}`")]
    Ambiguous {
        /// The file.
        path: String,
        /// The function.
        function: String,
        /// Where they are, joined.
        offsets: String,
    },
    /// The symbol is one that chooses a function when the program starts.
    #[error("{path}: which function `{function}` is, is chosen as a program starts")]
    Indirect {
        /// The file.
        path: String,
        /// The function.
        function: String,
    },
    /// The function is in no part of the file that is code in memory.
    #[error("{path}: `{function}` lies outside of what is loaded of the file")]
    Outside {
        /// The file.
        path: String,
        /// The function.
        function: String,
    },
}

impl BinaryError {
    /// Whether the file or the function is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            BinaryError::NotFound { .. }
            | BinaryError::NoFunction { .. }
            | BinaryError::Stripped { .. } => true,
            BinaryError::File { errno, .. } => *errno == Errno::NOENT,
            _ => false,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            BinaryError::NotFound { .. } => {
                "give the path of the file, such as /usr/lib/libc.so.6:malloc"
            }
            BinaryError::NoFunction { near, .. } if near.is_empty() => {
                "it may be inlined, or its symbol stripped: PATH:0xOFFSET names a byte of the file"
            }
            BinaryError::NoFunction { near, .. } => return Some(["there is ", near].concat()),
            BinaryError::Stripped { .. } => {
                "find the function in the file with its symbols (nm), and give PATH:0xOFFSET, \
                 its byte in the file"
            }
            BinaryError::Ambiguous { offsets, .. } => {
                return Some(
                    ["give one by its byte in the file, PATH:0xOFFSET: ", offsets].concat(),
                );
            }
            BinaryError::Indirect { .. } => {
                "give one of those that it chooses among, such as __strlen_asimd for strlen, \
                 or its byte in the file: PATH:0xOFFSET"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
