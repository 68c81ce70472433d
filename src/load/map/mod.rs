//! Maps: found or created, filled, pinned. The order is that of [`Making::all`].

mod choice;
mod create;
mod entries;
mod error;
mod fill;
#[cfg(feature = "full")]
mod memory;
mod names;
mod pin;
mod reuse;
#[cfg(feature = "full")]
mod slots;

#[cfg(feature = "full")]
pub(super) use choice::globals;
pub use choice::{MapChoice, MapSource};
pub use entries::for_each_entry;
pub use entries::{Entries, EntriesError, is_per_cpu, is_walkable};
pub use error::MapError;
#[cfg(feature = "full")]
pub(super) use memory::Memory;
pub use names::kernel_name;
pub use pin::DEFAULT_FOLDER;
#[cfg(feature = "full")]
pub(super) use slots::fill_programs;

use rustix::fd::{AsFd, OwnedFd};

#[cfg(feature = "full")]
use super::named::Named;
use super::{LoadError, Memlock};
use crate::object::{MapKind, MapSpec, Object, Pinning};
use crate::target::Kernel;

/// A map in the kernel. Dropping it lets the map go, once no program uses it and nothing keeps it by a
/// name.
#[derive(Debug)]
pub struct LoadedMap {
    /// Its name in the object.
    pub name: String,
    /// `BPF_MAP_TYPE_…`.
    pub map_type: u32,
    /// Its descriptor.
    pub fd: OwnedFd,
    /// Whether it was in the kernel before.
    pub reused: bool,
    /// The name that it was given in a BPF file system.
    pin: Option<pin::Pin>,
    /// Its bytes that are variables.
    #[cfg(feature = "full")]
    pub(super) memory: Memory,
}

/// What maps are made of.
pub(super) struct Making<'m, 'a> {
    pub object: &'m Object<'a>,
    pub btf: Option<&'m OwnedFd>,
    pub memlock: &'m Memlock<'m>,
    pub kernel: &'m Kernel,
    /// What the object is called.
    pub name: &'m str,
    /// What is asked of single maps.
    pub choices: &'m [MapChoice<'m>],
    /// Where maps are pinned by name.
    pub pin_folder: &'m str,
    /// What the object names in the running kernel.
    #[cfg(feature = "full")]
    pub named: &'m Named,
}

impl Making<'_, '_> {
    /// Every map of the object, in its order. Where one fails, what was pinned is not any more.
    pub fn all(&self) -> Result<Vec<LoadedMap>, Box<LoadError>> {
        let specs = choice::resized(self.object, self.choices)?;
        let pinned = |map: &MapSpec<'_>| {
            map.pinning == Pinning::ByName && choice::source(self.choices, map.name).is_none()
        };
        let folder = match specs.iter().any(pinned) {
            true => Some(pin::Folder::open(self.pin_folder)?),
            false => None,
        };
        let mut maps = Vec::with_capacity(specs.len());
        for map in specs.iter() {
            let made = match (choice::source(self.choices, map.name), &folder) {
                (Some(source), _) => loaded(map, self.chosen(map, source)?, true)?,
                (None, Some(folder)) if pinned(map) => self.by_name(map, folder)?,
                #[cfg(feature = "full")]
                _ if is_left_out(map) => loaded(map, nothing()?, false)?,
                _ => loaded(map, self.made(map)?, false)?,
            };
            maps.push(made);
        }
        #[cfg(feature = "full")]
        slots::fill_maps(self.object, &maps)?;
        Ok(maps)
    }

    /// The map that is pinned by its name; else a new one, which is.
    fn by_name(
        &self,
        map: &MapSpec<'_>,
        folder: &pin::Folder,
    ) -> Result<LoadedMap, Box<LoadError>> {
        let path = folder.path_of(map.name)?;
        if let Some(fd) = self.pinned(map, &path)? {
            return loaded(map, fd, true);
        }
        let fd = self.made(map)?;
        if let Some(pin) = folder.pin(map.name, fd.as_fd())? {
            return Ok(LoadedMap {
                pin: Some(pin),
                ..loaded(map, fd, false)?
            });
        }
        // Somebody was quicker, and has pinned one since.
        let fd = self.pinned(map, &path)?.ok_or_else(|| MapError::Open {
            map: map.name.into(),
            source_name: path,
            errno: rustix::io::Errno::NOENT,
        })?;
        loaded(map, fd, true)
    }
}

impl Making<'_, '_> {
    /// A new map with its contents.
    fn made(&self, map: &MapSpec<'_>) -> Result<OwnedFd, Box<LoadError>> {
        let fd = self.create(map)?;
        if let MapKind::Data { kind, initial } = &map.kind {
            self.fill(map, *kind, initial, fd.as_fd())?;
        }
        Ok(fd)
    }
}

/// Whether a map is there only for who asks for it: a table of functions in a section with `?`.
#[cfg(feature = "full")]
fn is_left_out(map: &MapSpec<'_>) -> bool {
    matches!(&map.kind, MapKind::StructOps(ops) if !ops.autocreate)
}

/// A descriptor that stands for a map that was left out.
#[cfg(feature = "full")]
fn nothing() -> Result<OwnedFd, Box<LoadError>> {
    crate::sys::file::open("/dev/null").map_err(|errno| {
        Box::new(LoadError::Map {
            map: "/dev/null".into(),
            errno,
        })
    })
}

fn loaded(map: &MapSpec<'_>, fd: OwnedFd, reused: bool) -> Result<LoadedMap, Box<LoadError>> {
    Ok(LoadedMap {
        #[cfg(feature = "full")]
        memory: Memory::of(map, fd.as_fd(), reused)?,
        name: map.name.into(),
        map_type: map.map_type,
        fd,
        reused,
        pin: None,
    })
}

impl LoadedMap {
    /// Leaves the map pinned, if it is, when it is dropped.
    pub(super) fn keep_pin(&self) {
        if let Some(pin) = &self.pin {
            pin.keep();
        }
    }
}
