//! One value as text: in a cell, on a line, as a tree, as JSON.

use super::columns::raw;
use super::escape::{End, Reader, escape_to, is_unsafe, push_hex_byte, until_nul};
use super::number::{
    push_hex, push_signed, push_unsigned, push_wide, read, read_wide, sign_extend,
};
use super::plan::{EnumStyle, Node, Plan, Scalar, Shape};

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A column: text without quotes.
    Cell,
    /// A part of a value on one line: text in quotes.
    Line,
    /// Members on lines of their own, at this level of indentation.
    Tree(u16),
    /// JSON.
    Json,
    /// A cell of CSV: text in quotes of its own, and nothing for what is not there.
    Csv,
}

impl Style {
    fn inside(self) -> Style {
        match self {
            Style::Cell => Style::Line,
            Style::Csv => Style::Line,
            Style::Tree(level) => Style::Tree(level.saturating_add(1)),
            other => other,
        }
    }
}

impl Plan {
    /// Appends a value on one line, in the words that [`Plan::parse`] reads:
    /// `{message: "hey root", n: 3}`.
    pub fn line(&self, record: &[u8], out: &mut Vec<u8>) {
        self.write(self.root, record, 0, Style::Line, out);
    }

    /// Appends a value with each member on a line of its own, indented by two spaces a level,
    /// without a line end after the last bracket.
    pub fn tree(&self, record: &[u8], out: &mut Vec<u8>) {
        self.write(self.root, record, 0, Style::Tree(0), out);
    }

    /// Appends a value as JSON on one line: an object for a struct.
    ///
    /// Numbers are exact to 64 bits; wider ones and pointers are strings, as are enumerators with
    /// a name. Text is escaped as [`escape_json`](super::escape_json) says. What the record does
    /// not have is `null`.
    pub fn json(&self, record: &[u8], out: &mut Vec<u8>) {
        self.write(self.root, record, 0, Style::Json, out);
    }

    /// Appends the members of the JSON object alone, without its brackets, for a line that has
    /// more to say; a type that is no struct is one member `value`.
    pub fn json_members(&self, record: &[u8], out: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write_name(self.name(column.name), Style::Json, out);
            self.write(column.node, record, column.at as usize, Style::Json, out);
        }
    }

    pub(super) fn write(
        &self,
        node: Node,
        data: &[u8],
        at: usize,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let shown = match node.shape {
            Shape::Scalar(_) | Shape::Bits { .. } => raw(node, data, at)
                .map(|(raw, scalar, width)| self.scalar(scalar, raw, width, style, out)),
            Shape::Wide { signed } => read_wide(data, at).map(|v| wide(v, signed, style, out)),
            Shape::Float => read(data, at, node.size as usize).map(|bits| {
                let value = match node.size {
                    4 => super::float::Parts::of_f32(bits as u32),
                    _ => super::float::Parts::of_f64(bits),
                };
                quoted_unless(value.is_finite(), style, out, |out| value.push(out));
            }),
            Shape::Text | Shape::RestText => part(node, data, at).map(|bytes| {
                text(bytes, style, out);
            }),
            Shape::Counted { from, bytes } => part(node, data, at).map(|text| {
                let text = super::counted::part(text, (data, at), (from, bytes), node.size);
                super::counted::write(text, style, out);
            }),
            Shape::Bytes | Shape::RestBytes => {
                part(node, data, at).map(|bytes| match text_in(bytes) {
                    Some(found) => text(found, style, out),
                    None => hex(bytes, style, out),
                })
            }
            Shape::Hex => part(node, data, at).map(|bytes| hex(bytes, style, out)),
            Shape::Address { either } => part(node, data, at)
                .and_then(|bytes| super::meaning::push_address(bytes, either, style, out)),
            Shape::Opaque => None,
            Shape::Array { element, len } => (at < data.len() || len == 0)
                .then(|| self.array(self.element(element), Some(len), data, at, style, out)),
            Shape::RestArray { element } => (at <= data.len())
                .then(|| self.array(self.element(element), None, data, at, style, out)),
            Shape::Composite { first, len } => (at < data.len() || node.size == 0)
                .then(|| self.composite(first, len, data, at, style, out)),
        };
        if shown.is_none() {
            out.extend_from_slice(match style {
                Style::Json => b"null",
                Style::Csv => b"",
                _ => &b"-"[..],
            });
        }
    }

    fn composite(
        &self,
        first: u32,
        len: u32,
        data: &[u8],
        at: usize,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        for (index, member) in self.members(first, len).iter().enumerate() {
            separate(index, style, out);
            self.write_name(self.name(member.name), style, out);
            let at = at.saturating_add(member.at as usize);
            self.write(member.node, data, at, style.inside(), out);
        }
        if let (Style::Tree(level), true) = (style, len > 0) {
            new_line(level, out);
        }
        out.push(b'}');
    }

    /// `len` elements, or as many as the data has.
    fn array(
        &self,
        element: Node,
        len: Option<u32>,
        data: &[u8],
        at: usize,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let stride = element.size as usize;
        // Elements without a size would be shown forever.
        let there = data
            .len()
            .saturating_sub(at)
            .checked_div(stride)
            .unwrap_or(0);
        let len = match len {
            Some(_) if stride == 0 => 0,
            Some(len) => len as usize,
            None => there,
        };
        out.push(b'[');
        for index in 0..len {
            // An array that the record cuts off: one mark for all that is missing.
            let at = at.saturating_add(index.saturating_mul(stride));
            let over = at >= data.len();
            separate_elements(index, style, out);
            let inside = match style {
                Style::Tree(_) => style,
                _ => style.inside(),
            };
            self.write(element, data, at, inside, out);
            if over {
                break;
            }
        }
        out.push(b']');
    }

    fn scalar(&self, scalar: Scalar, raw: u64, width: u32, style: Style, out: &mut Vec<u8>) {
        match scalar {
            Scalar::Unsigned => push_unsigned(raw, out),
            Scalar::Signed => push_signed(sign_extend(raw, width), out),
            Scalar::Char => match raw as u8 {
                c @ b'!'..=b'~' if raw < 0x80 => {
                    let quote = match style {
                        Style::Json => b'"',
                        Style::Csv => b'"',
                        _ => b'\'',
                    };
                    out.push(quote);
                    match (c, style) {
                        (b'"', Style::Csv) => out.push(b'"'),
                        _ if c == quote || c == b'\\' => out.push(b'\\'),
                        _ => {}
                    }
                    out.push(c);
                    out.push(quote);
                }
                _ => push_signed(sign_extend(raw, width), out),
            },
            // Any bit set is true to the program too.
            Scalar::Bool => out.extend_from_slice(match raw {
                0 => b"false",
                _ => b"true",
            }),
            Scalar::Meant(meaning) => meaning.write(raw, width, style, out),
            Scalar::Pointer => quoted_unless(false, style, out, |out| {
                out.extend_from_slice(b"0x");
                push_hex(raw, out);
            }),
            Scalar::Enum {
                first,
                len,
                style: kind,
            } => {
                let value = match kind {
                    EnumStyle::Signed => sign_extend(raw, width) as u64,
                    _ => raw,
                };
                self.enumerator(first, len, kind, value, style, out);
            }
        }
    }

    fn enumerator(
        &self,
        first: u32,
        len: u32,
        kind: EnumStyle,
        value: u64,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let names = self.enumerators(first, len);
        let found = names.partition_point(|e| e.value < value);
        if let Some(named) = names.get(found).filter(|e| e.value == value) {
            let name = self.name(named.name);
            return quoted_unless(false, style, out, |out| {
                out.extend_from_slice(name.as_bytes());
            });
        }
        let bits = names.iter().filter(|e| e.value.is_power_of_two());
        let known = bits.clone().fold(0, |all, e| all | e.value);
        match kind {
            EnumStyle::Flags if value != 0 && value & known != 0 => {
                quoted_unless(false, style, out, |out| {
                    let mut left = value;
                    let mut separator: &[u8] = b"";
                    for bit in bits.filter(|bit| value & bit.value != 0) {
                        // A second name of the same bit is not shown.
                        if left & bit.value == 0 {
                            continue;
                        }
                        out.extend_from_slice(separator);
                        out.extend_from_slice(self.name(bit.name).as_bytes());
                        left &= !bit.value;
                        separator = b"|";
                    }
                    if left != 0 {
                        out.extend_from_slice(b"|0x");
                        push_hex(left, out);
                    }
                });
            }
            EnumStyle::Signed => push_signed(value as i64, out),
            _ => push_unsigned(value, out),
        }
    }

    fn write_name(&self, name: &str, style: Style, out: &mut Vec<u8>) {
        match style {
            Style::Json => {
                out.push(b'"');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
            }
            _ => {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
            }
        }
    }
}

/// The bytes of a node that are there; `None` if none is although some should be.
fn part(node: Node, data: &[u8], at: usize) -> Option<&[u8]> {
    let rest = data.get(at..)?;
    match node.shape {
        Shape::RestText | Shape::RestBytes => Some(rest),
        _ if rest.is_empty() && node.size > 0 => None,
        _ => Some(rest.get(..node.size as usize).unwrap_or(rest)),
    }
}

/// The C string in an array of `unsigned char`, if that is what it holds: visible characters, a
/// NUL, and then nothing else, or (where the array is longer than any address) remains of an
/// older string. Addresses and keys, which may begin like text, are not taken for it.
fn text_in(bytes: &[u8]) -> Option<&[u8]> {
    let text = until_nul(bytes);
    let rest = bytes.get(text.len()..)?;
    if text.is_empty() || rest.is_empty() || text.starts_with(b"0x") {
        return None;
    }
    let visible = core::str::from_utf8(text).ok()?;
    let harmless = !visible.chars().any(is_unsafe);
    let clean = bytes.len() > 16 || rest.iter().all(|&b| b == 0);
    (harmless && clean).then_some(text)
}

/// The C string at the start of `text`.
fn text(text: &[u8], style: Style, out: &mut Vec<u8>) {
    let reader = match style {
        Style::Cell => return escape_to(End::Nul, Reader::Column, text, out),
        Style::Json => Reader::Json,
        Style::Csv => Reader::Csv,
        _ => Reader::Quoted,
    };
    out.push(b'"');
    escape_to(End::Nul, reader, text, out);
    out.push(b'"');
}

fn hex(bytes: &[u8], style: Style, out: &mut Vec<u8>) {
    quoted_unless(false, style, out, |out| {
        out.extend_from_slice(b"0x");
        for &byte in bytes {
            push_hex_byte(byte, out);
        }
    });
}

fn wide(value: u128, signed: bool, style: Style, out: &mut Vec<u8>) {
    quoted_unless(false, style, out, |out| match signed && value >> 127 != 0 {
        true => {
            out.push(b'-');
            push_wide(value.wrapping_neg(), out);
        }
        false => push_wide(value, out),
    });
}

/// In JSON, what is no JSON number goes between quotes.
pub(super) fn quoted_unless(
    number: bool,
    style: Style,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let quote = style == Style::Json && !number;
    if quote {
        out.push(b'"');
    }
    write(out);
    if quote {
        out.push(b'"');
    }
}

fn separate(index: usize, style: Style, out: &mut Vec<u8>) {
    match style {
        Style::Tree(level) => new_line(level.saturating_add(1), out),
        _ => separate_elements(index, style, out),
    }
}

fn separate_elements(index: usize, style: Style, out: &mut Vec<u8>) {
    match style {
        _ if index == 0 => {}
        Style::Json => out.push(b','),
        _ => out.extend_from_slice(b", "),
    }
}

fn new_line(level: u16, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + usize::from(level) * 2, b' ');
}
