//! What every source of types can do, whether it is memory or a window on a file.

use super::{
    Array, BtfError, Enumerator, Header, IntEncoding, Kind, Linkage, Member, Param, SecInfo,
    StrOffset, TypeId,
};

/// The longest chain of modifiers, typedefs or array levels that is followed before it counts as a
/// cycle. The kernel's own bound (`MAX_RESOLVE_DEPTH`) is 32.
pub const MAX_CHAIN: usize = 64;

/// A set of types: records by number, names by offset.
///
/// Two methods are the source's own; the rest is built on them, and checks every number it is given.
pub trait Types {
    /// Copies `out.len()` bytes of record `id`, from byte `at` of the record on.
    ///
    /// # Errors
    /// The record does not exist, ends before `at + out.len()`, or could not be read.
    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError>;

    /// The same as a trait object: what is built on the two methods exists once, and not for each
    /// kind of source.
    fn as_dyn(&self) -> &dyn Types;

    /// The name at `offset`. A window on a file knows only the names that it was asked to look for:
    /// `None` there means "none of those", in memory it means "not a name".
    fn name(&self, offset: StrOffset) -> Option<&str>;

    /// The header of record `id`; `void` for 0.
    fn header(&self, id: TypeId) -> Result<Header, BtfError> {
        header(self.as_dyn(), id)
    }

    /// Member `index` of a struct or union.
    fn member(&self, of: &Header, index: u32) -> Result<Member, BtfError> {
        member(self.as_dyn(), of, index)
    }

    /// Enumerator `index` of an enum of either width.
    fn enumerator(&self, of: &Header, index: u32) -> Result<Enumerator, BtfError> {
        enumerator(self.as_dyn(), of, index)
    }

    /// Parameter `index` of a FUNC_PROTO.
    fn param(&self, of: &Header, index: u32) -> Result<Param, BtfError> {
        param(self.as_dyn(), of, index)
    }

    /// Variable `index` of a DATASEC.
    fn secinfo(&self, of: &Header, index: u32) -> Result<SecInfo, BtfError> {
        secinfo(self.as_dyn(), of, index)
    }

    /// The body of an array.
    fn array(&self, of: &Header) -> Result<Array, BtfError> {
        array(self.as_dyn(), of)
    }

    /// The encoding of an int.
    fn int(&self, of: &Header) -> Result<IntEncoding, BtfError> {
        int(self.as_dyn(), of)
    }

    /// The linkage of a VAR or FUNC.
    fn linkage(&self, of: &Header) -> Result<Linkage, BtfError> {
        linkage(self.as_dyn(), of)
    }

    /// The first type under typedefs, qualifiers and type tags.
    fn peel(&self, id: TypeId) -> Result<Header, BtfError> {
        peel(self.as_dyn(), id)
    }

    /// The size of a type in bytes: a pointer's is 8 on every kernel that is read here.
    ///
    /// # Errors
    /// `void`, functions and forward declarations have none.
    fn size_of(&self, id: TypeId) -> Result<u32, BtfError> {
        size_of(self.as_dyn(), id)
    }
}

fn header(types: &dyn Types, id: TypeId) -> Result<Header, BtfError> {
    if id == TypeId::VOID {
        return Ok(Header::VOID);
    }
    Header::parse(id, bytes(types, id, 0)?)
}

fn member(types: &dyn Types, of: &Header, index: u32) -> Result<Member, BtfError> {
    if !of.kind.is_composite() {
        return Err(BtfError::NoSuchEntry { id: of.id, index });
    }
    Ok(Member::parse(of, bytes(types, of.id, of.entry_at(index)?)?))
}

fn enumerator(types: &dyn Types, of: &Header, index: u32) -> Result<Enumerator, BtfError> {
    let at = of.entry_at(index)?;
    match of.kind {
        Kind::Enum => Ok(Enumerator::parse32(of, bytes(types, of.id, at)?)),
        Kind::Enum64 => Ok(Enumerator::parse64(bytes(types, of.id, at)?)),
        _ => Err(BtfError::NoSuchEntry { id: of.id, index }),
    }
}

fn param(types: &dyn Types, of: &Header, index: u32) -> Result<Param, BtfError> {
    if of.kind != Kind::FuncProto {
        return Err(BtfError::NoSuchEntry { id: of.id, index });
    }
    Ok(Param::parse(bytes(types, of.id, of.entry_at(index)?)?))
}

fn secinfo(types: &dyn Types, of: &Header, index: u32) -> Result<SecInfo, BtfError> {
    if of.kind != Kind::Datasec {
        return Err(BtfError::NoSuchEntry { id: of.id, index });
    }
    Ok(SecInfo::parse(bytes(types, of.id, of.entry_at(index)?)?))
}

fn array(types: &dyn Types, of: &Header) -> Result<Array, BtfError> {
    match of.kind {
        Kind::Array => Ok(Array::parse(bytes(types, of.id, Header::LEN)?)),
        _ => Err(BtfError::NoSuchEntry {
            id: of.id,
            index: 0,
        }),
    }
}

fn int(types: &dyn Types, of: &Header) -> Result<IntEncoding, BtfError> {
    match of.kind {
        Kind::Int => Ok(IntEncoding::parse(bytes(types, of.id, Header::LEN)?)),
        _ => Err(BtfError::NoSuchEntry {
            id: of.id,
            index: 0,
        }),
    }
}

fn linkage(types: &dyn Types, of: &Header) -> Result<Linkage, BtfError> {
    let number = match of.kind {
        Kind::Var => u32::from_le_bytes(bytes(types, of.id, Header::LEN)?),
        _ => of.vlen,
    };
    Linkage::from_number(number).ok_or(BtfError::NoSuchEntry {
        id: of.id,
        index: number,
    })
}

fn peel(types: &dyn Types, id: TypeId) -> Result<Header, BtfError> {
    let mut header = types.header(id)?;
    for _ in 0..MAX_CHAIN {
        if !header.kind.is_modifier() {
            return Ok(header);
        }
        header = types.header(header.target())?;
    }
    Err(BtfError::Cycle(id))
}

fn size_of(types: &dyn Types, id: TypeId) -> Result<u32, BtfError> {
    let mut count = 1u32;
    let mut at = id;
    for _ in 0..MAX_CHAIN {
        let header = types.header(at)?;
        let each = match header.kind {
            Kind::Int
            | Kind::Float
            | Kind::Enum
            | Kind::Enum64
            | Kind::Struct
            | Kind::Union
            | Kind::Datasec => header.size(),
            Kind::Ptr => 8,
            Kind::Array => {
                let array = types.array(&header)?;
                count = count.checked_mul(array.len).ok_or(BtfError::NoSize(id))?;
                at = array.element;
                continue;
            }
            Kind::Var | Kind::DeclTag => {
                at = header.target();
                continue;
            }
            kind if kind.is_modifier() => {
                at = header.target();
                continue;
            }
            _ => return Err(BtfError::NoSize(id)),
        };
        return count.checked_mul(each).ok_or(BtfError::NoSize(id));
    }
    Err(BtfError::Cycle(id))
}

impl dyn Types + '_ {
    /// The name at `offset`, or a stand-in that can be printed.
    pub fn name_or_anon(&self, offset: StrOffset) -> &str {
        match self.name(offset) {
            Some("") | None => "(anon)",
            Some(name) => name,
        }
    }
}

fn bytes<const N: usize>(types: &dyn Types, id: TypeId, at: usize) -> Result<[u8; N], BtfError> {
    let mut out = [0; N];
    types.read(id, at, &mut out)?;
    Ok(out)
}
