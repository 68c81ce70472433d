//! `btfly btf dump` as people call it, beside bpftool, on the BTF of real kernels and of our objects.

#[path = "btf_dump/bits.rs"]
mod bits;
#[allow(dead_code)]
#[path = "sources/kernels.rs"]
mod kernels;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use btfly::btf::{Btf, Header, Kind, Types};
use kernels::{KernelBtf, checkout, kernels};

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

/// What the compiler says of a C file, for BPF and for arm64.
fn compile(path: &str) -> Result<(), String> {
    for target in ["bpf", "aarch64-linux-gnu"] {
        let output = Command::new("clang-19")
            .args([
                "-target",
                target,
                "-x",
                "c",
                "-fsyntax-only",
                "-Wall",
                "-Werror",
            ])
            .args(["-ferror-limit=5", path])
            .output()
            .expect("clang-19, of scripts/setup");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{target}: {said}"));
        }
    }
    Ok(())
}

/// The object that the compiler makes of a C file for BPF, with its types.
fn compiled(folder: &Folder, source: &str) -> String {
    let object = folder.0.join("source.o");
    let object = object.to_str().unwrap();
    let made = Command::new("clang-19")
        .args(["-target", "bpf", "-g", "-O2", "-c", source, "-o", object])
        .output()
        .expect("clang-19, of scripts/setup");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    object.into()
}

/// Assertions that each struct has the size that the BTF says, and each field its offset. Of a name that
/// several types have, it is not known which one is called so.
fn assertions(btf: &Btf<'_>) -> String {
    let name = |header: &Header| btf.name(header.name).unwrap();
    let tag = |header: &Header| match header.kind {
        Kind::Struct => "struct",
        Kind::Union => "union",
        _ => "enum",
    };
    let mut times: HashMap<&str, u32> = HashMap::new();
    let named: Vec<Header> = btf
        .ids()
        .map(|id| btf.header(id).unwrap())
        .filter(|header| header.kind.is_composite() || header.kind.is_enum())
        .filter(|header| !name(header).is_empty())
        .collect();
    for header in &named {
        *times.entry(name(header)).or_default() += 1;
    }
    let mut out = String::new();
    let once = named.iter().filter(|header| times[name(header)] == 1);
    for header in once.filter(|header| header.vlen > 0 || header.kind.is_composite()) {
        let (size, of) = (header.size(), [tag(header), " ", name(header)].concat());
        writeln!(out, "_Static_assert(sizeof({of}) == {size}, \"{of}\");").unwrap();
        if header.kind.is_composite() {
            fields(btf, &of, header, 0, &mut out);
        }
    }
    out
}

fn fields(btf: &Btf<'_>, of: &str, header: &Header, at: u32, out: &mut String) {
    for index in 0..header.vlen {
        let member = btf.member(header, index).unwrap();
        let offset = at + member.offset.bytes();
        let name = btf.name(member.name).unwrap();
        let inner = btf.peel(member.ty).unwrap();
        if name.is_empty() && inner.kind.is_composite() {
            fields(btf, of, &inner, offset, out);
        } else if !name.is_empty() && member.bitfield_size == 0 {
            // A bitfield of old has no address either.
            if inner.kind == Kind::Int && btf.int(&inner).unwrap().bits < inner.size() * 8 {
                continue;
            }
            let place = format!("__builtin_offsetof({of}, {name}) == {offset}");
            writeln!(out, "_Static_assert({place}, \"{of}.{name}\");").unwrap();
        }
    }
}

#[test]
fn a_kernel_s_header_compiles_and_each_struct_is_laid_out_as_in_the_kernel() {
    let folder = Folder::new("dump-c");
    // One that has each struct once for each source file takes minutes.
    for kernel in kernels().filter(KernelBtf::is_deduplicated) {
        let path = folder.write("vmlinux", &kernel.bytes);
        let said = btfly(&["file", &path, "--format", "c"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", kernel.name);
        let btf = Btf::parse(&kernel.bytes).unwrap();
        let checks = assertions(&btf);
        assert!(checks.lines().count() > 10_000, "{}", kernel.name);
        let header = folder.write("vmlinux.h", &[&said.out, checks.as_bytes()].concat());
        compile(&header).unwrap_or_else(|said| panic!("{}: {said}", kernel.name));
    }
}

fn c_of(folder: &Folder, types: &[u32], names: &[u8]) -> Said {
    let path = folder.write("types", &btf(&words(types), names));
    btfly(&["file", &path, "--format", "c"])
}

#[test]
fn types_that_no_header_can_have_are_refused_with_the_reason() {
    const PTR: u32 = 2 << 24;
    const ARRAY: u32 = 3 << 24;
    const STRUCT: u32 = 4 << 24;
    const TYPEDEF: u32 = 8 << 24;
    const FUNC: u32 = 12 << 24;
    let folder = Folder::new("dump-hostile");
    // `a` is at 1, `b` at 3.
    let names = b"\0a\0b\0";
    // Each is in the next one twice.
    let mut wide = vec![0, STRUCT, 0];
    for id in 1..=40 {
        wide.extend([0, STRUCT | 2, 0, 0, id, 0, 0, id, 0]);
    }
    wide.extend([1, TYPEDEF, 41]);
    let mut deep = vec![1, TYPEDEF, 2];
    for id in 2..1000 {
        deep.extend([0, PTR, id + 1]);
    }
    deep.extend([0, PTR, 0]);
    for (what, types, reason) in [
        ("a typedef of itself", vec![1, TYPEDEF, 1], "cycle"),
        (
            "two typedefs of each other",
            vec![1, TYPEDEF, 2, 3, TYPEDEF, 1],
            "cycle",
        ),
        (
            "a struct in itself",
            vec![1, STRUCT | 1, 8, 3, 1, 0],
            "cycle",
        ),
        (
            "a nameless struct in itself",
            vec![0, STRUCT | 1, 8, 3, 1, 0, 1, TYPEDEF, 1],
            "cycle",
        ),
        (
            "an array of itself",
            vec![0, ARRAY, 0, 1, 1, 4, 1, TYPEDEF, 1],
            "cycle",
        ),
        (
            "a number out of range",
            vec![1, TYPEDEF, 99],
            "[99] does not exist",
        ),
        (
            "a number of all bits",
            vec![1, TYPEDEF, u32::MAX],
            "does not exist",
        ),
        (
            "a name out of range",
            vec![77, TYPEDEF, 0],
            "name at offset 0x4d",
        ),
        (
            "a typedef of a function",
            vec![1, TYPEDEF, 2, 3, FUNC, 0],
            "has no size",
        ),
        ("structs in structs in structs", wide, "cycle"),
        ("a thousand pointers", deep, "cycle"),
    ] {
        let said = c_of(&folder, &types, names);
        assert_eq!(
            said.code,
            2,
            "{what}: {}",
            String::from_utf8_lossy(&said.out)
        );
        assert!(said.err.contains(reason), "{what}: {}", said.err);
        assert!(said.err.lines().count() <= 3, "{what}: {}", said.err);
    }
}

#[test]
fn any_byte_of_a_btf_may_be_wrong() {
    let folder = Folder::new("dump-flipped");
    let object = std::fs::read(object("tests/kinds.bpf.o")).unwrap();
    let whole = btfly::object::Object::parse(&object).unwrap();
    let bytes = whole.btf.unwrap().data().to_vec();
    // A step that is no multiple of a record's words.
    for at in (8..bytes.len()).step_by(97) {
        for format in ["raw", "c"] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let path = folder.write("flipped", &damaged);
            let said = btfly(&["file", &path, "--format", format]);
            let code = said.code;
            assert!(code == 0 || code == 2, "byte {at}: {code}: {}", said.err);
        }
    }
}

/// A source, and what of a header is made of its types.
#[test]
fn what_a_compiler_made_of_c_becomes_c_of_the_same_layout() {
    const SOURCE: &str = "\
typedef unsigned int u32; typedef unsigned long long u64; typedef _Bool bool;
struct later; enum way { UP, DOWN = -5 }; enum wide { BIG = 0x123456789abcdefULL };
enum low { LEAST = -9223372036854775807LL - 1 };
typedef int (*fn)(struct later *, const char *, ...);
typedef int grid[2][3]; typedef void plain(u32 first, u64);
struct packed { char a; u32 b; u64 c; } __attribute__((packed));
struct bits { u32 a : 3; u32 : 5; u32 b : 4; u64 c : 40; bool d : 1; char e; u32 f : 31; u32 g : 2; };
struct tight { u32 a : 30; u32 b : 10; char c; u64 d : 60; } __attribute__((packed));
struct holes { char a; u64 b __attribute__((aligned(32))); char c; } __attribute__((aligned(64)));
struct one { char a; } __attribute__((aligned(8)));
union mixed { u32 a; struct { char b; struct packed c; }; char d[3]; } __attribute__((aligned(16)));
struct later {
  struct later *next; const volatile char *const *names[4]; fn hook; grid *far; plain *call;
  int (*(*table[2])(int (*)(u32)))[5]; union { int i; enum { LEFT, RIGHT } side; }; union mixed m;
  struct { struct packed p; char tail; } inner[2]; enum way way; enum wide wide; enum low low;
  struct holes h; struct one o; struct bits bits; struct tight tight; __int128 big; char end[];
};
struct later *keep; struct empty {}; struct empty *none; u64 x[4];
";
    let folder = Folder::new("dump-source");
    let source = folder.write("source.c", SOURCE.as_bytes());
    let object = compiled(&folder, &source);
    let object = object.as_str();
    let said = btfly(&["file", object, "--format", "c"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let text = String::from_utf8(said.out).unwrap();
    for part in [
        "typedef int (*fn)(struct later *, const char *, ...);",
        "typedef int grid[2][3];",
        "const char *const *names[4]",
        "int (*(*table[2])(int (*)(u32)))[5];",
        "__attribute__((packed))",
        "char end[0];",
        "BIG = 81985529216486895ULL",
        "LEAST = -9223372036854775807LL - 1",
    ] {
        let plain = text
            .replace("* const", "*const")
            .replace("const volatile", "const");
        assert!(plain.contains(part), "{part} in\n{text}");
    }
    let bytes = std::fs::read(object).unwrap();
    let parsed = btfly::object::Object::parse(&bytes).unwrap();
    let checks = assertions(&parsed.btf.unwrap());
    for field in [
        "later.big",
        "bits",
        "tight.c",
        "holes.c",
        "mixed.c",
        "later.side",
    ] {
        assert!(checks.contains(field), "{field} in\n{checks}");
    }
    let header = folder.write("all.h", [text, checks].concat().as_bytes());
    compile(&header).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn a_root_in_c_comes_with_what_it_needs_and_compiles() {
    let folder = Folder::new("dump-roots");
    for kernel in kernels().take(2) {
        let path = folder.write("vmlinux", &kernel.bytes);
        let some = printed(&["file", &path, "--format", "c", "--root", "task_struct"]);
        assert!(some.contains("\nstruct task_struct {"), "{}", kernel.name);
        assert!(
            !some.contains("struct ext4_inode_info {"),
            "{}",
            kernel.name
        );
        compile(&folder.write("some.h", some.as_bytes())).unwrap();
        let some = printed(&["file", &path, "--format", "c", "--grep", "sk_buff"]);
        assert!(some.contains("\nstruct sk_buff_head {"), "{}", kernel.name);
        compile(&folder.write("some.h", some.as_bytes())).unwrap();
    }
}

fn diff(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(["btf", "diff"])
        .args(args)
        .output()
        .expect("btfly");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn two_kernels_differ_in_what_is_told_and_a_kernel_not_from_itself() {
    let folder = Folder::new("diff");
    let mut two = kernels().filter(KernelBtf::is_deduplicated).take(2);
    let (Some(old), Some(new)) = (two.next(), two.next()) else {
        return;
    };
    let (a, b) = (folder.write("a", &old.bytes), folder.write("b", &new.bytes));
    assert_eq!(diff(&[&a, &a]), "");
    assert_eq!(diff(&[&a, &a, "--json"]), "[]\n");
    let text = diff(&[&a, &b]);
    assert!(text.contains("\n~ struct task_struct: "), "task_struct");
    let json: serde_json::Value = serde_json::from_str(&diff(&[&a, &b, "--json"])).unwrap();
    let heads = text.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(json.as_array().unwrap().len(), heads.count());
    // What is new the one way is gone the other way.
    let count = |text: &str, sign: &str| text.lines().filter(|l| l.starts_with(sign)).count();
    let back = diff(&[&b, &a]);
    for (there, back_again) in [("+", "-"), ("-", "+"), ("~", "~"), ("  +", "  -")] {
        assert_eq!(count(&text, there), count(&back, back_again), "{there}");
    }
    let object = object("tests/kinds.bpf.o");
    let some = diff(&[&a, &b, "--for", &object]);
    assert!(some.lines().count() < 100, "{some}");
    assert_eq!(diff(&[&a, &a, "--for", &object]), "");
}
