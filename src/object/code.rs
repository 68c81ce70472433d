//! Executable sections, the functions in them, and what their instructions refer to.

use super::{Hook, Insn, ObjectError, ProgramKind};
use crate::btf::CoreRelo;

/// An executable section.
#[derive(Clone, Debug)]
pub struct Code<'a> {
    /// The ELF section's name.
    pub section: &'a str,
    /// Its instructions, as compiled.
    pub insns: Vec<Insn>,
    /// What its instructions refer to, by instruction.
    pub references: Vec<Reference<'a>>,
    /// Its CO-RE relocations, by instruction.
    pub relocations: Vec<CoreRelo>,
}

impl<'a> Code<'a> {
    /// What instruction `insn` of the section refers to.
    pub fn reference(&self, insn: usize) -> Option<Referent<'a>> {
        let at = self
            .references
            .binary_search_by_key(&insn, |r| r.insn)
            .ok()?;
        self.references.get(at).map(|r| r.to)
    }
}

/// A function: a program's entry or a subprogram.
#[derive(Clone, Debug)]
pub struct Function<'a> {
    /// Its symbol.
    pub name: &'a str,
    /// Index of its section in [`super::Object::code`].
    pub code: usize,
    /// Its first instruction in the section.
    pub start: usize,
    /// How many instruction slots it has.
    pub len: usize,
    /// Static: not seen outside its file.
    pub local: bool,
    /// Seen outside its file, and not hidden.
    pub global: bool,
}

/// A function that the kernel loads as a program.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// The function's symbol.
    pub name: &'a str,
    /// Its ELF section, with `?` if it has one.
    pub section: &'a str,
    /// Index in [`super::Object::functions`].
    pub function: usize,
    /// Its kind.
    pub kind: ProgramKind,
    /// Where it attaches.
    pub hook: Hook<'a>,
    /// Loaded without being asked for: its section has no `?`.
    pub autoload: bool,
    /// What runs when it throws: an index in [`super::Object::functions`].
    #[cfg(feature = "full")]
    pub exception_callback: Option<usize>,
}

/// An instruction and what it refers to.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// The instruction, counted in slots from the start of the section.
    pub insn: usize,
    /// What it means.
    pub to: Referent<'a>,
}

impl Program<'_> {
    /// Why a program whose section says no kind ([`Hook::Unknown`]) is not loaded.
    pub fn unknown_section(&self) -> ObjectError {
        ObjectError::UnknownSection {
            program: self.name.into(),
            section: self.section.into(),
            #[cfg(feature = "full")]
            near: super::kinds::near(self.section.trim_start_matches('?')),
            #[cfg(not(feature = "full"))]
            near: String::new(),
        }
    }
}

/// What an instruction refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent<'a> {
    /// A map: its index in [`super::Object::maps`].
    Map(usize),
    /// A byte in a data map.
    Data {
        /// Index in [`super::Object::maps`].
        map: usize,
        /// Bytes from the start of its value.
        offset: u32,
    },
    /// A call of a function: its index in [`super::Object::functions`].
    Call(usize),
    /// The address of a function.
    Address(usize),
    /// A kernel symbol or kernel function.
    Extern {
        /// Its name.
        name: &'a str,
    },
}
