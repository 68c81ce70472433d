//! Writes the BTF inside an uncompressed kernel image to standard output: for `scripts/qemu-arm64/selftests`.

#[path = "../tests/oracle/carve.rs"]
mod carve;

use std::io::Write;

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).expect("usage: kernel_btf IMAGE");
    let image = std::fs::read(path)?;
    let btf = carve::btf(&image).expect("no BTF in this image");
    std::io::stdout().write_all(btf)
}
