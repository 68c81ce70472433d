//! Objects inside Debian's libbpf-tools, run beside the tools that they come from.

use std::env;
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::board::on_board;
use crate::program::start;
use crate::run::prctl;
use crate::show::drawn;
use crate::watch::{Watch, full};

/// A tool of Debian's libbpf-tools, with the libraries that bpftool has here.
fn debian(tool: &str, args: &[&str]) -> Watch {
    let bpftool = env::var("BTFLY_BPFTOOL").expect("BTFLY_BPFTOOL");
    let folder = env::var("BTFLY_DEBIAN").expect("BTFLY_DEBIAN");
    let mut command = Command::new(format!("{bpftool}/ld-linux-aarch64.so.1"));
    command.args(["--library-path", &bpftool, &format!("{folder}/{tool}")]);
    command.args(args).stdin(Stdio::null());
    Watch::spawn(command)
}

/// The object inside such a tool, run with these options.
fn carved(tool: &str, options: &[&str]) -> Watch {
    let folder = env::var("BTFLY_TOOLS").expect("BTFLY_TOOLS");
    let mut command = full();
    command.args(["run", &format!("{folder}/{tool}.bpf.o")]);
    command.args(options);
    Watch::spawn(command)
}

fn header(lines: &[String]) -> &String {
    let found = lines.iter().find(|l| l.contains(": count "));
    found.unwrap_or_else(|| panic!("no histogram in {lines:#?}"))
}

fn total(lines: &[String]) -> u64 {
    drawn(lines).iter().map(|(_, count)| count).sum()
}

#[test]
fn latencies_of_a_function_are_those_that_debians_tool_counts() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    const CALLS: u64 = 300;
    let pid = process::id().to_string();
    let function = "__arm64_sys_prctl";
    let theirs = debian("funclatency", &["-p", &pid, function]);
    theirs.line("its banner", |line| line.starts_with("Tracing "));
    let ours = carved(
        "funclatency",
        &[
            "--attach",
            &format!("dummy_kprobe={function}"),
            "--attach",
            &format!("dummy_kretprobe={function}"),
            "--set",
            &format!("targ_tgid={pid}"),
            "--hist",
            "hist:nsec",
        ],
    );
    ours.attached();
    (0..CALLS).for_each(prctl);
    let ours = ours.stop().stdout;
    theirs.signal(libc::SIGINT);
    let theirs = theirs.end().stdout;
    assert_eq!(header(&ours), header(&theirs));
    assert_eq!(total(&ours), CALLS, "{ours:#?}");
    assert_eq!(total(&theirs), CALLS, "{theirs:#?}");
    // A row is drawn as theirs, but for what it counts.
    let shape = |lines: &[String]| {
        let row = lines.iter().find(|line| line.contains(" -> ")).unwrap();
        (
            row.find("->"),
            row.find(" : "),
            row.find('|'),
            row.rfind('|'),
        )
    };
    assert_eq!(shape(&ours), shape(&theirs), "{ours:#?} {theirs:#?}");
}

#[test]
fn waits_for_a_cpu_are_those_that_debians_tool_counts() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let theirs = debian("runqlat", &[]);
    theirs.line("its banner", |line| line.starts_with("Tracing "));
    let ours = carved(
        "runqlat",
        &[
            "--prog",
            "handle_sched_wakeup",
            "--prog",
            "handle_sched_wakeup_new",
            "--prog",
            "handle_sched_switch",
            "--hist",
            "hists",
        ],
    );
    ours.attached();
    for _ in 0..300 {
        thread::sleep(Duration::from_millis(2));
        start(&[]);
    }
    ours.signal(libc::SIGINT);
    theirs.signal(libc::SIGINT);
    let (ours, theirs) = (ours.end().stdout, theirs.end().stdout);
    assert_eq!(header(&ours), header(&theirs));
    let (our_total, their_total) = (total(&ours), total(&theirs));
    let ratio = our_total as f64 / their_total as f64;
    assert!((0.8..1.25).contains(&ratio), "{ours:#?} {theirs:#?}");
    assert!(our_total > 300, "{ours:#?}");
}
