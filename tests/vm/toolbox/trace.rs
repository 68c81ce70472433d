//! `btfly trace`: functions and tracepoints that are named at run time, over calls of this process.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{build, event_of, event_with, is_number, json, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::{BUSYBOX, tag};
use crate::tools::run as busybox;
use crate::watch::{Done, Watch};

const USAGE: i32 = 1;
const MISSING: i32 = 3;

fn run(args: &[&str]) -> Done {
    Watch::spawn(build(&[&["trace"], args].concat())).end()
}

/// The function that removes a file, which 7.x calls otherwise.
fn unlink() -> &'static str {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let is_there = |name: &&str| {
        symbols
            .lines()
            .any(|line| line.ends_with(&format!(" {name}")))
    };
    let names = ["do_unlinkat", "filename_unlinkat"];
    names
        .into_iter()
        .find(|name| is_there(name))
        .expect("unlinkat")
}

/// All that it showed, once it showed something.
fn all(watch: Watch) -> Vec<Value> {
    watch.line("event", |_| true);
    objects(&watch.stop())
}

#[test]
fn a_function_tells_its_arguments_by_their_names() {
    on_board!(board);
    if !board.has_kprobes() {
        run(&[unlink()]).failed(MISSING, &[unlink(), "kprobes"]);
        return;
    }
    let before = Snapshot::take();
    let watch = tool("trace", &[unlink(), "if", "pid", "==", &own_pid()]);
    let path = format!("/tmp/{}", tag());
    File::create(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let event = match board.has_btf() {
        true => event_with(&watch, "name", &path),
        false => event_of(&watch, &own_pid()),
    };
    assert_eq!(event["pid"], std::process::id(), "{event}");
    match board.has_btf() {
        // AT_FDCWD: the number of an int, which has a sign.
        true => assert_eq!(event["dfd"], -100, "{event}"),
        // What the register has.
        false => assert_eq!(event["arg0"], "0xffffff9c", "{event}"),
    }
    watch.stop();
    before.is_restored();
}

#[test]
fn only_what_the_filter_asks_for_is_told_and_fields_inside_of_structs() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let folder = format!("/tmp/{}", tag());
    fs::create_dir(&folder).unwrap();
    let (wanted, other) = (format!("{folder}/wanted"), format!("{folder}/wanted.not"));
    let fields = ["dentry", "dir.i_ino", "dentry->d_parent"];
    let filter = ["if", "dentry", "==", "wanted"];
    let watch = tool("trace", &[&["vfs_unlink"], &fields[..], &filter].concat());
    for path in [&other, &wanted, &other] {
        File::create(path).unwrap();
        fs::remove_file(path).unwrap();
    }
    let events = all(watch);
    let [event] = &events[..] else {
        panic!("{events:#?}");
    };
    assert_eq!(event["dentry"], "wanted");
    let number = fs::metadata(&folder).unwrap().ino();
    assert_eq!(event["dir_i_ino"], number, "{event}");
    let name = folder.strip_prefix("/tmp/").unwrap();
    assert_eq!(event["dentry_d_parent"], name, "{event}");
    assert!(event.get("pid").is_none(), "{event}");
    fs::remove_dir(&folder).unwrap();
    before.is_restored();
}

#[test]
fn what_a_function_returns_is_told() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    const BYTES: usize = 4321;
    let before = Snapshot::take();
    let path = format!("/tmp/{}", tag());
    fs::write(&path, [0; BYTES]).unwrap();
    let condition = format!("pid == {} and ret >= 4000", own_pid());
    let watch = tool("trace", &["-r", "vfs_read", "ret", "tid", "if", &condition]);
    let mut room = [0; 2 * BYTES];
    assert_eq!(File::open(&path).unwrap().read(&mut room).unwrap(), BYTES);
    let line = watch.line("what was read", |line| match board.has_btf() {
        true => json(line)["ret"] == BYTES,
        false => json(line)["ret"] == format!("{BYTES:#x}"),
    });
    assert!(json(&line)["tid"].is_u64(), "{line}");
    watch.stop();
    if board.has_btf() {
        // EISDIR: numbers have signs.
        let watch = tool("trace", &["-r", "vfs_read", "if", "ret", "==", "-21"]);
        File::open("/tmp").unwrap().read(&mut room).unwrap_err();
        let events = all(watch);
        let told = |event: &Value| event["ret"] == -21;
        assert!(events.iter().all(told), "{events:#?}");
    }
    fs::remove_file(&path).unwrap();
    before.is_restored();
}

#[test]
fn a_tracepoint_needs_no_types_and_its_filter_takes_text() {
    on_board!();
    const NAME: &str = "traced-thread";
    let before = Snapshot::take();
    let words = ["sched:sched_switch", "prev_comm", "prev_pid", "next_comm"];
    let filter = ["if", "prev_comm", "==", NAME];
    for more in [&[][..], &["--as-kernel", "4.19"]] {
        let watch = tool("trace", &[&words[..], &filter, more].concat());
        let named = thread::Builder::new().name(NAME.into()).spawn(|| {
            (0..5).for_each(|_| thread::sleep(Duration::from_millis(10)));
            // Safety: it takes nothing.
            unsafe { libc::syscall(libc::SYS_gettid) }
        });
        let tid = named.unwrap().join().unwrap();
        let events = all(watch);
        assert!(events.len() >= 5, "{events:#?}");
        for event in &events {
            assert_eq!(event["prev_comm"], NAME, "{event}");
            assert_eq!(event["prev_pid"], tid, "{event}");
            assert!(event["next_comm"].as_str().is_some(), "{event}");
        }
    }
    before.is_restored();
}

#[test]
fn texts_of_tracepoints_are_told_wherever_they_are() {
    on_board!();
    let before = Snapshot::take();
    // Behind the record.
    let filter = format!("if filename == {BUSYBOX}");
    let watch = tool(
        "trace",
        &["sched:sched_process_exec", "filename", "pid", &filter],
    );
    busybox(&["true"]);
    let events = all(watch);
    assert!(
        events.iter().all(|event| event["filename"] == BUSYBOX),
        "{events:#?}"
    );
    // In the memory of a process.
    let path = format!("/tmp/{}", tag());
    let filter = format!("if filename == {path}");
    for more in [&[][..], &["--as-kernel", "4.19"]] {
        let args = ["syscalls:sys_enter_openat", "filename", "comm", &filter];
        let watch = tool("trace", &[&args[..], more].concat());
        File::open(&path).unwrap_err();
        let events = all(watch);
        assert!(!events.is_empty() && events.iter().all(|event| event["filename"] == *path));
    }
    before.is_restored();
}

#[test]
fn without_types_arguments_have_numbers() {
    on_board!(board);
    if board.has_btf() || !board.has_kprobes() {
        return;
    }
    let before = Snapshot::take();
    let condition = format!("pid == {} and arg1 > 0xffff000000000000", own_pid());
    let watch = tool("trace", &[unlink(), "arg1", "if", &condition]);
    let path = format!("/tmp/{}", tag());
    File::create(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let events = all(watch);
    let [event] = &events[..] else {
        panic!("{events:#?}");
    };
    let address = event["arg1"].as_str().unwrap();
    assert!(address.starts_with("0xffff"), "{event}");
    run(&[unlink(), "name"]).failed(USAGE, &["there is no name", "arg0"]);
    before.is_restored();
}

#[test]
fn what_is_not_there_is_told_in_few_words() {
    on_board!(board);
    let before = Snapshot::take();
    run(&["sched:sched_swich"]).failed(MISSING, &["sched_swich", "there is sched_switch"]);
    run(&[]).failed(USAGE, &["is missing", "btfly trace --help"]);
    run(&["no_such:event"]).failed(MISSING, &["no_such"]);
    run(&["sched:sched_switch", "prev"]).failed(USAGE, &["there is no prev", "prev_comm"]);
    run(&["-r", "sched:sched_switch"]).failed(USAGE, &["returns nothing"]);
    run(&["sched:sched_switch", "if", "prev_pid", "=="]).failed(USAGE, &["no condition"]);
    run(&["sched:sched_switch", "if", "prev_pid", "==", "x"]).failed(USAGE, &["prev_pid", "`x`"]);
    if board.has_kprobes() {
        run(&["vfs_reed", "file"]).failed(MISSING, &["vfs_reed", "vfs_re"]);
        run(&["no_such_function_at_all"]).failed(MISSING, &["no_such_function_at_all"]);
    }
    if board.has_btf() {
        run(&["vfs_read", "fil"]).failed(USAGE, &["there is no fil", "file, buf, count, pos"]);
        run(&["vfs_read", "file.f_x"]).failed(USAGE, &["file has no field f_x", "it has f_"]);
        run(&["vfs_read", "count.x"]).failed(USAGE, &["count is no struct"]);
    }
    before.is_restored();
}

#[test]
fn a_process_or_a_command_is_asked_for_and_options_of_run_apply() {
    on_board!();
    let before = Snapshot::take();
    let place = "sched:sched_process_exec";
    let options = ["-n", "busybox", "--where", "filename~busybox"];
    let watch = tool("trace", &[&[place], &options[..]].concat());
    let others = tool("trace", &[place, "--where", "filename=/nowhere"]);
    let pid = busybox(&["true"]);
    let event = event_of(&watch, &pid);
    assert_eq!(event["filename"], BUSYBOX, "{event}");
    // The record has a pid of its own.
    assert!(is_number(&event["current_pid"], &pid), "{event}");
    assert_eq!(event["comm"], "busybox", "{event}");
    watch.stop();
    assert_eq!(others.stop().stdout, [""; 0]);
    let watch = tool("trace", &["sched/sched_switch", "-p", &own_pid()]);
    thread::sleep(Duration::from_millis(20));
    let events = all(watch);
    let own = |event: &Value| is_number(&event["pid"], &own_pid()) && event["next_pid"].is_number();
    assert!(events.iter().all(own), "{events:#?}");
    before.is_restored();
}
