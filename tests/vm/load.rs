//! `btfly load`: what loads is said, program by program, and nothing stays that nobody pinned.

use crate::board::{object, on_board};
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
        (&[&*kinds][..], &["--dry-run"][..]),
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
