//! Variables of `.kconfig`: the kernel's configuration, as the object wants it laid out.

use super::parse::{datasec, in_section};
use super::{DataKind, Global, MapSpec, Object, ObjectError};
use crate::btf::{Btf, BtfError, Kind, TypeId, Types};
use crate::elf::{Binding, Elf};

/// How a variable is laid out: what its place must be a multiple of, and its size, both in bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    align: u32,
    size: u32,
}

impl Layout {
    /// A number that orders variables as they follow each other.
    pub fn rank(self) -> u32 {
        (8 - self.align) << 16 | self.size
    }
}

/// The layout of a variable of this type: an array is aligned as its elements are.
pub(super) fn config_layout(btf: &Btf<'_>, ty: TypeId) -> Result<Layout, BtfError> {
    let size = btf.size_of(ty)?;
    let mut of = btf.peel(ty)?;
    for _ in 0..crate::btf::MAX_CHAIN {
        if of.kind != Kind::Array {
            break;
        }
        of = btf.peel(btf.array(&of)?.element)?;
    }
    let align = btf.size_of(of.id)?.clamp(1, 8);
    Ok(Layout {
        align: align.next_power_of_two(),
        size: size.clamp(1, 4096),
    })
}

/// `.kconfig` is in BTF alone: the linker knows its variables as undefined symbols. They are laid
/// out here as libbpf does: the most aligned first, of these the smallest, then by name.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
) -> Result<Option<usize>, ObjectError> {
    let Some(btf) = &object.btf else {
        return Ok(None);
    };
    let Some(sec) = datasec(btf, ".kconfig") else {
        return Ok(None);
    };
    let map = object.maps.len();
    let first = object.globals.len();
    for index in 0..sec.vlen {
        let read = || -> Result<_, BtfError> {
            let var = btf.header(btf.secinfo(&sec, index)?.var)?;
            Ok((config_layout(btf, var.target())?, var))
        };
        let (layout, var) = read().map_err(in_section(".BTF"))?;
        let name = btf.str_at(var.name).unwrap_or_default();
        let mut symbols = elf.symbols.iter();
        let symbol = symbols.find(|s| s.section.is_none() && s.name == name);
        let global = Global {
            name,
            weak: symbol.is_some_and(|s| s.binding == Binding::Weak),
            map,
            // Its rank, until all are there.
            offset: layout.rank() as usize,
            size: layout.size as usize,
            ty: var.target(),
        };
        // They are few, and code for sorting is long.
        let behind = |other: &Global<'_>| (global.offset, name) < (other.offset, other.name);
        let before = object.globals.iter().skip(first).position(behind);
        let at = before.map_or(object.globals.len(), |at| first + at);
        object.globals.insert(at, global);
    }
    let mut next = 0;
    for global in object.globals.iter_mut().skip(first) {
        global.offset = usize::next_multiple_of(next, 8 - (global.offset >> 16));
        next = global.offset + global.size;
    }
    object.maps.push(MapSpec::data(
        ".kconfig",
        DataKind::Kconfig,
        next as u32,
        &[],
        sec.id,
    ));
    Ok(Some(map))
}
