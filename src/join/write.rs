//! The joined object as a relocatable ELF file (gABI, chapters 4 and 5).

use object::elf;

use super::sections::Section;
use super::symbols::Symbols;
use super::{Input, JoinError};
use crate::elf::{Binding, SymbolKind};

const HEADER: usize = 64;
const SECTION: u16 = 64;
const SYMBOL: u64 = 24;
const RELOCATION: u64 = 16;
/// Section numbers from here on mean other things.
const RESERVED: usize = 0xff00;

/// The bytes of an ELF file, and the table of its sections.
struct File {
    bytes: Vec<u8>,
    headers: Vec<u8>,
    names: Vec<u8>,
}

/// What the table says of a section beside its contents.
#[derive(Default)]
struct About {
    kind: u32,
    flags: u64,
    link: u32,
    info: u32,
    align: u64,
    entry: u64,
}

impl File {
    /// Appends a section: its contents, and `size` where it has none in the file.
    fn section(&mut self, name: &[&str], data: &[u8], size: u64, about: &About) {
        let name_at = self.names.len() as u32;
        for part in name {
            self.names.extend_from_slice(part.as_bytes());
        }
        self.names.push(0);
        let align = about.align.max(1) as usize;
        self.bytes
            .resize(self.bytes.len().next_multiple_of(align), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(data);
        let out = &mut self.headers;
        for word in [name_at, about.kind] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for long in [about.flags, 0, at, size] {
            out.extend_from_slice(&long.to_le_bytes());
        }
        for word in [about.link, about.info] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for long in [about.align, about.entry] {
            out.extend_from_slice(&long.to_le_bytes());
        }
    }
}

/// Writes the file. Sections keep their numbers, behind the empty one.
pub(super) fn object(
    inputs: &[Input<'_>],
    sections: &[Section<'_>],
    symbols: &Symbols<'_>,
) -> Result<Vec<u8>, Box<JoinError>> {
    let relocations = relocations(inputs, sections.len())?;
    let tables = relocations.iter().filter(|table| !table.is_empty()).count();
    let symtab = 1 + sections.len() + tables;
    if symtab + 3 >= RESERVED {
        return Err(JoinError::TooLarge("there are too many sections").into());
    }
    let mut file = File {
        bytes: vec![0; HEADER],
        headers: vec![0; usize::from(SECTION)],
        names: vec![0],
    };
    for section in sections {
        let about = About {
            kind: section.kind,
            flags: section.flags,
            align: section.align,
            ..About::default()
        };
        file.section(&[section.name], &section.data, section.size, &about);
    }
    for (index, (section, table)) in sections.iter().zip(&relocations).enumerate() {
        if !table.is_empty() {
            let about = About {
                kind: elf::SHT_REL.0,
                link: symtab as u32,
                info: index as u32 + 1,
                align: 8,
                entry: RELOCATION,
                ..About::default()
            };
            file.section(&[".rel", section.name], table, table.len() as u64, &about);
        }
    }
    let (table, names, first_global) = symbol_table(symbols)?;
    let about = About {
        kind: elf::SHT_SYMTAB.0,
        link: symtab as u32 + 1,
        info: first_global,
        align: 8,
        entry: SYMBOL,
        ..About::default()
    };
    file.section(&[".symtab"], &table, table.len() as u64, &about);
    let strings = About {
        kind: elf::SHT_STRTAB.0,
        ..About::default()
    };
    file.section(&[".strtab"], &names, names.len() as u64, &strings);
    // The last section holds its own name, too.
    let mut own = file.names.clone();
    own.extend_from_slice(b".shstrtab\0");
    file.section(&[".shstrtab"], &own, own.len() as u64, &strings);
    Ok(finish(file, symtab as u16 + 3))
}

/// Adds the table of sections, and fills in the header.
fn finish(mut file: File, count: u16) -> Vec<u8> {
    let table = file.bytes.len().next_multiple_of(8);
    file.bytes.resize(table, 0);
    file.bytes.append(&mut file.headers);
    let mut header = Vec::with_capacity(HEADER);
    // 64 bits, little-endian, version 1.
    header.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [elf::ET_REL.0, elf::EM_BPF.0] {
        header.extend_from_slice(&half.to_le_bytes());
    }
    header.extend_from_slice(&1u32.to_le_bytes());
    for long in [0, 0, table as u64] {
        header.extend_from_slice(&long.to_le_bytes());
    }
    header.extend_from_slice(&0u32.to_le_bytes());
    for half in [HEADER as u16, 0, 0, SECTION, count, count - 1] {
        header.extend_from_slice(&half.to_le_bytes());
    }
    if let Some(front) = file.bytes.get_mut(..HEADER) {
        front.copy_from_slice(&header);
    }
    file.bytes
}

/// The relocations of each section. What an instruction holds of the place stays as it is: a symbol of
/// an object's section now tells where that object's part begins.
fn relocations(inputs: &[Input<'_>], sections: usize) -> Result<Vec<Vec<u8>>, Box<JoinError>> {
    let mut tables = vec![Vec::new(); sections];
    for input in inputs {
        for index in 0..input.elf.sections.len() {
            let Some(place) = input.place(index) else {
                continue;
            };
            let Some(table) = tables.get_mut(place.section) else {
                continue;
            };
            let found = input.elf.relocations(index);
            let found = found.map_err(|source| JoinError::Elf {
                object: input.name.into(),
                source,
            })?;
            for relocation in found {
                let symbol = input.symbols.get(relocation.symbol);
                let symbol = symbol.copied().unwrap_or_default() as u64;
                let info = symbol << 32 | u64::from(relocation.kind);
                for long in [relocation.offset.saturating_add(place.base), info] {
                    table.extend_from_slice(&long.to_le_bytes());
                }
            }
        }
    }
    Ok(tables)
}

/// The symbols, their names, and the number of the first global one.
fn symbol_table(symbols: &Symbols<'_>) -> Result<(Vec<u8>, Vec<u8>, u32), Box<JoinError>> {
    let mut table = vec![0; SYMBOL as usize];
    let mut names = vec![0u8];
    let mut first_global = 1;
    for symbol in &symbols.all {
        let name = match symbol.name.is_empty() {
            true => 0,
            false => names.len(),
        };
        let name = u32::try_from(name).map_err(|_| JoinError::TooLarge("names of symbols"))?;
        if name != 0 {
            names.extend_from_slice(symbol.name.as_bytes());
            names.push(0);
        }
        let binding = match symbol.binding {
            Binding::Local => elf::STB_LOCAL,
            Binding::Global => elf::STB_GLOBAL,
            Binding::Weak => elf::STB_WEAK,
        };
        let kind = match symbol.kind {
            SymbolKind::Object => elf::STT_OBJECT,
            SymbolKind::Function => elf::STT_FUNC,
            SymbolKind::Section => elf::STT_SECTION,
            SymbolKind::Other => elf::STT_NOTYPE,
        };
        if symbol.binding == Binding::Local {
            first_global += 1;
        }
        let visibility = match symbol.hidden {
            true => elf::STV_HIDDEN,
            false => elf::STV_DEFAULT,
        };
        let section = symbol.section.map_or(0, |section| section as u16 + 1);
        table.extend_from_slice(&name.to_le_bytes());
        table.extend_from_slice(&[binding.0 << 4 | kind.0, visibility.0]);
        table.extend_from_slice(&section.to_le_bytes());
        for long in [symbol.value, symbol.size] {
            table.extend_from_slice(&long.to_le_bytes());
        }
    }
    Ok((table, names, first_global))
}
