//! Constants in the place of loads from memory that never changes, for kernels without global data.
//!
//! Each address of a byte in such memory is followed through registers, along every way that the
//! program can take, as long as it is one and the same on all of them. A load through it becomes
//! the value. An address that nobody reads any more becomes 0.

use super::flow::{
    ADD64_K, MAX_SWEEPS, MODE_MASK, MODE_MEM, MODE_MEMSX, MOV64_X, OP_MOV, REGISTERS, dst, live,
    next, overwrites,
};
use super::insert::Insert;
use super::{Fixup, LinkError, Linked};
use crate::object::{Insn, Object, Program, op};

/// The byte that a register points to: index of its map, bytes from the start of its value.
type Address = (usize, u32);

/// What each register is known to point to.
type Pointers = [Option<Address>; REGISTERS];

/// Replaces what programs load from maps whose contents are known and final, given by their index,
/// `None` for others.
///
/// # Errors
/// A program with jumps that get too far.
pub fn fold(
    object: &Object<'_>,
    program: &Program<'_>,
    linked: &mut Linked,
    contents: &[Option<Vec<u8>>],
) -> Result<(), LinkError> {
    let mut inserts = Vec::new();
    for (at, value) in constants(linked, contents) {
        let Some(insn) = linked.insns.get_mut(at) else {
            continue;
        };
        let (low, high) = (value as i32, (value >> 32) as i32);
        let code = match value {
            _ if i64::from(low) as u64 == value => op::ALU64 | OP_MOV,
            _ if high == 0 => op::ALU | OP_MOV,
            _ => {
                let second = Insn {
                    imm: high,
                    ..Insn::default()
                };
                inserts.push(Insert {
                    at: at + 1,
                    insns: vec![second],
                });
                op::LD_IMM64
            }
        };
        *insn = Insn {
            code,
            regs: insn.regs & 0xf,
            off: 0,
            imm: low,
        };
    }
    linked.insert(object, program, &inserts)?;
    forget_unread(linked);
    Ok(())
}

/// Makes 0 of the addresses of data that nobody reads.
fn forget_unread(linked: &mut Linked) {
    let live = live(linked);
    let insns = &mut linked.insns;
    linked.fixups.retain(|fixup| {
        let Some([first, second]) = insns
            .get_mut(fixup.insn..)
            .and_then(|i| i.first_chunk_mut())
        else {
            return true;
        };
        let read = live.get(fixup.insn + 2).copied().unwrap_or(0);
        if fixup.offset.is_none() || read >> dst(*first) & 1 != 0 {
            return true;
        }
        *first = first.with_src(0);
        (first.imm, second.imm) = (0, 0);
        false
    });
}

/// The loads whose value is known: slot and value, in the order of slots.
fn constants(linked: &Linked, contents: &[Option<Vec<u8>>]) -> Vec<(usize, u64)> {
    let source = |fixup: &Fixup| Some((fixup.map, fixup.offset?));
    found(linked, &source, &mut |at, insn, pointers| {
        let from = pointers.get(usize::from(insn.src())).copied().flatten();
        let address = from.filter(|_| insn.class() == op::LDX)?;
        Some((at, load(insn, address, contents)?))
    })
}

/// The calls of helpers at which a register is known to hold a map: slot and the map's index, in the
/// order of slots.
pub(super) fn registers_at_calls(linked: &Linked, register: usize) -> Vec<(usize, usize)> {
    let source = |fixup: &Fixup| fixup.offset.is_none().then_some((fixup.map, 0));
    found(linked, &source, &mut |at, insn, pointers| {
        if insn.code != op::CALL || insn.src() != 0 {
            return None;
        }
        let (map, _) = pointers.get(register).copied().flatten()?;
        Some((at, map))
    })
}

/// What is found at instructions where it is known what registers point to, once all ways through the
/// program were followed. `source` says what the loads of addresses are.
fn found<T>(
    linked: &Linked,
    source: &dyn Fn(&Fixup) -> Option<Address>,
    find: &mut dyn FnMut(usize, Insn, &Pointers) -> Option<T>,
) -> Vec<T> {
    let slots = linked.insns.len();
    let mut ways = Ways {
        insns: &linked.insns,
        sources: vec![None; slots],
        joins: vec![None; slots],
    };
    for fixup in &linked.fixups {
        if let Some(place) = ways.sources.get_mut(fixup.insn) {
            *place = source(fixup);
        }
    }
    for (_, start) in &linked.functions {
        if let Some(join) = ways.joins.get_mut(*start) {
            *join = Some(Box::default());
        }
    }
    let mut found = Vec::new();
    for _ in 0..MAX_SWEEPS {
        found.clear();
        let changed = ways.sweep(&mut |at, insn, pointers| found.extend(find(at, insn, pointers)));
        if !changed {
            return found;
        }
    }
    // Loops beyond any real use.
    Vec::new()
}

/// What an instruction loads through a pointer to this byte.
fn load(insn: Insn, (map, base): Address, contents: &[Option<Vec<u8>>]) -> Option<u64> {
    let bytes = contents.get(map)?.as_ref()?;
    let at = i64::from(base) + i64::from(insn.off);
    let at = usize::try_from(at).ok()?;
    let size = match insn.code & op::SIZE_MASK {
        op::SIZE_B => 1,
        op::SIZE_H => 2,
        op::SIZE_W => 4,
        _ => 8,
    };
    let mut word = [0; 8];
    word.get_mut(..size)?
        .copy_from_slice(bytes.get(at..at + size)?);
    let value = u64::from_le_bytes(word);
    let unused = 64 - 8 * size as u32;
    match insn.code & MODE_MASK {
        MODE_MEM => Some(value),
        MODE_MEMSX => Some(((value << unused) as i64 >> unused) as u64),
        _ => None,
    }
}

/// The ways through a program.
struct Ways<'w> {
    insns: &'w [Insn],
    /// What is loaded where addresses of data are, by slot.
    sources: Vec<Option<Address>>,
    /// What is known where ways meet, by slot.
    joins: Vec<Option<Box<Pointers>>>,
}

impl Ways<'_> {
    /// Goes through the program from its first slot to its last, and hands over each instruction with
    /// what is known before it. Whether less is known at some place than before.
    fn sweep(&mut self, each: &mut dyn FnMut(usize, Insn, &Pointers)) -> bool {
        let mut changed = false;
        let mut here: Option<Pointers> = None;
        let mut slots = self.insns.iter().enumerate();
        while let Some((at, &insn)) = slots.next() {
            if let Some(Some(joined)) = self.joins.get_mut(at) {
                if let Some(before) = here {
                    changed |= meet(joined, &before);
                }
                here = Some(**joined);
            }
            if insn.is_ld_imm64() {
                slots.next();
            }
            let Some(pointers) = &mut here else {
                continue;
            };
            let from = pointers.get(usize::from(insn.src())).copied().flatten();
            each(at, insn, pointers);
            self.step(at, insn, from, pointers);
            let next = next(insn, at);
            if let Some(join) = next.jump.and_then(|target| self.joins.get_mut(target)) {
                changed |= match join {
                    Some(known) => meet(known, pointers),
                    None => {
                        *join = Some(Box::new(*pointers));
                        true
                    }
                };
            }
            if next.behind.is_none() {
                here = None;
            }
        }
        changed
    }

    /// What an instruction does to the pointers.
    fn step(&self, at: usize, insn: Insn, from: Option<Address>, pointers: &mut Pointers) {
        let writes = overwrites(insn);
        let to = dst(insn);
        let moved = match insn.code {
            op::LD_IMM64 => self.sources.get(at).copied().flatten(),
            MOV64_X if insn.off == 0 => from,
            ADD64_K => {
                let pointer = pointers.get(to).copied().flatten();
                pointer.and_then(|(map, base)| Some((map, base.checked_add_signed(insn.imm)?)))
            }
            _ => None,
        };
        for (register, pointer) in pointers.iter_mut().enumerate() {
            if writes >> register & 1 != 0 {
                *pointer = None;
            }
        }
        if let Some(pointer) = pointers.get_mut(to)
            && moved.is_some()
        {
            *pointer = moved;
        }
    }
}

/// Leaves in `known` what `other` knows too. Whether that is less.
fn meet(known: &mut Pointers, other: &Pointers) -> bool {
    let mut less = false;
    for (known, other) in known.iter_mut().zip(other) {
        if known.is_some() && known != other {
            *known = None;
            less = true;
        }
    }
    less
}
