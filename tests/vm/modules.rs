//! Types and functions that only a module has, by real ones: the loop device and the table of connections of
//! Debian's kernels.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::board::{Board, object, on_board, version};
use crate::left::Snapshot;
use crate::run::prctl;
use crate::table::Table;
use crate::watch::{Watch, full};

const MISSING: i32 = 3;

/// Of linux/loop.h.
const LOOP_SET_FD: i32 = 0x4c00;
const LOOP_CLR_FD: i32 = 0x4c01;
const LOOP_SET_STATUS64: i32 = 0x4c04;
const LOOP_GET_STATUS64: i32 = 0x4c05;

/// `struct loop_info64`: 232 bytes, with the offset and the limit at these places.
type LoopInfo = [u64; 29];
const OFFSET: usize = 3;
const SIZE_LIMIT: usize = 4;

fn check(result: libc::c_long) {
    assert!(result >= 0, "{}", io::Error::last_os_error());
}

pub fn load_module(path: &Path) {
    let module = File::open(path).unwrap();
    // Safety: the descriptor and the string live through the call.
    check(unsafe { libc::syscall(libc::SYS_finit_module, module.as_raw_fd(), c"".as_ptr(), 0) });
}

pub fn unload_module() {
    // Safety: the string lives through the call.
    check(unsafe { libc::syscall(libc::SYS_delete_module, c"loop".as_ptr(), libc::O_NONBLOCK) });
}

fn loop_ioctl(device: &File, request: i32, argument: usize) {
    // Safety: what each request takes is what its caller gives.
    check(unsafe { libc::ioctl(device.as_raw_fd(), request as _, argument) }.into());
}

fn start(program: &str) -> Watch {
    let mut command = full();
    let module = object("tests/module.bpf.o");
    command.args([
        "run",
        &module,
        "--prog",
        program,
        "--event",
        "devices=device",
    ]);
    Watch::spawn(command)
}

/// Whether the type is there, a field of it that no kernel has, and its size.
fn existence() -> [i64; 3] {
    let watch = start("there");
    let header = watch.header();
    let table = Table::new(&header);
    prctl(4711);
    let is_it = |line: &str| line != header && table.number(line, "NUMBER") == 4711;
    let row = watch.line("event", is_it);
    assert_eq!(watch.stop().stderr, [""; 0]);
    ["THERE", "MISSING", "SIZE"].map(|column| table.number(&row, column))
}

#[test]
fn a_type_that_only_a_module_has_is_found_while_the_module_is_there() {
    on_board!(board);
    if !board.has_btf() {
        return; // These kernels have no modules, and no BTF that one's could be split from.
    }
    let before = Snapshot::take();
    assert_eq!(existence(), [0, 0, 0], "before the module is loaded");
    load_module(&board.module("loop"));
    match Path::new("/sys/kernel/btf/loop").exists() {
        true => module_types(),
        false => {
            println!("modules of this kernel have no BTF");
            assert_eq!(existence(), [0, 0, 0]);
            let done = start("status").end();
            done.failed(MISSING, &["program status", "struct loop_device"]);
        }
    }
    unload_module();
    before.is_restored();
}

fn module_types() {
    let [there, missing, size] = existence();
    assert_eq!((there, missing), (1, 0));
    assert!((256..4096).contains(&size), "{size} bytes");

    let watch = start("status");
    let header = watch.header();
    let table = Table::new(&header);
    fs::write("/tmp/loop.image", vec![0; 1 << 20]).unwrap();
    let open = |path: &str| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap()
    };
    let (image, device) = (open("/tmp/loop.image"), open("/dev/loop3"));
    loop_ioctl(&device, LOOP_SET_FD, image.as_raw_fd() as usize);
    for (offset, limit) in [(0x7000, 0x11000), (0, 0), (0x200, 0x400)] {
        let mut info: LoopInfo = [0; 29];
        info[OFFSET] = offset;
        info[SIZE_LIMIT] = limit;
        loop_ioctl(&device, LOOP_SET_STATUS64, info.as_ptr() as usize);
        loop_ioctl(&device, LOOP_GET_STATUS64, info.as_mut_ptr() as usize);
        assert_eq!((info[OFFSET], info[SIZE_LIMIT]), (offset, limit));
        let is_it = |line: &str| line != header && table.number(line, "OFFSET") == offset as i64;
        let row = watch.line("status", is_it);
        let number = |column| table.number(&row, column);
        assert_eq!(number("SIZELIMIT"), limit as i64, "{row}");
        assert_eq!((number("NUMBER"), number("ROUND")), (3, 1), "{row}");
        assert_eq!(
            ["THERE", "MISSING", "SIZE"].map(number),
            [1, 0, size],
            "{row}"
        );
    }
    loop_ioctl(&device, LOOP_CLR_FD, 0);
    drop(device);
    assert_eq!(watch.stop().stderr, [""; 0]);
}

/// The modules that one depends on, by the list of them in its file.
fn needed_by(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let mut words = bytes.split(|&byte| byte == 0);
    let list = words.find_map(|word| word.strip_prefix(b"depends="));
    let list = String::from_utf8(list.expect("each module has a list").to_vec()).unwrap();
    let names = list.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// A module that was inserted with all that it depends on. Dropped, it and they are removed again.
struct Inserted(Vec<String>);

impl Inserted {
    fn new(board: &Board, module: &str) -> Inserted {
        let mut inserted = Inserted(Vec::new());
        inserted.insert(board, module);
        inserted
    }

    fn insert(&mut self, board: &Board, module: &str) {
        if Path::new("/sys/module").join(module).exists() {
            return;
        }
        let path = board.module(module);
        for needed in needed_by(&path) {
            self.insert(board, &needed);
        }
        load_module(&path);
        self.0.push(module.to_owned());
    }
}

impl Drop for Inserted {
    fn drop(&mut self) {
        for module in self.0.iter().rev() {
            let name = std::ffi::CString::new(module.as_str()).unwrap();
            let end = Instant::now() + Duration::from_secs(20);
            // A program that called it is freed a little after it is closed.
            // Safety: the string lives through the call.
            while unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) }
                != 0
            {
                let error = io::Error::last_os_error();
                if Instant::now() > end {
                    println!("{module} stays: {error}");
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Starts the program that keeps flows in the table of connections.
fn track() -> Watch {
    let mut command = full();
    let conntrack = object("tests/conntrack.bpf.o");
    command.args(["run", &conntrack, "--iface", "lo", "--event", "flows=flow"]);
    Watch::spawn(command)
}

#[test]
fn a_function_of_a_module_is_called_while_the_module_is_there() {
    on_board!(board);
    // Modules bring types, which stay for as long as they do.
    let missing = |words: &[&str]| {
        let before = Snapshot::take();
        track().end().failed(MISSING, words);
        before.is_restored();
    };
    if !board.has_btf() {
        return missing(&["extern bpf_", "kernel's own BTF"]);
    }
    let not_there = ["extern bpf_", "does not have it", "modprobe"];
    missing(&not_there);
    if !board.module("nf_conntrack").exists() {
        return;
    }
    let modules = Inserted::new(&board, "nf_conntrack");
    assert!(Path::new("/sys/module/nf_conntrack").exists());
    if version() < (6, 1) {
        missing(&not_there);
    } else {
        let before = Snapshot::take();
        let watch = track();
        let header = watch.header();
        let table = Table::new(&header);
        for _ in 0..2 {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let port = i64::from(socket.local_addr().unwrap().port());
            // The first packet enters the flow, the second finds it.
            for (count, expected) in [(1, [-i64::from(libc::ENOENT), 1, 1, 8]), (2, [0, 0, 1, 8])] {
                socket.send_to(b"hello", "127.0.0.1:4711").unwrap();
                let is_it = |line: &str| line != header && table.number(line, "PORT") == port;
                let rows = watch.lines(count, is_it);
                let columns = ["ERROR", "ENTERED", "FOUND", "STATUS"];
                let row = columns.map(|column| table.number(&rows[count - 1], column));
                assert_eq!(row, expected, "{rows:?}");
            }
        }
        assert_eq!(watch.stop().stderr, [""; 0]);
        before.is_restored();
    }
    drop(modules);
    assert!(!Path::new("/sys/module/nf_conntrack").exists());
    missing(&not_there);
}
