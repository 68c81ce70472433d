//! Packs the objects of the built-in tools (LZ4): some 60 % less in the binary, for a decoder of a kilobyte.

use std::path::Path;
use std::{env, fs};

const OBJECTS: &str = "prebuilt/arm64";

fn main() {
    println!("cargo::rerun-if-changed={OBJECTS}");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    for entry in fs::read_dir(OBJECTS).expect("the folder of objects") {
        let path = entry.expect("an entry of the folder of objects").path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else {
            continue;
        };
        let bytes = fs::read(&path).expect("an object");
        let packed = lz4_flex::block::compress_prepend_size(&bytes);
        fs::write(Path::new(&out).join(name), packed).expect("a packed object");
    }
}
