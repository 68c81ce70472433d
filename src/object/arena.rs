//! Globals in an arena: the section `.addr_space.1`, which has no map of its own.

use std::borrow::Cow;

use super::parse::Places;
use super::{Object, ObjectError, sections};
use crate::elf::Elf;
use crate::sys::abi;

/// Where clang puts variables of the arena's address space.
pub const ARENA_SECTION: &str = ".addr_space.1";

/// Hands the section to the arena map.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    let arena = |m: &super::MapSpec<'_>| m.map_type == abi::BPF_MAP_TYPE_ARENA;
    let mut arenas = object.maps.iter().enumerate().filter(|(_, m)| arena(m));
    let (first, second) = (arenas.next().map(|(at, _)| at), arenas.next());
    if let Some((_, second)) = second {
        return Err(ObjectError::BadMap {
            map: second.name.into(),
            why: "a second arena: programs can have only one".into(),
        });
    }
    let found = elf.sections.iter().enumerate();
    let mut found = found.filter(|(_, s)| s.name == ARENA_SECTION && !s.data.is_empty());
    let Some((index, section)) = found.next() else {
        return Ok(());
    };
    let bad = |why| ObjectError::BadData {
        section: ARENA_SECTION.into(),
        why,
    };
    let map = first.ok_or(bad(
        "its variables need an arena, a map of type BPF_MAP_TYPE_ARENA",
    ))?;
    if section.size > u64::from(i32::MAX.unsigned_abs()) {
        return Err(bad("it is larger than 2 GiB"));
    }
    if let Some(arena) = object.maps.get_mut(map) {
        arena.arena_data = Some(Cow::Borrowed(section.data));
    }
    places.data.push((index, map));
    sections::globals(elf, object, (index, ARENA_SECTION, section.size), map)
}
