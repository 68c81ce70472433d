//! All relocations of an object at once: its instructions, fitted to one set of types.

use core::fmt;

use thiserror::Error;

use super::{Patch, RelocateError, Resolution, Resolver, Target, patch, spec, wanted::Gathered};
use crate::btf::{Btf, CoreRelo, StrOffset, Types, essential_name};
use crate::object::{Insn, Object, Program};
use crate::target::Wanted;

/// The instructions of an object, fitted to a kernel.
#[derive(Debug, Default)]
pub struct Fitted {
    /// By section, as [`Object::code`].
    pub code: Vec<Vec<Insn>>,
    /// By extern, as [`Object::externs`]; empty where nobody looked.
    #[cfg(feature = "full")]
    pub externs: Vec<super::Found>,
}

impl Fitted {
    /// The instructions as they were compiled.
    pub fn compiled(object: &Object<'_>) -> Fitted {
        Fitted {
            code: object.code.iter().map(|c| c.insns.clone()).collect(),
            #[cfg(feature = "full")]
            externs: Vec::new(),
        }
    }
}

/// A relocation that can't be made.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{function}, instruction {insn}: {what}: {source}")]
pub struct FitError {
    /// The function, by its symbol.
    pub function: String,
    /// Slot in the function.
    pub insn: usize,
    /// What is relocated.
    pub what: String,
    /// Why.
    pub source: RelocateError,
}

/// One relocation that was made, for who wants to know. Its text is what people know from other
/// loaders: the path, each candidate, and the patch.
pub struct RelocationReport<'r> {
    /// The function, by its symbol: the program's own, or one that it calls.
    pub function: &'r str,
    /// Slot in the function.
    pub insn: usize,
    /// What was asked, in the object's words.
    pub relo: &'r CoreRelo,
    /// The answer.
    pub resolution: &'r Resolution,
    /// What was done.
    pub patch: Patch,
    /// The object's types.
    pub local: &'r Btf<'r>,
    /// The kernel's types.
    pub target: &'r dyn Target,
}

impl fmt::Display for RelocationReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (function, insn, relo) = (self.function, self.insn, self.relo);
        let kind = relo.kind.name();
        let spec = self.resolution.describe(self.local, relo);
        writeln!(f, "{function}: insn #{insn} {kind}: {spec}")?;
        for candidate in &self.resolution.candidates {
            let verdict = match candidate.spec {
                Some(_) => "matching",
                None => "non-matching",
            };
            let text = candidate.describe(self.target, relo);
            writeln!(f, "{function}: insn #{insn} {verdict} candidate {text}")?;
        }
        writeln!(f, "{function}: insn #{insn} {}", self.patch)
    }
}

/// Which programs of an object are meant.
pub type Choose<'c> = &'c dyn Fn(&Program<'_>) -> bool;

/// Gathers the names that fitting the chosen programs will ask a kernel for: see
/// [`wanted`](super::wanted).
///
/// # Errors
/// The first relocation that does not fit the object's own types.
pub fn names_wanted<'a>(object: &Object<'a>, choose: Choose<'_>) -> Result<Wanted<'a>, FitError> {
    let mut gathered = Gathered::default();
    if let Some(btf) = &object.btf {
        let chosen = sections(object, choose);
        for (code, relo) in relocations(object, &chosen) {
            let added = gathered.add(btf, relo);
            added.map_err(|source| failed(object, btf, code, relo, source))?;
        }
    }
    Ok(gathered.wanted)
}

/// Fits the code of the chosen programs, and what they may call, to `target`, which must know the
/// names that [`names_wanted`] gives. `report` hears of each relocation.
///
/// # Errors
/// The first relocation that can't be made.
pub fn fit(
    object: &Object<'_>,
    target: &dyn Target,
    choose: Choose<'_>,
    mut report: Option<&mut dyn FnMut(RelocationReport<'_>)>,
) -> Result<Fitted, FitError> {
    let mut out = Fitted::compiled(object);
    let Some(btf) = &object.btf else {
        return Ok(out);
    };
    let chosen = sections(object, choose);
    let mut resolver = Resolver::new(btf, target);
    // The same question is asked again and again: once per access of a field.
    let mut answers: Vec<((u32, StrOffset, u32), Resolution)> = Vec::new();
    let sections = object.code.iter().zip(&mut out.code).zip(&chosen);
    let sections = sections.enumerate().filter(|(_, (_, chosen))| **chosen);
    for (index, ((code, insns), _)) in sections {
        for relo in &code.relocations {
            let insn = relo.insn_offset as usize / 8;
            let failed = |source| failed(object, btf, index, relo, source);
            let key = (relo.type_id.0, relo.access, relo.kind as u32);
            let known = answers.iter().position(|(k, _)| *k == key);
            let at = match known {
                Some(at) => at,
                None => {
                    let mut answer = resolver.resolve(relo).map_err(failed)?;
                    if report.is_none() {
                        // Of a BTF that was never deduplicated they are many.
                        answer.candidates = Vec::new();
                    }
                    answers.push((key, answer));
                    answers.len() - 1
                }
            };
            let Some((_, resolution)) = answers.get(at) else {
                continue;
            };
            let patch = patch(insns, insn, resolution).map_err(failed)?;
            if let Some(report) = &mut report {
                let (function, insn) = object.place(index, insn);
                report(RelocationReport {
                    function,
                    insn,
                    relo,
                    resolution,
                    patch,
                    local: btf,
                    target,
                });
            }
        }
    }
    Ok(out)
}

/// Essential names of the types that the chosen programs relocate against and `target` does not
/// have at all, each once.
#[cfg(feature = "full")]
pub fn roots_missing(object: &Object<'_>, target: &dyn Target, choose: Choose<'_>) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    let Some(btf) = &object.btf else {
        return missing;
    };
    let chosen = sections(object, choose);
    let names = relocations(object, &chosen).map(|(_, relo)| root_name(btf, relo));
    for name in names.filter(|name| target.candidates(name).is_empty()) {
        if !missing.iter().any(|known| known == name) {
            missing.push(name.into());
        }
    }
    missing
}

/// The essential name of the type that a relocation starts from.
pub fn root_name<'a>(btf: &Btf<'a>, relo: &CoreRelo) -> &'a str {
    let name = btf.header(relo.type_id).ok().map(|header| header.name);
    essential_name(name.and_then(|name| btf.str_at(name)).unwrap_or_default())
}

/// What a relocation is about, as far as the object's types can be read.
pub fn describe(btf: &Btf<'_>, relo: &CoreRelo) -> String {
    match spec::Spec::local(btf, relo) {
        Ok(spec) => spec.describe(btf, relo),
        Err(_) => {
            let name = btf.header(relo.type_id).ok().map(|h| h.name);
            let name = name.and_then(|n| btf.str_at(n)).unwrap_or("a type");
            format!("a relocation of {name}")
        }
    }
}

fn failed(
    object: &Object<'_>,
    btf: &Btf<'_>,
    code: usize,
    relo: &CoreRelo,
    source: RelocateError,
) -> FitError {
    let (function, insn) = object.place(code, relo.insn_offset as usize / 8);
    FitError {
        function: function.into(),
        insn,
        what: describe(btf, relo),
        source,
    }
}

/// Which sections hold something that will be loaded: those of chosen programs, and `.text`.
fn sections(object: &Object<'_>, choose: Choose<'_>) -> Vec<bool> {
    let mut chosen: Vec<bool> = object.code.iter().map(|c| c.section == ".text").collect();
    for program in object.programs.iter().filter(|p| choose(p)) {
        let code = object.entry(program).map(|f| f.code);
        if let Some(slot) = code.and_then(|c| chosen.get_mut(c)) {
            *slot = true;
        }
    }
    #[cfg(feature = "full")]
    add_called(object, &mut chosen);
    chosen
}

/// Adds the sections in which functions live that chosen sections refer to.
#[cfg(feature = "full")]
fn add_called(object: &Object<'_>, chosen: &mut [bool]) {
    use crate::object::Referent;
    // Each round adds a section, or is the last.
    for _ in 0..object.code.len() {
        let mut added = false;
        for (at, code) in object.code.iter().enumerate() {
            if chosen.get(at) != Some(&true) {
                continue;
            }
            for reference in &code.references {
                let (Referent::Call(to) | Referent::Address(to)) = reference.to else {
                    continue;
                };
                let to = object.functions.get(to).map(|f| f.code);
                if let Some(slot) = to.and_then(|to| chosen.get_mut(to)).filter(|s| !**s) {
                    *slot = true;
                    added = true;
                }
            }
        }
        if !added {
            break;
        }
    }
}

/// The relocations of the chosen sections.
fn relocations<'o, 'a>(
    object: &'o Object<'a>,
    chosen: &'o [bool],
) -> impl Iterator<Item = (usize, &'o CoreRelo)> {
    let sections = object.code.iter().zip(chosen).enumerate();
    let sections = sections.filter(|(_, (_, chosen))| **chosen);
    sections.flat_map(|(index, (code, _))| code.relocations.iter().map(move |r| (index, r)))
}
