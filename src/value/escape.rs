//! Bytes of a traced program made harmless: text that no terminal and no parser can trip over.

/// Who reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A person, in a column: escapes only what is dangerous; backslashes and quotes stay.
    Column,
    /// A person or [`parse`](super::Plan::parse), between double quotes, as in C.
    Quoted,
    /// A JSON parser, between double quotes.
    Json,
    /// A reader of CSV, between double quotes.
    Csv,
}

/// Appends text for a person: control characters, terminal sequences (C0, C1), characters that
/// turn the direction of a line, and bytes that are not UTF-8 become `\n`, `\x1b`, `\u{202e}`,
/// `\xff`. All else stays as it is, backslashes too.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    escape_for(Reader::Column, text, out);
}

/// Appends text for a JSON parser, without the quotes.
///
/// Valid for every parser, and nothing is lost: a byte that is not UTF-8 arrives as the four
/// characters `\xNN`, and so that those can't be mistaken, the backslash of a `\x` that really was
/// in the text arrives as `\x5c`. All other text arrives as it was.
pub fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    escape_for(Reader::Json, text, out);
}

/// Appends text for a reader of CSV, without the quotes around it: a quote is doubled, and what
/// [`escape`] makes harmless is escaped as in C, backslashes too, so that nothing is lost.
pub fn escape_csv(text: &[u8], out: &mut Vec<u8>) {
    escape_for(Reader::Csv, text, out);
}

/// Appends text for a person or a parser of C, without the quotes around it.
pub fn escape_quoted(text: &[u8], out: &mut Vec<u8>) {
    escape_for(Reader::Quoted, text, out);
}

/// The bytes before the first NUL, or all.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|&b| b == 0) {
        Some(end) => bytes.get(..end).unwrap_or(bytes),
        None => bytes,
    }
}

/// Characters that act on a terminal or on the order of a line instead of being seen.
pub(super) fn is_unsafe(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

pub(super) fn escape_for(reader: Reader, text: &[u8], out: &mut Vec<u8>) {
    escape_to(End::Length, reader, text, out);
}

/// Where text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the slice; a NUL in it is escaped.
    Length,
    /// At the first NUL, or else with the slice. Found in the same pass: most of an event is text.
    Nul,
}

pub(super) fn escape_to(end: End, reader: Reader, text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (run, after) = rest.split_at(plain_run(rest));
        out.extend_from_slice(run);
        let Some((&byte, tail)) = after.split_first() else {
            return;
        };
        rest = match byte {
            0 if end == End::Nul => return,
            0..0x80 => {
                escape_ascii(reader, byte, tail.first().copied(), out);
                tail
            }
            _ => match first_char(after) {
                Some((c, len)) => {
                    let (bytes, tail) = after.split_at(len);
                    match is_unsafe(c) {
                        true => escape_char(reader, c, out),
                        false => out.extend_from_slice(bytes),
                    }
                    tail
                }
                None => {
                    escape_byte(reader, byte, out);
                    tail
                }
            },
        };
    }
}

/// How many bytes at the start are visible ASCII other than `"` and `\`, eight at a time.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte that is `c`, exact up to the first of them.
    let equal = |word: u64, c: u8| {
        let zero = word ^ (ONES * u64::from(c));
        zero.wrapping_sub(ONES) & !zero
    };
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let special = equal(word, b'"') | equal(word, b'\\') | equal(word, 0x7f);
        let found = (below_space | special | word) & TOPS;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let special = |&b: &u8| !matches!(b, b' '..=b'~') || b == b'\\' || b == b'"';
    let in_tail = tail.iter().position(special).unwrap_or(tail.len());
    bytes.len() - tail.len() + in_tail
}

fn escape_ascii(reader: Reader, byte: u8, next: Option<u8>, out: &mut Vec<u8>) {
    let short: &[u8] = match (byte, reader) {
        (b'\n', _) => b"\\n",
        (b'\t', _) => b"\\t",
        (b'\r', _) => b"\\r",
        (b'\\' | b'"', Reader::Column) => return out.push(byte),
        (b'"', Reader::Csv) => b"\"\"",
        (b'\\', Reader::Json) if next == Some(b'x') => b"\\\\x5c",
        (b'\\', _) => b"\\\\",
        (b'"', _) => b"\\\"",
        (_, Reader::Json) => return escape_char(reader, char::from(byte), out),
        _ => return escape_byte(reader, byte, out),
    };
    out.extend_from_slice(short);
}

fn escape_byte(reader: Reader, byte: u8, out: &mut Vec<u8>) {
    // In JSON the backslash itself is escaped: the reader's string holds `\xNN`.
    out.extend_from_slice(match reader {
        Reader::Json => b"\\\\x",
        _ => b"\\x",
    });
    push_hex_byte(byte, out);
}

fn escape_char(reader: Reader, c: char, out: &mut Vec<u8>) {
    let code = c as u32;
    match reader {
        // All unsafe characters lie below U+10000: no surrogate pairs.
        Reader::Json => {
            out.extend_from_slice(b"\\u");
            push_hex_byte((code >> 8) as u8, out);
            push_hex_byte(code as u8, out);
        }
        _ => {
            out.extend_from_slice(b"\\u{");
            super::number::push_hex(u64::from(code), out);
            out.push(b'}');
        }
    }
}

pub(super) fn push_hex_byte(byte: u8, out: &mut Vec<u8>) {
    for nibble in [byte >> 4, byte & 15] {
        out.push(super::number::hex_digit(nibble));
    }
}

/// The character that the bytes start with, and its length in bytes.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let len = match bytes.first()? {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    let text = core::str::from_utf8(bytes.get(..len)?).ok()?;
    Some((text.chars().next()?, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(reader: Reader, text: &[u8]) -> String {
        let mut out = Vec::new();
        escape_for(reader, text, &mut out);
        String::from_utf8(out).expect("escaped text is UTF-8")
    }

    #[test]
    fn nothing_dangerous_gets_through_and_all_else_does() {
        for (text, column, quoted, json) in [
            (&b"bash -c"[..], "bash -c", "bash -c", "bash -c"),
            (b"\x1b[2Jx", r"\x1b[2Jx", r"\x1b[2Jx", r"\u001b[2Jx"),
            (b"a\nb\tc\rd", r"a\nb\tc\rd", r"a\nb\tc\rd", r"a\nb\tc\rd"),
            (b"\x07\x7f", r"\x07\x7f", r"\x07\x7f", r"\u0007\u007f"),
            (
                br#"say "hi""#,
                r#"say "hi""#,
                r#"say \"hi\""#,
                r#"say \"hi\""#,
            ),
            (br"\d+", r"\d+", r"\\d+", r"\\d+"),
            (
                "naïve 漢字 🦀".as_bytes(),
                "naïve 漢字 🦀",
                "naïve 漢字 🦀",
                "naïve 漢字 🦀",
            ),
            // CSI as one C1 character, and a right-to-left override.
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J", r"\u{9b}2J", r"\u009b2J"),
            ("\u{202e}".as_bytes(), r"\u{202e}", r"\u{202e}", r"\u202e"),
            (b"a\xffb", r"a\xffb", r"a\xffb", r"a\\xffb"),
            (b"\xe6\xbc", r"\xe6\xbc", r"\xe6\xbc", r"\\xe6\\xbc"),
            // An overlong slash and an encoded surrogate are not UTF-8.
            (b"\xc0\xaf", r"\xc0\xaf", r"\xc0\xaf", r"\\xc0\\xaf"),
            (
                b"\xed\xa0\x80",
                r"\xed\xa0\x80",
                r"\xed\xa0\x80",
                r"\\xed\\xa0\\x80",
            ),
            (br"\xff", r"\xff", r"\\xff", r"\\x5cxff"),
        ] {
            assert_eq!(escaped(Reader::Column, text), column, "{text:?}");
            assert_eq!(escaped(Reader::Quoted, text), quoted, "{text:?}");
            assert_eq!(escaped(Reader::Json, text), json, "{text:?}");
        }
    }

    /// What a JSON parser hands over, for the escapes that are written here, then `\xNN` undone.
    fn unescape_json(json: &str) -> Vec<u8> {
        let mut parsed = String::new();
        let mut chars = json.chars();
        while let Some(c) = chars.next() {
            let c = match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'u' => {
                        let code: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap()
                    }
                    other => other,
                },
                c => c,
            };
            parsed.push(c);
        }
        let (mut out, mut rest) = (Vec::new(), parsed.as_bytes());
        while let Some((&byte, tail)) = rest.split_first() {
            if let Some(code) = rest.strip_prefix(b"\\x") {
                let digits = core::str::from_utf8(&code[..2]).unwrap();
                out.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &code[2..];
            } else {
                out.push(byte);
                rest = tail;
            }
        }
        out
    }

    #[test]
    fn a_run_of_plain_text_ends_at_the_first_byte_that_is_not() {
        for at in 0..20 {
            for byte in 0..=255u8 {
                for follower in [b'a', 0, 0x1f, b'!', b'"', b'#', 0x7f, 0x80, 0xff] {
                    let mut text = [b'~'; 20];
                    text[at] = byte;
                    if let Some(next) = text.get_mut(at + 1) {
                        *next = follower;
                    }
                    let plain = |b: &u8| (b' '..=b'~').contains(b) && !b"\"\\".contains(b);
                    let expected = text.iter().position(|b| !plain(b)).unwrap_or(20);
                    assert_eq!(plain_run(&text), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn text_ends_at_a_nul_only_where_it_is_meant_to() {
        let mut out = Vec::new();
        escape_to(End::Nul, Reader::Column, b"a\n\0b", &mut out);
        escape_to(End::Length, Reader::Column, b"c\0d", &mut out);
        assert_eq!(out, br"a\nc\x00d");
    }

    #[test]
    fn every_text_can_be_had_back_from_its_json() {
        // Four-byte texts over the bytes that interact.
        let bytes = [b'\\', b'x', b'"', b'5', b'c', 0xff, 0xc3, 0xa9, 0x1b, b'n'];
        for n in 0..10_000usize {
            let text = [n, n / 10, n / 100, n / 1000].map(|d| bytes[d % 10]);
            let json = escaped(Reader::Json, &text);
            assert_eq!(unescape_json(&json), text, "{json}");
        }
    }
}
