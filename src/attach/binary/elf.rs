//! An ELF file that runs here: its functions, and where they lie in the file.
//!
//! Names are those of `.dynsym` and of `.symtab`. An address of memory becomes a byte of the file by
//! the program headers, as the loader of programs maps them.

use super::BinaryError;
use super::strings::Strings;
use super::versions::{Version, Versions};
use crate::attach::glob;
use crate::near::Near;
use crate::sys::file;
use object::LittleEndian as LE;
use object::elf;
use object::pod::{Pod, from_bytes};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

/// Symbols that are read at once.
const CHUNK: usize = 512;
/// Symbols of one name that are looked at, and places that a pattern may match.
const SAME_NAME: usize = 64;
const MATCHES: usize = 1 << 20;

/// A program or library, open for reading.
pub struct Binary {
    path: String,
    file: OwnedFd,
    wide: bool,
    /// Of a 32-bit arm file the lowest bit of an address says how its code is read.
    arm: bool,
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

struct Segment {
    address: u64,
    offset: u64,
    len: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Section {
    pub kind: u32,
    pub offset: u64,
    pub size: u64,
    pub link: usize,
}

/// A function in a symbol table.
struct Symbol<'s> {
    name: &'s str,
    address: u64,
    binding: u8,
    /// It chooses the function.
    indirect: bool,
    /// The table, and the place in it.
    table: usize,
    index: u64,
}

/// A function of the wanted name.
struct Match {
    address: u64,
    /// The greater is the one meant: first those of the default version, then by binding.
    rank: (bool, u8),
    indirect: bool,
}

impl Binary {
    /// Opens a linked file for this byte order, 64-bit or 32-bit.
    pub fn open(path: &str) -> Result<Binary, BinaryError> {
        let failed = |errno| BinaryError::File {
            path: path.to_owned(),
            errno,
        };
        let file = file::open(path).map_err(failed)?;
        let no = |why| BinaryError::NotElf {
            path: path.to_owned(),
            why,
        };
        if file::is_folder(&file).map_err(failed)? {
            return Err(no("it is a folder"));
        }
        let mut ident = [0; 6];
        match file::read_at(&file, 0, &mut ident) {
            Ok(6) if ident.starts_with(b"\x7fELF") => {}
            Ok(_) => return Err(no("not an ELF file")),
            Err(errno) => return Err(failed(errno)),
        }
        let binary = Binary {
            path: path.to_owned(),
            file,
            wide: ident[4] == 2,
            arm: false,
            segments: Vec::new(),
            sections: Vec::new(),
        };
        let read = match (ident[4], ident[5]) {
            (2, 1) => binary.read::<elf::FileHeader64<LE>>(),
            (1, 1) => binary.read::<elf::FileHeader32<LE>>(),
            (1 | 2, 2) => Err("it is big-endian, which this machine is not"),
            _ => Err("not an ELF file"),
        };
        read.map_err(no)
    }

    fn read<H: FileHeader<Endian = LE>>(mut self) -> Result<Binary, &'static str> {
        const DAMAGED: &str = "its headers lie outside the file";
        let header: H = self.at(0).ok_or(DAMAGED)?;
        let kind = header.e_type(LE).0;
        if kind != elf::ET_EXEC.0 && kind != elf::ET_DYN.0 {
            return Err("it was not linked");
        }
        self.arm = header.e_machine(LE).0 == elf::EM_ARM.0;
        let place =
            |start: u64, size: usize, index: u16| start.checked_add(u64::from(index) * size as u64);
        let (start, size) = (header.e_phoff(LE).into(), size_of::<H::ProgramHeader>());
        for index in 0..header.e_phnum(LE) {
            let at = place(start, size, index).ok_or(DAMAGED)?;
            let segment: H::ProgramHeader = self.at(at).ok_or(DAMAGED)?;
            if segment.p_type(LE).0 == elf::PT_LOAD.0 {
                self.segments.push(Segment {
                    address: segment.p_vaddr(LE).into(),
                    offset: segment.p_offset(LE).into(),
                    len: segment.p_filesz(LE).into(),
                });
            }
        }
        let (start, size) = (header.e_shoff(LE).into(), size_of::<H::SectionHeader>());
        for index in 0..header.e_shnum(LE) {
            let at = place(start, size, index).ok_or(DAMAGED)?;
            // Some strippers leave a table that is not there: it can run without.
            let Some(section) = self.at::<H::SectionHeader>(at) else {
                break;
            };
            self.sections.push(Section {
                kind: section.sh_type(LE).0,
                offset: section.sh_offset(LE).into(),
                size: section.sh_size(LE).into(),
                link: section.sh_link(LE) as usize,
            });
        }
        Ok(self)
    }

    /// A struct in the file.
    fn at<T: Pod>(&self, offset: u64) -> Option<T> {
        read_struct(&self.file, offset)
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The byte of the file where a function starts: `name`, `name@VERSION` or, for the version that
    /// programs are linked to today, `name@@VERSION`.
    pub fn function(&self, name: &str) -> Result<u64, BinaryError> {
        let (base, version) = Version::split(name);
        let mut found: Vec<Match> = Vec::new();
        let mut any = false;
        self.for_each_symbol(&mut |symbol| {
            any = true;
            let (own, told) = Version::split(symbol.name);
            if own != base || found.len() >= SAME_NAME {
                return;
            }
            // Tables of libraries say versions apart from names; others write them into the name.
            let of_table = match told {
                None => self.versions().of(symbol.table, symbol.index),
                Some(_) => None,
            };
            let told = told.or(of_table.as_ref().map(|(name, default)| Version {
                name,
                default: *default,
            }));
            if version.is_some_and(|wanted| !wanted.takes(told)) {
                return;
            }
            let default = told.is_none_or(|told| told.default);
            found.push(Match {
                address: symbol.address,
                rank: (default, symbol.binding),
                indirect: symbol.indirect,
            });
        });
        if !any {
            let path = self.path.clone();
            return Err(BinaryError::Stripped { path });
        }
        self.choose(name, found)
    }

    fn choose(&self, name: &str, found: Vec<Match>) -> Result<u64, BinaryError> {
        let (path, function) = (self.path.clone(), name.to_owned());
        let Some(best) = found.iter().map(|found| found.rank).max() else {
            let near = self.near(name);
            return Err(BinaryError::NoFunction {
                path,
                function,
                near,
            });
        };
        let mut meant: Vec<&Match> = found.iter().filter(|found| found.rank == best).collect();
        meant.sort_by_key(|found| found.address);
        meant.dedup_by_key(|found| found.address);
        if meant.iter().any(|found| found.indirect) {
            return Err(BinaryError::Indirect { path, function });
        }
        let offsets = meant.iter().map(|found| self.offset(found.address));
        let Some(offsets) = offsets.collect::<Option<Vec<u64>>>() else {
            return Err(BinaryError::Outside { path, function });
        };
        match offsets.as_slice() {
            [offset] => Ok(*offset),
            several => {
                let several: Vec<String> = several.iter().map(|o| format!("{o:#x}")).collect();
                Err(BinaryError::Ambiguous {
                    path,
                    function,
                    offsets: several.join(", "),
                })
            }
        }
    }

    /// The functions that a pattern matches, as bytes of the file, ascending and each once.
    pub fn matching(&self, pattern: &str) -> Result<Vec<u64>, BinaryError> {
        let mut found = Vec::new();
        let mut any = false;
        self.for_each_symbol(&mut |symbol| {
            any = true;
            let (base, _) = Version::split(symbol.name);
            if symbol.indirect || !glob::matches(pattern.as_bytes(), base.as_bytes()) {
                return;
            }
            if let Some(offset) = self
                .offset(symbol.address)
                .filter(|_| found.len() < MATCHES)
            {
                found.push(offset);
            }
        });
        if !any {
            let path = self.path.clone();
            return Err(BinaryError::Stripped { path });
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Whether byte `offset` of the file is loaded when it runs.
    pub fn holds(&self, offset: u64) -> bool {
        let within = |s: &Segment| offset.checked_sub(s.offset).is_some_and(|at| at < s.len);
        self.segments.iter().any(within)
    }

    fn near(&self, name: &str) -> String {
        let mut near = Near::new(name);
        self.for_each_symbol(&mut |symbol| near.consider(symbol.name));
        near.join()
    }

    /// The byte of the file that is loaded at an address.
    fn offset(&self, address: u64) -> Option<u64> {
        let address = if self.arm { address & !1 } else { address };
        self.segments.iter().find_map(|segment| {
            let within = address.checked_sub(segment.address)?;
            (within < segment.len).then(|| segment.offset.checked_add(within))?
        })
    }

    fn versions(&self) -> Versions<'_> {
        Versions {
            file: &self.file,
            sections: &self.sections,
        }
    }

    /// Hands each function that is defined here to `each`, those of `.dynsym` and those of `.symtab`.
    fn for_each_symbol(&self, each: &mut dyn FnMut(&Symbol<'_>)) {
        for (table, section) in self.sections.iter().enumerate() {
            if section.kind != elf::SHT_DYNSYM.0 && section.kind != elf::SHT_SYMTAB.0 {
                continue;
            }
            match self.wide {
                true => self.symbols_of::<elf::Sym64<LE>>(table, section, each),
                false => self.symbols_of::<elf::Sym32<LE>>(table, section, each),
            }
        }
    }

    fn symbols_of<S: Sym<Endian = LE> + Pod>(
        &self,
        table: usize,
        section: &Section,
        each: &mut dyn FnMut(&Symbol<'_>),
    ) {
        let Some(strings) = self.sections.get(section.link) else {
            return;
        };
        let mut strings = Strings::new(&self.file, strings.offset, strings.size);
        let size = size_of::<S>();
        let count = section.size / size as u64;
        let mut buffer = vec![0; CHUNK * size];
        let mut index = 0;
        while index < count {
            let Some(at) = section.offset.checked_add(index * size as u64) else {
                return;
            };
            // A table that ends before its size says has no more symbols.
            let Ok(read) = file::read_at(&self.file, at, &mut buffer) else {
                return;
            };
            let whole = buffer.get(..read).unwrap_or_default().chunks_exact(size);
            if whole.len() == 0 {
                return;
            }
            for bytes in whole {
                if index == count {
                    return;
                }
                if let Ok((symbol, _)) = from_bytes::<S>(bytes)
                    && let Some(symbol) = function(symbol, &mut strings, table, index)
                {
                    each(&symbol);
                }
                index += 1;
            }
        }
    }
}

/// A symbol that is a function, and defined.
fn function<'s, S: Sym<Endian = LE>>(
    symbol: &S,
    strings: &'s mut Strings<'_>,
    table: usize,
    index: u64,
) -> Option<Symbol<'s>> {
    let kind = symbol.st_type().0;
    let indirect = kind == elf::STT_GNU_IFUNC.0;
    if (kind != elf::STT_FUNC.0 && !indirect) || symbol.st_shndx(LE).0 == 0 {
        return None;
    }
    let name = strings.get(u64::from(symbol.st_name(LE)))?;
    Some(Symbol {
        name: core::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())?,
        address: symbol.st_value(LE).into(),
        binding: match symbol.st_bind().0 {
            1 => 2,
            2 => 1,
            _ => 0,
        },
        indirect,
        table,
        index,
    })
}

/// A struct at byte `offset` of a file.
pub(super) fn read_struct<T: Pod>(file: &OwnedFd, offset: u64) -> Option<T> {
    // The largest is a header of 64 bytes.
    let mut bytes = [0; 64];
    let bytes = bytes.get_mut(..size_of::<T>())?;
    let read: Result<usize, Errno> = file::read_at(file, offset, bytes);
    if read != Ok(bytes.len()) {
        return None;
    }
    from_bytes::<T>(bytes).ok().map(|(value, _)| *value)
}
