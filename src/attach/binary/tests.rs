use super::*;
use crate::sys::file;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{MemfdFlags, memfd_create};

const GLOBAL: u8 = 0x12;
const WEAK: u8 = 0x22;
const LOCAL: u8 = 0x02;
const IFUNC: u8 = 0x1a;
const OBJECT: u8 = 0x11;
/// Where the first byte of the file is in memory.
const LOADED_AT: u64 = 0x10_0000;

/// A symbol: name, binding and type, byte of the file, version (with `0x8000`: not the default one).
type Symbol = (&'static str, u8, u64, u16);

const SYMBOLS: &[Symbol] = &[
    ("plain", GLOBAL, 0x40, 1),
    ("copy", GLOBAL, 0x44, 0x8002),
    ("copy", GLOBAL, 0x48, 3),
    ("both", LOCAL, 0x4c, 1),
    ("both", GLOBAL, 0x50, 1),
    ("soft", WEAK, 0x54, 1),
    ("twin", GLOBAL, 0x58, 1),
    ("twin", GLOBAL, 0x5c, 1),
    ("same", GLOBAL, 0x60, 1),
    ("same", GLOBAL, 0x60, 1),
    ("chosen", IFUNC, 0x64, 1),
    ("data", OBJECT, 0x68, 1),
    ("far", GLOBAL, 0x100_0000, 1),
    ("told@@V9", GLOBAL, 0x6c, 1),
];

/// A shared library of little-endian words of 8 or 4 bytes, all of it loaded as one piece.
struct Writer {
    wide: bool,
    bytes: Vec<u8>,
}

impl Writer {
    fn half(&mut self, n: u16) {
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    fn word(&mut self, n: u32) {
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    /// As wide as an address.
    fn long(&mut self, n: u64) {
        match self.wide {
            true => self.bytes.extend_from_slice(&n.to_le_bytes()),
            false => self.word(u32::try_from(n).unwrap()),
        }
    }

    fn symbol(&mut self, name: u32, info: u8, address: u64) {
        let section = u16::from(name != 0);
        self.word(name);
        if !self.wide {
            self.long(address);
            self.long(4);
        }
        self.bytes.extend_from_slice(&[info, 0]);
        self.half(section);
        if self.wide {
            self.long(address);
            self.long(4);
        }
    }
}

fn library(wide: bool, symbols: &[Symbol]) -> Vec<u8> {
    let (mut strings, mut numbers) = (b"\0V1\0V2\0".to_vec(), vec![0, 0]);
    let new = || Writer {
        wide,
        bytes: Vec::new(),
    };
    let mut table = new();
    table.symbol(0, 0, 0);
    for (name, info, at, version) in symbols {
        table.symbol(strings.len() as u32, *info, LOADED_AT + at);
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
        numbers.extend_from_slice(&version.to_le_bytes());
    }
    let mut definitions = new();
    for (number, name, next) in [(2, 1, 28), (3, 4, 0)] {
        for half in [1, 0, number, 1] {
            definitions.half(half);
        }
        for word in [0, 20, next, name, 0] {
            definitions.word(word);
        }
    }
    let parts = [&table.bytes, &strings, &numbers, &definitions.bytes];
    let (header, segment, section) = if wide { (64, 56, 64) } else { (52, 32, 40) };
    let start = 0x400;
    let sections_at = start + parts.iter().map(|part| part.len()).sum::<usize>() as u64;
    let end = sections_at + 5 * section;

    let mut file = new();
    file.bytes.extend_from_slice(b"\x7fELF");
    file.bytes.extend_from_slice(&[1 + u8::from(wide), 1, 1, 0]);
    file.bytes.extend_from_slice(&[0; 8]);
    file.half(3); // ET_DYN
    file.half(183);
    file.word(1);
    file.long(0);
    file.long(header);
    file.long(sections_at);
    file.word(0);
    for half in [header as u16, segment, 1, section as u16, 5, 0] {
        file.half(half);
    }
    file.word(1); // PT_LOAD
    if wide {
        file.word(5);
    }
    for n in [0, LOADED_AT, LOADED_AT, end, end] {
        file.long(n);
    }
    if !wide {
        file.word(5);
    }
    file.long(4096);
    file.bytes.resize(start as usize, 0);
    for part in parts {
        file.bytes.extend_from_slice(part);
    }
    let mut at = 0x400;
    // Kind, size, the section that it speaks of: .dynsym, .dynstr, .gnu.version, .gnu.version_d.
    let none = (0, 0, 0);
    for (kind, size, link) in [
        none,
        (11, parts[0].len(), 2),
        (3, parts[1].len(), 0),
        (0x6fff_ffff, parts[2].len(), 1),
        (0x6fff_fffd, parts[3].len(), 2),
    ] {
        file.word(0);
        file.word(kind);
        for n in [0, 0, at, size as u64] {
            file.long(n);
        }
        file.word(link);
        file.word(0);
        file.long(1);
        file.long(0);
        at += size as u64;
    }
    file.bytes
}

/// Opens bytes as a file.
fn open(bytes: &[u8]) -> (OwnedFd, Result<Binary, BinaryError>) {
    let held = memfd_create("library", MemfdFlags::CLOEXEC).unwrap();
    file::write_all(&held, bytes).unwrap();
    let binary = Binary::open(&format!("/proc/self/fd/{}", held.as_raw_fd()));
    (held, binary)
}

#[test]
fn a_function_is_found_by_its_name_and_version_in_64_and_32_bits() {
    for wide in [true, false] {
        let (_held, binary) = open(&library(wide, SYMBOLS));
        let binary = binary.unwrap();
        for (name, byte) in [
            ("plain", 0x40),
            ("copy", 0x48),
            ("copy@@V2", 0x48),
            ("copy@V2", 0x48),
            ("copy@V1", 0x44),
            ("both", 0x50),
            ("soft", 0x54),
            ("same", 0x60),
            ("told", 0x6c),
            ("told@@V9", 0x6c),
        ] {
            assert_eq!(
                binary.function(name).ok(),
                Some(byte),
                "{name}, wide: {wide}"
            );
        }
    }
}

#[test]
fn a_function_that_can_not_be_had_is_told_why() {
    let (_held, binary) = open(&library(true, SYMBOLS));
    let binary = binary.unwrap();
    for (name, words, hint) in [
        ("plain_", "has no function `plain_`", "plain"),
        ("data", "has no function `data`", ""),
        ("copy@@V1", "has no function `copy@@V1`", "copy"),
        ("twin", "several functions `twin`", "0x58, 0x5c"),
        ("chosen", "chosen as a program starts", "PATH:0xOFFSET"),
        ("far", "outside of what is loaded", ""),
    ] {
        let error = binary.function(name).unwrap_err();
        assert!(error.to_string().contains(words), "{name}: {error}");
        let told = error.hint().unwrap_or_default();
        assert!(told.contains(hint), "{name}: {told}");
    }
    let (_held, stripped) = open(&library(true, &[]));
    let error = stripped.unwrap().function("plain").unwrap_err();
    assert!(
        error.is_absent() && error.to_string().contains("stripped"),
        "{error}"
    );
}

#[test]
fn a_pattern_gives_each_byte_once_and_in_order() {
    let (_held, binary) = open(&library(true, SYMBOLS));
    let binary = binary.unwrap();
    assert_eq!(binary.matching("t???").unwrap(), [0x58, 0x5c, 0x6c]);
    assert_eq!(binary.matching("same").unwrap(), [0x60]);
    // What is chosen at the start, and what is not in the file, is no place.
    assert_eq!(binary.matching("c*").unwrap(), [0x44, 0x48]);
    assert_eq!(binary.matching("f*").unwrap(), [0; 0]);
}

#[test]
fn damaged_files_end_in_an_answer() {
    let whole = library(true, SYMBOLS);
    let ask = |bytes: &[u8]| {
        let (_held, binary) = open(bytes);
        if let Ok(binary) = binary {
            let _ = binary.function("copy@V1");
            let _ = binary.matching("*");
            let _ = binary.holds(u64::MAX);
        }
    };
    for len in (0..whole.len()).step_by(7) {
        ask(&whole[..len]);
    }
    let tables = (0..120).chain(0x400..whole.len());
    for at in tables.step_by(3) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            ask(&bytes);
        }
    }
}

#[test]
fn other_files_are_told_what_they_are() {
    let whole = library(true, SYMBOLS);
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    for (bytes, words) in [
        (b"text".to_vec(), "not an ELF file"),
        (changed(4, 3), "not an ELF file"),
        (changed(5, 2), "big-endian"),
        (changed(16, 1), "was not linked"),
        (whole[..80].to_vec(), "headers lie outside"),
    ] {
        let (_held, binary) = open(&bytes);
        let error = binary.err().unwrap();
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
