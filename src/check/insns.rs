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
    let (name, len) = (plain(program.name), linked.insns.len());
    let _ = writeln!(out, "prog {name} {len}");
    while let Some((at, insn)) = slots.next() {
        if let Some(function) = function(object, linked, at) {
            let _ = writeln!(out, "fn {function}");
        }
        let (insn, note) = noted(object, linked, at, insn);
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

/// The instruction without what a running kernel gives, and what is to be said of it.
fn noted(object: &Object<'_>, linked: &Linked, at: usize, insn: Insn) -> (Insn, String) {
    let target = || {
        let target = (at as i64 + 1).checked_add(i64::from(insn.imm));
        let target = target.and_then(|target| usize::try_from(target).ok());
        target
            .and_then(|target| function(object, linked, target))
            .unwrap_or_default()
    };
    match (insn.code, insn.src()) {
        // A map by its descriptor or number, and a byte in its value.
        (op::LD_IMM64, op::PSEUDO_MAP_FD | op::PSEUDO_MAP_VALUE | 5 | 6) => {
            let fixup = linked.fixups.iter().find(|fixup| fixup.insn == at);
            let map = fixup.and_then(|fixup| object.maps.get(fixup.map));
            let name = plain(map.map_or("", |map| map.name));
            (Insn { imm: 0, ..insn }, ["map=", &name].concat())
        }
        (op::LD_IMM64, op::PSEUDO_BTF_ID) => (insn, "btfid".into()),
        (op::LD_IMM64, op::PSEUDO_FUNC) => (insn, ["func=", &target()].concat()),
        (op::CALL, op::PSEUDO_CALL) => (insn, ["call=", &target()].concat()),
        (op::CALL, op::PSEUDO_KFUNC_CALL) => (insn, "kfunc".into()),
        (op::CALL, 0) => {
            let note = match insn.imm {
                POISON => "poison=core",
                imm if (POISON_MAP..POISON_MAP + POISONS).contains(&imm) => "poison=map",
                imm if (POISON_KFUNC..POISON_KFUNC + POISONS).contains(&imm) => "poison=kfunc",
                _ => "",
            };
            (insn, note.into())
        }
        _ => (insn, String::new()),
    }
}

/// The function that starts with slot `at`.
fn function(object: &Object<'_>, linked: &Linked, at: usize) -> Option<String> {
    let (function, _) = linked.functions.iter().find(|(_, start)| *start == at)?;
    object.functions.get(*function).map(|f| plain(f.name))
}

/// A name as one harmless field.
fn plain(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    escape(name.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).replace(' ', "\\x20")
}
