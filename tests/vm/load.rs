//! `btfly load` and `btfly unload`: what loads is said, program by program, and nothing stays that nobody
//! pinned.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;
use crate::watch::{Done, Watch, full};

const USAGE: i32 = 1;
const MISSING: i32 = 3;
const VERIFIER: i32 = 5;

/// The full build, to its end.
fn load(args: &[&str]) -> Done {
    let mut command = full();
    command.arg("load").args(args);
    Watch::spawn(command).end()
}

#[test]
fn a_dry_run_names_each_program_and_leaves_nothing() {
    on_board!();
    let before = Snapshot::take();
    let done = load(&[&object("tests/no_core.bpf.o"), "--dry-run"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr.is_empty(), "{done:#?}");
    let (summary, programs) = done.stdout.split_last().unwrap();
    for line in programs {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, number, "insns"] = words[..] else {
            panic!("{line}");
        };
        assert!(number.parse::<u32>().unwrap() > 0, "{line}");
    }
    assert!(summary.contains(&format!("{} program", programs.len())));
    before.is_restored();
}

#[test]
fn a_dry_run_stops_at_the_first_program_that_does_not_load() {
    on_board!();
    let before = Snapshot::take();
    let done = load(&[&object("tests/refused.bpf.o"), "--dry-run"]);
    done.failed(VERIFIER, &["read_behind_the_end"]);
    before.is_restored();
}

#[test]
fn a_dry_run_that_keeps_going_gives_a_verdict_on_each_program() {
    on_board!(board);
    let before = Snapshot::take();
    let done = load(&[&object("tests/refused.bpf.o"), "--dry-run", "--keep-going"]);
    assert_eq!(done.code, Some(VERIFIER), "{done:#?}");
    assert!(done.stderr.is_empty(), "{done:#?}");
    let [line] = &done.stdout[..] else {
        panic!("{done:#?}");
    };
    assert!(line.starts_with("fail read_behind_the_end "), "{line}");

    let done = load(&[&object("tests/kinds.bpf.o"), "--dry-run", "--keep-going"]);
    assert!(done.stdout.len() > 2, "{done:#?}");
    let all = done.stdout.iter().all(|line| line.starts_with("ok "));
    assert!(all && done.code == Some(0), "{done:#?}");

    let done = load(&[
        &object("tests/missing_field.bpf.o"),
        "--dry-run",
        "--keep-going",
    ]);
    assert_eq!(done.code, Some(MISSING), "{done:#?}");
    let needs = match board.has_btf() {
        true => "task_struct.no_such_field",
        false => "task_struct",
    };
    assert!(
        done.stdout.iter().any(|line| line.contains(needs)),
        "{done:#?}"
    );
    before.is_restored();
}

#[test]
fn programs_are_chosen_by_name() {
    on_board!();
    let kinds = object("tests/kinds.bpf.o");
    let done = load(&[&kinds, "--dry-run", "--keep-going", "--prog", "kind_tp"]);
    assert_eq!(done.stdout, ["ok kind_tp"], "{done:#?}");
    let done = load(&[&kinds, "--dry-run", "--prog", "kind_tp"]);
    assert_eq!((done.code, done.stdout.len()), (Some(0), 2), "{done:#?}");
}

#[test]
fn a_load_that_is_asked_for_wrongly_is_told_what_would_be_right() {
    on_board!();
    let kinds = object("tests/kinds.bpf.o");
    for (line, words) in [
        (&[&*kinds][..], &["--dry-run", "--pin"][..]),
        (
            &[&kinds, "--dry-run", "--pin", "/sys/fs/bpf/x"],
            &["opposite"],
        ),
        (
            &[&kinds, "--pin", "/sys/fs/bpf/x", "--keep-going"],
            &["--dry-run"],
        ),
        (&[&kinds, "--dry-run", "--no-attach"], &["--pin"]),
        (&["--dry-run"], &["object"]),
        (
            &[&kinds, "--dry-run", "--prog", "none"],
            &["none", "kind_tp"],
        ),
        (
            &[&kinds, "--dry-run", "--set", "none=1"],
            &["none", "target"],
        ),
        (&[&kinds, "--dry-run", "--put", "none", "0", "1"], &["none"]),
    ] {
        println!("{line:?}");
        load(line).failed(USAGE, words);
    }
}

/// A folder in the BPF file system, which is mounted where it is not.
fn folder(name: &str) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    if !mounts.contains(" /sys/fs/bpf bpf ") {
        let mount = ["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"];
        let status = Command::new("/bin/busybox").args(mount).status().unwrap();
        assert!(status.success(), "mount");
    }
    ["/sys/fs/bpf/", name].concat()
}

fn unload(folder: &str) -> Done {
    let mut command = full();
    command.args(["unload", folder]);
    Watch::spawn(command).end()
}

/// Names in a folder, in order.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_pinned_stays_and_what_is_unloaded_is_gone() {
    on_board!();
    let before = Snapshot::take();
    let folder = folder("pinned");
    // A raw tracepoint, which every kernel attaches by a link.
    let kinds = object("tests/kinds.bpf.o");
    let done = load(&[&kinds, "--pin", &folder, "--prog", "kind_raw_tp"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let there = Snapshot::take().since(&before);
    assert!(!there.programs.is_empty(), "{there:?}");
    assert_eq!(
        there.links.len(),
        names(&[&folder, "/links"].concat()).len()
    );
    // A second load does not mix with it.
    let again = load(&[&kinds, "--pin", &folder, "--no-attach"]);
    again.failed(USAGE, &[&folder, "btfly unload"]);

    let done = unload(&folder);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let last = format!("removed folder {folder}");
    assert_eq!(done.stdout.last(), Some(&last), "{done:#?}");
    assert!(done.stdout[0].starts_with("removed link "), "{done:#?}");
    assert!(!Path::new(&folder).exists());
    before.is_restored();
    unload(&folder).failed(USAGE, &[&folder, "No such file"]);
}

#[test]
fn without_attaching_there_are_programs_and_maps() {
    on_board!();
    let before = Snapshot::take();
    let folder = folder("unattached");
    let kinds = object("tests/kinds.bpf.o");
    let done = load(&[&kinds, "--pin", &folder, "--no-attach", "--prog", "kind_tp"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!(names(&folder), ["kind_tp", "maps"]);
    let maps = names(&[&folder, "/maps"].concat());
    assert!(maps.contains(&"kinds".to_owned()), "{maps:?}");
    assert!(maps.contains(&"_rodata".to_owned()), "{maps:?}");
    assert!(Snapshot::take().since(&before).links.is_empty());
    assert_eq!(unload(&folder).code, Some(0));
    before.is_restored();
}

#[test]
fn what_can_not_stay_attached_leaves_nothing() {
    on_board!();
    let before = Snapshot::take();
    let folder = folder("perf");
    let line = |more: &[&str]| {
        let no_core = object("tests/no_core.bpf.o");
        load(&[&[&*no_core, "--pin", &*folder], more].concat())
    };
    // A tracepoint is attached by a perf event, which can be pinned from 5.15 on.
    let done = line(&["--without", "perf-link"]);
    done.failed(MISSING, &["5.15", "--no-attach"]);
    assert!(!Path::new(&folder).exists());
    before.is_restored();
    let done = line(&[]);
    match version() >= (5, 15) {
        true => {
            assert_eq!(done.code, Some(0), "{done:#?}");
            assert_eq!(unload(&folder).code, Some(0));
        }
        false => done.failed(MISSING, &["5.15", "--no-attach"]),
    }
    before.is_restored();
}

#[test]
fn pins_have_their_place_and_nothing_else_is_removed() {
    on_board!();
    let before = Snapshot::take();
    let no_core = object("tests/no_core.bpf.o");
    let done = load(&[&no_core, "--pin", "/tmp/pinned", "--no-attach"]);
    done.failed(MISSING, &["/tmp/pinned", "mount -t bpf bpf /sys/fs/bpf"]);
    unload("/tmp").failed(USAGE, &["/tmp", "BPF file system"]);

    let folder = folder("foreign");
    let done = load(&[&no_core, "--pin", &folder, "--no-attach"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let other = [&folder, "/other"].concat();
    fs::create_dir(&other).unwrap();
    unload(&folder).failed(USAGE, &[&other]);
    assert!(Path::new(&folder).join("maps").exists());
    fs::remove_dir(&other).unwrap();
    assert_eq!(unload(&folder).code, Some(0));
    before.is_restored();
}

#[test]
fn a_load_that_is_refused_leaves_no_pins() {
    on_board!();
    let before = Snapshot::take();
    let folder = folder("refused");
    let done = load(&[&object("tests/refused.bpf.o"), "--pin", &folder]);
    done.failed(VERIFIER, &["read_behind_the_end"]);
    assert!(!Path::new(&folder).exists());
    before.is_restored();
}
