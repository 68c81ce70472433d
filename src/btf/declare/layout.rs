//! Where the fields of a declared struct lie.

use crate::btf::{Btf, Encoder, Kind, Record, TypeId, Types};

/// The largest struct, in bytes: more than any record of a ring that a program fills from its stack or a map.
const MAX_SIZE: u64 = 1 << 20;
/// How far into an object's own types is looked for what sets their alignment.
const MAX_VISITS: u32 = 4096;
const MAX_NESTED: u32 = 16;

/// A type that fields can be of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ty {
    pub id: TypeId,
    /// In bytes; `None` where only a pointer to it can be.
    pub size: Option<u32>,
    /// In bytes.
    pub align: u32,
}

impl Ty {
    pub const UNKNOWN: Ty = Ty {
        id: TypeId::VOID,
        size: None,
        align: 1,
    };

    pub fn new(id: TypeId, size: u32, align: u32) -> Ty {
        Ty {
            id,
            size: Some(size),
            align,
        }
    }
}

/// A field as it was written.
pub(super) struct Field<'t> {
    pub name: &'t str,
    pub ty: Ty,
    pub bits: Option<u32>,
}

/// Writes a struct or union.
pub(super) fn lay_out(
    out: &mut Encoder,
    kind: Kind,
    name: &str,
    packed: bool,
    fields: &[Field<'_>],
) -> Result<Ty, String> {
    let flag = fields.iter().any(|field| field.bits.is_some());
    let (mut rest, mut align) = (Vec::with_capacity(fields.len() * 3), 1);
    // In bits.
    let (mut next, mut end) = (0u64, 0u64);
    for field in fields {
        let Some(size) = field.ty.size else {
            return Err(format!("the type of {} is not described", field.name));
        };
        let size = u64::from(size) * 8;
        let own = match packed {
            true => 1,
            false => field.ty.align.max(1),
        };
        align = align.max(own);
        let at = match field.bits {
            None => next.next_multiple_of(u64::from(own) * 8),
            Some(width) if u64::from(width) > size => {
                return Err(format!("{} has more bits than its type", field.name));
            }
            Some(0) => {
                next = next.next_multiple_of(size.max(8));
                continue;
            }
            // A bitfield does not cross the borders of its type.
            Some(width) if !packed && next % size + u64::from(width) > size => {
                next.next_multiple_of(size)
            }
            Some(_) => next,
        };
        let width = field.bits.map_or(size, u64::from);
        end = end.max(at + width);
        if end > MAX_SIZE * 8 {
            return Err(format!("{} lies beyond {MAX_SIZE} bytes", field.name));
        }
        if kind == Kind::Struct {
            next = at + width;
        }
        // As a compiler has it: bits without a name are no field.
        if field.bits.is_some() && field.name.is_empty() {
            continue;
        }
        let bits = field.bits.unwrap_or(0) << 24;
        rest.extend([out.name(field.name), field.ty.id.0, at as u32 | bits]);
    }
    let size = end.div_ceil(8).next_multiple_of(u64::from(align)) as u32;
    let record = Record {
        kind,
        flag,
        vlen: rest.len() as u32 / 3,
        size_or_type: size,
        rest: &rest,
    };
    Ok(Ty::new(out.add(name, record), size, align))
}

/// A type of the object with its alignment, which BTF does not tell: that of the widest number in it, unless
/// something lies where that number could not.
pub(super) fn align_of(btf: &Btf<'_>, id: TypeId) -> Option<Ty> {
    let size = btf.size_of(id).ok()?;
    let mut visits = 0;
    let align = widest(btf, id, 0, &mut visits)?;
    let align = if size % align == 0 { align } else { 1 };
    Some(Ty::new(id, size, align))
}

fn widest(btf: &Btf<'_>, id: TypeId, depth: u32, visits: &mut u32) -> Option<u32> {
    *visits += 1;
    if depth > MAX_NESTED || *visits > MAX_VISITS {
        return None;
    }
    let of = btf.peel(id).ok()?;
    match of.kind {
        Kind::Ptr => Some(8),
        Kind::Int | Kind::Float | Kind::Enum | Kind::Enum64 => {
            Some(of.size()).filter(|size| size.is_power_of_two() && *size <= 16)
        }
        Kind::Array => widest(btf, btf.array(&of).ok()?.element, depth + 1, visits),
        Kind::Struct | Kind::Union => {
            let mut align = 1;
            for index in 0..of.vlen {
                let member = btf.member(&of, index).ok()?;
                let own = widest(btf, member.ty, depth + 1, visits)?;
                let lies = member.bitfield_size > 0 || member.offset.0 % (own * 8) == 0;
                if !lies {
                    return Some(1);
                }
                align = align.max(own);
            }
            Some(align)
        }
        _ => None,
    }
}
