//! Walking a local spec through a candidate of the target.

use super::compat::Pair;
use super::spec::{Accessor, MAX_ACCESS, Spec, is_flexible};
use super::{RelocateError, compat};
use crate::btf::{CoreRelo, Kind, RelocationKind, StrOffset, TypeId, Types};

/// How deep anonymous structs are searched.
const MAX_ANONYMOUS: u32 = 32;

/// The types of a kernel, and where those of a name are.
pub trait Target: Types {
    /// Every type whose essential name this is, of whatever kind, in the order of their numbers.
    fn candidates(&self, essential: &str) -> &[TypeId];

    /// The module that a type is of; `None`: the kernel proper.
    #[cfg(feature = "full")]
    fn module(&self, _: TypeId) -> Option<&str> {
        None
    }

    /// The name at `offset`, also where it is none that was looked for.
    fn text(&self, offset: StrOffset) -> Option<String> {
        self.name(offset).map(Into::into)
    }
}

/// The spec in the target that corresponds to `local`, if type `candidate` has it.
pub(super) fn find(
    pair: &mut Pair<'_>,
    relo: &CoreRelo,
    local: &Spec,
    candidate: TypeId,
) -> Result<Option<Spec>, RelocateError> {
    let root = pair.local.header(relo.type_id)?;
    if !compat::same_kind(&root, &pair.target.header(candidate)?) {
        return Ok(None);
    }
    let mut spec = Spec::new(candidate);
    let found = if relo.kind.is_field() {
        field(pair, local, &mut spec)?
    } else if relo.kind.is_enumval() {
        enumerator(pair, local, &mut spec)?
    } else {
        spec.raw.push(0);
        match relo.kind {
            RelocationKind::TypeMatches => pair.matches(relo.type_id, candidate)?,
            _ => pair.types(relo.type_id, candidate)?,
        }
    };
    Ok(found.then_some(spec))
}

fn enumerator(pair: &mut Pair<'_>, local: &Spec, spec: &mut Spec) -> Result<bool, RelocateError> {
    let of = pair.target.peel(spec.root)?;
    let name = local.accessors.first().and_then(|a| a.name);
    let Some(name) = name.filter(|_| of.kind.is_enum()) else {
        return Ok(false);
    };
    for index in 0..of.vlen {
        pair.step()?;
        let target = pair.target.enumerator(&of, index)?.name;
        if pair.same_essential(name, target) {
            spec.raw.push(index);
            spec.accessors.push(Accessor {
                ty: of.id,
                index,
                name: Some(target),
            });
            return Ok(true);
        }
    }
    Ok(false)
}

fn field(pair: &mut Pair<'_>, local: &Spec, spec: &mut Spec) -> Result<bool, RelocateError> {
    let mut at = spec.root;
    for (position, accessor) in local.accessors.iter().enumerate() {
        let of = pair.target.peel(at)?;
        if accessor.name.is_some() {
            match member(pair, accessor, of.id, spec, MAX_ANONYMOUS)? {
                Some(next) => at = next,
                None => return Ok(false),
            }
            continue;
        }
        let mut ty = of.id;
        if position > 0 {
            if of.kind != Kind::Array {
                return Ok(false);
            }
            let array = pair.target.array(&of)?;
            let inside = accessor.index < array.len;
            if !inside && !is_flexible(pair.target, spec.accessors.last(), array.len)? {
                return Ok(false);
            }
            ty = pair.target.peel(array.element)?.id;
        }
        let step = Accessor {
            ty,
            index: accessor.index,
            name: None,
        };
        let size = match accessor.index {
            0 => 0,
            _ => pair.target.size_of(ty)?,
        };
        go(pair, spec, accessor.index)?;
        spec.accessors.push(step);
        if spec.advance(accessor.index, size).is_none() {
            return Ok(false);
        }
        at = ty;
    }
    Ok(true)
}

/// Finds the member of target type `composite` that corresponds to `accessor`, adds it to `spec`,
/// and returns its type. The first member of that name decides, compatible or not.
fn member(
    pair: &mut Pair<'_>,
    accessor: &Accessor,
    composite: TypeId,
    spec: &mut Spec,
    depth: u32,
) -> Result<Option<TypeId>, RelocateError> {
    let of = pair.target.peel(composite)?;
    let Some(depth) = depth.checked_sub(1).filter(|_| of.kind.is_composite()) else {
        return Ok(None);
    };
    let wanted = local_member(pair, accessor)?;
    let wanted_name = pair.local.str_at(wanted.0).unwrap_or_default();
    for index in 0..of.vlen {
        pair.step()?;
        let member = pair.target.member(&of, index)?;
        let name = pair.target.name(member.name);
        let anonymous = name == Some("");
        if !anonymous && name != Some(wanted_name) {
            continue;
        }
        let (bits, raw) = (spec.bit_offset, spec.raw.len());
        let offset = spec.bit_offset.checked_add(member.offset.0);
        let Some(offset) = offset else {
            return Ok(None);
        };
        go(pair, spec, index)?;
        spec.bit_offset = offset;
        if anonymous {
            let inside = self::member(pair, accessor, member.ty, spec, depth)?;
            if inside.is_some() {
                return Ok(inside);
            }
            spec.bit_offset = bits;
            spec.raw.truncate(raw);
            continue;
        }
        let step = Accessor {
            ty: of.id,
            index,
            name: Some(member.name),
        };
        if !pair.fields(wanted.1, member.ty)? {
            return Ok(None);
        }
        spec.accessors.push(step);
        return Ok(Some(member.ty));
    }
    Ok(None)
}

/// Adds a number to the path, which has room for 64.
fn go(pair: &Pair<'_>, spec: &mut Spec, index: u32) -> Result<(), RelocateError> {
    if spec.raw.len() == MAX_ACCESS {
        return Err(pair.too_deep());
    }
    spec.raw.push(index);
    Ok(())
}

fn local_member(
    pair: &Pair<'_>,
    accessor: &Accessor,
) -> Result<(StrOffset, TypeId), RelocateError> {
    let of = pair.local.peel(accessor.ty)?;
    let member = pair.local.member(&of, accessor.index)?;
    Ok((member.name, member.ty))
}
