//! What btfly makes of an object with the types of a file, by the steps that loading takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use btfly::link::{Linked, link};
use btfly::object::{Insn, Object, op};
use btfly::relocate::{FitError, Fitted, POISON, fit, names_wanted};
use btfly::target::{BtfChoice, Kernel};

use crate::listing::Listing;

pub fn listing(object: &Path, btf: &Path) -> Listing {
    let bytes = fs::read(object).unwrap();
    let object = match Object::parse(&bytes) {
        Ok(object) => object,
        Err(error) => panic!("{}: {error}", object.display()),
    };
    match fitted(&object, btf) {
        Ok(fitted) => Listing {
            programs: programs(&object, &fitted),
            verdict: "ok".into(),
        },
        Err(error) => Listing {
            programs: BTreeMap::new(),
            verdict: format!("fail {error}"),
        },
    }
}

fn fitted(object: &Object<'_>, btf: &Path) -> Result<Fitted, FitError> {
    let kernel = Kernel {
        btf: BtfChoice::File(btf.to_str().unwrap().into()),
        ..Kernel::running()
    };
    let types = kernel.types(&names_wanted(object, &|_| true)?).unwrap();
    fit(object, &*types.types, &|_| true, None)
}

fn programs(object: &Object<'_>, fitted: &Fitted) -> BTreeMap<String, Vec<String>> {
    let programs = object.programs.iter().map(|program| {
        let linked = link(object, fitted, program).unwrap();
        (program.name.to_string(), lines(object, &linked))
    });
    programs.collect()
}

fn lines(object: &Object<'_>, linked: &Linked) -> Vec<String> {
    let mut lines = Vec::new();
    let function = |slot: usize| {
        let found = linked.functions.iter().find(|(_, start)| *start == slot);
        found.map(|(function, _)| object.functions[*function].name)
    };
    for (slot, &insn) in linked.insns.iter().enumerate() {
        if let Some(name) = function(slot) {
            lines.push(format!("fn {name}"));
        }
        let called = || function((slot as i64 + 1 + i64::from(insn.imm)) as usize).unwrap();
        let fixup = |slot| linked.fixups.iter().find(|fixup| fixup.insn == slot);
        let second = slot.checked_sub(1).and_then(fixup);
        let (insn, note) = if let Some(fixup) = fixup(slot) {
            let name = &object.maps[fixup.map].name;
            (Insn { imm: 0, ..insn }, format!(" map={name}"))
        } else if let Some(offset) = second.and_then(|fixup| fixup.offset) {
            let imm = offset as i32;
            (Insn { imm, ..insn }, String::new())
        } else if insn.is_ld_imm64() && insn.src() == op::PSEUDO_FUNC {
            (insn, format!(" func={}", called()))
        } else if insn.is_local_call() {
            (insn, format!(" call={}", called()))
        } else if insn.code == op::CALL && insn.imm == POISON {
            (insn, " poison=core".into())
        } else {
            (insn, String::new())
        };
        let digits = insn.bytes().map(|byte| format!("{byte:02x}"));
        lines.push([&*digits.concat(), &note].concat());
    }
    lines
}
