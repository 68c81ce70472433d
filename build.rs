//! What the binary carries beside its code: the objects of the built-in tools, packed (LZ4: some 60 % less,
//! for a decoder of a kilobyte), for src/tools/packed.rs; and the BTF files of the folder that
//! BTFLY_WITH_BTF names, for src/target/more/embedded.rs: none without it.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const OBJECTS: &str = "prebuilt/arm64";

/// Folders in folders, at most: BTFHub's have three.
const MAX_DEPTH: u32 = 8;

/// Bytes in a file, at most: on a board the whole of it may be held in memory.
const MOST: usize = 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR");
    pack_objects(Path::new(&out));
    list_btf(Path::new(&out));
}

fn pack_objects(out: &Path) {
    println!("cargo::rerun-if-changed={OBJECTS}");
    for entry in fs::read_dir(OBJECTS).expect("the folder of objects") {
        let path = entry.expect("an entry of the folder of objects").path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else {
            continue;
        };
        let bytes = fs::read(&path).expect("an object");
        let packed = lz4_flex::block::compress_prepend_size(&bytes);
        fs::write(out.join(name), packed).expect("a packed object");
    }
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
