//! The pages of docs/tools, each made of what its tool says of itself and shows here: `scripts/tool-pages` writes
//! them out.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{build, capable, oomkill};
use crate::board::{Board, on_board};
use crate::program::NOBODY;
use crate::tool_counts::Disk;
use crate::tools::{connection, run};
use crate::watch::{Done, Watch};

/// An example of a tool.
struct Page {
    tool: &'static str,
    args: &'static [&'static str],
    work: fn(),
    /// A line of it has this.
    shows: &'static str,
}

/// Lines of an example at most.
const LINES: usize = 24;

const PAGES: &[Page] = &[
    Page {
        tool: "exec",
        args: &["-n", "busybox"],
        work: || drop(run(&["ls", "-l", "/etc"])),
        shows: "ls -l /etc",
    },
    Page {
        tool: "open",
        args: &["-n", "busybox"],
        work: || drop(run(&["cat", "/etc/passwd", "/nowhere"])),
        shows: "ENOENT",
    },
    Page {
        tool: "exit",
        args: &["-n", "busybox"],
        work: || {
            run(&["sh", "-c", "exit 3"]);
            run(&["sh", "-c", "kill -9 $$"]);
        },
        shows: "SIGKILL",
    },
    Page {
        tool: "signal",
        args: &["-n", "busybox"],
        work: || drop(run(&["sh", "-c", "kill -TERM $$"])),
        shows: "SIGTERM",
    },
    Page {
        tool: "mount",
        args: &[],
        work: || {
            let _ = fs::create_dir("/tmp/data");
            run(&[
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "ro,size=1m",
                "data",
                "/tmp/data",
            ]);
            run(&["umount", "/tmp/data"]);
            run(&["mount", "-t", "ext4", "/dev/sda1", "/nowhere"]);
            let _ = fs::remove_dir("/tmp/data");
        },
        shows: "UMOUNT",
    },
    Page {
        tool: "syscount",
        args: &["-L"],
        work: files,
        shows: "openat",
    },
    Page {
        tool: "tcpconnect",
        args: &[],
        work: || {
            let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
            drop(TcpStream::connect("127.0.0.1:8080").unwrap());
            drop(listener);
        },
        shows: "8080",
    },
    Page {
        tool: "biolatency",
        args: &["-D"],
        work: || {
            run(&[
                "dd",
                "if=/dev/zero",
                "of=/dev/loop0",
                "bs=4k",
                "count=200",
                "conv=fsync",
            ]);
        },
        shows: "disk = 7:0",
    },
    Page {
        tool: "runqlat",
        args: &[],
        work: || (0..100).for_each(|_| thread::sleep(Duration::from_millis(3))),
        shows: "usecs ",
    },
    Page {
        tool: "offcpu",
        args: &["-n", "busybox", "-m", "10000"],
        work: || drop(run(&["sleep", "1"])),
        shows: "do_nanosleep+",
    },
    Page {
        tool: "profile",
        args: &["-f"],
        work: files,
        shows: ";el0_svc;",
    },
    Page {
        tool: "oomkill",
        args: &[],
        work: || drop(oomkill::eat_in_group()),
        shows: "busybox",
    },
    Page {
        tool: "capable",
        args: &["-u"],
        work: || drop(capable::ask(NOBODY)),
        shows: "CAP_SYS_CHROOT",
    },
    Page {
        tool: "tcplife",
        args: &[],
        work: || drop(connection()),
        shows: "127.0.0.1",
    },
    Page {
        tool: "tcpstates",
        args: &[],
        work: || drop(connection()),
        shows: "TCP_SYN_SENT",
    },
    Page {
        tool: "tcprtt",
        args: &["-B"],
        work: || (0..20).for_each(|_| drop(connection())),
        shows: "addr = 127.0.0.1",
    },
    Page {
        tool: "bio",
        args: &["-d", "7:0"],
        work: || {
            drop(run(&[
                "dd",
                "if=/dev/zero",
                "of=/dev/loop0",
                "bs=64k",
                "count=4",
                "conv=fsync",
            ]))
        },
        shows: "7:0",
    },
    Page {
        tool: "runqslower",
        args: &["-m", "1000"],
        work: || {
            drop(run(&[
                "sh",
                "-c",
                "for i in 1 2 3; do timeout 1 yes >/dev/null & done; wait",
            ]))
        },
        shows: "yes",
    },
    Page {
        tool: "cpudist",
        args: &["-O"],
        work: || (0..100).for_each(|_| thread::sleep(Duration::from_millis(3))),
        shows: "usecs ",
    },
    Page {
        tool: "hardirqs",
        args: &[],
        work: || thread::sleep(Duration::from_secs(1)),
        shows: "arch_timer",
    },
    Page {
        tool: "softirqs",
        args: &[],
        work: || (0..20).for_each(|_| drop(connection())),
        shows: "NET_RX",
    },
    Page {
        tool: "cachestat",
        args: &["500ms"],
        work: || {
            run(&["dd", "if=/dev/loop0", "of=/dev/null", "bs=4k"]);
            run(&["dd", "if=/dev/zero", "of=/dev/loop0", "bs=4k", "count=50"]);
        },
        shows: "hits: ",
    },
    Page {
        tool: "vfsstat",
        args: &["500ms"],
        work: files,
        shows: "fsync: ",
    },
    Page {
        tool: "filetop",
        args: &["-r", "5"],
        work: || drop(run(&["dd", "if=/bin/busybox", "of=/tmp/copy", "bs=64k"])),
        shows: "copy",
    },
    Page {
        tool: "filelife",
        args: &[],
        work: || {
            fs::write("/tmp/short-lived", "").unwrap();
            thread::sleep(Duration::from_millis(100));
            fs::remove_file("/tmp/short-lived").unwrap();
        },
        shows: "short-lived",
    },
    Page {
        tool: "fsslower",
        args: &["-m", "0"],
        work: || {
            // Where the disk itself is a file, /tmp/disk.
            fs::create_dir("/tmp/mounted").unwrap();
            run(&["mke2fs", "/dev/loop0"]);
            run(&["mount", "-t", "ext4", "/dev/loop0", "/tmp/mounted"]);
            run(&[
                "dd",
                "if=/bin/busybox",
                "of=/tmp/mounted/copy",
                "bs=64k",
                "count=4",
                "conv=fsync",
            ]);
            run(&["cat", "/tmp/mounted/copy"]);
            run(&["umount", "/tmp/mounted"]);
            // A folder on which something is mounted stays.
            fs::remove_dir("/tmp/mounted").unwrap();
        },
        shows: "copy",
    },
    Page {
        tool: "funclatency",
        args: &["vfs_read", "-u"],
        work: files,
        shows: "usecs ",
    },
    Page {
        tool: "memleak",
        args: &["-z", "400", "-T", "3"],
        work: || {
            let _ = fs::create_dir("/tmp/kept");
            (0..200).for_each(|name| fs::write(format!("/tmp/kept/{name}"), "").unwrap());
        },
        shows: "shmem_alloc_inode+",
    },
    Page {
        tool: "boot",
        args: &[],
        work: || {
            let _ = fs::create_dir("/tmp/data");
            run(&["mount", "-t", "tmpfs", "data", "/tmp/data"]);
            run(&["umount", "/tmp/data"]);
            let _ = fs::remove_dir("/tmp/data");
        },
        shows: "MOUNT",
    },
    Page {
        tool: "trace",
        args: &["do_unlinkat", "pid", "name", "if", "comm", "==", "busybox"],
        work: || {
            for name in ["/tmp/one", "/tmp/two"] {
                fs::write(name, "").unwrap();
                run(&["rm", name]);
            }
        },
        shows: "/tmp/two",
    },
];

/// System calls for two seconds.
fn files() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let _ = fs::read("/etc/passwd");
    }
}

impl Page {
    fn print(&self) {
        let help = told(&[self.tool, "--help"]);
        let option = |line: &&String| !line.is_empty();
        let options = help.iter().skip_while(|line| *line != "Options:").skip(1);
        let options: Vec<&str> = options.take_while(option).map(String::as_str).collect();
        let watch = Watch::spawn(build(&[&[self.tool], self.args].concat()));
        // What has a header says nothing else.
        let end = Instant::now() + Duration::from_secs(20);
        while watch.so_far().is_empty() && !watch.says("attached") && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        (self.work)();
        thread::sleep(Duration::from_millis(500));
        let memory = peak(watch.pid());
        let shown = watch.stop().stdout;
        let found = shown.iter().any(|line| line.contains(self.shows));
        assert!(found, "no {} in {shown:#?}", self.shows);
        println!("=== docs/tools/{}.md", self.tool);
        println!("# btfly {}\n", self.tool);
        println!("    {}\n", help.first().unwrap());
        println!("{}\n", help.get(2).unwrap());
        println!("    # btfly {} {}", self.tool, self.args.join(" "));
        for line in shown.iter().take(LINES) {
            println!("    {}", line.trim_end());
        }
        if shown.len() > LINES {
            println!("    …");
        }
        println!("\n## Options\n\nBeside those of `btfly run`:\n");
        options.iter().for_each(|line| println!("    {line}"));
        println!("\n## Cost\n\nIts most memory in this example: {memory} kB.");
        println!("=== end");
    }
}

/// The most memory that a process had, in kB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("VmHWM")
}

fn told(args: &[&str]) -> Vec<String> {
    let Done { code, stdout, .. } = Watch::spawn(build(args)).end();
    assert_eq!(code, Some(0), "{args:?}");
    stdout
}

/// Which tools this kernel has a place for: a line for each.
fn table(board: &Board) {
    println!("=== table {}", if board.has_btf() { "BTF" } else { "none" });
    let lines = told(&["list"]);
    for tool in lines.chunks(3) {
        let (name, about) = tool[0].split_once(' ').unwrap();
        let (needs, here) = (tool[1].trim(), tool[2].trim());
        let needs = needs.strip_prefix("needs: ").unwrap();
        println!("| {name} | {} | {needs} | {here} |", about.trim());
    }
    println!("=== end");
}

#[test]
fn pages_show_what_tools_really_print() {
    on_board!(board);
    table(&board);
    // One kernel is enough for examples; the tests of the tools run on all.
    if board.name() != "6.12" {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    PAGES.iter().for_each(Page::print);
}
