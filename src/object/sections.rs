//! Data sections: each becomes a map of one element, whose parts are the global variables.

use super::parse::{Places, datasec};
use super::{DataKind, Global, MapSpec, Object, ObjectError};
use crate::btf::{Btf, TypeId, Types};
use crate::elf::{Elf, SymbolKind};

/// The most that a data section may hold: as much as an array map's value can.
const MAX_DATA: u64 = i32::MAX as u64;

/// Which data section this name means: the plain name, or the name and a suffix after a dot.
fn data_kind(name: &str) -> Option<DataKind> {
    const KINDS: [(&str, DataKind); 3] = [
        (".data", DataKind::Data),
        (".rodata", DataKind::Rodata),
        (".bss", DataKind::Bss),
    ];
    let (_, kind) = KINDS.iter().find(|(prefix, _)| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })?;
    Some(*kind)
}

/// Makes a map of every data section, and finds the variables in it.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    for (index, section) in elf.sections.iter().enumerate() {
        let Some(kind) = data_kind(section.name) else {
            continue;
        };
        if section.size == 0 {
            continue;
        }
        if section.size > MAX_DATA {
            return Err(ObjectError::BadData {
                section: section.name.into(),
                why: "it is larger than a map value can be",
            });
        }
        // NOBITS claims a size that is not in the file; a hostile one costs no memory before load.
        let sec = object.btf.as_ref().and_then(|b| datasec(b, section.name));
        let map = object.maps.len();
        object.maps.push(MapSpec::data(
            section.name,
            kind,
            section.size as u32,
            section.data,
            sec.map_or(TypeId::VOID, |s| s.id),
        ));
        places.data.push((index, map));
        globals(elf, object, (index, section.name, section.size), map)?;
    }
    Ok(())
}

/// Finds the variables of a section: its number, name and size.
pub(super) fn globals<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    (section, name, size): (usize, &str, u64),
    map: usize,
) -> Result<(), ObjectError> {
    for symbol in &elf.symbols {
        let names_data = symbol.kind == SymbolKind::Object && !symbol.name.is_empty();
        if symbol.section != Some(section) || !names_data {
            continue;
        }
        let end = symbol.value.checked_add(symbol.size);
        if end.is_none_or(|end| end > size) {
            return Err(ObjectError::BadData {
                section: name.into(),
                why: "a variable lies outside it",
            });
        }
        object.globals.push(Global {
            name: symbol.name,
            map,
            offset: symbol.value as usize,
            size: symbol.size as usize,
            ty: object
                .btf
                .as_ref()
                .and_then(|btf| variable_type(btf, name, symbol.name))
                .unwrap_or(TypeId::VOID),
            weak: false,
        });
    }
    Ok(())
}

fn variable_type(btf: &Btf<'_>, section: &str, name: &str) -> Option<TypeId> {
    let datasec = datasec(btf, section)?;
    (0..datasec.vlen)
        .filter_map(|i| btf.header(btf.secinfo(&datasec, i).ok()?.var).ok())
        .find(|var| btf.str_at(var.name) == Some(name))
        .map(|var| var.target())
}
