//! What an object expects of the kernel by name: configuration, symbols, functions.

use super::Object;
use super::kconfig::{Layout, config_layout};
use super::parse::datasec;
use crate::btf::{Btf, Kind, TypeId, Types};
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
    let mut found: Vec<Extern<'a>> = undefined
        .map(|symbol| Extern {
            name: symbol.name,
            weak: symbol.binding == Binding::Weak,
            kind: kind(object.btf.as_ref(), symbol.name),
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

fn kind(btf: Option<&Btf<'_>>, name: &str) -> ExternKind {
    let Some(btf) = btf else {
        return ExternKind::Undescribed;
    };
    let described = |section: &str| {
        let section = datasec(btf, section)?;
        let vars = (0..section.vlen).filter_map(|at| btf.secinfo(&section, at).ok());
        let mut vars = vars.filter_map(|info| btf.header(info.var).ok());
        vars.find(|var| btf.str_at(var.name) == Some(name))
    };
    if let Some(var) = described(".kconfig") {
        return ExternKind::Config(var.target());
    }
    match described(".ksyms") {
        None => ExternKind::Undescribed,
        Some(of) if of.kind == Kind::Func => ExternKind::Function(of.target()),
        Some(of) => match btf.peel(of.target()) {
            Ok(ty) if ty.kind == Kind::Void => ExternKind::Address,
            Ok(ty) => ExternKind::Variable(ty.id),
            Err(_) => ExternKind::Undescribed,
        },
    }
}
