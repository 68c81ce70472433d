//! What `btfly check --insns` prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::listing::Listing;

/// What btfly makes of objects with the types of a file, and what else is known of that kernel.
pub fn listings(objects: &[PathBuf], btf: &Path, facts: &[&str]) -> Vec<Listing> {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(["check", "--insns"])
        .args(facts)
        .arg("--btf")
        .arg(btf)
        .args(objects)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let ended = output.status.code();
    assert!(matches!(ended, Some(0 | 2)), "{ended:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A comment stands before each of several.
    let texts: Vec<&str> = match objects {
        [_] => vec![&*text],
        _ => text.split("# ").skip(1).collect(),
    };
    assert_eq!(texts.len(), objects.len(), "{errors}");
    let parse = |(text, object): (&&str, &PathBuf)| {
        let body = match objects.len() {
            1 => text,
            _ => {
                let (title, body) = text.split_once('\n').unwrap();
                assert!(title.starts_with(object.to_str().unwrap()), "{title}");
                body
            }
        };
        Listing::parse(body)
    };
    texts.iter().zip(objects).map(parse).collect()
}
