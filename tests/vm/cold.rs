//! Code of the release build that few commands ask for: packed until it is used.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::board::on_board;
use crate::program::BUSYBOX;
use crate::watch::{Watch, btfly};

/// Where a process has code that is in no file, each with what may be done there.
fn unpacked(process: u32) -> Vec<(String, String)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let parts = maps
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let anonymous = parts
        .filter(|parts| parts[1].contains('x') && parts.get(4) == Some(&"0") && parts.len() == 5);
    anonymous
        .map(|parts| (parts[0].to_owned(), parts[1].to_owned()))
        .collect()
}

/// Whether a process has blocked SIGINT: from then on it is asked to end, and not ended.
fn awaits_ctrl_c(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mut lines = status.lines();
    let blocked = lines.find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(blocked.trim(), 16).unwrap() & 1 << (libc::SIGINT - 1) != 0
}

/// Whether the build for boards is packed: one for quick tests is not.
fn is_packed() -> bool {
    let path = std::env::var_os("BTFLY").expect("BTFLY");
    fs::metadata(path).unwrap().len() < 1_000_000
}

#[test]
fn a_tool_that_shows_events_unpacks_no_code_and_a_command_that_looks_into_the_kernel_does() {
    on_board!();
    if !is_packed() {
        println!("this build is not packed");
        return;
    }
    for args in [
        &["exec"][..],
        &["exec", "--json"],
        &["open"],
        &["open", "--json"],
    ] {
        let mut command = btfly();
        command.args(args);
        let tool = Watch::spawn(command);
        match args.len() {
            1 => drop(tool.header()),
            _ => tool.attached(),
        }
        // Something to show.
        Command::new(BUSYBOX)
            .args(["cat", "/etc/shown"])
            .status()
            .unwrap();
        tool.line("a file or program", |line| line.contains("shown"));
        assert_eq!(unpacked(tool.pid()), [], "{args:?}");
        tool.stop();
    }
    let mut command = btfly();
    command.args(["prog", "trace"]);
    let trace = Watch::spawn(command);
    let mut found = Vec::new();
    for _ in 0..200 {
        found = unpacked(trace.pid());
        if found.iter().any(|(_, access)| access == "r-xp") && awaits_ctrl_c(trace.pid()) {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let access: Vec<&str> = found.iter().map(|(_, access)| access.as_str()).collect();
    assert_eq!(
        access,
        ["r-xp"],
        "one place, and nothing that is writable and executable"
    );
    trace.stop();
}
