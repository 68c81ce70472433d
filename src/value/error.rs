//! What can be wrong with a value: a type that can't be laid out, words that don't fit a type.

use thiserror::Error;

use crate::btf::BtfError;

/// A value that can't be shown or read.
///
/// Every `path` names the place inside the value as a C programmer would write it
/// (`limits[2].max`), or is `the value` for the whole.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ValueError {
    /// The type itself can't be read.
    #[error("the type of the value: {0}")]
    Btf(#[from] BtfError),
    /// More members than any type that a person wants to see.
    #[error("the type has more than {limit} members, counted through all its parts")]
    TooLarge {
        /// How many are shown at most.
        limit: usize,
    },
    /// The place for the bytes does not have the size of the type.
    #[error("the type has {expected} bytes, the place for it {found}")]
    WrongSize {
        /// Bytes of the type.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// Something else was expected at this point of the words.
    #[error("{path}: expected {expected}, found {found}")]
    Expected {
        /// Where in the value.
        path: String,
        /// What would have been right.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A number that its type can't hold.
    #[error("{path}: {found} is out of range, it must be {min} to {max}")]
    Range {
        /// Where in the value.
        path: String,
        /// The number as written.
        found: String,
        /// The smallest that fits.
        min: String,
        /// The largest that fits.
        max: String,
    },
    /// The struct or union has no such field.
    #[error("{path}: no field {field}; it has: {known}")]
    UnknownField {
        /// Where in the value.
        path: String,
        /// The name as written.
        field: String,
        /// The names that there are, in order.
        known: String,
    },
    /// A field was given two values.
    #[error("{path}: the field is given twice")]
    Twice {
        /// Where in the value.
        path: String,
    },
    /// Neither a number nor one of the enum's names.
    #[error("{path}: no enumerator {found}; it is one of: {known}")]
    UnknownEnumerator {
        /// Where in the value.
        path: String,
        /// The name as written.
        found: String,
        /// The names that there are, in order of their values.
        known: String,
    },
    /// More text or bytes than the array holds.
    #[error("{path}: {found} bytes do not fit into {room}")]
    TooLong {
        /// Where in the value.
        path: String,
        /// Bytes that were written.
        found: usize,
        /// Bytes that fit.
        room: usize,
    },
    /// More elements than the array has.
    #[error("{path}: the array has only {room} elements")]
    TooMany {
        /// Where in the value.
        path: String,
        /// Elements that fit.
        room: usize,
    },
    /// Brackets inside brackets beyond any type.
    #[error("the value is nested more than {limit} levels deep")]
    TooDeep {
        /// The deepest that is read.
        limit: usize,
    },
    /// Words after the end of the value.
    #[error("{found} follows the end of the value")]
    Trailing {
        /// What follows.
        found: String,
    },
}
