//! How it ends: by a signal, a closed pipe, the time; and that nothing is left in the kernel.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::board::{Board, object, on_board};
use crate::left::Snapshot;
use crate::program;
use crate::watch::{self, Watch, btfly, run, watch};

/// Everything here that can run on a board, with all its programs attached.
fn command_lines(board: &Board) -> Vec<Vec<String>> {
    let (no_core, kinds) = (object("tests/no_core.bpf.o"), object("tests/kinds.bpf.o"));
    let hello = object("hello.bpf.o");
    let mut lines: Vec<&[&str]> = vec![&["exec"]];
    let run_no_core = ["run", &no_core, "--event", "call"];
    let run_kinds = ["run", &kinds, "--event", "seen"];
    let run_kinds_by_tracefs = ["run", &kinds, "--event", "seen", "--without", "kprobe-pmu"];
    let run_hello = ["run", &hello, "--event", "output=data_t"];
    lines.push(&run_no_core);
    if board.has_kprobes() {
        lines.push(&run_kinds);
        lines.push(&run_kinds_by_tracefs);
    }
    if board.has_btf() {
        lines.push(&run_hello);
    }
    let owned = |line: &&[&str]| line.iter().map(|&word| word.to_owned()).collect();
    lines.iter().map(owned).collect()
}

#[test]
fn signals_end_it_cleanly_and_nothing_is_left() {
    on_board!(board);
    let before = Snapshot::take();
    for line in command_lines(&board) {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let watch = watch(&line);
            let during = Snapshot::take().since(&before);
            // Without these the comparison at the end would show nothing.
            assert!(!during.programs.is_empty(), "{line:?} {during:?}");
            assert!(!during.maps.is_empty(), "{line:?} {during:?}");
            assert_eq!(
                during.btfs.len(),
                1,
                "the BTF of the object, {line:?} {during:?}"
            );
            watch.signal(signal);
            let done = watch.end();
            assert_eq!(done.code, Some(0), "{line:?} {done:#?}");
            before.is_restored();
        }
    }
}

#[test]
fn without_the_kprobe_pmu_probes_are_made_by_tracefs_and_removed() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    assert!(before.events.is_empty(), "{before:?}");
    let kinds = object("tests/kinds.bpf.o");
    let watch = watch(&["run", &kinds, "--event", "seen", "--without", "kprobe-pmu"]);
    let during = Snapshot::take();
    assert_eq!(during.events.len(), 4, "{during:?}");
    watch.stop();
    before.is_restored();
}

#[test]
fn a_closed_pipe_ends_it_although_nothing_more_happens() {
    on_board!();
    let before = Snapshot::take();
    let mut command = btfly();
    command
        .arg("exec")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    program::start(&[]);
    program::start(&[]);
    lines.next().unwrap().unwrap();
    lines.next().unwrap().unwrap();
    drop(lines);
    let end = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it does not notice that nobody reads any more");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    let errors = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(errors.map(Result::unwrap).collect::<Vec<_>>(), [""; 0]);
    before.is_restored();
}

#[test]
fn head_takes_three_lines_and_the_pipeline_ends() {
    on_board!();
    let tag = program::tag();
    let script = format!(
        "($BTFLY exec; echo status $? >&2) | head -3 & \
         i=0; while [ $i -lt 200 ] && kill -0 $! 2>/dev/null; do {b} true {tag}; i=$((i+1)); {b} sleep 0.1; done; wait",
        b = program::BUSYBOX,
    );
    let output = Command::new(program::BUSYBOX)
        .args(["sh", "-c", &script])
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "status 0\n");
}

#[test]
fn a_duration_leaves_nothing_either() {
    on_board!(board);
    let before = Snapshot::take();
    for mut line in command_lines(&board) {
        line.extend(["--duration".to_owned(), "200ms".to_owned()]);
        let done = run(&line);
        assert_eq!(done.code, Some(0), "{line:?} {done:#?}");
        before.is_restored();
    }
}

#[test]
fn killed_it_leaves_nothing_in_the_kernel() {
    on_board!(board);
    let before = Snapshot::take();
    for line in command_lines(&board) {
        // Probes made by tracefs outlive whoever made them: nobody is there to remove them.
        if line.iter().any(|a| a == "kprobe-pmu") {
            continue;
        }
        let watch: Watch = watch(&line);
        drop(watch);
        before.is_restored();
    }
}

#[test]
fn two_at_a_time_do_not_disturb_each_other() {
    on_board!(board);
    let before = Snapshot::take();
    let (first, second) = (watch(&["exec"]), watch(&["exec"]));
    let tag = program::tag();
    program::start(&[&tag]);
    first.line(&tag, |l| l.contains(&tag));
    first.stop();
    let tag = program::tag();
    program::start(&[&tag]);
    second.line(&tag, |l| l.contains(&tag));
    second.stop();
    if board.has_kprobes() {
        let kinds = object("tests/kinds.bpf.o");
        let line = ["run", &kinds, "--event", "seen", "--without", "kprobe-pmu"];
        let (first, second) = (watch(&line), watch(&line));
        first.stop();
        assert_eq!(
            Snapshot::take().events.len(),
            4,
            "those of the second are its own"
        );
        second.stop();
    }
    before.is_restored();
}

/// Waits for a child that nobody reads, but not for ever.
fn ends_within(mut child: std::process::Child, limit: Duration) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the child is there") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it is killed");
    panic!("it was still there after {limit:?}");
}

#[test]
fn a_reader_that_does_not_read_keeps_nobody_from_stopping() {
    on_board!(_board);
    let before = Snapshot::take();
    for stop in ["the time", "a signal"] {
        let mut command = btfly();
        command.args([
            "exec",
            "--duration",
            if stop == "the time" { "4" } else { "600" },
        ]);
        let child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("btfly starts");
        let pipe = child.stdout.as_ref().expect("a pipe");
        watch::shrink(pipe);
        // The header, which is not read either.
        let patience = Instant::now() + Duration::from_secs(30);
        while watch::waiting(pipe) == 0 && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        // More than a pipe of one page holds: 64 KiB at most.
        for _ in 0..100 {
            program::start(&[&program::tiny(), &"x".repeat(4000)]);
        }
        if stop == "a signal" {
            // Safety: no memory is involved; the child has not been waited for.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        }
        // The pipe lives in `child`, unread, until the end is seen.
        assert_eq!(
            ends_within(child, Duration::from_secs(30)),
            Some(0),
            "{stop}"
        );
    }
    before.is_restored();
}

#[test]
fn a_stderr_that_takes_nothing_changes_nothing() {
    on_board!(_board);
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for (args, code) in [
        (&["exec", "-v", "--duration", "100ms"][..], 0),
        (&["run", "/no/such/object"][..], 2),
        (&["nonsense"][..], 1),
    ] {
        let status = watch::build_for(args)
            .args(args)
            .stdout(Stdio::null())
            .stderr(full())
            .status();
        assert_eq!(status.unwrap().code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_cpu_that_was_away_is_followed_again() {
    on_board!(_board);
    let switch = "/sys/devices/system/cpu/cpu1/online";
    if std::fs::write(switch, "1").is_err() {
        return; // One CPU, or a kernel whose CPUs stay.
    }
    let watch = watch(&["exec"]);
    std::fs::write(switch, "0").expect("the CPU goes");
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(switch, "1").expect("the CPU comes back");
    std::thread::sleep(Duration::from_secs(1));
    let tag = program::tag();
    let mut command = Command::new("/bin/busybox");
    command.args(["taskset", "2", &program::tiny(), &tag]);
    program::finish(command);
    watch.line("program on the CPU that was away", |line| {
        line.contains(&tag) && !line.contains("taskset")
    });
    watch.stop();
}
