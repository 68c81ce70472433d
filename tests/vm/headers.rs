//! A program that was written against btfly's own vmlinux.h of one kernel, on each other.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::BUSYBOX;
use crate::run::rows;
use crate::table::Table;
use crate::watch::{Watch, full};

/// A program that runs as a process whose `sched_reset_on_fork` is this.
fn exec(reset_on_fork: bool) {
    let mut command = Command::new(BUSYBOX);
    command.arg("true").stdout(Stdio::null());
    if reset_on_fork {
        // A struct of one number.
        let param = 0i32;
        let policy = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
        let set = move || {
            // Safety: a plain call with memory that outlives it.
            match unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &param) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // Safety: between fork and exec it makes that call alone.
        unsafe { command.pre_exec(set) };
    }
    assert!(command.status().unwrap().success());
}

#[test]
fn a_program_written_against_the_header_of_a_kernel_runs_on_this_one() {
    on_board!(board);
    let folder: PathBuf = env::var_os("BTFLY_HEADERS").expect("BTFLY_HEADERS").into();
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut objects: Vec<PathBuf> = entries.collect();
    objects.sort();
    assert!(!objects.is_empty());
    if board.has_btf() {
        let own = [board.name(), ".bpf.o"].concat();
        assert!(objects.iter().any(|object| object.ends_with(&own)), "{own}");
    }
    let archive = board.archive();
    if !board.has_btf() && archive.is_none() {
        return;
    }
    let before = Snapshot::take();
    for object in objects {
        let name = object.to_str().unwrap();
        let parent = format!("parent={}", process::id());
        let mut command = full();
        command.args(["run", name, "--event", "events=event", "--set", &parent]);
        if let Some(archive) = &archive {
            command.arg("--btf").arg(archive);
        }
        let watch = Watch::spawn(command);
        let table = Table::new(&watch.header());
        let names = ["PID", "RESET_ON_FORK", "OF_KERNEL", "COMM", "FILE"];
        assert_eq!(table.names(), names, "{name}");
        exec(true);
        let seen = rows(&watch, &table, 1, "RESET_ON_FORK", 1);
        exec(false);
        let seen = [seen, rows(&watch, &table, 1, "RESET_ON_FORK", 0)].concat();
        for row in &seen {
            // PIDTYPE_SID, on every kernel of these.
            assert_eq!(table.number(row, "OF_KERNEL"), 3, "{name}: {row}");
            assert!(row.ends_with(BUSYBOX), "{name}: {row}");
        }
        watch.stop();
    }
    before.is_restored();
}
