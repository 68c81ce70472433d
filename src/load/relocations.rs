//! All CO-RE relocations of an object, against one reading of the kernel's types.

use super::{LoadError, Options};
use crate::btf::{Btf, CoreRelo, StrOffset, Types, essential_name};
use crate::object::{Insn, Object};
use crate::relocate::{Patch, Resolution, Resolver, Target, patch, wanted};
use crate::target::{Extent, Kernel, TypeSource};

/// One relocation that was made, for who wants to know.
pub struct RelocationReport<'r> {
    /// The ELF section.
    pub section: &'r str,
    /// Slot in the section.
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

/// The instructions of each section, fitted to the kernel.
pub(super) struct Relocated {
    /// By section, as [`Object::code`].
    pub code: Vec<Vec<Insn>>,
    /// Where the types are from; `None`: the kernel has none.
    pub from: Option<String>,
    /// Essential names of types that are not known here, though the kernel may have them: it has
    /// no BTF. Where there is nothing but BTF (without the feature `full`), `from` tells.
    pub unknown: Vec<String>,
}

pub(super) fn apply(
    object: &Object<'_>,
    kernel: &Kernel,
    options: &mut Options<'_>,
) -> Result<Relocated, LoadError> {
    let mut out = Relocated {
        code: object.code.iter().map(|c| c.insns.clone()).collect(),
        from: None,
        unknown: Vec::new(),
    };
    let chosen = sections(object, options);
    let relos = || {
        let sections = object.code.iter().zip(&chosen).filter(|(_, c)| **c);
        sections.flat_map(|(code, _)| code.relocations.iter().map(move |r| (code, r)))
    };
    let Some(btf) = object.btf.as_ref().filter(|_| relos().next().is_some()) else {
        return Ok(out);
    };
    // Which relocation is damaged is told below, where each is looked at by itself.
    let wanted = wanted(btf, relos().map(|(_, relo)| relo)).unwrap_or_default();
    let source = match wanted.is_empty() {
        true => TypeSource::none(),
        false => kernel.types(&wanted)?,
    };
    let types = source.types;
    out.from = source.from;
    if cfg!(feature = "full") && source.extent == Extent::Parts {
        let names = relos().map(|(_, relo)| root_name(btf, relo));
        let mut unknown: Vec<String> = Vec::new();
        for name in names.filter(|name| types.candidates(name).is_empty()) {
            if !unknown.iter().any(|known| known == name) {
                unknown.push(name.into());
            }
        }
        out.unknown = unknown;
    }
    let mut resolver = Resolver::new(btf, &*types);
    // The same question is asked again and again: once per access of a field.
    let mut answers: Vec<((u32, StrOffset, u32), Resolution)> = Vec::new();
    for (index, code) in object.code.iter().enumerate() {
        let Some(insns) = out.code.get_mut(index).filter(|_| chosen[index]) else {
            continue;
        };
        for relo in &code.relocations {
            let insn = relo.insn_offset as usize / 8;
            let failed = |source| LoadError::Relocation {
                section: code.section.into(),
                insn,
                what: describe(btf, relo),
                source,
            };
            let key = (relo.type_id.0, relo.access, relo.kind as u32);
            let known = answers.iter().position(|(k, _)| *k == key);
            let at = match known {
                Some(at) => at,
                None => {
                    let mut answer = resolver.resolve(relo).map_err(failed)?;
                    if options.report.is_none() {
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
            if let Some(report) = &mut options.report {
                report(RelocationReport {
                    section: code.section,
                    insn,
                    relo,
                    resolution,
                    patch,
                    local: btf,
                    target: &*types,
                });
            }
        }
    }
    Ok(out)
}

/// Which sections hold something that will be loaded: those of chosen programs, and `.text`.
fn sections(object: &Object<'_>, options: &Options<'_>) -> Vec<bool> {
    let mut chosen: Vec<bool> = object.code.iter().map(|c| c.section == ".text").collect();
    for program in object.programs.iter().filter(|p| (options.choose)(p)) {
        let code = object.entry(program).map(|f| f.code);
        if let Some(slot) = code.and_then(|c| chosen.get_mut(c)) {
            *slot = true;
        }
    }
    chosen
}

/// The essential name of the type that a relocation starts from.
pub(super) fn root_name<'a>(btf: &Btf<'a>, relo: &CoreRelo) -> &'a str {
    let name = btf.header(relo.type_id).ok().map(|header| header.name);
    essential_name(name.and_then(|name| btf.str_at(name)).unwrap_or_default())
}

/// What a relocation is about, as far as the object's types can be read.
pub(super) fn describe(btf: &Btf<'_>, relo: &CoreRelo) -> String {
    match crate::relocate::Spec::local(btf, relo) {
        Ok(spec) => spec.describe(btf, relo),
        Err(_) => {
            let name = btf.header(relo.type_id).ok().map(|h| h.name);
            let name = name.and_then(|n| btf.str_at(n)).unwrap_or("a type");
            format!("a relocation of {name}")
        }
    }
}
