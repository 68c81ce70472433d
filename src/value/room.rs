//! The quick way for the events of a stream: text is put where room was made for it once, and plain fields are put
//! there without a call for each piece.

use super::escape::plain_run;
use super::meaning::{Meaning, TimeParts};
use super::number::sign_extend;
use super::plan::{Label, Node, Plan, Scalar, Shape};
use super::render::Style;

/// More than most events take, and what columns are filled up with. Copied at once, where resizing a vector goes
/// from byte to byte.
static EMPTY: [u8; 192] = [b' '; 192];

/// The end of a vector, with room behind it.
#[derive(Debug)]
pub struct Room<'o> {
    out: &'o mut Vec<u8>,
    /// Where what was put ends.
    at: usize,
}

impl<'o> Room<'o> {
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
    fn label(&mut self, label: &Label) {
        match self
            .out
            .get_mut(self.at..self.at.saturating_add(Label::SHORT))
        {
            Some(place) if label.len > 0 => {
                place.copy_from_slice(&label.short);
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
            _ => {
                let len = value.checked_ilog10().unwrap_or(0) as usize + 1;
                self.digits(value, len);
            }
        }
    }

    /// Puts the last `len` digits of a number there, of at most 20.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn digits(&mut self, value: u64, len: usize) {
        let end = self.at.saturating_add(len);
        match self.out.get_mut(self.at..end) {
            Some(place) => {
                fill(value, place);
                self.at = end;
            }
            None => {
                let mut digits = [b'0'; 20];
                fill(value, &mut digits);
                let start = digits.len().saturating_sub(len);
                self.put(digits.get(start..).unwrap_or_default());
            }
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

    /// What was put is the end of the vector now.
    pub fn end(self) {
        self.out.truncate(self.at);
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
            Shape::Array { element, len } => {
                let element = self.element(element);
                match element.shape {
                    Shape::Scalar(scalar @ (Scalar::Unsigned | Scalar::Signed)) => {
                        put_numbers((scalar, element.size, len), record, at, style, room)
                    }
                    _ => false,
                }
            }
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

/// The digits of 0 to 99.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < pairs.len() {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

/// Fills a place with the last digits of a number.
#[inline(always)]
fn fill(mut value: u64, place: &mut [u8]) {
    let mut pairs = place.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let two = PAIRS.get((value % 100) as usize).unwrap_or(&[b'0'; 2]);
        value /= 100;
        pair.copy_from_slice(two);
    }
    if let [first] = pairs.into_remainder() {
        *first = b'0' + (value % 10) as u8;
    }
}

/// The number in `size` bytes from `at`; `None` where they are not there, or too many.
#[inline(always)]
fn number_at(record: &[u8], at: usize, size: u32) -> Option<u64> {
    let rest = record.get(at..)?;
    Some(match size {
        8 => u64::from_le_bytes(*rest.first_chunk()?),
        4 => u32::from_le_bytes(*rest.first_chunk()?).into(),
        2 => u16::from_le_bytes(*rest.first_chunk()?).into(),
        1 => (*rest.first()?).into(),
        _ => return None,
    })
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
            room.end();
            assert_eq!(out, expected, "{before}");
        }
    }

    #[test]
    fn numbers_of_every_length_have_their_digits() {
        let mut number = 1u64;
        for digit in (1..10).cycle().take(19) {
            for value in [number - 1, number, number + 1] {
                let mut out = Vec::new();
                let mut room = Room::new(&mut out);
                room.unsigned(value);
                room.end();
                assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
            }
            number = number * 10 + digit % 10;
        }
    }
}
