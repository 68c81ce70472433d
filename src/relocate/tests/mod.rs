//! The rules of CO-RE, each both ways it can go. Every question is put to a whole BTF in memory and
//! to a windowed one made of the same bytes, which must give the same answer.

#[cfg(feature = "full")]
mod externs;
mod fields;
mod hostile;
mod patching;
mod types;

use super::{Answer, RelocateError, Resolution, Resolver, Target, resolve, wanted};
use crate::btf::testing::Builder;
use crate::btf::{Btf, CoreRelo, RelocationKind, StrOffset, TypeId};
use crate::target::testing::{Whole, windowed};

/// What `kind` about `access` from type `root` of `local` is answered by `target`.
fn ask(
    local: &Builder,
    target: &Builder,
    root: TypeId,
    access: &str,
    kind: RelocationKind,
) -> Result<Resolution, RelocateError> {
    let mut local = local.clone();
    let access = StrOffset(local.name(access));
    let relo = CoreRelo {
        insn_offset: 0,
        type_id: root,
        access,
        kind,
    };
    let (local, target) = (local.bytes(), target.bytes());
    let local = Btf::parse(&local).unwrap();
    let whole = Whole::new(&target).unwrap();
    let answer = resolve(&local, &whole, &relo);
    if let Ok(wanted) = wanted(&local, [relo].iter()) {
        let window = windowed(&target, &wanted).unwrap();
        let other = resolve(&local, &window, &relo);
        assert_eq!(told(&answer, &whole, &relo), told(&other, &window, &relo));
    }
    answer
}

/// Everything that a resolution says, to be compared.
fn told(
    answer: &Result<Resolution, RelocateError>,
    target: &dyn Target,
    relo: &CoreRelo,
) -> String {
    match answer {
        Err(error) => error.to_string(),
        Ok(resolution) => {
            let candidates = resolution.candidates.iter();
            let matching = candidates.map(|c| match &c.spec {
                Some(_) => c.describe(target, relo),
                // The window does not know names that nobody asked for.
                None => c.id.to_string(),
            });
            let matching: Vec<String> = matching.collect();
            let (answer, resizable) = (resolution.answer, resolution.resizable);
            format!("{answer:?} {resizable} {matching:?}")
        }
    }
}

/// The number that is answered; `None` for a poison.
fn number(resolution: Result<Resolution, RelocateError>) -> Option<u64> {
    match resolution.unwrap().answer {
        Answer::Value(value) => Some(value.number),
        Answer::Poison => None,
    }
}

/// Builds a struct `name` of one 4-byte int member per name, in order.
fn ints(b: &mut Builder, name: &str, members: &[&str]) -> TypeId {
    let int = b.int("int", 4, true);
    let members: Vec<_> = members
        .iter()
        .zip(0..)
        .map(|(m, i)| (*m, int, i * 4))
        .collect();
    b.structure(name, members.len() as u32 * 4, &members)
}
