//! What is known of one event, field by field, in the words of a machine or of a C programmer.
//!
//! Whoever shows events hands over names and values; whether they become JSON, CSV or a tree is
//! decided here, once for all.

use core::ops::Range;

use super::plan::Label;
use super::render::Style;
use super::{
    Plan, Room, Start, escape_csv, escape_json, escape_quoted, push_hex, push_signed, push_unsigned,
};

/// What every event has. A field of one of these names gets `_` behind it.
pub const ENVELOPE: [&str; 4] = ["time", "cpu", "map", "type"];

/// Where the fields of one event go.
#[derive(Debug)]
pub struct Fields<'o> {
    out: Out<'o>,
}

#[derive(Debug)]
enum Out<'o> {
    /// Members of an object that is open.
    Json(Room<'o>),
    /// Lines of a tree, one level deep.
    Tree(&'o mut Vec<u8>),
    Csv(&'o mut Cells),
}

/// What a type is called, also as JSON has it in each event.
#[derive(Clone, Debug)]
pub struct KindName {
    name: String,
    json: Label,
}

impl KindName {
    /// A name, made ready.
    pub fn new(name: String) -> KindName {
        let mut json = Vec::new();
        Fields::json(&Start::default(), &mut json).kind(Some(&name));
        KindName {
            name,
            json: Label::new(json),
        }
    }

    /// As the BTF has it.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

/// A row of CSV while it is filled: its columns are known, and come in any order.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    columns: Vec<String>,
    text: Vec<u8>,
    found: Vec<Range<usize>>,
}

impl Cells {
    /// A row with the columns of every event, and these.
    pub fn new(names: impl Iterator<Item = String>) -> Cells {
        let mut columns: Vec<String> = ENVELOPE.map(Into::into).to_vec();
        for mut name in names {
            if ENVELOPE.contains(&name.as_str()) {
                name.push('_');
            }
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        Cells {
            found: vec![0..0; columns.len()],
            columns,
            text: Vec::new(),
        }
    }

    /// Appends the names of the columns, with a line end.
    pub fn header(&self, out: &mut Vec<u8>) {
        for (index, name) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            quote(name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    /// Appends the row, with a line end, and empties it. What was not given is nothing at all.
    pub fn row(&mut self, out: &mut Vec<u8>) {
        for (index, cell) in self.found.iter_mut().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let cell = core::mem::take(cell);
            quote(self.text.get(cell).unwrap_or_default(), out);
        }
        out.push(b'\n');
        self.text.clear();
    }

    /// Empties the row.
    pub fn clear(&mut self) {
        self.found.fill(0..0);
        self.text.clear();
    }

    /// Gives the cell of a column; one that does not exist is forgotten.
    pub fn cell(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        let column = self.columns.iter().position(|column| column == name);
        if let Some(cell) = column.and_then(|index| self.found.get_mut(index)) {
            *cell = start..self.text.len();
        }
    }
}

/// Appends a cell: text comes quoted already, so that nothing and the empty text differ; else what
/// would be taken apart goes between quotes.
fn quote(cell: &[u8], out: &mut Vec<u8>) {
    let special = |b: &u8| matches!(b, b',' | b'"' | b' ' | b'\n' | b'\r');
    if cell.starts_with(b"\"") || !cell.iter().any(special) {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for &byte in cell {
        if byte == b'"' {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl<'o> Fields<'o> {
    /// Fields become members of a JSON object that begins as `start` does.
    pub fn json(start: &Start, out: &'o mut Vec<u8>) -> Fields<'o> {
        Fields {
            out: Out::Json(Room::begin(start, out)),
        }
    }

    /// Fields become the lines between the brackets of a C-like tree.
    pub fn tree(out: &'o mut Vec<u8>) -> Fields<'o> {
        Fields {
            out: Out::Tree(out),
        }
    }

    /// Fields become cells.
    pub fn csv(cells: &'o mut Cells) -> Fields<'o> {
        Fields {
            out: Out::Csv(cells),
        }
    }

    /// The event has no more fields: a line of JSON or a tree ends.
    pub fn end(self) {
        match self.out {
            Out::Json(mut room) => {
                room.push(b'}');
                room.push(b'\n');
            }
            Out::Tree(out) => out.extend_from_slice(b"\n}\n"),
            Out::Csv(_) => {}
        }
    }

    /// Says what type the event is of, before its first field; `None` where that is not known.
    pub fn kind(&mut self, name: Option<&str>) {
        match (&mut self.out, name) {
            (Out::Json(room), None) => room.put(b",\"type\":null"),
            (Out::Json(room), Some(name)) => {
                room.put(b",\"type\":\"");
                room.json(name.as_bytes());
                room.push(b'"');
            }
            (Out::Tree(out), name) => {
                super::escape(name.unwrap_or_default().as_bytes(), out);
                out.extend_from_slice(match name {
                    Some(_) => b" {",
                    None => b"{",
                });
            }
            (Out::Csv(cells), Some(name)) => cells.cell("type", |out| {
                super::escape(name.as_bytes(), out);
            }),
            (Out::Csv(_), None) => {}
        }
    }

    /// The same of a type that many events are of.
    pub fn known_kind(&mut self, kind: &KindName) {
        match &mut self.out {
            Out::Json(room) => room.label(&kind.json),
            _ => self.kind(Some(&kind.name)),
        }
    }

    /// A number.
    pub fn unsigned(&mut self, name: &str, value: u64) {
        self.put(name, |_, out| push_unsigned(value, out));
    }

    /// A number with a sign.
    pub fn signed(&mut self, name: &str, value: i64) {
        self.put(name, |_, out| push_signed(value, out));
    }

    /// Yes or no.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.put(name, |_, out| {
            out.extend_from_slice(match value {
                true => b"true",
                false => b"false",
            });
        });
    }

    /// Text of a stranger's.
    pub fn text(&mut self, name: &str, value: &[u8]) {
        self.put(name, |style, out| text(style, value, out));
    }

    /// Several texts.
    pub fn texts<'t>(&mut self, name: &str, values: impl Iterator<Item = &'t [u8]>) {
        self.put(name, |style, out| {
            let (inside, between) = match style {
                Style::Json => (style, &b","[..]),
                _ => (Style::Line, &b", "[..]),
            };
            out.push(b'[');
            for (index, value) in values.enumerate() {
                if index > 0 {
                    out.extend_from_slice(between);
                }
                text(inside, value, out);
            }
            out.push(b']');
        });
    }

    /// Bytes of which nothing is known.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        self.put(name, |style, out| {
            let quote: &[u8] = match style {
                Style::Json => b"\"",
                _ => b"",
            };
            out.extend_from_slice(quote);
            out.extend_from_slice(b"0x");
            for &byte in value {
                if byte < 16 {
                    out.push(b'0');
                }
                push_hex(u64::from(byte), out);
            }
            out.extend_from_slice(quote);
        });
    }

    /// All fields of a record.
    pub fn record(&mut self, plan: &Plan, record: &[u8]) {
        if let Out::Json(room) = &mut self.out
            && room.last() != Some(b'{')
        {
            return plan.put_members(record, room);
        }
        for column in &plan.columns {
            let at = column.at as usize;
            self.put(plan.name(column.name), |style, out| {
                plan.write(column.node, record, at, style, out);
            });
        }
    }

    /// Names of what fields point to, behind all fields: `"symbols":{"field":"name"}`, in a tree comments. A table
    /// has no column for them.
    pub fn symbols(&mut self, named: &[(&str, String)]) {
        if named.is_empty() {
            return;
        }
        match &mut self.out {
            Out::Json(room) => {
                for (index, (field, name)) in named.iter().enumerate() {
                    room.put(match index {
                        0 => b",\"symbols\":{\"",
                        _ => b",\"",
                    });
                    room.json(field.as_bytes());
                    room.put(b"\":\"");
                    room.json(name.as_bytes());
                    room.push(b'"');
                }
                room.push(b'}');
            }
            Out::Tree(out) => {
                for (field, name) in named {
                    out.extend_from_slice(b"\n  // ");
                    super::escape(field.as_bytes(), out);
                    out.extend_from_slice(b": ");
                    super::escape(name.as_bytes(), out);
                }
            }
            Out::Csv(_) => {}
        }
    }

    fn put(&mut self, name: &str, write: impl FnOnce(Style, &mut Vec<u8>)) {
        let tail: &str = match ENVELOPE.contains(&name) {
            true => "_",
            false => "",
        };
        match &mut self.out {
            Out::Json(room) => {
                if room.last() != Some(b'{') {
                    room.push(b',');
                }
                room.push(b'"');
                room.put(name.as_bytes());
                room.put(tail.as_bytes());
                room.put(b"\":");
                room.append(|out| write(Style::Json, out));
            }
            Out::Tree(out) => {
                out.extend_from_slice(b"\n  ");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                write(Style::Tree(1), out);
            }
            Out::Csv(cells) => match tail {
                "" => cells.cell(name, |out| write(Style::Csv, out)),
                _ => {
                    let name = [name, tail].concat();
                    cells.cell(&name, |out| write(Style::Csv, out));
                }
            },
        }
    }
}

fn text(style: Style, value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match style {
        Style::Json => escape_json(value, out),
        Style::Csv => escape_csv(value, out),
        _ => escape_quoted(value, out),
    }
    out.push(b'"');
}
