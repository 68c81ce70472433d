//! The quick way for the events of a stream: text is put where room was made for it once, and plain fields are put
//! there without a call for each piece.

use super::escape::plain_run;
use super::meaning::{Meaning, TimeParts};
use super::number::sign_extend;
use super::plan::{Label, Node, Plan, Scalar, Shape};
use super::render::Style;

/// More than most events take, and what columns are filled up with. Copied at once, where resizing a vector goes
/// from byte to byte.
static EMPTY: [u8; 256] = [b' '; 256];

/// The end of a vector, with room behind it. When it is dropped, the vector ends where what was put ends.
#[derive(Debug)]
pub struct Room<'o> {
    out: &'o mut Vec<u8>,
    /// Where what was put ends.
    at: usize,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.at);
    }
}

/// How many lines begin, with room behind it: both are copied at once.
#[derive(Clone, Debug, Default)]
pub struct Start {
    padded: Vec<u8>,
    len: usize,
}

impl Start {
    /// Has lines begin with other bytes, which `write` appends.
    pub fn set(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.padded.clear();
        write(&mut self.padded);
        self.len = self.padded.len();
        self.padded.extend_from_slice(&EMPTY);
    }
}

impl<'o> Room<'o> {
    /// Begins a line at the end of a vector.
    pub fn begin(start: &Start, out: &'o mut Vec<u8>) -> Room<'o> {
        let at = out.len() + start.len;
        out.extend_from_slice(&start.padded);
        Room { out, at }
    }

    /// Makes room at the end of a vector.
    pub fn new(out: &'o mut Vec<u8>) -> Room<'o> {
        let at = out.len();
        out.extend_from_slice(&EMPTY);
        Room { out, at }
    }

    /// Puts bytes there.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        match self.out.get_mut(self.at..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.at = end;
            }
            None => self.append(|out| out.extend_from_slice(bytes)),
        }
    }

    /// Puts one byte there.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        match self.out.get_mut(self.at) {
            Some(place) => {
                *place = byte;
                self.at += 1;
            }
            None => self.append(|out| out.push(byte)),
        }
    }

    /// Puts a label there. What lies behind it is no longer empty.
    #[inline(always)]
    pub(super) fn label(&mut self, label: &Label) {
        let place = self.out.get_mut(self.at..).unwrap_or_default();
        match place.first_chunk_mut() {
            Some(place) if label.len > 0 => {
                *place = label.short;
                self.at += label.len;
            }
            _ => self.put(&label.whole),
        }
    }

    /// Puts a decimal number there.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub fn unsigned(&mut self, value: u64) {
        match value {
            0..10 => self.push(b'0' + value as u8),
            10..EIGHT_DIGITS => {
                let digits = eight_digits(value);
                self.put_digits(digits, digits.trailing_zeros() / 8);
            }
            _ => self.long(value),
        }
    }

    /// Puts a number of more than eight digits there.
    #[cfg_attr(hot_loops, optimize(speed))]
    #[inline(never)]
    fn long(&mut self, value: u64) {
        self.unsigned(value / EIGHT_DIGITS);
        self.put_digits(eight_digits(value % EIGHT_DIGITS), 0);
    }

    /// Puts the last `len` digits of a number there, of at most 20.
    fn digits(&mut self, value: u64, len: usize) {
        if len > 8 {
            self.digits(value / EIGHT_DIGITS, len - 8);
        }
        let leave = 8usize.saturating_sub(len) as u32;
        self.put_digits(eight_digits(value % EIGHT_DIGITS), leave);
    }

    /// Puts eight digits there, without the first ones: at most 7 are left out.
    #[inline(always)]
    fn put_digits(&mut self, digits: u64, leave: u32) {
        // A digit is 0x30 and its number, a space 0x20.
        const TENS: u64 = u64::from_le_bytes([0x10; 8]);
        const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
        let bytes = ((digits | TENS) >> (8 * (leave & 7))) | SPACES;
        let len = 8 - (leave & 7) as usize;
        let place = self.out.get_mut(self.at..).unwrap_or_default();
        match place.first_chunk_mut() {
            Some(place) => {
                *place = bytes.to_le_bytes();
                self.at += len;
            }
            None => self.put(bytes.to_le_bytes().get(..len).unwrap_or_default()),
        }
    }

    #[cfg_attr(hot_loops, optimize(speed))]
    fn signed(&mut self, value: i64) {
        if value < 0 {
            self.push(b'-');
        }
        self.unsigned(value.unsigned_abs());
    }

    pub(super) fn time(&mut self, ns: u64) {
        let parts = TimeParts::of(ns);
        self.unsigned(parts.whole);
        if parts.digits > 0 {
            self.push(b'.');
            self.digits(parts.fraction, parts.digits);
        }
        self.put(parts.unit.as_bytes());
    }

    /// Puts text for a JSON parser there, without the quotes.
    pub fn json(&mut self, text: &[u8]) {
        match plain_run(text) == text.len() {
            true => self.put(text),
            false => self.append(|out| super::escape_json(text, out)),
        }
    }

    /// Has something be appended in the usual way.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.truncate(self.at);
        write(self.out);
        self.at = self.out.len();
        self.out.extend_from_slice(&EMPTY);
    }

    /// Fills up to `width` characters from `start`, and one more: spaces are there already.
    #[inline(always)]
    fn pad(&mut self, start: usize, width: usize) {
        let end = start.saturating_add(width).max(self.at).saturating_add(1);
        match end <= self.out.len() {
            true => self.at = end,
            false => self.append(|out| out.resize(end, b' ')),
        }
    }

    /// The last byte before the room.
    pub(super) fn last(&self) -> Option<u8> {
        self.out.get(self.at.checked_sub(1)?).copied()
    }
}

impl Plan {
    /// Puts the members of the JSON object of a record, each with a comma before it.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub(super) fn put_members(&self, record: &[u8], room: &mut Room<'_>) {
        for (column, label) in self.columns.iter().zip(&self.labels) {
            room.label(label);
            let at = column.at as usize;
            if !self.put(&column.node, record, at, Style::Json, room) {
                room.append(|out| self.write(column.node, record, at, Style::Json, out));
            }
        }
    }

    /// Puts a record as a row, as [`Plan::row`] appends it.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub(super) fn put_row(&self, record: &[u8], room: &mut Room<'_>) {
        let mut left = self.columns.len();
        for column in &self.columns {
            left -= 1;
            let (start, at) = (room.at, column.at as usize);
            if self.put(&column.node, record, at, Style::Cell, room) {
                if left > 0 {
                    room.pad(start, usize::from(column.width));
                }
            } else {
                room.append(|out| {
                    self.write(column.node, record, at, Style::Cell, out);
                    if left > 0 {
                        super::columns::pad(start, column.width, out);
                    }
                });
            }
        }
    }

    /// Puts a value that is plain: a number, ASCII text, an array of numbers. Whether it is; nothing was put if not.
    #[inline(always)]
    fn put(
        &self,
        node: &Node,
        record: &[u8],
        at: usize,
        style: Style,
        room: &mut Room<'_>,
    ) -> bool {
        match node.shape {
            Shape::Scalar(scalar) => match number_at(record, at, node.size) {
                Some(raw) => put_number(scalar, raw, node.size, style, room),
                None => false,
            },
            Shape::Text => put_text(node.size, record, at, style, room),
            Shape::Array { element, len } => match self.elements.get(element as usize) {
                Some(Node {
                    shape: Shape::Scalar(scalar @ (Scalar::Unsigned | Scalar::Signed)),
                    size,
                }) => put_numbers((*scalar, *size, len), record, at, style, room),
                _ => false,
            },
            _ => false,
        }
    }
}

#[inline(always)]
fn put_number(scalar: Scalar, raw: u64, size: u32, style: Style, room: &mut Room<'_>) -> bool {
    match scalar {
        Scalar::Unsigned => room.unsigned(raw),
        Scalar::Signed => room.signed(sign_extend(raw, size * 8)),
        Scalar::Meant(Meaning::Time) => match style {
            Style::Json => room.unsigned(raw),
            _ => room.time(raw),
        },
        _ => return false,
    }
    true
}

#[cfg_attr(hot_loops, optimize(speed))]
fn put_text(size: u32, record: &[u8], at: usize, style: Style, room: &mut Room<'_>) -> bool {
    let text = record.get(at..).unwrap_or_default();
    let Some(text) = text.get(..size as usize) else {
        return false;
    };
    let (run, after) = text.split_at(plain_run(text));
    if after.first().is_some_and(|byte| *byte != 0) {
        return false;
    }
    if style == Style::Json {
        room.push(b'"');
    }
    room.put(run);
    if style == Style::Json {
        room.push(b'"');
    }
    true
}

/// Puts an array of numbers: what they are, how many bytes one has, and how many there are.
#[cfg_attr(hot_loops, optimize(speed))]
fn put_numbers(
    (scalar, size, len): (Scalar, u32, u32),
    record: &[u8],
    at: usize,
    style: Style,
    room: &mut Room<'_>,
) -> bool {
    let (step, len) = (size as usize, len as usize);
    let end = step.saturating_mul(len).saturating_add(at);
    if step == 0 || record.len() < end || !matches!(size, 1 | 2 | 4 | 8) {
        return false;
    }
    room.push(b'[');
    let mut at = at;
    while at < end {
        let raw = number_at(record, at, size).unwrap_or_default();
        put_number(scalar, raw, size, style, room);
        at += step;
        if at < end {
            room.push(b',');
            if style != Style::Json {
                room.push(b' ');
            }
        }
    }
    room.push(b']');
    true
}

/// What has more than eight digits.
const EIGHT_DIGITS: u64 = 100_000_000;

/// The eight digits of a number that has no more, the first in the lowest byte: halves, quarters and digits are
/// divided side by side, by multiplication.
#[inline(always)]
fn eight_digits(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// The number in `size` (1, 2, 4 or 8) bytes from `at`; `None` where they are not there.
#[inline(always)]
fn number_at(record: &[u8], at: usize, size: u32) -> Option<u64> {
    let rest = record.get(at..)?;
    match rest.first_chunk() {
        // Mostly more follows: what is too much is cut off.
        Some(word) => Some(u64::from_le_bytes(*word) & (u64::MAX >> (64 - 8 * size.clamp(1, 8)))),
        None => {
            let mut word = [0; 8];
            let bytes = rest.get(..size as usize)?;
            word.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(u64::from_le_bytes(word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_what_would_be_appended_wherever_the_room_ends() {
        for before in 0..2 * EMPTY.len() {
            let mut out = vec![b'#'; 3];
            let mut room = Room::new(&mut out);
            let filler = vec![b'x'; before];
            room.put(&filler);
            let mut expected = [&b"###"[..], &filler].concat();
            for value in [0, 9, 10, 99, 100, 12_345, 999_999_999, u64::MAX] {
                room.unsigned(value);
                room.push(b' ');
                room.signed(value as i64);
                room.time(value);
                room.json(b"a\"b");
                super::super::push_unsigned(value, &mut expected);
                expected.push(b' ');
                super::super::push_signed(value as i64, &mut expected);
                super::super::meaning::push_time(value, &mut expected);
                expected.extend_from_slice(b"a\\\"b");
            }
            drop(room);
            assert_eq!(out, expected, "{before}");
        }
    }

    #[test]
    fn numbers_of_every_length_have_their_digits() {
        let mut number = 1u64;
        for digit in (1..10).cycle().take(19) {
            for value in [number - 1, number, number + 1] {
                let mut out = Vec::new();
                Room::new(&mut out).unsigned(value);
                assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
            }
            number = number * 10 + digit % 10;
        }
    }
}
