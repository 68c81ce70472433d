//! Why a file is not an object that can be loaded.

use thiserror::Error;

use crate::btf::BtfError;
use crate::elf::ElfError;

/// An object that was refused before the kernel saw anything of it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ObjectError {
    /// The file is no BPF ELF object.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// Its BTF is damaged.
    #[error("section {section}: {source}")]
    Btf {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// What is wrong.
        source: BtfError,
    },
    /// It needs BTF and has none.
    #[error("the object has no BTF, which {needs} needs")]
    NoBtf {
        /// What can't be read without.
        needs: &'static str,
    },
    /// No function in any program section.
    #[error("no program found in the object")]
    NoProgram,
    /// A section name that says no program kind.
    #[error("program {program}: section '{section}' is not known")]
    UnknownSection {
        /// The function.
        program: String,
        /// Its ELF section.
        section: String,
        /// Names that come near, joined; empty for none.
        near: String,
    },
    /// A program that is to be changed and is not there.
    #[error("the object has no program {program}")]
    NoSuchProgram {
        /// The name that was asked for.
        program: String,
        /// The programs that are there, joined.
        known: String,
    },
    /// A place that a program can't be attached to.
    #[error("program {program}: it can't be attached to '{place}': {why}")]
    BadPlace {
        /// The program.
        program: String,
        /// The place.
        place: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A place for programs of a kind of which the object has none.
    #[cfg(feature = "full")]
    #[error("the object has no program for {place}: {kind} programs attach there")]
    NoneOfKind {
        /// The place.
        place: String,
        /// The kind.
        kind: &'static str,
    },
    /// A section name of a known kind with a target that can't be read.
    #[error("program {program}: section '{section}': {why}")]
    BadSection {
        /// The function.
        program: String,
        /// Its ELF section.
        section: String,
        /// What is wrong.
        why: &'static str,
    },
    /// An exception callback that can't be one.
    #[cfg(feature = "full")]
    #[error("program {program}: its exception callback {callback} {why}")]
    BadCallback {
        /// The function that names it.
        program: String,
        /// The callback.
        callback: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A map that can't be understood.
    #[error("map {map}: {why}")]
    BadMap {
        /// Its variable.
        map: String,
        /// What is wrong.
        why: String,
    },
    /// A code section that is not made of whole instructions, or a symbol outside it.
    #[error("section {section}: {why}")]
    BadCode {
        /// The ELF section.
        section: String,
        /// What is wrong.
        why: &'static str,
    },
    /// An instruction that refers to something that can't be resolved.
    #[error("section {section}, instruction {insn}: {why}{symbol}")]
    BadReference {
        /// The ELF section.
        section: String,
        /// The instruction, counted in slots of 8 bytes from the start of the section.
        insn: usize,
        /// What is wrong.
        why: &'static str,
        /// The symbol, or nothing.
        symbol: String,
    },
    /// A global variable that is to be set and is not there.
    #[error("the object has no global variable {name} of {size} bytes")]
    NoVariable {
        /// The variable.
        name: String,
        /// Bytes of the value that it was to be given.
        size: usize,
    },
    /// A data section with a value that does not fit.
    #[error("section {section}: {why}")]
    BadData {
        /// The ELF section.
        section: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl ObjectError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ObjectError::Elf(ElfError::NotElf) => {
                Some("give a BPF object, made by clang -target bpf -O2 -g -c".into())
            }
            ObjectError::Elf(ElfError::Machine { .. }) => {
                Some("compile it with clang -target bpf -O2 -g -c".into())
            }
            ObjectError::Elf(ElfError::Damaged(_)) | ObjectError::Btf { .. } => {
                Some("the file may have been cut off: copy it again and compare its size".into())
            }
            ObjectError::NoBtf { .. } => {
                Some("compile it with -g, and strip it with llvm-strip -g, which keeps BTF".into())
            }
            ObjectError::NoProgram => {
                Some("mark functions with SEC(\"…\") from bpf_helpers.h".into())
            }
            #[cfg(feature = "full")]
            ObjectError::UnknownSection { program, near, .. } => Some(match near.as_str() {
                "" => format!(
                    "name its kind by --type {program}=SECTION; known are {}, and all others of libbpf",
                    super::KNOWN_SECTIONS
                ),
                near => format!("{near}; --type {program}=SECTION names its kind"),
            }),
            #[cfg(not(feature = "full"))]
            ObjectError::UnknownSection { .. } => {
                Some(format!("known are {}", super::KNOWN_SECTIONS))
            }
            ObjectError::NoSuchProgram { known, .. } => Some(format!("it has {known}")),
            _ => None,
        }
    }
}
