//! What `cross/pack` packs, the first instructions of the binary unpack: both are tried here, one on the other.

#[path = "../cross/pack.rs"]
mod pack;
#[path = "../src/sys/unpack.rs"]
mod unpack;

use std::fs;

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

#[test]
fn a_binary_keeps_its_code_and_gets_the_rest_packed_behind_it() {
    let (constants, data) = ([3; 500], b"variables".as_slice());
    let (file, told) = pack::pack(&linked(b"instructions", [&constants, data]));
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
    pack::pack(&linked(b"", [&chance, b""]));
}
