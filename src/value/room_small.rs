//! In the place of `room.rs` in a build for boards: text goes to the end of a vector, piece by piece.

use super::meaning::TimeParts;
use super::plan::{Label, Plan};
use super::push_unsigned;
use super::render::Style;

/// The end of a vector.
#[derive(Debug)]
pub struct Room<'o> {
    out: &'o mut Vec<u8>,
}

/// How many lines begin.
#[derive(Clone, Debug, Default)]
pub struct Start(Vec<u8>);

impl Start {
    /// Has lines begin with other bytes, which `write` appends.
    pub fn set(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.clear();
        write(&mut self.0);
    }
}

impl<'o> Room<'o> {
    /// Begins a line at the end of a vector.
    pub fn begin(start: &Start, out: &'o mut Vec<u8>) -> Room<'o> {
        out.extend_from_slice(&start.0);
        Room { out }
    }

    /// The end of a vector.
    pub fn new(out: &'o mut Vec<u8>) -> Room<'o> {
        Room { out }
    }

    /// Puts bytes there.
    pub fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Puts one byte there.
    pub fn push(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn label(&mut self, label: &Label) {
        self.put(&label.whole);
    }

    /// Puts a decimal number there.
    pub fn unsigned(&mut self, value: u64) {
        push_unsigned(value, self.out);
    }

    pub(super) fn time(&mut self, ns: u64) {
        let parts = TimeParts::of(ns);
        self.unsigned(parts.whole);
        if parts.digits > 0 {
            self.push(b'.');
            let start = self.out.len();
            self.unsigned(parts.fraction);
            // Zeros before it count.
            while self.out.len() < start + parts.digits {
                self.out.insert(start, b'0');
            }
        }
        self.put(parts.unit.as_bytes());
    }

    /// Puts text for a JSON parser there, without the quotes.
    pub fn json(&mut self, text: &[u8]) {
        super::escape_json(text, self.out);
    }

    /// Has something be appended.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.out);
    }

    /// The last byte.
    pub(super) fn last(&self) -> Option<u8> {
        self.out.last().copied()
    }
}

impl Plan {
    /// Puts the members of the JSON object of a record, each with a comma before it.
    pub(super) fn put_members(&self, record: &[u8], room: &mut Room<'_>) {
        for (column, label) in self.columns.iter().zip(&self.labels) {
            room.label(label);
            let at = column.at as usize;
            self.write(column.node, record, at, Style::Json, room.out);
        }
    }

    /// Puts a record as a row, as [`Plan::row`] appends it.
    pub(super) fn put_row(&self, record: &[u8], room: &mut Room<'_>) {
        for (index, column) in self.columns.iter().enumerate() {
            let start = room.out.len();
            let at = column.at as usize;
            self.write(column.node, record, at, Style::Cell, room.out);
            if index + 1 < self.columns.len() {
                super::columns::pad(start, column.width, room.out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_all_their_digits() {
        for (ns, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_001, "1.001us"),
            (1_500_000, "1.5ms"),
            (2_000_000_000, "2s"),
            (2_000_000_001, "2.000000001s"),
        ] {
            let mut out = Vec::new();
            Room::new(&mut out).time(ns);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_line_begins_as_was_said_and_its_last_byte_is_known() {
        let mut start = Start::default();
        start.set(|out| out.extend_from_slice(b"{"));
        let mut out = b"before\n".to_vec();
        let mut room = Room::begin(&start, &mut out);
        assert_eq!(room.last(), Some(b'{'));
        room.json(b"a\"b");
        room.push(b'}');
        assert_eq!(out, b"before\n{a\\\"b}");
    }
}
