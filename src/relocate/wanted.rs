//! Every name that a set of relocations can ask a kernel for.

use super::RelocateError;
use super::spec::Spec;
use crate::btf::{Btf, CoreRelo, Kind, RelocationKind, TypeId, Types, essential_name};
use crate::target::Wanted;

/// How many different questions an object may ask: each is answered by going through the members of a
/// struct, which a stranger's object may have made as many. The largest programs have some hundreds.
const MAX_QUESTIONS: usize = 8192;

/// Gathers the names that answering `relos` will compare: root types, members and enumerators on
/// their paths, the names of compatible enums and forward declarations; and for a match, every
/// name in the type.
///
/// # Errors
/// Relocations that do not fit the object's own types.
pub fn wanted<'a, 'r>(
    btf: &Btf<'a>,
    mut relos: impl Iterator<Item = &'r CoreRelo>,
) -> Result<Wanted<'a>, RelocateError> {
    let mut gathered = Gathered::default();
    relos.try_for_each(|relo| gathered.add(btf, relo))?;
    Ok(gathered.wanted)
}

/// Names on their way together.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    pub wanted: Wanted<'a>,
    seen: Vec<(TypeId, u32, bool, bool)>,
}

impl<'a> Gathered<'a> {
    pub fn add(&mut self, btf: &Btf<'a>, relo: &CoreRelo) -> Result<(), RelocateError> {
        if relo.kind == RelocationKind::TypeIdLocal {
            return Ok(());
        }
        let matches = relo.kind == RelocationKind::TypeMatches;
        // The first enumerator and the enum itself have the same path.
        let key = (relo.type_id, relo.access.0, matches, relo.kind.is_enumval());
        if self.seen.contains(&key) {
            return Ok(());
        }
        if self.seen.len() == MAX_QUESTIONS {
            return Err(RelocateError::TooMany(MAX_QUESTIONS));
        }
        self.seen.push(key);
        let wanted = &mut self.wanted;
        let root = btf.header(relo.type_id)?;
        let name = essential_name(btf.str_at(root.name).unwrap_or_default());
        if !name.is_empty() {
            wanted.root(name, root.kind);
        }
        for accessor in &Spec::local(btf, relo)?.accessors {
            let Some(name) = accessor.name.and_then(|name| btf.str_at(name)) else {
                continue;
            };
            if relo.kind.is_enumval() {
                wanted.name(essential_name(name));
                continue;
            }
            wanted.name(name);
            let of = btf.peel(accessor.ty)?;
            let leaf = innermost(btf, btf.member(&of, accessor.index)?.ty)?;
            wanted.name(essential_name(leaf));
        }
        if matches {
            closure(btf, relo.type_id, wanted)?;
        }
        Ok(())
    }
}

/// The name of the type under modifiers and array levels.
fn innermost<'a>(btf: &Btf<'a>, id: TypeId) -> Result<&'a str, RelocateError> {
    let mut of = btf.peel(id)?;
    for _ in 0..crate::btf::MAX_CHAIN {
        match of.kind {
            Kind::Array => of = btf.peel(btf.array(&of)?.element)?,
            Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                return Ok(btf.str_at(of.name).unwrap_or_default());
            }
            _ => return Ok(""),
        }
    }
    Ok("")
}

/// Whether a pointer was crossed on the way to a type: of a struct behind one, a match compares the
/// name alone.
#[derive(Clone, Copy)]
enum Reach {
    Held = 1,
    Pointed = 2,
}

fn closure<'a>(btf: &Btf<'a>, root: TypeId, wanted: &mut Wanted<'a>) -> Result<(), RelocateError> {
    let mut todo = vec![(root, Reach::Held)];
    // By type: in which ways it was reached.
    let mut seen = vec![0u8; btf.len() as usize + 1];
    while let Some((id, reach)) = todo.pop() {
        let of = btf.header(id)?;
        let Some(seen) = seen
            .get_mut(id.0 as usize)
            .filter(|s| **s & reach as u8 == 0)
        else {
            continue;
        };
        *seen |= reach as u8;
        wanted.name(essential_name(btf.str_at(of.name).unwrap_or_default()));
        match (of.kind, reach) {
            (Kind::Struct | Kind::Union, Reach::Pointed) => {}
            (Kind::Struct | Kind::Union, Reach::Held) => {
                for index in 0..of.vlen {
                    let member = btf.member(&of, index)?;
                    wanted.name(essential_name(btf.str_at(member.name).unwrap_or_default()));
                    todo.push((member.ty, Reach::Held));
                }
            }
            (Kind::Enum | Kind::Enum64, _) => {
                for index in 0..of.vlen {
                    let name = btf.enumerator(&of, index)?.name;
                    wanted.name(essential_name(btf.str_at(name).unwrap_or_default()));
                }
            }
            (Kind::FuncProto, _) => {
                for index in 0..of.vlen {
                    todo.push((btf.param(&of, index)?.ty, reach));
                }
                todo.push((of.target(), reach));
            }
            (Kind::Array, _) => todo.push((btf.array(&of)?.element, reach)),
            (Kind::Ptr, _) => todo.push((of.target(), Reach::Pointed)),
            (kind, _) if kind.is_modifier() => todo.push((of.target(), reach)),
            _ => {}
        }
    }
    Ok(())
}
