//! Objects and kernels that no compiler made: an error, soon, and never a panic.

use super::*;
use crate::btf::{BtfError, Kind};
use RelocationKind::*;
use std::time::{Duration, Instant};

#[test]
fn access_strings_that_are_not_numbers_and_colons_are_errors() {
    let mut b = Builder::new();
    let root = ints(&mut b, "s", &["a"]);
    let long = vec!["0"; 1000].join(":");
    let sixty_five = vec!["0"; 65].join(":");
    for access in [
        "",
        ":",
        "0:",
        ":0",
        "0::0",
        "a",
        "0:a",
        "0:-1",
        "0:+1",
        "0: 1",
        "0x0",
        "0:0x0",
        "0,0",
        "99999999999",
        "0:4294967296",
        "0:0\u{e9}",
        &sixty_five,
        &long,
    ] {
        let error = ask(&b, &b, root, access, FieldByteOffset).unwrap_err();
        assert!(
            matches!(error, RelocateError::Access(_)),
            "{access:?}: {error}"
        );
        assert!(error.to_string().len() < 200);
    }
    // Well written, and still not for this type.
    let sixty_four = vec!["0"; 64].join(":");
    for access in ["0:1", "0:0:0", "0:4294967295", &sixty_four] {
        let error = ask(&b, &b, root, access, FieldByteOffset).unwrap_err();
        assert!(
            matches!(error, RelocateError::Mismatch { .. }),
            "{access:?}: {error}"
        );
    }
    // Offsets that do not fit are no offsets.
    let error = ask(&b, &b, root, "4294967295:0", FieldByteOffset).unwrap_err();
    assert!(matches!(error, RelocateError::Mismatch { .. }), "{error}");
}

#[test]
fn sixty_four_levels_are_walked_and_no_more_in_the_kernel_either() {
    // s0 { m: s1 { m: … } }, 63 deep; a kernel with one anonymous struct in between has 65 levels.
    let chain = |anonymous: bool| {
        let mut b = Builder::new();
        let mut at = b.int("int", 4, true);
        for _ in 0..63 {
            at = b.structure("s", 4, &[("m", at, 0)]);
        }
        if anonymous {
            at = b.structure("", 4, &[("m", at, 0)]);
            at = b.structure("root", 4, &[("", at, 0)]);
        } else {
            at = b.structure("root", 4, &[("m", at, 0)]);
        }
        (b, at)
    };
    let access = vec!["0"; 64].join(":");
    let ((local, root), (target, _)) = (chain(false), chain(true));
    assert_eq!(
        number(ask(&local, &local, root, &access, FieldByteSize)),
        Some(4)
    );
    let error = ask(&local, &target, root, &access, FieldByteOffset).unwrap_err();
    assert_eq!(error, RelocateError::Entangled("struct root".into()));
}

#[test]
fn type_numbers_out_of_range_are_errors_wherever_they_stand() {
    let mut good = Builder::new();
    let root = ints(&mut good, "s", &["a"]);
    let missing = TypeId(1_000_000);
    for kind in [FieldByteOffset, TypeExists, TypeIdLocal, EnumvalValue] {
        let access = if kind.is_field() { "0:0" } else { "0" };
        let error = ask(&good, &good, missing, access, kind).unwrap_err();
        assert_eq!(error, RelocateError::Btf(BtfError::NoSuchType(missing)));
        // `void` has no name and no members.
        if kind != TypeIdLocal {
            ask(&good, &good, TypeId::VOID, access, kind).unwrap_err();
        }
    }
    let mut bad = Builder::new();
    let bad_root = bad.structure("s", 8, &[("a", missing, 0)]);
    for (local, target, root) in [(&bad, &good, bad_root), (&good, &bad, root)] {
        let error = ask(local, target, root, "0:0", FieldByteOffset).unwrap_err();
        assert_eq!(error, RelocateError::Btf(BtfError::NoSuchType(missing)));
    }
    let error = ask(&bad, &good, bad_root, "0", TypeMatches).unwrap_err();
    assert_eq!(error, RelocateError::Btf(BtfError::NoSuchType(missing)));
}

#[test]
fn types_that_form_a_cycle_end_in_an_error() {
    // A typedef of itself, an array of itself, and a struct whose anonymous member is itself.
    let typedef = |b: &mut Builder| b.typedef("loop", b.next());
    let array = |b: &mut Builder| b.array(b.next(), 1);
    let layers = |b: &mut Builder| {
        let pointer = b.next();
        let first = b.constant(TypeId(pointer.0 + 1));
        b.volatile(first)
    };
    for make in [typedef as fn(&mut Builder) -> TypeId, array, layers] {
        let mut b = Builder::new();
        let cycle = make(&mut b);
        let root = b.structure("s", 8, &[("f", cycle, 0)]);
        let named = b.typedef("named", cycle);
        for kind in [FieldByteOffset, FieldExists, FieldByteSize] {
            ask(&b, &b, root, "0:0", kind).unwrap_err();
        }
        for kind in [TypeExists, TypeSize, TypeMatches] {
            ask(&b, &b, named, "0", kind).unwrap_err();
        }
    }
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["f"]);
    for width in [1, 2] {
        let mut target = Builder::new();
        let itself = target.next();
        target.structure("s", 8, &vec![("", itself, 0); width]);
        let error = ask(&local, &target, root, "0:0", FieldByteOffset);
        match error {
            // A single chain of anonymous structs ends where no compiler goes.
            Ok(resolution) => assert_eq!(number(Ok(resolution)), None),
            Err(error) => assert_eq!(error, RelocateError::Entangled("struct s".into())),
        }
    }
}

#[test]
fn comparing_entangled_types_ends_in_bounded_time() {
    let started = Instant::now();
    // Functions of functions of functions: each level doubles the comparisons, 40 levels deep.
    let mut b = Builder::new();
    let mut at = b.int("int", 4, true);
    for _ in 0..40 {
        let pointer = b.ptr(at);
        at = b.func_proto(pointer, &[("a", pointer), ("b", pointer)]);
    }
    let root = b.typedef("callback", at);
    for kind in [TypeExists, TypeMatches] {
        let error = ask(&b, &b, root, "0", kind).unwrap_err();
        assert!(matches!(error, RelocateError::Entangled(_)), "{error}");
    }
    // A struct of hundreds of members of one name, against another.
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let last = b.structure("t", 8, &[("x", int, 0)]);
    let members = vec![("m", int, 0); 900];
    let mut other = b.clone();
    let root = b.structure("s", 8, &[&members[..], &[("last", last, 0)]].concat());
    other.structure("s", 8, &[&members[..], &[("first", last, 0)]].concat());
    assert_eq!(number(ask(&b, &other, root, "0", TypeMatches)), Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn kinds_that_do_not_fit_the_question_are_errors() {
    let mut b = Builder::new();
    let s = ints(&mut b, "s", &["a"]);
    let e = b.enumeration("e", &[("A", 1)]);
    let f = b.fwd_struct("f");
    for (root, access, kind) in [
        (s, "0", EnumvalValue),
        (e, "0:0", FieldByteOffset),
        (f, "0:0", FieldByteOffset),
        (f, "0", FieldByteSize),
        (f, "0", TypeSize),
        (s, "0", FieldSigned),
        (e, "1", EnumvalExists),
    ] {
        assert!(
            ask(&b, &b, root, access, kind).is_err(),
            "{root} {access} {}",
            kind.name()
        );
    }
}

#[test]
fn names_outside_the_string_section_are_no_names() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let words = [0x7fff_0000, int.0, 0];
    let root = b.record("s", Kind::Struct, (1, false), 4, &words);
    let mut target = Builder::new();
    ints(&mut target, "s", &["a"]);
    assert!(ask(&b, &target, root, "0:0", FieldExists).is_err());
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["a"]);
    assert_eq!(number(ask(&local, &b, root, "0:0", FieldExists)), Some(0));
    let mut nameless = b.bytes();
    let at = crate::btf::Btf::parse(&nameless)
        .unwrap()
        .record_at(TypeId(2))
        .unwrap();
    nameless[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Whole::new(&nameless).unwrap().candidates("s").is_empty());
}

#[test]
fn an_object_with_more_questions_than_any_program_has_is_refused() {
    let mut b = Builder::new();
    let access = StrOffset(b.name("0"));
    let relos: Vec<CoreRelo> = (0..8193)
        .map(|_| CoreRelo {
            insn_offset: 0,
            type_id: b.structure("s", 4, &[]),
            access,
            kind: TypeExists,
        })
        .collect();
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    assert!(wanted(&btf, relos[1..].iter()).is_ok());
    // What was asked before is not counted again.
    assert!(wanted(&btf, relos[1..].iter().chain(&relos[1..])).is_ok());
    let error = wanted(&btf, relos.iter()).unwrap_err();
    assert_eq!(error, RelocateError::TooMany(8192));
}
