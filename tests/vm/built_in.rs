//! A binary with the BTF of the board kernel inside.

use std::io::Write;
use std::path::Path;
use std::process::{self, Command, Stdio};

use crate::board::{Board, object, on_board};
use crate::left::Snapshot;
use crate::program::{BUSYBOX, tag};
use crate::run::{HELLO_OPTIONS, hello_greets, relo_tells_the_truth};
use crate::types::{begin, blindfold, end, release, traced};

const MISSING: i32 = 3;

/// The binary where this kernel shows no BTF; `None`: the suite has made none.
fn built_in(board: &Board, args: &[&str]) -> Option<Command> {
    let path = std::env::var("BTFLY_BUILT_IN").expect("BTFLY_BUILT_IN");
    if !Path::new(&path).exists() {
        println!("there is no binary with BTF inside");
        return None;
    }
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    Some(blindfold(board, command, args))
}

/// Whether the BTF of this kernel is inside. The board kernels have one release; that with large pages
/// has another BTF.
fn is_in_set(board: &Board) -> bool {
    board
        .archive()
        .is_some_and(|path| !path.ends_with("board-64k.btf.tar.xz"))
}

#[test]
fn objects_run_by_the_btf_that_was_built_in_for_this_kernel() {
    on_board!(board);
    let (hello, relo) = (object("hello.bpf.o"), object("tests/relo.bpf.o"));
    let line = [&["run", &hello], &HELLO_OPTIONS[..]].concat();
    let Some(command) = built_in(&board, &line).filter(|_| is_in_set(&board)) else {
        return;
    };
    let before = Snapshot::take();
    if board.has_kprobes() {
        hello_greets(begin(command));
    }
    let line = ["run", &relo, "--event", "relocated=values"];
    relo_tells_the_truth(begin(built_in(&board, &line).unwrap()));
    // What the set was not made for: types that are known without BTF still are, and others are named.
    let target = format!("target={}", process::id());
    let object_of_records = object("tests/traced.bpf.o");
    let line = [
        "run",
        &object_of_records,
        "--event",
        "records=traced",
        "--set",
        &target,
    ];
    traced(built_in(&board, &line).unwrap());
    let done = end(
        built_in(&board, &["run"]).unwrap(),
        &[&object("tests/missing_field.bpf.o")],
    );
    let name = ["board/5.10/aarch64/", &*release()].concat();
    let set = ["the BTF built in for ", &*name].concat();
    done.failed(MISSING, &["task_struct.no_such_field", &set]);
    // Without types, the parent of a process that was forked before anyone looked is not known.
    let tag = tag();
    let mut shell = Command::new(BUSYBOX);
    let script = format!("read line; exec {BUSYBOX} true {tag}");
    shell.args(["sh", "-c", &script]).stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let watch = begin(built_in(&board, &["exec"]).unwrap());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let line = watch.line(&tag, |line| line.split(' ').any(|word| word == tag));
    let words: Vec<&str> = line.split_whitespace().collect();
    let (pid, own) = (child.id().to_string(), process::id().to_string());
    assert_eq!(words, ["busybox", &pid, &own, "0", BUSYBOX, "true", &tag]);
    child.wait().unwrap();
    watch.stop();
    let done = end(built_in(&board, &["doctor"]).unwrap(), &[]);
    let row = [
        "built in      ",
        &*name,
        ", for the objects that it was made for",
    ]
    .concat();
    assert!(done.stdout.contains(&row), "{done:#?}");
    assert_eq!(done.code, Some(0));
    before.is_restored();
}

#[test]
fn a_kernel_that_is_not_in_the_set_falls_through() {
    on_board!(board);
    let Some(command) = built_in(&board, &["doctor"]).filter(|_| board.has_btf()) else {
        return;
    };
    let done = end(command, &[]);
    let is_row = |line: &&String| line.starts_with("built in ");
    let row = done.stdout.iter().find(is_row).unwrap();
    assert!(row.ends_with(" kernels, and not this one"), "{row}");
    assert_eq!(done.code, Some(MISSING));
    let done = end(
        built_in(&board, &["run"]).unwrap(),
        &[&object("tests/relo.bpf.o")],
    );
    done.failed(MISSING, &["task_struct", "this kernel has no BTF"]);
}
