//! What becomes of an object on a kernel that is not here: fitted and put together as for a load,
//! by what is known of that kernel, and then looked at. No system call, nothing loaded.

mod insns;
#[cfg(test)]
mod tests;

pub use insns::write_insns;

use thiserror::Error;

use crate::btf::{Btf, CoreRelo};
use crate::link::{LinkError, Linked, link};
use crate::object::{ExternKind, Hook, Object, ObjectError, Program};
use crate::relocate::{
    Answer, ExternError, FitError, Fitted, Found, Known, Patch, RelocationReport, Resolution,
    Target, externs, externs_wanted, fit, names_wanted,
};
use crate::target::Wanted;

/// Why an object can't be loaded into a kernel.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CheckError {
    /// A relocation that can't be made.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Something that the kernel must have and has not.
    #[error(transparent)]
    Extern(#[from] ExternError),
    /// A program that can't be put together.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What it asks for and the kernel does not have, in the object's words, each once: instructions
    /// that were poisoned, existence that was denied, weak externs. The programs load if they get by
    /// without.
    pub missing: Vec<String>,
    /// What nobody could look up, for want of a symbol table or a configuration.
    pub unknown: Vec<String>,
    /// Why it is not loaded all the same: a program that is loaded without being asked for is of no
    /// known kind.
    pub refused: Option<ObjectError>,
}

/// The names to look for in a kernel's types before [`check`].
///
/// # Errors
/// A relocation that does not fit the object's own types.
pub fn wanted<'a>(object: &Object<'a>) -> Result<Wanted<'a>, FitError> {
    let mut wanted = names_wanted(object, &|_| true)?;
    externs_wanted(object, &mut wanted, &|_| true);
    Ok(wanted)
}

/// Fits every program of `object` to a kernel with the types `target`, of which else `known` is
/// known. `report` hears of each relocation, and `linked` gets each program as it would be sent, in
/// the order of [`Object::programs`], those in `?` sections too: together they may be much larger
/// than the object.
///
/// # Errors
/// The first thing for which the object can't be loaded.
pub fn check(
    object: &Object<'_>,
    target: &dyn Target,
    known: Known<'_>,
    report: &mut dyn FnMut(&RelocationReport<'_>),
    linked: &mut dyn FnMut(&Program<'_>, &Linked),
) -> Result<Checked, CheckError> {
    let mut checked = Checked::default();
    let mut each = |made: RelocationReport<'_>| {
        if is_missing(made.resolution, made.relo, made.patch) {
            add(
                &mut checked.missing,
                name(made.local, made.relo, made.resolution),
            );
        }
        report(&made);
    };
    let fitted = fit(object, target, &|_| true, Some(&mut each))?;
    let found = externs(object, target, known, &|_| true)?;
    for (of, found) in object.externs.iter().zip(&found) {
        let list = match found {
            Found::Missing => &mut checked.missing,
            Found::Unknown => &mut checked.unknown,
            _ => continue,
        };
        let call = match of.kind {
            ExternKind::Function(_) => "()",
            _ => "",
        };
        add(list, [of.name, call].concat());
    }
    let fitted = Fitted {
        externs: found,
        ..fitted
    };
    for program in &object.programs {
        if program.autoload && program.hook == Hook::Unknown && checked.refused.is_none() {
            checked.refused = Some(program.unknown_section());
        }
        linked(program, &link(object, &fitted, program)?);
    }
    Ok(checked)
}

fn add(list: &mut Vec<String>, name: String) {
    if !list.contains(&name) {
        list.push(name);
    }
}

/// Whether the kernel has not got what a relocation asks for.
fn is_missing(resolution: &Resolution, relo: &CoreRelo, patch: Patch) -> bool {
    use crate::btf::RelocationKind::*;
    let nothing = match (relo.kind, resolution.answer) {
        (TypeIdLocal, _) => false,
        (FieldExists | EnumvalExists | TypeExists | TypeMatches | TypeSize | TypeIdTarget, _) => {
            !resolution.candidates.iter().any(|c| c.spec.is_some())
        }
        (_, answer) => answer == Answer::Poison,
    };
    nothing || patch == Patch::Poisoned
}

/// `struct task_struct.mm`, without the numbers behind it.
fn name(local: &Btf<'_>, relo: &CoreRelo, resolution: &Resolution) -> String {
    let mut text = resolution.describe(local, relo);
    let numbers = text.as_bytes().windows(2).rposition(|two| two == b" (");
    if let Some(at) = numbers.filter(|_| relo.kind.is_field()) {
        text.truncate(at);
    }
    text
}
