//! Records as rows: one column for each top-level field, as wide as its type and name ask for.

use core::cmp::Ordering;

use super::number::{mask, push_unsigned, read, sign_extend};
use super::plan::{Column, Name, Node, Plan, Scalar, Shape};
use super::render::Style;

/// What the kernel may add to a perf sample to align it, in bytes.
const PERF_PADDING: usize = 7;
/// The widest that a column is made, in characters; longer text pushes the rest of its row.
const WIDEST: usize = 32;

/// How a record's length compares with its type's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The same, or a flexible array takes what is left.
    Exact,
    /// So many bytes more, which the alignment of the perf ring explains (1 to 7).
    Padded(usize),
    /// So many bytes more than that: probably another type's record.
    Longer(usize),
    /// So many bytes fewer: the missing fields are shown as `-`.
    Shorter(usize),
}

/// One top-level field, for callers that treat some fields in their own way.
#[derive(Clone, Copy, Debug)]
pub struct Field<'p> {
    /// As in the source; for a type that is no struct, `value`.
    pub name: &'p str,
    /// Characters that it is padded to.
    pub width: usize,
    column: Column,
}

impl Field<'_> {
    pub(super) fn node(&self) -> Node {
        self.column.node
    }

    /// The field's bytes in a record, if they are all there; a flexible array's are the rest.
    pub fn bytes<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        let Column { at, node, .. } = self.column;
        let rest = record.get(at as usize..)?;
        match node.shape {
            Shape::RestText | Shape::RestBytes | Shape::RestArray { .. } => Some(rest),
            _ => rest.get(..node.size as usize),
        }
    }

    /// The field as a number of 64 bits, sign-extended where it is signed; `None` for what is no
    /// number and what is not in the record.
    pub fn number(&self, record: &[u8]) -> Option<u64> {
        let Column { at, node, .. } = self.column;
        let (raw, scalar, width) = raw(node, record, at as usize)?;
        Some(match scalar {
            Scalar::Signed | Scalar::Char => sign_extend(raw, width) as u64,
            Scalar::Meant(super::meaning::Meaning::Named(_)) => sign_extend(raw, width) as u64,
            Scalar::Meant(super::meaning::Meaning::Network) => super::meaning::swapped(raw, width),
            _ => raw,
        })
    }
}

impl Field<'_> {
    /// Whether it is text up to a NUL.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.column.node.shape, Shape::Text | Shape::RestText)
    }

    /// The text in a record, without a NUL; programs send only as much of a long one as there is. `None` for
    /// what is no text, and where the record ends before it.
    #[must_use]
    pub fn text<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        let Column { at, node, .. } = self.column;
        let rest = record.get(at as usize..).filter(|_| self.is_text())?;
        let whole = match node.shape {
            Shape::RestText => rest,
            _ => rest.get(..node.size as usize).unwrap_or(rest),
        };
        Some(super::until_nul(whole))
    }

    /// How the field of a record compares with that of another: numbers as such, all else byte by byte.
    #[must_use]
    pub fn compare(&self, record: &[u8], other: &[u8]) -> Option<Ordering> {
        use super::meaning::Meaning;
        let Column { at, node, .. } = self.column;
        let Some((_, scalar, _)) = raw(node, record, at as usize) else {
            return Some(self.bytes(record)?.cmp(self.bytes(other)?));
        };
        let (a, b) = (self.number(record)?, self.number(other)?);
        let signed = matches!(
            scalar,
            Scalar::Signed | Scalar::Char | Scalar::Meant(Meaning::Named(_))
        );
        Some(match signed {
            true => a.cast_signed().cmp(&b.cast_signed()),
            false => a.cmp(&b),
        })
    }
}

/// The bits of a number, what they mean and how many they are.
pub(super) fn raw(node: Node, data: &[u8], at: usize) -> Option<(u64, Scalar, u32)> {
    match node.shape {
        Shape::Scalar(scalar) => {
            let raw = read(data, at, node.size as usize)?;
            Some((raw, scalar, node.size * 8))
        }
        Shape::Bits {
            first,
            width,
            scalar,
        } => {
            let len = (u32::from(first) + u32::from(width)).div_ceil(8) as usize;
            let bytes = data.get(at..at.checked_add(len)?)?;
            // 7 + 64 bits touch nine bytes.
            let mut storage = 0u128;
            for (index, &byte) in bytes.iter().enumerate() {
                storage |= u128::from(byte) << (8 * index);
            }
            let raw = (storage >> first) as u64 & mask(u32::from(width));
            Some((raw, scalar, u32::from(width)))
        }
        _ => None,
    }
}

impl Plan {
    /// How a record of `len` bytes compares with the type.
    pub fn fit(&self, len: usize) -> Fit {
        let size = self.size();
        match len.checked_sub(size) {
            None => Fit::Shorter(size - len),
            Some(0) => Fit::Exact,
            Some(_) if self.takes_the_rest() => Fit::Exact,
            Some(more @ 1..=PERF_PADDING) => Fit::Padded(more),
            Some(more) => Fit::Longer(more),
        }
    }

    fn takes_the_rest(&self) -> bool {
        let mut node = self.root;
        while let Shape::Composite { first, len } = node.shape {
            match self.members(first, len).last() {
                Some(last) => node = last.node,
                None => return false,
            }
        }
        matches!(
            node.shape,
            Shape::RestText | Shape::RestBytes | Shape::RestArray { .. }
        )
    }

    /// The top-level fields in order; those of anonymous structs and unions are among them.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> {
        self.columns.iter().map(|column| Field {
            name: self.name(column.name),
            width: usize::from(column.width),
            column: *column,
        })
    }

    /// The top-level field of this name.
    pub fn field(&self, name: &str) -> Option<Field<'_>> {
        self.fields().find(|field| field.name == name)
    }

    /// Appends the names of the columns in upper case, without a line end.
    pub fn header(&self, out: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            let start = out.len();
            out.extend_from_slice(self.name(column.name).as_bytes());
            if let Some(name) = out.get_mut(start..) {
                name.make_ascii_uppercase();
            }
            if index + 1 < self.columns.len() {
                pad(start, column.width, out);
            }
        }
    }

    /// Appends a record as one row, without a line end. A field that the record does not have is
    /// `-`; bytes after the last field are not shown (see [`Plan::fit`]).
    pub fn row(&self, record: &[u8], out: &mut Vec<u8>) {
        self.put_row(record, &mut super::Room::new(out));
    }

    /// Appends one field as its column shows it, padded.
    pub fn cell(&self, field: &Field<'_>, record: &[u8], out: &mut Vec<u8>) {
        let Column { at, node, .. } = field.column;
        let start = out.len();
        self.write(node, record, at as usize, Style::Cell, out);
        pad(start, field.column.width, out);
    }

    pub(super) fn lay_out_columns(&mut self, value: Name) {
        self.columns = self.columns(value);
        self.label_columns();
    }

    fn columns(&self, value: Name) -> Vec<Column> {
        let column = |name: Name, at: u32, node: Node| Column {
            name,
            at,
            node,
            width: self.width(node).max(self.name(name).len()).min(WIDEST * 2) as u16,
        };
        match self.root.shape {
            Shape::Composite { first, len } => self
                .members(first, len)
                .iter()
                .map(|m| column(m.name, m.at, m.node))
                .collect(),
            _ => vec![column(value, 0, self.root)],
        }
    }

    /// Characters that usual values of a type take: not the most that they could, or a `u32` with
    /// a process id in it would be half empty.
    fn width(&self, node: Node) -> usize {
        let size = node.size as usize;
        let longest = |shape| match shape {
            Scalar::Enum { first, len, .. } => {
                let names = self.enumerators(first, len).iter();
                names.map(|e| self.name(e.name).len()).max().unwrap_or(0)
            }
            Scalar::Bool => 5,
            Scalar::Pointer => 18,
            _ => 0,
        };
        let width = match node.shape {
            Shape::Scalar(scalar @ (Scalar::Unsigned | Scalar::Signed | Scalar::Char)) => {
                match size {
                    1 => 4,
                    2 => 5 + usize::from(matches!(scalar, Scalar::Signed)),
                    4 => 7,
                    _ => 16,
                }
            }
            Shape::Scalar(Scalar::Meant(meaning)) => meaning.width(size),
            Shape::Scalar(scalar) => longest(scalar),
            Shape::Bits { width, scalar, .. } => {
                let mut most = Vec::new();
                push_unsigned(mask(u32::from(width)), &mut most);
                longest(scalar).max(most.len().min(16))
            }
            Shape::Wide { .. } => 20,
            Shape::Float => 12,
            Shape::Text => size,
            Shape::Counted { .. } => size,
            Shape::Bytes | Shape::Hex => size.saturating_mul(2).saturating_add(2),
            Shape::Address { .. } => 25,
            Shape::Opaque => 1,
            Shape::RestText | Shape::RestBytes => 16,
            Shape::Array { .. } | Shape::RestArray { .. } | Shape::Composite { .. } => 24,
        };
        width.min(WIDEST)
    }
}

/// Fills a column that started at byte `start` of `out` up to its width, and one space between.
pub(super) fn pad(start: usize, width: u16, out: &mut Vec<u8>) {
    const SPACES: [u8; WIDEST * 2 + 1] = [b' '; WIDEST * 2 + 1];
    let cell = out.get(start..).unwrap_or_default();
    // Characters, not bytes: continuation bytes do not count.
    let shown = match cell.is_ascii() {
        true => cell.len(),
        false => cell.iter().filter(|&&b| b & 0xc0 != 0x80).count(),
    };
    let missing = usize::from(width).saturating_sub(shown) + 1;
    match SPACES.get(..missing) {
        Some(spaces) => out.extend_from_slice(spaces),
        None => out.resize(out.len() + missing, b' '),
    }
}

/// Appends text of the caller's own as a column of `width` characters, escaped, and one space:
/// for columns that come from elsewhere than the record.
pub fn column(text: &[u8], width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    super::escape(text, out);
    pad(start, width.min(usize::from(u16::MAX)) as u16, out);
}
