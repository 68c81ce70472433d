//! What is told of one object: as a member of a JSON object, and as words of a text, from one list of facts.

use std::fmt::Write;

use btfly::value::escape_json;

use super::super::output::plain;

/// One fact.
pub enum Value<'v> {
    Number(u64),
    /// Bytes: a B stands behind them in a text.
    Size(u64),
    Text(&'v str),
    /// In a text, the label alone, where it is so.
    Flag(bool),
    Ids(&'v [u32]),
    Numbers(&'v [u64]),
}

/// What is told of one object.
pub struct Row {
    pub json: bool,
    out: String,
}

impl Row {
    pub fn new(json: bool) -> Row {
        Row {
            json,
            out: String::from(if json { "{" } else { "" }),
        }
    }

    /// A fact: by its name in JSON, behind its label in a text.
    pub fn put(&mut self, name: &str, label: &str, value: Value<'_>) {
        if self.json {
            return self.member(name, value);
        }
        if let Value::Flag(false) = value {
            return;
        }
        self.out.push_str(label);
        let _ = match value {
            Value::Number(number) => write!(self.out, "{number}"),
            Value::Size(bytes) => write!(self.out, "{bytes}B"),
            Value::Text(text) => write!(self.out, "{}", plain(text)),
            Value::Flag(_) => Ok(()),
            Value::Ids(ids) => write!(self.out, "{}", joined(ids)),
            Value::Numbers(numbers) => write!(self.out, "{}", joined(numbers)),
        };
    }

    /// What only JSON has.
    pub fn member(&mut self, name: &str, value: Value<'_>) {
        if !self.json {
            return;
        }
        self.name(name);
        let _ = match value {
            Value::Number(number) | Value::Size(number) => write!(self.out, "{number}"),
            Value::Text(text) => write!(self.out, "\"{}\"", quoted(text)),
            Value::Flag(is) => write!(self.out, "{is}"),
            Value::Ids(ids) => write!(self.out, "[{}]", joined(ids)),
            Value::Numbers(numbers) => write!(self.out, "[{}]", joined(numbers)),
        };
    }

    /// What only a text has.
    pub fn text(&mut self, text: &str) {
        if !self.json {
            self.out.push_str(text);
        }
    }

    /// The number that the kernel gave it, and its type.
    pub fn begin(&mut self, id: u32, kind: Option<&str>, number: u32) {
        self.put("id", "", Value::Number(id.into()));
        self.kind("type", ": ", kind, number);
    }

    /// Something that has a name, if it is known.
    pub fn kind(&mut self, name: &str, label: &str, kind: Option<&str>, number: u32) {
        match kind {
            Some(kind) => self.put(name, label, Value::Text(kind)),
            None => self.put(
                name,
                &[label, "type "].concat(),
                Value::Number(number.into()),
            ),
        }
    }

    /// A comma, where one is needed, and the name of a member of JSON, whose value is to follow.
    pub fn name(&mut self, name: &str) {
        if !self.out.ends_with(['{', '[']) {
            self.out.push(',');
        }
        let _ = write!(self.out, "\"{name}\":");
    }

    /// The processes that hold it.
    pub fn holders<'h>(&mut self, holders: impl Iterator<Item = (u32, &'h str)>) {
        let mut before = "\n\tpids ";
        for (pid, comm) in holders {
            if self.json {
                match before {
                    "," => self.out.push(','),
                    _ => {
                        self.name("pids");
                        self.out.push('[');
                    }
                }
                let _ = write!(self.out, "{{\"pid\":{pid},\"comm\":\"{}\"}}", quoted(comm));
            } else {
                let _ = write!(self.out, "{before}{}({pid})", plain(comm));
            }
            before = ",";
        }
        if before == "," && self.json {
            self.out.push(']');
        }
    }

    /// All of it, whole; a text ends its line.
    pub fn end(mut self) -> String {
        self.out.push(if self.json { '}' } else { '\n' });
        self.out
    }
}

/// Text between the quotes of JSON.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    escape_json(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn joined<N: ToString>(ids: &[N]) -> String {
    let ids: Vec<String> = ids.iter().map(N::to_string).collect();
    ids.join(",")
}

/// Bytes by two digits each.
pub fn hex(bytes: &[u8], between: &str) -> String {
    let mut out = String::with_capacity(bytes.len() * (2 + between.len()));
    for (index, byte) in bytes.iter().enumerate() {
        let before = if index == 0 { "" } else { between };
        let _ = write!(out, "{before}{byte:02x}");
    }
    out
}

/// Bytes as a list of JSON.
pub fn hex_list(bytes: &[u8]) -> String {
    let mut out = String::from("[");
    for (index, byte) in bytes.iter().enumerate() {
        let before = if index == 0 { "" } else { "," };
        let _ = write!(out, "{before}\"0x{byte:02x}\"");
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: bool) -> String {
        let mut row = Row::new(json);
        row.begin(7, Some("hash"), 1);
        row.put("name", "  name ", Value::Text("a\"b"));
        row.put("bytes_key", "\n\tkey ", Value::Size(4));
        row.put("gpl", "  gpl", Value::Flag(false));
        row.member("only", Value::Flag(true));
        row.text("  text");
        row.put("ids", "  ids ", Value::Ids(&[1, 2]));
        row.holders([(1, "init"), (2, "x")].into_iter());
        row.end()
    }

    #[test]
    fn the_same_facts_are_told_in_both_forms() {
        assert_eq!(
            told(false),
            "7: hash  name a\"b\n\tkey 4B  text  ids 1,2\n\tpids init(1),x(2)\n"
        );
        assert_eq!(
            told(true),
            "{\"id\":7,\"type\":\"hash\",\"name\":\"a\\\"b\",\"bytes_key\":4,\"gpl\":false,\"only\":true,\
             \"ids\":[1,2],\"pids\":[{\"pid\":1,\"comm\":\"init\"},{\"pid\":2,\"comm\":\"x\"}]}"
        );
        let mut unknown = Row::new(false);
        unknown.begin(1, None, 99);
        assert_eq!(unknown.end(), "1: type 99\n");
        assert_eq!(hex(&[0, 0xab], " "), "00 ab");
        assert_eq!(hex_list(&[0, 0xab]), "[\"0x00\",\"0xab\"]");
        assert_eq!(hex_list(&[]), "[]");
    }
}
