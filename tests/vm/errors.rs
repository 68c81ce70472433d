//! Bad input and bad places: each gets its exit code and at most three lines that name the
//! culprit, and leaves nothing behind.

use std::fs;
use std::process::Command;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::program;
use crate::sandbox;
use crate::watch::{Done, Watch, full, run};

const USAGE: i32 = 1;
const BAD_OBJECT: i32 = 2;
const MISSING: i32 = 3;
const PERMISSION: i32 = 4;
const VERIFIER: i32 = 5;

fn in_place(mut command: Command, args: &[&str]) -> Done {
    command.args(args);
    Watch::spawn(command).end()
}

/// A changed copy of an object's file.
fn changed(name: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = fs::read(object("hello.bpf.o")).unwrap();
    change(&mut bytes);
    program::executable(name, &bytes)
}

#[test]
fn files_that_are_no_good_are_refused_with_a_reason() {
    on_board!();
    let before = Snapshot::take();
    let x86 = changed("x86.o", |bytes| {
        bytes[18..20].copy_from_slice(&62u16.to_le_bytes())
    });
    let big_endian = changed("big.o", |bytes| bytes[5] = 2);
    let class_32 = changed("class32.o", |bytes| bytes[4] = 1);
    let executable = changed("executable.o", |bytes| bytes[16] = 2);
    // The names of sections share their ends: this takes .BTF.ext and .rel.BTF along.
    let no_btf = changed("no_btf.o", |bytes| {
        while let Some(at) = bytes.windows(4).position(|w| w == b".BTF") {
            bytes[at + 1] = b'X';
        }
    });
    let text = program::executable("text.o", b"this is not an object\n");
    let btfly = std::env::var("BTFLY").unwrap();
    for (path, words) in [
        (
            "/tmp/no-such-file.o",
            &["/tmp/no-such-file.o", "No such file"][..],
        ),
        ("/tmp", &["/tmp"]),
        (&x86, &[&x86, "BPF"]),
        (&big_endian, &[&big_endian, "endian"]),
        (&class_32, &[&class_32, "64"]),
        (&executable, &[&executable, "relocatable"]),
        (&no_btf, &[&no_btf, "BTF"]),
        (&text, &[&text, "ELF"]),
        (&btfly, &[&btfly]),
        (
            &object("tests/unknown_section.bpf.o"),
            &["never", "no_such_kind/x", "kprobe", "tracepoint"],
        ),
    ] {
        println!("{path}");
        run(&["run", path]).failed(BAD_OBJECT, words);
    }
    before.is_restored();
}

#[test]
fn an_object_that_was_cut_off_is_refused() {
    on_board!();
    let whole = fs::read(object("hello.bpf.o")).unwrap();
    let (len, step) = (whole.len(), whole.len() / 37);
    let steps = (0..len).step_by(step);
    for length in [1, 3, 4, 15, 16, 63, 64, 65, len - 65, len - 64, len - 1]
        .into_iter()
        .chain(steps)
    {
        let path = program::executable("cut.o", &whole[..length]);
        let done = run(&["run", &path]);
        println!("{length} of {len} bytes: {}", done.stderr.join(" / "));
        done.failed(BAD_OBJECT, &["/tmp/cut.o"]);
    }
}

#[test]
fn a_field_that_the_kernel_lacks_is_named_with_its_program_and_instruction() {
    on_board!(board);
    let before = Snapshot::take();
    let done = run(&["run", &object("tests/missing_field.bpf.o")]);
    match board.has_btf() {
        true => done.failed(
            MISSING,
            &[
                "task_struct.no_such_field",
                "read_missing_field",
                "instruction 15 (missing_field.bpf.c:",
            ],
        ),
        false => done.failed(MISSING, &["task_struct", "read_missing_field", "BTF"]),
    }
    before.is_restored();
}

#[test]
fn a_kprobe_on_a_function_that_does_not_exist_is_named() {
    on_board!(board);
    let before = Snapshot::take();
    let missing = object("tests/missing_symbol.bpf.o");
    for options in [&[][..], &["--without", "kprobe-pmu"]] {
        let done = run(&[&["run", &missing], options].concat());
        match board.has_kprobes() {
            true => done.failed(MISSING, &["no_such_function_anywhere"]),
            false => done.failed(MISSING, &["no kprobes", "CONFIG_KPROBE"]),
        }
        before.is_restored();
    }
}

#[test]
fn a_kernel_without_kprobes_says_so() {
    on_board!(board);
    if board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    let done = run(&["run", &object("tests/kinds.bpf.o"), "--event", "seen"]);
    done.failed(
        MISSING,
        &["__arm64_sys_openat", "no kprobes", "CONFIG_KPROBE"],
    );
    before.is_restored();
}

#[test]
fn a_tracepoint_that_does_not_exist_is_named() {
    on_board!();
    let before = Snapshot::take();
    let done = run(&["run", &object("tests/missing_tracepoint.bpf.o")]);
    done.failed(MISSING, &["no_such_category", "no_such_event"]);
    before.is_restored();
}

#[test]
fn what_the_verifier_refuses_is_told_by_its_most_useful_line() {
    on_board!();
    let before = Snapshot::take();
    let refused = object("tests/refused.bpf.o");
    let done = run(&["run", &refused]);
    done.failed(
        VERIFIER,
        &[
            "read_behind_the_end",
            "invalid access to map value",
            "instruction 8",
        ],
    );
    let done = run(&["run", &refused, "-v"]);
    let log = done.stderr.join("\n");
    assert_eq!(done.code, Some(VERIFIER), "{log}");
    // The source line, which the kernel knows from the object's line information.
    for words in ["first[40]", "behind the end", "off=320"] {
        assert!(log.contains(words), "{words} in {log}");
    }
    before.is_restored();
}

#[test]
fn without_root_it_says_that_root_is_needed() {
    on_board!();
    let no_core = object("tests/no_core.bpf.o");
    for line in [&["exec"][..], &["run", &no_core]] {
        in_place(sandbox::as_nobody(), line).failed(PERMISSION, &["not permitted", "root"]);
    }
}

#[test]
fn a_sandbox_that_refuses_bpf_or_perf_events_is_a_matter_of_permission() {
    on_board!();
    let before = Snapshot::take();
    let no_core = object("tests/no_core.bpf.o");
    for (number, name) in [
        (libc::SYS_bpf, "bpf"),
        (libc::SYS_perf_event_open, "perf_event_open"),
    ] {
        println!("without {name}");
        for line in [&["exec"][..], &["run", &no_core]] {
            let done = in_place(sandbox::without_syscall(number), line);
            done.failed(PERMISSION, &["not permitted"]);
            before.is_restored();
        }
    }
}

/// An object that needs kernel types says which, where there are none.
fn types_are_named(command: impl Fn() -> Command) {
    let before = Snapshot::take();
    let hello = object("hello.bpf.o");
    let done = in_place(command(), &["run", &hello, "--event", "output=data_t"]);
    done.failed(MISSING, &["task_struct", "BTF", "--btf"]);
    let done = in_place(command(), &["run", &object("tests/relo.bpf.o")]);
    done.failed(MISSING, &["task_struct", "mm_struct", "BTF"]);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert!(
        done.stderr.join("\n").contains(release.trim_end()),
        "{done:?}"
    );
    before.is_restored();
}

#[test]
fn without_btf_the_missing_types_are_named() {
    on_board!(board);
    match board.has_btf() {
        true => types_are_named(sandbox::without_btf),
        false => types_are_named(full),
    }
}

#[test]
fn a_btf_file_that_is_none_is_refused() {
    on_board!();
    let before = Snapshot::take();
    let relo = object("tests/relo.bpf.o");
    for path in ["/tmp/no-such.btf", "/etc/passwd"] {
        let done = run(&["run", &relo, "--btf", path]);
        assert!(matches!(done.code, Some(1..=6)), "{done:?}");
        let code = done.code.unwrap();
        done.failed(code, &[path]);
        before.is_restored();
    }
}

#[test]
fn a_command_line_that_is_wrong_is_told_what_would_be_right() {
    on_board!();
    let before = Snapshot::take();
    let (hello, kinds) = (object("hello.bpf.o"), object("tests/kinds.bpf.o"));
    let cases: &[(&[&str], &[&str])] = &[
        (&["no-such-command"], &["no-such-command"]),
        (&["exec", "--no-such-option"], &["--no-such-option"]),
        (&["exec", "-u", "root"], &["root"]),
        (&["exec", "--duration", "soon"], &["--duration", "soon"]),
        (&["exec", "--duration"], &["--duration"]),
        (&["exec", "extra"], &["extra"]),
        (&["run"], &["object"]),
        (
            &["run", &hello, "--event", "no_such_type"],
            &["no_such_type", "data_t"],
        ),
        (
            &["run", &hello, "--event", "no_such_map=data_t"],
            &["no_such_map", "output"],
        ),
        (&["run", &hello, "--put", "my_config", "0"], &["--put"]),
        (
            &["run", &hello, "--put", "no_such_map", "0", "1"],
            &["no_such_map", "my_config"],
        ),
        (
            &["run", &hello, "--put", "my_config", "x", "{}"],
            &["my_config", "key"],
        ),
        (
            &[
                "run",
                &hello,
                "--put",
                "my_config",
                "0",
                "{no_such_field: 1}",
            ],
            &["no_such_field"],
        ),
        (
            &[
                "run",
                &hello,
                "--put",
                "my_config",
                "0",
                r#"{message: "far too long for it"}"#,
            ],
            &["my_config", "value"],
        ),
        (&["run", &kinds, "--set", "target"], &["VAR=VALUE"]),
        (
            &["run", &kinds, "--set", "no_such_variable=1"],
            &["no_such_variable", "target"],
        ),
        (&["run", &kinds, "--set", "target=4294967296"], &["target"]),
        (&["run", &kinds, "--set", "target=many"], &["target"]),
        (
            &["run", &kinds, "--prog", "no_such_program"],
            &["no_such_program", "kind_tp"],
        ),
    ];
    for (line, words) in cases {
        println!("{line:?}");
        run(line).failed(USAGE, words);
    }
    before.is_restored();
}

#[test]
fn help_and_version_go_to_stdout() {
    on_board!();
    for (line, words) in [
        (&[][..], &["exec", "run", "list", "--version"][..]),
        (&["--help"], &["exec", "run"]),
        (&["help", "run"], &["--put", "--event", "--set"]),
        (
            &["run", "--help"],
            &["--put", "--event", "--set", "--duration"],
        ),
        (&["--version"], &["btfly 0."]),
        (&["list"], &["exec"]),
    ] {
        let done = run(line);
        let text = done.stdout.join("\n");
        assert_eq!(done.code, Some(0), "{line:?} {done:?}");
        assert!(done.stderr.is_empty(), "{line:?} {done:?}");
        for word in words {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
