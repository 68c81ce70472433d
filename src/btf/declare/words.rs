//! A text in C, word by word: comments are left out, and directives but `#define NAME NUMBER`.

use core::fmt;

use super::{DeclarationError, constant};

/// A word of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'t> {
    Name(&'t str),
    Number(u64),
    /// Any other byte. Text in quotes is one mark.
    Mark(u8),
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Name(name) => f.write_str(name),
            Word::Number(number) => write!(f, "{number}"),
            Word::Mark(mark) => write!(f, "{}", mark.escape_ascii()),
        }
    }
}

/// A word and its line, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'t> {
    pub word: Word<'t>,
    pub line: u32,
}

/// All words, and the numbers that are defined.
type Read<'t> = (Vec<Placed<'t>>, Vec<(&'t str, i64)>);

pub(super) fn read(text: &str) -> Result<Read<'_>, DeclarationError> {
    let (mut words, mut constants) = (Vec::new(), Vec::new());
    let mut at = Cursor {
        text,
        at: 0,
        line: 1,
    };
    let mut starts_line = true;
    while let Some(byte) = at.byte() {
        match byte {
            b'\n' => {
                at.step();
                starts_line = true;
                continue;
            }
            b'#' if starts_line => {
                define(at.directive(), &mut constants);
                continue;
            }
            _ => {}
        }
        if let Some(placed) = at.word()? {
            words.push(placed);
            starts_line = false;
        }
    }
    Ok((words, constants))
}

/// Notes a `#define NAME NUMBER`; others are about what is no type.
fn define<'t>(line: &'t str, constants: &mut Vec<(&'t str, i64)>) {
    let Some(rest) = line.trim_ascii().strip_prefix("define") else {
        return;
    };
    let rest = rest.trim_ascii_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, value) = rest.split_at(end.unwrap_or(rest.len()));
    // One with parameters has its bracket without a space.
    if name.is_empty() || value.starts_with('(') {
        return;
    }
    let Ok((words, _)) = read(value) else { return };
    if let Ok((value, used)) = constant::read(&words, constants)
        && used == words.len()
    {
        constants.push((name, value));
    }
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Cursor<'t> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        if self.byte() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn starts(&self, with: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.starts_with(with.as_bytes())
    }

    /// The rest of a line that begins with `#`, with those that a backslash joins to it.
    fn directive(&mut self) -> &'t str {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.byte() {
            match byte {
                b'\n' => break,
                b'\\' if self.starts("\\\n") => {
                    self.step();
                    self.step();
                }
                b'/' if self.starts("/*") || self.starts("//") => break,
                _ => self.step(),
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next word; `None` for white space and comments.
    fn word(&mut self) -> Result<Option<Placed<'t>>, DeclarationError> {
        let line = self.line;
        let fail = |what: &str| {
            let what = what.to_owned();
            Err(DeclarationError { line, what })
        };
        let Some(byte) = self.byte() else {
            return Ok(None);
        };
        if byte.is_ascii_whitespace() || byte == b'\\' {
            self.step();
            return Ok(None);
        }
        if self.starts("//") {
            while self.byte().is_some_and(|byte| byte != b'\n') {
                self.step();
            }
            return Ok(None);
        }
        if self.starts("/*") {
            self.at += 2;
            while !self.starts("*/") {
                if self.byte().is_none() {
                    return fail("a comment does not end");
                }
                self.step();
            }
            self.at += 2;
            return Ok(None);
        }
        let start = self.at;
        let word = match byte {
            b'"' | b'\'' => {
                self.step();
                while self.byte().is_some_and(|now| now != byte) {
                    let escape = self.byte() == Some(b'\\');
                    self.step();
                    if escape {
                        self.step();
                    }
                }
                if self.byte().is_none() {
                    return fail("text in quotes does not end");
                }
                self.step();
                Word::Mark(byte)
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                let inside = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
                while self.byte().is_some_and(inside) {
                    self.step();
                }
                let text = self.text.get(start..self.at).unwrap_or_default();
                match byte.is_ascii_digit() {
                    false => Word::Name(text),
                    true => match number(text) {
                        Some(number) => Word::Number(number),
                        None => return fail(&format!("{text} is no number")),
                    },
                }
            }
            _ => {
                self.step();
                Word::Mark(byte)
            }
        };
        Ok(Some(Placed { word, line }))
    }
}

/// A number as C writes it.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    match (hex, digits.strip_prefix('0')) {
        (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}
