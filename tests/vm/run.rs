//! `btfly run`: objects from disk, their events in named columns, maps and globals set by words.

use std::ffi::{CString, c_long};
use std::os::unix::process::CommandExt;
use std::process::{self, Command};

use crate::board::{object, on_board};
use crate::program::{BUSYBOX, NOBODY, finish, start, start_as, tag};
use crate::table::Table;
use crate::watch::{Done, Watch, btfly, full, watch, watch_by};

/// What prctl(2) is called with to give the test objects something to report.
pub const OPTION: c_long = 0x6274_666c;
pub const NR_PRCTL: i64 = 167;

pub fn prctl(number: u64) {
    // Safety: not an option that the kernel knows: it does nothing.
    unsafe { libc::syscall(libc::SYS_prctl, OPTION, number, 0, 0, 0) };
}

/// Waits for `count` rows whose column is a number.
pub fn rows(watch: &Watch, table: &Table, count: usize, column: &str, number: i64) -> Vec<String> {
    let header = watch.header();
    watch.lines(count, |line| {
        line != header && table.number(line, column) == number
    })
}

fn quiet(done: &Done) {
    assert_eq!(done.stderr, [""; 0]);
}

#[test]
fn hello_shows_named_columns_and_the_message_of_each_user() {
    on_board!(board);
    if !board.has_btf() {
        return; // errors.rs has what it says there.
    }
    let hello = object("hello.bpf.o");
    let line = [&["run", &hello], &HELLO_OPTIONS[..]];
    hello_greets(watch(&line.concat()));
}

/// What [`hello_greets`] is to be started with behind the object.
pub const HELLO_OPTIONS: [&str; 6] = [
    "--event",
    "output=data_t",
    "--put",
    "my_config",
    "0",
    r#"{message: "hey root"}"#,
];

/// Checks what hello.bpf.o says of some programs that are started.
pub fn hello_greets(watch: Watch) {
    let table = Table::new(&watch.header());
    assert_eq!(table.names(), ["PID", "UID", "COMMAND", "MESSAGE", "PATH"]);
    let mut started = Vec::new();
    for uid in [None, Some(NOBODY)].into_iter().cycle().take(20) {
        started.push((start_as(uid, &[&tag()]).pid, uid.unwrap_or(0)));
    }
    for (pid, uid) in started {
        let row = &rows(&watch, &table, 1, "PID", i64::from(pid))[0];
        assert_eq!(table.number(row, "UID"), i64::from(uid), "{row}");
        let message = if uid == 0 { "hey root" } else { "Hello World" };
        assert_eq!(table.text(row, "MESSAGE"), message, "{row}");
        assert_eq!(table.text(row, "PATH"), BUSYBOX, "{row}");
    }
    quiet(&watch.stop());
}

#[test]
fn hello_without_entries_greets_the_world_and_sees_every_program() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let watch = watch(&["run", &object("hello.bpf.o"), "--event", "data_t"]);
    let table = Table::new(&watch.header());
    let pids: Vec<u32> = (0..50).map(|_| start(&[]).pid).collect();
    for pid in pids {
        let row = &rows(&watch, &table, 1, "PID", i64::from(pid))[0];
        assert_eq!(table.text(row, "MESSAGE"), "Hello World", "{row}");
    }
    quiet(&watch.stop());
}

#[test]
fn several_entries_and_a_global_can_be_set() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let hello = object("hello.bpf.o");
    let line = [
        &[
            "run",
            &hello,
            "--event",
            "output=data_t",
            "--set",
            r#"message="servus""#,
        ][..],
        &["--put", "my_config", "0", r#"{message: "root"}"#],
        &["--put", "my_config", "65534", r#"{message: "nobody"}"#],
    ];
    let watch = watch(&line.concat());
    let table = Table::new(&watch.header());
    for (uid, message) in [(0, "root"), (NOBODY, "nobody"), (1234, "servus")] {
        let pid = start_as(Some(uid), &[]).pid;
        let row = &rows(&watch, &table, 1, "PID", i64::from(pid))[0];
        assert_eq!(table.text(row, "MESSAGE"), message, "{row}");
    }
    quiet(&watch.stop());
}

#[test]
fn the_report_of_v_names_each_relocation() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let hello = object("hello.bpf.o");
    let watch = watch(&["run", &hello, "--event", "output=data_t", "-v"]);
    let done = watch.stop();
    let report = done.stderr.join("\n");
    for words in [
        "struct task_struct.tgid (0:1 @ offset 4)",
        "struct pt_regs.orig_x0",
        "4 -> ",
    ] {
        assert!(report.contains(words), "{words} in {report}");
    }
}

#[test]
fn an_object_without_relocations_runs_on_every_kernel() {
    on_board!();
    let line = ["run", &object("tests/no_core.bpf.o"), "--event", "call"];
    let watch = watch(&[&line[..], &["--set", "offset=1000"]].concat());
    let table = Table::new(&watch.header());
    assert_eq!(
        table.names(),
        ["PID", "TIMES", "NUMBER", "ADDED", "COMMAND"]
    );
    let command = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    for time in 1..=20 {
        prctl(time * 11);
        let row = &rows(&watch, &table, 1, "NUMBER", time as i64 * 11)[0];
        assert_eq!(table.number(row, "PID"), i64::from(process::id()), "{row}");
        assert_eq!(table.number(row, "TIMES"), time as i64, "{row}");
        assert_eq!(table.number(row, "ADDED"), time as i64 * 11 + 1000, "{row}");
        assert_eq!(table.text(row, "COMMAND"), command.trim_end(), "{row}");
    }
    quiet(&watch.stop());
}

/// Numbers in kinds.bpf.c. Those that see the return carry what was returned.
const KINDS: [(i64, bool); 8] = [
    (1, false),
    (2, true),
    (3, false),
    (4, true),
    (5, false),
    (6, true),
    (7, false),
    (8, true),
];

/// Opens files and checks that every kind of program reports each time.
pub fn every_kind_reports(build: fn() -> Command, options: &[&str]) {
    const TIMES: usize = 10;
    let target = format!("target={}", process::id());
    let kinds = object("tests/kinds.bpf.o");
    let line = ["run", &kinds, "--event", "kinds=seen", "--set", &target];
    let watch = watch_by(build, &[&line[..], options].concat());
    let table = Table::new(&watch.header());
    let path = CString::new(format!("/tmp/no-such-{}", tag())).unwrap();
    for _ in 0..TIMES {
        // Safety: the path lives on.
        let result = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), 0) };
        assert_eq!(result, -1);
    }
    for (kind, returns) in KINDS {
        for row in rows(&watch, &table, TIMES, "KIND", kind) {
            assert_eq!(table.number(&row, "PID"), i64::from(process::id()), "{row}");
            let expected = if returns { -libc::ENOENT } else { 0 };
            assert_eq!(table.number(&row, "RET"), i64::from(expected), "{row}");
        }
    }
    let done = watch.stop();
    quiet(&done);
    for (kind, _) in KINDS {
        let of_kind = |line: &&String| table.number(line, "KIND") == kind;
        let count = done.stdout.iter().skip(1).filter(of_kind).count();
        assert_eq!(count, TIMES, "events of kind {kind}: {:#?}", done.stdout);
    }
}

#[test]
fn every_kind_of_program_attaches_and_reports() {
    on_board!(board);
    if board.has_kprobes() {
        every_kind_reports(btfly, &[]);
    }
}

#[test]
fn every_kind_works_where_newer_features_are_missing() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    for options in [
        ["--without", "kprobe-pmu"],
        ["--without", "perf-link"],
        ["--without", "mmapable-array,memcg-accounting"],
        ["--without", "object-names"],
        ["--without", "btf"],
        ["--as-kernel", "5.3"],
    ] {
        println!("{options:?}");
        every_kind_reports(full, &options);
    }
}

#[test]
fn programs_can_be_chosen_by_name() {
    on_board!();
    let target = format!("target={}", process::id());
    let kinds = object("tests/kinds.bpf.o");
    let line = [
        "run", &kinds, "--event", "seen", "--set", &target, "--prog", "kind_tp",
    ];
    let watch = watch(&line);
    let table = Table::new(&watch.header());
    // Safety: the path is static.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/none".as_ptr(), 0) };
    rows(&watch, &table, 1, "KIND", 5);
    let done = watch.stop();
    assert_eq!(done.stdout.len(), 2, "{:#?}", done.stdout);
}

#[test]
fn subprograms_and_globals_give_the_right_numbers() {
    on_board!();
    subprograms_give_numbers(btfly, &[]);
}

/// Checks what subprog.bpf.o computes with these options.
pub fn subprograms_give_numbers(build: fn() -> Command, options: &[&str]) {
    let subprog = object("tests/subprog.bpf.o");
    for (set, factor, step, greeting) in [
        (&[][..], 7, 100, "moin"),
        (
            &[
                "--set",
                "factor=1",
                "--set",
                "step=5",
                "--set",
                r#"greeting="hi""#,
            ],
            1,
            5,
            "hi",
        ),
    ] {
        let watch = watch_by(
            build,
            &[
                &["run", &*subprog, "--event", "results=result"],
                set,
                options,
            ]
            .concat(),
        );
        let table = Table::new(&watch.header());
        let mut total = 0;
        let numbers = [1, 20, 300];
        numbers.into_iter().for_each(prctl);
        for x in numbers {
            let x = x as i64;
            let found = rows(&watch, &table, 2, "X", x);
            let mut programs: Vec<i64> = found.iter().map(|r| table.number(r, "PROGRAM")).collect();
            programs.sort_unstable();
            assert_eq!(programs, [1, 2], "{found:#?}");
            for row in &found {
                assert_eq!(table.number(row, "PID"), i64::from(process::id()), "{row}");
                assert_eq!(table.number(row, "TRIPLED"), 3 * x, "{row}");
                assert_eq!(
                    table.number(row, "MIXED"),
                    (3 * x + factor) * 2 + step,
                    "{row}"
                );
                assert_eq!(table.text(row, "GREETING"), greeting, "{row}");
            }
            let mut totals: Vec<i64> = found.iter().map(|r| table.number(r, "TOTAL")).collect();
            totals.sort_unstable();
            assert_eq!(totals, [total + x, total + 2 * x], "{found:#?}");
            total += 2 * x;
        }
        quiet(&watch.stop());
    }
}

#[test]
fn relocated_values_are_the_truth() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let relo = object("tests/relo.bpf.o");
    relo_tells_the_truth(watch(&["run", &relo, "--event", "relocated=values"]));
}

/// Checks what relo.bpf.o reads by relocations against what helpers and this process know.
pub fn relo_tells_the_truth(watch: Watch) {
    // A process of its own, so that its name, user and arguments are known.
    let table = Table::new(&watch.header());
    let mut command = Command::new(BUSYBOX);
    command.arg0("truth").arg("true").uid(NOBODY);
    // Safety: between fork and exec only a system call is made.
    unsafe {
        command.pre_exec(|| {
            prctl(4711);
            Ok(())
        });
    }
    let pid = i64::from(finish(command).pid);
    let row = &rows(&watch, &table, 1, "NUMBER", 4711)[0];
    let number = |column| table.number(row, column);
    for column in [
        "PID",
        "HELPER_PID",
        "TGID",
        "HELPER_TGID",
        "FLAVOUR_TGID",
        "LEADER_TGID",
    ] {
        assert_eq!(number(column), pid, "{column} in {row}");
    }
    assert_eq!(number("PPID"), i64::from(process::id()), "{row}");
    for column in ["UID", "HELPER_UID"] {
        assert_eq!(number(column), i64::from(NOBODY), "{column} in {row}");
    }
    let comm = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    for column in ["COMM", "HELPER_COMM"] {
        assert_eq!(
            table.text(row, column),
            comm.trim_end(),
            "{column} in {row}"
        );
    }
    // Of the test's own: a child's pages are all "old" after fork, which CPUs without hardware
    // access flags answer with a fault, and a program can't read through a fault.
    let own = std::env::args().next().unwrap();
    prctl(4712);
    let direct = &rows(&watch, &table, 1, "NUMBER", 4712)[0];
    assert_eq!(table.text(direct, "ARGV0"), own, "{direct}");
    assert_eq!(number("ID"), NR_PRCTL, "{row}");
    assert_eq!(number("OPTION"), OPTION, "{row}");
    for (column, expected) in [
        ("SIZE_OF_COMM", 16),
        ("SIZE_OF_PID", 4),
        ("SIZE_OF_MM", 8),
        ("FIELD_THERE", 1),
        ("FIELD_MISSING", 0),
        ("TYPE_THERE", 1),
        ("TYPE_MISSING", 0),
        ("GUARDED", 1),
    ] {
        assert_eq!(number(column), expected, "{column} in {row}");
    }
    quiet(&watch.stop());
}

#[test]
fn events_without_a_type_are_shown_in_hex() {
    on_board!();
    let watch = watch(&["run", &object("tests/no_core.bpf.o")]);
    prctl(0x1122_3344_5566_7788);
    let row = watch.line("the number in hex", |line| {
        line.contains("8877665544332211")
    });
    let pid: String = process::id()
        .to_le_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert!(row.starts_with(&pid), "{row} and {pid}");
    watch.stop();
}
