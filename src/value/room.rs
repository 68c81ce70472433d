//! The quick way for the events of a stream: text is put where room was made for it once, and plain fields are put
//! there without a call for each piece.

use super::columns::WIDEST;
use super::escape::plain_run;
use super::meaning::{Meaning, TimeParts};
use super::number::sign_extend;
use super::plan::{Node, Plan, Scalar, Shape};
use super::render::Style;

/// More than most events take. Copied at once, where resizing a vector goes from byte to byte.
static EMPTY: [u8; 192] = [0; 192];

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

    /// Puts a decimal number there.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub fn unsigned(&mut self, value: u64) {
        match value {
            0..10 => self.push(b'0' + value as u8),
            _ => {
                let len = value.checked_ilog10().unwrap_or(0) as usize + 1;
                let end = self.at.saturating_add(len);
                match self.out.get_mut(self.at..end) {
                    Some(place) => {
                        fill(value, place);
                        self.at = end;
                    }
                    None => self.append(|out| super::push_unsigned(value, out)),
                }
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

    fn time(&mut self, ns: u64) {
        let parts = TimeParts::of(ns);
        self.unsigned(parts.whole);
        if let Some(fraction) = &parts.fraction {
            self.push(b'.');
            self.put(TimeParts::shown(fraction));
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

    /// Fills up to `width` characters from `start`, and one more.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn pad(&mut self, start: usize, width: usize) {
        const SPACES: [u8; WIDEST * 2 + 1] = [b' '; WIDEST * 2 + 1];
        let shown = self.at.saturating_sub(start);
        let missing = width.saturating_sub(shown) + 1;
        self.put(SPACES.get(..missing).unwrap_or(b" "));
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
        for column in &self.columns {
            room.put(self.label(column));
            let at = column.at as usize;
            if !self.put(column.node, record, at, Style::Json, room) {
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
            if self.put(column.node, record, at, Style::Cell, room) {
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

    /// Puts a value that is plain: a number, ASCII text, an array of those. Whether it is; nothing was put if not.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn put(&self, node: Node, record: &[u8], at: usize, style: Style, room: &mut Room<'_>) -> bool {
        match node.shape {
            Shape::Scalar(scalar) => {
                let Some(raw) = number_at(record, at, node.size) else {
                    return false;
                };
                match scalar {
                    Scalar::Unsigned => room.unsigned(raw),
                    Scalar::Signed => room.signed(sign_extend(raw, node.size * 8)),
                    Scalar::Meant(Meaning::Time) => match style {
                        Style::Json => room.unsigned(raw),
                        _ => room.time(raw),
                    },
                    _ => return false,
                }
            }
            Shape::Text => {
                let text = record.get(at..).unwrap_or_default();
                let Some(text) = text.get(..node.size as usize) else {
                    return false;
                };
                let (run, after) = text.split_at(plain_run(text));
                if after.first().is_some_and(|byte| *byte != 0) {
                    return false;
                }
                match style {
                    Style::Json => {
                        room.push(b'"');
                        room.put(run);
                        room.push(b'"');
                    }
                    _ => room.put(run),
                }
            }
            Shape::Array { element, len } => {
                let element = self.element(element);
                let size = element.size as usize;
                let end = size.saturating_mul(len as usize).saturating_add(at);
                let plain = matches!(
                    element.shape,
                    Shape::Scalar(Scalar::Unsigned | Scalar::Signed)
                );
                if !plain || record.len() < end {
                    return false;
                }
                let before = room.at;
                room.push(b'[');
                for index in 0..len as usize {
                    if index > 0 {
                        room.push(b',');
                        if style != Style::Json {
                            room.push(b' ');
                        }
                    }
                    if !self.put(element, record, at + index * size, style, room) {
                        room.at = before;
                        return false;
                    }
                }
                room.push(b']');
            }
            _ => return false,
        }
        true
    }
}

/// Fills a place with the last digits of a number.
#[inline(always)]
fn fill(mut value: u64, place: &mut [u8]) {
    let mut pairs = place.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let two = (value % 100) as u8;
        value /= 100;
        pair.copy_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
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
