//! `btfly list`, `btfly extract`, the help of tools, and what they refuse.

use std::fs;

use super::build;
use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::watch::{Done, Watch};

fn run(args: &[&str]) -> Done {
    Watch::spawn(build(args)).end()
}

#[test]
fn the_list_says_what_a_tool_needs_and_whether_this_board_has_it() {
    on_board!(board);
    let before = Snapshot::take();
    let done = run(&["list"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let at = |name: &str| {
        let found = done
            .stdout
            .iter()
            .position(|line| line.starts_with(&format!("{name} ")));
        found.unwrap_or_else(|| panic!("no {name}: {done:#?}"))
    };
    for (tool, needs) in [
        ("open", "sys_enter_openat, sys_exit_openat"),
        ("runqlat", "sched_wakeup, sched_wakeup_new, sched_switch"),
        ("tcpconnect", "inet_sock_set_state"),
    ] {
        let lines = &done.stdout[at(tool)..][..3];
        assert_eq!(lines[1].trim(), format!("needs: {needs}"), "{lines:#?}");
        assert_eq!(lines[2].trim(), "here", "{lines:#?}");
    }
    // Its file system is a module there, which nobody has loaded.
    let absent = (board.name() == "16k").then_some(at("fsslower") + 2);
    for (i, line) in done.stdout.iter().enumerate() {
        if !line.contains("not here") || Some(i) == absent {
            continue;
        }
        let reason = match (board.has_btf(), board.has_kprobes()) {
            (true, _) => panic!("{line}: {done:#?}"),
            (false, true) => "without BTF",
            (false, false) => "there is no",
        };
        assert!(
            line.contains(reason) || line.contains("there is no"),
            "{line}"
        );
    }
    before.is_restored();
}

#[test]
fn the_object_of_a_tool_is_written_out_and_runs_by_itself() {
    on_board!();
    let before = Snapshot::take();
    let path = "/tmp/extracted.o";
    let done = run(&["extract", "opensnoop", path]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    // Its lines are left out.
    let size = |path: &str| fs::metadata(path).unwrap().len();
    assert!(size(path) < size(&object("open.bpf.o")));
    let done = run(&["run", path, "--duration", "200ms"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    fs::remove_file(path).unwrap();
    before.is_restored();
    run(&["extract", "nothing"]).failed(1, &["no tool 'nothing'", "btfly list"]);
}

#[test]
fn the_help_of_a_tool_names_its_options() {
    on_board!();
    let done = run(&["sigsnoop", "--help"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let text = done.stdout.join("\n");
    for words in [
        "Usage: btfly signal [-p <PID>]",
        "-s, --signal",
        "--json",
        "--duration",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn what_a_tool_does_not_take_is_refused_in_one_error() {
    on_board!();
    let before = Snapshot::take();
    for (args, words) in [
        (
            &["open", "-p"][..],
            &["-p needs a value", "btfly open --help"][..],
        ),
        (&["open", "-p", "x"], &["-p: ", "x", "btfly open --help"]),
        (
            &["open", "--sometimes"],
            &["--sometimes", "btfly open --help"],
        ),
        (
            &["open", "more"],
            &["more: no such argument", "btfly open --help"],
        ),
        (&["runqlat", "soon"], &["soon: it is no INTERVAL"]),
        (&["runqlat", "1", "2", "3"], &["3: no such argument"]),
        (
            &["signal", "-s", "SIGNOTHING"],
            &["-s: ", "a signal such as SIGTERM"],
        ),
        (&["open", "--where", "pid"], &["FIELD=VALUE"]),
        (
            &["open", "--where", "name=x"],
            &["no event has a field name", "pid, uid, comm"],
        ),
        (
            &["open", "--where", "ret=NOTHING"],
            &["an error such as ENOENT"],
        ),
        (
            &["open", "--where", "pid=1", "--count-only"],
            &["--count-only"],
        ),
        (&["biolatency", "-d", "sda"], &["-d: ", "MAJOR:MINOR"]),
    ] {
        run(args).failed(1, words);
    }
    before.is_restored();
}
