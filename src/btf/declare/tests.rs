use super::*;
use crate::btf::Types;
use crate::btf::testing::Builder;

fn declared(text: &str) -> Vec<u8> {
    declare(text, None).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Size, and each field with where it lies in bits and how many bits it has (0 for all of its type).
fn layout(text: &str, name: &str) -> (u32, Vec<(String, u32, u32)>) {
    let bytes = declared(text);
    let btf = Btf::parse(&bytes).unwrap();
    let id = btf.find(Kind::Struct, name).expect("the struct");
    let of = btf.header(id).unwrap();
    let fields = (0..of.vlen).map(|index| {
        let member = btf.member(&of, index).unwrap();
        let name = btf.str_at(member.name).unwrap().to_owned();
        (name, member.offset.0, member.bitfield_size)
    });
    (of.size(), fields.collect())
}

fn places(text: &str, name: &str) -> (u32, Vec<u32>) {
    let (size, fields) = layout(text, name);
    (size, fields.iter().map(|(_, at, _)| *at / 8).collect())
}

#[test]
fn fields_lie_where_a_compiler_puts_them() {
    for (fields, size, at) in [
        (
            "char a; short b; char c; int d; char e; long f;",
            24,
            &[0, 2, 4, 8, 12, 16][..],
        ),
        ("__u8 a; __u64 b; __u16 c;", 24, &[0, 8, 16]),
        (
            "pid_t pid; char comm[16]; unsigned long long ts;",
            32,
            &[0, 4, 24],
        ),
        ("char a, *b, c[3], **d; bool e;", 40, &[0, 8, 16, 24, 32]),
        (
            "int a; union { __be32 v4; __u8 v6[16]; }; __be16 port;",
            24,
            &[0, 4, 20],
        ),
        ("struct { char x; int y; } a[2]; char b;", 20, &[0, 16]),
        ("u16 a[2][3]; double b; float c;", 32, &[0, 16, 24]),
        (
            "const unsigned char volatile a; long unsigned int b; short int c;",
            24,
            &[0, 8, 16],
        ),
        ("u32 len; char text[];", 4, &[0, 4]),
        (
            "int (*call)(int, void (*)(void)); struct unknown *next; u8 end;",
            24,
            &[0, 8, 16],
        ),
    ] {
        let text = format!("struct event {{ {fields} }};");
        assert_eq!(places(&text, "event"), (size, at.to_vec()), "{fields}");
    }
    let packed = "struct event { char a; long b; } __attribute__((packed));";
    assert_eq!(places(packed, "event"), (9, vec![0, 1]));
    let packed = "struct __attribute__((__packed__)) event { char a; int b; };";
    assert_eq!(places(packed, "event"), (5, vec![0, 1]));
}

#[test]
fn bitfields_share_the_words_of_their_types() {
    let text = "struct event { u32 a : 3; u32 b : 30; u8 : 0; u8 c : 1; u64 d : 40; };";
    let (size, fields) = layout(text, "event");
    let name = |name: &str| name.to_owned();
    let expected = [
        (name("a"), 0, 3),
        (name("b"), 32, 30),
        (name("c"), 64, 1),
        (name("d"), 65, 40),
    ];
    assert_eq!((size, fields), (16, expected.to_vec()));
}

#[test]
fn what_else_a_header_has_is_passed_over() {
    let text = r#"
        /* SPDX-License-Identifier: none; struct no { int x; }; */
        #ifndef __EVENT_H
        #define __EVENT_H   // once
        #include <linux/types.h>
        #define LEN 16
        #define ALL (LEN * 4 \
                     - 2)
        #define MIN(a, b) ((a) < (b) ? (a) : (b))
        struct later;
        extern struct later *get(int);
        static const char *names[] = { "a;b", "{", };
        static inline int twice(int n) { if (n) { return n + n; } return 0; }
        enum op { OPEN, CLOSE = LEN + 1, LAST };
        typedef struct { enum op op; char comm[LEN]; } base_t;
        typedef unsigned int number, *numbers;
        struct event { base_t base; number n; char text[ALL]; numbers p; int t[LAST]; };
        #endif
    "#;
    let (size, at) = places(text, "event");
    assert_eq!((size, at), (168, vec![0, 20, 24, 88, 96]));
    let bytes = declared(text);
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.find(Kind::Struct, "no"), None);
    let op = btf.header(btf.find(Kind::Enum, "op").unwrap()).unwrap();
    let last = btf.enumerator(&op, 2).unwrap();
    assert_eq!((btf.str_at(last.name), last.value), (Some("LAST"), 18));
    assert!(btf.find(Kind::Typedef, "base_t").is_some());
}

#[test]
fn types_of_the_object_can_be_used_and_lose_their_names_to_declared_ones() {
    let mut built = Builder::new();
    let int = built.int("int", 4, true);
    let long = built.int("long", 8, true);
    let key = built.structure("key", 16, &[("a", int, 0), ("b", long, 8)]);
    let old = built.structure("event", 4, &[("old", int, 0)]);
    let bytes = built.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    let text = "struct event { char c; struct key key; };";
    let bytes = declare(text, Some(&btf)).unwrap();
    let both = Btf::parse(&bytes).unwrap();
    let event = both.find(Kind::Struct, "event").unwrap();
    assert!(event.0 > btf.len(), "{event:?}");
    let of = both.header(event).unwrap();
    let member = both.member(&of, 1).unwrap();
    assert_eq!((of.size(), member.ty, member.offset.0), (24, key, 64));
    // Numbers stay as they were, for the maps that have them.
    assert_eq!(both.size_of(old), Ok(4));
}

#[test]
fn what_can_not_be_read_is_told_with_its_line() {
    for (text, line, words) in [
        (
            "struct event {\n  int a;\n  foo_t b;\n};",
            3,
            "foo_t is no type",
        ),
        ("struct event { int a[LEN]; };", 1, "LEN is no number"),
        ("\nstruct event { int a }", 2, "} where ; was expected"),
        ("struct event { int a;", 1, "the text ends where"),
        (
            "struct event { struct other o; };",
            1,
            "type of o is not described",
        ),
        (
            "struct event { int a : 40; };",
            1,
            "more bits than its type",
        ),
        ("struct event { int a[-1]; };", 1, "-1 elements"),
        (
            "struct event { int a[0x7fffffff]; };",
            1,
            "an array of this",
        ),
        ("struct event { char a[0x7fffffff]; };", 1, "lies beyond"),
        ("struct event { int a[1 / 0]; };", 1, "can't be computed"),
        ("struct event { int; int 3; };", 1, "3 where a name"),
        ("struct event { void v; };", 1, "type of v is not described"),
        (
            "struct event { int a __attribute__((aligned(64))); };",
            1,
            "alignment",
        ),
        ("enum e { A = 0x1ffffffff };", 1, "A does not fit"),
        ("typedef enum nowhere e;", 1, "nowhere is not described"),
        ("/* struct", 1, "comment does not end"),
        ("struct event { char a[\"", 1, "quotes does not end"),
        ("struct event { long char a; };", 1, "long char is no type"),
    ] {
        let error = declare(text, None).unwrap_err();
        assert!(error.what.contains(words), "{text}: {error}");
        assert_eq!(error.line, line, "{text}: {error}");
    }
    let deep = "struct { ".repeat(1000);
    let deep = format!("struct event {{ {deep}");
    assert!(declare(&deep, None).unwrap_err().what.contains("deeply"));
    let brackets = format!("struct event {{ int a[{}", "(".repeat(1000));
    assert!(
        declare(&brackets, None)
            .unwrap_err()
            .what
            .contains("deeply")
    );
}

#[test]
fn no_text_makes_it_panic_or_run_on() {
    let whole = "struct event { const u8 a : 3; union { int b; char c[4 << 1]; }; } \
                 __attribute__((packed)); typedef struct event *e; enum { A = -1, B };";
    for at in 0..whole.len() {
        let _ = declare(&whole[..at], None);
        let _ = declare(&whole[at..], None);
        let cut = [&whole[..at], &whole[(at + 1).min(whole.len())..]].concat();
        let _ = declare(&cut, None);
        for mark in ["{", "}", "(", ")", ";", "*", "[", ":", ",", "struct ", "\""] {
            let with = [&whole[..at], mark, &whole[at..]].concat();
            if let Ok(bytes) = declare(&with, None) {
                Btf::parse(&bytes).unwrap();
            }
        }
    }
}
