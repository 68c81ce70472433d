//! `btfly completions`: names of what is loaded, and the shell that boards have.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::board::on_board;
use crate::loaded::{FOLDER, Kept, json, printed};
use crate::program::NOBODY;
use crate::types::end;
use crate::watch::btfly;

#[track_caller]
fn words(line: &[&str]) -> Vec<String> {
    let text = printed(&[&["completions", "--words"], line].concat());
    text.lines().map(String::from).collect()
}

#[track_caller]
fn has(line: &[&str], word: &str) {
    let words = words(line);
    assert!(
        words.iter().any(|w| w == word),
        "{line:?}: no {word} in {words:?}"
    );
}

#[test]
fn ids_names_and_pins_are_completed() {
    on_board!();
    let kept = Kept::load("tests/pinned.bpf.o", &["--prog", "count", "--auto-attach"]);
    let list = json(&printed(&["prog", "list", "--json"]));
    let programs = list.as_array().unwrap();
    let mut ids: Vec<String> = programs.iter().map(|p| p["id"].to_string()).collect();
    ids.sort();
    assert_eq!(words(&["prog", "show", "id", ""]), ids);
    let counts: Vec<_> = programs.iter().filter(|p| p["name"] == "count").collect();
    let tag = counts[0]["tag"].as_str().unwrap();
    has(&["prog", "dump", "xlated", "tag", ""], tag);
    has(&["prog", "dump", "xlated", ""], "count");
    let pin = format!("{FOLDER}/count");
    assert_eq!(words(&["prog", "run", "pinned", ""]), [&*pin]);
    assert_eq!(words(&["prog", "run", "/sys/fs"]), [&*pin]);
    // A map's pin is no program's.
    let maps = words(&["map", "dump", "pinned", ""]);
    assert!(!maps.is_empty(), "{maps:?}");
    for map in &maps {
        assert!(map.starts_with("/sys/fs/bpf/"), "{maps:?}");
        let name = json(&printed(&["map", "show", map, "-j"]))["name"].clone();
        has(&["map", "lookup", "name", ""], name.as_str().unwrap());
    }
    let links = words(&["link", "show", "pinned", ""]);
    assert!(
        links
            .iter()
            .all(|link| link.starts_with(&format!("{FOLDER}/links/")))
    );

    // What a shell would act on is not told.
    for name in [
        "/sys/fs/bpf/again",
        "/sys/fs/bpf/a b",
        "/sys/fs/bpf/$(reboot)",
    ] {
        printed(&["prog", "pin", "name", "count", name]);
    }
    assert_eq!(
        words(&["prog", "show", "pinned", "/"]),
        ["/sys/fs/bpf/again", &*pin]
    );
    for name in [
        "/sys/fs/bpf/again",
        "/sys/fs/bpf/a b",
        "/sys/fs/bpf/$(reboot)",
    ] {
        fs::remove_file(name).unwrap();
    }

    let mut nobody = btfly();
    nobody.uid(NOBODY);
    let done = end(nobody, &["completions", "--words", "prog", "show", ""]);
    assert_eq!((done.code, done.stderr.len()), (Some(0), 0), "{done:?}");
    assert_eq!(done.stdout, ["id", "name", "pinned", "tag"]);
    kept.unload();
}

/// A busybox shell that has `btfly` in its path.
fn ash() -> Command {
    let folder = "/tmp/shell";
    let _ = fs::create_dir(folder);
    let _ = fs::remove_file("/tmp/shell/btfly");
    let binary = std::env::var("BTFLY").expect("BTFLY");
    std::os::unix::fs::symlink(binary, "/tmp/shell/btfly").unwrap();
    fs::write("/tmp/shell/rc", printed(&["completions", "ash"])).unwrap();
    let mut command = Command::new("/bin/busybox");
    command
        .arg("ash")
        .env("PATH", "/tmp/shell:/bin")
        .env("ENV", "/tmp/shell/rc");
    command
}

#[test]
fn busybox_lists_what_may_follow() {
    on_board!();
    let run = |script: &str| {
        let output = ash()
            .args(["-c", &[". /tmp/shell/rc; ", script].concat()])
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run("btfly_next prog dump"), "jited\nxlated\n");
    assert_eq!(run("btfly_next perf"), "list\nshow\n");
    assert!(run("btfly_next").contains("\nexec\n"));
    assert!(run("btfly_next prog dump -").contains("--opcodes\n"));
    // A line is read with the aliases of those before it.
    assert_eq!(run("\nbtfly-perf-show --json"), "[]\n");
    let aliases = run("alias");
    for alias in ["btfly-exec='btfly exec'", "btfly-map-dump='btfly map dump'"] {
        assert!(aliases.contains(alias), "{alias} in {aliases}");
    }
}
