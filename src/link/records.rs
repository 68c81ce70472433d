//! Function and line records, moved to where their instructions went.

use super::Linked;
use crate::btf::ExtRecords;
use crate::object::{Function, Object};

/// Bytes of a `bpf_func_info` as every kernel knows it: instruction and type.
pub const FUNC_RECORD: usize = 8;
/// Bytes of a `bpf_line_info`: instruction, file, text, line and column.
pub const LINE_RECORD: usize = 16;

/// Fills [`Linked::func_info`] and [`Linked::line_info`].
///
/// The kernel wants a function record, and a line record at its first instruction, for each function
/// or none at all (`check_btf_func`, `check_btf_line`), and counts instructions where the object
/// counts bytes.
pub(super) fn attach(object: &Object<'_>, linked: &mut Linked) {
    let mut whole = true;
    let mut lined = true;
    for &(index, start) in &linked.functions {
        let Some(function) = object.functions.get(index) else {
            continue;
        };
        let before = linked.func_info.len();
        let table = &object.ext.func_info;
        copy(
            object,
            (table, FUNC_RECORD),
            function,
            1,
            start,
            &mut linked.func_info,
        );
        whole &= linked.func_info.len() > before;
        let table = &object.ext.line_info;
        let before = linked.line_info.len();
        copy(
            object,
            (table, LINE_RECORD),
            function,
            function.len,
            start,
            &mut linked.line_info,
        );
        let first = linked.line_info.get(before..).unwrap_or_default();
        let first = first.first_chunk().map(|word| u32::from_le_bytes(*word));
        lined &= first == Some(start as u32);
    }
    if !whole {
        linked.func_info.clear();
    }
    if !whole || !lined {
        linked.line_info.clear();
    }
}

impl Linked {
    /// The relocations of the program's instructions as `bpf_core_relo` records, for a kernel that
    /// applies them. It counts bytes from the start of the program.
    pub fn core_relos(&self, object: &Object<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for &(index, start) in &self.functions {
            let Some(function) = object.functions.get(index) else {
                continue;
            };
            let code = object.code.get(function.code);
            for relo in code.iter().flat_map(|code| &code.relocations) {
                let slot = relo.insn_offset as usize / 8;
                let Some(inside) = slot.checked_sub(function.start) else {
                    continue;
                };
                if inside < function.len {
                    let at = self.with_inserted(start, inside) as u32 * 8;
                    for word in [at, relo.type_id.0, relo.access.0, relo.kind as u32] {
                        out.extend_from_slice(&word.to_le_bytes());
                    }
                }
            }
        }
        out
    }
}

impl Linked {
    /// Where the instruction is now that the object has `inside` slots behind the start of a function, which
    /// is now at `start`.
    fn with_inserted(&self, start: usize, inside: usize) -> usize {
        let from = self.inserted.partition_point(|at| *at < start);
        let behind = self.inserted.get(from..).unwrap_or_default();
        let mut at = start + inside;
        for inserted in behind {
            if *inserted > at {
                break;
            }
            at += 1;
        }
        at
    }
}

/// Copies the first `len` bytes of the records about the first `slots` slots of `function`, which now starts at `start`.
fn copy(
    object: &Object<'_>,
    (table, len): (&ExtRecords<'_>, usize),
    function: &Function<'_>,
    slots: usize,
    start: usize,
    out: &mut Vec<u8>,
) {
    let section = object.code.get(function.code).map_or("", |c| c.section);
    let Some(btf) = &object.btf else {
        return;
    };
    for record in table.of(btf, section) {
        // What a newer compiler adds behind, an older kernel refuses.
        let known = record.get(..len).and_then(<[u8]>::split_first_chunk::<4>);
        let Some((offset, rest)) = known else {
            continue;
        };
        let slot = u32::from_le_bytes(*offset) as usize / 8;
        if slot < function.start || slot >= function.start + slots {
            continue;
        }
        let moved = (start + slot - function.start) as u32;
        out.extend_from_slice(&moved.to_le_bytes());
        out.extend_from_slice(rest);
    }
}
