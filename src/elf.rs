//! Sections, symbols and relocations of a relocatable BPF ELF file, over the `object` crate.
//!
//! Nothing here knows what a program or a map is. Everything is borrowed from the file's bytes.

use object::Endianness;
use object::elf;
use object::read::SectionIndex;
use object::read::elf::{FileHeader, Rel as _, SectionHeader, SectionTable, Sym};
use thiserror::Error;

type File = elf::FileHeader64<Endianness>;

/// A file that is not a BPF object, or whose tables are damaged.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ElfError {
    /// Too short, or without the ELF magic number.
    #[error("not an ELF file")]
    NotElf,
    /// ELF, but for another kind of machine or purpose.
    #[error("{0}")]
    Wrong(&'static str),
    /// ELF for another processor. The number is `e_machine`.
    #[error("compiled for {name} (ELF machine {machine}), not for BPF")]
    Machine {
        /// `e_machine`.
        machine: u16,
        /// What people call it.
        name: &'static str,
    },
    /// A table or section that lies outside the file.
    #[error("damaged ELF file: {0}")]
    Damaged(&'static str),
}

/// One section. Its number is its place in [`Elf::sections`].
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// Its contents; empty for NOBITS.
    pub data: &'a [u8],
    /// Its size in bytes, for NOBITS too.
    pub size: u64,
    /// What its place in a larger section must be a multiple of, in bytes; 0 is 1.
    pub align: u64,
}

impl Section<'_> {
    /// Holds instructions.
    pub fn is_code(&self) -> bool {
        self.kind == elf::SHT_PROGBITS.0 && self.flags & elf::SHF_EXECINSTR.0 != 0
    }
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A variable.
    Object,
    /// A section as a whole.
    Section,
    /// No type, a file name, or something that BPF has no use for.
    Other,
}

/// How far a symbol is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// In its file.
    Local,
    /// Everywhere.
    Global,
    /// Everywhere, unless there is a global one.
    Weak,
}

/// One symbol. Its number is its place in [`Elf::symbols`].
#[derive(Clone, Debug)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// The section that defines it; `None` if it is not defined here.
    pub section: Option<usize>,
    /// Byte in that section.
    pub value: u64,
    /// Size in bytes.
    pub size: u64,
    /// What it names.
    pub kind: SymbolKind,
    /// How far it is seen.
    pub binding: Binding,
    /// Hidden or internal: not for other objects, and so not checked by itself.
    pub hidden: bool,
}

/// One place in a section that refers to a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Byte in the section.
    pub offset: u64,
    /// Number of the symbol.
    pub symbol: usize,
    /// `R_BPF_…`.
    pub kind: u32,
}

/// An opened file.
#[derive(Debug)]
pub struct Elf<'a> {
    data: &'a [u8],
    endian: Endianness,
    table: SectionTable<'a, File>,
    /// All sections, the empty one at 0 among them.
    pub sections: Vec<Section<'a>>,
    /// All symbols, the empty one at 0 among them.
    pub symbols: Vec<Symbol<'a>>,
}

impl<'a> Elf<'a> {
    /// Opens a 64-bit little-endian relocatable ELF file for the BPF machine.
    ///
    /// # Errors
    /// Anything else, each with its reason.
    pub fn parse(data: &'a [u8]) -> Result<Elf<'a>, ElfError> {
        check_ident(data)?;
        let header = File::parse(data).map_err(|_| ElfError::NotElf)?;
        let endian = header.endian().map_err(|_| ElfError::NotElf)?;
        check_header(header, endian)?;
        let table = header
            .sections(endian, data)
            .map_err(|_| ElfError::Damaged("its section table lies outside the file"))?;
        let sections = table
            .iter()
            .map(|section| read_section(&table, section, endian, data))
            .collect::<Result<_, _>>()?;
        let symbols = read_symbols(&table, endian, data)?;
        Ok(Elf {
            data,
            endian,
            table,
            sections,
            symbols,
        })
    }

    /// The first section with this name.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// The relocations of section number `section`, in file order; none if it has none.
    ///
    /// # Errors
    /// A table outside the file.
    pub fn relocations(&self, section: usize) -> Result<Vec<Relocation>, ElfError> {
        const DAMAGED: ElfError = ElfError::Damaged("a relocation table lies outside the file");
        let mut found = Vec::new();
        for header in self.table.iter() {
            if header.sh_info(self.endian) as usize != section {
                continue;
            }
            let rel = header.rel(self.endian, self.data).map_err(|_| DAMAGED)?;
            for rel in rel.map(|(rel, _)| rel).unwrap_or_default() {
                found.push(Relocation {
                    offset: rel.r_offset(self.endian),
                    symbol: rel.r_sym(self.endian) as usize,
                    kind: rel.r_type(self.endian).0,
                });
            }
        }
        Ok(found)
    }
}

fn check_ident(data: &[u8]) -> Result<(), ElfError> {
    if data.get(..4) != Some(b"\x7fELF") {
        return Err(ElfError::NotElf);
    }
    match (data.get(4), data.get(5)) {
        (Some(1), _) => Err(ElfError::Wrong("a 32-bit ELF file; BPF objects are 64-bit")),
        (_, Some(2)) => Err(ElfError::Wrong(
            "a big-endian object (compiled with -target bpfeb?); arm64 boards are little-endian: use -target bpf or bpfel",
        )),
        (Some(2), Some(1)) => Ok(()),
        _ => Err(ElfError::NotElf),
    }
}

fn check_header(header: &File, endian: Endianness) -> Result<(), ElfError> {
    let machine = header.e_machine(endian).0;
    // Compilers before the number was given out (2016) wrote 0.
    if machine != elf::EM_BPF.0 && machine != 0 {
        let name = match machine {
            62 => "x86-64",
            183 => "arm64",
            40 => "arm",
            3 => "x86",
            243 => "RISC-V",
            _ => "another processor",
        };
        return Err(ElfError::Machine { machine, name });
    }
    if header.e_type(endian).0 != elf::ET_REL.0 {
        return Err(ElfError::Wrong(
            "a linked file; BPF objects are relocatable (clang -c)",
        ));
    }
    Ok(())
}

fn read_section<'a>(
    table: &SectionTable<'a, File>,
    section: &elf::SectionHeader64<Endianness>,
    endian: Endianness,
    data: &'a [u8],
) -> Result<Section<'a>, ElfError> {
    let name = table
        .section_name(endian, section)
        .ok()
        .and_then(|name| core::str::from_utf8(name).ok())
        .ok_or(ElfError::Damaged("a section name is not in its table"))?;
    let contents = section
        .data(endian, data)
        .map_err(|_| ElfError::Damaged("a section lies outside the file"))?;
    Ok(Section {
        name,
        kind: section.sh_type(endian).0,
        flags: section.sh_flags(endian).0,
        data: contents,
        size: section.sh_size(endian),
        align: section.sh_addralign(endian),
    })
}

fn read_symbols<'a>(
    table: &SectionTable<'a, File>,
    endian: Endianness,
    data: &'a [u8],
) -> Result<Vec<Symbol<'a>>, ElfError> {
    const DAMAGED: ElfError = ElfError::Damaged("its symbol table lies outside the file");
    let symbols = table
        .symbols(endian, data, elf::SHT_SYMTAB)
        .map_err(|_| DAMAGED)?;
    symbols
        .iter()
        .map(|symbol| {
            let name = symbols
                .symbol_name(endian, symbol)
                .ok()
                .and_then(|name| core::str::from_utf8(name).ok())
                .ok_or(ElfError::Damaged("a symbol name is not in its table"))?;
            let section = match symbol.st_shndx(endian).0 {
                0 | 0xff00.. => None,
                index => Some(SectionIndex(usize::from(index)).0),
            };
            Ok(Symbol {
                name,
                section,
                value: symbol.st_value(endian),
                size: symbol.st_size(endian),
                kind: match symbol.st_type().0 {
                    1 => SymbolKind::Object,
                    2 => SymbolKind::Function,
                    3 => SymbolKind::Section,
                    _ => SymbolKind::Other,
                },
                binding: match symbol.st_bind().0 {
                    1 => Binding::Global,
                    2 => Binding::Weak,
                    _ => Binding::Local,
                },
                hidden: matches!(symbol.st_other().0 & 3, 1 | 2),
            })
        })
        .collect()
}
