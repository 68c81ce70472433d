//! Values that mean something by their type or name, and rows of CSV.

use super::*;

/// Type or field, bytes, text on a line, JSON; both read back as the same bytes.
#[test]
fn what_a_number_means_is_shown_and_read_back() {
    let mut b = Builder::new();
    let u8_ = b.int("unsigned char", 1, false);
    let u16_ = b.int("short unsigned int", 2, false);
    let u32_ = b.int("unsigned int", 4, false);
    let u64_ = b.int("long long unsigned int", 8, false);
    let plain32 = b.typedef("__u32", u32_);
    let be16 = b.typedef("__be16", u16_);
    let be32 = b.typedef("__be32", plain32);
    let be64 = b.typedef("__be64", u64_);
    let dev = b.typedef("dev_t", plain32);
    let s32 = b.int("int", 4, true);
    let error = b.typedef("errno_t", s32);
    let signal = b.typedef("signal_t", plain32);
    let call = b.typedef("syscall_t", plain32);
    let constant = b.constant(be32);
    let in_addr = b.structure("in_addr", 4, &[("s_addr", be32, 0)]);
    let bytes16 = b.array(u8_, 16);
    let in6_addr = b.structure("in6_addr", 16, &[("in6_u", bytes16, 0)]);
    let two = b.array(be32, 2);
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
    let local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (name, ty, bytes, text, json_text) in [
        (
            "saddr",
            be32,
            &[127, 0, 0, 1][..],
            "127.0.0.1",
            r#""127.0.0.1""#,
        ),
        (
            "dst_ip",
            constant,
            &[10, 1, 2, 255],
            "10.1.2.255",
            r#""10.1.2.255""#,
        ),
        ("seq", be32, &[0, 0, 1, 2], "258", "258"),
        ("port", be16, &[0x01, 0xbb], "443", "443"),
        ("cookie", be64, &[0, 0, 0, 0, 0, 0, 0, 7], "7", "7"),
        (
            "saddr_v4",
            plain32,
            &[1, 2, 3, 4],
            "1.2.3.4",
            r#""1.2.3.4""#,
        ),
        ("saddr", plain32, &[1, 0, 0, 0], "1", "1"),
        ("x", in_addr, &[8, 8, 8, 8], "8.8.8.8", r#""8.8.8.8""#),
        ("x", in6_addr, &local, "fe80::1", r#""fe80::1""#),
        (
            "daddr_v6",
            bytes16,
            &mapped,
            "::ffff:10.0.0.1",
            r#""::ffff:10.0.0.1""#,
        ),
        ("saddr", bytes16, &mapped, "10.0.0.1", r#""10.0.0.1""#),
        ("daddr", bytes16, &local, "fe80::1", r#""fe80::1""#),
        (
            "ret",
            error,
            &[0xfe, 0xff, 0xff, 0xff],
            "ENOENT",
            r#""ENOENT""#,
        ),
        ("ret", error, &[3, 0, 0, 0], "3", "3"),
        ("sig", signal, &[9, 0, 0, 0], "SIGKILL", r#""SIGKILL""#),
        ("sig", signal, &[34, 0, 0, 0], "34", "34"),
        ("call", call, &[56, 0, 0, 0], "openat", r#""openat""#),
        (
            "addrs",
            two,
            &[1, 1, 1, 1, 9, 9, 9, 9],
            "[1.1.1.1, 9.9.9.9]",
            r#"["1.1.1.1","9.9.9.9"]"#,
        ),
        (
            "took_ns",
            u64_,
            &[0x87, 0xd6, 0x12, 0, 0, 0, 0, 0],
            "1.234567ms",
            "1234567",
        ),
        ("d", dev, &[1, 0, 0x80, 0], "8:1", r#""8:1""#),
    ] {
        let id = b.structure("holder", bytes.len() as u32, &[(name, ty, 0)]);
        let plan = plan(&b, id);
        let (shown, shown_json) = (line(&plan, bytes), json(&plan, bytes));
        assert_eq!(shown, format!("{{{name}: {text}}}"));
        assert_eq!(shown_json, format!("{{\"{name}\":{json_text}}}"));
        assert_eq!(plan.parse_vec(&shown).as_deref(), Ok(bytes), "{shown}");
        assert_eq!(
            plan.parse_vec(&shown_json).as_deref(),
            Ok(bytes),
            "{shown_json}"
        );
        let cut = bytes.len() - 1;
        line(&plan, &bytes[..cut]);
    }
}

#[test]
fn words_that_mean_nothing_of_that_kind_say_what_would() {
    let mut b = Builder::new();
    let u8_ = b.int("unsigned char", 1, false);
    let u32_ = b.int("unsigned int", 4, false);
    let u64_ = b.int("long long unsigned int", 8, false);
    let be32 = b.typedef("__be32", u32_);
    let dev = b.typedef("dev_t", u32_);
    let bytes16 = b.array(u8_, 16);
    for (name, ty, size, words, message) in [
        (
            "saddr",
            be32,
            4,
            "{saddr: 1.2.3}",
            "saddr: expected an address such as 192.168.1.1, or a number, found `1.2.3`",
        ),
        (
            "addr",
            bytes16,
            16,
            "{addr: fe80}",
            "addr: expected an address such as fe80::1 or 10.0.0.1, found `fe80`",
        ),
        (
            "took_ns",
            u64_,
            8,
            "{took_ns: 3 days}",
            "took_ns: expected a time such as 1.5ms or 2s, or a number of nanoseconds, \
             found `3 days`",
        ),
        (
            "d",
            dev,
            4,
            "{d: 4096:0}",
            "d: expected a device as MAJOR:MINOR, or a number, found `4096:0`",
        ),
        (
            "seq",
            be32,
            4,
            "{seq: 4294967296}",
            "seq: `4294967296` is out of range, it must be 0 to 4294967295",
        ),
    ] {
        let id = b.structure("holder", size, &[(name, ty, 0)]);
        let error = plan(&b, id).parse_vec(words).unwrap_err();
        assert_eq!(error.to_string(), message, "{words}");
    }
}

#[test]
fn a_row_of_csv_quotes_text_and_leaves_out_what_is_not_there() {
    use crate::value::{Cells, Fields};
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let text = b.char_array(8);
    let list = b.array(int, 2);
    let members = [
        ("time", int, 0),
        ("name", text, 4),
        ("list", list, 12),
        ("cut", int, 20),
    ];
    let id = b.structure("event", 24, &members);
    let plan = plan(&b, id);
    let mut cells = Cells::new(plan.fields().map(|f| f.name.to_owned()));
    let mut out = Vec::new();
    cells.header(&mut out);
    let mut record = vec![7, 0, 0, 0];
    record.extend(b"a\",\\\n\xff\0\0");
    record.extend([1, 0, 0, 0, 2, 0, 0, 0]);
    for _ in 0..2 {
        let mut fields = Fields::csv(&mut cells);
        fields.kind(Some("event"));
        fields.record(&plan, &record);
        fields.texts("args", [&b"x"[..]].into_iter());
        fields.end();
        cells.cell("map", |out| out.extend_from_slice(b"m"));
        cells.row(&mut out);
    }
    let row = r#",,m,event,7,"a"",\\\n\xff","[1, 2]","#;
    let expected = ["time,cpu,map,type,time_,name,list,cut", row, row];
    let shown = String::from_utf8(out).unwrap();
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}
