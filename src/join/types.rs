//! The types of all objects in one BTF.

use std::collections::BTreeSet;

use super::ext::shift;
use super::sections::Section;
use super::symbols::Symbols;
use super::{Input, JoinError};
use crate::btf::{Btf, BtfError, Header, Kind, Linkage, TypeId, Types, Word, word};

/// A variable of a DATASEC: type number, offset and size in bytes.
type Entry = (u32, u32, u32);

/// DATASECs of what is not in the object: no section has them, and a name counts once.
const OUTSIDE: [&str; 2] = [".ksyms", ".kconfig"];

/// The bytes of the BTF; `None` where no object has any. Notes in each object where its types and
/// names went.
pub(super) fn merge<'a>(
    inputs: &mut [Input<'a>],
    symbols: &Symbols<'a>,
    sections: &[Section<'_>],
) -> Result<Option<Vec<u8>>, Box<JoinError>> {
    if inputs.iter().all(|input| input.btf.is_none()) {
        return Ok(None);
    }
    let mut strings = vec![0];
    let mut next = 1u32;
    for input in inputs.iter_mut() {
        let Some(btf) = &input.btf else {
            continue;
        };
        // The first name of each is the empty one.
        input.names = strings.len() as u32 - 1;
        strings.extend_from_slice(btf.strings().get(1..).unwrap_or_default());
        input.types = numbers(btf, &mut next).map_err(failed(input.name))?;
    }
    let mut types = Vec::new();
    let mut datasecs: Vec<Datasec<'_>> = Vec::new();
    let mut outside: BTreeSet<&str> = BTreeSet::new();
    for (index, input) in inputs.iter().enumerate() {
        let Some(btf) = &input.btf else {
            continue;
        };
        let records = Records {
            dropped: gather(input, btf, &mut datasecs, &mut outside)?,
            input,
            index,
            btf,
            symbols,
        };
        for id in btf.ids() {
            let header = btf.header(id).map_err(failed(input.name))?;
            if header.kind != Kind::Datasec {
                records.append(&header, &mut types)?;
            }
        }
    }
    for datasec in datasecs {
        datasec.write(sections, &mut types);
    }
    let (Ok(types_len), Ok(strings_len)) =
        (u32::try_from(types.len()), u32::try_from(strings.len()))
    else {
        return Err(JoinError::TooLarge("types").into());
    };
    let header = [0x0001_eb9f, 24, 0, types_len, types_len, strings_len];
    let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    out.extend(types);
    out.extend(strings);
    Ok(Some(out))
}

fn failed(object: &str) -> impl Fn(BtfError) -> JoinError {
    move |source| JoinError::Btf {
        object: object.into(),
        source,
    }
}

/// New numbers from `next` on, but for the DATASECs, which are written behind all others.
fn numbers(btf: &Btf<'_>, next: &mut u32) -> Result<Vec<u32>, BtfError> {
    let mut numbers = vec![0];
    for id in btf.ids() {
        let header = btf.header(id)?;
        numbers.push(match header.kind {
            Kind::Datasec => 0,
            _ => {
                *next += 1;
                *next - 1
            }
        });
    }
    Ok(numbers)
}

/// A DATASEC of the output.
struct Datasec<'a> {
    name: &'a str,
    /// Where its name is.
    name_at: u32,
    entries: Vec<Entry>,
}

impl Datasec<'_> {
    fn write(mut self, sections: &[Section<'_>], out: &mut Vec<u8>) {
        self.entries.sort_by_key(|(_, offset, _)| *offset);
        let size = sections.iter().find(|s| s.name == self.name);
        let size = size.map_or(0, |s| s.size as u32);
        let info = (Kind::Datasec as u32) << 24 | self.entries.len() as u32 & 0xffff;
        let entries = self.entries.iter().take(0xffff);
        let entries = entries.flat_map(|&(ty, offset, size)| [ty, offset, size]);
        for word in [self.name_at, info, size].into_iter().chain(entries) {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
}

/// Adds the DATASECs of an object to those of all. Returns the numbers of externs that others have
/// declared before.
fn gather<'a>(
    input: &Input<'a>,
    btf: &Btf<'a>,
    datasecs: &mut Vec<Datasec<'a>>,
    outside: &mut BTreeSet<&'a str>,
) -> Result<BTreeSet<u32>, Box<JoinError>> {
    let mut dropped = BTreeSet::new();
    for id in btf.ids() {
        let header = btf.header(id).map_err(failed(input.name))?;
        if header.kind != Kind::Datasec {
            continue;
        }
        let name = btf.str_at(header.name).unwrap_or_default();
        let at = match datasecs.iter().position(|d| d.name == name) {
            Some(at) => at,
            None => {
                datasecs.push(Datasec {
                    name,
                    name_at: shift(header.name.0, input.names)?,
                    entries: Vec::new(),
                });
                datasecs.len() - 1
            }
        };
        let Some(datasec) = datasecs.get_mut(at) else {
            continue;
        };
        for index in 0..header.vlen {
            let info = btf.secinfo(&header, index).map_err(failed(input.name))?;
            let var = btf.header(info.var).map_err(failed(input.name))?;
            let var_name = btf.str_at(var.name).unwrap_or_default();
            let number = input.types.get(info.var.0 as usize).copied().unwrap_or(0);
            if OUTSIDE.contains(&name) {
                match outside.insert(var_name) {
                    true => datasec.entries.push((number, info.offset, info.size)),
                    false => {
                        dropped.insert(info.var.0);
                    }
                }
                continue;
            }
            // Where an extern is, the object that defines it says.
            let symbol = input.definition(name, var_name);
            let symbol = symbol.and_then(|symbol| input.elf.symbols.get(symbol));
            let place = input.place_of(name);
            if let (Some(symbol), Some(place)) = (symbol, place) {
                let offset = symbol.value.saturating_add(place.base) as u32;
                let known = datasec.entries.iter().any(|(_, at, _)| *at == offset);
                // One license of all.
                if !known {
                    datasec.entries.push((number, offset, info.size));
                }
            }
        }
    }
    Ok(dropped)
}

/// One object's records on their way to the output.
struct Records<'r, 'a> {
    input: &'r Input<'a>,
    /// Which object it is.
    index: usize,
    btf: &'r Btf<'a>,
    symbols: &'r Symbols<'a>,
    /// Externs that an object before it has declared.
    dropped: BTreeSet<u32>,
}

impl Records<'_, '_> {
    /// Appends a record, with its names and types moved.
    fn append(&self, header: &Header, out: &mut Vec<u8>) -> Result<(), Box<JoinError>> {
        let start = self.btf.record_at(header.id);
        let start = start.map_err(failed(self.input.name))?;
        let layout = self.btf.layout();
        let end = match self.btf.record_at(TypeId(header.id.0 + 1)) {
            Ok(end) => end,
            Err(_) => layout.types_at + layout.types_len,
        };
        let bytes = self.btf.data().get(start..end).unwrap_or_default();
        for (at, bytes) in bytes.as_chunks::<4>().0.iter().enumerate() {
            let plain = u32::from_le_bytes(*bytes);
            let moved = match (word(header.kind, at), at, header.kind) {
                (_, 1, Kind::Func) => self.function_info(header, plain),
                (_, 3, Kind::Var) => self.variable_linkage(header, plain),
                (Word::Plain, ..) => plain,
                (Word::Name, ..) => shift(plain, self.input.names)?,
                (Word::Type, ..) => {
                    let number = self.input.types.get(plain as usize);
                    *number.ok_or_else(|| {
                        failed(self.input.name)(BtfError::NoSuchType(TypeId(plain)))
                    })?
                }
            };
            out.extend_from_slice(&moved.to_le_bytes());
        }
        Ok(())
    }

    /// Whether a global name that this object defines counts as another's.
    fn lost(&self, name: &str) -> bool {
        let winner = self.symbols.definition(name);
        winner.is_some_and(|symbol| symbol.input != self.index)
    }

    /// Kernels take no extern functions: of one that is defined elsewhere the type stays, under its name.
    /// And they look at each global function by itself, which one that nobody calls need not bear.
    fn function_info(&self, header: &Header, info: u32) -> u32 {
        let name = self.btf.str_at(header.name).unwrap_or_default();
        match Linkage::from_number(header.vlen) {
            Some(Linkage::Extern) if self.is_resolved(header, name) => (Kind::Typedef as u32) << 24,
            Some(Linkage::Global) if self.lost(name) => info & !0xffff,
            _ => info,
        }
    }

    fn variable_linkage(&self, header: &Header, linkage: u32) -> u32 {
        let name = self.btf.str_at(header.name).unwrap_or_default();
        match Linkage::from_number(linkage) {
            Some(Linkage::Extern) if self.is_resolved(header, name) => Linkage::Global as u32,
            Some(Linkage::Global) if self.lost(name) => Linkage::Static as u32,
            _ => linkage,
        }
    }

    fn is_resolved(&self, header: &Header, name: &str) -> bool {
        self.dropped.contains(&header.id.0) || self.symbols.definition(name).is_some()
    }
}
