//! Types that a person declares in C become BTF, behind that of an object or alone.
//!
//! Compilers leave out of an object's BTF what only lives on a program's stack, which the events of many
//! programs do. Its header still has them. Read here are structs, unions, enums, typedefs and `#define`s of
//! numbers; whatever else a header has is passed over. They are laid out as a compiler for BPF does.

mod constant;
mod known;
mod layout;
mod words;

use super::{Btf, Encoder, Kind, Record, TypeId};
use known::{BASE_WORDS, base, typedef};
use layout::{Field, Ty, align_of, lay_out};
use words::{Placed, Word};

/// Structs inside one another, and brackets of expressions.
const MAX_DEPTH: u32 = 16;
/// Records and fields of one text.
const MAX_TYPES: usize = 4096;
const MAX_FIELDS: usize = 16384;

/// What can't be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct DeclarationError {
    /// Counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub what: String,
}

/// The bytes of a BTF with the types that `text` declares. Those of `known` keep their numbers, and can be used
/// in the text; a declared type takes the name away from one of them.
///
/// # Errors
/// The first declaration that is not C, or that names a type which is not known.
pub fn declare(text: &str, known: Option<&Btf<'_>>) -> Result<Vec<u8>, DeclarationError> {
    let (words, constants) = words::read(text)?;
    let mut reader = Reader {
        words,
        at: 0,
        constants,
        known,
        out: known.map_or_else(Encoder::default, Encoder::behind),
        own: Vec::new(),
        fields: 0,
    };
    let before = reader.out.len();
    reader.text()?;
    let own = &reader.own;
    let is_declared = |kind: Kind, name: &str| own.iter().any(|(k, n, _)| *k == kind && *n == name);
    reader.out.hide(before, &is_declared);
    Ok(reader.out.bytes())
}

struct Reader<'t> {
    words: Vec<Placed<'t>>,
    at: usize,
    constants: Vec<(&'t str, i64)>,
    known: Option<&'t Btf<'t>>,
    out: Encoder,
    /// What was declared so far.
    own: Vec<(Kind, &'t str, Ty)>,
    fields: usize,
}

/// What stands after a type: a name and what it makes of the type.
struct Declarator<'t> {
    name: &'t str,
    ty: Ty,
    bits: Option<u32>,
}

impl<'t> Reader<'t> {
    fn text(&mut self) -> Result<(), DeclarationError> {
        while let Some(word) = self.peek(0) {
            match word {
                Word::Mark(b';') => self.at += 1,
                Word::Name("typedef") => self.typedef()?,
                Word::Name("struct" | "union" | "enum") if self.has_body() => {
                    self.specifier(0)?;
                    self.skip();
                }
                _ => self.skip(),
            }
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<Word<'t>> {
        self.words.get(self.at + ahead).map(|placed| placed.word)
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T, DeclarationError> {
        let here = self.words.get(self.at).or(self.words.last());
        Err(DeclarationError {
            line: here.map_or(1, |placed| placed.line),
            what: what.into(),
        })
    }

    fn eat(&mut self, wanted: Word<'_>) -> bool {
        let found = self.peek(0) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: u8) -> Result<(), DeclarationError> {
        match self.eat(Word::Mark(mark)) {
            true => Ok(()),
            false => self.fail(match self.peek(0) {
                Some(word) => format!("{word} where {} was expected", char::from(mark)),
                None => format!("the text ends where {} was expected", char::from(mark)),
            }),
        }
    }

    /// Whether the struct, union or enum at hand is described here, and not only named.
    fn has_body(&self) -> bool {
        let mut ahead = 1;
        let mut depth = 0;
        while let Some(word) = self.peek(ahead) {
            match word {
                Word::Mark(b'(') => depth += 1,
                Word::Mark(b')') => depth -= 1,
                Word::Mark(b'{') => return depth == 0,
                Word::Name(_) | Word::Number(_) => {}
                _ if depth > 0 => {}
                _ => return false,
            }
            ahead += 1;
        }
        false
    }

    /// Passes over what is no type: up to a semicolon, or the end of a function's body.
    fn skip(&mut self) {
        let mut depth = 0u32;
        let mut before = None;
        while let Some(word) = self.peek(0) {
            self.at += 1;
            match word {
                Word::Mark(b'{') if depth == 0 && before == Some(Word::Mark(b')')) => {
                    // Of a function: nothing follows its end.
                    let mut inside = 1u32;
                    while let (Some(word), 1..) = (self.peek(0), inside) {
                        self.at += 1;
                        match word {
                            Word::Mark(b'{') => inside += 1,
                            Word::Mark(b'}') => inside -= 1,
                            _ => {}
                        }
                    }
                    return;
                }
                Word::Mark(b'{' | b'(') => depth += 1,
                Word::Mark(b'}' | b')') => depth = depth.saturating_sub(1),
                Word::Mark(b';') if depth == 0 => return,
                _ => {}
            }
            before = Some(word);
        }
    }

    fn typedef(&mut self) -> Result<(), DeclarationError> {
        self.at += 1;
        let ty = self.specifier(0)?;
        loop {
            let made = self.declarator(ty)?;
            let id = self.out.plain(Kind::Typedef, made.name, made.ty.id.0);
            let ty = Ty { id, ..made.ty };
            self.keep(Kind::Typedef, made.name, ty)?;
            if !self.eat(Word::Mark(b',')) {
                return self.expect(b';');
            }
        }
    }

    fn keep(&mut self, kind: Kind, name: &'t str, ty: Ty) -> Result<(), DeclarationError> {
        let before = self.known.map_or(0, |btf| btf.len() as usize);
        if self.out.len().saturating_sub(before) > MAX_TYPES {
            return self.fail(format!("these are more than {MAX_TYPES} types"));
        }
        if !name.is_empty() {
            self.own.push((kind, name, ty));
        }
        Ok(())
    }

    /// A type as it stands before the names that are of it.
    fn specifier(&mut self, depth: u32) -> Result<Ty, DeclarationError> {
        if depth > MAX_DEPTH {
            return self.fail("structs are nested too deeply");
        }
        self.qualifiers();
        let mut basic: Vec<&str> = Vec::new();
        while let Some(Word::Name(name)) = self.peek(0) {
            match name {
                "struct" | "union" | "enum" if basic.is_empty() => {
                    self.at += 1;
                    let ty = match name {
                        "enum" => self.enumeration()?,
                        "struct" => self.composite(Kind::Struct, depth)?,
                        _ => self.composite(Kind::Union, depth)?,
                    };
                    self.qualifiers();
                    return Ok(ty);
                }
                word if BASE_WORDS.contains(&word) => basic.push(word),
                _ if basic.is_empty() => {
                    let ty = self.named(name)?;
                    self.at += 1;
                    self.qualifiers();
                    return Ok(ty);
                }
                _ => break,
            }
            self.at += 1;
            self.qualifiers();
        }
        if let Some(ty) = base(&mut self.out, &basic) {
            return Ok(ty);
        }
        match (basic.is_empty(), self.peek(0)) {
            (true, Some(word)) => self.fail(format!("{word} where a type was expected")),
            (true, None) => self.fail("the text ends where a type was expected"),
            _ => self.fail(format!("{} is no type", basic.join(" "))),
        }
    }

    fn qualifiers(&mut self) {
        while let Some(Word::Name("const" | "volatile" | "__user" | "__kptr" | "extern")) =
            self.peek(0)
        {
            self.at += 1;
        }
    }

    /// Passes over attributes: whether one of them packs the struct.
    fn attributes(&mut self) -> Result<bool, DeclarationError> {
        let mut packed = false;
        loop {
            match self.peek(0) {
                Some(Word::Name("__packed")) => packed = true,
                Some(Word::Name("__attribute__" | "__attribute")) => {
                    self.at += 1;
                    self.expect(b'(')?;
                    let mut depth = 1;
                    while depth > 0 {
                        match self.peek(0) {
                            Some(Word::Mark(b'(')) => depth += 1,
                            Some(Word::Mark(b')')) => depth -= 1,
                            Some(Word::Name("packed" | "__packed__")) => packed = true,
                            Some(Word::Name("aligned" | "__aligned__")) => {
                                return self.fail("an alignment that is asked for can't be read");
                            }
                            Some(_) => {}
                            None => return self.fail("the text ends inside an attribute"),
                        }
                        self.at += 1;
                    }
                    continue;
                }
                _ => return Ok(packed),
            }
            self.at += 1;
        }
    }

    /// A typedef's or basic type's name.
    fn named(&mut self, name: &'t str) -> Result<Ty, DeclarationError> {
        let declared = self.find_own(Kind::Typedef, name);
        let of_object = || self.find_known(&[Kind::Typedef, Kind::Int], name);
        if let Some(ty) = declared.or_else(of_object) {
            return Ok(ty);
        }
        match typedef(&mut self.out, name) {
            Some(ty) => Ok(ty),
            None => self.fail(format!("{name} is no type that is known here")),
        }
    }

    fn find_own(&self, kind: Kind, name: &str) -> Option<Ty> {
        let mut own = self.own.iter().rev();
        own.find_map(|(k, n, ty)| (*k == kind && *n == name).then_some(*ty))
    }

    fn find_known(&self, kinds: &[Kind], name: &str) -> Option<Ty> {
        let btf = self.known?;
        let id = kinds.iter().find_map(|kind| btf.find(*kind, name))?;
        align_of(btf, id)
    }

    fn composite(&mut self, kind: Kind, depth: u32) -> Result<Ty, DeclarationError> {
        let mut packed = self.attributes()?;
        let name = self.name();
        packed |= self.attributes()?;
        if !self.eat(Word::Mark(b'{')) {
            let found = self.find_own(kind, name);
            let found = found.or_else(|| self.find_known(&[kind], name));
            // A pointer to it can be read all the same.
            return Ok(found.unwrap_or(Ty::UNKNOWN));
        }
        let mut fields: Vec<Field<'t>> = Vec::new();
        while !self.eat(Word::Mark(b'}')) {
            if self.eat(Word::Mark(b';')) {
                continue;
            }
            let ty = self.specifier(depth + 1)?;
            if self.eat(Word::Mark(b';')) {
                let bits = None;
                fields.push(Field { name: "", ty, bits });
                continue;
            }
            loop {
                let Declarator { name, ty, bits } = self.declarator(ty)?;
                if ty.size.is_none() {
                    return self.fail(format!("the type of {name} is not described"));
                }
                fields.push(Field { name, ty, bits });
                if !self.eat(Word::Mark(b',')) {
                    break;
                }
            }
            self.expect(b';')?;
        }
        packed |= self.attributes()?;
        self.fields += fields.len();
        if self.fields > MAX_FIELDS {
            return self.fail(format!("these are more than {MAX_FIELDS} fields"));
        }
        match lay_out(&mut self.out, kind, name, packed, &fields) {
            Ok(ty) => self.keep(kind, name, ty).map(|()| ty),
            Err(what) => self.fail(what),
        }
    }

    /// A name, if there is one.
    fn name(&mut self) -> &'t str {
        match self.peek(0) {
            Some(Word::Name(name)) => {
                self.at += 1;
                name
            }
            _ => "",
        }
    }

    fn enumeration(&mut self) -> Result<Ty, DeclarationError> {
        self.attributes()?;
        let name = self.name();
        if !self.eat(Word::Mark(b'{')) {
            let found = self.find_own(Kind::Enum, name);
            return match found.or_else(|| self.find_known(&[Kind::Enum, Kind::Enum64], name)) {
                Some(ty) => Ok(ty),
                None => self.fail(format!("enum {name} is not described")),
            };
        }
        let (mut rest, mut next, mut signed) = (Vec::new(), 0i64, false);
        while !self.eat(Word::Mark(b'}')) {
            let enumerator = self.name();
            if enumerator.is_empty() {
                return self.fail("an enumerator without a name");
            }
            if self.eat(Word::Mark(b'=')) {
                next = self.constant()?;
            }
            signed |= next < 0;
            let low = if signed { i64::from(i32::MIN) } else { 0 };
            if !(low..=i64::from(u32::MAX)).contains(&next) || rest.len() >= 2 * 0xffff {
                return self.fail(format!("{enumerator} does not fit 32 bits"));
            }
            self.constants.push((enumerator, next));
            rest.extend([self.out.name(enumerator), next as u32]);
            next += 1;
            if !self.eat(Word::Mark(b',')) {
                self.expect(b'}')?;
                break;
            }
        }
        let record = Record {
            kind: Kind::Enum,
            flag: signed,
            vlen: rest.len() as u32 / 2,
            size_or_type: 4,
            rest: &rest,
        };
        let ty = Ty::new(self.out.add(name, record), 4, 4);
        self.keep(Kind::Enum, name, ty).map(|()| ty)
    }

    fn declarator(&mut self, ty: Ty) -> Result<Declarator<'t>, DeclarationError> {
        let mut ty = ty;
        while self.eat(Word::Mark(b'*')) {
            ty = self.pointer();
            self.qualifiers();
        }
        let name;
        if self.eat(Word::Mark(b'(')) {
            // To a function.
            self.expect(b'*')?;
            name = self.name();
            self.expect(b')')?;
            self.expect(b'(')?;
            let mut depth = 1;
            while depth > 0 {
                match self.peek(0) {
                    Some(Word::Mark(b'(')) => depth += 1,
                    Some(Word::Mark(b')')) => depth -= 1,
                    Some(_) => {}
                    None => return self.fail("the text ends inside a function's parameters"),
                }
                self.at += 1;
            }
            ty = self.pointer();
        } else {
            name = self.name();
        }
        let mut lengths = Vec::new();
        while self.eat(Word::Mark(b'[')) {
            let open = self.peek(0) == Some(Word::Mark(b']'));
            let length = if open { 0 } else { self.constant()? };
            let Ok(length) = u32::try_from(length) else {
                return self.fail(format!("{name} can't have {length} elements"));
            };
            lengths.push(length);
            self.expect(b']')?;
        }
        for length in lengths.into_iter().rev() {
            let size = ty.size.and_then(|size| size.checked_mul(length));
            let Some(size) = size else {
                return self.fail(format!("{name}: an array of this can't be"));
            };
            let id = self.out.array(ty.id, length);
            ty = Ty::new(id, size, ty.align);
        }
        let mut bits = None;
        if self.eat(Word::Mark(b':')) {
            let width = self.constant()?;
            let Ok(width @ 0..=64) = u32::try_from(width) else {
                return self.fail(format!("{name} can't have {width} bits"));
            };
            bits = Some(width);
        }
        self.attributes()?;
        if name.is_empty() && bits.is_none() {
            return self.fail(match self.peek(0) {
                Some(word) => format!("{word} where a name was expected"),
                None => "the text ends where a name was expected".into(),
            });
        }
        Ok(Declarator { name, ty, bits })
    }

    /// To what it points makes no difference here.
    fn pointer(&mut self) -> Ty {
        Ty::new(self.out.plain(Kind::Ptr, "", TypeId::VOID.0), 8, 8)
    }

    fn constant(&mut self) -> Result<i64, DeclarationError> {
        let rest = self.words.get(self.at..).unwrap_or_default();
        match constant::read(rest, &self.constants) {
            Ok((value, used)) => {
                self.at += used;
                Ok(value)
            }
            Err(what) => self.fail(what),
        }
    }
}

#[cfg(test)]
mod tests;
