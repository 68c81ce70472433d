//! Records of several types in one ring: told apart by an enum at their start, or by their size.

use btfly::value::{escape, read_number};

use super::Kind;

/// The types of a ring.
pub struct Several {
    kinds: Vec<Kind>,
    by: By,
    /// Characters of the longest name.
    width: usize,
}

/// What tells them apart. The second number of each pair is that of the type.
pub enum By {
    /// A number of so many bytes at the start of the record.
    First {
        size: usize,
        values: Vec<(u64, usize)>,
        /// What a record of no such number is.
        other: Option<usize>,
    },
    /// The record's length in bytes.
    Size { sizes: Vec<(usize, usize)> },
}

impl Several {
    pub fn new(kinds: Vec<Kind>, by: By) -> Several {
        let widths = kinds.iter().map(|kind| kind.name.as_str().chars().count());
        Several {
            width: widths.max().unwrap_or(0),
            kinds,
            by,
        }
    }

    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub fn kinds_mut(&mut self) -> &mut [Kind] {
        &mut self.kinds
    }

    pub fn of(&self, record: &[u8]) -> Option<&Kind> {
        let found = match &self.by {
            By::First {
                size,
                values,
                other,
            } => {
                let first = read_number(record, 0, *size);
                let found = values.iter().find(|(value, _)| Some(*value) == first);
                found.map(|(_, index)| *index).or(*other)
            }
            By::Size { sizes } => {
                let exact = sizes.iter().find(|(size, _)| *size == record.len());
                // From a perf ring they come filled up.
                let filled = || sizes.iter().find(|(size, _)| filled(*size) == record.len());
                exact.or_else(filled).map(|(_, index)| *index)
            }
        };
        self.kinds.get(found?)
    }

    /// The columns of each type, a line each.
    pub fn header(&self, start: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
        for kind in &self.kinds {
            start(out);
            self.push_name(kind.name.as_str(), out);
            kind.plan.header(out);
            out.push(b'\n');
        }
    }

    /// Begins the row of a record by the name of its type.
    pub fn name(&self, record: &[u8], out: &mut Vec<u8>) {
        self.push_name(self.of(record).map_or("-", |kind| kind.name.as_str()), out);
    }

    fn push_name(&self, name: &str, out: &mut Vec<u8>) {
        escape(name.as_bytes(), out);
        let missing = self.width.saturating_sub(name.chars().count());
        out.resize(out.len() + missing + 1, b' ');
    }
}

/// How long a record of so many bytes is when it comes from a perf ring: its size, a word in itself, and
/// the record together fill words of eight bytes.
pub fn filled(size: usize) -> usize {
    (size + 4).next_multiple_of(8) - 4
}
