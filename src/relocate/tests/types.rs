//! Relocations about types and enumerators: numbers, existence, sizes, the two sets of rules.

use super::*;
use crate::btf::Linkage;
use RelocationKind::*;

#[test]
fn each_question_about_a_type_is_answered_by_the_target_and_by_its_absence() {
    let mut local = Builder::new();
    let root = ints(&mut local, "s", &["a"]);
    let mut with = Builder::new();
    with.char_array(3);
    let there = ints(&mut with, "s", &["a", "b", "c"]);
    let mut other_kind = Builder::new();
    other_kind.union("s", 4, &[]);
    for (kind, with_it, without) in [
        (TypeIdLocal, u64::from(root.0), u64::from(root.0)),
        (TypeIdTarget, u64::from(there.0), 0),
        (TypeExists, 1, 0),
        (TypeSize, 12, 0),
        (TypeMatches, 1, 0),
    ] {
        for (target, expected) in [(&with, with_it), (&other_kind, without)] {
            let answer = number(ask(&local, target, root, "0", kind));
            assert_eq!(answer, Some(expected), "{}", kind.name());
        }
        for access in ["0:0", "1", ""] {
            assert!(
                ask(&local, &with, root, access, kind).is_err(),
                "{access:?}"
            );
        }
    }
}

#[test]
fn types_without_a_name_are_an_error_unless_only_their_own_number_is_asked() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let pointer = b.ptr(int);
    for kind in [TypeExists, TypeSize, TypeMatches, TypeIdTarget] {
        let error = ask(&b, &b, pointer, "0", kind).unwrap_err();
        assert!(matches!(error, RelocateError::Misapplied(_)), "{error}");
    }
    let answer = number(ask(&b, &b, pointer, "0", TypeIdLocal));
    assert_eq!(answer, Some(u64::from(pointer.0)));
}

#[test]
fn two_types_of_the_kernel_have_no_single_number() {
    let mut b = Builder::new();
    let root = ints(&mut b, "s", &["a"]);
    let mut target = Builder::new();
    ints(&mut target, "s", &["a"]);
    ints(&mut target, "s", &["a"]);
    assert_eq!(number(ask(&b, &target, root, "0", TypeExists)), Some(1));
    let error = ask(&b, &target, root, "0", TypeIdTarget).unwrap_err();
    assert_eq!(error.to_string(), "ambiguous: [2] struct s, [4] struct s");
}

#[test]
fn enumerators_are_found_by_essential_name_and_valued_by_the_target() {
    let mut local = Builder::new();
    let small = local.enumeration(
        "e",
        &[("ZERO", 0), ("ONE___mine", 1), ("GONE", 2), ("NEG", -9)],
    );
    let big = local.enum64("e", &[("ONE", 1), ("HUGE", 5 << 40)]);
    let alias = local.typedef("e_t", small);
    let mut target32 = Builder::new();
    let e = target32.enumeration("e___v2", &[("ONE___v2", 77), ("NEG", -3), ("HUGE", 6)]);
    target32.typedef("e_t", e);
    let mut target64 = Builder::new();
    target64.enum64(
        "e",
        &[("HUGE", 1 << 63), ("ONE", 1 << 32), ("NEG", u64::MAX)],
    );
    let neither = Builder::new();
    for (root, access, target, value) in [
        (small, "1", &target32, Some(77)),
        (small, "1", &target64, Some(1 << 32)),
        (small, "2", &target32, None),
        (small, "3", &target32, Some(-3i64 as u64)),
        (small, "3", &target64, Some(u64::MAX)),
        (big, "0", &target32, Some(77)),
        (big, "1", &target32, Some(6)),
        (big, "1", &target64, Some(1 << 63)),
        (alias, "1", &target32, Some(77)),
        (alias, "1", &target64, None),
        (small, "0", &neither, None),
    ] {
        let what = format!("{root} {access}");
        assert_eq!(
            number(ask(&local, target, root, access, EnumvalValue)),
            value,
            "{what}"
        );
        let exists = number(ask(&local, target, root, access, EnumvalExists));
        assert_eq!(exists, Some(u64::from(value.is_some())), "{what}");
    }
    let of_small = ask(&local, &target32, small, "1", EnumvalValue).unwrap();
    assert_eq!(of_small.compiled.number, 1);
    for (root, access) in [(small, "4"), (small, "0:0"), (small, "x")] {
        assert!(
            ask(&local, &target32, root, access, EnumvalValue).is_err(),
            "{access}"
        );
    }
}

#[test]
fn four_byte_enumerators_are_signed_even_where_the_flag_is_not_set() {
    // What compilers and pahole wrote before 2022: no flag, whatever the values.
    let old = |value: i32| {
        let mut b = Builder::new();
        let name = b.name("NEG");
        let words = [name, value as u32];
        let root = b.record("e", crate::btf::Kind::Enum, (1, false), 4, &words);
        (b, root)
    };
    let ((local, root), (target, _)) = (old(-1), old(-7));
    let resolution = ask(&local, &target, root, "0", EnumvalValue).unwrap();
    assert_eq!(resolution.compiled.number, u64::MAX);
    assert_eq!(number(Ok(resolution)), Some(-7i64 as u64));
}

type Make = fn(&mut Builder) -> TypeId;

const INT: Make = |b| b.int("int", 4, true);
const UNSIGNED: Make = |b| b.int("int", 4, false);
const SHORT: Make = |b| b.int("int", 2, true);
const LONG: Make = |b| b.int("long int", 8, true);
const OLD_BITS: Make = |b| b.encoded_int("int", 4, 1, 3, 5);
const FLOAT: Make = |b| b.float("float", 4);
const NODE: Make = |b| {
    let link = TypeId(b.next().0 + 1);
    let node = b.structure("node", 16, &[("next", link, 0)]);
    b.ptr(node);
    node
};
const POINTER_TO_NODE: Make = |b| {
    let node = b.structure("node", 16, &[]);
    b.ptr(node)
};
const POINTER_TO_UNION_NODE: Make = |b| {
    let node = b.union("node", 16, &[]);
    b.ptr(node)
};
const POINTER_TO_OTHER: Make = |b| {
    let node = b.structure("other", 16, &[]);
    b.ptr(node)
};
const POINTER_TO_FWD: Make = |b| {
    let node = b.fwd_struct("node");
    b.ptr(node)
};
const POINTER_TO_FWD_UNION: Make = |b| {
    let node = b.fwd_union("node");
    b.ptr(node)
};
const POINTER_TO_INT: Make = |b| {
    let int = b.int("int", 4, true);
    b.ptr(int)
};
const VOID_POINTER: Make = |b| b.ptr(TypeId::VOID);
const CONST_VOID_POINTER: Make = |b| {
    let void = b.constant(TypeId::VOID);
    b.ptr(void)
};
const FOUR: Make = |b| b.char_array(4);
const FIVE: Make = |b| b.char_array(5);
const FUNCTION: Make = |b| {
    let int = b.int("int", 4, true);
    let pointer = b.ptr(int);
    let proto = b.func_proto(int, &[("a", pointer)]);
    b.ptr(proto)
};
const FUNCTION_RENAMED: Make = |b| {
    let int = b.int("int", 4, true);
    let constant = b.constant(int);
    let pointer = b.ptr(constant);
    let proto = b.func_proto(int, &[("z", pointer)]);
    b.ptr(proto)
};
const FUNCTION_OF_TWO: Make = |b| {
    let int = b.int("int", 4, true);
    let proto = b.func_proto(int, &[("a", int), ("b", int)]);
    b.ptr(proto)
};
const FUNCTION_OF_INT: Make = |b| {
    let int = b.int("int", 4, true);
    let proto = b.func_proto(int, &[("a", int)]);
    b.ptr(proto)
};
const FUNCTION_TO_VOID: Make = |b| {
    let int = b.int("int", 4, true);
    let pointer = b.ptr(int);
    let proto = b.func_proto(TypeId::VOID, &[("a", pointer)]);
    b.ptr(proto)
};
const ENUM: Make = |b| b.enumeration("e", &[("A", 1), ("B", 2)]);
const ENUM_OTHER_VALUES: Make = |b| b.enumeration("e", &[("B", 7), ("C", 5), ("A", 6)]);
const ENUM_FEWER: Make = |b| b.enumeration("e", &[("A", 1)]);
const ENUM_LACKING: Make = |b| b.enumeration("e", &[("A", 1), ("C", 2)]);
const ENUM64: Make = |b| b.enum64("e", &[("A", 1), ("B", 2)]);
const ONE: Make = |b| ints(b, "one", &["x", "y"]);
const ONE_MORE: Make = |b| ints(b, "one", &["w", "y", "x"]);
const ONE_LESS: Make = |b| ints(b, "one", &["x"]);
const ONE_RETYPED: Make = |b| {
    let int = b.int("int", 4, true);
    let long = b.int("long int", 8, true);
    b.structure("one", 16, &[("x", int, 0), ("y", long, 8)])
};
const ONE_FLAVOUR: Make = |b| ints(b, "one___mine", &["x", "y"]);
const ONE_ANONYMOUS_INSIDE: Make = |b| {
    let int = b.int("int", 4, true);
    let inside = b.union("", 4, &[("y", int)]);
    b.structure("one", 8, &[("x", int, 0), ("", inside, 4)])
};

/// `typedef`s so that types without a name can be asked for; modifiers that count for nothing.
fn typedef_of(make: Make) -> (Builder, TypeId) {
    let mut b = Builder::new();
    let ty = make(&mut b);
    let ty = b.volatile(ty);
    let ty = b.type_tag("user", ty);
    let root = b.typedef("root", ty);
    (b, root)
}

#[test]
fn a_type_exists_if_its_outline_is_the_same() {
    for (local, target, there) in [
        (INT, INT, 1),
        (INT, UNSIGNED, 1),
        (INT, LONG, 1),
        (INT, OLD_BITS, 0),
        (INT, ENUM, 0),
        (FLOAT, FLOAT, 0),
        (NODE, NODE, 1),
        (ONE, ONE_LESS, 1),
        (ONE, NODE, 1),
        (ENUM, ENUM64, 1),
        (ENUM, ENUM_LACKING, 1),
        (POINTER_TO_NODE, POINTER_TO_OTHER, 1),
        (POINTER_TO_NODE, POINTER_TO_UNION_NODE, 0),
        (POINTER_TO_NODE, POINTER_TO_FWD, 0),
        (POINTER_TO_NODE, POINTER_TO_INT, 0),
        (POINTER_TO_FWD, POINTER_TO_FWD_UNION, 1),
        (VOID_POINTER, CONST_VOID_POINTER, 1),
        (VOID_POINTER, POINTER_TO_INT, 0),
        (FOUR, FIVE, 1),
        (FOUR, INT, 0),
        (FUNCTION, FUNCTION_RENAMED, 1),
        (FUNCTION, FUNCTION_OF_TWO, 0),
        (FUNCTION, FUNCTION_OF_INT, 0),
        (FUNCTION, FUNCTION_TO_VOID, 0),
    ] {
        let ((local, root), (target, _)) = (typedef_of(local), typedef_of(target));
        for kind in [TypeExists, TypeIdTarget] {
            let answer = number(ask(&local, &target, root, "0", kind)).unwrap();
            let (local, target) = (local.bytes(), target.bytes());
            assert_eq!(answer.min(1), there, "{local:x?} in {target:x?}");
        }
    }
}

#[test]
fn a_type_matches_if_all_of_it_is_there() {
    for (local, target, there) in [
        (INT, INT, 1),
        (INT, UNSIGNED, 0),
        (INT, SHORT, 0),
        (INT, LONG, 0),
        (INT, OLD_BITS, 1),
        (FLOAT, FLOAT, 0),
        (NODE, NODE, 1),
        (ONE, ONE_MORE, 1),
        (ONE, ONE_LESS, 0),
        (ONE_LESS, ONE, 1),
        (ONE, ONE_RETYPED, 0),
        (ONE_LESS, ONE_RETYPED, 1),
        (ONE, NODE, 0),
        (ONE, ONE_FLAVOUR, 1),
        (ONE_FLAVOUR, ONE, 1),
        (ONE, ONE_ANONYMOUS_INSIDE, 0),
        (ONE_ANONYMOUS_INSIDE, ONE_ANONYMOUS_INSIDE, 1),
        (ENUM, ENUM_OTHER_VALUES, 1),
        (ENUM, ENUM_FEWER, 0),
        (ENUM_FEWER, ENUM, 1),
        (ENUM, ENUM_LACKING, 0),
        (ENUM, ENUM64, 0),
        (ENUM64, ENUM64, 1),
        (ENUM, INT, 0),
        (POINTER_TO_NODE, POINTER_TO_NODE, 1),
        (POINTER_TO_NODE, POINTER_TO_FWD, 1),
        (POINTER_TO_NODE, POINTER_TO_FWD_UNION, 0),
        (POINTER_TO_NODE, POINTER_TO_UNION_NODE, 0),
        (POINTER_TO_NODE, POINTER_TO_OTHER, 0),
        (POINTER_TO_FWD, POINTER_TO_NODE, 1),
        (POINTER_TO_FWD, POINTER_TO_UNION_NODE, 0),
        (POINTER_TO_FWD_UNION, POINTER_TO_UNION_NODE, 1),
        (POINTER_TO_FWD, POINTER_TO_FWD, 1),
        (POINTER_TO_FWD, POINTER_TO_FWD_UNION, 0),
        (VOID_POINTER, CONST_VOID_POINTER, 1),
        (VOID_POINTER, POINTER_TO_INT, 0),
        (FOUR, FOUR, 1),
        (FOUR, FIVE, 0),
        (FUNCTION, FUNCTION_RENAMED, 1),
        (FUNCTION, FUNCTION_OF_TWO, 0),
        (FUNCTION, FUNCTION_OF_INT, 0),
        (FUNCTION, FUNCTION_TO_VOID, 0),
    ] {
        let ((local, root), (target, _)) = (typedef_of(local), typedef_of(target));
        let answer = number(ask(&local, &target, root, "0", TypeMatches));
        let (local, target) = (local.bytes(), target.bytes());
        assert_eq!(answer, Some(there), "{local:x?} in {target:x?}");
    }
}

#[test]
fn a_match_looks_into_members_and_not_behind_pointers() {
    // s { one: struct one { x, y }; p: struct two { x, y } * }: a change of `one` counts, one of
    // `two` does not. A chain of structs behind pointers asks for no names of its own.
    let side = |one: &[&str], two: &[&str]| {
        let mut b = Builder::new();
        let one = ints(&mut b, "one", one);
        let two = ints(&mut b, "two", two);
        let two = b.ptr(two);
        let root = b.structure("s", 16, &[("one", one, 0), ("p", two, 8)]);
        (b, root)
    };
    let (local, root) = side(&["x", "y"], &["x", "y"]);
    for (one, two, there) in [
        (&["x", "y"][..], &["x", "y"][..], 1),
        (&["x", "y"], &[], 1),
        (&["y", "x"], &["z"], 1),
        (&["x", "z"], &["x", "y"], 0),
    ] {
        let (target, _) = side(one, two);
        assert_eq!(
            number(ask(&local, &target, root, "0", TypeMatches)),
            Some(there)
        );
    }
    let mut local = local;
    let access = StrOffset(local.name("0"));
    let relo = CoreRelo {
        insn_offset: 0,
        type_id: root,
        access,
        kind: TypeMatches,
    };
    let bytes = local.bytes();
    // s, one, p, x, y, int, two.
    assert_eq!(
        wanted(&Btf::parse(&bytes).unwrap(), [relo].iter())
            .unwrap()
            .len(),
        7
    );
}

#[test]
fn a_match_of_a_struct_of_thousands_of_types_is_still_right() {
    // Each member of forty structs has a type of its own: every name must be looked for.
    let side = |odd: &str| {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let mut outer = Vec::new();
        for of in 0..40 {
            let names: Vec<String> = (0..40).map(|i| format!("type_{of}_{i}")).collect();
            let mut members = Vec::new();
            for (i, name) in (0..).zip(&names) {
                let name = if (of, i) == (0, 7) { odd } else { name };
                members.push((name, b.structure(name, 4, &[("x", int, 0)]), i * 4));
            }
            outer.push((
                format!("outer_{of}"),
                b.structure("", 160, &members),
                of * 160,
            ));
        }
        let outer: Vec<_> = outer.iter().map(|(n, ty, at)| (&**n, *ty, *at)).collect();
        let root = b.structure("s", 6400, &outer);
        (b, root)
    };
    let ((local, root), (same, _), (other, _)) = (side("odd"), side("odd"), side("even"));
    assert_eq!(number(ask(&local, &same, root, "0", TypeMatches)), Some(1));
    assert_eq!(number(ask(&local, &other, root, "0", TypeMatches)), Some(0));
}

#[test]
fn functions_and_variables_are_no_types_to_relocate_against() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let proto = b.func_proto(int, &[]);
    let func = b.func("f", proto, Linkage::Global);
    for kind in [TypeExists, TypeMatches, TypeIdTarget] {
        assert_eq!(
            number(ask(&b, &b, func, "0", kind)),
            Some(0),
            "{}",
            kind.name()
        );
    }
}
