//! A person's words cut into brackets, names, quoted text and bare words.

/// The words and how far they have been read.
#[derive(Clone, Debug)]
pub(super) struct Words<'w> {
    text: &'w str,
    at: usize,
}

impl<'w> Words<'w> {
    pub(super) fn new(text: &'w str) -> Words<'w> {
        Words { text, at: 0 }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'w str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte after white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.rest().bytes().next()
    }

    /// Reads `byte` if it comes next, after white space.
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// A field's name: bare, with a dot before it as in C, or quoted as in JSON. Empty if none
    /// comes.
    pub(super) fn name(&mut self) -> &'w str {
        if self.peek() == Some(b'"') {
            let inner = self.rest().get(1..).unwrap_or_default();
            let (name, closed) = inner.split_once('"').unwrap_or_default();
            let read = name.len() + closed.len();
            if read > 0 || inner.starts_with('"') {
                self.at += name.len() + 2;
            }
            return name;
        }
        let _dot = self.take(b'.');
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ':' | '=' | ',' | '{'..='}');
        self.until(ends)
    }

    /// A bare word or several, up to the `,` or bracket that ends an element.
    pub(super) fn bare(&mut self) -> &'w str {
        self.peek();
        self.until(|c| matches!(c, ',' | '}' | ']'))
            .trim_ascii_end()
    }

    /// All that is left, as it is.
    pub(super) fn all(&mut self) -> &'w str {
        self.until(|_| false)
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'w str {
        let rest = self.rest();
        let len = rest.find(ends).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Text between quotes, its escapes undone: `\n \t \r \0 \a \b \e \\ \" \'`, `\xNN` (two
    /// digits, any byte), `\uNNNN`, `\u{N…}`. `None` if a quote or digit is missing or the escape
    /// is unknown.
    pub(super) fn quoted(&mut self, quote: u8) -> Option<Vec<u8>> {
        self.take(quote)?;
        let mut out = Vec::new();
        loop {
            match self.byte()? {
                byte if byte == quote => return Some(out),
                b'\\' => self.escape(&mut out)?,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.push(match self.byte()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'0' => 0,
            b'a' => 7,
            b'b' => 8,
            b'e' => 0x1b,
            same @ (b'\\' | b'"' | b'\'' | b'/') => same,
            b'x' => self.digits(2)? as u8,
            b'u' => {
                let braced = self.rest().starts_with('{');
                let code = match braced {
                    true => {
                        self.at += 1;
                        let len = self.rest().find('}').filter(|len| (1..=6).contains(len))?;
                        let code = self.digits(len)?;
                        self.at += 1;
                        code
                    }
                    false => self.digits(4)?,
                };
                let c = char::from_u32(code)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    fn digits(&mut self, len: usize) -> Option<u32> {
        let digits = self.rest().get(..len)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += len;
        u32::from_str_radix(digits, 16).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }
}

/// A whole number as people write it: sign, then decimal, `0x`, `0o` or `0b` digits, `_` between
/// them. A decimal with a leading zero is refused: it could be meant as octal.
pub(super) fn integer(word: &str) -> Option<(Sign, u128)> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (Sign::Minus, digits),
        None => (Sign::Plus, word.strip_prefix('+').unwrap_or(word)),
    };
    let (prefix, rest) = digits.split_at_checked(2).unwrap_or_default();
    let (base, limit, digits) = match prefix {
        "0x" | "0X" => (16, u128::MAX >> 4, rest),
        "0o" => (8, u128::MAX >> 3, rest),
        "0b" => (2, u128::MAX >> 1, rest),
        _ => (10u8, u128::MAX / 10, digits),
    };
    if base == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let mut value = 0u128;
    let mut any = false;
    for c in digits.chars().filter(|&c| c != '_') {
        let digit = c.to_digit(u32::from(base))?;
        // A limit for each base: checked 128-bit multiplication would bring its own routine.
        if value > limit {
            return None;
        }
        value = (value * u128::from(base)).checked_add(u128::from(digit))?;
        any = true;
    }
    any.then_some((sign, value))
}

/// The sign before a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_usual_form() {
        use Sign::*;
        for (word, expected) in [
            ("0", Some((Plus, 0))),
            ("42", Some((Plus, 42))),
            ("+42", Some((Plus, 42))),
            ("-1", Some((Minus, 1))),
            ("0x1F", Some((Plus, 31))),
            ("-0x10", Some((Minus, 16))),
            ("0o17", Some((Plus, 15))),
            ("0b101", Some((Plus, 5))),
            ("1_000_000", Some((Plus, 1_000_000))),
            (
                "0xffffffffffffffffffffffffffffffff",
                Some((Plus, u128::MAX)),
            ),
            ("0xfffffffffffffffffffffffffffffffff", None),
            (
                "340282366920938463463374607431768211455",
                Some((Plus, u128::MAX)),
            ),
            ("340282366920938463463374607431768211456", None),
            ("3402823669209384634633746074317682114550", None),
            ("010", None),
            ("0x", None),
            ("", None),
            ("-", None),
            ("1a", None),
            ("1 2", None),
            ("_", None),
            ("é1", None),
        ] {
            assert_eq!(integer(word), expected, "{word}");
        }
    }

    #[test]
    fn quoted_text_is_read_with_its_escapes() {
        for (text, expected) in [
            (r#""a b""#, Some(&b"a b"[..])),
            (r#""\n\x1b\xff\0\"\\""#, Some(b"\n\x1b\xff\0\"\\")),
            (r#""\u{e9}\u00e9é""#, Some("ééé".as_bytes())),
            (r#""open"#, None),
            (r#""\x1""#, None),
            (r#""\q""#, None),
            (r#""\ud800""#, None),
            (r#""\u{}""#, None),
            (r#""\"#, None),
        ] {
            assert_eq!(Words::new(text).quoted(b'"').as_deref(), expected, "{text}");
        }
    }
}
