//! Debian's bpftool, which is libbpf's opinion.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs it with its own libraries: there are none elsewhere on the board.
pub fn bpftool<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Output {
    let folder = PathBuf::from(env::var_os("BTFLY_BPFTOOL").expect("BTFLY_BPFTOOL"));
    Command::new(folder.join("ld-linux-aarch64.so.1"))
        .arg("--library-path")
        .arg(&folder)
        .arg(folder.join("bpftool"))
        .args(args)
        .output()
        .expect("bpftool")
}

/// Whether it loads all programs of an object, and why not.
pub fn loads_all(object: &str) -> Result<(), String> {
    const PINS: &str = "/sys/fs/bpf/loads_all";
    let output = bpftool(&["prog", "loadall", object, PINS]);
    let _ = std::fs::remove_dir_all(PINS);
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
