//! Externs of the kernel into the instructions that refer to them.

use crate::btf::TypeId;
use crate::object::{Insn, Object, op};
use crate::relocate::{Fitted, Found};

/// The helper numbers from here on, to which the number of the extern is added, are calls of kernel
/// functions that are weak and missing. As with [`POISON`](crate::relocate::POISON), other loaders
/// use the same ones.
pub const POISON_KFUNC: i32 = 2_002_000_000;

/// The same for loads of maps that are not there, by the number of the map.
pub const POISON_MAP: i32 = 2_001_000_000;

/// What was found for the extern `name`, where it is a module's.
pub(super) fn of_module(object: &Object<'_>, fitted: &Fitted, name: &str) -> Option<TypeId> {
    match find(object, fitted, name) {
        Some((_, Found::Type(id))) if id.holder() != 0 => Some(id),
        _ => None,
    }
}

/// The extern `name`: its number, and what was found for it.
fn find(object: &Object<'_>, fitted: &Fitted, name: &str) -> Option<(usize, Found)> {
    let index = object.externs.iter().position(|e| e.name == name)?;
    Some((index, *fitted.externs.get(index)?))
}

/// Writes what was found for the extern `name` into the first of these instructions. `false`: nobody
/// looked.
pub(super) fn write(object: &Object<'_>, fitted: &Fitted, name: &str, insns: &mut [Insn]) -> bool {
    let found = find(object, fitted, name);
    let (Some((index, found)), Some((insn, rest))) = (found, insns.split_first_mut()) else {
        return false;
    };
    if insn.code == op::CALL {
        *insn = match found {
            Found::Type(id) => Insn {
                regs: op::PSEUDO_KFUNC_CALL << 4,
                off: 0,
                imm: id.number() as i32,
                ..*insn
            },
            _ => Insn {
                code: op::CALL,
                regs: 0,
                off: 0,
                // An object has fewer externs than a program may have instructions.
                imm: POISON_KFUNC.saturating_add(index as i32),
            },
        };
        return true;
    }
    let (first, second) = match found {
        Found::Type(id) => {
            *insn = insn.with_src(op::PSEUDO_BTF_ID);
            (id.number() as i32, 0)
        }
        Found::Address(address) => (address as i32, (address >> 32) as i32),
        Found::Config | Found::Missing | Found::Unknown => (0, 0),
    };
    insn.imm = first;
    if let Some(next) = rest.first_mut() {
        next.imm = second;
    }
    true
}
