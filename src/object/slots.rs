//! Initial slots of maps: `__array(values, …) = { [i] = &inner }`, which the compiler leaves behind as
//! relocations of `.maps`.

use super::functions;
use super::parse::Places;
use super::{MapKind, MapSpec, Object, ObjectError};
use crate::elf::{Elf, Relocation, Symbol, SymbolKind};
use crate::sys::abi;

/// One slot of a map that is filled before the first program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its key.
    pub index: u32,
    /// What is put there.
    pub holds: Filling,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// A map: its index in [`Object::maps`].
    Map(usize),
    /// A program: its entry in [`Object::functions`].
    Program(usize),
}

/// Gives every map the slots that relocations of section number `section` say.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &Places,
    section: usize,
) -> Result<(), ObjectError> {
    for relocation in elf.relocations(section)? {
        let map = filled(elf, object, section, &relocation)?;
        let spec = object.maps.get(map);
        let of = spec.map_or("", |m| m.name);
        let slot = slot(elf, object, places, section, (map, &relocation));
        let slot = slot.map_err(|why| ObjectError::BadMap {
            map: of.into(),
            why,
        })?;
        if let Some(map) = object.maps.get_mut(map) {
            map.slots.push(slot);
        }
    }
    for map in &mut object.maps {
        map.slots.sort_by_key(|s| s.index);
    }
    Ok(())
}

/// The map in whose definition a relocation lies.
fn filled(
    elf: &Elf<'_>,
    object: &Object<'_>,
    section: usize,
    relocation: &Relocation,
) -> Result<usize, ObjectError> {
    let lies_in = |map: &MapSpec<'_>| {
        let MapKind::Declared { offset } = map.kind else {
            return false;
        };
        let symbol = elf.symbols.iter().find(|s| {
            s.section == Some(section) && s.value == offset && s.kind != SymbolKind::Section
        });
        let inside = relocation.offset.checked_sub(offset);
        let end = inside.and_then(|inside| inside.checked_add(8));
        end.is_some_and(|end| symbol.is_some_and(|s| end <= s.size))
    };
    let found = object.maps.iter().position(lies_in);
    found.ok_or(ObjectError::BadData {
        section: ".maps".into(),
        why: "an initial value lies in none of its maps",
    })
}

fn slot(
    elf: &Elf<'_>,
    object: &Object<'_>,
    places: &Places,
    section: usize,
    (map, relocation): (usize, &Relocation),
) -> Result<Slot, String> {
    let map = object.maps.get(map).ok_or("it is not there")?;
    let MapKind::Declared { offset } = map.kind else {
        return Err("it is not declared".into());
    };
    let values = map
        .values_at
        .ok_or("it has initial values and no __array(values, …)")?;
    let inside = (relocation.offset - offset).checked_sub(u64::from(values.bytes()));
    let inside = inside.ok_or("an initial value lies before its values")?;
    let index = u32::try_from(inside / 8).map_err(|_| "a slot lies too far out")?;
    if !inside.is_multiple_of(8) {
        return Err(format!(
            "an initial value lies between slots, {inside} bytes into its values"
        ));
    }
    // Keys of a hash are free; an array's are its places.
    let bounded = map.map_type != abi::BPF_MAP_TYPE_HASH_OF_MAPS;
    if bounded && map.max_entries != 0 && index >= map.max_entries {
        return Err(format!(
            "slot {index} is filled, and it has only {} (max_entries)",
            map.max_entries
        ));
    }
    let symbol = elf.symbols.get(relocation.symbol);
    let symbol = symbol.ok_or_else(|| format!("slot {index} names nothing"))?;
    let at = target(elf, section, relocation, symbol);
    let holds = match map.map_type {
        abi::BPF_MAP_TYPE_PROG_ARRAY => program_at(object, places, symbol, at),
        abi::BPF_MAP_TYPE_ARRAY_OF_MAPS => map_at(object, section, symbol, at),
        abi::BPF_MAP_TYPE_HASH_OF_MAPS if map.key_size != 4 => {
            return Err(format!(
                "its initial values are numbered, and its key of {} bytes is no number of 4",
                map.key_size
            ));
        }
        abi::BPF_MAP_TYPE_HASH_OF_MAPS => map_at(object, section, symbol, at),
        _ => return Err("only maps of maps and of programs can have initial values".into()),
    };
    holds
        .map(|holds| Slot { index, holds })
        .map_err(|why| format!("slot {index} {why}{}", named(symbol)))
}

/// The byte that a relocation means: against the symbol of a section, the distance is in its place.
fn target(
    elf: &Elf<'_>,
    section: usize,
    relocation: &Relocation,
    symbol: &Symbol<'_>,
) -> Option<u64> {
    let data = elf.sections.get(section).map_or(&[][..], |s| s.data);
    let start = usize::try_from(relocation.offset).ok();
    let place = start.and_then(|start| data.get(start..)?.first_chunk::<8>());
    symbol
        .value
        .checked_add(place.map_or(0, |p| u64::from_le_bytes(*p)))
}

fn map_at(
    object: &Object<'_>,
    section: usize,
    symbol: &Symbol<'_>,
    at: Option<u64>,
) -> Result<Filling, &'static str> {
    if symbol.section != Some(section) {
        return Err("must hold a map, and holds ");
    }
    let found = object
        .maps
        .iter()
        .position(|m| matches!(m.kind, MapKind::Declared { offset } if Some(offset) == at));
    found
        .map(Filling::Map)
        .ok_or("points into the middle of a map")
}

fn program_at(
    object: &Object<'_>,
    places: &Places,
    symbol: &Symbol<'_>,
    at: Option<u64>,
) -> Result<Filling, &'static str> {
    let code = places.code.iter().position(|&s| Some(s) == symbol.section);
    let code = code.ok_or("must hold a program, and holds ")?;
    let function = at.and_then(|at| functions::at(object, code, at));
    let function = function.ok_or("points into the middle of a function")?;
    match object.programs.iter().any(|p| p.function == function) {
        true => Ok(Filling::Program(function)),
        false => Err("must hold a program, and holds a subprogram: "),
    }
}

fn named<'a>(symbol: &Symbol<'a>) -> &'a str {
    match symbol.name {
        "" => "something without a name",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILLED: &[u8] = include_bytes!("../../prebuilt/arm64/tests/filled_maps.bpf.o");

    /// The object with bytes of its section `.maps`, or of that section's relocations, changed.
    fn changed(section: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
        let elf = Elf::parse(FILLED).unwrap();
        let of = elf.sections.iter().find(|s| s.name == section).unwrap();
        let start = of.data.as_ptr() as usize - FILLED.as_ptr() as usize + at;
        let mut file = FILLED.to_vec();
        file[start..start + bytes.len()].copy_from_slice(bytes);
        file
    }

    fn symbol(name: &str) -> [u8; 4] {
        let elf = Elf::parse(FILLED).unwrap();
        let at = elf.symbols.iter().position(|s| s.name == name).unwrap();
        (at as u32).to_le_bytes()
    }

    #[test]
    fn slots_hold_the_programs_and_maps_of_the_source() {
        let object = Object::parse(FILLED).unwrap();
        let slots = |name: &str| &object.maps[object.map(name).unwrap()].slots[..];
        let next = object.functions.iter().position(|f| f.name == "next");
        let next = Filling::Program(next.unwrap());
        let first = Filling::Map(object.map("first").unwrap());
        let slot = |index, holds| Slot { index, holds };
        assert_eq!(slots("jumps"), [slot(0, next)]);
        assert_eq!(slots("maps"), [slot(1, first)]);
        assert_eq!(slots("first"), []);
    }

    #[test]
    fn a_slot_that_can_not_be_filled_is_refused_with_the_reason() {
        let elf = Elf::parse(FILLED).unwrap();
        let maps = elf.sections.iter().position(|s| s.name == ".maps").unwrap();
        let offset = |name: &str| {
            let mut symbols = elf.symbols.iter();
            symbols.find(|s| s.name == name).unwrap().value
        };
        let relocations = elf.relocations(maps).unwrap();
        let number = |map: &str| {
            let last = relocations.iter().filter(|r| r.offset > offset(map));
            let nearest = last.map(|r| r.offset).min().unwrap();
            relocations
                .iter()
                .position(|r| r.offset == nearest)
                .unwrap()
        };
        let (jumps, inner) = (number("jumps"), number("maps"));
        let place =
            |number: usize, add: u64| relocations[number].offset.wrapping_add(add).to_le_bytes();
        let license = symbol("LICENSE");
        for (of, part, bytes, told) in [
            (
                jumps,
                12,
                &symbol("first")[..],
                "map jumps: slot 0 must hold a program, and holds first",
            ),
            (
                jumps,
                12,
                &license,
                "map jumps: slot 0 must hold a program, and holds LICENSE",
            ),
            (jumps, 12, &[0xff; 4], "map jumps: slot 0 names nothing"),
            (
                inner,
                12,
                &symbol("next"),
                "map maps: slot 1 must hold a map, and holds next",
            ),
            (
                inner,
                12,
                &license,
                "map maps: slot 1 must hold a map, and holds LICENSE",
            ),
            (
                inner,
                0,
                &place(inner, 4),
                "an initial value lies in none of its maps",
            ),
            (
                inner,
                0,
                &place(inner, u64::MAX - 3),
                "map maps: an initial value lies between slots",
            ),
            (
                inner,
                0,
                &place(inner, u64::MAX - 15),
                "map maps: an initial value lies before its values",
            ),
            (
                inner,
                0,
                &[0xff; 8],
                "an initial value lies in none of its maps",
            ),
        ] {
            let file = changed(".rel.maps", of * 16 + part, bytes);
            let error = Object::parse(&file).unwrap_err().to_string();
            let error = error.strip_prefix("section .maps: ").unwrap_or(&error);
            assert!(error.starts_with(told), "{error}\n{told}");
        }
    }
}
