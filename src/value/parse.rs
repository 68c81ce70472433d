//! A person's words into the bytes of a type: the reverse of [`Plan::line`].

use super::error::ValueError;
use super::escape::Reader as Escape;
use super::escape::escape_for;
use super::float;
use super::number::{mask, push_wide};
use super::plan::{EnumStyle, Member, Node, Plan, Scalar, Shape};
use super::words::{Sign, Words, integer};

/// The deepest nesting of brackets that is read.
const MAX_DEPTH: usize = 32;
/// Names that an error lists at most.
const MAX_LISTED: usize = 32;

impl Plan {
    /// Reads a value into `out`, which has the size of the type; what is not mentioned is zero.
    ///
    /// | type | words |
    /// |---|---|
    /// | integer | `42`, `-1`, `0x2a`, `0o17`, `0b101`, `1_000`, `'a'` |
    /// | bool | `true`, `false`, `1`, `0` |
    /// | enum | a name, names with a bar between them (`A\|B`), a number |
    /// | pointer | a number |
    /// | char array | `"text"` with C escapes, bare words; at the top, all the words as they are |
    /// | byte array | `"text"`, `0x5254001234` with two digits for each byte, `[1, 2]` |
    /// | array | `[1, 2, 3]` |
    /// | struct, union | `{name: value, …}`; also `.name = value` and `"name": value` |
    /// | `__be32` address, `in_addr` | `192.168.1.1`, a number |
    /// | `in6_addr`, 16 bytes of an address | `fe80::1`, `10.0.0.1`, as a byte array |
    /// | `u64 …_ns` | `1.5ms`, `2s`, a number |
    /// | `dev_t` | `8:1`, a number |
    /// | struct of one field | also the field's value alone, at the top |
    ///
    /// # Errors
    /// Words that do not fit the type, each with the path of the field. `out` is then part written.
    pub fn parse(&self, words: &str, out: &mut [u8]) -> Result<(), ValueError> {
        if out.len() != self.size() {
            return Err(ValueError::WrongSize {
                expected: self.size(),
                found: out.len(),
            });
        }
        out.fill(0);
        let mut reader = Reader {
            plan: self,
            words: Words::new(words),
            path: String::new(),
            depth: 0,
        };
        reader.top(out)?;
        match reader.words.peek() {
            None => Ok(()),
            Some(_) => Err(ValueError::Trailing {
                found: shown(reader.words.rest()),
            }),
        }
    }

    /// [`Plan::parse`] into a new vector.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn parse_vec(&self, words: &str) -> Result<Vec<u8>, ValueError> {
        if let Some(bytes) = self.parse_plain(words) {
            return Ok(bytes);
        }
        let mut out = vec![0; self.size()];
        self.parse(words, &mut out)?;
        Ok(out)
    }
}

struct Reader<'p, 'w> {
    plan: &'p Plan,
    words: Words<'w>,
    /// Where we are in the value: `limits[2].max`.
    path: String,
    depth: usize,
}

impl<'p, 'w> Reader<'p, 'w> {
    fn top(&mut self, out: &mut [u8]) -> Result<(), ValueError> {
        let root = self.plan.root;
        if let Shape::Composite { first, len: 1 } = root.shape
            && self.words.peek() != Some(b'{')
            && let [only] = self.plan.members(first, 1)
        {
            self.path.push_str(self.plan.name(only.name));
            return self.value(only.node, out, only.at as usize);
        }
        self.value(root, out, 0)
    }

    fn value(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        match node.shape {
            Shape::Scalar(scalar) => {
                let raw = self.scalar(scalar, node.size * 8)?;
                let bytes = raw.to_le_bytes();
                self.put(out, at, bytes.get(..node.size as usize).unwrap_or(&bytes))
            }
            Shape::Bits {
                first,
                width,
                scalar,
            } => {
                let raw = self.scalar(scalar, u32::from(width))?;
                self.put_bits(out, at, (first, width), raw)
            }
            Shape::Wide { signed } => {
                let word = self.word();
                let raw = self.integer(&word, signed, 128)?;
                self.put(out, at, &raw.to_le_bytes())
            }
            Shape::Float => self.float(node, out, at),
            Shape::Text | Shape::RestText => self.text(node, out, at),
            Shape::Counted { .. } => self.text(node, out, at),
            Shape::Bytes | Shape::RestBytes | Shape::Hex => self.bytes(node, out, at),
            Shape::Address { .. } => self.address(node, out, at),
            Shape::Array { element, len } => self.array(self.plan.element(element), len, out, at),
            Shape::RestArray { element } => self.array(self.plan.element(element), 0, out, at),
            Shape::Composite { first, len } => self.composite(first, len, out, at),
            Shape::Opaque => Err(self.expected("nothing: its type has no size", "a value")),
        }
    }

    fn composite(
        &mut self,
        first: u32,
        len: u32,
        out: &mut [u8],
        at: usize,
    ) -> Result<(), ValueError> {
        self.open(b'{', "`{field: value, …}`")?;
        let plan = self.plan;
        let members = plan.members(first, len);
        let mut seen: Vec<usize> = Vec::new();
        let here = self.path.len();
        while self.words.take(b'}').is_none() {
            let name = self.words.name();
            let index = members.iter().position(|m| plan.name(m.name) == name);
            let Some((index, member)) = index.and_then(|i| Some((i, members.get(i)?))) else {
                return Err(self.unknown_field(name, members));
            };
            if here > 0 {
                self.path.push('.');
            }
            self.path.push_str(plan.name(member.name));
            if seen.contains(&index) {
                return Err(ValueError::Twice { path: self.path() });
            }
            seen.push(index);
            if self.words.take(b':').is_none() && self.words.take(b'=').is_none() {
                return Err(self.expected_here("`:` and a value"));
            }
            self.value(member.node, out, at.saturating_add(member.at as usize))?;
            self.path.truncate(here);
            self.after_element(b'}', "`,` or `}`")?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(
        &mut self,
        element: Node,
        len: u32,
        out: &mut [u8],
        at: usize,
    ) -> Result<(), ValueError> {
        self.open(b'[', "`[value, …]`")?;
        let here = self.path.len();
        let mut index = 0;
        while self.words.take(b']').is_none() {
            if index >= len as usize {
                return Err(ValueError::TooMany {
                    path: self.path(),
                    room: len as usize,
                });
            }
            self.path.push('[');
            let mut digits = Vec::new();
            push_wide(index as u128, &mut digits);
            self.path.push_str(&String::from_utf8_lossy(&digits));
            self.path.push(']');
            let offset = index.saturating_mul(element.size as usize);
            self.value(element, out, at.saturating_add(offset))?;
            self.path.truncate(here);
            self.after_element(b']', "`,` or `]`")?;
            index += 1;
        }
        self.depth -= 1;
        Ok(())
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), ValueError> {
        if self.words.take(bracket).is_none() {
            return Err(self.expected_here(expected));
        }
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(ValueError::TooDeep { limit: MAX_DEPTH }),
            false => Ok(()),
        }
    }

    /// A comma, or the bracket, which stays.
    fn after_element(&mut self, close: u8, expected: &'static str) -> Result<(), ValueError> {
        match self.words.take(b',').is_some() || self.words.peek() == Some(close) {
            true => Ok(()),
            false => Err(self.expected_here(expected)),
        }
    }

    /// The words of a value that is no text: bare up to the end of the element, or (as JSON has
    /// them) between quotes.
    fn word(&mut self) -> String {
        if self.words.peek() == Some(b'"') {
            let mut ahead = self.words.clone();
            if let Some(inner) = ahead.quoted(b'"').and_then(|w| String::from_utf8(w).ok()) {
                self.words = ahead;
                return inner;
            }
        }
        self.words.bare().to_owned()
    }

    fn scalar(&mut self, scalar: Scalar, bits: u32) -> Result<u64, ValueError> {
        if self.words.peek() == Some(b'\'') && !matches!(scalar, Scalar::Bool) {
            return self.character();
        }
        let word = self.word();
        let signed = match scalar {
            Scalar::Bool => {
                return match word.as_str() {
                    "true" | "1" => Ok(1),
                    "false" | "0" => Ok(0),
                    _ => Err(self.expected("true or false", &word)),
                };
            }
            Scalar::Enum { first, len, style } => {
                return self.enumerator(first, len, style, &word, bits);
            }
            Scalar::Char => {
                // As JSON has it: the character alone.
                if let [c @ b'!'..=b'~'] = word.as_bytes()
                    && !c.is_ascii_digit()
                {
                    return Ok(u64::from(*c));
                }
                word.starts_with('-')
            }
            Scalar::Meant(meaning) => {
                if let Some(raw) = meaning.parse(&word, bits) {
                    return Ok(raw);
                }
                if integer(&word).is_none() {
                    return Err(self.expected(meaning.form(), &word));
                }
                let number = self.integer(&word, false, bits)? as u64;
                return Ok(meaning.of_number(number, bits));
            }
            Scalar::Signed => true,
            Scalar::Unsigned | Scalar::Pointer => false,
        };
        Ok(self.integer(&word, signed, bits)? as u64)
    }

    fn character(&mut self) -> Result<u64, ValueError> {
        let start = self.words.rest();
        match self.words.quoted(b'\'').as_deref() {
            Some([byte]) => Ok(u64::from(*byte)),
            _ => Err(self.expected("one character of one byte, such as 'a'", start)),
        }
    }

    fn enumerator(
        &mut self,
        first: u32,
        len: u32,
        style: EnumStyle,
        word: &str,
        bits: u32,
    ) -> Result<u64, ValueError> {
        let names = self.plan.enumerators(first, len);
        let mut value = 0;
        for part in word.split('|').map(str::trim_ascii) {
            let named = names.iter().find(|e| self.plan.name(e.name) == part);
            value |= match named {
                Some(named) => named.value & mask(bits),
                None if part.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    self.integer(part, style == EnumStyle::Signed, bits)? as u64
                }
                None => {
                    let known = names.iter().map(|e| self.plan.name(e.name));
                    return Err(ValueError::UnknownEnumerator {
                        path: self.path(),
                        found: shown(part),
                        known: listed(known),
                    });
                }
            };
        }
        Ok(value)
    }

    /// A number that fits `bits` bits (1 to 128), as those bits.
    fn integer(&self, word: &str, signed: bool, bits: u32) -> Result<u128, ValueError> {
        let Some((sign, magnitude)) = integer(word) else {
            return Err(self.expected("a number (42, -1, 0x2a, 0o17, 0b101, 'a')", word));
        };
        let all = u128::MAX >> 128u32.saturating_sub(bits).min(127);
        let (lowest, highest) = match signed {
            true => ((all >> 1) + 1, all >> 1),
            false => (0, all),
        };
        match sign {
            Sign::Plus if magnitude <= highest => Ok(magnitude),
            Sign::Minus if magnitude <= lowest => Ok(magnitude.wrapping_neg() & all),
            _ => {
                let decimal = |value| {
                    let mut digits = Vec::new();
                    push_wide(value, &mut digits);
                    String::from_utf8_lossy(&digits).into_owned()
                };
                let mut min = decimal(lowest);
                if signed {
                    min.insert(0, '-');
                }
                Err(ValueError::Range {
                    path: self.path(),
                    found: shown(word),
                    min,
                    max: decimal(highest),
                })
            }
        }
    }

    fn float(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        let word = self.word();
        let bits = match word.starts_with("0x") {
            true => self.integer(&word, false, node.size * 8)? as u64,
            false => {
                let value = float::parse(&word).ok_or_else(|| self.expected(float::FORM, &word))?;
                match node.size {
                    4 => u64::from((value as f32).to_bits()),
                    _ => value.to_bits(),
                }
            }
        };
        let bytes = bits.to_le_bytes();
        self.put(out, at, bytes.get(..node.size as usize).unwrap_or(&bytes))
    }

    fn text(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        // The top takes the words as they are; white space belongs to them.
        let raw = self.words.rest();
        match self.words.peek() {
            Some(b'"') => self.quoted(node, out, at),
            Some(b'[') => self.byte_list(node, out, at),
            _ if self.depth == 0 => {
                self.words.all();
                self.fill(node, out, at, raw.as_bytes())
            }
            Some(b'{') => Err(self.expected_here("text")),
            _ => {
                let bare = self.words.bare();
                self.fill(node, out, at, bare.as_bytes())
            }
        }
    }

    fn bytes(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        const FORM: &str = "\"text\", [1, 2, …], or 0x and two digits for each byte";
        match self.words.peek() {
            Some(b'[') => return self.byte_list(node, out, at),
            Some(b'"') if !self.words.rest().starts_with("\"0x") => {
                return self.quoted(node, out, at);
            }
            _ => {}
        }
        let word = self.word();
        let mut found = Vec::new();
        let digits = word.strip_prefix("0x").unwrap_or_default().as_bytes();
        for pair in digits.chunks(2) {
            let pair = core::str::from_utf8(pair).ok().filter(|p| p.len() == 2);
            let byte = pair.and_then(|p| u8::from_str_radix(p, 16).ok());
            found.push(byte.ok_or_else(|| self.expected(FORM, &word))?);
        }
        if found.is_empty() {
            return Err(self.expected(FORM, &word));
        }
        self.fill(node, out, at, &found)
    }

    fn address(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        if self.words.peek() == Some(b'[') || self.words.rest().starts_with("0x") {
            return self.bytes(node, out, at);
        }
        let word = self.word();
        match super::meaning::parse_address(&word) {
            Some(octets) => self.put(out, at, &octets),
            None => Err(self.expected("an address such as fe80::1 or 10.0.0.1", &word)),
        }
    }

    fn quoted(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        let start = self.words.rest();
        match self.words.quoted(b'"') {
            Some(text) => self.fill(node, out, at, &text),
            None => Err(self.expected(
                "text between quotes, with \\n \\t \\\\ \\\" \\xNN \\u{N} in it",
                start,
            )),
        }
    }

    fn byte_list(&mut self, node: Node, out: &mut [u8], at: usize) -> Result<(), ValueError> {
        let byte = Node {
            shape: Shape::Scalar(Scalar::Char),
            size: 1,
        };
        self.array(byte, node.size, out, at)
    }

    /// Puts bytes at the start of an array; the rest of it is zero already.
    fn fill(&self, node: Node, out: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), ValueError> {
        let room = node.size as usize;
        match bytes.len() <= room {
            true => self.put(out, at, bytes),
            false => Err(ValueError::TooLong {
                path: self.path(),
                found: bytes.len(),
                room,
            }),
        }
    }

    fn put(&self, out: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), ValueError> {
        let end = at.checked_add(bytes.len());
        match end.and_then(|end| out.get_mut(at..end)) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(self.outside()),
        }
    }

    fn put_bits(
        &self,
        out: &mut [u8],
        at: usize,
        (first, width): (u8, u8),
        raw: u64,
    ) -> Result<(), ValueError> {
        let len = (u32::from(first) + u32::from(width)).div_ceil(8) as usize;
        let end = at.checked_add(len);
        let place = end.and_then(|end| out.get_mut(at..end));
        let place = place.ok_or_else(|| self.outside())?;
        let keep = !(u128::from(mask(u32::from(width))) << first);
        let new = u128::from(raw & mask(u32::from(width))) << first;
        for (index, byte) in place.iter_mut().enumerate() {
            let shift = index * 8;
            *byte = *byte & (keep >> shift) as u8 | (new >> shift) as u8;
        }
        Ok(())
    }

    /// Only BTF that contradicts itself gets here.
    fn outside(&self) -> ValueError {
        self.expected("a field inside its struct", "one that ends outside it")
    }

    fn unknown_field(&self, name: &str, members: &[Member]) -> ValueError {
        let known = members.iter().map(|m| self.plan.name(m.name));
        ValueError::UnknownField {
            path: self.path(),
            field: shown(match name {
                "" => self.words.rest(),
                name => name,
            }),
            known: listed(known),
        }
    }

    fn path(&self) -> String {
        match self.path.as_str() {
            "" => "the value".to_owned(),
            path => path.to_owned(),
        }
    }

    fn expected(&self, expected: &'static str, found: &str) -> ValueError {
        ValueError::Expected {
            path: self.path(),
            expected,
            found: shown(found),
        }
    }

    fn expected_here(&self, expected: &'static str) -> ValueError {
        self.expected(expected, self.words.rest())
    }
}

/// Words for a message: the start of them, and harmless.
fn shown(words: &str) -> String {
    const MOST: usize = 40;
    let words = words.trim_ascii();
    if words.is_empty() {
        return "nothing".to_owned();
    }
    let start = words.char_indices().nth(MOST);
    let cut = start.map_or(words, |(end, _)| words.get(..end).unwrap_or(words));
    let mut out = vec![b'`'];
    escape_for(Escape::Column, cut.as_bytes(), &mut out);
    if cut.len() < words.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'`');
    String::from_utf8_lossy(&out).into_owned()
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut out = String::new();
    for (index, name) in names.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if index == MAX_LISTED {
            out.push('…');
            break;
        }
        out.push_str(name);
    }
    out
}
