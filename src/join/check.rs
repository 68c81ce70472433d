//! Whether what one object declares is what another defines.

use super::symbols::Symbols;
use super::{Input, JoinError};
use crate::btf::{Btf, Header, Kind, Linkage, TypeId, Types};

/// Compares each extern that is defined elsewhere with its definition: function or variable, size of
/// the variable or definition of the map, number of parameters.
pub(super) fn externs(inputs: &[Input<'_>], symbols: &Symbols<'_>) -> Result<(), Box<JoinError>> {
    for input in inputs {
        let Some(btf) = &input.btf else {
            continue;
        };
        for id in btf.ids() {
            let Ok(header) = btf.header(id) else {
                continue;
            };
            let declared = matches!(header.kind, Kind::Func | Kind::Var);
            if !declared || btf.linkage(&header) != Ok(Linkage::Extern) {
                continue;
            }
            let name = btf.str_at(header.name).unwrap_or_default();
            let definer = symbols.definition(name).and_then(|s| inputs.get(s.input));
            let Some(definer) = definer else {
                continue;
            };
            let Some((theirs, defined)) = definer.btf.as_ref().and_then(|b| defined(b, name))
            else {
                continue;
            };
            let (wanted, defined) = (shape(btf, &header), shape(theirs, &defined));
            if wanted != defined {
                return Err(JoinError::Other {
                    name: name.into(),
                    user: input.name.into(),
                    wanted,
                    definer: definer.name.into(),
                    defined,
                }
                .into());
            }
        }
    }
    Ok(())
}

/// The record of what an object defines under a name.
fn defined<'b, 'a>(btf: &'b Btf<'a>, name: &str) -> Option<(&'b Btf<'a>, Header)> {
    let found = btf.ids().filter_map(|id| btf.header(id).ok()).find(|h| {
        matches!(h.kind, Kind::Func | Kind::Var)
            && btf.str_at(h.name) == Some(name)
            && btf
                .linkage(h)
                .is_ok_and(|linkage| linkage != Linkage::Extern)
    })?;
    Some((btf, found))
}

/// What is compared, in words.
fn shape(btf: &Btf<'_>, of: &Header) -> String {
    let target = of.target();
    if of.kind == Kind::Func {
        let count = btf.header(target).map_or(0, |proto| proto.vlen);
        return match count {
            1 => "a function of 1 parameter".into(),
            _ => format!("a function of {count} parameters"),
        };
    }
    if let Some(map) = map_shape(btf, target) {
        return map;
    }
    match btf.size_of(target) {
        Ok(size) => format!("a variable of {size} bytes"),
        Err(_) => "a variable".into(),
    }
}

/// The definition of a map: its fields, each with the number that it stands for.
fn map_shape(btf: &Btf<'_>, ty: TypeId) -> Option<String> {
    let of = btf.peel(ty).ok().filter(|of| of.kind == Kind::Struct)?;
    let mut fields = Vec::new();
    for index in 0..of.vlen {
        let member = btf.member(&of, index).ok()?;
        let pointer = btf.peel(member.ty).ok().filter(|p| p.kind == Kind::Ptr)?;
        let target = btf.peel(pointer.target()).ok()?;
        let number = match btf.array(&target) {
            Ok(array) => array.len,
            Err(_) => btf.size_of(target.id).unwrap_or(0),
        };
        let name = btf.str_at(member.name)?;
        fields.push(format!("{name} {number}"));
    }
    let is_map = fields.iter().any(|field| field.starts_with("type "));
    is_map.then(|| ["a map of ", &fields.join(", ")].concat())
}
