//! `btfly doctor`: what it says of a board is what the board has.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::NOBODY;
use crate::sandbox::hide_btf;
use crate::types::{end, raw, release};
use crate::watch::{Done, full};

/// The rows by their names, and what to do.
#[track_caller]
fn rows(done: &Done) -> (BTreeMap<&str, &str>, &str) {
    println!("{}", done.stdout.join("\n"));
    assert!(
        done.stdout.len() <= 25 && done.stderr.is_empty(),
        "{done:#?}"
    );
    let (advice, rows) = done.stdout.split_last().unwrap();
    let rows = rows.iter().filter_map(|line| line.split_at_checked(14));
    let rows = rows.map(|(name, value)| (name.trim_end(), value)).collect();
    (rows, advice.strip_prefix("What to do: ").unwrap())
}

fn doctor(command: Command, options: &[&str]) -> Done {
    end(command, &[&["doctor"], options].concat())
}

/// Whether this kernel lets its BTF be mapped.
fn is_mappable(path: &str) -> bool {
    use std::os::fd::AsRawFd;
    let file = fs::File::open(path).unwrap();
    let (start, access, flags) = (std::ptr::null_mut(), libc::PROT_READ, libc::MAP_PRIVATE);
    // Safety: a new mapping, which stays until the test ends.
    let mapped = unsafe { libc::mmap(start, 4096, access, flags, file.as_raw_fd(), 0) };
    mapped != libc::MAP_FAILED
}

#[test]
fn a_doctor_says_what_a_board_has() {
    on_board!(board);
    let before = Snapshot::take();
    let done = doctor(full(), &[]);
    let (rows, advice) = rows(&done);
    let release = release();
    assert_eq!(rows["kernel"], [&*release, ", aarch64"].concat());
    assert_eq!(rows["built in"], "no BTF");
    assert_eq!(rows["vmlinux"], "in none of the 8 usual places");
    assert_eq!(
        rows["BTFHub's name"],
        [&*release, " (.btf, .btf.tar.xz)"].concat()
    );
    let formats = "records are described in /sys/kernel/tracing/events";
    assert_eq!(rows["tracepoints"], formats);
    assert_eq!(rows["system calls"], "have tracepoints");
    let kprobes = match board.has_kprobes() {
        true => "by perf events",
        false => "none (CONFIG_KPROBE_EVENTS)",
    };
    assert_eq!(rows["kprobes"], kprobes);
    assert_eq!(
        (rows["bpf(2)"], rows["perf events"]),
        ("permitted", "permitted")
    );
    let relocation = match crate::board::version() >= (5, 17) {
        true => "by btfly, or by the kernel itself (--relocate)",
        false => "by btfly",
    };
    assert_eq!(rows["relocation"], relocation);
    if board.has_btf() {
        let path = "/sys/kernel/btf/vmlinux";
        let len = fs::metadata(path).unwrap().len();
        let how = match is_mappable(path) {
            true => "mapped",
            false => "read piece by piece",
        };
        let tenths = len.div_ceil(100_000);
        let own = format!("{path}: {}.{} MB, {how}", tenths / 10, tenths % 10);
        assert_eq!(rows["own types"], own);
        let modules = fs::read_dir("/sys/kernel/btf").unwrap().count() - 1;
        let modules = match modules {
            0 => "none with BTF of its own".into(),
            1 => "1 with BTF of its own".into(),
            more => format!("{more} with BTF of their own"),
        };
        assert_eq!(rows["modules"], modules);
        assert_eq!(advice, "nothing: objects with relocations can run");
        assert_eq!(done.code, Some(0));
    } else {
        assert!(rows["own types"].starts_with("none: "), "{rows:?}");
        assert_eq!(rows["modules"], "no BTF");
        assert_eq!(advice, without_types(&release));
        assert_eq!(done.code, Some(3));
    }
    before.is_restored();
}

fn without_types(release: &str) -> String {
    format!(
        "give --btf FILE with this kernel's types: {release}.btf.tar.xz of BTFHub, or what \
         pahole -J --btf_encode_detached=FILE makes of its vmlinux. Until then, objects run that read \
         no structs but the records of tracepoints and registers"
    )
}

#[test]
fn a_doctor_finds_btf_that_is_hidden_installed_or_named() {
    on_board!(board);
    let Some(raw) = raw(&board) else {
        return;
    };
    let blind = || match board.has_btf() {
        true => hide_btf(full()),
        false => full(),
    };
    let done = doctor(blind(), &[]);
    assert_eq!(rows(&done).1, without_types(&release()));
    assert_eq!(done.code, Some(3));

    let done = doctor(blind(), &["--btf", &raw]);
    let (named, advice) = rows(&done);
    assert!(
        named["--btf"].starts_with(&*[&*raw, ": "].concat()),
        "{named:?}"
    );
    assert_eq!(advice, "nothing: objects with relocations can run");
    assert_eq!(done.code, Some(0));

    let done = doctor(blind(), &["--btf", "/etc/passwd"]);
    assert!(rows(&done).0["--btf"].starts_with("/etc/passwd: "));
    assert_eq!(done.code, Some(3));

    let place = format!("/boot/vmlinux-{}", release());
    assert!(!Path::new(&place).exists());
    fs::create_dir_all("/boot").unwrap();
    fs::copy(raw, &place).unwrap();
    let done = doctor(blind(), &[]);
    assert!(rows(&done).0["vmlinux"].starts_with(&*[&*place, ": "].concat()));
    assert_eq!(done.code, Some(0));
    fs::write(&place, "text").unwrap();
    let done = doctor(blind(), &[]);
    assert!(rows(&done).0["vmlinux"].starts_with(&*[&*place, ": "].concat()));
    assert_eq!(done.code, Some(3));
    fs::remove_file(place).unwrap();
}

#[test]
fn a_doctor_tells_who_is_not_root_to_be_root() {
    on_board!();
    let mut command = full();
    command.uid(NOBODY).gid(NOBODY);
    let done = doctor(command, &[]);
    let (rows, advice) = rows(&done);
    assert!(rows["bpf(2)"].starts_with("refused: "), "{rows:?}");
    assert!(advice.starts_with("run it as root"), "{advice}");
    assert_eq!(done.code, Some(3));
}
