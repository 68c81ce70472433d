//! A small ELF writer for tests: sections, symbols and relocations in, the bytes of an object out.
//!
//! Nothing is checked: a test may build what no compiler would.

use super::{Insn, op};
use crate::elf::{Binding, SymbolKind};

/// An object on its way to bytes.
#[derive(Default)]
pub struct Writer {
    sections: Vec<Section>,
    symbols: Vec<[u8; 24]>,
    names: Vec<u8>,
}

struct Section {
    name: String,
    kind: u32,
    flags: u64,
    data: Vec<u8>,
    /// NOBITS: a size, and no bytes.
    size: u64,
    relocations: Vec<[u8; 16]>,
}

const PROGBITS: u32 = 1;
const NOBITS: u32 = 8;
const HEADER: usize = 64;

impl Writer {
    /// An object with a license and nothing else.
    pub fn new() -> Writer {
        let mut writer = Writer {
            symbols: vec![[0; 24]],
            names: vec![0],
            ..Writer::default()
        };
        writer.data("license", b"GPL\0");
        writer
    }

    fn section(&mut self, name: &str, kind: u32, flags: u64, data: &[u8], size: u64) -> usize {
        self.sections.push(Section {
            name: name.into(),
            kind,
            flags,
            data: data.to_vec(),
            size,
            relocations: Vec::new(),
        });
        self.sections.len()
    }

    /// A section of instructions; its number.
    pub fn code(&mut self, name: &str, insns: &[Insn]) -> usize {
        let bytes: Vec<u8> = insns.iter().flat_map(|insn| insn.bytes()).collect();
        self.section(name, PROGBITS, 6, &bytes, bytes.len() as u64)
    }

    /// A section of bytes.
    pub fn data(&mut self, name: &str, bytes: &[u8]) -> usize {
        self.section(name, PROGBITS, 3, bytes, bytes.len() as u64)
    }

    /// A section of zeroes that are not in the file.
    pub fn bss(&mut self, name: &str, size: u64) -> usize {
        self.section(name, NOBITS, 3, &[], size)
    }

    /// A symbol in a section (0: in none), at a byte, so many bytes long; its number.
    pub fn symbol(
        &mut self,
        name: &str,
        (section, value, size): (usize, u64, u64),
        kind: SymbolKind,
        binding: Binding,
    ) -> usize {
        let at = match name {
            "" => 0,
            _ => self.names.len() as u32,
        };
        if !name.is_empty() {
            self.names.extend_from_slice(name.as_bytes());
            self.names.push(0);
        }
        let kind = match kind {
            SymbolKind::Other => 0,
            SymbolKind::Object => 1,
            SymbolKind::Function => 2,
            SymbolKind::Section => 3,
        };
        let binding = match binding {
            Binding::Local => 0,
            Binding::Global => 1,
            Binding::Weak => 2,
        };
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&at.to_le_bytes());
        bytes[4] = binding << 4 | kind;
        bytes[6..8].copy_from_slice(&(section as u16).to_le_bytes());
        bytes[8..16].copy_from_slice(&value.to_le_bytes());
        bytes[16..].copy_from_slice(&size.to_le_bytes());
        self.symbols.push(bytes);
        self.symbols.len() - 1
    }

    /// A global function of so many instructions, from this one of its section on; its symbol.
    pub fn function(&mut self, name: &str, section: usize, start: usize, len: usize) -> usize {
        let place = (section, start as u64 * 8, len as u64 * 8);
        self.symbol(name, place, SymbolKind::Function, Binding::Global)
    }

    /// The symbol of a section as a whole.
    pub fn whole(&mut self, section: usize) -> usize {
        let place = (section, 0, 0);
        self.symbol("", place, SymbolKind::Section, Binding::Local)
    }

    /// A relocation of a byte of a section, against a symbol.
    pub fn relocate(&mut self, section: usize, offset: u64, symbol: usize) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&offset.to_le_bytes());
        bytes[8..].copy_from_slice(&(1 | (symbol as u64) << 32).to_le_bytes());
        self.sections[section - 1].relocations.push(bytes);
    }

    /// The object.
    pub fn bytes(&self) -> Vec<u8> {
        let symbols = self.symbols.concat();
        let symtab = self.sections.len() as u32 + 1;
        let mut listed: Vec<Header<'_>> = Vec::new();
        for section in &self.sections {
            listed.push(Header {
                name: section.name.clone(),
                words: [section.kind, 0, 0, 0],
                flags: section.flags,
                data: &section.data,
                size: section.size,
            });
        }
        let table = |name: String, words, data| Header {
            name,
            words,
            flags: 0,
            data,
            size: <[u8]>::len(data) as u64,
        };
        listed.push(table(".symtab".into(), [2, symtab + 1, 1, 24], &symbols));
        listed.push(table(".strtab".into(), [3, 0, 0, 0], &self.names));
        let relocations = self.sections.iter().map(|s| s.relocations.concat());
        let relocations: Vec<Vec<u8>> = relocations.collect();
        for (index, bytes) in relocations.iter().enumerate() {
            if !bytes.is_empty() {
                let name = [".rel", &self.sections[index].name].concat();
                listed.push(table(name, [9, symtab, index as u32 + 1, 16], bytes));
            }
        }
        let mut names: Vec<u8> = vec![0];
        names.extend(
            listed
                .iter()
                .flat_map(|h| [h.name.as_bytes(), b"\0"].concat()),
        );
        let own = names.len();
        names.extend_from_slice(b".shstrtab\0");
        let own_names = names.clone();
        listed.push(table(".shstrtab".into(), [3, 0, 0, 0], &own_names));
        let mut out = vec![0u8; HEADER];
        let mut headers = vec![0u8; 64];
        let mut name = 1u32;
        for header in &listed {
            let [kind, link, info, entry] = header.words;
            for word in [name, kind] {
                headers.extend_from_slice(&word.to_le_bytes());
            }
            for long in [header.flags, 0, out.len() as u64, header.size] {
                headers.extend_from_slice(&long.to_le_bytes());
            }
            for word in [link, info, 8, 0, entry, 0] {
                headers.extend_from_slice(&word.to_le_bytes());
            }
            name += header.name.len() as u32 + 1;
            out.extend_from_slice(header.data);
            out.resize(out.len().next_multiple_of(8), 0);
        }
        assert_eq!(name as usize, own + ".shstrtab".len() + 1);
        let start = out.len() as u64;
        out[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        out[16..24].copy_from_slice(&[1, 0, 247, 0, 1, 0, 0, 0]);
        out[40..48].copy_from_slice(&start.to_le_bytes());
        out[52..54].copy_from_slice(&(HEADER as u16).to_le_bytes());
        out[58..60].copy_from_slice(&64u16.to_le_bytes());
        out[60..62].copy_from_slice(&(listed.len() as u16 + 1).to_le_bytes());
        out[62..64].copy_from_slice(&(listed.len() as u16).to_le_bytes());
        out.extend(headers);
        out
    }
}

/// A section's header, but for where it lies.
struct Header<'w> {
    name: String,
    /// Type, link, info, size of an entry.
    words: [u32; 4],
    flags: u64,
    data: &'w [u8],
    size: u64,
}

/// `exit`.
pub const EXIT: Insn = insn(0x95, 0, 0);

/// `r0 = imm`.
pub const fn set(imm: i32) -> Insn {
    insn(0xb7, 0, imm)
}

/// A call of a function of the program.
pub const fn call(imm: i32) -> Insn {
    insn(op::CALL, op::PSEUDO_CALL << 4, imm)
}

/// A load of sixteen bytes into r1.
pub const fn load(imm: i32) -> [Insn; 2] {
    [insn(op::LD_IMM64, 1, imm), insn(0, 0, 0)]
}

const fn insn(code: u8, regs: u8, imm: i32) -> Insn {
    Insn {
        code,
        regs,
        off: 0,
        imm,
    }
}
