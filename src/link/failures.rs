//! A count behind each call that puts a record into a BPF ring: of those for which it had no room.
//!
//! The kernel keeps no count of them, and a reader can't see them; the program alone is told, and most
//! do nothing about it. Behind the call of a helper r1 to r5 mean nothing any more, so a few instructions
//! fit there without touching what the program has:
//!
//! ```text
//! call bpf_ringbuf_reserve     call bpf_ringbuf_output
//! r1 = r0                      r1 = r0
//! r1 = be64 r1                 r1 >>= 63
//! if r1 != 0 goto +4           if r1 == 0 goto +4
//! r1 = the counter ll          r1 = the counter ll
//! r2 = 1                       r2 = 1
//! lock *(u64 *)(r1 + 0) += r2  lock *(u64 *)(r1 + 0) += r2
//! ```
//!
//! r0 itself is not compared: verifiers, 6.1's among them, forget that a record was found not to be NULL,
//! and would hold that a later look may find NULL and let the record slip. Swapping the bytes of a copy
//! keeps zero zero, and makes a plain number of it.

use super::flow::MOV64_X;
use super::fold::registers_at_calls;
use super::insert::Insert;
use super::{Fixup, LinkError, Linked};
use crate::object::{Insn, Object, Program, op};

/// The helpers.
const BPF_FUNC_RINGBUF_OUTPUT: i32 = 130;
const BPF_FUNC_RINGBUF_RESERVE: i32 = 131;
const BPF_FUNC_RINGBUF_RESERVE_DYNPTR: i32 = 198;

/// ALU | END | TO_BE, ALU64 | RSH | K, ALU64 | MOV | K, and the jumps.
const BE: u8 = 0xdc;
const RSH64_K: u8 = 0x77;
const MOV64_K: u8 = 0xb7;
const JEQ_K: u8 = 0x15;
const JNE_K: u8 = 0x55;
/// STX | ATOMIC | DW.
const ATOMIC_DW: u8 = 0xdb;

/// How many slots are put in, and which of them names the counter.
const SLOTS: usize = 7;
const COUNTER_AT: usize = 3;

/// What a helper gives back where it failed.
#[derive(Clone, Copy)]
enum Failed {
    Null,
    Negative,
}

/// Has a program count the records for which a BPF ring had no room, in a map that stands behind those of
/// the object: one counter of 8 bytes for each map of the object, in its order, and a last one for calls
/// of which is not known what ring they use. Whether there is any such call.
///
/// # Errors
/// A program with jumps that get too far; it is as it was before.
pub fn count_failures(
    object: &Object<'_>,
    program: &Program<'_>,
    linked: &mut Linked,
) -> Result<bool, LinkError> {
    let helper = |insn: &Insn| match insn.imm {
        _ if insn.code != op::CALL || insn.src() != 0 => None,
        BPF_FUNC_RINGBUF_RESERVE => Some(Failed::Null),
        BPF_FUNC_RINGBUF_OUTPUT | BPF_FUNC_RINGBUF_RESERVE_DYNPTR => Some(Failed::Negative),
        _ => None,
    };
    if !linked.insns.iter().any(|insn| helper(insn).is_some()) {
        return Ok(false);
    }
    let unknown = object.maps.len();
    // The map that is the first argument of each call.
    let known = registers_at_calls(linked, 1);
    let mut inserts = Vec::new();
    let mut counters = Vec::new();
    for (at, insn) in linked.insns.iter().enumerate() {
        let Some(failed) = helper(insn) else {
            continue;
        };
        let ring = known.iter().find(|(call, _)| *call == at);
        let ring = ring.map_or(unknown, |(_, ring)| *ring);
        let counter = u32::try_from(ring.saturating_mul(8)).unwrap_or(u32::MAX);
        counters.push((at + 1 + inserts.len() * SLOTS + COUNTER_AT, counter));
        inserts.push(Insert {
            at: at + 1,
            insns: count(failed, counter).into(),
        });
    }
    linked.insert(object, program, &inserts)?;
    for (insn, offset) in counters {
        linked.fixups.push(Fixup {
            insn,
            map: unknown,
            offset: Some(offset),
        });
    }
    Ok(true)
}

fn count(failed: Failed, counter: u32) -> [Insn; SLOTS] {
    let insn = |code, to: u8, from: u8, off, imm| Insn {
        code,
        regs: to | from << 4,
        off,
        imm,
    };
    let (plain, skip) = match failed {
        Failed::Null => (insn(BE, 1, 0, 0, 64), insn(JNE_K, 1, 0, 4, 0)),
        Failed::Negative => (insn(RSH64_K, 1, 0, 0, 63), insn(JEQ_K, 1, 0, 4, 0)),
    };
    [
        insn(MOV64_X, 1, 0, 0, 0),
        plain,
        skip,
        insn(op::LD_IMM64, 1, op::PSEUDO_MAP_VALUE, 0, 0),
        insn(0, 0, 0, 0, counter.cast_signed()),
        insn(MOV64_K, 2, 0, 0, 1),
        insn(ATOMIC_DW, 1, 2, 0, 0),
    ]
}
