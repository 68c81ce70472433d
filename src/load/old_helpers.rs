//! Helpers that an old kernel lacks, and those that stood in their place.

use crate::link::Linked;
use crate::object::op;

/// The helpers that tell the kernel's memory from the user's, and those that came before them.
const READS: [(i32, i32); 4] = [(112, 4), (113, 4), (114, 45), (115, 45)];

/// Has a program read all memory by the helpers that came first, which take any address. Whether it
/// read by others.
pub(super) fn read_by_first_helpers(linked: &mut Linked) -> bool {
    let mut changed = false;
    for insn in &mut linked.insns {
        if insn.code == op::CALL && insn.src() == 0 {
            let first = READS.iter().find(|(helper, _)| *helper == insn.imm);
            if let Some((_, first)) = first {
                insn.imm = *first;
                changed = true;
            }
        }
    }
    changed
}
