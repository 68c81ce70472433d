//! Global data by lookups, for kernels without addresses of map values.
//!
//! Every function that uses data begins with a lookup in each map that holds some of it, and keeps
//! the address on its stack, below all that it has there. What loaded the address of a variable then
//! takes it from there.

use core::ops::Range;

use super::flow::{ADD64_K, ARGUMENTS, MOV64_X, live};
use super::insert::Insert;
use super::{Fixup, LinkError, Linked};
use crate::btf::{Kind, TypeId, Types};
use crate::object::{Global, Insn, Object, Program, op};

/// Bytes of stack that a function may have (`MAX_BPF_STACK`).
const STACK: i32 = 512;

const HELPER_LOOKUP: i32 = 1;
const R0: u8 = 0;
const R10: u8 = 10;
const LDX_DW: u8 = 0x79;
const STX_DW: u8 = 0x7b;
const ST_DW: u8 = 0x7a;
const MOV64_K: u8 = 0xb7;
const JNE_K: u8 = 0x55;
const EXIT: u8 = 0x95;

const fn insn(code: u8, to: u8, from: u8, off: i16, imm: i32) -> Insn {
    Insn {
        code,
        regs: to | from << 4,
        off,
        imm,
    }
}

/// Has a program look its data up instead of taking addresses.
///
/// # Errors
/// A function without room on its stack, or a program with jumps that get too far.
pub fn look_up(
    object: &Object<'_>,
    program: &Program<'_>,
    linked: &mut Linked,
) -> Result<(), LinkError> {
    if linked.fixups.iter().all(|fixup| fixup.offset.is_none()) {
        return Ok(());
    }
    let live = live(linked);
    let mut inserts = Vec::new();
    // Fixups of the lookups, by slot within what is inserted.
    let mut maps = Vec::new();
    let starts: Vec<usize> = linked.functions.iter().map(|(_, start)| *start).collect();
    for (position, &start) in starts.iter().enumerate() {
        let end = starts.get(position + 1).copied();
        let range = start..end.unwrap_or(linked.insns.len());
        let Some(insns) = linked.insns.get(range.clone()) else {
            continue;
        };
        let mut places = Places::below(deepest(insns));
        let no_room = || LinkError::NoRoom {
            program: program.name.into(),
            function: function_name(object, linked, position),
            variables: variables(object, linked, &range),
        };
        let mut sites = Vec::new();
        for fixup in &linked.fixups {
            if range.contains(&fixup.insn)
                && let Some(offset) = fixup.offset
            {
                let place = places.of(fixup.map).ok_or_else(no_room)?;
                sites.push((fixup.insn, place, offset));
            }
        }
        if places.maps.is_empty() {
            continue;
        }
        let read = live.get(start).copied().unwrap_or(0) & arguments(object, linked, position);
        let insns = places.prologue(read, &mut |slot, map| {
            maps.push((inserts.len(), slot, map));
        });
        let insns = insns.ok_or_else(no_room)?;
        for (at, place, offset) in sites {
            if let Some([first, second]) =
                linked.insns.get_mut(at..).and_then(|i| i.first_chunk_mut())
            {
                let to = first.regs & 0xf;
                *first = insn(LDX_DW, to, R10, place, 0);
                *second = insn(ADD64_K, to, 0, 0, offset as i32);
            }
        }
        inserts.push(Insert { at: start, insns });
    }
    linked.fixups.retain(|fixup| fixup.offset.is_none());
    linked.insert(object, program, &inserts)?;
    for (insert, slot, map) in maps {
        let before: usize = inserts.iter().take(insert).map(|i| i.insns.len()).sum();
        let at = inserts.get(insert).map_or(0, |insert| insert.at);
        linked.fixups.push(Fixup {
            insn: before + at + slot,
            map,
            offset: None,
        });
    }
    Ok(())
}

/// Where on the stack of a function the addresses of data are kept.
struct Places {
    /// The next place, from the top of the stack.
    next: i32,
    /// Map and place.
    maps: Vec<(usize, i16)>,
}

impl Places {
    fn below(deepest: i32) -> Places {
        Places {
            next: (deepest & !7) - 8,
            maps: Vec::new(),
        }
    }

    /// The place of a map's address; `None` where the stack is full. One more stays free.
    fn of(&mut self, map: usize) -> Option<i16> {
        if let Some((_, place)) = self.maps.iter().find(|(known, _)| *known == map) {
            return Some(*place);
        }
        let place = i16::try_from(self.next).ok()?;
        if self.next < -STACK {
            return None;
        }
        self.next -= 8;
        self.maps.push((map, place));
        Some(place)
    }

    /// What a function starts with that is given these arguments. `None` where there is no place for
    /// them.
    fn prologue(&self, arguments: u16, fixup: &mut dyn FnMut(usize, usize)) -> Option<Vec<Insn>> {
        // A function may do with r6 to r9 what it likes, and here it has not begun. The fifth
        // argument goes to the stack.
        let given = (1..=5u8).filter(|register| arguments >> register & 1 != 0);
        let given: Vec<(u8, u8)> = given.zip(6..=R10).collect();
        let spill = i16::try_from(self.next).ok();
        let spill = spill.filter(|_| self.next >= -STACK);
        let mut out = Vec::new();
        for &(argument, kept) in &given {
            out.push(match kept {
                R10 => insn(STX_DW, R10, argument, spill?, 0),
                _ => insn(MOV64_X, kept, argument, 0, 0),
            });
        }
        for &(map, place) in &self.maps {
            // The key is 0, where the address is going to be.
            out.push(insn(ST_DW, R10, 0, place, 0));
            fixup(out.len(), map);
            out.extend([
                insn(op::LD_IMM64, 1, op::PSEUDO_MAP_FD, 0, 0),
                Insn::default(),
                insn(MOV64_X, 2, R10, 0, 0),
                insn(ADD64_K, 2, 0, 0, i32::from(place)),
                insn(op::CALL, 0, 0, 0, HELPER_LOOKUP),
                // An array has its first element; the verifier does not know.
                insn(JNE_K, R0, 0, 2, 0),
                insn(MOV64_K, R0, 0, 0, 0),
                insn(EXIT, 0, 0, 0, 0),
                insn(STX_DW, R10, R0, place, 0),
            ]);
        }
        for &(argument, kept) in &given {
            out.push(match kept {
                R10 => insn(LDX_DW, argument, R10, spill?, 0),
                _ => insn(MOV64_X, argument, kept, 0, 0),
            });
        }
        Some(out)
    }
}

/// The lowest place on the stack that these instructions may use, counted from its top. Each number
/// that is added to anything counts, as it may be added to the address of the stack; taken for too
/// low, it costs room and nothing else.
fn deepest(insns: &[Insn]) -> i32 {
    let place = |insn: &Insn| match (insn.class(), insn.code) {
        (op::LDX, _) if insn.src() == R10 => i32::from(insn.off),
        (op::ST | op::STX, _) if insn.regs & 0xf == R10 => i32::from(insn.off),
        (_, ADD64_K) if (-STACK..0).contains(&insn.imm) => insn.imm,
        _ => 0,
    };
    insns.iter().map(place).min().unwrap_or(0).min(0)
}

/// The registers that carry arguments of the function at `position`, as far as its type tells.
fn arguments(object: &Object<'_>, linked: &Linked, position: usize) -> u16 {
    if position == 0 {
        return 0b10;
    }
    let count = || {
        let size = object.ext.func_info.record_len;
        let record = linked.func_info.get(position.checked_mul(size)?..)?;
        let id = record.get(4..8)?.first_chunk::<4>()?;
        let btf = object.btf.as_ref()?;
        let of = btf.header(TypeId(u32::from_le_bytes(*id))).ok()?;
        let proto = btf.header(of.target()).ok()?;
        (proto.kind == Kind::FuncProto).then_some(proto.vlen)
    };
    match count() {
        Some(count) => ARGUMENTS & ((2u16 << count.min(5)) - 1),
        None => ARGUMENTS,
    }
}

fn function_name(object: &Object<'_>, linked: &Linked, position: usize) -> String {
    let function = linked.functions.get(position);
    let function = function.and_then(|(function, _)| object.functions.get(*function));
    function.map_or(String::new(), |function| function.name.into())
}

/// The variables that the instructions in `range` use, each once.
fn variables(object: &Object<'_>, linked: &Linked, range: &Range<usize>) -> String {
    let mut names: Vec<String> = Vec::new();
    for fixup in &linked.fixups {
        if let Some(offset) = fixup.offset.filter(|_| range.contains(&fixup.insn)) {
            let name = variable(object, fixup.map, offset as usize);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.join(", ")
}

/// What lies at a place of a data map.
fn variable(object: &Object<'_>, map: usize, offset: usize) -> String {
    let within = |g: &&Global<'_>| {
        g.map == map && (g.offset..g.offset.saturating_add(g.size.max(1))).contains(&offset)
    };
    match object.globals.iter().find(within) {
        Some(global) => global.name.into(),
        None => object.maps.get(map).map_or("", |map| map.name).into(),
    }
}
