//! `btfly btf dump` as people call it, beside bpftool, on the BTF of real kernels and of our objects.

#[allow(dead_code)]
#[path = "sources/kernels.rs"]
mod kernels;

use std::path::{Path, PathBuf};
use std::process::Command;

use kernels::{checkout, kernels};

/// A folder of this test's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("btfly-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a call of btfly said.
struct Said {
    code: i32,
    out: Vec<u8>,
    err: String,
}

fn btfly(args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(["btf", "dump"])
        .args(args)
        .output()
        .expect("btfly");
    Said {
        code: output.status.code().expect("an exit code, no signal"),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn printed(args: &[&str]) -> String {
    let said = btfly(args);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
    String::from_utf8(said.out).unwrap()
}

/// `None`: it refuses the file.
fn bpftool(path: &str) -> Option<Vec<u8>> {
    let output = Command::new("/usr/sbin/bpftool")
        .args(["btf", "dump", "file", path])
        .output()
        .expect("bpftool, of scripts/setup");
    output.status.success().then_some(output.stdout)
}

fn same_lines(of: &str, path: &str) {
    let (said, expected) = (btfly(&["file", path]), bpftool(path));
    let Some(expected) = expected else {
        assert_eq!(said.code, 2, "{of}: bpftool refuses it");
        return;
    };
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{of}");
    if said.out == expected {
        return;
    }
    let lines = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
    let (ours, theirs) = (lines(said.out), lines(expected));
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(ours, theirs, "{of}, line {}", number + 1);
    }
    panic!("{of}: one has more lines than the other");
}

/// The objects that clang made for the VM suite and for the board, all of which have types.
fn objects() -> Vec<PathBuf> {
    let folders = ["prebuilt/arm64", "prebuilt/arm64/tests"];
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(checkout().join(folder)).unwrap());
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "o"))
        .collect();
    found.sort();
    assert!(found.len() > 50, "the prebuilt objects");
    found
}

#[test]
fn every_line_of_an_object_s_types_is_bpftool_s() {
    for object in objects() {
        let path = object.to_str().unwrap();
        same_lines(path, path);
    }
}

#[test]
fn every_line_of_a_kernel_s_types_is_bpftool_s() {
    let folder = Folder::new("dump-raw");
    for kernel in kernels() {
        // bpftool takes seconds for one of 27 MB, and learns nothing new from it.
        if kernel.is_deduplicated() {
            same_lines(&kernel.name, &folder.write("vmlinux", &kernel.bytes));
        }
    }
}

fn object(name: &str) -> String {
    format!("{}/prebuilt/arm64/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The numbers of the types in a dump.
fn numbers(dump: &str) -> Vec<&str> {
    let ends = dump.lines().filter_map(|line| line.strip_prefix('['));
    ends.map(|rest| rest.split_once(']').unwrap().0).collect()
}

#[test]
fn a_root_comes_with_all_that_it_needs_and_nothing_else() {
    let path = object("tests/kinds.bpf.o");
    let all = printed(&["file", &path]);
    let structs = all.lines().filter_map(|line| line.split_once("STRUCT '"));
    let mut names = structs.map(|(_, rest)| rest.split_once('\'').unwrap().0);
    let name = names.find(|name| *name != "(anon)").expect("a struct");
    let some = printed(&["file", &path, "--root", name]);
    assert!(some.contains(&format!("STRUCT '{name}'")), "{some}");
    assert!(some.lines().count() < all.lines().count());
    let (known, lines) = (numbers(&some), some.lines());
    for line in lines {
        assert!(all.lines().any(|of_all| of_all == line), "{line}");
        let refers = line.split_once("type_id=").map(|(_, rest)| rest);
        let number = refers.map(|rest| rest.split([' ', ',']).next().unwrap());
        if let Some(number) = number.filter(|&number| number != "0") {
            assert!(known.contains(&number), "{line} in\n{some}");
        }
    }
}

#[test]
fn grep_prints_the_types_that_have_the_text() {
    let path = object("tests/kinds.bpf.o");
    let all = printed(&["file", &path]);
    let some = printed(&["file", &path, "--grep", "FUNC_PROTO"]);
    let expected = all.lines().filter(|line| line.contains("FUNC_PROTO"));
    let heads = some.lines().filter(|line| line.starts_with('['));
    assert!(heads.clone().count() > 0);
    assert!(heads.eq(expected), "{some}");
    assert_eq!(printed(&["file", &path, "--grep", "no such text"]), "");
}

/// The header of a BTF with these two parts.
fn btf(types: &[u8], names: &[u8]) -> Vec<u8> {
    let mut out = vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    for number in [0, types.len(), types.len(), names.len()] {
        out.extend((number as u32).to_le_bytes());
    }
    out.extend(types);
    out.extend(names);
    out
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn what_is_no_btf_or_cut_off_is_refused_with_the_reason() {
    let folder = Folder::new("dump-damaged");
    let whole = btf(&words(&[0, 2 << 24, 0]), b"\0");
    let unknown = btf(&words(&[0, 31 << 24, 0]), b"\0");
    let half = btf(&words(&[0, 4 << 24 | 3, 0, 0]), b"\0");
    for (name, bytes, reason) in [
        ("short", &whole[..20], "cut off"),
        ("cut", &whole[..30], "cut off"),
        ("text", b"this is not BTF at all".as_slice(), "not BTF"),
        ("empty", b"", "cut off"),
        ("unknown", &unknown, "unknown kind 31"),
        ("half", &half, "last type record"),
    ] {
        let path = folder.write(name, bytes);
        let said = btfly(&["file", &path]);
        assert_eq!(said.code, 2, "{name}: {}", said.err);
        assert!(said.err.contains(reason), "{name}: {}", said.err);
        assert!(said.err.contains(&path), "{name}: {}", said.err);
        assert!(said.err.lines().count() <= 3, "{name}: {}", said.err);
    }
    let said = btfly(&["file", "/nowhere/at/all"]);
    assert_eq!(said.code, 6, "{}", said.err);
}

#[test]
fn a_bad_name_is_printed_as_such_and_acts_on_no_terminal() {
    let folder = Folder::new("dump-names");
    let types = words(&[1, 2 << 24, 77, 99, 2 << 24, 0]);
    let path = folder.write("names", &btf(&types, b"\0a\x1b[2Jb\0"));
    let expected = "[1] PTR 'a?[2Jb' type_id=77\n[2] PTR '(invalid)' type_id=0\n";
    assert_eq!(printed(&["file", &path]), expected);
    // It needs what is not there.
    let said = btfly(&["file", &path, "--root", "1"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("[77] does not exist"), "{}", said.err);
    let said = btfly(&["file", &path, "--root", "nothing"]);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("no type 'nothing'"), "{}", said.err);
}

#[test]
fn split_btf_goes_on_from_its_base() {
    let folder = Folder::new("dump-split");
    let int = words(&[1, 1 << 24, 4, 1 << 24 | 32]);
    let base = folder.write("base", &btf(&int, b"\0int\0"));
    // A typedef `more` of the base's int; names go on at 5.
    let split = folder.write("split", &btf(&words(&[5, 8 << 24, 1]), b"more\0"));
    let expected = "[2] TYPEDEF 'more' type_id=1\n";
    assert_eq!(printed(&["file", &split, "-B", &base]), expected);
    let both = printed(&["file", &split, "--base-btf", &base, "--root", "more"]);
    let int = "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n";
    assert_eq!(both, [int, expected].concat());
    assert!(Path::new(&base).exists());
}
