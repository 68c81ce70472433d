//! A spec: one access path through a set of types, as an access string gives it.

use core::fmt::{self, Write};

use super::RelocateError;
use crate::btf::{Btf, BtfError, CoreRelo, Header, Kind, StrOffset, TypeId, Types};

/// The most numbers in an access string.
pub(super) const MAX_ACCESS: usize = 64;

/// One step of a spec: a member by name, or an array element by number.
#[derive(Clone, Copy, Debug)]
pub struct Accessor {
    /// The type that is stepped into: of the struct for a member, of the element for an array.
    pub ty: TypeId,
    /// Number of the member, enumerator or element.
    pub index: u32,
    /// The member's name; `None` for an array element.
    pub name: Option<StrOffset>,
}

/// An access path.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The type that it starts from, typedefs and all.
    pub root: TypeId,
    /// Its steps. The first is the element of the root as an array; for an enumerator, itself.
    pub accessors: Vec<Accessor>,
    /// Every number on the way, through anonymous members too; at most 64.
    pub raw: Vec<u32>,
    /// Where it leads, in bits from the start of the root.
    pub bit_offset: u32,
}

impl Spec {
    pub(super) fn new(root: TypeId) -> Spec {
        Spec {
            root,
            accessors: Vec::new(),
            raw: Vec::new(),
            bit_offset: 0,
        }
    }

    /// Adds bytes × count to the offset. `None`: it overflows.
    pub(super) fn advance(&mut self, count: u32, bytes: u32) -> Option<()> {
        let bits = bytes.checked_mul(8)?.checked_mul(count)?;
        self.bit_offset = self.bit_offset.checked_add(bits)?;
        Some(())
    }

    /// The path through the object's own types that a relocation describes.
    ///
    /// # Errors
    /// An access string that can't be read or does not fit its type.
    pub fn local(btf: &Btf<'_>, relo: &CoreRelo) -> Result<Spec, RelocateError> {
        let access = btf.str_at(relo.access).unwrap_or_default();
        let numbers = parse_access(access)?;
        let mut spec = Spec::new(relo.type_id);
        let fits = match numbers.split_first() {
            None => None,
            Some((&0, [])) if !relo.kind.is_field() && !relo.kind.is_enumval() => {
                btf.header(relo.type_id)?;
                spec.raw.push(0);
                Some(())
            }
            Some((&first, [])) if relo.kind.is_enumval() => spec.enumerator(btf, first)?,
            Some((&first, rest)) if relo.kind.is_field() => spec.field(btf, first, rest)?,
            _ => None,
        };
        fits.ok_or_else(|| RelocateError::Mismatch {
            access: access.into(),
            root: type_name(btf, relo.type_id),
        })?;
        Ok(spec)
    }

    fn enumerator(&mut self, btf: &Btf<'_>, index: u32) -> Result<Option<()>, RelocateError> {
        let of = btf.peel(self.root)?;
        if !of.kind.is_enum() || index >= of.vlen {
            return Ok(None);
        }
        let name = Some(btf.enumerator(&of, index)?.name);
        let ty = of.id;
        self.accessors.push(Accessor { ty, index, name });
        self.raw.push(index);
        Ok(Some(()))
    }

    fn field(
        &mut self,
        btf: &Btf<'_>,
        first: u32,
        rest: &[u32],
    ) -> Result<Option<()>, RelocateError> {
        let mut of = btf.peel(self.root)?;
        self.raw.push(first);
        self.accessors.push(Accessor {
            ty: of.id,
            index: first,
            name: None,
        });
        // Only an access beyond the first element needs the size, which a forward declaration
        // or void does not have.
        let size = if first == 0 { 0 } else { btf.size_of(of.id)? };
        if self.advance(first, size).is_none() {
            return Ok(None);
        }
        for &index in rest {
            self.raw.push(index);
            match of.kind {
                Kind::Struct | Kind::Union if index < of.vlen => {
                    let member = btf.member(&of, index)?;
                    let Some(bits) = self.bit_offset.checked_add(member.offset.0) else {
                        return Ok(None);
                    };
                    self.bit_offset = bits;
                    let name = btf.str_at(member.name);
                    let name = name.ok_or(BtfError::NoSuchName(member.name.0))?;
                    if !name.is_empty() {
                        self.accessors.push(Accessor {
                            ty: of.id,
                            index,
                            name: Some(member.name),
                        });
                    }
                    of = btf.peel(member.ty)?;
                }
                Kind::Array => {
                    let array = btf.array(&of)?;
                    if index >= array.len && !is_flexible(btf, self.accessors.last(), array.len)? {
                        return Ok(None);
                    }
                    of = btf.peel(array.element)?;
                    let ty = of.id;
                    let name = None;
                    self.accessors.push(Accessor { ty, index, name });
                    if self.advance(index, btf.size_of(ty)?).is_none() {
                        return Ok(None);
                    }
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(()))
    }

    /// The path as people read it: `struct task_struct.mm.arg_start (0:12:4 @ offset 1312)`.
    pub fn describe(&self, types: &dyn Types, relo: &CoreRelo) -> String {
        let mut text = String::new();
        let _ = self.write(types, relo, &mut text);
        text
    }

    /// Writes it as people read it: `struct task_struct.mm.arg_start (0:12:4 @ offset 1312)`.
    pub(super) fn write(
        &self,
        types: &dyn Types,
        relo: &CoreRelo,
        out: &mut dyn Write,
    ) -> fmt::Result {
        write_type(types, self.root, out)?;
        if !relo.kind.is_field() && !relo.kind.is_enumval() {
            return Ok(());
        }
        if let (true, Some(value)) = (relo.kind.is_enumval(), self.accessors.first()) {
            let name = value.name.unwrap_or_default();
            return write!(out, "::{}", types.name_or_anon(name));
        }
        if let Some(first) = self.accessors.first().filter(|a| a.index > 0) {
            write!(out, "[{}]", first.index)?;
        }
        for accessor in self.accessors.iter().skip(1) {
            match accessor.name {
                Some(name) => write!(out, ".{}", types.name_or_anon(name))?,
                None => write!(out, "[{}]", accessor.index)?,
            }
        }
        out.write_str(" (")?;
        for (position, number) in self.raw.iter().enumerate() {
            let colon = if position == 0 { "" } else { ":" };
            write!(out, "{colon}{number}")?;
        }
        match self.bit_offset % 8 {
            0 => write!(out, " @ offset {})", self.bit_offset / 8),
            bits => write!(out, " @ offset {}.{bits})", self.bit_offset / 8),
        }
    }
}

/// Whether an array at the end of a spec may be indexed past its length: it has none, and is the
/// last member of its struct.
pub(super) fn is_flexible(
    types: &dyn Types,
    last: Option<&Accessor>,
    len: u32,
) -> Result<bool, RelocateError> {
    match last {
        Some(last) if last.name.is_some() && len == 0 => {
            let of = types.header(last.ty)?;
            Ok(last.index.checked_add(1) == Some(of.vlen))
        }
        _ => Ok(false),
    }
}

fn parse_access(text: &str) -> Result<Vec<u32>, RelocateError> {
    let mut numbers = Vec::new();
    let bad = || RelocateError::Access(text.chars().take(80).collect());
    for part in text.split(':') {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let room = numbers.len() < MAX_ACCESS;
        let number = part.parse().ok().filter(|_| digits && room);
        numbers.push(number.ok_or_else(bad)?);
    }
    Ok(numbers)
}

/// A type as C writes it: `struct task_struct`.
pub fn type_name(types: &dyn Types, id: TypeId) -> String {
    let mut text = String::new();
    let _ = write_type(types, id, &mut text);
    text
}

fn write_type(types: &dyn Types, id: TypeId, out: &mut dyn Write) -> fmt::Result {
    let header = types.header(id).unwrap_or(Header::VOID);
    let prefix = match header.kind {
        Kind::Void => return out.write_str("void"),
        Kind::Struct => "struct ",
        Kind::Union => "union ",
        Kind::Enum | Kind::Enum64 => "enum ",
        Kind::Fwd if header.flag => "union ",
        Kind::Fwd => "struct ",
        Kind::Typedef => "typedef ",
        Kind::Ptr => return out.write_str("a pointer"),
        Kind::Array => return out.write_str("an array"),
        Kind::FuncProto => return out.write_str("a function type"),
        _ => "",
    };
    write!(out, "{prefix}{}", types.name_or_anon(header.name))
}
