//! What was compiled: programs, maps, global data, license. Nothing about the running kernel.
//!
//! [`Object::parse`] is pure: bytes in, a description out, borrowed from the bytes. What it
//! describes is fitted to a kernel by `relocate`, joined by `link` and loaded by `load`.

#[cfg(feature = "full")]
mod arena;
mod code;
mod data;
pub mod disasm;
mod error;
#[cfg(feature = "full")]
mod exceptions;
#[cfg(feature = "full")]
mod externs;
mod functions;
mod hook;
mod insn;
mod kconfig;
mod kinds;
#[cfg(feature = "full")]
mod legacy;
mod maps;
#[cfg(feature = "full")]
mod more_kinds;
#[cfg(feature = "full")]
mod more_places;
mod parse;
mod places;
mod references;
mod rehook;
mod sections;
#[cfg(feature = "full")]
mod shape;
#[cfg(feature = "full")]
mod slots;
#[cfg(feature = "full")]
mod struct_ops;
#[cfg(all(test, feature = "full"))]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "full"))]
mod tests_built;
#[cfg(all(test, feature = "full"))]
mod tests_described;

#[cfg(feature = "full")]
pub use arena::ARENA_SECTION;
pub use code::{Code, Function, Program, Reference, Referent};
pub use data::{Global, GlobalValue};
pub use error::ObjectError;
#[cfg(feature = "full")]
pub use externs::{Extern, ExternKind};
pub use hook::{Hook, KNOWN_SECTIONS, ProgramKind};
#[cfg(feature = "full")]
pub use hook::{ProgramRef, When};
pub use insn::{Insn, op};
pub use maps::{DataKind, MapKind, MapSpec, Pinning};
#[cfg(feature = "full")]
pub use slots::{Filling, Slot};
#[cfg(feature = "full")]
pub use struct_ops::{OpsProgram, StructOps};

use crate::btf::{Btf, BtfExt, StrOffset};

/// An object file, read and understood, borrowed from its bytes.
#[derive(Debug)]
pub struct Object<'a> {
    /// Its types; `None` for an object compiled without `-g`.
    pub btf: Option<Btf<'a>>,
    /// Function and line records and CO-RE relocations.
    pub ext: BtfExt<'a>,
    /// What its `license` section says; empty if it has none.
    pub license: &'a str,
    /// Its executable sections, in file order.
    pub code: Vec<Code<'a>>,
    /// Its functions: programs and subprograms, in file order.
    pub functions: Vec<Function<'a>>,
    /// Its programs, in file order.
    pub programs: Vec<Program<'a>>,
    /// Its maps: those of `.maps` in the order of their offsets, those of legacy sections, then one
    /// for each data section, `.kconfig`, and the variables of `.struct_ops`.
    pub maps: Vec<MapSpec<'a>>,
    /// Its global variables.
    pub globals: Vec<Global<'a>>,
    /// What it expects of the kernel by name, in the order in which loaders number it.
    #[cfg(feature = "full")]
    pub externs: Vec<Extern<'a>>,
}

impl<'a> Object<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// A file that is not a BPF object, or one that is damaged or asks for what is not known here.
    pub fn parse(bytes: &'a [u8]) -> Result<Object<'a>, ObjectError> {
        parse::object(bytes)
    }

    /// The map with this name: a map of `.maps` by its variable, a data map by its ELF section.
    pub fn map(&self, name: &str) -> Option<usize> {
        self.maps.iter().position(|m| m.name == name)
    }

    /// Where slot `insn` of a section is: the function's symbol, and the slot counted from its start;
    /// outside of functions, the section and the slot as it is.
    pub fn place(&self, code: usize, insn: usize) -> (&'a str, usize) {
        let within = |f: &&Function<'a>| {
            f.code == code && insn.checked_sub(f.start).is_some_and(|at| at < f.len)
        };
        match self.functions.iter().find(within) {
            Some(function) => (function.name, insn - function.start),
            None => (self.code.get(code).map_or("", |c| c.section), insn),
        }
    }

    /// The source line of slot `insn` of a section, as `file.c:12`, where the object says.
    pub fn source_line(&self, code: usize, insn: usize) -> Option<String> {
        let [_, file, _, place] = self.line_record(code, insn)?;
        let path = self.btf.as_ref()?.str_at(StrOffset(file))?;
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        Some(format!("{name}:{}", place >> 10))
    }

    /// The text of that source line, without the spaces around it; `None` where it has none.
    #[cfg(feature = "full")]
    pub fn source_text(&self, code: usize, insn: usize) -> Option<&str> {
        let [_, _, text, _] = self.line_record(code, insn)?;
        let text = self.btf.as_ref()?.str_at(StrOffset(text))?.trim_ascii();
        (!text.is_empty()).then_some(text)
    }

    /// Instruction, file, text, and line and column in one word: of the records up to the instruction,
    /// the last.
    fn line_record(&self, code: usize, insn: usize) -> Option<[u32; 4]> {
        let btf = self.btf.as_ref()?;
        let lines = self.ext.line_info.of(btf, self.code.get(code)?.section);
        let words = lines.filter_map(|record| record.as_chunks::<4>().0.first_chunk::<4>());
        let words = words.map(|words| words.map(u32::from_le_bytes));
        let record = words.filter(|[at, ..]| *at as usize / 8 <= insn);
        record.max_by_key(|[at, ..]| *at)
    }

    /// The function that a program starts with.
    pub fn entry(&self, program: &Program<'a>) -> Option<&Function<'a>> {
        self.functions.get(program.function)
    }
}
