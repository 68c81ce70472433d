//! What is told where the kernel answers with a number alone: EPERM, for one reason or another, and E2BIG.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::program::NOBODY;
use crate::sandbox::without_syscall_of;
use crate::watch::{Done, Watch, full};

const MISSING: i32 = 3;
const PERMISSION: i32 = 4;

const UNPRIVILEGED: &str = "/proc/sys/kernel/unprivileged_bpf_disabled";

fn as_nobody() -> Command {
    let mut command = full();
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// Root without the powers that loading takes, as in a container.
fn contained() -> Command {
    // Of linux/capability.h: CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF.
    const POWERS: [libc::c_ulong; 3] = [21, 38, 39];
    let mut command = full();
    // Safety: between fork and exec only system calls are made, with numbers alone.
    unsafe {
        command.pre_exec(|| {
            for power in POWERS {
                if libc::prctl(libc::PR_CAPBSET_DROP, power, 0, 0, 0) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    command
}

fn load(mut command: Command, name: &str, more: &[&str]) -> Done {
    command
        .args(["load", &object(name), "--dry-run"])
        .args(more);
    Watch::spawn(command).end()
}

#[test]
fn what_is_not_permitted_is_told_with_who_may() {
    on_board!();
    let before = Snapshot::take();
    type Of = fn() -> Command;
    for (of, words) in [
        (
            as_nobody as Of,
            &["run it as root", "CAP_BPF and CAP_PERFMON"][..],
        ),
        (contained, &["this root lacks CAP_BPF and CAP_PERFMON"]),
        (
            || without_syscall_of(full(), libc::SYS_bpf),
            &["a seccomp filter is on this process"],
        ),
    ] {
        for name in ["tests/no_core.bpf.o", "tests/without_btf.bpf.o"] {
            let words = [&["not permitted"], words].concat();
            load(of(), name, &[]).failed(PERMISSION, &words);
            before.is_restored();
        }
    }
}

#[test]
fn a_program_that_is_too_large_for_its_user_is_told_with_what_he_may() {
    on_board!();
    let before = Snapshot::take();
    let many = "tests/many_insns.bpf.o";
    let done = load(full(), many, &[]);
    assert_eq!(done.code, Some(0), "as root: {done:?}");
    let as_it_was = fs::read(UNPRIVILEGED).unwrap();
    fs::write(UNPRIVILEGED, "0").unwrap();
    let done = load(as_nobody(), many, &["--without", "btf"]);
    fs::write(UNPRIVILEGED, as_it_was).unwrap();
    let words = [
        "program many: its 5001 instructions are too many",
        "E2BIG",
        "before 5.2",
        "4096",
        "without CAP_BPF",
    ];
    done.failed(MISSING, &words);
    before.is_restored();
}
