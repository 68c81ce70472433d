//! What instructions refer to: relocations, resolved to maps, data, functions and externs.

use super::parse::Places;
use super::{Insn, MapKind, Object, ObjectError, Reference, Referent, functions, op};
use crate::elf::{Elf, Symbol, SymbolKind};

/// What the instructions of section number `section` refer to.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &Object<'a>,
    places: &Places,
    section: usize,
) -> Result<Vec<Reference<'a>>, ObjectError> {
    let index = places.code.iter().position(|&s| s == section);
    let Some((index, code)) = index.and_then(|c| Some((c, object.code.get(c)?))) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for relocation in elf.relocations(section)? {
        let slot = usize::try_from(relocation.offset / 8).unwrap_or(usize::MAX);
        let symbol = elf.symbols.get(relocation.symbol);
        let bad = |why| ObjectError::BadReference {
            section: code.section.into(),
            insn: slot,
            why,
            symbol: symbol.map_or("", |s| s.name).into(),
        };
        // A linker that took one of two weak functions leaves the other one behind.
        if cfg!(feature = "full") && !functions::is_live(&object.functions, index, slot) {
            continue;
        }
        if !relocation.offset.is_multiple_of(8) {
            return Err(bad("a relocation between two instructions, against "));
        }
        let insn = code.insns.get(slot);
        let insn = insn.ok_or_else(|| bad("a relocation past the end of the section, against "))?;
        let symbol =
            symbol.ok_or_else(|| bad("a relocation against a symbol that is not there"))?;
        let to = referent(object, places, symbol, *insn).map_err(bad)?;
        found.push(Reference { insn: slot, to });
    }
    found.sort_by_key(|r| r.insn);
    Ok(found)
}

fn referent<'a>(
    object: &Object<'a>,
    places: &Places,
    symbol: &Symbol<'a>,
    insn: Insn,
) -> Result<Referent<'a>, &'static str> {
    let call = insn.is_local_call();
    if !call && !insn.is_ld_imm64() && insn.code != op::CALL {
        return Err("an instruction that can't be relocated refers to ");
    }
    let Some(section) = symbol.section else {
        return undefined(object, places, symbol);
    };
    if let Some(code) = places.code.iter().position(|&s| s == section) {
        // Against a section symbol, the distance is in the instruction: in slots from the next
        // one for a call, in bytes for an address.
        let addend = match (symbol.kind, call) {
            (SymbolKind::Section, true) => (i64::from(insn.imm) + 1) * 8,
            (SymbolKind::Section, false) => i64::from(insn.imm),
            _ => 0,
        };
        let at = symbol.value.checked_add_signed(addend);
        let function = at.and_then(|at| functions::at(object, code, at));
        let function = function.ok_or("a reference to no function: ")?;
        return Ok(match call {
            true => Referent::Call(function),
            false => Referent::Address(function),
        });
    }
    if !insn.is_ld_imm64() {
        return Err("a call of something that is no function: ");
    }
    let at = place(places, symbol, insn);
    #[cfg(feature = "full")]
    if let Some(map) = legacy(places, section, at) {
        return Ok(Referent::Map(map));
    }
    if places.maps == Some(section) {
        // What else the instruction says of a map that has a name is overwritten by every loader.
        let at = match symbol.kind {
            SymbolKind::Section => at,
            _ => Some(symbol.value),
        };
        let map = object
            .maps
            .iter()
            .position(|m| matches!(m.kind, MapKind::Declared { offset } if Some(offset) == at));
        return Ok(Referent::Map(map.ok_or("a reference to no map: ")?));
    }
    let data = places.data.iter().find(|(s, _)| *s == section);
    let (_, map) = data.ok_or("a reference to a section that is not loaded: ")?;
    match at {
        Some(offset) if offset <= size(object, *map) => Ok(Referent::Data {
            map: *map,
            offset: offset as u32,
        }),
        _ => Err("a reference outside its section, to "),
    }
}

/// The byte of its section that an instruction means.
fn place(places: &Places, symbol: &Symbol<'_>, insn: Insn) -> Option<u64> {
    let whole = places.in_instructions && symbol.kind != SymbolKind::Section;
    let start = if whole { 0 } else { symbol.value };
    start.checked_add_signed(i64::from(insn.imm))
}

/// How many bytes of data a map has.
fn size(object: &Object<'_>, map: usize) -> u64 {
    let map = object.maps.get(map);
    #[cfg(feature = "full")]
    if let Some(arena) = map.and_then(|m| m.arena_data.as_ref()) {
        return arena.len() as u64;
    }
    map.map_or(0, |m| u64::from(m.value_size))
}

#[cfg(feature = "full")]
fn legacy(places: &Places, section: usize, at: Option<u64>) -> Option<usize> {
    let mut own = places.legacy.iter();
    own.find(|l| l.section == section && Some(l.offset) == at)
        .map(|l| l.map)
}

fn undefined<'a>(
    object: &Object<'a>,
    places: &Places,
    symbol: &Symbol<'a>,
) -> Result<Referent<'a>, &'static str> {
    let kconfig = |map: usize| {
        let found = object.globals.iter();
        let mut found = found.filter(|g| g.map == map && g.name == symbol.name);
        found.next().map(|g| Referent::Data {
            map,
            offset: g.offset as u32,
        })
    };
    match places.kconfig.and_then(kconfig) {
        Some(data) => Ok(data),
        None if symbol.name.is_empty() => Err("a reference to an undefined symbol without a name"),
        None => Ok(Referent::Extern { name: symbol.name }),
    }
}
