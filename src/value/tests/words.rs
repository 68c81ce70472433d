//! Values written by a person, and what is said of those that do not fit.

use super::*;

#[test]
fn words_of_every_form_are_read() {
    let mut b = Builder::new();
    let s32 = b.int("int", 4, true);
    let u8_ = b.int("unsigned char", 1, false);
    let message = b.char_array(12);
    let user_msg = b.structure("user_msg_t", 12, &[("message", message, 0)]);
    let pair = b.structure("pair", 16, &[("message", message, 0), ("n", s32, 12)]);
    let bytes = b.array(u8_, 4);
    let flags = b.enumeration("flags", &[("R", 1), ("W", 2), ("X", 4)]);
    let float = b.float("float", 4);
    let hey = b"hey root\0\0\0\0";
    let hey_3 = b"hey root\0\0\0\0\x03\0\0\0";
    for (id, words, expected) in [
        (user_msg, r#"{message: "hey root"}"#, &hey[..]),
        (user_msg, r#"{"message":"hey root"}"#, hey),
        (user_msg, r#"{ .message = "hey root", }"#, hey),
        (user_msg, "{message: hey root}", hey),
        (user_msg, "hey root", hey),
        (user_msg, r#""hey root""#, hey),
        (user_msg, "{}", &[0; 12]),
        (message, "hey root", hey),
        (message, "a, b}", b"a, b}\0\0\0\0\0\0\0"),
        (message, "", &[0; 12]),
        (message, " x", b" x\0\0\0\0\0\0\0\0\0\0"),
        (message, "[104, 'i']", b"hi\0\0\0\0\0\0\0\0\0\0"),
        (message, "exactly 12 b", b"exactly 12 b"),
        (pair, r#"{message: "hey root", n: 3}"#, hey_3),
        (pair, "{\n  n: 3\n  ,\n  message: hey root\n}", hey_3),
        (pair, "{n:0b11,message:hey root}", hey_3),
        (s32, " 42 ", &[42, 0, 0, 0]),
        (s32, "'a'", &[97, 0, 0, 0]),
        (s32, r"'\n'", &[10, 0, 0, 0]),
        (s32, "-0x1", &[0xff; 4]),
        (s32, "2147483647", &[0xff, 0xff, 0xff, 0x7f]),
        (s32, "-2147483648", &[0, 0, 0, 0x80]),
        (bytes, "0x01020304", &[1, 2, 3, 4]),
        (bytes, "[1, 0x2]", &[1, 2, 0, 0]),
        (bytes, r#""ab""#, b"ab\0\0"),
        (flags, "R | X", &[5, 0, 0, 0]),
        (flags, "W|0x10", &[0x12, 0, 0, 0]),
        (flags, "7", &[7, 0, 0, 0]),
        (float, "1.5", &[0, 0, 0xc0, 0x3f]),
        (float, "0x3fc00000", &[0, 0, 0xc0, 0x3f]),
    ] {
        let read = plan(&b, id).parse_vec(words);
        assert_eq!(read.as_deref(), Ok(expected), "{words}");
    }
}

#[test]
fn words_that_do_not_fit_say_where_and_what_would() {
    let mut b = Builder::new();
    let s32 = b.int("int", 4, true);
    let u8_ = b.int("unsigned char", 1, false);
    let u128_ = b.int("unsigned __int128", 16, false);
    let bool_ = b.boolean();
    let text = b.char_array(4);
    let state = b.enumeration("state", &[("IDLE", 0), ("RUN", 1)]);
    let limit = b.structure("limit", 4, &[("min", u8_, 0), ("max", u8_, 1)]);
    let limits = b.array(limit, 2);
    let members = [
        ("n", s32, 0),
        ("text", text, 4),
        ("on", bool_, 8),
        ("state", state, 12),
        ("limits", limits, 16),
    ];
    let config = b.structure("config", 24, &members);
    let bits = b.bitfields("bits", 4, &[("three", s32, 0, 3), ("other", s32, 3, 8)]);
    for (id, words, message) in [
        (
            config,
            "{limits: [{}, {max: 256}]}",
            "limits[1].max: `256` is out of range, it must be 0 to 255",
        ),
        (
            config,
            "{n: 2147483648}",
            "n: `2147483648` is out of range, it must be -2147483648 to 2147483647",
        ),
        (
            bits,
            "{three: 4}",
            "three: `4` is out of range, it must be -4 to 3",
        ),
        (
            config,
            "{m: 1}",
            "the value: no field `m`; it has: n, text, on, state, limits",
        ),
        (
            config,
            "{limits: [{mix: 1}]}",
            "limits[0]: no field `mix`; it has: min, max",
        ),
        (config, "{n: 1, n: 2}", "n: the field is given twice"),
        (config, "{text: abcde}", "text: 5 bytes do not fit into 4"),
        (
            config,
            "{limits: [{}, {}, {}]}",
            "limits: the array has only 2 elements",
        ),
        (
            config,
            "{state: SLEEP}",
            "state: no enumerator `SLEEP`; it is one of: IDLE, RUN",
        ),
        (
            config,
            "{on: maybe}",
            "on: expected true or false, found `maybe`",
        ),
        (config, "{n 1}", "n: expected `:` and a value, found `1}`"),
        (
            config,
            "{n: 1",
            "the value: expected `,` or `}`, found nothing",
        ),
        (config, "{n: 1} 2", "`2` follows the end of the value"),
        (
            config,
            "7",
            "the value: expected `{field: value, …}`, found `7`",
        ),
        (
            config,
            "{n: \x1b}",
            r"n: expected a number (42, -1, 0x2a, 0o17, 0b101, 'a'), found `\x1b`",
        ),
        (
            config,
            "{n: 010}",
            "n: expected a number (42, -1, 0x2a, 0o17, 0b101, 'a'), found `010`",
        ),
        (
            u128_,
            "-1",
            "the value: `-1` is out of range, it must be 0 to \
             340282366920938463463374607431768211455",
        ),
    ] {
        let error = plan(&b, id).parse_vec(words).unwrap_err();
        assert_eq!(error.to_string(), message, "{words}");
    }
    let plan = plan(&b, config);
    let expected = ValueError::WrongSize {
        expected: 24,
        found: 3,
    };
    assert_eq!(plan.parse("{}", &mut [0; 3]), Err(expected));
}

#[test]
fn any_words_end_in_a_value_or_an_error() {
    let mut b = Builder::new();
    let s32 = b.int("int", 4, true);
    let text = b.char_array(4);
    let inner = b.structure("inner", 8, &[("n", s32, 0), ("t", text, 4)]);
    let list = b.array(inner, 2);
    let id = b.structure("outer", 16, &[("list", list, 0)]);
    let plan = plan(&b, id);
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "'", "\\", "n", "list", "0x", "é", " ", "-",
    ];
    let mut state = 1u32;
    for _ in 0..20_000 {
        let mut words = String::from("{list: [{");
        for _ in 0..state % 9 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            words.push_str(pieces[(state >> 16) as usize % pieces.len()]);
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = plan.parse_vec(&words);
    }
}

#[test]
fn brackets_are_followed_to_a_bound() {
    let mut b = Builder::new();
    let mut ty = b.int("int", 4, true);
    for _ in 0..60 {
        ty = b.array(ty, 1);
    }
    let plan = plan(&b, ty);
    // Deeper than 16 levels is bytes.
    let shown = format!("{}0x2a000000{}", "[".repeat(16), "]".repeat(16));
    assert_eq!(line(&plan, &[42, 0, 0, 0]), shown);
    assert_eq!(plan.parse_vec(&shown), Ok(vec![42, 0, 0, 0]));
    assert!(plan.parse_vec(&"[".repeat(100_000)).is_err());
}
