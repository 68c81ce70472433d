//! What an object expects of a kernel by name, and what this kernel has.
//!
//! Addresses come from the kernel's symbol table, variables and functions with a type from its BTF,
//! values of its configuration from the file that it was built with. What is weak may be missing.

use thiserror::Error;

use super::compat::Pair;
use super::{Choose, RelocateError, Target, config};
use crate::btf::{Btf, Kind, TypeId, essential_name};
use crate::object::{Extern, ExternKind, Function, Object, Referent};
use crate::target::{Address, Wanted};

/// What is known of a kernel beside its types. Each may be `None`: nobody can say.
#[derive(Clone, Copy, Default)]
pub struct Known<'k> {
    /// Its symbols.
    pub symbols: Option<&'k dyn Fn(&str) -> Address>,
    /// Its configuration.
    pub config: Option<&'k ConfigValue<'k>>,
}

/// The value in a configuration file, by name (`CONFIG_HZ`), as it is written there.
pub type ConfigValue<'k> = dyn Fn(&str) -> Option<&'k str> + 'k;

/// What became of an extern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A symbol at this address.
    Address(u64),
    /// A variable or function: its number in the kernel's BTF.
    Type(TypeId),
    /// A value, which goes into the map `.kconfig`.
    Config,
    /// It is weak, and the kernel does not have it.
    Missing,
    /// Nobody knows: there is nothing to look in.
    Unknown,
}

/// An extern that a program can't do without.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ExternError {
    /// The object's BTF says nothing of it.
    #[error("extern {0}: the object's BTF does not describe it")]
    Undescribed(String),
    /// It is not weak, and the kernel does not have it.
    #[error("extern {name}: {place} does not have it")]
    Missing {
        /// The extern.
        name: String,
        /// Where it was looked for.
        place: &'static str,
    },
    /// The kernel has something else of this name.
    #[error("extern {0}: the kernel has one of another type")]
    Incompatible(String),
    /// Several symbols have the name.
    #[error("extern {0}: the kernel has several symbols of this name")]
    Ambiguous(String),
    /// A value of the kernel's configuration that does not fit its variable.
    #[error("extern {name}: the kernel's value {value} {why}")]
    Value {
        /// The extern.
        name: String,
        /// As the configuration file has it.
        value: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A `__kconfig` variable that stands for nothing.
    #[error("extern {0}: no such kernel configuration; names start with CONFIG_ or LINUX_")]
    NoSuchConfig(String),
    /// Types that can't be read or compared.
    #[error("extern {name}: {source}")]
    Types {
        /// The extern.
        name: String,
        /// Why.
        source: RelocateError,
    },
}

/// Which externs are looked for; any other is as good as missing.
pub type Needed<'n> = &'n dyn Fn(&Extern<'_>) -> bool;

/// The names of the externs that the chosen programs refer to, and the functions that these call.
pub fn externs_needed<'a>(object: &Object<'a>, choose: Choose<'_>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut todo: Vec<usize> = Vec::new();
    for program in object.programs.iter().filter(|p| choose(p)) {
        todo.push(program.function);
        todo.extend(program.exception_callback);
    }
    let mut reached = vec![false; object.functions.len()];
    while let Some(index) = todo.pop() {
        let function = object.functions.get(index);
        let code = function.and_then(|f| object.code.get(f.code));
        let (Some(function), Some(code), Some(reached @ false)) =
            (function, code, reached.get_mut(index))
        else {
            continue;
        };
        *reached = true;
        let slots = function.start..function.start.saturating_add(function.len);
        let first = code.references.partition_point(|r| r.insn < slots.start);
        let references = code.references.iter().skip(first);
        for reference in references.take_while(|r| r.insn < slots.end) {
            match reference.to {
                Referent::Extern { name } => names.push(name),
                Referent::Call(to) | Referent::Address(to) => todo.push(to),
                _ => {}
            }
        }
        // Functions of the same section may be called without a relocation.
        for (slot, insn) in (slots.start..).zip(code.insns.get(slots).unwrap_or_default()) {
            if insn.is_local_call() && code.reference(slot).is_none() {
                let start = slot as i64 + 1 + i64::from(insn.imm);
                let is_it = |f: &Function<'_>| f.code == function.code && f.start as i64 == start;
                todo.extend(object.functions.iter().position(is_it));
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Adds the names of the externs that are looked for in a kernel's types.
pub fn externs_wanted<'a>(object: &Object<'a>, wanted: &mut Wanted<'a>, needed: Needed<'_>) {
    for of in object.externs.iter().filter(|of| needed(of)) {
        let kind = match of.kind {
            ExternKind::Variable(_) => Kind::Var,
            ExternKind::Function(_) => Kind::Func,
            _ => continue,
        };
        // Types are found by their essential names, and of these the one that is called just so.
        wanted.root(essential_name(of.name), kind);
        wanted.name(of.name);
    }
}

/// Looks for each extern of the object that is needed, in the order of [`Object::externs`]. `target`
/// must know what [`externs_wanted`] gives.
///
/// # Errors
/// The first that is not weak and not there, or not what the object expects.
pub fn externs(
    object: &Object<'_>,
    target: &dyn Target,
    known: Known<'_>,
    needed: Needed<'_>,
) -> Result<Vec<Found>, ExternError> {
    let find = |of| match needed(of) {
        true => find(object, of, target, known),
        false => Ok(Found::Missing),
    };
    object.externs.iter().map(find).collect()
}

fn find(
    object: &Object<'_>,
    of: &Extern<'_>,
    target: &dyn Target,
    known: Known<'_>,
) -> Result<Found, ExternError> {
    let name = || of.name.to_owned();
    let (Some(btf), false) = (&object.btf, of.kind == ExternKind::Undescribed) else {
        return Err(ExternError::Undescribed(name()));
    };
    let (found, place) = match of.kind {
        ExternKind::Address => match known.symbols.map(|symbols| symbols(of.name)) {
            None => (Some(Found::Unknown), ""),
            Some(Address::Several) => return Err(ExternError::Ambiguous(name())),
            Some(Address::One(at)) => (Some(Found::Address(at)), ""),
            Some(Address::None) => (None, "the kernel's symbol table"),
        },
        ExternKind::Config(ty) => (config(btf, of, ty, known)?, "the kernel's configuration"),
        ExternKind::Variable(_) | ExternKind::Function(_) | ExternKind::Undescribed => {
            let found = typed(btf, of, target).map_err(|source| ExternError::Types {
                name: name(),
                source,
            })?;
            match found {
                Typed::Is(id) => (Some(Found::Type(id)), ""),
                // Of a function that has changed, a program may have a flavour for each form.
                Typed::Other if of.weak && matches!(of.kind, ExternKind::Function(_)) => (None, ""),
                Typed::Other => return Err(ExternError::Incompatible(name())),
                Typed::None => (None, "the kernel's BTF"),
            }
        }
    };
    match found {
        Some(found) => Ok(found),
        None if of.weak => Ok(Found::Missing),
        None => Err(ExternError::Missing {
            name: name(),
            place,
        }),
    }
}

/// `LINUX_…` is what a loader itself knows; everything else is in the configuration file.
fn config(
    btf: &Btf<'_>,
    of: &Extern<'_>,
    ty: TypeId,
    known: Known<'_>,
) -> Result<Option<Found>, ExternError> {
    const LINUX: [&str; 3] = [
        "LINUX_KERNEL_VERSION",
        "LINUX_HAS_BPF_COOKIE",
        "LINUX_HAS_SYSCALL_WRAPPER",
    ];
    if LINUX.contains(&of.name) {
        return Ok(Some(Found::Config));
    }
    if of.name.starts_with("LINUX_") && of.weak {
        return Ok(None);
    }
    if !of.name.starts_with("CONFIG_") {
        return Err(ExternError::NoSuchConfig(of.name.into()));
    }
    let Some(values) = known.config else {
        return Ok(Some(Found::Unknown));
    };
    let Some(value) = values(of.name) else {
        return Ok(None);
    };
    match config::bytes(btf, ty, value) {
        Ok(_) => Ok(Some(Found::Config)),
        Err(why) => Err(ExternError::Value {
            name: of.name.into(),
            value: value.into(),
            why,
        }),
    }
}

/// What the kernel's types have under a name.
enum Typed {
    Is(TypeId),
    Other,
    None,
}

fn typed(btf: &Btf<'_>, of: &Extern<'_>, target: &dyn Target) -> Result<Typed, RelocateError> {
    let (kind, local, name) = match of.kind {
        ExternKind::Function(proto) => (Kind::Func, proto, essential_name(of.name)),
        ExternKind::Variable(ty) => (Kind::Var, ty, of.name),
        _ => return Ok(Typed::None),
    };
    for &id in target.candidates(essential_name(name)) {
        let header = target.header(id)?;
        if header.kind != kind || target.name(header.name) != Some(name) {
            continue;
        }
        // A variable is looked at under its qualifiers, as the object's was.
        let theirs = match kind {
            Kind::Var => target.peel(header.target())?.id,
            _ => header.target(),
        };
        return Ok(match Pair::new(btf, target, local).types(local, theirs)? {
            true => Typed::Is(id),
            false => Typed::Other,
        });
    }
    Ok(Typed::None)
}
