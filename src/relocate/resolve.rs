//! From a relocation to its one answer, over all candidates.

use core::fmt::Write;

use super::compat::Pair;
use super::matching::{self, Target};
use super::spec::{Spec, type_name};
use super::value::{self, Answer, Value};
use super::{RelocateError, compat};
use crate::btf::{Btf, CoreRelo, Kind, RelocationKind, TypeId, Types, essential_name};

/// How many candidates a [`Resolution`] tells of.
const MAX_REMEMBERED: usize = 16;

/// A type of the target that was tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its number in the target.
    pub id: TypeId,
    /// The path through it, if it matches.
    pub spec: Option<Spec>,
}

/// A relocation answered.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The path through the object's own types.
    pub local: Spec,
    /// The answer of the object's own types: what the instruction holds now. A poison here
    /// can't be: the object has what it names.
    pub compiled: Value,
    /// The answer of the target.
    pub answer: Answer,
    /// Whether a load may be made as wide as the target's field, where the widths differ: unsigned
    /// integers and pointers may; a load of anything else is poisoned instead.
    pub resizable: bool,
    /// The types that were tried, in order; of very many, the first and one that matches.
    pub candidates: Vec<Candidate>,
}

/// Answers the relocations of one object, one after another.
///
/// Candidates that did not match are out for later relocations of the same root type, as long as
/// one did: kernels have unlike structs of one name, and a program means the same one throughout.
pub struct Resolver<'r> {
    local: &'r Btf<'r>,
    target: &'r dyn Target,
    /// The candidates that are left, by root type; one that is not here has lost none.
    left: Vec<(TypeId, Vec<TypeId>)>,
}

impl<'r> Resolver<'r> {
    /// A resolver that has seen no relocation yet.
    pub fn new(local: &'r Btf<'r>, target: &'r dyn Target) -> Resolver<'r> {
        Resolver {
            local,
            target,
            left: Vec::new(),
        }
    }

    /// Answers the next relocation.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn resolve(&mut self, relo: &CoreRelo) -> Result<Resolution, RelocateError> {
        let known = self.left.iter().find(|(root, _)| *root == relo.type_id);
        let (resolution, matched) =
            among(self.local, self.target, relo, known.map(|(_, ids)| &**ids))?;
        if let Some(matched) = matched {
            self.left.retain(|(root, _)| *root != relo.type_id);
            self.left.push((relo.type_id, matched));
        }
        Ok(resolution)
    }
}

/// Answers one relocation by itself.
///
/// # Errors
/// A damaged relocation, types that can't be read, or candidates that disagree. A target that has
/// no such field is not an error: the answer is then 0 or a poison.
pub fn resolve(
    local: &Btf<'_>,
    target: &dyn Target,
    relo: &CoreRelo,
) -> Result<Resolution, RelocateError> {
    among(local, target, relo, None).map(|(resolution, _)| resolution)
}

/// Answers a relocation by the candidates `left`, or all of its name. If some match and others do
/// not, those that do are returned too.
fn among(
    local: &Btf<'_>,
    target: &dyn Target,
    relo: &CoreRelo,
    left: Option<&[TypeId]>,
) -> Result<(Resolution, Option<Vec<TypeId>>), RelocateError> {
    let spec = Spec::local(local, relo)?;
    let compiled = match value::of(local, relo, &spec)? {
        Answer::Value(value) => value,
        Answer::Poison => return Err(RelocateError::Misapplied("nothing")),
    };
    let mut resolution = Resolution {
        local: spec,
        compiled,
        answer: Answer::Value(compiled),
        resizable: true,
        candidates: Vec::new(),
    };
    if relo.kind == RelocationKind::TypeIdLocal {
        return Ok((resolution, None));
    }
    let root = local.header(relo.type_id)?;
    let name = essential_name(local.str_at(root.name).unwrap_or_default());
    if name.is_empty() {
        return Err(RelocateError::Misapplied(
            "a type without a name, which can't be looked for",
        ));
    }
    let ids = left.unwrap_or_else(|| target.candidates(name));
    let mut found: Option<(Answer, u32)> = None;
    let mut matched = Vec::new();
    let mut tried = 0usize;
    for &id in ids {
        if !compat::same_kind(&root, &target.header(id)?) {
            continue;
        }
        let mut pair = Pair::new(local, target, relo.type_id);
        let spec = matching::find(&mut pair, relo, &resolution.local, id)?;
        tried += 1;
        let first = spec.is_some() && matched.is_empty();
        if let Some(spec) = &spec {
            matched.push(id);
            let answer = value::of(target, relo, spec)?;
            let bits = spec.bit_offset;
            match found {
                None => found = Some((answer, bits)),
                Some((first, at)) if !agree(first, answer) || at != bits => {
                    return Err(ambiguous(target, &resolution, id));
                }
                Some(_) => {}
            }
        }
        // Of hundreds of equal candidates (BTF that was never deduplicated) some are remembered.
        if resolution.candidates.len() < MAX_REMEMBERED || first {
            resolution.candidates.push(Candidate { id, spec });
        }
    }
    resolution.answer = found.map_or_else(|| value::without_match(relo), |(answer, _)| answer);
    if let Answer::Value(value) = resolution.answer {
        resolution.resizable = resizable(local, target, &resolution.compiled, &value)?;
    }
    let fewer = !matched.is_empty() && matched.len() < tried;
    Ok((resolution, fewer.then_some(matched)))
}

/// Whether two candidates lead to the same instruction. The type behind a field may differ.
fn agree(a: Answer, b: Answer) -> bool {
    match (a, b) {
        (Answer::Value(a), Answer::Value(b)) => a.number == b.number,
        (a, b) => a == b,
    }
}

fn resizable(
    local: &Btf<'_>,
    target: &dyn Types,
    old: &Value,
    new: &Value,
) -> Result<bool, RelocateError> {
    let (Some((old_size, old_type)), Some((new_size, new_type))) = (old.field, new.field) else {
        // A plain load can't take the place of a bitfield's, nor the other way round.
        return Ok(old.field.is_none() && new.field.is_none());
    };
    if old_size == new_size {
        return Ok(true);
    }
    let (l, t) = (local.peel(old_type)?, target.peel(new_type)?);
    Ok(match (l.kind, t.kind) {
        (Kind::Ptr, Kind::Ptr) => true,
        (Kind::Int, Kind::Int) => !local.int(&l)?.signed && !target.int(&t)?.signed,
        _ => false,
    })
}

fn ambiguous(target: &dyn Types, so_far: &Resolution, last: TypeId) -> RelocateError {
    let mut candidates = String::new();
    let others = so_far.candidates.iter().filter(|c| c.spec.is_some());
    for id in others.map(|c| c.id).take(8).chain([last]) {
        let comma = if candidates.is_empty() { "" } else { ", " };
        let _ = write!(candidates, "{comma}{id} {}", type_name(target, id));
    }
    RelocateError::Ambiguous(candidates)
}

impl Resolution {
    /// The relocation as people read it: `struct task_struct.mm (0:12 @ offset 1312)`.
    pub fn describe(&self, local: &Btf<'_>, relo: &CoreRelo) -> String {
        self.local.describe(local, relo)
    }
}

impl Candidate {
    /// The candidate as people read it, with its path where it matches.
    pub fn describe(&self, target: &dyn Types, relo: &CoreRelo) -> String {
        let mut text = String::new();
        match &self.spec {
            Some(spec) => {
                let _ = write!(text, "{} ", self.id);
                let _ = spec.write(target, relo, &mut text);
            }
            None => {
                let _ = write!(text, "{} {}", self.id, type_name(target, self.id));
            }
        }
        text
    }
}
