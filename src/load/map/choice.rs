//! What is asked of single maps beside their definitions: another one in their place, another size.

use std::borrow::Cow;

use rustix::fd::BorrowedFd;

use super::MapError;
use crate::btf::{Btf, Kind, TypeId, Types};
#[cfg(feature = "full")]
use crate::object::Global;
use crate::object::{MapKind, MapSpec, Object};

/// What is asked of one map of an object.
#[derive(Clone, Copy, Debug)]
pub enum MapChoice<'o> {
    /// Takes a map that is in the kernel already, in the place of a new one. It has to be as the object
    /// defines its own; its contents stay as they are.
    Reuse {
        /// The map in the object.
        map: &'o str,
        /// Where the other one is.
        source: MapSource<'o>,
    },
    /// Gives a map another size.
    Resize {
        /// The map in the object.
        map: &'o str,
        /// For a map of a data section bytes of its value, all that is more goes to the array which its
        /// last variable must be; else `max_entries`.
        to: u32,
    },
}

/// Where a map is that is in the kernel already.
#[derive(Clone, Copy, Debug)]
pub enum MapSource<'o> {
    /// At this path in a BPF file system.
    Pinned(&'o str),
    /// It has this id.
    Id(u32),
    /// It is open.
    Open(BorrowedFd<'o>),
}

impl MapChoice<'_> {
    /// The map in the object that it is about.
    pub fn map(&self) -> &str {
        match self {
            MapChoice::Reuse { map, .. } | MapChoice::Resize { map, .. } => map,
        }
    }
}

/// The source that was chosen for a map, if any.
pub(super) fn source<'o>(choices: &[MapChoice<'o>], name: &str) -> Option<MapSource<'o>> {
    choices.iter().rev().find_map(|choice| match choice {
        MapChoice::Reuse { map, source } if *map == name => Some(*source),
        _ => None,
    })
}

/// The maps of an object with the sizes that were chosen.
pub(super) fn resized<'s, 'a>(
    object: &'s Object<'a>,
    choices: &[MapChoice<'_>],
) -> Result<Cow<'s, [MapSpec<'a>]>, MapError> {
    let mut maps = Cow::Borrowed(&object.maps[..]);
    for choice in choices {
        let Some(index) = object.map(choice.map()) else {
            return Err(MapError::NoMap {
                map: choice.map().into(),
                known: object.maps.iter().map(|m| m.name.to_owned()).collect(),
            });
        };
        let MapChoice::Resize { to, .. } = choice else {
            continue;
        };
        let Some(map) = maps.to_mut().get_mut(index) else {
            continue;
        };
        resize(object, index, map, *to).map_err(|why| MapError::Resize {
            map: map.name.into(),
            to: *to,
            why,
        })?;
    }
    Ok(maps)
}

/// The variables of an object with the sizes that were chosen: the last one of a section that was resized has
/// all that is left of it.
#[cfg(feature = "full")]
pub(in crate::load) fn globals<'a>(
    object: &Object<'a>,
    choices: &[MapChoice<'_>],
) -> Vec<Global<'a>> {
    let mut globals = object.globals.clone();
    for choice in choices {
        let MapChoice::Resize { map, to } = choice else {
            continue;
        };
        let index = object.map(map);
        let data = index.and_then(|index| object.maps.get(index));
        if !data.is_some_and(|map| matches!(map.kind, MapKind::Data { .. })) {
            continue;
        }
        let own = globals.iter_mut().filter(|g| Some(g.map) == index);
        if let Some(last) = own.max_by_key(|g| g.offset) {
            last.size = (*to as usize).saturating_sub(last.offset);
        }
    }
    globals
}

fn resize(object: &Object<'_>, index: usize, map: &mut MapSpec<'_>, to: u32) -> Result<(), String> {
    let MapKind::Data { initial, .. } = &mut map.kind else {
        #[cfg(feature = "full")]
        if let Some(last) = map.slots.iter().map(|s| s.index).max().filter(|l| *l >= to) {
            return Err(format!("its slot {last} has an initial value"));
        }
        map.max_entries = to;
        return Ok(());
    };
    if to == map.value_size {
        return Ok(());
    }
    let variables = object.globals.iter().filter(|g| g.map == index);
    let last = variables.max_by_key(|g| g.offset);
    let last = last.ok_or("it holds no variable")?;
    let btf = object.btf.as_ref().ok_or("the object has no BTF")?;
    let element = element_size(btf, last.ty);
    let element =
        element.ok_or_else(|| format!("its last variable, {}, is no array", last.name))?;
    let rest = (to as usize).checked_sub(last.offset);
    match rest {
        Some(rest) if rest > 0 && rest.is_multiple_of(element as usize) => {}
        _ => {
            return Err(format!(
                "its last variable, {}, starts at byte {} and has elements of {element}",
                last.name, last.offset
            ));
        }
    }
    if !initial.is_empty() {
        initial.to_mut().resize(to as usize, 0);
    }
    map.value_size = to;
    // The kernel holds a value's type to the size of the value.
    map.value_type = TypeId::VOID;
    Ok(())
}

/// Bytes of an element, where the type is an array.
fn element_size(btf: &Btf<'_>, ty: TypeId) -> Option<u32> {
    let header = btf.peel(ty).ok()?;
    if header.kind != Kind::Array {
        return None;
    }
    let element = btf.array(&header).ok()?.element;
    btf.size_of(element).ok().filter(|size| *size > 0)
}
