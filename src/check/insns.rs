//! A program's instructions as text, to be compared with those of another loader.
//!
//! `prog NAME SLOTS`, one line for each slot of eight bytes in memory order, `end`; `fn NAME` before
//! each function. What only a running kernel can give is 0, and a note says what it would be.

use core::fmt::Write;

use crate::link::{Linked, POISON_KFUNC, POISON_MAP};
use crate::object::{Insn, Object, Program, op};
use crate::relocate::POISON;
use crate::value::escape;

/// How many numbers behind [`POISON_MAP`] and [`POISON_KFUNC`] are of that kind.
const POISONS: i32 = 1_000_000;

/// Appends the instructions of a program that was put together.
pub fn write_insns(object: &Object<'_>, program: &Program<'_>, linked: &Linked, out: &mut String) {
    let mut slots = linked.insns.iter().copied().enumerate();
    let mut maps: Vec<(usize, usize)> = linked.fixups.iter().map(|f| (f.insn, f.map)).collect();
    maps.sort_unstable();
    let place = Place {
        object,
        linked,
        maps,
    };
    let (name, len) = (plain(program.name), linked.insns.len());
    let _ = writeln!(out, "prog {name} {len}");
    while let Some((at, insn)) = slots.next() {
        if let Some(function) = place.function(at) {
            let _ = writeln!(out, "fn {function}");
        }
        let (insn, note) = place.noted(at, insn);
        slot(insn, &note, out);
        if !insn.is_ld_imm64() {
            continue;
        }
        if let Some((_, second)) = slots.next() {
            let second = match insn.src() {
                op::PSEUDO_BTF_ID => Insn { imm: 0, ..second },
                _ => second,
            };
            slot(second, "", out);
        }
    }
    out.push_str("end\n");
}

fn slot(insn: Insn, note: &str, out: &mut String) {
    for byte in insn.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
    if !note.is_empty() {
        let _ = write!(out, " {note}");
    }
    out.push('\n');
}

/// A program, and what stands where in it.
struct Place<'p> {
    object: &'p Object<'p>,
    linked: &'p Linked,
    /// First slot and number of each map that is loaded, sorted.
    maps: Vec<(usize, usize)>,
}

impl Place<'_> {
    /// The instruction without what a running kernel gives, and what is to be said of it.
    fn noted(&self, at: usize, insn: Insn) -> (Insn, String) {
        let target = || {
            let target = (at as i64 + 1).checked_add(i64::from(insn.imm));
            let target = target.and_then(|target| usize::try_from(target).ok());
            target
                .and_then(|target| self.function(target))
                .unwrap_or_default()
        };
        match (insn.code, insn.src()) {
            // A map by its descriptor or number, and a byte in its value.
            (op::LD_IMM64, op::PSEUDO_MAP_FD | op::PSEUDO_MAP_VALUE | 5 | 6) => {
                let note = ["map=", &self.map(at)].concat();
                (Insn { imm: 0, ..insn }, note)
            }
            (op::LD_IMM64, op::PSEUDO_BTF_ID) => (insn, "btfid".into()),
            (op::LD_IMM64, op::PSEUDO_FUNC) => (insn, ["func=", &target()].concat()),
            (op::CALL, op::PSEUDO_CALL) => (insn, ["call=", &target()].concat()),
            (op::CALL, op::PSEUDO_KFUNC_CALL) => (insn, "kfunc".into()),
            (op::CALL, 0) => (insn, poison(insn.imm).into()),
            _ => (insn, String::new()),
        }
    }

    /// The function that starts with slot `at`.
    fn function(&self, at: usize) -> Option<String> {
        let functions = &self.linked.functions;
        let found = functions.binary_search_by_key(&at, |(_, start)| *start);
        let (function, _) = functions.get(found.ok()?)?;
        self.object.functions.get(*function).map(|f| plain(f.name))
    }

    /// The map that slot `at` loads.
    fn map(&self, at: usize) -> String {
        let found = self.maps.binary_search_by_key(&at, |(insn, _)| *insn);
        let map = found.ok().and_then(|found| self.maps.get(found));
        let map = map.and_then(|(_, map)| self.object.maps.get(*map));
        map.map_or(String::new(), |map| plain(map.name))
    }
}

/// What a call of this helper stands for, if it is none.
fn poison(helper: i32) -> &'static str {
    match helper {
        POISON => "poison=core",
        imm if (POISON_MAP..POISON_MAP + POISONS).contains(&imm) => "poison=map",
        imm if (POISON_KFUNC..POISON_KFUNC + POISONS).contains(&imm) => "poison=kfunc",
        _ => "",
    }
}

/// A name as one harmless field.
fn plain(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    escape(name.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).replace(' ', "\\x20")
}
