//! What the binary carries beside its code: the objects of the built-in tools and the words of those that are
//! described, packed, for src/tools/packed.rs; and the BTF files of the folder that BTFLY_WITH_BTF names, for
//! src/target/more/embedded.rs: none without it.
//!
//! All are one stream of LZMA, the words of each tool and its object behind them, in which each is told by those
//! before it, and 170 KB become 26.

#[path = "build/slim.rs"]
mod slim;
// Its reader is in the program.
#[allow(dead_code)]
#[path = "src/tools/described.rs"]
mod tools;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use lzma_rust2::{LzmaOptions, LzmaWriter};

const OBJECTS: &str = "prebuilt/arm64";
const TOOLS: &str = "src/tools";
const LAYOUT: &str = "cross/packed.ld";

/// The object of the tool that has code of its own.
const OWN: &str = "exec";

/// The objects that come first. Whatever stands before a tool is unpacked before it, which takes some 80
/// instructions a byte: funclatency is compared with one that needs nothing but the function's name to begin, and
/// oomkill looks through the kernel's types twice.
const FIRST: [&str; 3] = ["funclatency", "oomkill", OWN];

/// Folders in folders, at most: BTFHub's have three.
const MAX_DEPTH: u32 = 8;

/// Bytes in a file, at most: on a board the whole of it may be held in memory.
const MOST: usize = 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR");
    pack_objects(Path::new(&out));
    list_btf(Path::new(&out));
    // What cross/build packs is linked in its own way.
    if env::var_os("CARGO_CFG_PACKED").is_some() {
        for path in [LAYOUT, "cross/cold", "cross/link.rs"] {
            println!("cargo::rerun-if-changed={path}");
        }
        println!("cargo::rustc-link-arg-bins=-T{LAYOUT}");
    }
}

fn pack_objects(out: &Path) {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={OBJECTS}");
    println!("cargo::rerun-if-changed={TOOLS}");
    let object = |name: &str| {
        let bytes = fs::read(Path::new(OBJECTS).join(format!("{name}.bpf.o")));
        slim::slim(&bytes.unwrap_or_else(|e| panic!("the object of {name}: {e}")))
    };
    let mut all = Vec::new();
    let others = tools::ALL.iter().map(|tool| tool.object);
    let others = others.filter(|name| !FIRST.contains(name));
    for name in FIRST.into_iter().chain(others) {
        let bytes = object(name);
        // Of each tool its place in lists, the length of its object, and its words; the one with code of its own
        // has none.
        let mut tools = tools::ALL.iter().enumerate();
        let (place, words) = match tools.find(|(_, tool)| tool.object == name) {
            Some((place, tool)) => (place, tool.words()),
            None => (0, "\0\0".into()),
        };
        write!(all, "{place}\0{}\0{words}\x01", bytes.len()).unwrap();
        if name == OWN {
            let at = format!("({}, {})", all.len(), bytes.len());
            fs::write(out.join(OWN), at).expect("the place of an object");
        }
        all.extend(bytes);
    }
    let mut options = LzmaOptions::with_preset(9);
    options.dict_size = u32::try_from(all.len().next_power_of_two()).unwrap();
    options.nice_len = 273;
    let mut packed = vec![options.get_props()];
    let writer = LzmaWriter::new_no_header(&mut packed, &options, false);
    let mut writer = writer.expect("options that fit");
    writer.write_all(&all).expect("room in memory");
    writer.finish().expect("room in memory");
    fs::write(out.join("packed.lzma"), packed).expect("what is packed");
    fs::write(out.join("len"), all.len().to_string()).expect("its length");
}

/// Writes a table of names and files.
fn list_btf(out: &Path) {
    println!("cargo::rerun-if-env-changed=BTFLY_WITH_BTF");
    let mut files = Vec::new();
    if let Some(folder) = env::var_os("BTFLY_WITH_BTF").filter(|folder| !folder.is_empty()) {
        println!("cargo::rerun-if-changed={}", folder.display());
        gather(Path::new(&folder), "", 0, &mut files);
        assert!(
            !files.is_empty(),
            "{}: no .btf file in it",
            folder.display()
        );
    }
    files.sort();
    let mut table = String::from("static SET: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),").unwrap();
    }
    table.push_str("];\n");
    fs::write(out.join("btf_set.rs"), table).unwrap();
}

/// The files below a folder: their names without the ending, from the folder on, and where they are.
fn gather(folder: &Path, prefix: &str, depth: u32, files: &mut Vec<(String, PathBuf)>) {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_else(|| panic!("{}: not UTF-8", path.display()));
        if path.is_dir() && depth < MAX_DEPTH {
            gather(&path, &format!("{prefix}{name}/"), depth + 1, files);
        } else if let Some(stem) = name.strip_suffix(".btf") {
            let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let is_btf = bytes.starts_with(&[0x9f, 0xeb, 1]);
            assert!(is_btf, "{}: not raw little-endian BTF", path.display());
            let small = bytes.len() <= MOST;
            assert!(
                small,
                "{}: too large; btfly btf min makes a small one of it",
                path.display()
            );
            files.push((format!("{prefix}{stem}"), fs::canonicalize(&path).unwrap()));
        } else {
            let packed = name.ends_with(".btf.tar.xz");
            assert!(
                !packed,
                "{}: packed; btfly btf min makes a small one of it",
                path.display()
            );
        }
    }
}
