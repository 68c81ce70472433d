//! The window's scan must find what a straightforward reading of the whole BTF finds.

use std::fs::File;
use std::io::Write;

use super::source::Strings;
use super::testing::Whole;
use super::{Source, Wanted, WindowedBtf};
use crate::btf::testing::{Builder, Names};
use crate::btf::{BtfError, Kind, StrOffset, TypeId, Types};
use crate::relocate::Target;

/// Bytes of the window.
const WINDOW: usize = 32 * 1024;

/// A small generator (xorshift), so that a failure can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.below(from.len())]
    }
}

/// A file that is gone when it is closed.
fn file(bytes: &[u8]) -> Source<'static> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("btfly-window-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    let opened = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Source::File {
        file: opened.into(),
        at: 0,
    }
}

/// Compares candidates, names and records of both readings.
fn compare(bytes: &[u8], roots: &[&str], names: &[&str]) {
    compare_as(bytes, roots, names, Strings::Overlapping);
}

/// The same, with the scan told how names lie.
fn compare_as(bytes: &[u8], roots: &[&str], names: &[&str], strings: Strings) {
    let whole = Whole::new(bytes).unwrap();
    let mut wanted = Wanted::default();
    names.iter().for_each(|name| wanted.name(name));
    roots
        .iter()
        .for_each(|name| wanted.root(name, Kind::Struct));
    let len = bytes.len() as u64;
    for source in [Source::Memory(bytes), file(bytes)] {
        let how = if source.bytes().is_some() {
            "in memory"
        } else {
            "in a file"
        };
        let window = WindowedBtf::gather_as(source, len, &wanted, strings).unwrap();
        assert_eq!(window.len(), whole.btf.len(), "{how}");
        for root in roots {
            assert_eq!(
                window.candidates(root),
                whole.candidates(root),
                "{root} {how}"
            );
        }
        let step = (whole.btf.len() / 3000).max(1);
        for id in (1..=whole.btf.len()).step_by(step as usize).map(TypeId) {
            let (w, t) = (window.header(id).unwrap(), whole.header(id).unwrap());
            assert_eq!(format!("{w:?}"), format!("{t:?}"), "{how}");
            name_agrees(&window, &whole, t.name, &wanted);
            let at = t.vlen.saturating_sub(1);
            match t.kind {
                Kind::Struct | Kind::Union if t.vlen > 0 => {
                    let (w, t) = (
                        window.member(&w, at).unwrap(),
                        whole.member(&t, at).unwrap(),
                    );
                    assert_eq!(format!("{w:?}"), format!("{t:?}"), "{how}");
                    name_agrees(&window, &whole, t.name, &wanted);
                }
                Kind::Int => assert_eq!(window.int(&w), whole.int(&t)),
                _ => {}
            }
        }
        let past = TypeId(whole.btf.len() + 1);
        assert_eq!(window.header(past).unwrap_err(), BtfError::NoSuchType(past));
        assert_eq!(
            window.read(TypeId::VOID, 0, &mut [0]),
            Err(BtfError::NoSuchType(TypeId::VOID))
        );
    }
}

/// A name that is wanted, or a flavour of one, is known in the window; another is not.
fn name_agrees(window: &WindowedBtf<'_>, whole: &Whole<'_>, at: StrOffset, wanted: &Wanted<'_>) {
    let name = whole.name(at).unwrap();
    let asked = |n| wanted.iter().any(|w| w == n);
    let known = name.is_empty() || asked(name) || asked(crate::btf::essential_name(name));
    assert_eq!(window.name(at), known.then_some(name), "{name:?} at {at:?}");
}

/// What a scan may be told of names that are stored in this way.
fn may_lie(how: Names) -> &'static [Strings] {
    match how {
        Names::Overlapping => &[Strings::Overlapping],
        _ => &[Strings::Apart, Strings::Overlapping],
    }
}

#[test]
fn shared_repeated_and_overlapping_names_are_all_found() {
    // Names that begin and end like one another, of one to many characters, and flavours of them.
    let alphabet = [
        "a",
        "b",
        "ab",
        "ba",
        "abc",
        "bab",
        "task",
        "mm_task",
        "task_struct",
        "struct",
        "ask",
        "task___old",
        "mm_task___old",
        "a___b",
        "ab___x",
        "abc___x",
        "bab___a___b",
        "ba____b",
        "___task",
        "task___",
        "t",
        "_task",
        "struct___task",
    ];
    for (seed, how) in (1..).zip([Names::Shared, Names::Repeated, Names::Overlapping].repeat(40)) {
        let mut random = Random(seed);
        let mut b = Builder::new();
        b.store_names(how);
        for _ in 0..random.below(60) + 1 {
            let name = random.pick(&alphabet);
            match random.below(6) {
                0 => b.fwd_struct(name),
                1 => b.int(name, 4, true),
                2 => b.enumeration(name, &[(random.pick(&alphabet), 1)]),
                3 => b.typedef(name, TypeId(1)),
                4 => b.union(name, 4, &[(random.pick(&alphabet), TypeId(1))]),
                _ => {
                    let members = [(random.pick(&alphabet), TypeId(1), 0), ("", TypeId(1), 4)];
                    b.structure(name, 8, &members)
                }
            };
        }
        let roots: Vec<&str> = (0..random.below(8))
            .map(|_| random.pick(&alphabet))
            .collect();
        let names: Vec<&str> = (0..random.below(8))
            .map(|_| random.pick(&alphabet))
            .collect();
        for strings in may_lie(how) {
            compare_as(&b.bytes(), &roots, &names, *strings);
        }
    }
}

#[test]
fn names_that_straddle_the_window_are_found_wherever_they_start() {
    // A filler of ever another length moves the wanted names over the window's edge.
    for how in [Names::Repeated, Names::Overlapping] {
        for shift in (0..44).step_by(3).chain([37, 38, 39, 40, 41, WINDOW]) {
            let mut b = Builder::new();
            b.store_names(how);
            let mut room = WINDOW - 40 + shift;
            while room > 0 {
                let len = room.min(1000);
                b.fwd_struct(&"x".repeat(len - 1));
                room -= len;
            }
            for name in [
                "q",
                "qq",
                "qqq",
                "wanted_struct",
                "wanted_struct___v2",
                "q___v2",
                "zz",
            ] {
                b.fwd_struct(name);
            }
            let roots = ["wanted_struct", "q", "qqq", "struct"];
            for strings in may_lie(how) {
                compare_as(&b.bytes(), &roots, &["qq"], *strings);
            }
        }
    }
}

#[test]
fn a_flavour_inside_a_name_is_found_wherever_its_underscores_lie() {
    // The names are looked at in steps of sixteen bytes.
    for shift in 0..40 {
        let mut b = Builder::new();
        b.store_names(Names::Overlapping);
        b.fwd_struct(&"x".repeat(shift + 1));
        b.fwd_struct("a_task___old");
        b.fwd_struct("task___old");
        compare(&b.bytes(), &["task"], &[]);
        let whole = b.bytes();
        assert_eq!(Whole::new(&whole).unwrap().candidates("task"), [TypeId(3)]);
    }
}

#[test]
fn records_that_straddle_the_window_are_found_wherever_they_start() {
    for shift in 0..20 {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        // A struct of ever another length in bytes: 12 and 12 per member, then ints of 16.
        let members = vec![("m", int, 0); 2728 - shift];
        b.structure("long", 4, &members);
        for i in 0..shift {
            b.int("filler", i as u32, true);
        }
        for i in 0..40 {
            b.structure(
                if i % 3 == 0 { "s" } else { "t" },
                8,
                &[("a", int, 0), ("b", int, 4)],
            );
        }
        compare(&b.bytes(), &["s", "long"], &["a", "m"]);
    }
}

#[test]
fn records_longer_than_the_window_are_passed_over_and_read() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    for count in [5000, 2731, 65_535, 1, 2730] {
        let members = vec![("m", int, 0); count];
        b.structure("s", 4, &members);
        b.fwd_struct("t");
    }
    compare(&b.bytes(), &["s", "t"], &["m"]);
}

#[test]
fn more_types_than_the_index_holds_are_still_found_one_by_one() {
    // 8,192 entries for every 16th type; at 131,073 the index halves, at 262,145 again.
    for count in [16, 17, 131_071, 131_072, 131_073, 262_200] {
        let mut b = Builder::new();
        for i in 0..count {
            match i % 4 {
                0 => b.ptr(TypeId(i)),
                1 => b.int("", i, false),
                2 => b.fwd_struct(""),
                _ => b.array(TypeId(i), i),
            };
        }
        let last = b.fwd_struct("wanted");
        let bytes = b.bytes();
        compare(&bytes, &["wanted"], &[]);
        let whole = Whole::new(&bytes).unwrap();
        assert_eq!(whole.candidates("wanted"), [last]);
    }
}

#[test]
fn a_btf_cut_anywhere_is_an_error_and_so_is_a_kind_that_is_none() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    for _ in 0..900 {
        b.structure("s", 8, &[("a", int, 0), ("b", int, 4)]);
    }
    let bytes = b.bytes();
    let mut wanted = Wanted::default();
    wanted.root("s", Kind::Struct);
    let gather = |bytes: &[u8]| -> [Option<BtfError>; 2] {
        [Source::Memory(bytes), file(bytes)]
            .map(|source| WindowedBtf::gather(source, bytes.len() as u64, &wanted).err())
    };
    assert_eq!(gather(&bytes), [None, None]);
    for len in (0..60)
        .chain((60..bytes.len()).step_by(997))
        .chain([bytes.len() - 1])
    {
        let cut = &bytes[..len];
        let expected = Whole::new(cut).err();
        assert_eq!(gather(cut), [expected.clone(), expected], "{len}");
    }
    // The type section ends inside a record.
    for len in (1..=40).chain([WINDOW as u32 - 3, WINDOW as u32 + 5]) {
        let mut cut = bytes.clone();
        cut[12..16].copy_from_slice(&len.to_le_bytes());
        let expected = Whole::new(&cut).err();
        assert_eq!(gather(&cut), [expected.clone(), expected], "{len}");
    }
    // A file that is shorter than it says.
    let end = Some(BtfError::Truncated("the file"));
    let lying = WindowedBtf::gather(file(&bytes[..bytes.len() - 9]), bytes.len() as u64, &wanted);
    assert_eq!(lying.err(), end);
    for kind in [0u32, 20, 31] {
        for record in [0, 1, 2, 899] {
            let at = Whole::new(&bytes)
                .unwrap()
                .btf
                .record_at(TypeId(record + 1))
                .unwrap();
            let mut unknown = bytes.clone();
            unknown[at + 4..at + 8].copy_from_slice(&(kind << 24).to_le_bytes());
            let (id, kind) = (TypeId(record + 1), kind as u8);
            let expected = Some(BtfError::UnknownKind { id, kind });
            assert_eq!(gather(&unknown), [expected.clone(), expected]);
        }
    }
    let mut big_endian = bytes.clone();
    big_endian[..2].copy_from_slice(&[0xeb, 0x9f]);
    assert_eq!(
        gather(&big_endian),
        [Some(BtfError::BigEndian), Some(BtfError::BigEndian)]
    );
}

#[test]
fn a_name_as_long_as_a_file_does_not_take_the_square_of_its_time() {
    let started = std::time::Instant::now();
    let mut strings = vec![0];
    strings.extend(b"wanted".repeat(60_000));
    strings.push(0);
    let mut bytes = Builder::new().bytes();
    bytes.truncate(24);
    bytes[20..24].copy_from_slice(&(strings.len() as u32).to_le_bytes());
    bytes.extend(&strings);
    let mut wanted = Wanted::default();
    wanted.root("wanted", Kind::Struct);
    for source in [Source::Memory(&bytes), file(&bytes)] {
        WindowedBtf::gather(source, bytes.len() as u64, &wanted).unwrap();
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn any_bytes_flipped_give_the_same_types_or_the_same_error() {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let e = b.enumeration("e", &[("A", 1), ("B", 2)]);
    let s = b.structure("s", 8, &[("a", int, 0), ("b", e, 4)]);
    let p = b.ptr(s);
    b.structure("s___v2", 16, &[("a", p, 0), ("e", e, 8)]);
    b.typedef("s_t", s);
    let good = b.bytes();
    let mut wanted = Wanted::default();
    wanted.root("s", Kind::Struct);
    wanted.root("e", Kind::Enum);
    wanted.name("a");
    let mut random = Random(7);
    for at in 4..good.len() {
        for _ in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << random.below(8);
            if random.below(2) == 0 {
                let other = 4 + random.below(good.len() - 4);
                bytes[other] = random.next() as u8;
            }
            let window = WindowedBtf::gather(Source::Memory(&bytes), bytes.len() as u64, &wanted);
            let (whole, window) = match (Whole::new(&bytes), window) {
                (Ok(whole), Ok(window)) => (whole, window),
                // The window does not look at where the strings begin and end.
                (Err(BtfError::Header(_)), _) => continue,
                (Err(whole), Err(window)) => {
                    assert_eq!(whole, window);
                    continue;
                }
                (whole, window) => panic!("{:?} {:?}", whole.err(), window.err()),
            };
            for root in ["s", "e"] {
                assert_eq!(
                    window.candidates(root),
                    whole.candidates(root),
                    "{bytes:x?}"
                );
            }
            for id in whole.btf.ids() {
                let (w, t) = (window.header(id).unwrap(), whole.header(id).unwrap());
                assert_eq!(format!("{w:?}"), format!("{t:?}"));
                assert_eq!(window.size_of(id).ok(), whole.size_of(id).ok());
            }
        }
    }
}

#[test]
fn more_names_than_a_window_tells_apart_are_an_error() {
    let mut btf = Builder::new();
    btf.int("int", 4, true);
    let bytes = btf.bytes();
    let names: Vec<String> = (0..=u16::MAX).map(|n| format!("name{n}")).collect();
    let mut wanted = Wanted::default();
    for name in names.iter().skip(1) {
        wanted.name(name);
    }
    assert!(super::testing::windowed(&bytes, &wanted).is_ok());
    wanted.name(&names[0]);
    let refused = super::testing::windowed(&bytes, &wanted).err();
    assert_eq!(refused, Some(BtfError::TooManyNames(65536)));
}
