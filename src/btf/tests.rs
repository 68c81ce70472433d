//! BTF and `.BTF.ext` as compilers write them, and every way in which they can be damaged.

use super::testing::Builder;
use super::*;

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

#[test]
fn a_header_that_is_not_one_is_refused_with_the_reason() {
    let mut b = Builder::new();
    b.int("int", 4, true);
    let good = b.bytes();
    assert_eq!(Btf::parse(&good).unwrap().len(), 1);
    let wrong = |at: usize, word: u32| {
        let mut bytes = good.clone();
        put(&mut bytes, at, word);
        Btf::parse(&bytes).unwrap_err()
    };
    let header = |why| BtfError::Header(why);
    let cut = |what| BtfError::Truncated(what);
    for (at, word, error) in [
        (0, 0x0001_464c, BtfError::Magic(0x464c)),
        (0, 0x0001_9feb, BtfError::BigEndian),
        (0, 0x0002_eb9f, header("its version is not 1")),
        (4, 23, header("its length is below 24 bytes")),
        (4, 28, cut("the string section")),
        (4, u32::MAX, cut("the type section")),
        (8, u32::MAX, cut("the type section")),
        (12, 1000, cut("the type section")),
        (16, u32::MAX, cut("the string section")),
        (20, 6, cut("the string section")),
        (20, u32::MAX, cut("the string section")),
        (
            20,
            0,
            header("its string section does not start and end with a NUL"),
        ),
        (
            20,
            4,
            header("its string section does not start and end with a NUL"),
        ),
        // Twelve bytes of a sixteen-byte record.
        (12, 12, cut("the last type record")),
        (12, 3, cut("the last type record")),
    ] {
        assert_eq!(wrong(at, word), error, "word {word:#x} at {at}");
    }
    for len in 0..good.len() {
        let error = Btf::parse(&good[..len]).unwrap_err();
        assert!(matches!(error, BtfError::Truncated(_)), "{len}: {error}");
    }
    // A longer header, as a later version may have, is skipped.
    let mut longer = good.clone();
    put(&mut longer, 4, 32);
    longer.splice(24..24, [0; 8]);
    assert_eq!(
        Btf::parse(&longer).unwrap().find(Kind::Int, "int"),
        Some(TypeId(1))
    );
}

#[test]
fn a_record_of_an_unknown_kind_is_named_by_its_number() {
    for kind in [0, 20, 21, 31] {
        let mut b = Builder::new();
        b.int("int", 4, true);
        b.fwd_struct("x");
        let mut bytes = b.bytes();
        put(&mut bytes, 24 + 16 + 4, u32::from(kind) << 24);
        let error = Btf::parse(&bytes).unwrap_err();
        assert_eq!(
            error,
            BtfError::UnknownKind {
                id: TypeId(2),
                kind
            }
        );
    }
    for (number, kind) in (0..32).map(|n| (n, Kind::from_number(n))) {
        assert_eq!(kind.is_some(), number < 20);
        assert!(kind.is_none_or(|k| k as u8 == number));
        assert_eq!(
            record_len(u32::from(number) << 24).is_some(),
            (1..20).contains(&number)
        );
    }
}

#[test]
fn numbers_past_the_end_are_errors_that_name_them() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let s = b.structure("s", 4, &[("a", int, 0)]);
    let e = b.enumeration("e", &[("A", 1)]);
    let proto = b.func_proto(int, &[("p", int)]);
    let var = b.var("v", int, Linkage::Static);
    let sec = b.datasec(".data", 4, &[(var, 0, 4)]);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    let missing = TypeId(7);
    assert_eq!(
        btf.header(missing).unwrap_err(),
        BtfError::NoSuchType(missing)
    );
    assert_eq!(
        btf.peel(missing).unwrap_err(),
        BtfError::NoSuchType(missing)
    );
    assert_eq!(
        btf.size_of(TypeId(u32::MAX)),
        Err(BtfError::NoSuchType(TypeId(u32::MAX)))
    );
    assert_eq!(
        btf.record_at(TypeId::VOID),
        Err(BtfError::NoSuchType(TypeId::VOID))
    );
    assert_eq!(btf.header(TypeId::VOID).unwrap().kind, Kind::Void);
    let head = |id| btf.header(id).unwrap();
    let gone = |id, index| BtfError::NoSuchEntry { id, index };
    assert_eq!(btf.member(&head(s), 1).unwrap_err(), gone(s, 1));
    assert_eq!(btf.enumerator(&head(e), 1).unwrap_err(), gone(e, 1));
    assert_eq!(
        btf.param(&head(proto), u32::MAX).unwrap_err(),
        gone(proto, u32::MAX)
    );
    assert_eq!(btf.secinfo(&head(sec), 1).unwrap_err(), gone(sec, 1));
    // Entries of another kind are no entries.
    assert_eq!(btf.member(&head(e), 0).unwrap_err(), gone(e, 0));
    assert_eq!(btf.enumerator(&head(s), 0).unwrap_err(), gone(s, 0));
    assert_eq!(btf.param(&head(s), 0).unwrap_err(), gone(s, 0));
    assert_eq!(btf.secinfo(&head(s), 0).unwrap_err(), gone(s, 0));
    assert_eq!(btf.array(&head(s)).unwrap_err(), gone(s, 0));
    assert_eq!(btf.int(&head(s)).unwrap_err(), gone(s, 0));
    // A record is read up to its end and no byte further.
    assert_eq!(btf.read(int, 12, &mut [0; 4]), Ok(()));
    let cut = BtfError::Truncated("a type record");
    assert_eq!(btf.read(int, 12, &mut [0; 5]), Err(cut.clone()));
    assert_eq!(btf.read(int, usize::MAX, &mut [0; 5]), Err(cut));
}

#[test]
fn names_are_read_to_their_end_or_not_at_all() {
    let mut b = Builder::new();
    b.int("int", 4, true);
    b.int("unsigned char", 1, false);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    let name = |at| btf.str_at(StrOffset(at));
    assert_eq!(
        (name(0), name(1), name(3), name(4)),
        (Some(""), Some("int"), Some("t"), Some(""))
    );
    assert_eq!(
        (name(14), name(18), name(19), name(u32::MAX)),
        (Some("char"), Some(""), None, None)
    );
    let mut not_text = bytes.clone();
    let at = btf.layout().strings_at;
    not_text[at + 2] = 0xff;
    let btf = Btf::parse(&not_text).unwrap();
    assert_eq!(btf.str_at(StrOffset(1)), None);
    assert_eq!(btf.str_at(StrOffset(3)), Some("t"));
}

#[test]
fn sizes_follow_layers_and_arrays_and_end_at_what_has_none() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let alias = b.typedef("alias", int);
    let row = b.array(alias, 3);
    let row = b.constant(row);
    let table = b.array(row, 5);
    let pointer = b.ptr(TypeId::VOID);
    let var = b.var("v", table, Linkage::Global);
    let huge = b.array(table, u32::MAX);
    let proto = b.func_proto(int, &[]);
    let func = b.func("f", proto, Linkage::Global);
    let fwd = b.fwd_struct("fwd");
    let of_fwd = b.typedef("of_fwd", fwd);
    let itself = b.next();
    b.typedef("itself", itself);
    let zeros = b.next();
    b.array(zeros, 0);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    for (id, size) in [
        (int, Ok(4)),
        (row, Ok(12)),
        (table, Ok(60)),
        (pointer, Ok(8)),
        (var, Ok(60)),
        (huge, Err(BtfError::NoSize(huge))),
        (proto, Err(BtfError::NoSize(proto))),
        (func, Err(BtfError::NoSize(func))),
        (of_fwd, Err(BtfError::NoSize(of_fwd))),
        (TypeId::VOID, Err(BtfError::NoSize(TypeId::VOID))),
        (itself, Err(BtfError::Cycle(itself))),
        (zeros, Err(BtfError::Cycle(zeros))),
    ] {
        assert_eq!(btf.size_of(id), size, "{id}");
    }
    assert_eq!(btf.peel(itself).unwrap_err(), BtfError::Cycle(itself));
}

/// A `.BTF.ext` with one table in each place: record length, section name, count, records.
fn ext(header_len: u32, tables: [&[u32]; 3]) -> Vec<u8> {
    let mut header = vec![0x0001_eb9f, header_len];
    let mut body = Vec::new();
    for table in tables {
        header.extend([body.len() as u32, table.len() as u32 * 4]);
        body.extend(words(table));
    }
    let mut bytes = words(&header);
    bytes.resize(header_len as usize, 0);
    bytes.extend(body);
    bytes
}

#[test]
fn ext_tables_are_read_whole_with_longer_records_and_headers_than_are_known() {
    let func: &[u32] = &[8, 1, 2, 0, 5, 16, 6];
    let line: &[u32] = &[20, 1, 1, 8, 1, 1, 7, 0xffff];
    let relo: &[u32] = &[16, 1, 1, 24, 3, 9, 5, 5, 1, 8, 4, 9, 12];
    let both = [&relo[..7], &[5, 1], &relo[9..]].concat();
    let mut b = Builder::new();
    b.fwd_struct("tp/a/b");
    b.fwd_struct("k");
    let names = b.bytes();
    let btf = Btf::parse(&names).unwrap();
    let (tp, k) = (1u32, 8u32);
    assert_eq!(
        (btf.str_at(StrOffset(tp)), btf.str_at(StrOffset(k))),
        (Some("tp/a/b"), Some("k"))
    );
    let both: Vec<u32> = both
        .iter()
        .enumerate()
        .map(|(i, w)| if i == 7 { k } else { *w })
        .collect();
    for header_len in [32, 48] {
        let bytes = ext(header_len, [func, line, &both]);
        let ext = BtfExt::parse(&bytes).unwrap();
        assert_eq!(
            (ext.func_info.record_len, ext.line_info.record_len),
            (8, 20)
        );
        let funcs: Vec<_> = ext.func_info.of(&btf, "tp/a/b").collect();
        assert_eq!(funcs, [words(&[0, 5]), words(&[16, 6])]);
        assert_eq!(ext.line_info.of(&btf, "tp/a/b").count(), 1);
        assert_eq!(ext.line_info.of(&btf, "k").count(), 0);
        let of = |section| -> Vec<CoreRelo> {
            ext.core_relos
                .of(&btf, section)
                .map(|r| CoreRelo::parse(r).unwrap())
                .collect()
        };
        let first = CoreRelo {
            insn_offset: 24,
            type_id: TypeId(3),
            access: StrOffset(9),
            kind: RelocationKind::FieldRshiftU64,
        };
        let last = CoreRelo {
            insn_offset: 8,
            type_id: TypeId(4),
            access: StrOffset(9),
            kind: RelocationKind::TypeMatches,
        };
        assert_eq!((of("tp/a/b"), of("k")), (vec![first], vec![last]));
    }
    // The first version's header ends before the core relocations.
    let old = [words(&[0x0001_eb9f, 24, 0, 28, 28, 0]), words(func)].concat();
    let old = BtfExt::parse(&old).unwrap();
    assert_eq!(
        (old.func_info.sections.len(), old.core_relos.sections.len()),
        (1, 0)
    );
}

#[test]
fn ext_tables_that_are_not_what_they_say_are_refused_with_the_reason() {
    let good = ext(
        32,
        [
            &[8, 1, 1, 0, 5],
            &[16, 1, 1, 0, 1, 1, 7],
            &[16, 1, 1, 0, 3, 9, 5],
        ],
    );
    BtfExt::parse(&good).unwrap();
    let wrong = |at: usize, word: u32| {
        let mut bytes = good.clone();
        put(&mut bytes, at, word);
        BtfExt::parse(&bytes).unwrap_err()
    };
    let length = BtfError::Ext("a record length that can't be");
    let outside = BtfError::Ext("a table lies outside the section");
    let longer = BtfError::Ext("a table is longer than its section");
    for (at, word, error) in [
        (0, 0x0001_0000, BtfError::Magic(0)),
        (0, 0x0001_9feb, BtfError::BigEndian),
        (0, 0x0003_eb9f, BtfError::Ext("its version is not 1")),
        (4, 20, BtfError::Ext("a header length that can't be")),
        (4, 9999, BtfError::Ext("a header length that can't be")),
        (8, 9999, outside.clone()),
        (8, u32::MAX, outside.clone()),
        (12, u32::MAX, outside.clone()),
        (28, 9999, outside),
        (32, 4, length.clone()),
        (32, 9, length.clone()),
        (32, 0, length.clone()),
        (32, u32::MAX - 3, length),
        (40, 0, longer.clone()),
        (40, 2, longer.clone()),
        (40, u32::MAX, longer),
        (12, 8, BtfError::Ext("it is cut off")),
        (12, 2, BtfError::Ext("it is cut off")),
    ] {
        assert_eq!(wrong(at, word), error, "word {word:#x} at {at}");
    }
    for len in 0..good.len() {
        assert!(BtfExt::parse(&good[..len]).is_err(), "{len}");
    }
    let kind = |n| CoreRelo::parse(&words(&[0, 1, 1, n])).map(|r| r.kind as u32);
    assert_eq!((kind(0), kind(12)), (Ok(0), Ok(12)));
    assert_eq!(
        kind(13),
        Err(BtfError::Ext("a core relocation of an unknown kind"))
    );
    assert_eq!(
        CoreRelo::parse(&[0; 15]),
        Err(BtfError::Ext("it is cut off"))
    );
}

#[test]
fn the_kernel_is_given_the_places_of_variables_in_the_order_of_their_offsets() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let long = b.int("long", 8, true);
    let first = b.var("first", int, Linkage::Global);
    let second = b.var("second", long, Linkage::Global);
    let config = b.var("CONFIG_HZ", int, Linkage::Extern);
    let data = b.datasec(".data", 0, &[(second, 0, 8), (first, 0, 4)]);
    let other = b.datasec(".kconfig", 0, &[(config, 0, 0), (first, 0, 4)]);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    let fill = DatasecFill {
        section: ".data".into(),
        size: 24,
        vars: vec![
            ("second".into(), 16),
            ("first".into(), 4),
            ("gone".into(), 0),
        ],
    };
    let filled = for_kernel(&btf, &[fill]).unwrap();
    assert_eq!(filled.len(), bytes.len());
    let filled = Btf::parse(&filled).unwrap();
    let entries = |id| -> Vec<_> {
        let of = filled.header(id).unwrap();
        let all = (0..of.vlen).map(|i| filled.secinfo(&of, i).unwrap());
        all.map(|i| (i.var, i.offset, i.size)).collect()
    };
    assert_eq!(filled.header(data).unwrap().size(), 24);
    assert_eq!(entries(data), [(first, 4, 4), (second, 16, 8)]);
    // What has no place in memory is laid out one after another, so that the kernel takes it.
    assert_eq!(entries(other), [(config, 0, 1), (first, 1, 4)]);
    assert_eq!(filled.header(other).unwrap().size(), 5);
    let var = filled.header(config).unwrap();
    assert_eq!(filled.linkage(&var), Ok(Linkage::Global));
}

#[test]
fn sections_that_refer_to_nothing_are_errors_and_not_loaded() {
    let mut b = Builder::new();
    b.datasec(".data", 0, &[(TypeId(99), 0, 4)]);
    let bytes = b.bytes();
    let error = for_kernel(&Btf::parse(&bytes).unwrap(), &[]).unwrap_err();
    assert_eq!(error, BtfError::NoSuchType(TypeId(99)));
}
