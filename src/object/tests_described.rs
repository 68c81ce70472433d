//! Tables of functions, variables in an arena and exception callbacks, as `bpf/tests/described.bpf.c` has them,
//! and what is refused of them.

use super::*;
use crate::btf::Types;
use crate::elf::Elf;
use crate::link::{Linked, link};
use crate::relocate::Fitted;
use crate::sys::abi;

const DESCRIBED: &[u8] = include_bytes!("../../prebuilt/arm64/tests/described.bpf.o");

fn linked(object: &Object<'_>, program: &str) -> Linked {
    let program = object.programs.iter().find(|p| p.name == program).unwrap();
    // Nobody has looked for the kernel's function.
    let fitted = Fitted {
        externs: vec![crate::relocate::Found::Missing; object.externs.len()],
        ..Fitted::compiled(object)
    };
    link(object, &fitted, program).unwrap()
}

fn ops<'o, 'a>(object: &'o Object<'a>, name: &str) -> &'o StructOps<'a> {
    match &object.maps[object.map(name).unwrap()].kind {
        MapKind::StructOps(ops) => ops,
        other => panic!("{other:?}"),
    }
}

/// The object with the first occurrence of `from` in a section replaced.
fn changed(section: &str, from: &[u8], to: &[u8]) -> String {
    let elf = Elf::parse(DESCRIBED).unwrap();
    let data = elf.section(section).unwrap().data;
    let start = data.as_ptr() as usize - DESCRIBED.as_ptr() as usize;
    let found = data.windows(from.len()).position(|w| w == from);
    let at = start + found.expect("what is replaced");
    let mut file = DESCRIBED.to_vec();
    file[at..at + to.len()].copy_from_slice(to);
    match Object::parse(&file) {
        Ok(_) => "taken".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn tables_of_functions_are_maps_with_the_programs_of_the_source() {
    let object = Object::parse(DESCRIBED).unwrap();
    let btf = object.btf.as_ref().unwrap();
    let function = |name: &str| {
        object
            .functions
            .iter()
            .position(|f| f.name == name)
            .unwrap()
    };
    let (init, ssthresh) = (
        OpsProgram {
            offset: 0,
            member: 0,
            function: function("init"),
        },
        OpsProgram {
            offset: 16,
            member: 2,
            function: function("ssthresh"),
        },
    );
    for (name, section, link, autocreate, programs) in [
        ("plain", ".struct_ops", false, true, &[ssthresh][..]),
        ("linked", ".struct_ops.link", true, true, &[init, ssthresh]),
        ("asked_for", "?.struct_ops.link", true, false, &[]),
    ] {
        let map = &object.maps[object.map(name).unwrap()];
        let found = ops(&object, name);
        let is = (found.section, found.link, found.autocreate);
        assert_eq!(is, (section, link, autocreate), "{name}");
        assert_eq!(found.programs, programs, "{name}");
        let flags = if link { abi::BPF_F_LINK } else { 0 };
        let is = (map.map_type, map.key_size, map.max_entries, map.flags);
        assert_eq!(is, (abi::BPF_MAP_TYPE_STRUCT_OPS, 4, 1, flags), "{name}");
        let ty = btf.header(found.ty).unwrap();
        assert_eq!(btf.str_at(ty.name), Some("tcp_congestion_ops"));
        assert_eq!(map.value_size, 48);
        assert_eq!(&found.initial[32..32 + name.len()], name.as_bytes());
    }
    assert_eq!(ops(&object, "plain").initial[8..12], 2u32.to_le_bytes());
}

#[test]
fn variables_in_an_arena_are_the_arenas_and_can_be_set() {
    let mut object = Object::parse(DESCRIBED).unwrap();
    let arena = object.map("arena").unwrap();
    assert_eq!(object.maps[arena].arena_data.as_ref().unwrap().len(), 24);
    let places = |name: &str| object.global(name).map(|g| (g.map, g.offset, g.size));
    assert_eq!(places("shared"), Some((arena, 0, 8)));
    assert_eq!(places("table"), Some((arena, 8, 16)));
    let reads = linked(&object, "reads");
    let fixups: Vec<_> = reads.fixups.iter().map(|f| (f.map, f.offset)).collect();
    assert_eq!(fixups, [(arena, Some(0)), (arena, Some(8))]);
    for fixup in &reads.fixups {
        assert_eq!(reads.insns[fixup.insn].src(), op::PSEUDO_MAP_VALUE);
    }
    let table = object.global_mut("table").unwrap();
    assert_eq!(table[8..12], 3u32.to_le_bytes());
    table[8] = 9;
    assert_eq!(object.maps[arena].arena_data.as_ref().unwrap()[16], 9);
    assert_eq!(
        changed(".BTF", b"addr_space.1", b"addr_space.2"),
        "taken",
        "without types they are bytes"
    );
}

#[test]
fn an_exception_callback_follows_what_the_program_calls() {
    let object = Object::parse(DESCRIBED).unwrap();
    let throws = linked(&object, "throws");
    let functions: Vec<&str> = throws
        .functions
        .iter()
        .map(|f| object.functions[f.0].name)
        .collect();
    assert_eq!(functions, ["throws", "twice", "caught"]);
    assert_eq!(throws.func_info.len(), 3 * crate::link::FUNC_RECORD);
    assert_eq!(linked(&object, "reads").functions.len(), 1);
    // Its own call is aimed at the function that was there already.
    let (_, caught) = throws.functions[2];
    let (_, twice) = throws.functions[1];
    let mut calls = throws.insns.iter().enumerate().skip(caught);
    let (at, call) = calls.find(|(_, insn)| insn.is_local_call()).unwrap();
    assert_eq!(at as i64 + 1 + i64::from(call.imm), twice as i64);
}

#[test]
fn a_callback_that_can_not_be_one_is_refused_with_the_reason() {
    let tag = b"exception_callback:caught\0";
    for (to, why) in [
        (
            &b"exception_callback:caughs\0"[..],
            "caughs is not in the object",
        ),
        (
            b"exception_callback:throws\0",
            "throws is not in the object",
        ),
        (
            b"exception_callback:twice\0\0",
            "twice must be a global function that is not hidden",
        ),
        (b"exception_callback:\0aught\0", " has no name"),
    ] {
        let told = changed(".BTF", tag, to);
        let expected = format!("program throws: its exception callback {why}");
        assert_eq!(told, expected);
    }
    assert_eq!(changed(".BTF", tag, b"exception_callbacks"), "taken");
}

#[test]
fn a_table_that_can_not_be_filled_is_refused_with_the_reason() {
    let elf = Elf::parse(DESCRIBED).unwrap();
    let symbol = |name: &str| {
        let at = elf.symbols.iter().position(|s| s.name == name).unwrap();
        (at as u32).to_le_bytes()
    };
    let (ssthresh, relocation) = (symbol("ssthresh"), ".rel.struct_ops");
    for (to, told) in [
        (symbol("init"), "taken"),
        (
            symbol("caught"),
            "its member ssthresh is caught, which is not in a section struct_ops",
        ),
        (
            symbol("reads"),
            "its member ssthresh is reads, which is not in a section struct_ops",
        ),
        (
            symbol("arena"),
            "its member ssthresh is not a program of this object",
        ),
        (
            symbol("bpf_throw"),
            "its member ssthresh is not a program of this object",
        ),
        ([0xff; 4], "its member ssthresh names nothing"),
    ] {
        let found = changed(relocation, &ssthresh, &to);
        let found = found.strip_prefix("map plain: ").unwrap_or(&found);
        assert_eq!(found, told);
    }
    let at = 16u64.to_le_bytes();
    for (to, told) in [
        (
            8u64,
            "map plain: byte 8 of it is filled, where no function pointer is",
        ),
        (
            20,
            "map plain: byte 20 of it is filled, where no function pointer is",
        ),
        (
            48,
            "section .struct_ops: a reference lies in none of its variables",
        ),
        (
            u64::MAX,
            "section .struct_ops: a reference lies in none of its variables",
        ),
    ] {
        assert_eq!(changed(relocation, &at, &to.to_le_bytes()), told);
    }
    let told = changed(".BTF", b"\0.struct_ops\0", b"\0.struct_opt\0");
    assert_eq!(
        told,
        "the object has no BTF, which a section .struct_ops needs"
    );
}

#[test]
fn damaged_descriptions_are_refused_or_taken_and_never_end_the_program() {
    for bytes in [
        DESCRIBED,
        include_bytes!("../../prebuilt/arm64/tests/filled_maps.bpf.o"),
    ] {
        for at in (0..bytes.len()).step_by(3) {
            let _ = Object::parse(&bytes[..at]);
            for change in [0xff, 0x01, 0x40] {
                let mut file = bytes.to_vec();
                file[at] ^= change;
                let Ok(object) = Object::parse(&file) else {
                    continue;
                };
                for program in &object.programs {
                    let _ = link(&object, &Fitted::compiled(&object), program);
                }
            }
        }
    }
}
