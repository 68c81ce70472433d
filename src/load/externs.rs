//! What the externs of an object are in the running kernel: addresses, variables and functions. Its
//! configuration is in `kconfig`.

use super::{LoadError, Options};
use crate::object::{Extern, ExternKind, Object};
use crate::relocate::{ExternError, Found, Known, Target, externs, externs_needed, externs_wanted};
use crate::target::{NoTypes, Symbols, Wanted};

const KALLSYMS: &str = "/proc/kallsyms";

/// The externs that the chosen programs refer to.
pub(super) struct Externs<'a> {
    object: &'a Object<'a>,
    /// Sorted.
    needed: Vec<&'a str>,
}

impl<'a> Externs<'a> {
    pub fn of(object: &'a Object<'a>, options: &Options<'_>) -> Externs<'a> {
        Externs {
            object,
            needed: externs_needed(object, options.choose),
        }
    }

    fn is_needed(&self, of: &Extern<'_>) -> bool {
        !matches!(of.kind, ExternKind::Config(_)) && self.needed.binary_search(&of.name).is_ok()
    }

    fn needed(&self) -> impl Iterator<Item = &Extern<'a>> {
        self.object.externs.iter().filter(|of| self.is_needed(of))
    }

    /// Whether none is looked for in the kernel's types.
    pub fn are_untyped(&self) -> bool {
        self.needed().all(|of| !is_typed(of))
    }

    /// Adds the names to look for in the kernel's types.
    pub fn want(&self, wanted: &mut Wanted<'a>) {
        externs_wanted(self.object, wanted, &|of| self.is_needed(of));
    }

    /// Looks for each, by the order of [`Object::externs`], in the kernel's own types (`None`: it has
    /// none) and in its symbol table.
    pub fn find(&self, types: Option<&dyn Target>) -> Result<Vec<Found>, Box<LoadError>> {
        let strong = |of: &&Extern<'_>| is_typed(of) && !of.weak;
        if let (None, Some(of)) = (types, self.needed().find(strong)) {
            return Err(LoadError::ExternNeedsBtf(of.name.into()).into());
        }
        let symbols = self.symbols()?;
        let symbols = symbols
            .as_ref()
            .map(|symbols| |name: &str| symbols.get(name));
        let known = Known {
            symbols: symbols.as_ref().map(|symbols| symbols as _),
            config: None,
        };
        let types = types.unwrap_or(&NoTypes);
        Ok(externs(self.object, types, known, &|of| {
            self.is_needed(of)
        })?)
    }
}

impl Externs<'_> {
    /// The symbol table, as far as it is needed. `None`: what is looked for in it is weak, and it is not
    /// there or does not tell.
    fn symbols(&self) -> Result<Option<Symbols>, Box<LoadError>> {
        let addresses = || self.needed().filter(|of| of.kind == ExternKind::Address);
        if addresses().next().is_none() {
            return Ok(None);
        }
        let strong = addresses().find(|of| !of.weak);
        match (
            Symbols::read(KALLSYMS, addresses().map(|of| of.name)),
            strong,
        ) {
            (Ok(symbols), _) if !symbols.are_hidden() => Ok(Some(symbols)),
            (Ok(_), Some(of)) => Err(LoadError::SymbolsHidden(of.name.into()).into()),
            (Err(error), Some(_)) => Err(error.into()),
            (_, None) => Ok(None),
        }
    }
}

fn is_typed(of: &Extern<'_>) -> bool {
    matches!(of.kind, ExternKind::Variable(_) | ExternKind::Function(_))
}

/// What to do about an extern that is not as it should be.
pub(super) fn hint(error: &ExternError) -> Option<String> {
    Some(match error {
        ExternError::Missing { place, .. } if place.contains("BTF") => {
            "load the module that has it (modprobe), or take another kernel: declared __weak, it can be \
             asked for by bpf_ksym_exists()"
                .into()
        }
        ExternError::Missing { place, .. } if place.contains("symbol") => {
            "it may be of a module that is not loaded, or of another kernel: declared __weak, its address \
             is 0 then"
                .into()
        }
        ExternError::Incompatible(_) => {
            "declare it as this kernel has it, or __weak and as a flavour (name___old)".into()
        }
        ExternError::Undescribed(_) => {
            "give the object that defines it, too; what the kernel has is declared __ksym".into()
        }
        ExternError::Ambiguous(name) => format!("grep -w {name} {KALLSYMS} shows them"),
        _ => return None,
    })
}
