//! Where instructions lead, and which registers are still read behind them.

use super::Linked;
use crate::object::{Insn, op};

/// How many registers a program has, r0 to r10.
pub(super) const REGISTERS: usize = 11;
/// How often a program is gone through at most: once more than its loops are nested, and those within
/// functions that it calls.
pub(super) const MAX_SWEEPS: usize = 64;

/// The registers that carry arguments: r1 to r5.
pub(super) const ARGUMENTS: u16 = 0b11_1110;
const R0: u16 = 1;
const R6: u16 = 1 << 6;

/// How many arguments each of the first helpers takes, by number: those that kernels without global
/// data have, and some more. Others count as taking five.
const HELPER_ARGUMENTS: &[u8; 118] = b"\
    02423050055533002131442215435333231032322103231125434424352242243254544444434141024255\
    13224431111115543334442155333321";

/// The memory modes of loads and stores.
pub(super) const MODE_MASK: u8 = 0xe0;
pub(super) const MODE_MEM: u8 = 0x60;
pub(super) const MODE_MEMSX: u8 = 0x80;
const MODE_ABS: u8 = 0x20;
const MODE_IND: u8 = 0x40;
const MODE_ATOMIC: u8 = 0xc0;

/// The operations of jumps and arithmetic.
const OP_MASK: u8 = 0xf0;
const OP_JA: u8 = 0x00;
const OP_CALL: u8 = 0x80;
const OP_EXIT: u8 = 0x90;
const OP_NEG: u8 = 0x80;
const OP_END: u8 = 0xd0;
pub(super) const OP_MOV: u8 = 0xb0;

/// JMP32 | JA: the one jump whose distance is in its immediate.
pub(super) const JA32: u8 = 0x06;

/// ALU64 | ADD | K and ALU64 | MOV | X.
pub(super) const ADD64_K: u8 = 0x07;
pub(super) const MOV64_X: u8 = 0xbf;

/// Where control goes behind an instruction.
#[derive(Clone, Copy, Default)]
pub(super) struct Next {
    /// The slot behind it.
    pub behind: Option<usize>,
    /// Where it jumps.
    pub jump: Option<usize>,
}

/// Where control goes behind the instruction in slot `at`.
pub(super) fn next(insn: Insn, at: usize) -> Next {
    let behind = Some(at + if insn.is_ld_imm64() { 2 } else { 1 });
    let Some(distance) = jump(insn) else {
        let exits = insn.class() == op::JMP && insn.code & OP_MASK == OP_EXIT;
        return Next {
            behind: behind.filter(|_| !exits),
            jump: None,
        };
    };
    let target = (at as i64 + 1).checked_add(distance);
    Next {
        behind: behind.filter(|_| insn.code & OP_MASK != OP_JA),
        jump: target.and_then(|target| usize::try_from(target).ok()),
    }
}

/// How far an instruction jumps, in slots from the next one.
pub(super) fn jump(insn: Insn) -> Option<i64> {
    match (insn.class(), insn.code & OP_MASK) {
        (op::JMP | op::JMP32, OP_CALL | OP_EXIT) => None,
        _ if insn.code == JA32 => Some(i64::from(insn.imm)),
        (op::JMP | op::JMP32, _) => Some(i64::from(insn.off)),
        _ => None,
    }
}

/// Where a call of one of the program's functions, or the load of its address, leads.
pub(super) fn function(insn: Insn, at: usize) -> Option<usize> {
    let is_address = insn.is_ld_imm64() && insn.src() == op::PSEUDO_FUNC;
    if !is_address && !insn.is_local_call() {
        return None;
    }
    usize::try_from(at as i64 + 1 + i64::from(insn.imm)).ok()
}

pub(super) fn dst(insn: Insn) -> usize {
    usize::from(insn.regs & 0xf)
}

fn bit(register: u8) -> u16 {
    1u16.checked_shl(u32::from(register)).unwrap_or(0)
}

/// What an instruction reads and what it overwrites: a bit for each register.
fn effects(insn: Insn) -> (u16, u16) {
    let (to, from) = (bit(insn.regs & 0xf), bit(insn.src()));
    let operand = match insn.code & op::SRC_X {
        0 => 0,
        _ => from,
    };
    match (insn.class(), insn.code & MODE_MASK) {
        (op::LD, MODE_ABS) => (R6, R0 | ARGUMENTS),
        (op::LD, MODE_IND) => (R6 | from, R0 | ARGUMENTS),
        (op::LD, _) => (0, to),
        (op::LDX, _) => (from, to),
        (op::ST, _) => (to, 0),
        // What it gives back is not counted as overwritten: it may not be.
        (op::STX, MODE_ATOMIC) => (to | from | R0, 0),
        (op::STX, _) => (to | from, 0),
        (op::ALU | op::ALU64, _) => match insn.code & OP_MASK {
            OP_MOV => (operand, to),
            OP_NEG | OP_END => (to, to),
            _ => (to | operand, to),
        },
        _ => match insn.code & OP_MASK {
            OP_JA => (0, 0),
            OP_EXIT => (R0, 0),
            OP_CALL => (arguments(insn), R0 | ARGUMENTS),
            _ => (to | operand, 0),
        },
    }
}

/// The registers that may be something else behind an instruction.
pub(super) fn overwrites(insn: Insn) -> u16 {
    let (_, writes) = effects(insn);
    match (insn.class(), insn.code & MODE_MASK) {
        // An exchange gives back what was in memory.
        (op::STX, MODE_ATOMIC) => bit(insn.src()) | R0,
        _ => writes,
    }
}

/// The arguments that a call of a helper reads.
fn arguments(insn: Insn) -> u16 {
    if insn.src() != 0 {
        return ARGUMENTS;
    }
    let count = usize::try_from(insn.imm).ok();
    let count = count.and_then(|helper| HELPER_ARGUMENTS.get(helper));
    ARGUMENTS & (bit(count.map_or(6, |digit| digit - b'0' + 1)) - 1)
}

/// Whether an instruction only moves a value to where nobody may read it.
fn only_moves(insn: Insn) -> bool {
    matches!(insn.code, MOV64_X | ADD64_K)
}

/// The registers that are still read, before each slot: a bit for each register.
///
/// A value that only moves between registers which nobody reads is not read. Of a program with loops
/// beyond any real use nothing is known: all of them may be.
pub(super) fn live(linked: &Linked) -> Vec<u16> {
    let insns = &linked.insns;
    let mut live = vec![0u16; insns.len()];
    let at_slot = |live: &[u16], slot: Option<usize>| {
        slot.and_then(|slot| live.get(slot)).copied().unwrap_or(0)
    };
    for _ in 0..MAX_SWEEPS {
        let mut grew = false;
        for (at, &insn) in insns.iter().enumerate().rev() {
            let next = next(insn, at);
            let after = at_slot(&live, next.behind) | at_slot(&live, next.jump);
            let (mut reads, writes) = effects(insn);
            if insn.is_local_call() {
                reads = at_slot(&live, function(insn, at)) & ARGUMENTS;
            }
            if only_moves(insn) && after & writes == 0 {
                reads = 0;
            }
            let before = reads | after & !writes;
            if let Some(known) = live.get_mut(at)
                && *known | before != *known
            {
                *known |= before;
                grew = true;
            }
        }
        if !grew {
            return live;
        }
    }
    vec![u16::MAX; insns.len()]
}
