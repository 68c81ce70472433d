//! Relocations about fields: paths, compatibility of fields, bitfields, candidates.

use super::*;
use RelocationKind::*;

#[test]
fn each_question_about_a_field_is_answered_by_the_target_and_by_its_absence() {
    let mut local = Builder::new();
    let int = local.int("int", 4, true);
    let root = local.bitfields("s", 8, &[("a", int, 0, 0), ("bits", int, 32, 3)]);
    // The target: `a` is a signed short at 6, `bits` five unsigned bits from bit 10 on.
    let mut with = Builder::new();
    let short = with.int("short", 2, true);
    let unsigned = with.int("unsigned int", 4, false);
    with.bitfields("s", 8, &[("bits", unsigned, 10, 5), ("a", short, 48, 0)]);
    let mut without_field = Builder::new();
    ints(&mut without_field, "s", &["other"]);
    let without_type = Builder::new();

    for (access, kind, there, missing) in [
        ("0:0", FieldByteOffset, Some(6), None),
        ("0:0", FieldByteSize, Some(2), None),
        ("0:0", FieldExists, Some(1), Some(0)),
        ("0:0", FieldSigned, Some(1), None),
        ("0:0", FieldLshiftU64, Some(48), None),
        ("0:0", FieldRshiftU64, Some(48), None),
        ("0:1", FieldByteOffset, Some(0), None),
        ("0:1", FieldByteSize, Some(4), None),
        ("0:1", FieldExists, Some(1), Some(0)),
        ("0:1", FieldSigned, Some(0), None),
        // 64 - (10 + 5 - 0) and 64 - 5.
        ("0:1", FieldLshiftU64, Some(49), None),
        ("0:1", FieldRshiftU64, Some(59), None),
    ] {
        let what = format!("{access} {}", kind.name());
        assert_eq!(
            number(ask(&local, &with, root, access, kind)),
            there,
            "{what}"
        );
        for target in [&without_field, &without_type] {
            assert_eq!(
                number(ask(&local, target, root, access, kind)),
                missing,
                "{what}"
            );
        }
    }
}

#[test]
fn a_bitfield_is_read_by_the_smallest_aligned_load_that_covers_it() {
    for (size, bits, width, (offset, bytes, left)) in [
        (4, 0, 3, (0, 4, 61)),
        (4, 3, 29, (0, 4, 32)),
        (4, 32, 1, (4, 4, 63)),
        // Bits 24 to 44 cross a word: eight bytes from 0.
        (4, 24, 20, (0, 8, 20)),
        (1, 9, 7, (1, 1, 56)),
        // Bits 6 to 10 of a byte type: two bytes.
        (1, 6, 4, (0, 2, 54)),
        // Bits 30 to 34: four bytes do not cover it, eight do.
        (2, 30, 4, (0, 8, 30)),
        (8, 64 + 7, 50, (8, 8, 7)),
    ] {
        let mut b = Builder::new();
        let int = b.int("unsigned int", size, false);
        let root = b.bitfields("s", 32, &[("f", int, bits, width)]);
        let is = |kind| number(ask(&b, &b, root, "0:0", kind));
        let what = format!("{width} bits from {bits} in {size} bytes");
        assert_eq!(is(FieldByteOffset), Some(offset), "{what}");
        assert_eq!(is(FieldByteSize), Some(bytes), "{what}");
        assert_eq!(is(FieldLshiftU64), Some(left), "{what}");
        assert_eq!(is(FieldRshiftU64), Some(64 - u64::from(width)), "{what}");
    }
}

#[test]
fn a_bitfield_that_no_load_covers_is_an_error() {
    let mut b = Builder::new();
    let long = b.int("unsigned long", 8, false);
    let root = b.bitfields("s", 16, &[("f", long, 40, 50)]);
    let error = ask(&b, &b, root, "0:0", FieldByteOffset).unwrap_err();
    assert_eq!(error, RelocateError::Bitfield);
    assert_eq!(number(ask(&b, &b, root, "0:0", FieldExists)), Some(1));
}

#[test]
fn members_are_found_wherever_anonymous_structs_and_unions_hide_them() {
    // Compiled: s { union { struct { a; wanted; }; }; }; the kernel: s { x; struct { y; union {
    // z; wanted } }; }, and the other way round.
    let nested = |b: &mut Builder| {
        let int = b.int("int", 4, true);
        let inner = b.structure("", 8, &[("a", int, 0), ("wanted", int, 4)]);
        let middle = b.union("", 8, &[("", inner)]);
        b.structure("s", 8, &[("", middle, 0)])
    };
    let moved = |b: &mut Builder| {
        let int = b.int("int", 4, true);
        let constant = b.constant(int);
        let inner = b.union("", 4, &[("z", int), ("wanted", constant)]);
        let middle = b.structure("", 8, &[("y", int, 0), ("", inner, 4)]);
        b.structure("s", 16, &[("x", int, 0), ("", middle, 8)])
    };
    let flat = |b: &mut Builder| ints(b, "s", &["wanted", "a"]);
    type Side<'s> = (&'s dyn Fn(&mut Builder) -> TypeId, &'s str, u64, &'s str);
    let sides: [Side<'_>; 3] = [
        (&nested, "0:0:0:1", 4, "(0:0:0:1 @ offset 4)"),
        (&moved, "0:1:1:1", 12, "(0:1:1:1 @ offset 12)"),
        (&flat, "0:0", 0, "(0:0 @ offset 0)"),
    ];
    for (make_local, access, _, path) in sides {
        for (make_target, _, offset, target_path) in sides {
            let (mut local, mut target) = (Builder::new(), Builder::new());
            let root = make_local(&mut local);
            let id = make_target(&mut target);
            let resolution = ask(&local, &target, root, access, FieldByteOffset).unwrap();
            let mut named = local.clone();
            let (access, insn_offset) = (StrOffset(named.name(access)), 0);
            let relo = CoreRelo {
                insn_offset,
                type_id: root,
                access,
                kind: FieldByteOffset,
            };
            let (local, target) = (named.bytes(), target.bytes());
            let local = Btf::parse(&local).unwrap();
            let target = Btf::parse(&target).unwrap();
            assert_eq!(
                resolution.describe(&local, &relo),
                format!("struct s.wanted {path}")
            );
            let candidate = resolution.candidates[0].describe(&target, &relo);
            assert_eq!(candidate, format!("{id} struct s.wanted {target_path}"));
            assert_eq!(number(Ok(resolution)), Some(offset));
        }
    }
}

#[test]
fn a_path_goes_through_structs_pointers_and_typedefs_by_name() {
    // Compiled: outer { in: struct inner { x, y } }; the kernel has `in` as a union behind a typedef.
    let mut local = Builder::new();
    let inner = ints(&mut local, "inner", &["x", "y"]);
    let root = local.structure("outer", 8, &[("in", inner, 0)]);
    let alias = local.typedef("outer_t", root);
    let mut target = Builder::new();
    let int = target.int("int", 4, true);
    let inner = target.union("renamed", 4, &[("y", int), ("x", int)]);
    let inner = target.typedef("inner_t", inner);
    let inner = target.volatile(inner);
    let outer = target.structure("outer", 32, &[("before", int, 0), ("in", inner, 24)]);
    assert_eq!(
        number(ask(&local, &target, root, "0:0:1", FieldByteOffset)),
        Some(24)
    );
    // The number in front counts whole structs.
    assert_eq!(
        number(ask(&local, &target, root, "2:0:1", FieldByteOffset)),
        Some(2 * 32 + 24)
    );
    // A typedef is looked for by its own name, and among typedefs.
    assert_eq!(
        number(ask(&local, &target, alias, "0:0:1", FieldByteOffset)),
        None
    );
    target.typedef("outer_t", outer);
    assert_eq!(
        number(ask(&local, &target, alias, "0:0:1", FieldByteOffset)),
        Some(24)
    );
}

#[test]
fn arrays_are_indexed_inside_their_length_unless_they_are_flexible() {
    // Each side: array length, and whether another member follows.
    for (declared, local_tail, found, target_tail, index, offset) in [
        (6, "", 6, "", 1, Some(16)),
        (6, "", 2, "", 1, Some(16)),
        (6, "", 2, "", 2, None),
        // Declared flexible, as `args[0]` is in some headers, and read at 1.
        (0, "", 6, "", 1, Some(16)),
        (0, "", 1, "", 1, None),
        (0, "", 0, "", 40, Some(8 + 40 * 8)),
        (6, "", 0, "", 5, Some(48)),
        // Length 0 in the middle is not flexible.
        (6, "", 0, "tail", 0, None),
        (6, "tail", 6, "tail", 5, Some(48)),
    ] {
        let side = |len: u32, tail: &str| {
            let mut b = Builder::new();
            let long = b.int("long unsigned int", 8, false);
            let args = b.array(long, len);
            let mut members = vec![("id", long, 0), ("args", args, 8)];
            if !tail.is_empty() {
                members.push((tail, long, 8 + len * 8));
            }
            let root = b.structure("s", 64, &members);
            (b, root)
        };
        let (local, root) = side(declared, local_tail);
        let (target, _) = side(found, target_tail);
        let access = format!("0:1:{index}");
        let answer = number(ask(&local, &target, root, &access, FieldByteOffset));
        assert_eq!(
            answer, offset,
            "[{declared}] read at {index}, in the kernel [{found}]"
        );
    }
}

#[test]
fn an_index_past_the_objects_own_array_is_an_error() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let two = b.array(int, 2);
    let none = b.array(int, 0);
    let root = b.structure(
        "s",
        16,
        &[("two", two, 0), ("none", none, 8), ("x", int, 12)],
    );
    for access in ["0:0:2", "0:1:0", "0:3", "0:2:0", "0:0:0:0"] {
        let error = ask(&b, &b, root, access, FieldByteOffset).unwrap_err();
        let (access, root) = (access.into(), "struct s".into());
        assert_eq!(error, RelocateError::Mismatch { access, root });
    }
}

#[test]
fn elements_of_arrays_of_arrays_have_their_own_size_and_no_bits() {
    let mut b = Builder::new();
    let short = b.int("short", 2, true);
    let row = b.array(short, 3);
    let table = b.array(row, 4);
    let root = b.structure("s", 24, &[("table", table, 0)]);
    for (access, kind, expected) in [
        ("0:0", FieldByteSize, 24),
        ("0:0:2", FieldByteSize, 6),
        ("0:0:2", FieldByteOffset, 12),
        ("0:0:2:1", FieldByteSize, 2),
        ("0:0:2:1", FieldByteOffset, 14),
        ("0:0:2:1", FieldExists, 1),
    ] {
        let answer = number(ask(&b, &b, root, access, kind));
        assert_eq!(answer, Some(expected), "{access} {}", kind.name());
    }
    for kind in [FieldSigned, FieldLshiftU64, FieldRshiftU64] {
        let error = ask(&b, &b, root, "0:0:1", kind).unwrap_err();
        assert!(matches!(error, RelocateError::Misapplied(_)), "{error}");
    }
}

#[test]
fn flavours_are_ignored_in_the_names_of_types_on_both_sides_and_kept_in_those_of_members() {
    for (local_root, target_root, member, target_member, there) in [
        ("s___mine", "s", "x", "x", 1),
        ("s", "s___theirs", "x", "x", 1),
        ("s___mine", "s___theirs", "x", "x", 1),
        ("s___a___b", "s___a", "x", "x", 0),
        ("s___a___b", "s___a___c", "x", "x", 1),
        ("___s", "___s", "x", "x", 1),
        ("s___", "s", "x", "x", 0),
        ("s", "s", "x___mine", "x", 0),
        ("s", "s", "x___mine", "x___mine", 1),
        ("s", "s", "x", "x___theirs", 0),
    ] {
        let (mut local, mut target) = (Builder::new(), Builder::new());
        let root = ints(&mut local, local_root, &[member]);
        ints(&mut target, target_root, &[target_member]);
        let answer = number(ask(&local, &target, root, "0:0", FieldExists));
        let what = format!("{local_root}.{member} in {target_root}.{target_member}");
        assert_eq!(answer, Some(there), "{what}");
    }
}

#[test]
fn a_field_counts_only_with_a_compatible_type() {
    type Make = fn(&mut Builder) -> TypeId;
    const INT: Make = |b| b.int("int", 4, true);
    const LONG: Make = |b| b.int("long unsigned int", 8, false);
    const OLD_BITS: Make = |b| b.encoded_int("int", 4, 1, 3, 5);
    const FLOAT: Make = |b| b.float("float", 4);
    const DOUBLE: Make = |b| b.float("double", 8);
    const POINTER: Make = |b| {
        let int = b.int("int", 4, true);
        b.ptr(int)
    };
    const VOID_POINTER: Make = |b| b.ptr(TypeId::VOID);
    const STRUCT: Make = |b| b.structure("one", 4, &[]);
    const UNION: Make = |b| b.union("two", 8, &[]);
    const COLOUR: Make = |b| b.enumeration("colour", &[("RED", 1)]);
    const COLOUR_FLAVOUR: Make = |b| b.enumeration("colour___v2", &[("BLUE", 1)]);
    const COLOUR64: Make = |b| b.enum64("colour", &[("RED", 1)]);
    const SHAPE: Make = |b| b.enumeration("shape", &[("RED", 1)]);
    const ANONYMOUS: Make = |b| b.enumeration("", &[("RED", 1)]);
    const INTS: Make = |b| {
        let int = b.int("int", 4, true);
        b.array(int, 4)
    };
    const LONGS: Make = |b| {
        let long = b.int("long", 8, true);
        let long = b.typedef("long_t", long);
        b.array(long, 9)
    };
    const TABLE: Make = |b| {
        let row = b.char_array(4);
        b.array(row, 4)
    };
    const POINTERS: Make = |b| {
        let pointer = b.ptr(TypeId::VOID);
        b.array(pointer, 4)
    };
    for (local, target, there) in [
        (INT, INT, 1),
        (INT, LONG, 1),
        (INT, OLD_BITS, 0),
        (OLD_BITS, INT, 0),
        (INT, POINTER, 0),
        (INT, COLOUR, 0),
        (INT, FLOAT, 0),
        (POINTER, VOID_POINTER, 1),
        (POINTER, LONG, 0),
        (FLOAT, DOUBLE, 1),
        (STRUCT, UNION, 1),
        (UNION, STRUCT, 1),
        (STRUCT, INT, 0),
        (COLOUR, COLOUR, 1),
        (COLOUR, COLOUR_FLAVOUR, 1),
        (COLOUR_FLAVOUR, COLOUR, 1),
        (COLOUR, COLOUR64, 1),
        (COLOUR64, COLOUR, 1),
        (COLOUR, SHAPE, 0),
        (COLOUR, ANONYMOUS, 1),
        (ANONYMOUS, SHAPE, 1),
        (INTS, LONGS, 1),
        (INTS, TABLE, 0),
        (INTS, POINTERS, 0),
        (INTS, INT, 0),
    ] {
        let side = |make: Make| {
            let mut b = Builder::new();
            let ty = make(&mut b);
            let ty = b.constant(ty);
            let root = b.structure("s", 64, &[("f", ty, 0)]);
            (b, root)
        };
        let ((local, root), (target, _)) = (side(local), side(target));
        let answer = ask(&local, &target, root, "0:0", FieldExists);
        let (local, target) = (local.bytes(), target.bytes());
        assert_eq!(number(answer), Some(there), "{local:x?} in {target:x?}");
    }
}

#[test]
fn the_first_member_of_the_name_decides_even_if_its_type_is_wrong() {
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["f"]);
    let mut target = Builder::new();
    let int = target.int("int", 4, true);
    let pointer = target.ptr(int);
    target.structure("s", 16, &[("f", pointer, 0), ("f", int, 8)]);
    assert_eq!(
        number(ask(&local, &target, root, "0:0", FieldExists)),
        Some(0)
    );
}

#[test]
fn candidates_that_agree_are_one_and_those_that_do_not_are_named() {
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["a", "b"]);
    let mut target = Builder::new();
    ints(&mut target, "s", &["a", "b", "c"]);
    ints(&mut target, "s___2", &["a", "d", "b"]);
    // Not candidates: another kind, another name.
    target.union("s", 4, &[]);
    ints(&mut target, "s2", &["b"]);
    let resolution = ask(&local, &target, root, "0:0", FieldByteOffset).unwrap();
    assert_eq!(resolution.candidates.len(), 2);
    assert_eq!(number(Ok(resolution)), Some(0));
    let error = ask(&local, &target, root, "0:1", FieldByteOffset).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ambiguous: [2] struct s, [4] struct s___2"
    );
    // That both exist is agreed, and still the fields lie apart: people must know.
    ask(&local, &target, root, "0:1", FieldExists).unwrap_err();
}

#[test]
fn hundreds_of_equal_candidates_give_one_answer_and_few_are_remembered() {
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["a"]);
    let mut target = Builder::new();
    for _ in 0..40 {
        ints(&mut target, "s", &["other"]);
    }
    for _ in 0..300 {
        ints(&mut target, "s", &["x", "a"]);
    }
    let resolution = ask(&local, &target, root, "0:0", FieldByteOffset).unwrap();
    assert!(resolution.candidates.len() <= 17);
    assert!(resolution.candidates.iter().any(|c| c.spec.is_some()));
    assert_eq!(number(Ok(resolution)), Some(4));
}

#[test]
fn a_candidate_that_once_did_not_match_is_out_for_the_same_root() {
    // Only the first `s` has `a`; asked for `b` alone, the two disagree.
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["a", "b", "none"]);
    let names = ["0:0", "0:1", "0:2"].map(|access| StrOffset(local.name(access)));
    let mut target = Builder::new();
    ints(&mut target, "s", &["a", "b"]);
    ints(&mut target, "s", &["b"]);
    let (local, target) = (local.bytes(), target.bytes());
    let local = Btf::parse(&local).unwrap();
    let target = Whole::new(&target).unwrap();
    let [a, b, none] = names.map(|access| CoreRelo {
        insn_offset: 0,
        type_id: root,
        access,
        kind: FieldByteOffset,
    });
    resolve(&local, &target, &b).unwrap_err();
    let mut resolver = Resolver::new(&local, &target);
    resolver.resolve(&b).unwrap_err();
    // What no candidate has rules none out.
    assert_eq!(number(resolver.resolve(&none)), None);
    resolver.resolve(&b).unwrap_err();
    assert_eq!(number(resolver.resolve(&a)), Some(0));
    assert_eq!(number(resolver.resolve(&b)), Some(4));
    assert_eq!(number(resolver.resolve(&none)), None);
    assert_eq!(number(resolver.resolve(&b)), Some(4));
}
