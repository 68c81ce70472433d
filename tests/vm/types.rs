//! Sources of kernel types, by the full build: files in every form, on kernels without BTF and on
//! others whose own is hidden; and what is known where there is none.

use std::fs;
use std::process::{self, Command};

use crate::board::{Board, object, on_board};
use crate::left::Snapshot;
use crate::program::{BUSYBOX, start, tag};
use crate::run::{
    HELLO_OPTIONS, NR_PRCTL, OPTION, hello_greets, prctl, relo_tells_the_truth, rows,
};
use crate::sandbox::hide_btf;
use crate::table::Table;
use crate::watch::{Done, Watch, full};

const MISSING: i32 = 3;

/// The full build where the kernel's own BTF is hidden, or is not there.
fn blind(board: &Board, args: &[&str]) -> Command {
    blindfold(board, full(), args)
}

/// A command where the kernel's own BTF is hidden, or is not there.
pub fn blindfold(board: &Board, command: Command, args: &[&str]) -> Command {
    let mut command = match board.has_btf() {
        true => hide_btf(command),
        false => command,
    };
    command.args(args);
    command
}

/// Runs the full build to its end.
pub fn end(mut command: Command, args: &[&str]) -> Done {
    command.args(args);
    Watch::spawn(command).end()
}

/// Starts a command and waits until everything is attached.
pub fn begin(command: Command) -> Watch {
    let watch = Watch::spawn(command);
    watch.header();
    watch
}

pub fn release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    release.trim_end().into()
}

/// This kernel's BTF in a file of raw BTF: its own, or that of the archive made for it. `None`: the
/// archive is not there.
pub fn raw(board: &Board) -> Option<String> {
    let path = "/tmp/raw.btf";
    let bytes = match board.has_btf() {
        true => fs::read("/sys/kernel/btf/vmlinux").unwrap(),
        false => {
            let mut tar = Command::new(BUSYBOX);
            let tar = tar.arg("tar").arg("-xJOf").arg(board.archive()?);
            let output = tar.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            output.stdout
        }
    };
    assert_eq!(bytes[..2], [0x9f, 0xeb]);
    fs::write(path, bytes).unwrap();
    Some(path.into())
}

/// A 64-bit ELF file whose one section with contents is `.BTF`.
fn elf(btf: &[u8]) -> Vec<u8> {
    let names = b"\0.BTF\0.shstrtab\0";
    let mut out = vec![0; 64];
    out[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    out[16..20].copy_from_slice(&[2, 0, 183, 0]);
    out.extend(btf);
    let names_at = out.len() as u64;
    out.extend(names);
    out.resize(out.len().next_multiple_of(8), 0);
    let table = out.len() as u64;
    out[0x28..0x30].copy_from_slice(&table.to_le_bytes());
    out[0x3a..0x40].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    let sections = [
        (0u32, 0u32, 0u64, 0u64),
        (1, 1, 64, btf.len() as u64),
        (6, 3, names_at, names.len() as u64),
    ];
    for (name, kind, at, len) in sections {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[0x18..0x20].copy_from_slice(&at.to_le_bytes());
        header[0x20..0x28].copy_from_slice(&len.to_le_bytes());
        out.extend(header);
    }
    out
}

/// Makes the minimal BTF of some objects.
fn minimal(board: &Board, from: &str, objects: &[&str]) -> String {
    let path = "/tmp/minimal.btf";
    let mut args = vec!["btf", "min", "--btf", from, "-o", path];
    for object in objects {
        args.extend(["--for", object]);
    }
    let done = end(blind(board, &[]), &args);
    assert_eq!(done.code, Some(0), "{done:#?}");
    path.into()
}

/// Runs objects that need the kernel's types, and checks what they read.
fn right_values(board: &Board, btf: &str) {
    println!("{btf}");
    let (hello, relo) = (object("hello.bpf.o"), object("tests/relo.bpf.o"));
    if board.has_kprobes() {
        let line = [&["run", &hello, "--btf", btf], &HELLO_OPTIONS[..]];
        hello_greets(begin(blind(board, &line.concat())));
    }
    let line = ["run", &relo, "--btf", btf, "--event", "relocated=values"];
    relo_tells_the_truth(begin(blind(board, &line)));
}

#[test]
fn without_btf_it_is_told_what_is_missing_and_where_to_get_it() {
    on_board!(board);
    let before = Snapshot::take();
    for (name, program, types) in [
        ("hello.bpf.o", "hello", "struct task_struct"),
        (
            "tests/missing_field.bpf.o",
            "read_missing_field",
            "struct task_struct",
        ),
    ] {
        let done = end(blind(&board, &["run"]), &[&object(name)]);
        let release = release();
        let expected = [
            format!(
                "btfly: program {program}: needs the layout of {types}, and this kernel has no BTF"
            ),
            format!(
                "  try: give --btf FILE made for kernel {release}: from BTFHub ({release}.btf.tar.xz), \
                 or by pahole -J --btf_encode_detached=FILE vmlinux"
            ),
        ];
        assert_eq!(done.stderr, expected, "{name}");
        assert_eq!((done.code, &done.stdout[..]), (Some(MISSING), &[][..]));
    }
    before.is_restored();
}

#[test]
fn exec_needs_no_btf() {
    on_board!(board);
    let watch = begin(blind(&board, &["exec"]));
    for _ in 0..20 {
        let tag = tag();
        let pid = start(&[&tag]).pid.to_string();
        let line = watch.line(&tag, |line| line.split(' ').any(|word| word == tag));
        let words: Vec<&str> = line.split_whitespace().collect();
        let own = process::id().to_string();
        assert_eq!(words, ["busybox", &pid, &own, "0", BUSYBOX, "true", &tag]);
    }
    assert_eq!(watch.stop().stderr, [""; 0]);
}

#[test]
fn objects_run_by_the_kernels_btf_in_any_form() {
    on_board!(board);
    let before = Snapshot::take();
    let Some(raw) = raw(&board) else {
        println!("there is no archive with this kernel's BTF");
        return;
    };
    right_values(&board, &raw);
    match board.archive().filter(|_| !board.has_btf()) {
        Some(archive) => right_values(&board, archive.to_str().unwrap()),
        None => {
            let path = "/tmp/vmlinux";
            fs::write(path, elf(&fs::read(&raw).unwrap())).unwrap();
            right_values(&board, path);
            fs::remove_file(path).unwrap();
        }
    }
    let objects = [object("hello.bpf.o"), object("tests/relo.bpf.o")];
    let objects = objects.each_ref().map(String::as_str);
    let minimal = minimal(&board, &raw, &objects);
    let (small, whole) = [&minimal, &raw]
        .map(|path| fs::metadata(path).unwrap().len())
        .into();
    println!("minimal BTF: {small} of {whole} bytes");
    assert!(small < 2048, "{small} bytes");
    right_values(&board, &minimal);
    before.is_restored();
}

#[test]
fn a_folder_gives_each_kernel_its_own() {
    on_board!(board);
    let Some(raw) = raw(&board) else {
        return;
    };
    let relo = object("tests/relo.bpf.o");
    let line = [
        "run",
        &relo,
        "--event",
        "relocated=values",
        "--btf",
        "/tmp/hub",
    ];
    fs::create_dir_all("/tmp/hub/debian/99/arm64").unwrap();
    let done = end(blind(&board, &[]), &line);
    let release = release();
    done.failed(6, &["/tmp/hub", &format!("{release}.btf[.tar.xz]")]);
    fs::write("/etc/os-release", "ID=debian\nVERSION_ID=\"99\"\n").unwrap();
    let path = format!("/tmp/hub/debian/99/arm64/{release}.btf");
    fs::rename(raw, path).unwrap();
    relo_tells_the_truth(begin(blind(&board, &line)));
    fs::remove_file("/etc/os-release").unwrap();
    fs::remove_dir_all("/tmp/hub").unwrap();
}

/// What traced.bpf.o says of a system call and a program that is started; places and sizes of the
/// fields that it read, by kind.
pub fn traced(command: Command) -> Vec<(i64, i64, i64)> {
    let watch = begin(command);
    let header = watch.header();
    let table = Table::new(&header);
    let own = i64::from(process::id());
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let thread: i64 = thread
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    prctl(4711);
    let child = i64::from(start(&[&tag()]).pid);
    let row = |kind: i64, pid: i64| {
        let of_child = |line: &str| {
            line != header && table.number(line, "KIND") == kind && table.number(line, "PID") == pid
        };
        watch.line(&format!("record of kind {kind}"), of_child)
    };
    let numbers = |row: &str| ["A", "B", "C"].map(|column| table.number(row, column));
    let place = |row: &str| (table.number(row, "C"), table.number(row, "SIZE"));
    let mut places = Vec::new();
    // The kind, whose record it is, and what is in A and B.
    for (kind, pid, a, b) in [
        (1, own, NR_PRCTL, 4711),
        (2, child, thread, thread),
        (4, child, child, child),
    ] {
        let row = row(kind, pid);
        assert_eq!(numbers(&row)[..2], [a, b], "{row}");
        assert_eq!(table.number(&row, "THERE"), 1, "{row}");
        let text = if kind == 4 { BUSYBOX } else { "" };
        assert_eq!(table.text(&row, "TEXT"), text, "{row}");
        places.push((kind, place(&row).0, place(&row).1));
    }
    let wakeup = row(3, child);
    assert!((0..2).contains(&table.number(&wakeup, "A")), "{wakeup}");
    places.push((3, place(&wakeup).0, place(&wakeup).1));
    let registers = &rows(&watch, &table, 1, "KIND", 5)[0];
    assert_eq!(numbers(registers), [NR_PRCTL, 4711, 0], "{registers}");
    // The two ways to the program counter agree, and a register that no kernel has is not there.
    assert_eq!(
        (
            table.number(registers, "SIZE"),
            table.number(registers, "THERE")
        ),
        (1, 0)
    );
    assert_eq!(watch.stop().stderr, [""; 0]);
    places
}

#[test]
fn records_of_tracepoints_and_registers_are_known_without_btf() {
    on_board!(board);
    assert_eq!(OPTION, 0x6274_666c);
    let target = format!("target={}", process::id());
    let traced_object = object("tests/traced.bpf.o");
    let line = [
        "run",
        &traced_object,
        "--event",
        "records=traced",
        "--set",
        &target,
    ];
    let before = Snapshot::take();
    let by_format = traced(blind(&board, &line));
    println!("{by_format:?}");
    if board.has_btf() {
        let mut command = full();
        command.args(line);
        assert_eq!(traced(command), by_format, "by BTF, and by tracefs");
    }
    before.is_restored();
}
