//! One type record: its header, and the entries that follow it.

use super::{BitOffset, BtfError, StrOffset, TypeId};

/// The kind of a type record, numbered as in `include/uapi/linux/btf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Kind {
    Void = 0,
    Int = 1,
    Ptr = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Fwd = 7,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    Func = 12,
    FuncProto = 13,
    Var = 14,
    Datasec = 15,
    Float = 16,
    DeclTag = 17,
    TypeTag = 18,
    Enum64 = 19,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 20] = [
            Void, Int, Ptr, Array, Struct, Union, Enum, Fwd, Typedef, Volatile, Const, Restrict,
            Func, FuncProto, Var, Datasec, Float, DeclTag, TypeTag, Enum64,
        ];
        ALL.get(usize::from(number)).copied()
    }

    /// `struct` or `union`.
    pub fn is_composite(self) -> bool {
        matches!(self, Kind::Struct | Kind::Union)
    }

    /// `enum` of either width: one kind where types are compared.
    pub fn is_enum(self) -> bool {
        matches!(self, Kind::Enum | Kind::Enum64)
    }

    /// A typedef, qualifier or type tag: a layer over another type.
    pub fn is_modifier(self) -> bool {
        matches!(
            self,
            Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag
        )
    }
}

/// Bytes that follow the header whatever the count, and bytes per counted entry, by kind number.
const fn tail(kind: u8) -> Option<(usize, usize)> {
    match kind {
        // Int, Var, DeclTag; Array.
        1 | 14 | 17 => Some((4, 0)),
        3 => Some((12, 0)),
        // Struct, Union, Datasec, Enum64; Enum, FuncProto.
        4 | 5 | 15 | 19 => Some((0, 12)),
        6 | 13 => Some((0, 8)),
        2 | 7..=12 | 16 | 18 => Some((0, 0)),
        _ => None,
    }
}

/// Bytes of a record whose header has this `info` word, or `None` for an unknown kind.
pub const fn record_len(info: u32) -> Option<usize> {
    match tail((info >> 24) as u8 & 0x1f) {
        Some((fixed, each)) => Some(Header::LEN + fixed + each * (info & 0xffff) as usize),
        None => None,
    }
}

/// What a 32-bit word of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A count, size, offset or value.
    Plain,
    /// The offset of a name.
    Name,
    /// The number of a type.
    Type,
}

/// What word `index` of a record of this kind is.
pub fn word(kind: Kind, index: usize) -> Word {
    use Kind::*;
    let entry = index.wrapping_sub(Header::LEN / 4);
    match (index, kind) {
        (0, _) => Word::Name,
        (1, _) => Word::Plain,
        (
            2,
            Ptr | Typedef | Volatile | Const | Restrict | Func | FuncProto | Var | DeclTag
            | TypeTag,
        ) => Word::Type,
        (2, _) => Word::Plain,
        (_, Array) if entry < 2 => Word::Type,
        (_, Struct | Union | Enum64) if entry.is_multiple_of(3) => Word::Name,
        (_, Struct | Union) if entry % 3 == 1 => Word::Type,
        (_, Enum | FuncProto) if entry.is_multiple_of(2) => Word::Name,
        (_, FuncProto) => Word::Type,
        (_, Datasec) if entry.is_multiple_of(3) => Word::Type,
        _ => Word::Plain,
    }
}

/// The twelve bytes that every record starts with.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The record's number.
    pub id: TypeId,
    /// Its name, or the empty name.
    pub name: StrOffset,
    /// What it is.
    pub kind: Kind,
    /// How many members, enumerators, parameters or variables follow. For a FUNC, its linkage.
    pub vlen: u32,
    /// The kind's flag: bitfield members (struct), signed (enum), union (forward declaration).
    pub flag: bool,
    /// Size in bytes or the type that it refers to, by kind.
    pub size_or_type: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 12;

    /// `void`, which has no record of its own.
    pub const VOID: Header = Header {
        id: TypeId::VOID,
        name: StrOffset(0),
        kind: Kind::Void,
        vlen: 0,
        flag: false,
        size_or_type: 0,
    };

    /// Reads the header of record `id`.
    pub fn parse(id: TypeId, bytes: [u8; Header::LEN]) -> Result<Header, BtfError> {
        let [name, info, size_or_type] = words(bytes);
        let number = (info >> 24) as u8 & 0x1f;
        let kind = match Kind::from_number(number) {
            Some(Kind::Void) | None => return Err(BtfError::UnknownKind { id, kind: number }),
            Some(kind) => kind,
        };
        Ok(Header {
            id,
            name: StrOffset(name),
            kind,
            vlen: info & 0xffff,
            flag: info >> 31 != 0,
            size_or_type,
        })
    }

    /// The type that a pointer, modifier, FUNC, FUNC_PROTO (its result), VAR or tag refers to.
    pub fn target(&self) -> TypeId {
        TypeId(self.size_or_type)
    }

    /// Size in bytes of an int, float, enum, struct, union or DATASEC.
    pub fn size(&self) -> u32 {
        self.size_or_type
    }

    /// Where entry `index` of a counted kind starts in the record.
    pub(super) fn entry_at(&self, index: u32) -> Result<usize, BtfError> {
        if index >= self.vlen {
            return Err(BtfError::NoSuchEntry { id: self.id, index });
        }
        let each = tail(self.kind as u8).map_or(0, |(_, each)| each);
        Ok(Header::LEN + each * index as usize)
    }
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; empty for an anonymous struct or union.
    pub name: StrOffset,
    /// Its type.
    pub ty: TypeId,
    /// Where it starts, in bits from the start of the struct.
    pub offset: BitOffset,
    /// Its width in bits if it is a bitfield, else 0.
    pub bitfield_size: u32,
}

impl Member {
    pub(super) fn parse(of: &Header, bytes: [u8; 12]) -> Member {
        let [name, ty, offset] = words(bytes);
        // With the flag, the upper eight bits of the offset are the width of a bitfield.
        let (offset, bitfield_size) = match of.flag {
            true => (offset & 0x00ff_ffff, offset >> 24),
            false => (offset, 0),
        };
        Member {
            name: StrOffset(name),
            ty: TypeId(ty),
            offset: BitOffset(offset),
            bitfield_size,
        }
    }
}

/// One name of an enum.
#[derive(Clone, Copy, Debug)]
pub struct Enumerator {
    /// Its name.
    pub name: StrOffset,
    /// Its value, sign-extended to 64 bits where the enum is signed.
    pub value: u64,
}

impl Enumerator {
    pub(super) fn parse32(of: &Header, bytes: [u8; 8]) -> Enumerator {
        let [name, value] = words(bytes);
        let value = match of.flag {
            true => value as i32 as i64 as u64,
            false => u64::from(value),
        };
        Enumerator {
            name: StrOffset(name),
            value,
        }
    }

    pub(super) fn parse64(bytes: [u8; 12]) -> Enumerator {
        let [name, low, high] = words(bytes);
        Enumerator {
            name: StrOffset(name),
            value: u64::from(high) << 32 | u64::from(low),
        }
    }
}

/// The body of an array.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// The type of its elements.
    pub element: TypeId,
    /// The type that indexes it.
    pub index: TypeId,
    /// How many elements; 0 for a flexible array.
    pub len: u32,
}

impl Array {
    pub(super) fn parse(bytes: [u8; 12]) -> Array {
        let [element, index, len] = words(bytes);
        Array {
            element: TypeId(element),
            index: TypeId(index),
            len,
        }
    }
}

/// How the bits of an int are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntEncoding {
    /// Two's complement.
    pub signed: bool,
    /// A character.
    pub char: bool,
    /// A truth value.
    pub bool: bool,
    /// Old compilers' bitfields: first bit in the storage; 0 today.
    pub bit_offset: u32,
    /// Bits in use.
    pub bits: u32,
}

impl IntEncoding {
    pub(super) fn parse(bytes: [u8; 4]) -> IntEncoding {
        let word = u32::from_le_bytes(bytes);
        IntEncoding {
            signed: word >> 24 & 1 != 0,
            char: word >> 24 & 2 != 0,
            bool: word >> 24 & 4 != 0,
            bit_offset: word >> 16 & 0xff,
            bits: word & 0xff,
        }
    }
}

/// A parameter of a FUNC_PROTO.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: StrOffset,
    /// Its type.
    pub ty: TypeId,
}

impl Param {
    pub(super) fn parse(bytes: [u8; 8]) -> Param {
        let [name, ty] = words(bytes);
        Param {
            name: StrOffset(name),
            ty: TypeId(ty),
        }
    }
}

/// One variable of a DATASEC.
#[derive(Clone, Copy, Debug)]
pub struct SecInfo {
    /// The VAR (or, for externs, FUNC).
    pub var: TypeId,
    /// Bytes from the start of the section.
    pub offset: u32,
    /// Bytes of the variable.
    pub size: u32,
}

impl SecInfo {
    pub(super) fn parse(bytes: [u8; 12]) -> SecInfo {
        let [var, offset, size] = words(bytes);
        SecInfo {
            var: TypeId(var),
            offset,
            size,
        }
    }
}

/// How a VAR or FUNC is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Inside its object.
    Static,
    /// Defined here, for all.
    Global,
    /// Defined elsewhere.
    Extern,
}

impl Linkage {
    /// From the number in the record.
    pub fn from_number(number: u32) -> Option<Linkage> {
        match number {
            0 => Some(Linkage::Static),
            1 => Some(Linkage::Global),
            2 => Some(Linkage::Extern),
            _ => None,
        }
    }
}

fn words<const BYTES: usize, const WORDS: usize>(bytes: [u8; BYTES]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    }
    words
}
