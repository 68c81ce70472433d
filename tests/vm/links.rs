//! Programs that are attached by links of their own kinds, or run once: tracing programs, LSM,
//! iterators, syscall programs, XDP, cgroups.

use std::fs;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;

use btfly::sys::{bpf, bpf_pin};

use crate::board::{Board, object, on_board, version};
use crate::left::Snapshot;
use crate::modules::{load_module, unload_module};
use crate::run::{OPTION, prctl};
use crate::table::Table;
use crate::watch::{Done, Watch, full};

const USAGE: i32 = 1;
const MISSING: i32 = 3;
const VERIFIER: i32 = 5;

// What the events of links.bpf.c say they are.
const ENTRY: i64 = 0;
const EXIT: i64 = 1;
const MODULE: i64 = 2;
const RAW: i64 = 3;
const PACKET: i64 = 4;
const EGRESS: i64 = 5;
const REPLACED: i64 = 6;
const COOKIE: i64 = 7;

const CGROUP: &str = "/sys/fs/cgroup";
const PORT: u16 = 4711;

/// Starts `btfly run` with one program of links.bpf.o.
fn start(program: &str, more: &[&str]) -> Watch {
    let mut command = full();
    command.args(["run", &object("tests/links.bpf.o"), "--prog", program]);
    command.args(more);
    Watch::spawn(command)
}

/// Waits for an event of this kind that carries this number.
fn sees(watch: &Watch, what: i64, number: i64) {
    let header = watch.header();
    let table = Table::new(&header);
    let is_it = |line: &str| {
        line != header
            && table.number(line, "WHAT") == what
            && table.number(line, "NUMBER") == number
    };
    watch.line(&format!("{what} with {number}"), is_it);
}

fn quiet(done: &Done) {
    assert_eq!(done.stderr, [""; 0]);
}

/// Whether functions of the kernel can be traced by BTF here: on arm64 from 6.4 on.
fn has_trampolines(board: &Board) -> bool {
    board.has_btf() && version() >= (6, 4)
}

/// A tracing program does what it is for, or is refused for what the kernel lacks.
fn traced(board: &Board, program: &str, more: &[&str], check: impl Fn(&Watch)) {
    let before = Snapshot::take();
    let watch = start(program, more);
    match has_trampolines(board) {
        true => {
            check(&watch);
            quiet(&watch.stop());
        }
        false => {
            let done = watch.end();
            match board.has_btf() {
                true => done.failed(MISSING, &["trampolines", "6.4", "kprobe"]),
                false => done.failed(MISSING, &[program, "BTF"]),
            }
        }
    }
    before.is_restored();
}

#[test]
fn fentry_and_fexit_see_calls_of_a_function_and_their_returns() {
    on_board!(board);
    traced(&board, "entry", &[], |watch| {
        watch.header();
        prctl(41);
        sees(watch, ENTRY, 41);
    });
    // The section's place is none: the user's stands in its stead. EINVAL is 22.
    let place = ["--attach", "leave=__arm64_sys_prctl"];
    traced(&board, "leave", &place, |watch| {
        watch.header();
        prctl(43);
        sees(watch, EXIT, 43 + 22);
    });
}

#[test]
fn a_tracing_program_is_given_the_cookie_that_is_asked_for() {
    on_board!(board);
    if !has_trampolines(&board) {
        return; // Those before 6.0 do not know the helper there.
    }
    for (more, number) in [(&["--cookie", "cookie=4711"][..], 4711), (&[], 0)] {
        traced(&board, "cookie", more, |watch| {
            watch.header();
            prctl(1);
            sees(watch, COOKIE, number);
        });
    }
}

#[test]
fn fmod_ret_decides_what_a_function_returns() {
    on_board!(board);
    traced(&board, "modify", &[], |watch| {
        watch.header();
        prctl(1);
        let error = io::Error::last_os_error();
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{error}");
    });
    if has_trampolines(&board) {
        prctl(1);
        let error = io::Error::last_os_error();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "after: {error}");
    }
}

#[test]
fn fentry_sees_a_function_of_a_module() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    start("of_module", &[])
        .end()
        .failed(MISSING, &["of_module", "lo_ioctl"]);
    load_module(&board.module("loop"));
    if fs::exists("/sys/kernel/btf/loop").unwrap() {
        traced(&board, "of_module", &[], |watch| {
            watch.header();
            let device = fs::File::open("/dev/loop2").unwrap();
            // Safety: a request that the driver does not know; it takes no memory.
            unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&device), 0x4cff, 0) };
            sees(watch, MODULE, 0x4cff);
        });
    }
    unload_module();
    before.is_restored();
}

#[test]
fn tp_btf_sees_a_tracepoint_by_its_types() {
    on_board!(board);
    let before = Snapshot::take();
    let watch = start("raw", &[]);
    match board.has_btf() {
        true => {
            watch.header();
            prctl(44);
            sees(&watch, RAW, 44);
            quiet(&watch.stop());
        }
        false => watch.end().failed(MISSING, &["raw", "BTF"]),
    }
    before.is_restored();
}

#[test]
fn an_lsm_program_decides_or_says_that_it_is_never_asked() {
    on_board!(board);
    if !has_trampolines(&board) {
        let done = start("decide", &[]).end();
        assert_eq!(done.code, Some(MISSING), "{done:?}");
        return;
    }
    let before = Snapshot::take();
    let security = c"securityfs";
    // Safety: strings that live through the call; mounted twice does no harm.
    unsafe {
        libc::mount(
            security.as_ptr(),
            c"/sys/kernel/security".as_ptr(),
            security.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
    let active = fs::read_to_string("/sys/kernel/security/lsm").unwrap();
    println!("active: {active}");
    let watch = start("decide", &[]);
    watch.header();
    prctl(1);
    let error = io::Error::last_os_error();
    let done = watch.stop();
    if active.trim().split(',').any(|name| name == "bpf") {
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{error}");
        quiet(&done);
    } else {
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}");
        let text = done.stderr.join("\n");
        assert!(text.contains("lsm task_prctl: it is never asked"), "{text}");
    }
    before.is_restored();
}

#[test]
fn an_iterator_is_read_once_and_its_text_printed() {
    on_board!(board);
    let before = Snapshot::take();
    let done = start("tasks", &[]).end();
    match board.has_btf() {
        true => {
            assert_eq!(done.code, Some(0), "{done:?}");
            quiet(&done);
            for pid in [1, std::process::id()] {
                let line = format!("task {pid}");
                assert!(
                    done.stdout.contains(&line),
                    "no {line} in {:?}",
                    done.stdout
                );
            }
        }
        false => done.failed(MISSING, &["tasks", "BTF"]),
    }
    before.is_restored();
}

#[test]
fn an_iterator_goes_through_a_map_that_is_named() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let put = ["--put", "counts", "3", "30", "--put", "counts", "4", "40"];
    let with = |place: &str| start("elements", &[&put[..], &["--attach", place]].concat()).end();
    let done = with("elements=bpf_map_elem:counts");
    assert_eq!(done.code, Some(0), "{done:?}");
    let mut lines: Vec<&str> = done.stdout.iter().map(|l| l.as_str()).collect();
    lines.retain(|line| line.contains(" is "));
    lines.sort_unstable();
    assert_eq!(lines, ["3 is 30", "4 is 40"]);
    with("elements=bpf_map_elem:no_such").failed(USAGE, &["no_such", "map"]);
    let done = start("elements", &[]).end();
    done.failed(USAGE, &["map", "--attach elements=bpf_map_elem:MAP"]);
    before.is_restored();
}

#[test]
fn a_syscall_program_is_run_once_and_what_it_returns_printed() {
    on_board!();
    let before = Snapshot::take();
    for (program, returned) in [("answer", 42), ("zeros", -7)] {
        let done = start(program, &[]).end();
        if version() < (5, 14) {
            assert_eq!(done.code, Some(MISSING), "{done:?}");
            assert!(done.stderr.join("\n").contains(program), "{done:?}");
        } else {
            assert_eq!(done.code, Some(0), "{done:?}");
            let line = format!("{program} returned {returned}");
            assert!(done.stdout.contains(&line), "{:?}", done.stdout);
            quiet(&done);
        }
        before.is_restored();
    }
}

/// Sends packets to a port of this machine until the program has seen one.
fn send_udp(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..3 {
        socket.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    }
}

#[test]
fn an_xdp_program_sees_the_packets_of_an_interface() {
    on_board!();
    let before = Snapshot::take();
    for how in [["--iface", "lo"], ["--attach", "packets=lo"]] {
        let watch = start("packets", &how);
        watch.header();
        send_udp(PORT);
        sees(&watch, PACKET, PORT.into());
        if how[0] == "--iface" {
            let second = start("packets", &how).end();
            assert_eq!(second.code, Some(6), "{second:?}");
            let text = second.stderr.join("\n");
            assert!(text.contains("xdp lo: another program"), "{text}");
        }
        quiet(&watch.stop());
        before.is_restored();
    }
    // A name of its own is no kind until it is given one.
    let watch = start("custom", &["--type", "custom=xdp", "--iface=lo"]);
    watch.header();
    quiet(&watch.stop());
    before.is_restored();
}

#[test]
fn an_interface_that_is_not_there_or_not_named_is_told() {
    on_board!();
    let before = Snapshot::take();
    let done = start("packets", &[]).end();
    done.failed(USAGE, &["packets", "network interface", "--iface"]);
    let done = start("packets", &["--iface", "eth77"]).end();
    done.failed(MISSING, &["eth77", "no such network interface", "lo"]);
    let mut command = full();
    command.args(["run", &object("tests/kinds.bpf.o"), "--iface", "lo"]);
    let done = Watch::spawn(command).end();
    done.failed(USAGE, &["--iface", "no program for lo", "XDP"]);
    before.is_restored();
}

#[test]
fn an_interface_that_is_down_is_attached_to_and_told() {
    on_board!();
    let set = |state: &[&str]| {
        let ifconfig = Command::new("/bin/busybox")
            .args(["ifconfig", "lo"])
            .args(state)
            .status();
        assert!(ifconfig.unwrap().success(), "{state:?}");
    };
    let before = Snapshot::take();
    set(&["down"]);
    let watch = start("packets", &["--iface", "lo"]);
    watch.header();
    set(&["127.0.0.1", "up"]);
    send_udp(PORT);
    sees(&watch, PACKET, PORT.into());
    let done = watch.stop();
    let text = done.stderr.join("\n");
    assert!(text.contains("xdp lo: the interface is down"), "{text}");
    before.is_restored();
}

#[test]
fn programs_for_a_cgroup_see_and_decide_what_its_processes_do() {
    on_board!();
    let before = Snapshot::take();
    for old in [&[][..], &["--without", "bpf-link"]] {
        let with = |program| start(program, &[&["--cgroup", CGROUP], old].concat());
        let watch = with("egress");
        watch.header();
        send_udp(PORT);
        sees(&watch, EGRESS, 20 + 8 + 5);
        quiet(&watch.stop());

        let connect = || TcpStream::connect(("127.0.0.1", PORT)).unwrap_err().kind();
        assert_eq!(connect(), io::ErrorKind::ConnectionRefused);
        let watch = with("connects");
        watch.header();
        assert_eq!(connect(), io::ErrorKind::PermissionDenied);
        quiet(&watch.stop());
        // Without a link the kernel lets the program go only when it is detached.
        assert_eq!(connect(), io::ErrorKind::ConnectionRefused);
        before.is_restored();
    }
}

#[test]
fn each_kind_of_program_for_a_cgroup_is_attached() {
    on_board!(board);
    let before = Snapshot::take();
    for program in [
        "ingress",
        "either_way",
        "sock",
        "sock_create",
        "sock_release",
        "post_bind",
        "binds",
        "sends",
        "receives",
        "peers",
        "names",
        "sysctl",
        "gets",
        "sets",
        "devices",
        "sockops",
    ] {
        println!("{program}");
        let watch = start(program, &["--attach", &format!("{program}={CGROUP}")]);
        watch.header();
        quiet(&watch.stop());
        before.is_restored();
    }
    let watch = start("bind_hook", &["--cgroup", CGROUP]);
    match has_trampolines(&board) {
        true => {
            watch.header();
            quiet(&watch.stop());
        }
        // Before 6.0 it is the verifier that does not know such programs.
        false => {
            let done = watch.end();
            assert!(matches!(done.code, Some(MISSING | VERIFIER)), "{done:?}");
            let text = done.stderr.join("\n");
            assert!(
                text.contains("bind_hook") || text.contains("lsm_cgroup"),
                "{text}"
            );
        }
    }
    before.is_restored();
}

#[test]
fn a_folder_that_is_no_cgroup_is_told() {
    on_board!();
    let before = Snapshot::take();
    for (more, code, words) in [
        (&[][..], USAGE, ["egress", "--cgroup"]),
        (
            &["--cgroup", "/no/such"],
            MISSING,
            ["/no/such", "no such folder"],
        ),
        (
            &["--cgroup", "/tmp"],
            MISSING,
            ["/tmp", "no cgroup of version 2"],
        ),
        (
            &["--cgroup", "/etc/passwd"],
            MISSING,
            ["/etc/passwd", "no folder"],
        ),
        (
            &["--cgroup", "/tmp", "--without", "bpf-link"],
            MISSING,
            ["/tmp", "no cgroup of version 2"],
        ),
    ] {
        start("egress", more).end().failed(code, &words);
        before.is_restored();
    }
}

#[test]
fn freplace_takes_the_place_of_a_function_of_a_loaded_program() {
    on_board!(board);
    if !board.has_btf() {
        return; // The verifier does not know what such a function's arguments are.
    }
    let before = Snapshot::take();
    let target = start("replaceable", &[]);
    target.header();
    let programs = Snapshot::take().since(&before).programs;
    let id = programs.first().expect("the target is loaded");
    prctl(7);
    sees(&target, REPLACED, 7 + 1);
    let pin = c"/sys/fs/bpf/replaceable";
    bpf_pin::obj_pin(bpf::prog_get_fd_by_id(*id).unwrap().as_fd(), pin).unwrap();
    for (place, number) in [
        (format!("replacement=id:{id}"), 8),
        (
            format!("replacement=number@pinned:{}", pin.to_str().unwrap()),
            18,
        ),
    ] {
        let replace = start("replacement", &["--attach", &place]);
        if version() >= (6, 0) {
            replace.header();
            prctl(number);
            sees(&target, REPLACED, number as i64 + 1000);
            quiet(&replace.stop());
            prctl(number + 1);
            sees(&target, REPLACED, number as i64 + 2);
        } else {
            replace.end().failed(MISSING, &["trampolines", "6.0"]);
        }
    }
    fs::remove_file(pin.to_str().unwrap()).unwrap();
    let none = start(
        "replacement",
        &["--attach", &format!("replacement=no_such@id:{id}")],
    );
    none.end().failed(MISSING, &["no_such"]);
    let none = start("replacement", &["--attach", "replacement=id:x"]);
    none.end().failed(USAGE, &["id:N or pinned:PATH"]);
    quiet(&target.stop());
    before.is_restored();
}

#[test]
fn a_kind_that_is_not_attached_yet_is_told_and_keeps_no_other_away() {
    on_board!();
    let before = Snapshot::take();
    let done = start("classifier", &[]).end();
    done.failed(
        MISSING,
        &["classifier", "attaching the kind tc is not supported yet"],
    );
    let watch = start("classifier", &["--prog", "packets", "--iface", "lo"]);
    watch.header();
    send_udp(PORT);
    sees(&watch, PACKET, PORT.into());
    let done = watch.stop();
    let text = done.stderr.join("\n");
    assert!(
        text.contains("program classifier: attaching the kind tc"),
        "{text}"
    );
    before.is_restored();
}

#[test]
fn a_program_or_section_that_is_not_there_is_told_with_what_is() {
    on_board!();
    let done = start("half", &[]).end();
    done.failed(USAGE, &["half", "CATEGORY/NAME", "--attach half=PLACE"]);
    for (more, words) in [
        (
            &["--type", "custom=kprobes/x"][..],
            &["kprobes/x", "kprobe/x"][..],
        ),
        (&["--type", "custom"], &["--type custom", "PROGRAM="]),
        (
            &["--attach", "no_such=x"],
            &["no program no_such", "entry, cookie"],
        ),
        (&["--attach", "answer=x"], &["answer", "take no place"]),
        (&["--attach", "custom=x"], &["custom", "--type"]),
    ] {
        start("custom", more).end().failed(USAGE, words);
    }
    let done = start("custom", &[]).end();
    done.failed(2, &["xdp_custom", "xdp", "--type custom=SECTION"]);
    assert_eq!(OPTION, 0x6274_666c, "what links.bpf.c is compiled for");
}
