//! Why a map could not be made as asked, and what a person can do about it.

use crate::text::contains;
use rustix::io::Errno;
use thiserror::Error;

/// A map that could not be made.
#[derive(Debug, Error)]
pub enum MapError {
    /// A choice was made for a map that the object does not have.
    #[error("the object has no map {map}")]
    NoMap {
        /// The name.
        map: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A size that the map can't have.
    #[error("map {map}: it can't be resized to {to}: {why}")]
    Resize {
        /// The map.
        map: String,
        /// The size.
        to: u32,
        /// Why not.
        why: String,
    },
    /// The kernel does not know maps of this type.
    #[error(
        "map {map}: this kernel has no maps of type {name}, which came with Linux {}.{} ({errno})",
        since.0, since.1
    )]
    NoType {
        /// The map.
        map: String,
        /// The type.
        name: &'static str,
        /// The kernel that brought it.
        since: (u32, u32),
        /// What that kernel must be built with.
        config: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel has no ring buffers.
    #[error("map {map}: this kernel has no ring buffers, which came with Linux 5.8 ({errno})")]
    NoRings {
        /// The map.
        map: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// Nobody knows maps of this type.
    #[error("map {map}: this kernel has no maps of type {number} ({errno})")]
    UnknownType {
        /// The map.
        map: String,
        /// Its `BPF_MAP_TYPE_…`.
        number: u32,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel knows the type, and refused this one.
    #[error("map {map}: the kernel refused this {name} ({errno}): {definition}")]
    Refused {
        /// The map.
        map: String,
        /// The type.
        name: &'static str,
        /// Sizes and flags.
        definition: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The map that was to be taken could not be opened.
    #[error("map {map}: {source_name} could not be opened ({errno})")]
    Open {
        /// The map.
        map: String,
        /// The path or id.
        source_name: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The file that was to be taken is an ordinary one.
    #[error("map {map}: {path} is in no BPF file system: it is no map")]
    NotPinned {
        /// The map.
        map: String,
        /// The path.
        path: String,
    },
    /// What was to be taken is something else.
    #[error("map {map}: {source_name} is no map")]
    NotAMap {
        /// The map.
        map: String,
        /// The path or id.
        source_name: String,
    },
    /// The map that was to be taken is another than the one that the object defines.
    #[error("map {map}: {source_name} is another map: {differences}")]
    Different {
        /// The map.
        map: String,
        /// The path or id.
        source_name: String,
        /// Each field that differs.
        differences: String,
        /// Whether it was found under the map's own name.
        by_name: bool,
    },
    /// A map can't be pinned under this name.
    #[error("map {map}: it can't be pinned: its name is no file name")]
    PinName {
        /// The map.
        map: String,
    },
    /// The folder for pins can't be used.
    #[error("maps can't be pinned in {folder}: {errno}")]
    PinFolder {
        /// The folder.
        folder: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The folder for pins is an ordinary one.
    #[error("maps can't be pinned in {folder}, which is in no BPF file system")]
    NoBpfFs {
        /// The folder.
        folder: String,
    },
    /// The kernel did not pin a map.
    #[error("map {map}: it could not be pinned at {path} ({errno})")]
    Pin {
        /// The map.
        map: String,
        /// The path.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A table of functions, and the kernel has no types to say which it takes.
    #[error("map {map}: the kernel takes tables of functions by its own BTF, and has none")]
    NoTables {
        /// The map.
        map: String,
    },
    /// A table of functions that the kernel does not take.
    #[error("map {map}: this kernel takes no {name} from BPF (it has no bpf_struct_ops_{name})")]
    NoTable {
        /// The map.
        map: String,
        /// The struct.
        name: String,
    },
    /// A table of functions that is not as the kernel's.
    #[error("map {map}: its {name} does not fit this kernel's: {why}")]
    Table {
        /// The map.
        map: String,
        /// The struct.
        name: String,
        /// Why not.
        why: String,
    },
    /// A program of a table that is in none.
    #[error("program {program}: it is in no table of functions (.struct_ops)")]
    NoPlace {
        /// The program.
        program: String,
    },
    /// A program that is two different functions.
    #[error("program {program}: it is in two places of tables of functions that are not the same")]
    TwoPlaces {
        /// The program.
        program: String,
    },
    /// An arena could not be mapped, or not be filled.
    #[error("map {map}: the arena could not be mapped ({errno})")]
    Arena {
        /// The map.
        map: String,
        /// The kernel's answer; `EFAULT` where its flags forbid to fill it.
        errno: Errno,
    },
    /// The globals of an arena don't fit.
    #[error("map {map}: the arena has {has} bytes, and its globals take {needs}")]
    ArenaFull {
        /// The map.
        map: String,
        /// Bytes of the globals.
        needs: usize,
        /// Bytes of the arena.
        has: usize,
    },
    /// The kernel did not take an initial value.
    #[error("map {map}: the kernel did not take {what} in slot {index} ({errno})")]
    Slot {
        /// The map.
        map: String,
        /// Which one.
        index: u32,
        /// The map or program that belongs there.
        what: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

impl MapError {
    /// The error of a ring buffer where there are none.
    pub(super) fn no_rings(map: &str, errno: Errno) -> MapError {
        MapError::NoRings {
            map: map.into(),
            errno,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            MapError::NoMap { known, .. } if known.is_empty() => "it has no maps at all".into(),
            MapError::NoMap { known, .. } => format!("its maps are {}", known.join(", ")),
            MapError::NoType { config: "", .. } | MapError::UnknownType { .. } => {
                "use a newer kernel, or an object that does without".into()
            }
            MapError::NoType { config, .. } => {
                format!("use a newer kernel, or one that is built with {config}")
            }
            // What is reserved in a ring can be written piece by piece, and comes out in one order for
            // all CPUs: no other map could stand in for it.
            MapError::NoRings { .. } => "send events by bpf_perf_event_output() through a map of type \
                 BPF_MAP_TYPE_PERF_EVENT_ARRAY, which every kernel has"
                .into(),
            MapError::Refused { errno, .. } if *errno == Errno::NOMEM || *errno == Errno::TOOBIG => {
                "the board has not enough memory for that many entries: --resize NAME=N gives it fewer"
                    .into()
            }
            MapError::Refused {
                map, definition, ..
            } if contains(definition, "max_entries 0") => {
                format!("it leaves its size to the program that loads it: --resize {map}=10240")
            }
            MapError::Refused { .. } => {
                "these sizes and flags do not go with the type, or came later than this kernel".into()
            }
            MapError::Different {
                by_name: true,
                source_name,
                ..
            } => format!(
                "remove it with rm {source_name}, or pin this one in another folder with --pin-path DIR"
            ),
            MapError::NotAMap { source_name, .. } => {
                format!("remove it with rm {source_name}, or name another")
            }
            MapError::NoTables { .. } => "the kernel must be built with CONFIG_DEBUG_INFO_BTF".into(),
            MapError::NoTable { .. } => {
                "tables are taken from 5.6 on, each from another kernel on; one of a module is there \
                 while the module is"
                    .into()
            }
            MapError::NoPlace { .. } => {
                "let a struct in SEC(\".struct_ops\") point to it, or leave it out with --prog".into()
            }
            MapError::Arena { errno, .. } if *errno == Errno::FAULT => {
                "BPF_F_SEGV_ON_FAULT and globals that are not zero do not go together".into()
            }
            MapError::ArenaFull { map, .. } => {
                format!("--resize {map}=N gives it N pages; they have their size by the kernel")
            }
            MapError::NoBpfFs { .. } | MapError::PinFolder { .. } => {
                "mount -t bpf bpf /sys/fs/bpf makes a BPF file system; --pin-path DIR names a folder in it"
                    .into()
            }
            _ => return None,
        })
    }

    /// Whether what was asked for can't be.
    pub fn is_usage(&self) -> bool {
        matches!(self, MapError::NoMap { .. } | MapError::Resize { .. })
    }

    /// Whether the object makes no sense on any kernel.
    pub fn is_object(&self) -> bool {
        matches!(
            self,
            MapError::NoPlace { .. } | MapError::TwoPlaces { .. } | MapError::PinName { .. }
        )
    }

    /// Whether the kernel lacks something.
    pub fn is_missing(&self) -> bool {
        match self {
            MapError::NoType { .. }
            | MapError::NoRings { .. }
            | MapError::UnknownType { .. }
            | MapError::NoTables { .. }
            | MapError::NoTable { .. }
            | MapError::Table { .. } => true,
            MapError::Refused { errno, .. } => *errno != Errno::NOMEM && *errno != Errno::TOOBIG,
            _ => false,
        }
    }

    /// Whether it is not allowed.
    pub fn is_permission(&self) -> bool {
        match self {
            MapError::Open { errno, .. }
            | MapError::Pin { errno, .. }
            | MapError::PinFolder { errno, .. } => {
                matches!(*errno, Errno::PERM | Errno::ACCESS)
            }
            _ => false,
        }
    }
}
