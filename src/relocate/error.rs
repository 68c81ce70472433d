//! Relocations that can't be made, which is rare: a missing field is no error here, but a poison.

use thiserror::Error;

use crate::btf::BtfError;

/// A relocation that is damaged, or has no single answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RelocateError {
    /// One of the two sets of types can't be read.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// An access string that is not numbers and colons, or longer than 64 numbers.
    #[error("its access string '{0}' can't be read")]
    Access(String),
    /// An access string that does not fit the type that it is for.
    #[error("its access string '{access}' does not fit {root}")]
    Mismatch {
        /// The access string.
        access: String,
        /// The root type, as C writes it.
        root: String,
    },
    /// Candidates that match and disagree.
    #[error("ambiguous: {0}")]
    Ambiguous(
        /// The candidates.
        String,
    ),
    /// More different questions than any program has.
    #[error("the object asks more than {0} different things about the kernel's types")]
    TooMany(usize),
    /// Types so entangled that comparing them was given up.
    #[error("comparing {0} with the kernel's types takes too long: they are entangled")]
    Entangled(String),
    /// A bitfield that no load of at most eight bytes covers.
    #[error("a bitfield is wider than one load can read")]
    Bitfield,
    /// The kind of relocation can't be used for what it is applied to.
    #[error("a relocation about {0}")]
    Misapplied(&'static str),
    /// The instruction does not hold what the object's types say.
    #[error("the instruction holds {found} where {expected} was compiled in")]
    Unexpected {
        /// In the instruction.
        found: u64,
        /// By the object's own types.
        expected: u64,
    },
    /// The instruction is of a kind that can't be patched.
    #[error("the instruction (code {0:#04x}) is of a kind that can't be relocated")]
    Instruction(u8),
    /// A value that the instruction has no room for.
    #[error("the value {0} does not fit into the instruction")]
    Range(u64),
}
