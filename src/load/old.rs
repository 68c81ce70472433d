//! Global data that an old kernel lacks, made up for in the instructions of a program.

use super::{LoadError, kconfig};
use crate::link::{self, Linked};
use crate::object::{DataKind, MapKind, MapSpec, Object, Program};
use crate::sys::Feature;
use crate::target::Kernel;

/// What programs have to do without.
pub(super) struct Old {
    /// The contents of each map if they never change, where the kernel has no global data.
    contents: Option<Vec<Option<Vec<u8>>>>,
}

impl Old {
    pub fn new(object: &Object<'_>, kernel: &Kernel) -> Result<Old, Box<LoadError>> {
        let contents = match has_data(object) && !kernel.features.has(Feature::GlobalData) {
            true => {
                let maps = object.maps.iter();
                let contents = maps.map(|map| contents(object, map, kernel));
                Some(contents.collect::<Result<_, _>>()?)
            }
            false => None,
        };
        Ok(Old { contents })
    }

    /// Rewrites a program that was just linked.
    pub fn adapt(
        &self,
        object: &Object<'_>,
        program: &Program<'_>,
        linked: &mut Linked,
    ) -> Result<(), Box<LoadError>> {
        if let Some(contents) = &self.contents {
            link::fold(object, program, linked, contents)?;
            link::look_up(object, program, linked)?;
        }
        Ok(())
    }
}

/// Whether the object has global variables.
pub(super) fn has_data(object: &Object<'_>) -> bool {
    let mut maps = object.maps.iter();
    maps.any(|map| matches!(map.kind, MapKind::Data { .. }))
}

/// What is in a map for good.
fn contents(
    object: &Object<'_>,
    map: &MapSpec<'_>,
    kernel: &Kernel,
) -> Result<Option<Vec<u8>>, Box<LoadError>> {
    Ok(match &map.kind {
        MapKind::Data {
            kind: DataKind::Rodata,
            initial,
        } => {
            let mut bytes = initial.to_vec();
            bytes.resize(map.value_size as usize, 0);
            Some(bytes)
        }
        MapKind::Data {
            kind: DataKind::Kconfig,
            ..
        } => Some(kconfig::values(object, map, kernel)?),
        _ => None,
    })
}
