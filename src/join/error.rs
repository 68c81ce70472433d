//! Why objects can't be joined.

use thiserror::Error;

use crate::btf::BtfError;
use crate::elf::ElfError;

/// Objects that can't become one.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum JoinError {
    /// One of them is no BPF object.
    #[error("{object}: {source}")]
    Elf {
        /// The object.
        object: String,
        /// What is wrong.
        source: ElfError,
    },
    /// The types of one can't be read.
    #[error("{object}: section .BTF: {source}")]
    Btf {
        /// The object.
        object: String,
        /// What is wrong.
        source: BtfError,
    },
    /// Two of them define the same name.
    #[error("{name} is defined by {first} and by {second}")]
    Twice {
        /// The function, map or variable.
        name: String,
        /// An object that defines it.
        first: String,
        /// Another.
        second: String,
    },
    /// What one needs is not what another has.
    #[error("{name}: {user} wants {wanted}, and {definer} defines {defined}")]
    Other {
        /// The function, map or variable.
        name: String,
        /// The object that needs it.
        user: String,
        /// What it declares.
        wanted: String,
        /// The object that has it.
        definer: String,
        /// What that is.
        defined: String,
    },
    /// The license is another.
    #[error("{first} is under the license {one:?}, and {second} under {other:?}")]
    License {
        /// An object.
        first: String,
        /// Its license.
        one: String,
        /// Another object.
        second: String,
        /// Its license.
        other: String,
    },
    /// More than the format can hold.
    #[error("together they are too large: {0}")]
    TooLarge(&'static str),
}

impl JoinError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            JoinError::Twice { .. } => {
                Some("make one of them static or __weak, or load the objects one by one")
            }
            JoinError::Other { .. } => Some("compile both against one header that declares it"),
            JoinError::License { .. } => {
                Some("a program has one license: give all of them the same")
            }
            JoinError::Elf { .. } | JoinError::Btf { .. } => {
                Some("the file may have been cut off: copy it again and compare its size")
            }
            JoinError::TooLarge(_) => None,
        }
    }
}
