//! What a spec says about the question of a relocation.

use super::RelocateError;
use super::spec::Spec;
use crate::btf::{BtfError, CoreRelo, Kind, MAX_CHAIN, RelocationKind, TypeId, Types};

/// A number for an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The number.
    pub number: u64,
    /// For the offset of a field that is no bitfield: how many bytes a load of it takes (of an
    /// array: of one element) and its type, by which the width of a load follows.
    pub field: Option<(u32, TypeId)>,
    /// Whether the instruction must hold this number before it is patched. Compilers and loaders
    /// may differ on bitfields, and type numbers move when objects are linked.
    pub checked: bool,
}

/// The answer to a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A number.
    Value(Value),
    /// There is none: the instruction must not be reached.
    Poison,
}

impl Value {
    fn plain(number: u64) -> Answer {
        Answer::Value(Value {
            number,
            field: None,
            checked: true,
        })
    }

    fn unchecked(number: u64) -> Answer {
        Answer::Value(Value {
            number,
            field: None,
            checked: false,
        })
    }
}

/// The answer where nothing in the target matches.
pub(super) fn without_match(relo: &CoreRelo) -> Answer {
    use RelocationKind::*;
    match relo.kind {
        FieldExists | EnumvalExists | TypeExists | TypeMatches | TypeSize => Value::plain(0),
        TypeIdTarget | TypeIdLocal => Value::unchecked(0),
        FieldByteOffset | FieldByteSize | FieldSigned | FieldLshiftU64 | FieldRshiftU64
        | EnumvalValue => Answer::Poison,
    }
}

/// The answer that `spec`, a path through `types`, gives.
pub(super) fn of(types: &dyn Types, relo: &CoreRelo, spec: &Spec) -> Result<Answer, RelocateError> {
    use RelocationKind::*;
    Ok(match relo.kind {
        FieldExists | EnumvalExists | TypeExists | TypeMatches => Value::plain(1),
        TypeIdTarget | TypeIdLocal => Value::unchecked(u64::from(spec.root.number())),
        TypeSize => Value::plain(u64::from(types.size_of(spec.root)?)),
        EnumvalValue => {
            let step = spec.accessors.first();
            let step = step.ok_or(RelocateError::Misapplied("an enumerator without a name"))?;
            let of = types.header(step.ty)?;
            let value = types.enumerator(&of, step.index)?.value;
            // Before 2022 no compiler marked signed enums: the four bytes always count as signed.
            Value::plain(match of.kind {
                Kind::Enum => value as i32 as u64,
                _ => value,
            })
        }
        FieldByteOffset | FieldByteSize | FieldSigned | FieldLshiftU64 | FieldRshiftU64 => {
            field(types, relo.kind, spec)?
        }
    })
}

/// Where a field lies and how it is read.
struct Place {
    /// First byte of the load.
    byte_offset: u32,
    /// Bytes of the load.
    bytes: u32,
    /// Bits of the field.
    bits: u32,
    bitfield: bool,
}

fn field(types: &dyn Types, kind: RelocationKind, spec: &Spec) -> Result<Answer, RelocateError> {
    const NO_FIELD: RelocateError = RelocateError::Misapplied("a field without a name");
    let last = spec.accessors.last().ok_or(NO_FIELD)?;
    if last.name.is_none() {
        // An array element has an offset and a size, and nothing else.
        return match kind {
            RelocationKind::FieldByteOffset => Ok(Answer::Value(Value {
                number: u64::from(spec.bit_offset / 8),
                field: Some((load_size(types, last.ty)?, last.ty)),
                checked: true,
            })),
            RelocationKind::FieldByteSize => Ok(Value::plain(u64::from(types.size_of(last.ty)?))),
            _ => Err(RelocateError::Misapplied(
                "the bits of an array element, which has none of its own",
            )),
        };
    }
    let of = types.header(last.ty)?;
    let member = types.member(&of, last.index)?;
    let ty = types.peel(member.ty)?;
    let place = place(types, spec, ty.id, member.bitfield_size)?;
    let checked = !place.bitfield;
    let number = match kind {
        RelocationKind::FieldByteOffset => place.byte_offset,
        RelocationKind::FieldByteSize => place.bytes,
        RelocationKind::FieldSigned => {
            let signed = match ty.kind {
                Kind::Int => types.int(&ty)?.signed,
                kind => kind.is_enum() && ty.flag,
            };
            return Ok(Value::plain(u64::from(signed)));
        }
        // Shifts of a plain field wider than eight bytes mean nothing; compilers and loaders wrap.
        RelocationKind::FieldLshiftU64 => {
            let first = spec.bit_offset - place.byte_offset * 8;
            64u32.wrapping_sub(first.wrapping_add(place.bits))
        }
        _ => return Ok(Value::plain(u64::from(64u32.wrapping_sub(place.bits)))),
    };
    let field = match kind == RelocationKind::FieldByteOffset && !place.bitfield {
        true => Some((load_size(types, ty.id)?, ty.id)),
        false => None,
    };
    Ok(Answer::Value(Value {
        number: u64::from(number),
        field,
        checked,
    }))
}

/// Bytes of a load of this type: for an array, of one element, however many dimensions it has.
fn load_size(types: &dyn Types, id: TypeId) -> Result<u32, RelocateError> {
    let mut of = types.peel(id)?;
    for _ in 0..MAX_CHAIN {
        if of.kind != Kind::Array {
            return Ok(types.size_of(of.id)?);
        }
        of = types.peel(types.array(&of)?.element)?;
    }
    Err(BtfError::Cycle(id).into())
}

/// The smallest aligned load that covers a bitfield; a plain field's own bytes.
fn place(
    types: &dyn Types,
    spec: &Spec,
    ty: TypeId,
    bitfield_size: u32,
) -> Result<Place, RelocateError> {
    let mut bytes = types.size_of(ty)?;
    if bitfield_size == 0 {
        return Ok(Place {
            byte_offset: spec.bit_offset / 8,
            bytes,
            bits: bytes.wrapping_mul(8),
            bitfield: false,
        });
    }
    let end = spec.bit_offset.checked_add(bitfield_size);
    let end = end.ok_or(RelocateError::Bitfield)?;
    loop {
        if bytes == 0 || bytes > 8 {
            return Err(RelocateError::Bitfield);
        }
        let byte_offset = spec.bit_offset / 8 / bytes * bytes;
        if end - byte_offset * 8 <= bytes * 8 {
            return Ok(Place {
                byte_offset,
                bytes,
                bits: bitfield_size,
                bitfield: true,
            });
        }
        bytes *= 2;
    }
}
