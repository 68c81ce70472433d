//! Types as a C header: each definition behind those that it needs.
//!
//! C wants to know a type before it is used, and how large it is only where something of that type
//! lies in something else: behind a pointer `struct NAME;` is enough. So there are two needs, and each
//! type remembers which one was met. A definition is written when what it needs has been; whatever
//! needs itself, but not by a pointer, has no size and is refused.

use super::conflicts::{Conflicts, Space, identifier};
use super::layout::Aligns;
use super::{Whole, decimal, signed};
use crate::btf::{BtfError, Header, Kind, StrOffset, TypeId, Word, word};

/// Bytes that are handed on at once.
const PIECE: usize = 16 * 1024;

const START: &str = "\
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#if !defined(BPF_NO_PRESERVE_ACCESS_INDEX) && defined(__bpf__)
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#define ___VMLINUX_H_PUSHED
#endif

";

const END: &str = "\
#ifdef ___VMLINUX_H_PUSHED
#pragma clang attribute pop
#undef ___VMLINUX_H_PUSHED
#endif

#endif /* __VMLINUX_H__ */
";

/// How many names of types are remembered.
const CALLED: usize = 512;

/// What is known of a type.
mod state {
    /// `struct NAME;` was written.
    pub(super) const DECLARED: u8 = 1;
    /// It was written whole.
    pub(super) const DEFINED: u8 = 2;
    /// What it needs is being written.
    pub(super) const ACTIVE: u8 = 4;
    /// All that a pointer to it needs was written.
    pub(super) const NAMED: u8 = 8;
    /// All that something of this type needs was written.
    pub(super) const WHOLE: u8 = 16;
    /// Another type refers to it.
    pub(super) const REFERENCED: u8 = 32;
}

/// What somebody wants to know of a type.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// That it exists.
    Name,
    /// How large it is.
    Size,
}

/// How far types may be in each other.
pub(super) struct Shape;

impl Shape {
    /// Braces in braces.
    pub(super) const MAX_LEVEL: usize = 48;
    /// Definitions that wait for another.
    const MAX_DEPTH: u32 = 256;
}

/// A header that is being written.
///
/// # Memory
/// Two bytes for each type, and some dozens for each name that occurs more than once.
pub(super) struct CHeader<'t> {
    pub(super) types: &'t dyn Whole,
    pub(super) out: Vec<u8>,
    states: Vec<u8>,
    pub(super) names: Conflicts,
    /// What types are called, by the low bits of their numbers: few are in most declarations.
    called: Vec<(TypeId, Vec<u8>)>,
    /// Lists of arguments that a compiler has by itself.
    built_in: Vec<TypeId>,
    pub(super) aligns: Aligns<'t>,
    /// Takes a piece of text, and says whether it wants more.
    sink: &'t mut dyn FnMut(&[u8]) -> bool,
    closed: bool,
    /// Functions that are tagged as kfuncs, and whether they are being written.
    pub(super) kfuncs: Vec<TypeId>,
    pub(super) in_kfuncs: bool,
    /// How many types and members may still be looked at. What lies in a struct without a name is
    /// written where that is used: a few records could be made to say gigabytes.
    left: u64,
}

/// Writes a header with the types of `roots`, or with all types that `types` has of its own, and with
/// what they need. `sink` gets it piece by piece, and says whether it wants more.
///
/// # Errors
/// Types that can't be written in C, for they lie in each other or do not exist; BTF that can't be
/// read. What was handed on before is no whole header.
pub fn write_c<'t>(
    types: &'t dyn Whole,
    roots: Option<&[TypeId]>,
    sink: &'t mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), BtfError> {
    let mut header = CHeader {
        types,
        out: Vec::with_capacity(2 * PIECE),
        states: vec![0; types.end().0 as usize],
        names: Conflicts::default(),
        called: vec![(TypeId::VOID, Vec::new()); CALLED],
        built_in: Vec::new(),
        aligns: Aligns::new(types),
        sink,
        closed: false,
        kfuncs: Vec::new(),
        in_kfuncs: false,
        left: 1 << 16,
    };
    header.survey()?;
    header.push(START);
    match roots {
        Some(roots) => {
            for &root in roots {
                header.top(root)?;
            }
        }
        None => {
            for id in types.own() {
                header.top(id)?;
                if header.closed {
                    return Ok(());
                }
            }
            header.kfuncs()?;
        }
    }
    header.push(END);
    header.hand_on(0);
    Ok(())
}

impl CHeader<'_> {
    pub(super) fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Starts a line.
    pub(super) fn line(&mut self, level: usize) {
        self.out.push(b'\n');
        self.out.extend(std::iter::repeat_n(b'\t', level));
    }

    /// Counts a step.
    pub(super) fn tick(&mut self, at: TypeId) -> Result<(), BtfError> {
        self.left = self.left.checked_sub(1).ok_or(BtfError::Cycle(at))?;
        Ok(())
    }

    /// Hands on what was written, if there are more than so many bytes.
    fn hand_on(&mut self, more_than: usize) {
        if self.out.len() > more_than {
            self.closed |= !(self.sink)(&self.out);
            self.out.clear();
        }
    }

    pub(super) fn end_definition(&mut self) {
        self.push(";\n\n");
        self.hand_on(PIECE);
    }

    fn has(&self, id: TypeId, flag: u8) -> bool {
        let state = self.states.get(id.0 as usize);
        state.is_some_and(|state| state & flag != 0)
    }

    fn set(&mut self, id: TypeId, flag: u8) {
        if let Some(state) = self.states.get_mut(id.0 as usize) {
            *state |= flag;
        }
    }

    fn unset(&mut self, id: TypeId, flag: u8) {
        if let Some(state) = self.states.get_mut(id.0 as usize) {
            *state &= !flag;
        }
    }

    /// Looks at every type once: what is referred to, and which names there are.
    fn survey(&mut self) -> Result<(), BtfError> {
        let mut room = Vec::new();
        let mut name = Vec::new();
        for id in (1..self.types.end().0).map(TypeId) {
            let header = self.types.record(id, &mut room)?;
            // A real header looks at each word of a record some two times.
            self.left = self.left.saturating_add(8 * room.len() as u64);
            let words = room.as_chunks().0;
            for (index, bytes) in words.iter().enumerate() {
                let to = u32::from_le_bytes(*bytes);
                match word(header.kind, index) {
                    Word::Type if to >= self.types.end().0 => {
                        return Err(BtfError::NoSuchType(TypeId(to)));
                    }
                    Word::Type => self.set(TypeId(to), state::REFERENCED),
                    // Enumerators are names of all the file.
                    Word::Name if index > 0 && header.kind.is_enum() => {
                        identifier(self.types, StrOffset(to), &mut name)?;
                        self.names.note(Space::Plain, &name);
                    }
                    _ => {}
                }
            }
            let space = match header.kind {
                Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 => Space::Tag,
                Kind::Typedef => Space::Plain,
                Kind::DeclTag if id >= self.types.first() => {
                    self.note_kfunc(&header, &mut name)?;
                    continue;
                }
                _ => continue,
            };
            if header.name != StrOffset(0) && !is_declared_only(&header) {
                identifier(self.types, header.name, &mut name)?;
                self.names.note(space, &name);
                if header.kind == Kind::Typedef && name == b"__builtin_va_list" {
                    self.built_in.push(id);
                }
            }
        }
        self.names.noted();
        Ok(())
    }

    /// Writes what type `id` defines of itself.
    fn top(&mut self, id: TypeId) -> Result<(), BtfError> {
        let header = self.types.header(id)?;
        let named = header.name != StrOffset(0);
        match header.kind {
            Kind::Struct | Kind::Union | Kind::Typedef | Kind::Fwd if named => {
                self.need(id, Need::Size, 0)
            }
            Kind::Enum | Kind::Enum64 if named => self.need(id, Need::Size, 0),
            // Constants, that nothing has for its type.
            Kind::Enum | Kind::Enum64 if !self.has(id, state::REFERENCED) => {
                self.enumeration(&header, 0)?;
                self.end_definition();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Writes what has to stand before a pointer to type `id`, or a function of that type.
    pub(super) fn need_name(&mut self, id: TypeId) -> Result<(), BtfError> {
        self.need(id, Need::Name, 0)
    }

    /// Writes what has to stand before something that needs this of type `id`.
    fn need(&mut self, id: TypeId, need: Need, depth: u32) -> Result<(), BtfError> {
        let met = match need {
            Need::Name => state::NAMED | state::WHOLE,
            Need::Size => state::WHOLE,
        };
        if id == TypeId::VOID || self.has(id, met) {
            return Ok(());
        }
        if depth > Shape::MAX_DEPTH {
            return Err(BtfError::Cycle(id));
        }
        self.tick(id)?;
        let header = self.types.header(id)?;
        let named = header.name != StrOffset(0);
        let depth = depth + 1;
        match header.kind {
            Kind::Void | Kind::Int | Kind::Float => {}
            Kind::Ptr => self.need(header.target(), Need::Name, depth)?,
            // C has no array of what has no size, not even behind a pointer.
            Kind::Array => {
                let element = self.types.array(&header)?.element;
                self.need(element, Need::Size, depth)?;
            }
            Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                self.need(header.target(), need, depth)?;
            }
            Kind::FuncProto => {
                self.need(header.target(), Need::Name, depth)?;
                for index in 0..header.vlen {
                    let param = self.types.param(&header, index)?;
                    self.need(param.ty, Need::Name, depth)?;
                }
            }
            Kind::Struct | Kind::Union if named && need == Need::Name => self.declare(&header)?,
            Kind::Struct | Kind::Union => self.define(&header, depth)?,
            Kind::Fwd => self.declare(&header)?,
            Kind::Enum | Kind::Enum64 => {
                if named && !self.has(id, state::DEFINED) {
                    self.set(id, state::DEFINED);
                    match is_declared_only(&header) {
                        true => self.tag(&header)?,
                        false => self.enumeration(&header, 0)?,
                    }
                    self.end_definition();
                }
            }
            Kind::Typedef => self.typedef(&header, need, depth)?,
            _ => return Err(BtfError::NoSize(id)),
        }
        self.set(
            id,
            match need {
                Need::Name => state::NAMED,
                Need::Size => state::WHOLE,
            },
        );
        Ok(())
    }

    /// `struct NAME;`, once.
    fn declare(&mut self, header: &Header) -> Result<(), BtfError> {
        if self.has(header.id, state::DECLARED) {
            return Ok(());
        }
        self.set(header.id, state::DECLARED);
        self.tag(header)?;
        self.end_definition();
        Ok(())
    }

    /// A struct or union with its members; where it has no name, what those need: it is written where
    /// it is used.
    fn define(&mut self, header: &Header, depth: u32) -> Result<(), BtfError> {
        if self.has(header.id, state::ACTIVE) {
            return Err(BtfError::Cycle(header.id));
        }
        self.set(header.id, state::ACTIVE);
        for index in 0..header.vlen {
            self.tick(header.id)?;
            let member = self.types.member(header, index)?;
            self.need(member.ty, Need::Size, depth)?;
        }
        self.unset(header.id, state::ACTIVE);
        if header.name != StrOffset(0) {
            self.set(header.id, state::DECLARED);
            self.composite(header, 0)?;
            self.end_definition();
        }
        Ok(())
    }

    fn typedef(&mut self, header: &Header, need: Need, depth: u32) -> Result<(), BtfError> {
        if self.is_built_in(header) {
            return self.need(header.target(), need, depth);
        }
        if !self.has(header.id, state::DEFINED) {
            self.need(header.target(), Need::Name, depth)?;
            self.set(header.id, state::DEFINED);
            let name = self.name_of(header, Space::Plain)?;
            self.push("typedef ");
            match header.target() {
                // Old GCCs forget what this is.
                TypeId::VOID if name == b"__gnuc_va_list" => {
                    self.push("__builtin_va_list __gnuc_va_list");
                }
                target => self.declaration(target, &name, 0)?,
            }
            self.end_definition();
        }
        match need {
            Need::Name => Ok(()),
            Need::Size => self.need(header.target(), Need::Size, depth),
        }
    }

    /// Whether it is the list of arguments that a compiler has by itself. It must not be defined, and
    /// BPF's is not the kernel's: what that is made of stands in its place.
    pub(super) fn is_built_in(&self, header: &Header) -> bool {
        self.built_in.contains(&header.id)
    }

    /// Appends what `write` writes of a type, which is the same each time.
    pub(super) fn called(
        &mut self,
        header: &Header,
        write: impl FnOnce(&mut Self) -> Result<(), BtfError>,
    ) -> Result<(), BtfError> {
        let slot = header.id.0 as usize % CALLED;
        if let Some((_, name)) = self.called.get(slot).filter(|(id, _)| *id == header.id) {
            self.out.extend_from_slice(name);
            return Ok(());
        }
        let from = self.out.len();
        write(self)?;
        let written = self.out.get(from..).unwrap_or_default();
        if let Some((id, name)) = self.called.get_mut(slot) {
            *id = header.id;
            name.clear();
            name.extend_from_slice(written);
        }
        Ok(())
    }

    /// What a named type is called here.
    pub(super) fn name_of(&mut self, header: &Header, space: Space) -> Result<Vec<u8>, BtfError> {
        let mut name = Vec::new();
        identifier(self.types, header.name, &mut name)?;
        let version = match is_declared_only(header) {
            true => 1,
            false => self.names.version(space, &name, header.id),
        };
        suffix(&mut name, version);
        Ok(name)
    }

    /// `struct NAME`.
    pub(super) fn tag(&mut self, header: &Header) -> Result<(), BtfError> {
        self.push(match (header.kind, header.flag) {
            (Kind::Union, _) | (Kind::Fwd, true) => "union ",
            (Kind::Enum | Kind::Enum64, _) => "enum ",
            _ => "struct ",
        });
        self.called(header, |of| {
            let name = of.name_of(header, Space::Tag)?;
            of.out.extend_from_slice(&name);
            Ok(())
        })
    }

    /// An enum with its names.
    pub(super) fn enumeration(&mut self, header: &Header, level: usize) -> Result<(), BtfError> {
        match header.name {
            StrOffset(0) => self.push("enum"),
            _ => self.tag(header)?,
        }
        self.push(" {");
        let again = self.has(header.id, state::DEFINED) && header.name == StrOffset(0);
        self.set(header.id, state::DEFINED);
        let mut name = Vec::new();
        let mut fits = true;
        for index in 0..header.vlen {
            self.tick(header.id)?;
            let entry = self.types.enumerator(header, index)?;
            identifier(self.types, entry.name, &mut name)?;
            let version = match again {
                true => self.names.another(Space::Plain, &name),
                false => self.names.next(Space::Plain, &name),
            };
            suffix(&mut name, version);
            self.line(level + 1);
            self.out.extend_from_slice(&name);
            self.push(" = ");
            let value = entry.value;
            match header.flag {
                // The least number is written as what is less than the one above it.
                true if value as i64 == i64::MIN => self.push("-9223372036854775807LL - 1"),
                true => signed(value as i64, &mut self.out),
                false => decimal(value, &mut self.out),
            }
            if header.kind == Kind::Enum64 && !(header.flag && value as i64 == i64::MIN) {
                self.push(if header.flag { "LL" } else { "ULL" });
            }
            self.push(",");
            fits &= match header.flag {
                true => i32::try_from(value as i64).is_ok(),
                false => u32::try_from(value).is_ok(),
            };
        }
        self.line(level);
        self.push("}");
        self.push(match header.size() {
            1 => " __attribute__((mode(byte)))",
            2 => " __attribute__((mode(HI)))",
            8 if fits => " __attribute__((mode(word)))",
            _ => "",
        });
        Ok(())
    }
}

/// An enum without names was declared only. It and forward declarations may stand beside a type that is
/// so called.
fn is_declared_only(header: &Header) -> bool {
    header.kind == Kind::Fwd || header.kind.is_enum() && header.vlen == 0
}

fn suffix(name: &mut Vec<u8>, version: u32) {
    if version > 1 {
        name.extend_from_slice(b"___");
        decimal(version.into(), name);
    }
}
