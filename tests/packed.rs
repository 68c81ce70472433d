//! What `cross/pack` packs, the binary unpacks: its first instructions, and code that is cold when it is used. Both
//! sides are tried here, one on the other; and what `cross/link` takes for cold.

#[path = "../cross/link.rs"]
mod link;
#[path = "../cross/pack.rs"]
mod pack;
#[path = "../src/sys/unpack.rs"]
mod unpack;

use std::fs;
use std::process::Command;

use btfly::sys::lzma::Unpacker;

/// Packs bytes, unpacks them between others, and compares; returns how many they were packed to.
#[track_caller]
fn there_and_back(bytes: &[u8]) -> usize {
    const AROUND: [u8; 3] = [0xa5; 3];
    let packed = pack::packed(bytes);
    let mut room = [&AROUND, vec![0x5a; bytes.len()].as_slice(), &AROUND].concat();
    let middle = &mut room[AROUND.len()..][..bytes.len()];
    let ends = middle.as_mut_ptr_range();
    // Safety: there is room for as many bytes as were packed.
    let end = unsafe { unpack::unpack(packed.as_ptr(), ends.start, ends.end) };
    assert!(middle == bytes, "{} bytes differ", bytes.len());
    assert_eq!(end, packed.as_ptr_range().end, "all of it is used");
    assert!(room.starts_with(&AROUND) && room.ends_with(&AROUND));
    packed.len()
}

/// Numbers that look like chance, below `below`.
fn numbers(seed: u32, below: u32) -> impl Iterator<Item = u8> {
    let next = move |number: &u32| Some(number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(seed), next).map(move |number| ((number >> 16) % below) as u8)
}

#[test]
fn bytes_come_back_as_they_were() {
    for below in [1, 2, 3, 7, 256] {
        for len in (0..70).chain([255, 256, 257, 3000]) {
            let bytes: Vec<u8> = numbers(len as u32, below).take(len).collect();
            there_and_back(&bytes);
        }
    }
}

#[test]
fn what_is_alike_becomes_short() {
    // Ten thousand times the same, and a page of chance that comes again 10,000 bytes later.
    assert!(there_and_back(&[7; 10_000]) < 50);
    let page: Vec<u8> = numbers(1, 256).take(4096).collect();
    let bytes = [page.as_slice(), &[0; 10_000], &page].concat();
    assert!(there_and_back(&bytes) < page.len() + 400);
}

#[test]
fn objects_and_programs_come_back() {
    let own = std::env::current_exe().unwrap();
    let own = fs::read(own).unwrap();
    for bytes in own.chunks(2_000).step_by(own.len() / 2_000 / 8 + 1) {
        there_and_back(bytes);
    }
    let object = fs::read("prebuilt/arm64/exec.bpf.o").unwrap();
    assert!(there_and_back(&object) < object.len() * 2 / 3);
}

/// A 64-bit little-endian ELF file of three segments of memory, a page apart: code that begins with the headers, and
/// two others.
fn linked(code: &[u8], others: [&[u8]; 2]) -> Vec<u8> {
    const LAST: usize = 64 + 3 * 56;
    let mut file = vec![0; LAST];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[40..48].copy_from_slice(&9999u64.to_le_bytes());
    file[56..58].copy_from_slice(&3u16.to_le_bytes());
    file[60..62].copy_from_slice(&16u16.to_le_bytes());
    let code = [vec![0; LAST].as_slice(), code].concat();
    let mut at = 0;
    for (index, bytes) in [code.as_slice(), others[0], others[1]].iter().enumerate() {
        let header = &mut file[64 + index * 56..][..56];
        header[..4].copy_from_slice(&1u32.to_le_bytes());
        let address = 0x20_0000 + index * 0x1_0000;
        for (place, value) in [
            (8, at),
            (16, address),
            (32, bytes.len()),
            (40, bytes.len() + 5),
        ] {
            header[place..place + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        at += bytes.len();
    }
    file.extend(&code[LAST..]);
    file.extend(others.concat());
    file.extend(b"sections");
    file
}

fn no_cold(_: &[u8]) -> Vec<u8> {
    panic!("there is no cold code");
}

#[test]
fn a_binary_keeps_its_code_and_gets_the_rest_packed_behind_it() {
    let (constants, data) = ([3; 500], b"variables".as_slice());
    let (file, told) = pack::pack(&linked(b"instructions", [&constants, data]), &no_cold);
    let word =
        |at: usize| usize::try_from(u64::from_le_bytes(file[at..at + 8].try_into().unwrap()));
    let code = 64 + 3 * 56 + "instructions".len();
    assert!(file[..code].ends_with(b"instructions"));
    assert_eq!(file.len(), code + told[0].1 + told[1].1);
    assert_eq!(file[code..code + told[0].1], pack::packed(&constants));
    assert_eq!(file[code + told[0].1..], pack::packed(data));
    // The segment of code has it all, the others have memory and nothing in the file, and there are no sections.
    assert_eq!(
        (word(64 + 32), word(64 + 40)),
        (Ok(file.len()), Ok(file.len()))
    );
    assert_eq!((word(120 + 32), word(120 + 40)), (Ok(0), Ok(505)));
    assert_eq!(
        (word(176 + 32), word(176 + 40)),
        (Ok(0), Ok(data.len() + 5))
    );
    assert_eq!(word(40), Ok(0));
    assert_eq!(file[60..64], [0; 4]);
}

#[test]
#[should_panic(expected = "no room")]
fn what_is_packed_has_to_fit_before_the_next_segment() {
    let chance: Vec<u8> = numbers(5, 256).take(0x1_0000).collect();
    pack::pack(&linked(b"", [&chance, b""]), &no_cold);
}

#[test]
fn cold_code_is_packed_last_and_nothing_is_mapped_in_its_place() {
    let mut binary = linked(b"instructions", [b"seldom", b"variables"]);
    binary[120 + 4] = 5;
    let by_xz = |code: &[u8]| [b"<", code, b">"].concat();
    let (file, told) = pack::pack(&binary, &by_xz);
    assert_eq!(told.last(), Some(&(6, 8)));
    assert!(file.ends_with(b"\x08\0\0\0<seldom>"));
    assert_eq!(file[120..176], [0; 56], "a segment of nothing");
    assert_eq!(file[64..68], [1, 0, 0, 0]);
}

#[test]
fn branches_and_addresses_are_told_from_the_start_of_memory_and_back() {
    const START: usize = 0x28_0000;
    // A call to itself at each of two places, an address 3 bytes behind, one of 5 bytes in front, a branch to what
    // follows, and no instruction.
    let words: [u32; 7] = [
        24,
        0x9400_0000,
        0x9400_0000,
        0x7000_0002,
        0x30ff_ffa1,
        0x1400_0001,
        0xdead_beef,
    ];
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut there = code.clone();
    pack::absolute(&mut there, START);
    let word = |at: usize| u32::from_be_bytes(there[at * 4..][..4].try_into().unwrap());
    assert_eq!(word(1), 0x9400_0000 + (START as u32 + 4) / 4);
    assert_eq!(word(2), word(1) + 1);
    assert_ne!((word(3), word(4)), (words[3], words[4]));
    assert_eq!(word(5), 0x1400_0001 + (START as u32 + 20) / 4);
    assert_eq!(word(6), words[6]);
    unpack::restore(&mut there, START);
    assert_eq!(there, code);
    // Whatever the words are: and what is behind the code stays.
    for seed in 0..50 {
        let mut bytes: Vec<u8> = numbers(seed, 256).take(4000).collect();
        bytes[..4].copy_from_slice(&3000u32.to_le_bytes());
        let mut there = bytes.clone();
        pack::absolute(&mut there, START);
        assert_eq!(there[3004..], bytes[3004..]);
        unpack::restore(&mut there, START);
        assert!(there == bytes, "{seed}");
    }
}

#[test]
fn what_xz_packs_comes_back_in_pieces_of_any_length_and_damage_is_no_panic() {
    let folder = std::env::temp_dir().join(format!("btfly-xz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let to = folder.join("x");
    let object = fs::read("prebuilt/arm64/exec.bpf.o").unwrap();
    let alike = b"so and so ".repeat(2000);
    let chance: Vec<u8> = numbers(3, 256).take(2000).collect();
    for bytes in [object, alike, chance, b"short".to_vec()] {
        let packed = pack::by_xz(&bytes, to.to_str().unwrap());
        for step in [1, 7, 1000, bytes.len()] {
            let mut unpacker = Unpacker::new(&packed).unwrap();
            let mut out = vec![0; bytes.len()];
            for to in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
                unpacker.unpack(&mut out, to).unwrap();
                assert!(out[..to] == bytes[..to]);
            }
            assert_eq!(unpacker.unpack(&mut out, bytes.len() + 1), None, "no room");
        }
        for at in (0..packed.len()).step_by(packed.len() / 50 + 1) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            if let Some(mut unpacker) = Unpacker::new(&damaged) {
                unpacker.unpack(&mut vec![0; bytes.len()], bytes.len());
            }
            if let Some(mut unpacker) = Unpacker::new(&packed[..at]) {
                unpacker.unpack(&mut vec![0; bytes.len()], bytes.len());
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_only_cold_functions_reach_is_cold_and_what_others_need_too_is_not() {
    const SOURCE: &str = r#"
        pub mod cli {
            pub mod prog {
                #[inline(never)]
                pub fn run(n: usize) -> usize { crate::only::here(n) + crate::shared(n) }
            }
        }
        pub mod only {
            static TABLE: [fn(usize) -> usize; 2] = [by_table, crate::shared];
            #[inline(never)]
            pub fn here(n: usize) -> usize { TABLE[n & 1](n) }
            #[inline(never)]
            fn by_table(n: usize) -> usize { n.rotate_left(3) }
        }
        #[inline(never)]
        pub fn shared(n: usize) -> usize { n.wrapping_mul(77) }
        #[unsafe(no_mangle)]
        pub extern "C" fn main(n: usize) -> usize { shared(n) ^ cli::prog::run(n) }
    "#;
    let folder = std::env::temp_dir().join(format!("btfly-link-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (source, object) = (folder.join("source.rs"), folder.join("object.o"));
    fs::write(&source, SOURCE).unwrap();
    let made = Command::new("rustc")
        .args([
            "--edition=2024",
            "--crate-name=btfly",
            "--crate-type=lib",
            "--emit=obj",
            "-O",
        ])
        .args(["-Csymbol-mangling-version=v0", "-Ccodegen-units=1", "-o"])
        .args([&object, &source])
        .status();
    assert!(made.unwrap().success());
    let object = fs::read(object).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let (divided, unknown) = link::divide(object, &["cli::prog", "cli::perf", "only nothing"]);
    assert_eq!(unknown, ["cli::perf", "only nothing"]);
    // Names end in what sections are for, and those of relocations begin with more.
    let has = |front: &str, name: &str| {
        let text = String::from_utf8_lossy(&divided);
        text.split('\0')
            .any(|section| section.contains(front) && section.ends_with(name))
    };
    for name in ["4prog3run", "4only4here", "4only8by_table"] {
        assert!(has(".cold.", name) && !has(".text.", name), "{name}");
    }
    assert!(has(".text.", "5btfly6shared") && !has(".cold.", "5btfly6shared"));
    assert!(has(".text.", "main"));
    assert!(
        has(".rare.rel.ro.", "TABLE"),
        "the constants of cold functions"
    );
}
