//! What is joined of the shipped objects, and what is not. What compilers make of pairs that belong
//! together is in tests/join.rs.

use super::{JoinError, join};
use crate::object::Object;

const HELLO: &[u8] = include_bytes!("../../prebuilt/arm64/hello.bpf.o");
const SUBPROG: &[u8] = include_bytes!("../../prebuilt/arm64/tests/subprog.bpf.o");
const TRACED: &[u8] = include_bytes!("../../prebuilt/arm64/tests/traced.bpf.o");
const EXTERNS: &[u8] = include_bytes!("../../prebuilt/arm64/tests/externs.bpf.o");

/// Programs with their instruction counts, maps and variables, sorted.
fn parts(object: &Object<'_>) -> Vec<String> {
    let programs = object.programs.iter().map(|p| {
        let len = object.entry(p).map_or(0, |f| f.len);
        format!("program {} {} {len}", p.name, p.section)
    });
    let maps = object.maps.iter().filter(|m| !m.name.starts_with('.'));
    let maps = maps.map(|m| format!("map {} {} {}", m.name, m.map_type, m.value_size));
    let globals = object.globals.iter();
    let globals = globals.map(|g| format!("variable {} {}", g.name, g.size));
    let mut all: Vec<String> = programs.chain(maps).chain(globals).collect();
    all.sort();
    all
}

#[test]
fn what_is_joined_has_the_programs_maps_and_variables_of_all() {
    let joined = join(&[("hello", HELLO), ("externs", EXTERNS), ("subprog", SUBPROG)]).unwrap();
    let mut expected: Vec<String> = [HELLO, EXTERNS, SUBPROG]
        .iter()
        .flat_map(|bytes| parts(&Object::parse(bytes).unwrap()))
        .collect();
    expected.sort();
    let object = Object::parse(&joined).unwrap();
    assert_eq!(parts(&object), expected);
    // "Dual BSD/GPL" and "GPL".
    assert_eq!(object.license, "GPL");
    let relocations = |o: &Object<'_>| o.code.iter().map(|c| c.relocations.len()).sum::<usize>();
    let apart = [HELLO, EXTERNS, SUBPROG].map(|bytes| relocations(&Object::parse(bytes).unwrap()));
    assert_eq!(relocations(&object), apart.iter().sum::<usize>());
}

#[test]
fn one_object_alone_stays_what_it_is() {
    for bytes in [HELLO, SUBPROG, TRACED, EXTERNS] {
        let joined = join(&[("alone", bytes)]).unwrap();
        let (before, after) = (
            Object::parse(bytes).unwrap(),
            Object::parse(&joined).unwrap(),
        );
        assert_eq!(parts(&after), parts(&before));
        for (before, after) in before.code.iter().zip(&after.code) {
            assert_eq!(after.section, before.section);
            assert_eq!(after.insns, before.insns);
        }
    }
}

#[test]
fn a_name_that_two_objects_define_is_told_with_both() {
    let error = join(&[("a.o", HELLO), ("b.o", HELLO)]).unwrap_err();
    let JoinError::Twice { first, second, .. } = &*error else {
        panic!("{error}");
    };
    assert_eq!((first.as_str(), second.as_str()), ("a.o", "b.o"));
    assert!(error.hint().is_some());
}

#[test]
fn damaged_objects_are_refused_or_joined_and_nothing_panics() {
    for at in (0..TRACED.len()).step_by(5) {
        let mut bytes = TRACED.to_vec();
        bytes[at] ^= 0x41 << (at & 1);
        if let Ok(joined) = join(&[("whole", SUBPROG), ("damaged", &bytes)]) {
            let _ = Object::parse(&joined);
        }
    }
    for len in (0..TRACED.len()).step_by(61) {
        let _ = join(&[("cut", &TRACED[..len]), ("whole", SUBPROG)]);
    }
}
