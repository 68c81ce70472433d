//! `btfly exec`: each program that starts is one line, with the right numbers and arguments.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::unix::process::CommandExt;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use crate::board::on_board;
use crate::program::{self, BUSYBOX, NOBODY, finish, start, start_as, tag};
use crate::sandbox;
use crate::watch::{Watch, btfly, run, watch};

/// A line of `btfly exec` without time columns.
struct Row<'l> {
    comm: &'l str,
    pid: u32,
    ppid: u32,
    ret: i32,
    args: &'l str,
}

impl<'l> Row<'l> {
    #[track_caller]
    fn parse(line: &'l str) -> Row<'l> {
        let mut rest = line;
        let mut word = || {
            rest = rest.trim_start();
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after;
            word
        };
        let (comm, pid, ppid, ret) = (word(), word(), word(), word());
        let number = |text: &str| {
            text.parse()
                .unwrap_or_else(|_| panic!("{text:?} in {line:?}"))
        };
        Row {
            comm,
            pid: number(pid) as u32,
            ppid: number(ppid) as u32,
            ret: number(ret),
            args: rest.trim(),
        }
    }

    /// Checks a program that this test started by [`start`] with these arguments.
    #[track_caller]
    fn is(&self, pid: u32, args: &str) {
        assert_eq!(self.args, format!("{BUSYBOX} true {args}"));
        assert_eq!(self.comm, "busybox");
        assert_eq!(self.pid, pid, "pid of {args}");
        assert_eq!(self.ppid, process::id(), "ppid of {args}");
        assert_eq!(self.ret, 0);
    }
}

/// The line with a word in it.
fn line_with(watch: &Watch, word: &str) -> String {
    watch.line(word, |line| line.split(' ').any(|w| w == word))
}

/// Starts programs right after the header and checks that each is seen.
pub fn sees_all(watch: &Watch, count: usize) {
    let mut started = Vec::new();
    for _ in 0..count {
        let tag = tag();
        started.push((start(&[&tag]).pid, tag));
    }
    for (pid, tag) in started {
        let line = line_with(watch, &tag);
        Row::parse(&line).is(pid, &tag);
    }
}

#[test]
fn exec_sees_every_program_that_starts_after_its_header() {
    on_board!();
    let watch = watch(&["exec"]);
    let header = watch.header();
    let names: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(names, ["PCOMM", "PID", "PPID", "RET", "ARGS"]);
    sees_all(&watch, 50);
    let done = watch.stop();
    assert_eq!(done.stderr, [""; 0]);
}

#[test]
fn exec_sees_the_very_first_program_each_time() {
    on_board!();
    for _ in 0..5 {
        let watch = watch(&["exec"]);
        sees_all(&watch, 1);
        watch.stop();
    }
}

#[test]
fn exec_works_where_btf_is_hidden() {
    on_board!(board);
    if !board.has_btf() {
        return; // It is absent there: every other test shows the same.
    }
    let mut command = sandbox::hide_btf(btfly());
    command.arg("exec").arg("-x");
    let watch = Watch::spawn(command);
    watch.header();
    sees_all(&watch, 20);
    let tag = tag();
    assert!(
        Command::new("/bin/no-such-program")
            .arg(&tag)
            .spawn()
            .is_err()
    );
    let line = line_with(&watch, &tag);
    let row = Row::parse(&line);
    assert_eq!(
        (row.ret, row.args),
        (-libc::ENOENT, &*format!("/bin/no-such-program {tag}"))
    );
    watch.stop();
}

#[test]
fn arguments_are_shown_in_full() {
    on_board!();
    let watch = watch(&["exec", "--max-args", "60"]);
    let tag = tag();
    let long = "x".repeat(500);
    let mut args = vec![tag.as_str(), "a b", "", &long];
    let many: Vec<String> = (0..40).map(|i| format!("argument-{i}")).collect();
    args.extend(many.iter().map(String::as_str));
    let pid = start(&args).pid;
    let line = line_with(&watch, &tag);
    Row::parse(&line).is(pid, &args.join(" "));
    watch.stop();
}

#[test]
fn the_path_is_shown_and_not_the_name_that_the_caller_gave() {
    on_board!();
    let watch = watch(&["exec"]);
    let tag = tag();
    let mut command = Command::new(BUSYBOX);
    command.arg0("true").arg(&tag);
    finish(command);
    let line = line_with(&watch, &tag);
    assert_eq!(Row::parse(&line).args, format!("{BUSYBOX} {tag}"));
    watch.stop();
}

#[test]
fn a_script_is_shown_as_it_was_called() {
    on_board!();
    let script = program::executable("script", b"#!/bin/busybox sh\ntrue\n");
    let watch = watch(&["exec"]);
    let tag = tag();
    let mut command = Command::new(&script);
    command.args([&tag, "b"]);
    let pid = finish(command).pid;
    let line = line_with(&watch, &tag);
    let row = Row::parse(&line);
    assert_eq!(row.args, format!("{script} {tag} b"));
    assert_eq!((row.pid, row.ret, row.comm), (pid, 0, "script"));
    watch.stop();
}

#[test]
fn control_characters_in_arguments_do_not_reach_the_terminal() {
    on_board!();
    let watch = watch(&["exec"]);
    let tag = tag();
    start(&[&tag, "new\nline", "esc\x1b[2J"]);
    let line = line_with(&watch, &tag);
    assert!(line.contains("new") && line.contains("line"), "{line:?}");
    assert!(!line.contains('\x1b'), "{line:?}");
    watch.stop();
}

#[test]
fn execveat_is_seen_too() {
    on_board!();
    let watch = watch(&["exec"]);
    let tag = tag();
    let args = [c"true".to_owned(), CString::new(tag.as_str()).unwrap()];
    let pointers = [args[0].as_ptr(), args[1].as_ptr(), std::ptr::null()];
    let path = CString::new(BUSYBOX).unwrap();
    // Safety: the child makes two system calls and nothing else, on memory that was made before.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let none: [*const libc::c_char; 1] = [std::ptr::null()];
            let call = libc::SYS_execveat;
            libc::syscall(
                call,
                libc::AT_FDCWD,
                path.as_ptr(),
                pointers.as_ptr(),
                none.as_ptr(),
                0,
            );
            libc::_exit(127);
        }
        libc::waitpid(pid, std::ptr::null_mut(), 0);
        pid
    };
    let line = line_with(&watch, &tag);
    let row = Row::parse(&line);
    assert_eq!((row.pid, row.ppid), (pid as u32, process::id()));
    assert_eq!((row.ret, row.args), (0, &*format!("{BUSYBOX} {tag}")));
    watch.stop();
}

#[test]
fn a_thread_that_calls_exec_is_seen_as_its_process() {
    on_board!();
    let watch = watch(&["exec"]);
    let tag = tag();
    let args = [c"true".to_owned(), CString::new(tag.as_str()).unwrap()];
    // Safety: the child has one thread, and starts one more, which replaces the process.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let _ = std::thread::spawn(move || {
            let pointers = [args[0].as_ptr(), args[1].as_ptr(), std::ptr::null()];
            // Safety: the strings live on; on success nothing returns.
            unsafe { libc::execv(c"/bin/busybox".as_ptr(), pointers.as_ptr()) };
        })
        .join();
        // Safety: ends the child where the call failed.
        unsafe { libc::_exit(127) };
    }
    let mut status = 0;
    // Safety: `status` is written to.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0);
    let line = line_with(&watch, &tag);
    let row = Row::parse(&line);
    assert_eq!((row.pid, row.ret), (pid as u32, 0));
    watch.stop();
}

#[test]
fn failed_calls_are_shown_with_x_and_only_then() {
    on_board!();
    let plain = watch(&["exec"]);
    let all = watch(&["exec", "-x"]);
    let (missing, refused, marker) = (tag(), tag(), tag());
    assert!(
        Command::new("/bin/no-such-program")
            .args([&missing, "a b"])
            .spawn()
            .is_err()
    );
    assert!(Command::new("/etc/passwd").arg(&refused).spawn().is_err());
    start(&[&marker]);

    let line = line_with(&all, &missing);
    let row = Row::parse(&line);
    assert_eq!((row.ret, row.ppid), (-libc::ENOENT, process::id()));
    assert_eq!(row.args, format!("/bin/no-such-program {missing} a b"));
    let line = line_with(&all, &refused);
    let row = Row::parse(&line);
    assert_eq!(
        (row.ret, row.args),
        (-libc::EACCES, &*format!("/etc/passwd {refused}"))
    );
    line_with(&all, &marker);
    all.stop();

    line_with(&plain, &marker);
    let done = plain.stop();
    let failed = done
        .stdout
        .iter()
        .find(|l| l.contains(&missing) || l.contains(&refused));
    assert_eq!(failed, None);
}

#[test]
fn the_parent_is_right_for_grandchildren() {
    on_board!();
    let watch = watch(&["exec"]);
    let (outer, inner) = (tag(), tag());
    let mut command = Command::new(BUSYBOX);
    command.args([
        "sh",
        "-c",
        &format!("{BUSYBOX} true {inner}; exit 0"),
        &outer,
    ]);
    let shell = finish(command).pid;
    let is_inner = |line: &str| line.ends_with(&format!("{BUSYBOX} true {inner}"));
    let line = watch.line("the inner program", is_inner);
    let row = Row::parse(&line);
    assert_eq!(row.ppid, shell);
    assert_ne!(row.pid, shell);
    watch.stop();
}

#[test]
fn time_columns_come_in_front() {
    on_board!();
    for (option, name) in [("-T", "TIME"), ("-t", "TIME(s)")] {
        let watch = watch(&["exec", option]);
        let header = watch.header();
        assert_eq!(header.split_whitespace().next(), Some(name), "{header}");
        let (first, second) = (tag(), tag());
        start(&[&first]);
        std::thread::sleep(Duration::from_millis(1200));
        start(&[&second]);
        let seconds = |tag: &str| -> f64 {
            let line = line_with(&watch, tag);
            let time = line.split_whitespace().next().unwrap_or("").to_owned();
            let parts = time.split(':').map(|p| p.parse::<f64>().expect(&line));
            let (sum, count) = parts.fold((0.0, 0), |(sum, n), part| (sum * 60.0 + part, n + 1));
            assert_eq!(count, if option == "-T" { 3 } else { 1 }, "{line}");
            sum
        };
        let passed = seconds(&second) - seconds(&first);
        // A day may begin in between; under emulation a second may take long.
        assert!(
            (0.9..30.0).contains(&passed) || passed < -80_000.0,
            "{passed}"
        );
        watch.stop();
    }
}

#[test]
fn filters_show_only_what_was_asked_for() {
    on_board!();
    let other = "/tmp/othername";
    let _ = std::fs::remove_file(other);
    std::fs::hard_link(BUSYBOX, other)
        .or_else(|_| std::fs::copy(BUSYBOX, other).map(drop))
        .unwrap();
    let (root, nobody, renamed) = (tag(), tag(), tag());
    let special = format!("special-{}", tag());
    let cases: &[(&[&str], &[&str])] = &[
        (&["-u", "65534"], &[&nobody]),
        (&["-u", "0"], &[&root, &renamed, &special]),
        (&["-n", "othern"], &[&renamed]),
        (&["-l", &special], &[&special]),
    ];
    for (options, expected) in cases {
        let watch = watch(&[&["exec"], *options].concat());
        start(&[&root]);
        start_as(Some(NOBODY), &[&nobody]);
        let mut command = Command::new(other);
        command.arg0("true").arg(&renamed);
        finish(command);
        start(&[&special]);
        for tag in *expected {
            line_with(&watch, tag);
        }
        // What came before the last expected line would have been printed before it. Some time
        // for what came after.
        std::thread::sleep(Duration::from_millis(300));
        let done = watch.stop();
        for tag in [&root, &nobody, &renamed, &special] {
            let shown = done
                .stdout
                .iter()
                .filter(|l| l.contains(tag.as_str()))
                .count();
            let wanted = usize::from(expected.contains(&tag.as_str()));
            assert_eq!(shown, wanted, "{options:?} {tag} {:#?}", done.stdout);
        }
    }
}

#[test]
fn arguments_are_quoted_on_request() {
    on_board!();
    let watch = watch(&["exec", "-q"]);
    let tag = tag();
    start(&[&tag, "a b", "say \"hi\""]);
    let line = watch.line(&tag, |line| line.contains(&tag));
    let quoted = format!("\"{BUSYBOX}\" \"true\" \"{tag}\" \"a b\" \"say \\\"hi\\\"\"");
    assert_eq!(Row::parse(&line).args, quoted);
    watch.stop();
}

#[test]
fn arguments_are_limited_on_request() {
    on_board!();
    let watch = watch(&["exec", "--max-args", "4"]);
    let tag = tag();
    start(&[&tag, "one", "two", "three", "four", "five"]);
    let line = line_with(&watch, &tag);
    let row = Row::parse(&line);
    assert!(row.args.contains("one"), "{line}");
    assert!(!row.args.contains("four"), "{line}");
    assert!(row.args.ends_with("..."), "a cut is shown: {line}");
    watch.stop();
}

#[test]
fn a_duration_ends_it() {
    on_board!();
    let watch = watch(&["exec", "--duration", "2"]);
    let start = Instant::now();
    sees_all(&watch, 2);
    let done = watch.end();
    let took = start.elapsed();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!((1..20).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn ten_thousand_programs_in_a_row_are_seen_or_counted_as_lost() {
    on_board!();
    const COUNT: usize = 10_000;
    let tiny = program::tiny();
    let watch = watch(&["exec", "-n", "tiny"]);
    for i in 0..COUNT {
        let mut command = Command::new(&tiny);
        command.arg(format!("n{i}"));
        finish(command);
    }
    let last = format!("n{}", COUNT - 1);
    let last_is_there = || watch.so_far().iter().any(|l| l.ends_with(&last));
    let end = Instant::now() + Duration::from_secs(5);
    while !last_is_there() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    let done = watch.stop();
    let mut seen = BTreeSet::new();
    for line in done.stdout.iter().skip(1) {
        let row = Row::parse(line);
        assert_eq!(
            (row.comm, row.ret, row.ppid),
            ("tiny", 0, process::id()),
            "{line}"
        );
        assert!(seen.insert(row.args.to_owned()), "twice: {line}");
    }
    for args in &seen {
        let number = args
            .strip_prefix(&format!("{tiny} n"))
            .and_then(|n| n.parse::<usize>().ok());
        assert!(number.is_some_and(|n| n < COUNT), "{args}");
    }
    let (seen, lost) = (seen.len(), done.lost() as usize);
    println!("{seen} seen, {lost} lost");
    assert!(seen + lost >= COUNT, "{seen} seen, {lost} lost");
    // With a reader that keeps up, losing many would be a fault of the rings.
    assert!(seen >= COUNT / 2, "{seen} seen, {lost} lost");
}

#[test]
fn its_memory_stays_within_the_budget() {
    on_board!(board);
    let watch = watch(&["exec"]);
    let at_header = resident_kb(watch.pid());
    sees_all(&watch, 100);
    let after = resident_kb(watch.pid());
    println!("{at_header} kB at the header, {after} kB after 100 events");
    // The budget is for 4K pages: larger ones make each mapping larger.
    // Safety: a plain question to the kernel.
    if board.has_btf() && unsafe { libc::sysconf(libc::_SC_PAGESIZE) } == 4096 {
        assert!(at_header.max(after) <= 768, "{at_header} and {after} kB");
    }
    watch.stop();
}

/// Resident memory now, in kB, exactly.
fn resident_kb(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/smaps_rollup");
    // The small kernels have no smaps.
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0;
    };
    let line = text.lines().find_map(|l| l.strip_prefix("Rss:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_help_of_exec_names_its_options() {
    on_board!();
    let done = run(&["exec", "--help"]);
    assert_eq!(done.code, Some(0));
    let help = done.stdout.join("\n");
    for option in [
        "-T",
        "-t",
        "-x",
        "-u",
        "-q",
        "-n",
        "-l",
        "--max-args",
        "--duration",
    ] {
        assert!(help.contains(option), "{option} in {help}");
    }
}
