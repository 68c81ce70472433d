//! Facts in sections, as text or as JSON.

use std::fmt::Write;

use super::super::Failure;
use super::super::loaded::quoted;
use super::super::output::{self, Patience, plain};

/// What is told, on its way to the output.
pub struct Out {
    json: bool,
    text: String,
    /// Whether a section of JSON is open.
    open: bool,
}

impl Out {
    pub fn new(json: bool) -> Out {
        Out {
            json,
            text: String::from(if json { "{" } else { "" }),
            open: false,
        }
    }

    /// Begins a section. One without a name in JSON goes on with the one before, where there is one.
    pub fn section(&mut self, json: &str, title: &str) {
        if !self.json {
            let between = if self.open { "\n" } else { "" };
            self.open = true;
            self.text.extend([between, title, ":\n"]);
            return;
        }
        match (json, self.open) {
            ("", true) => return,
            (_, true) => self.text.push_str("},"),
            (_, false) => {}
        }
        let name = if json.is_empty() { title } else { json };
        self.text.extend(["\"", name, "\":{"]);
        self.open = true;
    }

    /// The name of a fact.
    fn begin(&mut self, name: &[&str], label: &str) {
        if !self.json {
            self.text.extend(["  ", label, ": "]);
            return;
        }
        // A section that went on after its text was written begins with nothing.
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.extend(["\"", &name.concat(), "\":"]);
    }

    /// Whether something is there.
    pub fn yes(&mut self, name: &[&str], label: &str, is: bool) {
        self.begin(name, label);
        self.text.push_str(match (self.json, is) {
            (true, true) => "true",
            (true, false) => "false",
            (false, true) => "yes\n",
            (false, false) => "no\n",
        });
    }

    /// A number, and what it means in words.
    pub fn number(&mut self, name: &str, number: Option<i64>, meaning: &str) {
        self.begin(&[name], name);
        let _ = match (self.json, number) {
            (true, Some(number)) => write!(self.text, "{number}"),
            (true, None) => write!(self.text, "null"),
            (false, None) => writeln!(self.text, "not there"),
            (false, Some(number)) if meaning.is_empty() => writeln!(self.text, "{number}"),
            (false, Some(number)) => writeln!(self.text, "{number} ({meaning})"),
        };
    }

    /// A text, or what stands in its place.
    pub fn word(&mut self, name: &str, value: Option<&str>, none: &str) {
        self.begin(&[name], name);
        let _ = match (self.json, value) {
            (true, Some(value)) => write!(self.text, "\"{}\"", quoted(value)),
            (true, None) => write!(self.text, "null"),
            (false, value) => writeln!(self.text, "{}", plain(value.unwrap_or(none))),
        };
    }

    /// Names.
    pub fn list(&mut self, name: &[&str], label: &str, values: &[String]) {
        self.begin(name, label);
        if !self.json {
            let _ = writeln!(self.text, "{}", plain(&values.join(" ")));
            return;
        }
        let values: Vec<String> = values.iter().map(|v| quoted(v)).collect();
        match values.is_empty() {
            true => self.text.push_str("[]"),
            false => self.text.extend(["[\"", &values.join("\",\""), "\"]"]),
        }
    }

    /// Writes what there is but for the last sign, which says what may follow.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let last = self.text.pop();
        output::write(self.text.as_bytes(), Patience::default())?;
        self.text.clear();
        self.text.extend(last);
        Ok(())
    }

    pub fn end(mut self) -> Result<(), Failure> {
        if self.json {
            self.text.push_str(if self.open { "}}\n" } else { "}\n" });
        }
        output::print(&self.text)
    }
}
