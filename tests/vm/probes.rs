//! Probes in user space, of many functions at once, by perf events, and their cookies.

use std::fs;
use std::process::{self, Command, Stdio};

use crate::board::{object, on_board, version};
use crate::left::Snapshot;
use crate::probed;
use crate::program::{BUSYBOX, finish};
use crate::rings::stay;
use crate::table::Table;
use crate::watch::{Done, Watch, full};

const USAGE: i32 = 1;
const MISSING: i32 = 3;
const OTHER: i32 = 6;

const BY_TRACEFS: &[&str] = &["--without", "kprobe-pmu"];
const ONE_BY_ONE: &[&str] = &["--without", "kprobe-multi,uprobe-multi"];

/// Starts some programs of an object, and waits until they are attached.
fn watch(object_name: &str, programs: &[&str], options: &[&str]) -> Watch {
    let watch = Watch::spawn(command(object_name, programs, options));
    watch.header();
    watch
}

/// The same, to its end.
fn run(object_name: &str, programs: &[&str], options: &[&str]) -> Done {
    Watch::spawn(command(object_name, programs, options)).end()
}

fn command(object_name: &str, programs: &[&str], options: &[&str]) -> Command {
    let mut command = full();
    command.args(["run", &object(object_name)]).args(options);
    if ["tests/probes.bpf.o", "tests/cookies.bpf.o"].contains(&object_name) {
        command.args(["--event", "hit"]);
    }
    for program in programs {
        command.args(["--prog", program]);
    }
    command.env("PATH", "/bin:/tmp");
    command
}

fn probes(programs: &[&str], options: &[&str]) -> Watch {
    watch("tests/probes.bpf.o", programs, options)
}

/// Runs the program to be probed.
fn probe() -> u32 {
    finish(Command::new(probed::PATH)).pid
}

/// What a process was seen to do: the number of the program, and its value.
fn hits(watch: &Watch, pid: u32, count: usize) -> Vec<(i64, i64)> {
    let table = Table::new(&watch.header());
    let header = watch.header();
    let of_process = |line: &str| line != header && table.number(line, "PID") == i64::from(pid);
    let rows = watch.lines(count, of_process);
    let numbers = |row: &String| (table.number(row, "PROGRAM"), table.number(row, "VALUE"));
    rows.iter().map(numbers).collect()
}

fn quiet(watch: Watch) {
    let done = watch.stop();
    assert_eq!(done.stderr, [""; 0]);
}

#[test]
fn uprobes_see_a_function_its_return_an_instruction_in_it_and_a_byte_of_the_file() {
    on_board!();
    probed::make();
    let before = Snapshot::take();
    for options in [&[][..], BY_TRACEFS] {
        for (program, number, value) in [
            ("on_work", 1, 7),
            ("on_return", 2, 8),
            ("on_second_insn", 3, 8),
            ("on_byte", 4, 8),
            ("on_name", 5, 7),
        ] {
            let watch = probes(&[program], options);
            let events = fs::read_to_string("/sys/kernel/tracing/uprobe_events").unwrap();
            assert_eq!(
                events.contains("btfly/uprobe_"),
                !options.is_empty(),
                "{events}"
            );
            for _ in 0..3 {
                let pid = probe();
                assert_eq!(
                    hits(&watch, pid, 1),
                    [(number, value)],
                    "{program} {options:?}"
                );
            }
            quiet(watch);
            before.is_restored();
        }
    }
}

#[test]
fn a_process_can_be_chosen_for_uprobes() {
    on_board!();
    probed::make();
    let before = Snapshot::take();
    let patient = || {
        let mut command = Command::new(probed::PATH);
        command.stdin(Stdio::piped()).spawn().unwrap()
    };
    for (program, number, options) in [
        ("on_work", 1, &[][..]),
        ("on_work", 1, BY_TRACEFS),
        ("on_each", 6, &[]),
        ("on_each", 6, ONE_BY_ONE),
    ] {
        let (mut other, mut chosen) = (patient(), patient());
        let pid = chosen.id().to_string();
        let watch = probes(&[program], &[&["--pid", &pid], options].concat());
        for child in [&mut other, &mut chosen] {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        assert_eq!(hits(&watch, chosen.id(), 1)[0], (number, 7), "{options:?}");
        let table = Table::new(&watch.header());
        let seen = watch.so_far();
        let mut pids = seen.iter().skip(1).map(|line| table.number(line, "PID"));
        assert!(pids.all(|pid| pid == i64::from(chosen.id())), "{seen:#?}");
        quiet(watch);
        before.is_restored();
    }
    run("tests/probes.bpf.o", &["on_work"], &["--pid", "999999"])
        .failed(USAGE, &["uprobe /tmp/probed:work", "no process 999999"]);
    before.is_restored();
}

#[test]
fn many_functions_of_a_program_are_probed_by_a_pattern() {
    on_board!();
    // Of two CPUs each has a ring of its own.
    stay();
    probed::make();
    let before = Snapshot::take();
    for options in [
        &[][..],
        ONE_BY_ONE,
        &["--without", "kprobe-pmu,uprobe-multi"],
    ] {
        let watch = probes(&["on_each"], options);
        assert_eq!(hits(&watch, probe(), 2), [(6, 7), (6, 8)], "{options:?}");
        quiet(watch);
        let watch = probes(&["on_each_return"], options);
        assert_eq!(hits(&watch, probe(), 2), [(7, 8), (7, 10)], "{options:?}");
        quiet(watch);
        before.is_restored();
    }
}

#[test]
fn sessions_see_entry_and_return_where_the_kernel_has_them() {
    on_board!(board);
    // Of two CPUs each has a ring of its own.
    stay();
    probed::make();
    let before = Snapshot::take();
    if version() >= (6, 14) {
        let watch = probes(&["on_both"], &[]);
        assert_eq!(hits(&watch, probe(), 2), [(8, 7), (8, 8)]);
        quiet(watch);
        let watch = probes(&["on_kernel_both"], &[]);
        getpid_calls();
        hits(&watch, process::id(), 4);
        quiet(watch);
    } else {
        let session = |program| run("tests/probes.bpf.o", &[program], &[]);
        session("on_both").failed(MISSING, &["uprobe.session", "no sessions"]);
        if board.has_kprobes() {
            session("on_kernel_both").failed(MISSING, &["kprobe.session", "no sessions"]);
        }
    }
    before.is_restored();
}

/// Two calls that the pattern of probes.bpf.c matches.
fn getpid_calls() {
    // Safety: neither takes an address.
    unsafe {
        libc::syscall(libc::SYS_getppid);
        libc::syscall(libc::SYS_getpgid, 0);
    }
}

#[test]
fn many_functions_of_the_kernel_are_probed_by_a_pattern() {
    on_board!(board);
    let before = Snapshot::take();
    // To list the functions of a kernel takes an emulated one some seconds.
    for (program, options) in [
        ("on_kernel", &[][..]),
        ("on_kernel_return", ONE_BY_ONE),
        ("on_kernel", &["--without", "kprobe-pmu,kprobe-multi"]),
        ("on_one", &[]),
        ("on_one", ONE_BY_ONE),
    ] {
        if !board.has_kprobes() {
            run("tests/probes.bpf.o", &[program], options)
                .failed(MISSING, &["no kprobes", "CONFIG_KPROBE"]);
            continue;
        }
        let watch = probes(&[program], options);
        getpid_calls();
        let parent = i64::from(std::os::unix::process::parent_id());
        match program {
            "on_kernel" => assert!(hits(&watch, process::id(), 2).iter().all(|hit| hit.0 == 9)),
            "on_kernel_return" => {
                let seen = hits(&watch, process::id(), 2);
                assert!(seen.contains(&(10, parent)), "{options:?}: {seen:?}");
            }
            _ => assert_eq!(hits(&watch, process::id(), 1)[0], (13, parent)),
        }
        quiet(watch);
        before.is_restored();
    }
}

#[test]
fn a_pattern_that_matches_too_much_is_refused_where_each_function_takes_a_probe() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    run("tests/bad_places.bpf.o", &["too_many"], ONE_BY_ONE).failed(
        USAGE,
        &["kprobe.multi *", "more than 1000 functions", "narrower"],
    );
    before.is_restored();
}

#[test]
fn samples_come_from_each_cpu_at_the_rate_that_is_asked_for() {
    on_board!();
    let before = Snapshot::take();
    for sample in [
        "99hz",
        "cpu-clock:5000000",
        "cpu-clock:500Hz",
        "page-faults:1",
        "cs:1",
    ] {
        let watch = probes(&["on_sample"], &["--sample", sample]);
        for _ in 0..3 {
            finish({
                let mut busy = Command::new(BUSYBOX);
                busy.args([
                    "sh",
                    "-c",
                    "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done",
                ]);
                busy
            });
        }
        let header = watch.header();
        let rows = watch.lines(5, |line| line != header);
        let table = Table::new(&header);
        assert!(rows.iter().all(|row| table.number(row, "PROGRAM") == 12));
        watch.stop();
        before.is_restored();
    }
}

#[test]
fn a_machine_without_a_counter_says_which_one_works() {
    on_board!();
    let before = Snapshot::take();
    // No arm64 machine counts those.
    run(
        "tests/probes.bpf.o",
        &["on_sample"],
        &["--sample", "ref-cycles:1000000"],
    )
    .failed(
        MISSING,
        &["on_sample", "does not count ref-cycles", "--sample 99hz"],
    );
    let object = "tests/probes.bpf.o";
    run(object, &["on_sample"], &[]).failed(USAGE, &["on_sample", "--sample 99hz"]);
    run(object, &["on_sample"], &["--sample", "99999999hz"])
        .failed(USAGE, &["more a second", "perf_event_max_sample_rate"]);
    run(object, &["on_sample"], &["--sample", "cycels:5"])
        .failed(USAGE, &["no counter 'cycels'", "cycles"]);
    before.is_restored();
}

#[test]
fn a_cookie_reaches_its_program_or_the_kernel_is_said_to_take_none() {
    on_board!(board);
    probed::make();
    let before = Snapshot::take();
    if version() < (5, 15) {
        // The helper is not there: the programs that ask for none are asked.
        for (program, options) in [
            ("on_work", &["--cookie", "on_work=7"][..]),
            (
                "on_sample",
                &["--cookie", "on_sample=7", "--sample", "99hz"],
            ),
        ] {
            run("tests/probes.bpf.o", &[program], options).failed(
                MISSING,
                &[program.trim_start_matches("on_"), "no cookie", "5.15"],
            );
        }
        before.is_restored();
        return;
    }
    let multi = ["--without", "kprobe-multi,uprobe-multi"];
    for (program, options) in [
        ("of_kprobe", &[][..]),
        ("of_uprobe", &[]),
        ("of_tracepoint", &[]),
        ("of_kernel", &[]),
        ("of_kernel", &multi),
        ("of_each", &[]),
        ("of_each", &multi),
        ("of_sample", &["--sample", "cpu-clock:1000000"]),
        ("of_raw_tracepoint", &[]),
        ("of_fentry", &[]),
    ] {
        let lacks = match program {
            "of_raw_tracepoint" => version() < (6, 10),
            // From then on arm64 has trampolines.
            "of_fentry" => version() < (6, 4) || !board.has_btf(),
            _ => false,
        };
        if lacks {
            continue;
        }
        let cookie = [program, "=0x1234567890"].concat();
        let options = [&["--cookie", &cookie], options].concat();
        let watch = watch("tests/cookies.bpf.o", &[program], &options);
        probe();
        getpid_calls();
        let table = Table::new(&watch.header());
        let header = watch.header();
        let row = &watch.lines(1, |line| line != header)[0];
        assert_eq!(
            table.number(row, "COOKIE"),
            0x12_3456_7890,
            "{program} {options:?}"
        );
        watch.stop();
        before.is_restored();
    }
}

#[test]
fn a_cookie_where_the_kernel_takes_none_is_refused() {
    on_board!();
    probed::make();
    let before = Snapshot::take();
    let probes = "tests/probes.bpf.o";
    run(
        probes,
        &["on_work"],
        &["--cookie", "on_work=7", "--without", "perf-link"],
    )
    .failed(MISSING, &["uprobe /tmp/probed:work", "no cookie"]);
    if version() < (6, 10) {
        let kinds = "tests/kinds.bpf.o";
        run(kinds, &["kind_raw_tp"], &["--cookie", "kind_raw_tp=7"])
            .failed(MISSING, &["raw tracepoint sys_enter", "no cookie", "6.10"]);
    }
    run(probes, &["on_work"], &["--cookie", "on_wrok=7"])
        .failed(USAGE, &["--cookie on_wrok=7", "no such program", "on_work"]);
    run(probes, &["on_work"], &["--cookie", "on_work"])
        .failed(USAGE, &["--cookie on_work", "PROG=NUMBER"]);
    before.is_restored();
}

#[test]
fn a_place_that_can_not_be_had_is_told_with_its_reason() {
    on_board!(board);
    probed::make();
    let before = Snapshot::take();
    let bad = "tests/bad_places.bpf.o";
    for (program, code, words) in [
        (
            "no_file",
            MISSING,
            &["uprobe /tmp/no-such-file:work", "No such file"][..],
        ),
        ("no_elf", OTHER, &["/tmp/probed.txt", "not an ELF file"]),
        ("no_symbol", MISSING, &["/tmp/probed", "no function `wrok`"]),
        (
            "stripped",
            MISSING,
            &["/tmp/probed.stripped", "stripped", "0xOFFSET"],
        ),
        ("twins", OTHER, &["several functions `twin`", "0xbc, 0xc0"]),
        (
            "no_library",
            MISSING,
            &["libno_such.so.7", "/usr/lib64:/usr/lib"],
        ),
        (
            "no_colon",
            USAGE,
            &["uprobe /tmp/probed", "a colon", "PATH:FUNCTION"],
        ),
        ("return_offset", USAGE, &["uretprobe", "no offset"]),
        ("outside", OTHER, &["0x7fffffff", "outside"]),
        (
            "no_match",
            MISSING,
            &["/tmp/probed:none_*", "no function matches"],
        ),
        (
            "no_kernel_match",
            MISSING,
            &["no_such_function_*", "no function matches", "/"],
        ),
    ] {
        println!("{program}");
        for options in [&[][..], BY_TRACEFS, ONE_BY_ONE] {
            run(bad, &[program], options).failed(code, words);
            // To list the functions of a kernel takes an emulated one some seconds.
            if program == "no_kernel_match" {
                break;
            }
        }
        before.is_restored();
    }
    if board.has_kprobes() {
        for options in [&[][..], BY_TRACEFS] {
            let done = run(bad, &["middle"], options);
            done.failed(MISSING, &["vfs_read", "no probe there", "an instruction"]);
            before.is_restored();
        }
    }
}

#[test]
fn what_is_missing_is_passed_over_where_that_is_asked_for() {
    on_board!();
    probed::make();
    let before = Snapshot::take();
    let bad = "tests/bad_places.bpf.o";
    // To look for a function, or for a type, takes an emulated machine some seconds.
    for absent in [
        &["no_file", "no_symbol", "no_match", "no_tracepoint"][..],
        &["no_function"],
        &["no_target"],
    ] {
        let all = [absent, &["good"]].concat();
        run(bad, &all, &[]).failed(MISSING, &[]);
        let options = ["--skip-missing", "--duration", "200ms"];
        let done = run(bad, &all, &options);
        assert_eq!(done.code, Some(0), "{done:#?}");
        for program in absent {
            let program = program.replace("no_target", "program no_target");
            let line = ["btfly: skipped: ", &program, ": "].concat();
            let told = done.stderr.iter().filter(|l| l.starts_with(&line));
            assert_eq!(told.count(), 1, "{program} in {done:#?}");
        }
        let attached = "btfly: 1 programs attached";
        let told = done.stderr.iter().any(|l| l.starts_with(attached));
        assert!(told, "{done:#?}");
    }
    let two = ["no_file", "no_tracepoint"];
    run(bad, &two, &["--skip-missing"]).failed(MISSING, &["no-such-file"]);
    // What is wrong, and not missing, is no less wrong.
    run(bad, &["no_elf", "good"], &["--skip-missing"]).failed(OTHER, &["not an ELF file"]);
    let mut load = full();
    load.args(["load", &object(bad), "--dry-run", "--skip-missing"]);
    load.args(["--prog", "no_target", "--prog", "good"]);
    let done = Watch::spawn(load).end();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stderr[0].starts_with("btfly: skipped: program no_target: "));
    before.is_restored();
}
