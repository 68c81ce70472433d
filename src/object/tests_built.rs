//! Objects that are made here, of shapes that today's clang does not give.

use super::testing::{EXIT, Writer, call, load, set};
use super::*;
use crate::elf::{Binding, SymbolKind};
use crate::link::link;
use crate::relocate::Fitted;
use crate::sys::abi;

use Binding::{Global, Local, Weak};
use SymbolKind::{Function as Func, Object as Var, Other};

const RAW: &str = "raw_tp/sys_enter";

/// A section with one program, `main`, of these instructions.
fn program(insns: &[Insn]) -> (Writer, usize) {
    let mut writer = Writer::new();
    let section = writer.code(RAW, insns);
    writer.function("main", section, 0, insns.len());
    (writer, section)
}

fn error(writer: &Writer) -> String {
    Object::parse(&writer.bytes()).unwrap_err().to_string()
}

fn references(object: &Object<'_>, section: &str) -> Vec<(usize, String)> {
    let code = object.code.iter().find(|c| c.section == section).unwrap();
    let told = code.references.iter().map(|r| {
        let to = match r.to {
            Referent::Map(map) => object.maps[map].name.into(),
            Referent::Data { map, offset } => format!("{}+{offset}", object.maps[map].name),
            Referent::Call(f) => format!("{}()", object.functions[f].name),
            Referent::Address(f) => format!("&{}", object.functions[f].name),
            Referent::Extern { name } => format!("extern {name}"),
        };
        (r.insn, to)
    });
    told.collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

#[test]
fn data_is_referred_to_by_symbol_and_by_section() {
    let insns = [load(0), load(4), load(8), load(0)].concat();
    let (mut writer, code) = program(&[&insns[..], &[set(0), EXIT]].concat());
    let strings = writer.data(".rodata.str1.1", b"one\0two\0three\0");
    let bss = writer.bss(".bss.own", 16);
    let named = writer.symbol("later", (bss, 8, 8), Var, Global);
    let untyped = writer.symbol("mark", (bss, 4, 0), Other, Local);
    let (whole, whole_bss) = (writer.whole(strings), writer.whole(bss));
    for (slot, symbol) in [(0, named), (2, whole), (4, whole_bss), (6, untyped)] {
        writer.relocate(code, slot * 8, symbol);
    }
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    let expected = [".bss.own+8", ".rodata.str1.1+4", ".bss.own+8", ".bss.own+4"];
    let found = references(&object, RAW);
    let texts: Vec<&str> = found.iter().map(|(_, to)| &**to).collect();
    assert_eq!(texts, expected);
    // One past the end is a place, and further is none.
    assert!(object.global("later").is_some() && object.global("mark").is_none());
    writer.relocate(code, 16, named);
    assert!(Object::parse(&writer.bytes()).is_ok());
}

#[test]
fn relocations_of_what_is_not_loaded_are_passed_over() {
    let (mut writer, _) = program(&[set(0), EXIT]);
    for name in [".data", ".eh_frame", ".debug_info", "of_my_own"] {
        let section = writer.data(name, &[0; 16]);
        let target = writer.symbol("gone", (0, 0, 0), Other, Global);
        writer.relocate(section, 8, target);
        writer.relocate(section, u64::MAX, usize::MAX >> 32);
    }
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    assert_eq!((object.maps.len(), object.programs.len()), (1, 1));
}

#[test]
fn subprograms_are_called_by_name_and_by_section_and_given_as_addresses() {
    let insns = [&load(8)[..], &load(0), &[call(-1), call(0), EXIT]].concat();
    let (mut writer, code) = program(&insns);
    let text = writer.code(".text.unlikely", &[EXIT, EXIT, EXIT]);
    writer.symbol("first", (text, 0, 8), Func, Local);
    writer.symbol("second", (text, 8, 8), Func, Local);
    let third = writer.function("third", text, 2, 1);
    let whole = writer.whole(text);
    for (slot, symbol) in [(0, whole), (2, third), (4, third), (5, whole)] {
        writer.relocate(code, slot * 8, symbol);
    }
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    let found = references(&object, RAW);
    let texts: Vec<&str> = found.iter().map(|(_, to)| &**to).collect();
    assert_eq!(texts, ["&second", "&third", "third()", "second()"]);
    let linked = link(&object, &Fitted::compiled(&object), &object.programs[0]).unwrap();
    let order: Vec<&str> = linked
        .functions
        .iter()
        .map(|f| object.functions[f.0].name)
        .collect();
    assert_eq!(order, ["main", "second", "third"]);
    assert_eq!(linked.insns[0].src(), op::PSEUDO_FUNC);
    assert_eq!(linked.insns[0].imm, 6);
}

#[test]
fn functions_in_a_program_section_are_programs_if_others_can_see_them() {
    let mut writer = Writer::new();
    let code = writer.code(RAW, &[call(1), EXIT, EXIT, call(-2), EXIT]);
    writer.function("main", code, 0, 2);
    writer.symbol("helper", (code, 16, 8), Func, Local);
    let other = writer.function("other", code, 3, 2);
    let text = writer.code("xdp", &[call(-1), EXIT]);
    writer.function("from_outside", text, 0, 2);
    writer.relocate(text, 0, other);
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    let programs: Vec<&str> = object.programs.iter().map(|p| p.name).collect();
    assert_eq!(programs, ["main", "other", "from_outside"]);
    let order = |program: &str| -> Vec<&str> {
        let program = object.programs.iter().find(|p| p.name == program).unwrap();
        let linked = link(&object, &Fitted::compiled(&object), program).unwrap();
        let names = linked.functions.iter();
        names.map(|f| object.functions[f.0].name).collect()
    };
    assert_eq!(order("main"), ["main", "helper"]);
    assert_eq!(order("from_outside"), ["from_outside", "other", "helper"]);
}

#[test]
fn a_function_without_a_section_of_its_own_is_no_program() {
    let mut writer = Writer::new();
    let text = writer.code(".text", &[EXIT]);
    writer.function("alone", text, 0, 1);
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    assert!(object.programs.is_empty() && object.functions.len() == 1);
}

#[test]
fn functions_without_a_type_or_a_size_are_read_to_the_next_one() {
    for kind in [Other, Func] {
        let mut writer = Writer::new();
        let code = writer.code(RAW, &[set(1), EXIT, set(2), set(3), EXIT]);
        writer.symbol("one", (code, 0, 0), kind, Global);
        writer.symbol("two", (code, 16, 0), kind, Weak);
        writer.symbol("LBB0_1", (code, 8, 0), Other, Local);
        writer.symbol("end", (code, 40, 0), kind, Global);
        let bytes = writer.bytes();
        let object = Object::parse(&bytes).unwrap();
        let found = object.functions.iter().map(|f| (f.name, f.start, f.len));
        let found: Vec<_> = found.collect();
        assert_eq!(found, [("one", 0, 2), ("two", 2, 3)], "{kind:?}");
        assert_eq!(object.place(0, 3), ("two", 1));
    }
}

#[test]
fn several_names_of_one_function_are_one_function_to_its_callers() {
    let (mut writer, code) = program(&[call(-1), call(-1), EXIT]);
    let text = writer.code(".text", &[EXIT]);
    let first = writer.symbol("real", (text, 0, 8), Func, Global);
    let second = writer.symbol("alias", (text, 0, 8), Func, Weak);
    writer.relocate(code, 0, first);
    writer.relocate(code, 8, second);
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    let linked = link(&object, &Fitted::compiled(&object), &object.programs[0]).unwrap();
    assert_eq!(linked.insns.len(), 4);
    assert_eq!((linked.insns[0].imm, linked.insns[1].imm), (2, 1));
}

#[test]
fn what_a_linker_left_behind_of_an_overridden_function_is_passed_over() {
    // Two functions called `weak` became one symbol; the code of the other is still there.
    let (mut writer, code) = program(&[call(-1), EXIT]);
    let text = writer.code(".text", &[&load(0)[..], &[EXIT, set(7), EXIT]].concat());
    let kept = writer.symbol("weak", (text, 24, 16), Func, Weak);
    writer.relocate(code, 0, kept);
    let gone = writer.symbol("gone", (99, 4, 0), Other, Global);
    writer.relocate(text, 0, gone);
    writer.relocate(text, 16, gone);
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    assert_eq!(references(&object, ".text"), []);
    let linked = link(&object, &Fitted::compiled(&object), &object.programs[0]).unwrap();
    assert_eq!(linked.insns[2..], [set(7), EXIT]);
    // In a function it is an error.
    writer.relocate(code, 8, kept);
    assert!(error(&writer).contains("an instruction that can't be relocated refers to weak"));
}

#[test]
fn places_in_instructions_of_the_gnu_assembler_are_not_counted_twice() {
    let insns = [&load(8)[..], &load(24), &load(4), &[EXIT]].concat();
    let told = |comment: &[u8]| {
        let (mut writer, code) = program(&insns);
        writer.data(".comment", comment);
        let data = writer.data(".data", &[0; 64]);
        let one = writer.symbol("one", (data, 8, 8), Var, Global);
        let many = writer.symbol("many", (data, 16, 48), Var, Global);
        let whole = writer.whole(data);
        for (slot, symbol) in [(0, one), (2, many), (4, whole)] {
            writer.relocate(code, slot * 8, symbol);
        }
        let bytes = writer.bytes();
        let object = Object::parse(&bytes).unwrap();
        let found = references(&object, RAW);
        found.into_iter().map(|(_, to)| to).collect::<Vec<_>>()
    };
    let gnu = told(b"\0GCC: (12.2.0-14+deb12u1+) 12.2.0\0");
    assert_eq!(gnu, [".data+8", ".data+24", ".data+4"]);
    let clang = told(b"Debian clang version 19.1.7\0");
    assert_eq!(clang, [".data+16", ".data+40", ".data+4"]);
}

/// A program that loads two maps of a section, whose definitions are `bytes`.
fn legacy(section: &str, symbols: &[(&str, u64)], bytes: &[u8]) -> Writer {
    let count = symbols.len();
    let loads: Vec<Insn> = symbols.iter().flat_map(|_| load(0)).collect();
    let (mut writer, code) = program(&[&loads[..], &[EXIT]].concat());
    let maps = writer.data(section, bytes);
    for (index, (name, at)) in symbols.iter().enumerate() {
        let size = bytes.len() as u64 / count as u64;
        let symbol = writer.symbol(name, (maps, *at, size), Var, Global);
        writer.relocate(code, index as u64 * 16, symbol);
    }
    writer
}

#[test]
fn maps_of_before_btf_are_read_from_their_structs() {
    let hash = [1, 4, 8, 1024, 0];
    let array = [2, 4, 16, 3, 1];
    for surplus in [0usize, 2, 4] {
        let one = [&hash[..], &vec![0; surplus]].concat();
        let two = [&array[..], &vec![0; surplus]].concat();
        let at = one.len() as u64 * 4;
        let bytes = words(&[one, two].concat());
        let writer = legacy("maps", &[("one", 0), ("two", at)], &bytes);
        let bytes = writer.bytes();
        let object = Object::parse(&bytes).unwrap();
        let found = object.maps.iter().map(|m| {
            let sizes = (m.key_size, m.value_size, m.max_entries, m.flags);
            (m.name, m.map_type, sizes)
        });
        let found: Vec<_> = found.collect();
        let expected = [
            ("one", abi::BPF_MAP_TYPE_HASH, (4, 8, 1024, 0)),
            ("two", abi::BPF_MAP_TYPE_ARRAY, (4, 16, 3, 1)),
        ];
        assert_eq!(found, expected, "{surplus}");
        assert_eq!(
            references(&object, RAW),
            [(0, "one".into()), (2, "two".into())]
        );
    }
    // A section for each, as some loaders wanted it.
    let mut writer = legacy("maps/one", &[("one", 0)], &words(&hash));
    let other = writer.data("maps/two", &words(&array));
    writer.symbol("two", (other, 0, 20), Var, Global);
    let bytes = writer.bytes();
    let object = Object::parse(&bytes).unwrap();
    let names: Vec<&str> = object.maps.iter().map(|m| m.name).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(references(&object, RAW), [(0, "one".into())]);
}

#[test]
fn a_map_of_before_btf_that_says_more_than_is_known_is_refused() {
    let hash = [1, 4, 8, 1024, 0];
    let with = |more: &[u32]| words(&[&hash[..], more].concat());
    let one = [("one", 0)];
    let two = [("one", 0), ("two", 20)];
    for (bytes, symbols, told) in [
        (
            with(&[0, 2]),
            &one[..],
            "map one: byte 24 of its struct bpf_map_def is not zero, and only the first 20 have a meaning here: declare it in .maps",
        ),
        (
            words(&[0, 4, 8, 1, 0]),
            &one,
            "map one: its definition has no type",
        ),
        (
            words(&[1, 4]),
            &one,
            "section maps: its maps are too small for a struct bpf_map_def",
        ),
        (
            with(&[0]),
            &two,
            "section maps: its maps are too small for a struct bpf_map_def",
        ),
        (
            [&with(&hash)[..], &[0]].concat(),
            &two,
            "section maps: its maps are not of one size",
        ),
        (
            with(&hash),
            &[("one", 0), ("two", 24)],
            "map two: its definition lies outside its section",
        ),
        (
            with(&hash),
            &[("one", 0), ("two", u64::MAX)],
            "map two: its definition lies outside its section",
        ),
    ] {
        assert_eq!(error(&legacy("maps", symbols, &bytes)), told);
    }
    let (mut writer, _) = program(&[EXIT]);
    writer.data("maps", &with(&[]));
    assert_eq!(
        error(&writer),
        "section maps: it has no symbol that names a map"
    );
}

#[test]
fn an_object_without_btf_may_have_everything_but_maps_that_need_it() {
    let mut writer = legacy("maps", &[("one", 0)], &words(&[1, 4, 8, 1024, 0]));
    let data = writer.data(".data", &[7; 8]);
    writer.symbol("counter", (data, 0, 8), Var, Global);
    let bytes = writer.bytes();
    let mut object = Object::parse(&bytes).unwrap();
    assert!(object.btf.is_none());
    assert_eq!(object.global_mut("counter").unwrap(), [7; 8]);
    let linked = link(&object, &Fitted::compiled(&object), &object.programs[0]).unwrap();
    assert!(linked.func_info.is_empty() && linked.line_info.is_empty());
    assert_eq!(object.source_line(0, 0), None);
    let maps = writer.data(".maps", &[0; 32]);
    writer.symbol("two", (maps, 0, 32), Var, Global);
    assert_eq!(
        error(&writer),
        "the object has no BTF, which the section .maps needs"
    );
}
