//! The types of an event's fields: those of the kernel are copied as far as they say how a value is shown.

use btfly::btf::{BtfError, Encoder, Kind, Record, TypeId};
use btfly::relocate::Target;

/// Names of an enum at most.
const MOST: u32 = 1024;
/// Typedefs of typedefs at most.
const DEEPEST: u32 = 32;

/// A number.
pub fn number(out: &mut Encoder, size: u32, signed: bool) -> TypeId {
    let names = match signed {
        true => ["signed char", "short", "int", "long"],
        false => [
            "unsigned char",
            "unsigned short",
            "unsigned int",
            "unsigned long",
        ],
    };
    let name = names.get(size.max(1).trailing_zeros() as usize);
    out.int(name.unwrap_or(&""), size, signed)
}

/// A number that is shown in hex, or by the symbol that it points to.
pub fn pointer(out: &mut Encoder) -> TypeId {
    out.plain(Kind::Ptr, "", 0)
}

/// Text in so many bytes.
pub fn text(out: &mut Encoder, size: u32) -> TypeId {
    let char = out.int("char", 1, false);
    out.array(char, size)
}

/// Bytes.
pub fn bytes(out: &mut Encoder, size: u32) -> TypeId {
    let byte = number(out, 1, false);
    out.array(byte, size)
}

/// A number of the kernel, with its names.
pub fn copied(
    out: &mut Encoder,
    types: &dyn Target,
    id: TypeId,
    depth: u32,
) -> Result<TypeId, BtfError> {
    let of = types.header(id)?;
    let name = types.text(of.name).unwrap_or_default();
    let (mut rest, each) = match of.kind {
        Kind::Int => {
            let mut encoding = [0; 4];
            types.read(id, btfly::btf::Header::LEN, &mut encoding)?;
            (vec![u32::from_le_bytes(encoding)], 0)
        }
        Kind::Enum => (Vec::new(), 2),
        Kind::Enum64 => (Vec::new(), 3),
        kind if kind.is_modifier() && depth < DEEPEST => {
            let to = copied(out, types, of.target(), depth + 1)?;
            return Ok(match kind {
                Kind::Typedef => out.plain(Kind::Typedef, &name, to.0),
                _ => to,
            });
        }
        _ => return Ok(pointer(out)),
    };
    let names = of.vlen.min(MOST);
    if each > 0 {
        for index in 0..names {
            let one = types.enumerator(&of, index)?;
            let name = types.text(one.name).unwrap_or_default();
            let value = [one.value as u32, (one.value >> 32) as u32];
            rest.push(out.name(&name));
            rest.extend(value.iter().take(each - 1));
        }
    }
    let record = Record {
        kind: of.kind,
        flag: of.flag,
        vlen: if each > 0 { names } else { 0 },
        size_or_type: of.size(),
        rest: &rest,
    };
    Ok(out.add(&name, record))
}
