//! `oracle.c`, built with the machine's libbpf, and what it prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::listing::Listing;

/// The oracle, built once per test program.
fn oracle() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.c");
        let to = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let to = to.join(format!("oracle-{}", env!("CARGO_CRATE_NAME")));
        let flags = [
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-static",
        ];
        let wrapped = ["syscall", "btf__load_vmlinux_btf", "fopen64", "gzopen64"];
        let output = Command::new("cc")
            .args(flags)
            .arg("-Wno-missing-field-initializers")
            .args(wrapped.map(|name| format!("-Wl,--wrap={name}")))
            .arg("-o")
            .args([&to, &source])
            .args(["-lbpf", "-lelf", "-lz"])
            .output();
        let output = output.expect("a C compiler, of scripts/setup");
        assert!(
            output.status.success(),
            "scripts/setup installs what it needs: {}",
            text(&output.stderr)
        );
        to
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    // 1: the object failed, which the listing says.
    let ended = output.status.code();
    assert!(
        matches!(ended, Some(0 | 1)),
        "{ended:?}: {}",
        text(&output.stderr)
    );
    output
}

/// What libbpf makes of an object with the types of a raw BTF file or an ELF file, and what else is
/// known of that kernel.
pub fn listing(object: &Path, btf: &Path, facts: &[&str]) -> Listing {
    let output = run(Command::new(oracle()).args(facts).args([btf, object]));
    Listing::parse(&text(&output.stdout))
}

/// What comes of a bpf call in the oracle.
pub fn prove() -> String {
    text(&run(Command::new(oracle()).arg("--prove")).stdout)
}
