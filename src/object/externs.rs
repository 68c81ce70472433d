//! What an object expects of the kernel by name: configuration, symbols, functions.

use std::collections::BTreeMap;

use super::Object;
use super::kconfig::{Layout, config_layout};
use super::parse::datasec;
use crate::btf::{Btf, Header, Kind, TypeId, Types};
use crate::elf::{Binding, Elf, SymbolKind};

/// A symbol that the object refers to and does not define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extern<'a> {
    /// Its name.
    pub name: &'a str,
    /// May be missing.
    pub weak: bool,
    /// What it is.
    pub kind: ExternKind,
}

/// What an extern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternKind {
    /// A value of the kernel's configuration (`__kconfig`), of this type.
    Config(TypeId),
    /// A symbol by its address (`extern const void … __ksym`).
    Address,
    /// A variable of the kernel, of this type.
    Variable(TypeId),
    /// A function of the kernel, with this FUNC_PROTO.
    Function(TypeId),
    /// Nothing that the object's BTF describes.
    Undescribed,
}

/// The externs in the order in which loaders number them: configuration as it is laid out, then the
/// others by name.
pub(super) fn read<'a>(elf: &Elf<'a>, object: &Object<'a>) -> Vec<Extern<'a>> {
    let undefined = elf.symbols.iter().filter(|symbol| {
        symbol.section.is_none()
            && symbol.kind == SymbolKind::Other
            && symbol.binding != Binding::Local
            && !symbol.name.is_empty()
    });
    let described = object.btf.as_ref().map(described).unwrap_or_default();
    let mut found: Vec<Extern<'a>> = undefined
        .map(|symbol| Extern {
            name: symbol.name,
            weak: symbol.binding == Binding::Weak,
            kind: *described
                .get(symbol.name)
                .unwrap_or(&ExternKind::Undescribed),
        })
        .collect();
    found.sort_by_cached_key(|of| (rank(object.btf.as_ref(), of), of.name));
    found
}

/// Orders configuration as it is laid out, and everything else behind it.
fn rank(btf: Option<&Btf<'_>>, of: &Extern<'_>) -> u32 {
    let layout = match (of.kind, btf) {
        (ExternKind::Config(ty), Some(btf)) => config_layout(btf, ty).ok(),
        _ => None,
    };
    layout.map_or(u32::MAX, Layout::rank)
}

/// What the object's BTF says of each name. Of two of one name the first counts, and configuration
/// before symbols.
fn described<'a>(btf: &Btf<'a>) -> BTreeMap<&'a str, ExternKind> {
    let mut known = BTreeMap::new();
    for section in [".kconfig", ".ksyms"] {
        let Some(vars) = datasec(btf, section) else {
            continue;
        };
        for at in 0..vars.vlen {
            let var = btf.secinfo(&vars, at);
            let Ok(var) = var.and_then(|info| btf.header(info.var)) else {
                continue;
            };
            if let Some(name) = btf.str_at(var.name) {
                known.entry(name).or_insert_with(|| match section {
                    ".kconfig" => ExternKind::Config(var.target()),
                    _ => symbol(btf, &var),
                });
            }
        }
    }
    known
}

/// What an entry of `.ksyms` is.
fn symbol(btf: &Btf<'_>, of: &Header) -> ExternKind {
    if of.kind == Kind::Func {
        return ExternKind::Function(of.target());
    }
    match btf.peel(of.target()) {
        Ok(ty) if ty.kind == Kind::Void => ExternKind::Address,
        Ok(ty) => ExternKind::Variable(ty.id),
        Err(_) => ExternKind::Undescribed,
    }
}
