//! Maps as they were declared before BTF: a `struct bpf_map_def` in a section `maps` or `maps/NAME`.
//!
//! Its first five words are the type, the sizes of key and value, the number of entries and the
//! flags. Loaders of old added words of their own behind them; here those must be zero.

use super::parse::Places;
use super::{MapKind, MapSpec, Object, ObjectError};
use crate::btf::{Btf, Kind, TypeId, Types};
use crate::elf::{Elf, Section, Symbol, SymbolKind};

/// Bytes of the five words.
const KNOWN: usize = 20;

/// A map of a legacy section: where its definition lies.
pub(super) struct Place {
    /// ELF section.
    pub section: usize,
    /// Byte in it.
    pub offset: u64,
    /// Index in [`Object::maps`].
    pub map: usize,
}

/// Reads the definitions of every such section.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    for (index, section) in elf.sections.iter().enumerate() {
        if section.name != "maps" && !section.name.starts_with("maps/") || section.is_code() {
            continue;
        }
        let mut symbols: Vec<&Symbol<'a>> = elf
            .symbols
            .iter()
            .filter(|s| s.section == Some(index) && s.kind != SymbolKind::Section)
            .filter(|s| !s.name.is_empty())
            .collect();
        symbols.sort_by_key(|s| s.value);
        symbols.dedup_by_key(|s| s.value);
        let size = definition_size(section, symbols.len())?;
        for symbol in symbols {
            let map = definition(object.btf.as_ref(), section, symbol, size);
            let map = map.map_err(|why| ObjectError::BadMap {
                map: symbol.name.into(),
                why,
            })?;
            places.legacy.push(Place {
                section: index,
                offset: symbol.value,
                map: object.maps.len(),
            });
            object.maps.push(map);
        }
    }
    Ok(())
}

/// Every definition is as long as the others: nothing else says how long.
fn definition_size(section: &Section<'_>, count: usize) -> Result<usize, ObjectError> {
    let bad = |why| ObjectError::BadData {
        section: section.name.into(),
        why,
    };
    let Some(size) = section.data.len().checked_div(count) else {
        return match section.data.is_empty() {
            true => Ok(0),
            false => Err(bad("it has no symbol that names a map")),
        };
    };
    if section.data.len() != size * count {
        return Err(bad("its maps are not of one size"));
    }
    if size < KNOWN - 4 || !size.is_multiple_of(4) {
        return Err(bad("its maps are too small for a struct bpf_map_def"));
    }
    Ok(size)
}

fn definition<'a>(
    btf: Option<&Btf<'a>>,
    section: &Section<'a>,
    symbol: &Symbol<'a>,
    size: usize,
) -> Result<MapSpec<'a>, String> {
    let start = usize::try_from(symbol.value).ok();
    let bytes = start.and_then(|start| section.data.get(start..start.checked_add(size)?));
    let bytes = bytes.ok_or("its definition lies outside its section")?;
    let mut words = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|w| u32::from_le_bytes(*w));
    let mut next = || words.next().unwrap_or(0);
    let mut map = MapSpec::new(symbol.name, MapKind::Legacy);
    map.map_type = next();
    map.key_size = next();
    map.value_size = next();
    map.max_entries = next();
    map.flags = next();
    if let Some(at) = words.position(|word| word != 0) {
        return Err(format!(
            "byte {} of its struct bpf_map_def is not zero, and only the first {KNOWN} have a meaning here: declare it in .maps",
            KNOWN + at * 4
        ));
    }
    if map.map_type == 0 {
        return Err("its definition has no type".into());
    }
    if let Some((key, value)) = btf.and_then(|btf| annotated(btf, &map)) {
        map.key_type = key;
        map.value_type = value;
    }
    Ok(map)
}

/// The types that `BPF_ANNOTATE_KV_PAIR` told of, if they fit the sizes.
fn annotated(btf: &Btf<'_>, map: &MapSpec<'_>) -> Option<(TypeId, TypeId)> {
    let name = ["____btf_map_", map.name].concat();
    let pair = btf.header(btf.find(Kind::Struct, &name)?).ok()?;
    let key = btf.member(&pair, 0).ok()?.ty;
    let value = btf.member(&pair, 1).ok()?.ty;
    let sizes = (btf.size_of(key).ok()?, btf.size_of(value).ok()?);
    (sizes == (map.key_size, map.value_size)).then_some((key, value))
}
