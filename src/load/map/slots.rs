//! Initial slots: maps in maps of maps, and programs in program arrays.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};

use super::{LoadError, LoadedMap, MapError};
use crate::load::LoadedProgram;
use crate::object::{Filling, Object};
use crate::sys::{abi, bpf_map};

/// Puts maps into the slots of maps of maps. A map that was there before keeps what it holds.
pub(super) fn fill_maps(object: &Object<'_>, maps: &[LoadedMap]) -> Result<(), Box<LoadError>> {
    for (spec, outer) in object.maps.iter().zip(maps) {
        if outer.reused {
            continue;
        }
        for slot in &spec.slots {
            let Filling::Map(inner) = slot.holds else {
                continue;
            };
            if let Some(inner) = maps.get(inner) {
                put(outer, slot.index, inner.fd.as_fd(), || {
                    ["map ", &inner.name].concat()
                })?;
            }
        }
    }
    Ok(())
}

/// Puts the programs that were loaded into the slots of program arrays. The note says which slots stay
/// empty, their programs not being among them.
pub(in crate::load) fn fill_programs(
    object: &Object<'_>,
    maps: &[LoadedMap],
    programs: &[LoadedProgram<'_>],
) -> Result<Vec<String>, Box<LoadError>> {
    let mut notes = Vec::new();
    for (spec, array) in object.maps.iter().zip(maps) {
        for slot in &spec.slots {
            let Filling::Program(function) = slot.holds else {
                continue;
            };
            let name = object.functions.get(function).map_or("", |f| f.name);
            match programs.iter().find(|p| p.name == name) {
                Some(program) => put(array, slot.index, program.fd.as_fd(), || {
                    ["program ", name].concat()
                })?,
                None => notes.push(format!(
                    "map {}: slot {} stays empty, program {name} not being loaded",
                    spec.name, slot.index
                )),
            }
        }
    }
    Ok(notes)
}

fn put(
    map: &LoadedMap,
    index: u32,
    fd: BorrowedFd<'_>,
    what: impl Fn() -> String,
) -> Result<(), Box<LoadError>> {
    let value = fd.as_raw_fd().to_ne_bytes();
    let put = bpf_map::map_update(map.fd.as_fd(), &index.to_ne_bytes(), &value, abi::BPF_ANY);
    put.map_err(|errno| {
        Box::new(LoadError::Maps(MapError::Slot {
            map: map.name.clone(),
            index,
            what: what(),
            errno,
        }))
    })
}
