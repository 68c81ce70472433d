//! What can be wrong with BTF.

use thiserror::Error;

use super::TypeId;

/// BTF that can't be read, with the place that is wrong.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum BtfError {
    /// The data ends before what should be there.
    #[error("BTF is cut off: {0}")]
    Truncated(&'static str),
    /// The first two bytes are not the magic number 0xeb9f.
    #[error("not BTF: it starts with {0:#06x} where 0xeb9f is expected")]
    Magic(u16),
    /// Written for a machine of the other byte order.
    #[error("this BTF is big-endian; only little-endian kernels and objects are supported")]
    BigEndian,
    /// A header that this program does not know.
    #[error("BTF header: {0}")]
    Header(&'static str),
    /// A record of a kind that is not known: its length can't be known either.
    #[error("BTF type {id} has the unknown kind {kind}")]
    UnknownKind {
        /// The record.
        id: TypeId,
        /// Its kind number.
        kind: u8,
    },
    /// A type number past the last record.
    #[error("BTF type {0} does not exist")]
    NoSuchType(TypeId),
    /// A name offset outside the string section, or a name that is not UTF-8.
    #[error("BTF name at offset {0:#x} is not in the string section")]
    NoSuchName(u32),
    /// A member, enumerator, parameter or variable past the record's count.
    #[error("BTF type {id} has no entry number {index}")]
    NoSuchEntry {
        /// The record.
        id: TypeId,
        /// The entry asked for.
        index: u32,
    },
    /// Modifiers, typedefs, arrays or anonymous structs nested beyond any real use: a cycle.
    #[error("BTF type {0} is nested too deeply: the types form a cycle")]
    Cycle(TypeId),
    /// A type that has no size where one is needed.
    #[error("BTF type {0} has no size")]
    NoSize(TypeId),
    /// A table of `.BTF.ext` is not what its header says.
    #[error(".BTF.ext: {0}")]
    Ext(&'static str),
    /// More names are looked for at once than a window tells apart.
    #[error("{0} different names are asked for at once, and 65535 is the most: take fewer objects")]
    TooManyNames(usize),
    /// The file behind a window could not be read.
    #[error("reading BTF: {0}")]
    Io(rustix::io::Errno),
}
