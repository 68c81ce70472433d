//! `btfly trace`.

use std::fs;

use super::{event_of, event_with, is_number, json, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;
use crate::tools::run;
use crate::watch::{Watch, full};

/// The first of these functions that the kernel has.
fn function<'f>(names: &[&'f str]) -> &'f str {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let is_there = |name: &&&str| {
        let mut lines = symbols.lines();
        lines.any(|line| line.split_whitespace().nth(2) == Some(name))
    };
    names.iter().find(is_there).expect("one of them is there")
}

#[test]
fn a_function_is_traced_with_its_arguments() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    let function = function(&["do_unlinkat", "filename_unlinkat"]);
    let watch = tool("trace", &[function, "-p", &own_pid()]);
    let path = format!("/tmp/{}", tag());
    fs::write(&path, "").unwrap();
    fs::remove_file(&path).unwrap();
    if board.has_btf() {
        let event = event_with(&watch, "name", &path);
        assert_eq!(event["dfd"], libc::AT_FDCWD, "{event}");
        assert!(is_number(&event["pid"], &own_pid()), "{event}");
    } else {
        // Nothing is known of it but its registers.
        let event = event_of(&watch, &own_pid());
        assert!(
            event["arg0"].is_string() && event["arg5"].is_string(),
            "{event}"
        );
    }
    watch.stop();
    before.is_restored();
}

#[test]
fn a_tracepoint_is_traced_with_its_fields_and_texts() {
    on_board!();
    let before = Snapshot::take();
    let place = "sched:sched_process_exec";
    let watch = tool("trace", &[place, "--where", "filename~busybox"]);
    let others = tool("trace", &[place, "--where", "filename=/nowhere"]);
    let pid = run(&["true"]);
    let event = event_of(&watch, &pid);
    assert_eq!(event["filename"], "/bin/busybox", "{event}");
    assert!(is_number(&event["current_pid"], &pid), "{event}");
    watch.stop();
    assert_eq!(others.stop().stdout, [""; 0]);
    let watch = tool("trace", &["sched/sched_switch", "-p", &own_pid()]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let pid = own_pid();
    let line = watch.line("a switch", |line| {
        let event = json(line);
        is_number(&event["pid"], &pid) && !event["prev_comm"].as_str().unwrap().is_empty()
    });
    assert!(json(&line)["next_pid"].is_number(), "{line}");
    watch.stop();
    before.is_restored();
}

#[test]
fn what_can_not_be_traced_is_refused() {
    on_board!();
    let before = Snapshot::take();
    for (args, code, words) in [
        (&["trace"][..], 1, &["is missing", "btfly trace --help"][..]),
        (&["trace", "no:such"], 3, &["no tracepoint no:such"]),
        (&["trace", "no_such_function"], 3, &["no_such_function"]),
    ] {
        let mut command = full();
        command.args(args);
        Watch::spawn(command).end().failed(code, words);
    }
    before.is_restored();
}
