//! Several objects as one: the externs of one are what another defines.
//!
//! [`join`] is a linker for BPF objects: bytes in, the bytes of one relocatable object out, which
//! [`Object::parse`](crate::object::Object::parse) reads like any other. No kernel is involved.
//!
//! # The algorithm
//! 1. Sections of one name are laid one behind the other, each aligned as it asks. What a loader has no
//!    use for (debug information, tables of the compiler) is left out.
//! 2. Of each global name one definition counts: the only strong one, else the first weak one. All
//!    symbols of that name, defined or not, become this one. A definition that does not count stays
//!    where it is, as a local one of its object.
//! 3. The types of all objects follow each other, with their numbers and names moved. Each DATASEC is
//!    written anew, with the places that its variables have now.
//! 4. Records of functions, lines and relocations move with their sections and types.

mod check;
mod error;
mod ext;
mod sections;
mod symbols;
#[cfg(test)]
mod tests;
mod types;
mod write;

pub use error::JoinError;

use crate::btf::{Btf, BtfExt};
use crate::elf::{Elf, SymbolKind};

/// One of the objects that are joined.
struct Input<'a> {
    /// What to call it in messages.
    name: &'a str,
    elf: Elf<'a>,
    btf: Option<Btf<'a>>,
    ext: BtfExt<'a>,
    /// Where each of its sections went.
    places: Vec<Option<Place>>,
    /// The number in the output of each of its symbols.
    symbols: Vec<usize>,
    /// The number in the output of each of its types, `void` first.
    types: Vec<u32>,
    /// What its name offsets are moved by.
    names: u32,
}

/// Where a section went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Index of the output's section.
    section: usize,
    /// Bytes before it there.
    base: u64,
}

impl<'a> Input<'a> {
    fn open(name: &'a str, bytes: &'a [u8]) -> Result<Input<'a>, Box<JoinError>> {
        let elf = Elf::parse(bytes).map_err(|source| JoinError::Elf {
            object: name.into(),
            source,
        })?;
        let failed = |source| JoinError::Btf {
            object: name.into(),
            source,
        };
        let btf = elf.section(".BTF").map(|s| Btf::parse(s.data));
        let btf = btf.transpose().map_err(failed)?;
        let ext = match (&btf, elf.section(".BTF.ext")) {
            (Some(_), Some(section)) => BtfExt::parse(section.data).map_err(failed)?,
            _ => BtfExt::default(),
        };
        Ok(Input {
            name,
            elf,
            btf,
            ext,
            places: Vec::new(),
            symbols: Vec::new(),
            types: Vec::new(),
            names: 0,
        })
    }

    /// Where its section number `section` went.
    fn place(&self, section: usize) -> Option<Place> {
        self.places.get(section).copied().flatten()
    }

    /// Where its section of this name went.
    fn place_of(&self, name: &str) -> Option<Place> {
        let section = self.elf.sections.iter().position(|s| s.name == name)?;
        self.place(section)
    }

    /// The number of its symbol that defines `name` in its section called `section`.
    fn definition(&self, section: &str, name: &str) -> Option<usize> {
        let section = self.elf.sections.iter().position(|s| s.name == section)?;
        self.elf.symbols.iter().position(|s| {
            s.section == Some(section) && s.name == name && s.kind != SymbolKind::Section
        })
    }
}

/// Joins objects, each given by the name to use in messages and its bytes, into one.
///
/// # Errors
/// An object that can't be read; a name that two of them define; an extern that another defines as
/// something else; different licenses.
///
/// # Example
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (a, b) = (std::fs::read("a.bpf.o")?, std::fs::read("b.bpf.o")?);
/// let whole = btfly::join::join(&[("a.bpf.o", &a), ("b.bpf.o", &b)])?;
/// let object = btfly::object::Object::parse(&whole)?;
/// # Ok(())
/// # }
/// ```
pub fn join(objects: &[(&str, &[u8])]) -> Result<Vec<u8>, Box<JoinError>> {
    let inputs = objects.iter().map(|(name, bytes)| Input::open(name, bytes));
    let mut inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let mut sections = sections::lay_out(&mut inputs)?;
    let symbols = symbols::resolve(&mut inputs)?;
    check::externs(&inputs, &symbols)?;
    if let Some(btf) = types::merge(&mut inputs, &symbols, &sections)? {
        sections.push(sections::Section::table(".BTF", btf));
        let ext = ext::merge(&inputs)?;
        sections.push(sections::Section::table(".BTF.ext", ext));
    }
    write::object(&inputs, &sections, &symbols)
}
