//! The linker of cross/build: rust-lld, which is told what code is cold. That is what can only be reached by way of the
//! functions in `cross/cold`, and the constants that nothing else has: their sections are given other names, by which
//! `cross/packed.ld` places them.
//!
//! Nothing depends on a right guess: what is cold is unpacked when it is used (`src/sys/cold.rs`).

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{env, fs};

/// Modules and functions, one in a line, as `cli::prog`; and what is called so in a module, as `cli::show tick`.
const COLD: &str = include_str!("cold");
/// Where a program of ours begins.
const ROOTS: [&str; 2] = ["main", "btfly_unpack"];
/// What sections are called, and what those are that are cold: as long, for the name is changed where it stands.
const NAMES: [(&str, &str); 3] = [
    (".text.", ".cold."),
    (".rodata.", ".rareda."),
    (".data.rel.ro.", ".rare.rel.ro."),
];

/// Other crates, as they are in the names that the compiler makes.
const OTHERS: [&str; 3] = ["4core", "5alloc", "3std"];

const SYMTAB: u32 = 2;
const RELA: u32 = 4;
const EXEC: u64 = 4;
const MERGE: u64 = 0x10;

#[allow(dead_code)]
fn main() {
    let mut args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "-flavor") {
        args.drain(..2);
    }
    // All Rust code is in one object.
    for arg in args.iter_mut().filter(|arg| arg.ends_with(".rcgu.o")) {
        let object = fs::read(&*arg).unwrap_or_else(|e| panic!("{arg}: {e}"));
        let cold: Vec<&str> = COLD.lines().filter(|line| !line.starts_with('#')).collect();
        let (object, unknown) = divide(object, &cold);
        assert!(
            unknown.is_empty(),
            "cross/cold names what is not there: {unknown:?}"
        );
        *arg = format!("{}.cold.o", arg.trim_end_matches(".o"));
        fs::write(&*arg, object).unwrap_or_else(|e| panic!("{arg}: {e}"));
    }
    let error = Command::new("rust-lld")
        .args(["-flavor", "gnu"])
        .args(args)
        .exec();
    panic!("rust-lld: {error}");
}

/// A number of the file, of so many bytes.
fn number(file: &[u8], at: usize, len: usize) -> u64 {
    let bytes = file[at..at + len].iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn place(file: &[u8], at: usize) -> usize {
    usize::try_from(number(file, at, 8)).expect("64 bits")
}

fn name(file: &[u8], at: usize) -> &str {
    let len = file[at..]
        .iter()
        .position(|byte| *byte == 0)
        .expect("a NUL");
    std::str::from_utf8(&file[at..at + len]).expect("UTF-8")
}

struct Section {
    /// Where its name is in the file.
    name: usize,
    kind: u32,
    flags: u64,
    at: usize,
    len: usize,
    link: usize,
    info: usize,
}

fn sections(file: &[u8]) -> Vec<Section> {
    let table = place(file, 40);
    let header = |index: usize| table + index * 64;
    let (mut count, mut names) = (number(file, 60, 2) as usize, number(file, 62, 2) as usize);
    // Counts that have no room in the header are in section 0.
    if count == 0 {
        count = place(file, header(0) + 32);
    }
    if names == 0xffff {
        names = number(file, header(0) + 40, 4) as usize;
    }
    let names = place(file, header(names) + 24);
    let section = |index: usize| {
        let at = header(index);
        Section {
            name: names + number(file, at, 4) as usize,
            kind: number(file, at + 4, 4) as u32,
            flags: number(file, at + 8, 8),
            at: place(file, at + 24),
            len: place(file, at + 32),
            link: number(file, at + 40, 4) as usize,
            info: number(file, at + 44, 4) as usize,
        }
    };
    (0..count).map(section).collect()
}

/// `cli::prog` as it is in the names that the compiler makes, and what follows elsewhere in the name.
fn mangled(line: &str) -> (String, String) {
    let (path, method) = line.split_once(' ').unwrap_or((line, ""));
    let mangled = |part: &str| format!("{}{part}", part.len());
    let parts = ["btfly"].into_iter().chain(path.split("::"));
    let method = if method.is_empty() {
        String::new()
    } else {
        mangled(method)
    };
    (parts.map(mangled).collect(), method)
}

/// The object with cold sections under other names, and the lines of `cold` that name nothing in it.
pub fn divide<'c>(mut file: Vec<u8>, cold: &[&'c str]) -> (Vec<u8>, Vec<&'c str>) {
    assert!(
        file.starts_with(b"\x7fELF\x02\x01"),
        "not a 64-bit ELF file"
    );
    let sections = sections(&file);
    let symbols = sections.iter().find(|s| s.kind == SYMTAB).expect("symbols");
    // Of sections beyond 65,279 the number is elsewhere; an object of ours has 8,000.
    let section_of = |symbol: usize| match number(&file, symbols.at + symbol * 24 + 6, 2) as usize {
        index if index < sections.len() => index,
        _ => 0,
    };
    let strings = sections[symbols.link].at;
    let named = |symbol: usize| {
        name(
            &file,
            strings + number(&file, symbols.at + symbol * 24, 4) as usize,
        )
    };
    let patterns: Vec<(String, String)> = cold.iter().map(|path| mangled(path)).collect();
    let mut known = vec![false; cold.len()];
    let (mut roots, mut cut) = (Vec::new(), HashSet::new());
    for symbol in 0..symbols.len / 24 {
        let (name, section) = (named(symbol), section_of(symbol));
        if section == 0 || sections[section].flags & EXEC == 0 {
            continue;
        }
        if ROOTS.contains(&name) {
            roots.push(section);
        }
        for ((path, method), known) in patterns.iter().zip(&mut known) {
            // What of other crates has it among the types that it is made for is no part of it.
            let Some((before, behind)) = name.split_once(path.as_str()) else {
                continue;
            };
            if behind.contains(method.as_str())
                && !OTHERS.iter().any(|other| before.contains(other))
            {
                *known = true;
                cut.insert(section);
            }
        }
    }
    // Which sections a section refers to.
    let mut refers = vec![Vec::new(); sections.len()];
    for table in sections.iter().filter(|s| s.kind == RELA) {
        for entry in 0..table.len / 24 {
            let symbol = number(&file, table.at + entry * 24 + 12, 4) as usize;
            refers[table.info].push(section_of(symbol));
        }
    }
    let mut hot = HashSet::new();
    while let Some(section) = roots.pop() {
        if !cut.contains(&section) && hot.insert(section) {
            roots.extend(&refers[section]);
        }
    }
    let renamed = |(index, section): (usize, &Section)| {
        let name = name(&file, section.name);
        let (_, other) = NAMES.into_iter().find(|(own, _)| name.starts_with(own))?;
        let cold = !hot.contains(&index) && section.kind != RELA && section.flags & MERGE == 0;
        cold.then_some((section.name, other))
    };
    let renamed: Vec<_> = sections.iter().enumerate().filter_map(renamed).collect();
    for (at, other) in renamed {
        file[at..at + other.len()].copy_from_slice(other.as_bytes());
    }
    let unknown = cold.iter().zip(known).filter(|(_, known)| !known);
    (file, unknown.map(|(path, _)| *path).collect())
}
