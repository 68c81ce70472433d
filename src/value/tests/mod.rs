//! Values of every kind, from bytes to text and back.

mod meant;
mod words;

use super::{Fit, Plan, ValueError, column};
use crate::btf::testing::Builder;
use crate::btf::{Btf, Linkage, TypeId};

fn plan(b: &Builder, id: TypeId) -> Plan {
    let bytes = b.bytes();
    Plan::new(&Btf::parse(&bytes).unwrap(), id).unwrap()
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn line(plan: &Plan, bytes: &[u8]) -> String {
    text(|out| plan.line(bytes, out))
}

fn json(plan: &Plan, bytes: &[u8]) -> String {
    text(|out| plan.json(bytes, out))
}

/// The event of the book's chapter 5.
fn hello() -> Plan {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let command = b.char_array(16);
    let message = b.char_array(12);
    let path = b.char_array(16);
    let members = [
        ("pid", int, 0),
        ("uid", int, 4),
        ("command", command, 8),
        ("message", message, 24),
        ("path", path, 36),
    ];
    let id = b.structure("data_t", 52, &members);
    plan(&b, id)
}

fn hello_record() -> Vec<u8> {
    let mut record = vec![0; 52];
    record[0..4].copy_from_slice(&4711u32.to_le_bytes());
    record[4..8].copy_from_slice(&1000u32.to_le_bytes());
    record[8..12].copy_from_slice(b"bash");
    record[24..32].copy_from_slice(b"hey root");
    record[36..43].copy_from_slice(b"/bin/ls");
    record
}

#[test]
fn rows_stand_under_their_header() {
    let (plan, record) = (hello(), hello_record());
    let header = text(|out| plan.header(out));
    let row = text(|out| plan.row(&record, out));
    assert_eq!(header, "PID     UID     COMMAND          MESSAGE      PATH");
    assert_eq!(row, "4711    1000    bash             hey root     /bin/ls");
}

#[test]
fn a_struct_is_a_json_object_a_line_and_a_tree() {
    let (plan, record) = (hello(), hello_record());
    let object =
        r#"{"pid":4711,"uid":1000,"command":"bash","message":"hey root","path":"/bin/ls"}"#;
    assert_eq!(json(&plan, &record), object);
    let members = text(|out| plan.json_members(&record, out));
    assert_eq!(format!("{{{members}}}"), object);
    assert_eq!(
        line(&plan, &record),
        r#"{pid: 4711, uid: 1000, command: "bash", message: "hey root", path: "/bin/ls"}"#
    );
    assert_eq!(
        text(|out| plan.tree(&record, out)),
        "{\n  pid: 4711\n  uid: 1000\n  command: \"bash\"\n  message: \"hey root\"\n  \
         path: \"/bin/ls\"\n}"
    );
}

#[test]
fn a_record_cut_off_anywhere_shows_what_it_has() {
    let (plan, record) = (hello(), hello_record());
    for len in 0..=record.len() {
        let row = text(|out| plan.row(&record[..len], out));
        let cells: Vec<&str> = row.split_ascii_whitespace().collect();
        assert_eq!(cells[0], if len >= 4 { "4711" } else { "-" }, "{len}");
        assert_eq!(cells[1], if len >= 8 { "1000" } else { "-" }, "{len}");
        assert_eq!(row.ends_with(" -"), len <= 36, "{len}: {row}");
        json(&plan, &record[..len]);
    }
    assert_eq!(
        json(&plan, &record[..9]),
        r#"{"pid":4711,"uid":1000,"command":"b","message":null,"path":null}"#
    );
}

#[test]
fn the_length_of_a_record_is_judged() {
    let plan = hello();
    for (len, fit) in [
        (52, Fit::Exact),
        (56, Fit::Padded(4)),
        (59, Fit::Padded(7)),
        (60, Fit::Longer(8)),
        (50, Fit::Shorter(2)),
        (0, Fit::Shorter(52)),
    ] {
        assert_eq!(plan.fit(len), fit);
    }
    let mut long = hello_record();
    long.extend([7; 20]);
    let row = |record: &[u8]| text(|out| plan.row(record, out));
    assert_eq!(row(&long), row(&hello_record()));
}

#[test]
fn no_escape_sequence_of_a_traced_program_reaches_the_terminal() {
    let (plan, mut record) = (hello(), hello_record());
    record[8..24].copy_from_slice(b"\x1b]0;x\x07\xff\x9b\nabcdefg");
    let row = text(|out| plan.row(&record, out));
    assert!(row.contains(r"\x1b]0;x\x07\xff\x9b\nabcdefg "), "{row}");
    assert!(row.bytes().all(|b| (b' '..=b'~').contains(&b)), "{row}");
    let json = json(&plan, &record);
    assert!(
        json.contains(r#""\u001b]0;x\u0007\\xff\\x9b\nabcdefg""#),
        "{json}"
    );
}

/// Type, bytes, text on a line, JSON; the line reads back as the same bytes.
#[test]
fn every_kind_of_value_is_shown_and_read_back() {
    let mut b = Builder::new();
    let void_ptr = b.ptr(TypeId::VOID);
    let u8_ = b.int("unsigned char", 1, false);
    let s8 = b.int("signed char", 1, true);
    let u16_ = b.int("short unsigned int", 2, false);
    let s32 = b.int("int", 4, true);
    let u64_ = b.int("long long unsigned int", 8, false);
    let s64 = b.int("long long int", 8, true);
    let u128_ = b.int("unsigned __int128", 16, false);
    let s128 = b.int("__int128", 16, true);
    let bool_ = b.boolean();
    let char_ = b.int("char", 1, true);
    let old_char = b.char_int("u_char");
    let f32_ = b.float("float", 4);
    let f64_ = b.float("double", 8);
    let f128 = b.float("long double", 16);
    let state = b.enumeration(
        "state",
        &[("IDLE", 0), ("RUN", 1), ("STOP", 2), ("DEAD", 3)],
    );
    let signed = b.enumeration("result", &[("FAILED", -1), ("DONE", 0)]);
    let flags = b.enumeration("flags", &[("READ", 1), ("WRITE", 2), ("EXEC", 4)]);
    let big = b.enum64("big", &[("LOW", 1), ("TOP", 1 << 63)]);
    let alias = b.typedef("alias_t", u16_);
    let fixed = b.constant(alias);
    let wrapped = b.volatile(fixed);
    let ints = b.array(s32, 3);
    let grid = b.array(ints, 2);
    let text = b.char_array(6);
    let texts = b.array(text, 2);
    let old_text = b.array(old_char, 4);
    let bytes = b.array(u8_, 6);
    let long_bytes = b.array(u8_, 20);
    let inner = b.structure("inner", 8, &[("a", s32, 0), ("b", u16_, 4)]);
    let either = b.union("either", 8, &[("number", u64_), ("half", s32)]);
    let outer = b.structure("outer", 16, &[("in", inner, 0), ("or", either, 8)]);
    let inners = b.array(inner, 2);
    let anon = b.union("", 4, &[("x", s32), ("y", u16_)]);
    let with_anon = b.structure("with_anon", 8, &[("id", s32, 0), ("", anon, 4)]);
    let members = [
        ("a", s32, 0, 3),
        ("b", s32, 3, 13),
        ("on", bool_, 16, 1),
        ("", s32, 17, 2),
        ("state", state, 19, 2),
        ("wide", u64_, 33, 64),
        ("plain", u16_, 112, 0),
    ];
    let bits = b.bitfields("bits", 16, &members);
    let old_bits = b.encoded_int("unsigned int", 4, 0, 4, 6);
    let with_old = b.structure("with_old", 4, &[("six", old_bits, 0)]);
    let var = b.var("seen", s32, Linkage::Global);
    let var2 = b.var("name", text, Linkage::Global);
    let data = b.datasec(".data", 12, &[(var, 0, 4), (var2, 4, 6)]);

    let packed = {
        let mut all = 0u128;
        for (value, at) in [
            (0b101u128, 0),
            (0x1fff - 3, 3),
            (1, 16),
            (2, 19),
            (u128::from(u64::MAX - 1), 33),
            (500, 112),
        ] {
            all |= value << at;
        }
        all.to_le_bytes().to_vec()
    };
    let le = |n: i64, len: usize| n.to_le_bytes()[..len].to_vec();
    let table: Vec<(TypeId, Vec<u8>, &str, &str)> = vec![
        (u8_, vec![200], "200", "200"),
        (s8, vec![200], "-56", "-56"),
        (wrapped, le(65535, 2), "65535", "65535"),
        (s32, le(-2, 4), "-2", "-2"),
        (
            u64_,
            vec![0xff; 8],
            "18446744073709551615",
            "18446744073709551615",
        ),
        (
            s64,
            le(i64::MIN, 8),
            "-9223372036854775808",
            "-9223372036854775808",
        ),
        (
            u128_,
            vec![0xff; 16],
            "340282366920938463463374607431768211455",
            r#""340282366920938463463374607431768211455""#,
        ),
        (s128, vec![0xff; 16], "-1", r#""-1""#),
        (
            void_ptr,
            le(0x7fff_1234, 8),
            "0x7fff1234",
            r#""0x7fff1234""#,
        ),
        (void_ptr, le(0, 8), "0x0", r#""0x0""#),
        (bool_, vec![1], "true", "true"),
        (bool_, vec![0], "false", "false"),
        (char_, vec![b'R'], "'R'", r#""R""#),
        (char_, vec![b'7'], "'7'", r#""7""#),
        (char_, vec![b'\''], r"'\''", r#""'""#),
        (char_, vec![b'"'], "'\"'", r#""\"""#),
        (char_, vec![0], "0", "0"),
        (char_, vec![0xff], "-1", "-1"),
        (f32_, 0.1f32.to_le_bytes().to_vec(), "0.1", "0.1"),
        (
            f64_,
            (-2.5e-20f64).to_le_bytes().to_vec(),
            "-2.5e-20",
            "-2.5e-20",
        ),
        (
            f64_,
            f64::NEG_INFINITY.to_le_bytes().to_vec(),
            "-inf",
            r#""-inf""#,
        ),
        (
            f128,
            vec![0xab; 16],
            "0xabababababababababababababababab",
            r#""0xabababababababababababababababab""#,
        ),
        (state, le(1, 4), "RUN", r#""RUN""#),
        (state, le(77, 4), "77", "77"),
        (signed, le(-1, 4), "FAILED", r#""FAILED""#),
        (signed, le(-9, 4), "-9", "-9"),
        (flags, le(5, 4), "READ|EXEC", r#""READ|EXEC""#),
        (flags, le(0x12, 4), "WRITE|0x10", r#""WRITE|0x10""#),
        (flags, le(0, 4), "0", "0"),
        (big, le(i64::MIN, 8), "TOP", r#""TOP""#),
        (
            big,
            le(i64::MAX, 8),
            "9223372036854775807",
            "9223372036854775807",
        ),
        (
            ints,
            [le(1, 4), le(-2, 4), le(3, 4)].concat(),
            "[1, -2, 3]",
            "[1,-2,3]",
        ),
        (
            grid,
            (1..=6).flat_map(|n| le(n, 4)).collect(),
            "[[1, 2, 3], [4, 5, 6]]",
            "[[1,2,3],[4,5,6]]",
        ),
        (
            text,
            b"ab\"\\\xff\0".to_vec(),
            r#""ab\"\\\xff""#,
            r#""ab\"\\\\xff""#,
        ),
        (text, b"abcdef".to_vec(), r#""abcdef""#, r#""abcdef""#),
        (
            texts,
            b"one\0\0\0two\0\0\0".to_vec(),
            r#"["one", "two"]"#,
            r#"["one","two"]"#,
        ),
        (old_text, b"ab\0\0".to_vec(), r#""ab""#, r#""ab""#),
        (bytes, b"eth0\0\0".to_vec(), r#""eth0""#, r#""eth0""#),
        (
            bytes,
            vec![0x52, 0x54, 0, 0x12, 0x34, 0x56],
            "0x525400123456",
            r#""0x525400123456""#,
        ),
        (bytes, vec![0; 6], "0x000000000000", r#""0x000000000000""#),
        (
            bytes,
            b"abcdef".to_vec(),
            "0x616263646566",
            r#""0x616263646566""#,
        ),
        (
            long_bytes,
            [&b"word\0"[..], &[0; 15]].concat(),
            r#""word""#,
            r#""word""#,
        ),
        (
            outer,
            [le(-1, 4), le(7, 4), le(0x1_0000_0002, 8)].concat(),
            "{in: {a: -1, b: 7}, or: {number: 4294967298, half: 2}}",
            r#"{"in":{"a":-1,"b":7},"or":{"number":4294967298,"half":2}}"#,
        ),
        (
            inners,
            [le(1, 4), le(2, 4), le(3, 4), le(4, 4)].concat(),
            "[{a: 1, b: 2}, {a: 3, b: 4}]",
            r#"[{"a":1,"b":2},{"a":3,"b":4}]"#,
        ),
        (
            with_anon,
            [le(9, 4), le(70000, 4)].concat(),
            "{id: 9, x: 70000, y: 4464}",
            r#"{"id":9,"x":70000,"y":4464}"#,
        ),
        (
            bits,
            packed,
            "{a: -3, b: -4, on: true, state: STOP, wide: 18446744073709551614, plain: 500}",
            r#"{"a":-3,"b":-4,"on":true,"state":"STOP","wide":18446744073709551614,"plain":500}"#,
        ),
        (with_old, le(0x2a << 4, 4), "{six: 42}", r#"{"six":42}"#),
        (
            data,
            [le(5, 4), b"word\0\0\0\0".to_vec()].concat(),
            r#"{seen: 5, name: "word"}"#,
            r#"{"seen":5,"name":"word"}"#,
        ),
        (var, le(5, 4), "5", "5"),
    ];
    for (id, bytes, shown, as_json) in table {
        let plan = plan(&b, id);
        assert_eq!(line(&plan, &bytes), shown);
        assert_eq!(json(&plan, &bytes), as_json);
        // A union is read back only through its widest member.
        let words = shown.replace(", half: 2", "").replace(", y: 4464", "");
        assert_eq!(plan.parse_vec(&words).as_deref(), Ok(&bytes[..]), "{words}");
        for len in 0..bytes.len() {
            line(&plan, &bytes[..len]);
            text_of_all(&plan, &bytes[..len]);
        }
    }
}

fn text_of_all(plan: &Plan, bytes: &[u8]) {
    text(|out| {
        plan.header(out);
        plan.row(bytes, out);
        plan.tree(bytes, out);
        plan.json(bytes, out);
    });
}

#[test]
fn a_tree_indents_what_is_inside() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let inner = b.structure("inner", 4, &[("a", int, 0)]);
    let pair = b.array(inner, 2);
    let outer = b.structure("outer", 12, &[("one", inner, 0), ("two", pair, 4)]);
    let plan = plan(&b, outer);
    assert_eq!(
        text(|out| plan.tree(&[0; 12], out)),
        "{\n  one: {\n    a: 0\n  }\n  two: [{\n    a: 0\n  }, {\n    a: 0\n  }]\n}"
    );
}

#[test]
fn the_last_flexible_array_takes_the_rest_of_the_record() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let args = b.char_array(0);
    let numbers = b.array(int, 0);
    let u8_ = b.int("unsigned char", 1, false);
    let raw = b.array(u8_, 0);
    for (last, record, shown) in [
        (
            args,
            &b"\x01\0\0\0ls -l\0\0\0"[..],
            r#"{pid: 1, rest: "ls -l"}"#,
        ),
        (args, b"\x01\0\0\0no nul", r#"{pid: 1, rest: "no nul"}"#),
        (args, b"\x01\0\0\0", r#"{pid: 1, rest: ""}"#),
        (args, b"\x01\0\0", "{pid: -, rest: -}"),
        (
            numbers,
            b"\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0",
            "{pid: 1, rest: [2, 3]}",
        ),
        (raw, b"\x01\0\0\0\xff\x00", "{pid: 1, rest: 0xff00}"),
    ] {
        let id = b.structure("event", 4, &[("pid", int, 0), ("rest", last, 4)]);
        let plan = plan(&b, id);
        assert_eq!(line(&plan, record), shown);
        if record.len() >= 4 {
            assert_eq!(plan.fit(record.len()), Fit::Exact);
            let field = plan.field("rest").unwrap();
            assert_eq!(field.bytes(record), Some(&record[4..]));
        }
    }
    // Not the last: nothing of it is in the record.
    let id = b.structure("odd", 4, &[("none", numbers, 0), ("pid", int, 0)]);
    assert_eq!(line(&plan(&b, id), &[1, 0, 0, 0]), "{none: [], pid: 1}");
}

#[test]
fn fields_are_had_by_name_as_numbers_and_bytes() {
    let (plan, record) = (hello(), hello_record());
    let names: Vec<&str> = plan.fields().map(|f| f.name).collect();
    assert_eq!(names, ["pid", "uid", "command", "message", "path"]);
    let pid = plan.field("pid").unwrap();
    assert_eq!(pid.number(&record), Some(4711));
    assert_eq!(pid.number(&record[..3]), None);
    assert_eq!(pid.number(&[0xfe, 0xff, 0xff, 0xff]), Some(-2i64 as u64));
    let command = plan.field("command").unwrap();
    assert_eq!(command.bytes(&record), Some(&record[8..24]));
    assert_eq!(command.number(&record), None);
    assert!(plan.field("nothing").is_none());
    assert_eq!(text(|out| plan.cell(&pid, &record, out)), "4711    ");
    assert_eq!(text(|out| column("é\x1b".as_bytes(), 6, out)), "é\\x1b  ");
}

#[test]
fn widths_follow_the_type_and_the_name() {
    let mut b = Builder::new();
    let u32_ = b.int("unsigned int", 4, false);
    let u8_ = b.int("unsigned char", 1, false);
    let u64_ = b.int("long unsigned int", 8, false);
    let comm = b.char_array(16);
    let path = b.char_array(4096);
    let state = b.enumeration("state", &[("IDLE", 0), ("SLEEPING", 1)]);
    let ptr = b.ptr(u8_);
    let members = [
        ("pid", u32_, 0),
        ("a_long_name", u8_, 4),
        ("ts", u64_, 8),
        ("comm", comm, 16),
        ("path", path, 32),
        ("s", state, 4128),
        ("p", ptr, 4136),
    ];
    let id = b.structure("event", 4144, &members);
    let widths: Vec<usize> = plan(&b, id).fields().map(|f| f.width).collect();
    assert_eq!(widths, [7, 11, 16, 16, 32, 8, 18]);
}

#[test]
fn a_type_that_is_no_struct_is_one_column() {
    let mut b = Builder::new();
    let u64_ = b.int("long unsigned int", 8, false);
    let plan = plan(&b, u64_);
    let record = 42u64.to_le_bytes();
    assert_eq!(text(|out| plan.header(out)), "VALUE");
    assert_eq!(text(|out| plan.row(&record, out)), "42");
    assert_eq!(text(|out| plan.json_members(&record, out)), r#""value":42"#);
}

#[test]
fn types_that_contradict_themselves_are_shown_or_refused_but_never_followed_forever() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    // By pointer: the usual list.
    let node = b.next();
    let next = TypeId(node.0 + 1);
    b.structure("node", 16, &[("n", int, 0), ("next", next, 8)]);
    b.ptr(node);
    assert_eq!(line(&plan(&b, node), &[0; 16]), "{n: 0, next: 0x0}");
    // By value: what no compiler writes.
    let own = b.next();
    b.structure("own", 4, &[("me", own, 0)]);
    let shown = line(&plan(&b, own), &[1, 2, 3, 4]);
    assert!(
        shown.starts_with("{me: {me: ") && shown.contains("0x01020304"),
        "{shown}"
    );
    // By value, many times, with a name and without.
    for name in ["me", ""] {
        let many = b.next();
        b.structure("many", 4, &[(name, many, 0); 300]);
        let bytes = b.bytes();
        let error = Plan::new(&Btf::parse(&bytes).unwrap(), many).unwrap_err();
        assert!(matches!(error, ValueError::TooLarge { .. }), "{error}");
    }
    // A member outside the struct, and one at the end of the address space.
    let odd = b.structure("odd", 4, &[("out", int, 100), ("far", int, 0x1fff_fff0)]);
    let plan_of_odd = plan(&b, odd);
    assert_eq!(line(&plan_of_odd, &[0; 8]), "{out: -, far: -}");
    assert!(plan_of_odd.parse_vec("{out: 1}").is_err());
    // Elements without a size, as many as fit a word.
    let empty = b.structure("empty", 0, &[]);
    let endless = b.array(empty, u32::MAX);
    assert_eq!(line(&plan(&b, endless), &[]), "-");
    assert_eq!(line(&plan(&b, endless), &[0]), "[]");
    // An array that is larger than its record.
    let huge = b.array(int, 1 << 28);
    assert_eq!(line(&plan(&b, huge), &[1, 0, 0, 0, 2]), "[1, -, -]");
    // Without a size.
    let fwd = b.fwd_struct("hidden");
    let holder = b.structure("holder", 4, &[("n", int, 0), ("hidden", fwd, 4)]);
    assert_eq!(line(&plan(&b, holder), &[0; 4]), "{n: 0, hidden: -}");
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    for id in [fwd, TypeId::VOID, TypeId(9999)] {
        assert!(matches!(Plan::new(&btf, id), Err(ValueError::Btf(_))));
    }
}

#[test]
fn names_from_a_hostile_btf_are_harmless() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let id = b.structure("s", 4, &[("a\x1b[2J\"b", int, 0)]);
    let plan = plan(&b, id);
    assert_eq!(text(|out| plan.header(out)), "A?[2J?B");
    assert_eq!(json(&plan, &[0; 4]), r#"{"a?[2J?b":0}"#);
}
