//! The objects inside Debian's libbpf-tools, each run beside the tool that it comes from, over the same work: both
//! have to tell the same facts. Here those that tell of events; tool_counts.rs has those that count.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::{BUSYBOX, finish, start, tag};
use crate::terminal;
use crate::watch::{Watch, full};

/// A tool of Debian's on a terminal, where each line comes at once, with the libraries that bpftool has here.
pub fn debian(tool: &str, args: &[&str]) -> Watch {
    let bpftool = env::var("BTFLY_BPFTOOL").expect("BTFLY_BPFTOOL");
    let folder = env::var("BTFLY_DEBIAN").expect("BTFLY_DEBIAN");
    let mut command = Command::new(format!("{bpftool}/ld-linux-aarch64.so.1"));
    command.args(["--library-path", &bpftool, &format!("{folder}/{tool}")]);
    command.args(args).stdin(Stdio::null());
    // Else it looks for the zone before each line, which opensnoop then tells, and so on.
    command.env("TZ", "UTC0");
    terminal::spawn(command)
}

/// The object inside such a tool, run with these options; the types of its events are declared by a header.
pub fn carved(tool: &str, options: &[&str], types: &str) -> Watch {
    let folder = env::var("BTFLY_TOOLS").expect("BTFLY_TOOLS");
    let header = format!("/tmp/{tool}.h");
    let mut command = full();
    command.args(["run", &format!("{folder}/{tool}.bpf.o")]);
    if !types.is_empty() {
        fs::write(&header, types).unwrap();
        command.args(["--types", &header]);
    }
    command.args(options);
    Watch::spawn(command)
}

/// Why a tool of Debian's has ended: only for the reason that is given.
#[track_caller]
pub fn has_failed(theirs: Watch, tool: &str, reason: Option<&str>) {
    let done = theirs.end();
    let text = [done.stderr, done.stdout].concat().join("\n");
    let reason = reason.unwrap_or_else(|| panic!("Debian's {tool} fails:\n{text}"));
    assert!(
        text.contains(reason),
        "Debian's {tool} fails in another way:\n{text}"
    );
    println!("Debian's {tool} fails: {reason}");
}

/// A line of `--json`.
struct Event<'l>(&'l str);

impl<'l> Event<'l> {
    #[track_caller]
    fn get(&self, field: &str) -> &'l str {
        let key = format!("\"{field}\":");
        let at = self.0.find(&key);
        let at = at.unwrap_or_else(|| panic!("no field {field} in {}", self.0));
        let rest = &self.0[at + key.len()..];
        match rest.strip_prefix('"') {
            Some(text) => text.split('"').next().unwrap(),
            None => rest.split([',', '}']).next().unwrap(),
        }
    }

    #[track_caller]
    fn number(&self, field: &str) -> i64 {
        let text = self.get(field);
        text.parse()
            .unwrap_or_else(|_| panic!("{field} is {text}: {}", self.0))
    }

    fn texts(&self, fields: &[&str]) -> Vec<String> {
        fields.iter().map(|field| self.get(field).into()).collect()
    }
}

/// A tool that tells of events as they come.
struct Stream {
    tool: &'static str,
    args: &'static [&'static str],
    /// Of btfly.
    options: &'static [&'static str],
    /// In C, where the object has no type for its events.
    types: &'static str,
    /// Does what the tool tells of, and says what word is in each line about it: a process id or a port.
    work: fn() -> String,
    /// The facts in a line of Debian's tool, by its words.
    theirs: fn(&[&str]) -> Vec<String>,
    ours: fn(&Event<'_>) -> Vec<String>,
    /// What Debian's tool says on kernels where it does not run.
    fails: Option<&'static str>,
}

pub fn words(line: &[&str], which: &[usize]) -> Vec<String> {
    let word = |index: &usize| line.get(*index).copied().unwrap_or_default();
    which.iter().map(|index| word(index).to_owned()).collect()
}

/// Runs a program of busybox: its process id.
pub fn run(args: &[&str]) -> String {
    let mut command = Command::new(BUSYBOX);
    command.args(args);
    finish(command).pid.to_string()
}

/// A connection that is made, used and closed: its port.
pub fn connection() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut other, _) = listener.accept().unwrap();
    stream.write_all(b"hello").unwrap();
    let mut text = [0; 5];
    other.read_exact(&mut text).unwrap();
    drop(stream);
    // Only now is the other side the one that closes second.
    assert_eq!(other.read(&mut text).unwrap(), 0);
    port.to_string()
}

const STREAMS: &[Stream] = &[
    Stream {
        tool: "execsnoop",
        args: &[],
        // The board has no room for the map of two of them.
        options: &["--resize", "execs=256"],
        types: "",
        work: || start(&[&tag(), "two words", "3"]).pid.to_string(),
        theirs: |line| {
            let mut facts = words(line, &[0, 1, 2, 3]);
            facts.push(line.get(4..).unwrap_or_default().join(" "));
            facts
        },
        ours: |event| {
            let mut facts = event.texts(&["comm", "pid", "ppid", "retval", "args"]);
            facts[4] = facts[4].replace("\\u0000", " ");
            facts
        },
        fails: None,
    },
    Stream {
        tool: "exitsnoop",
        args: &[],
        options: &[],
        types: "struct event { __u64 start_time, exit_time; pid_t pid, tid, ppid; __u32 sig; int exit_code; \
                char comm[16]; };",
        work: || run(&["sh", "-c", "kill -9 $$"]),
        theirs: |line| words(line, &[0, 1, 2, 3, 5, 6]),
        ours: |event| {
            let mut facts = event.texts(&["comm", "pid", "ppid", "tid"]);
            facts.extend(["signal".into(), event.get("sig").into()]);
            facts
        },
        fails: None,
    },
    Stream {
        tool: "opensnoop",
        args: &[],
        options: &["--skip-missing"],
        types: "struct event { __u64 ts; pid_t pid; uid_t uid; int ret, flags; __u64 callers[2]; char comm[16]; \
                char fname[255]; };",
        work: || run(&["cat", "/etc/passwd", "/nowhere"]),
        theirs: |line| words(line, &[0, 1, 2, 3, 4]),
        ours: |event| {
            let ret = event.number("ret");
            let mut facts = event.texts(&["pid", "comm"]);
            facts.push(ret.max(-1).to_string());
            facts.push((-ret).max(0).to_string());
            facts.push(event.get("fname").into());
            facts
        },
        fails: None,
    },
    Stream {
        tool: "sigsnoop",
        args: &[],
        options: &["--prog", "sig_trace"],
        types: "",
        work: || run(&["sh", "-c", "kill -CONT $$"]),
        theirs: |line| words(line, &[1, 2, 3, 4, 5]),
        ours: |event| event.texts(&["pid", "comm", "sig", "tpid", "ret"]),
        fails: None,
    },
    Stream {
        tool: "mountsnoop",
        args: &[],
        options: &[],
        types: "enum op { MOUNT, UMOUNT };
                struct event { __u64 delta, flags; __u32 pid, tid, mnt_ns; int ret; char comm[16], fs[8], src[4096], \
                dest[4096], data[512]; enum op op; };",
        work: || run(&["mount", "-t", "nothing", "here", "/nowhere"]),
        theirs: |line| words(line, &[0, 1, 2, 3, 4, 5, 6, 9, 10]),
        ours: |event| {
            let mut facts = event.texts(&["comm", "pid", "tid", "mnt_ns"]);
            facts.push(format!("mount(\"{}\",", event.get("src")));
            facts.push(format!("\"{}\",", event.get("dest")));
            facts.push(format!("\"{}\",", event.get("fs")));
            facts.extend(["=".into(), event.get("ret").replace("-2", "-ENOENT")]);
            facts
        },
        fails: None,
    },
    Stream {
        tool: "tcpconnect",
        args: &[],
        options: &[],
        types: "struct event { union { __be32 saddr_v4; __u8 saddr_v6[16]; }; union { __be32 daddr_v4; \
                __u8 daddr_v6[16]; }; char task[16]; __u64 ts_us; __u32 af, pid, uid; __be16 sport, dport; };",
        work: connection,
        theirs: |line| words(line, &[0, 3, 4, 5]),
        ours: |event| event.texts(&["pid", "saddr_v4", "daddr_v4", "dport"]),
        fails: None,
    },
    Stream {
        tool: "tcpconnlat",
        args: &[],
        options: &["--prog", "tcp_v4_connect", "--prog", "tcp_v6_connect", "--prog", "tcp_rcv_state_process"],
        types: "struct event { union { __be32 saddr_v4; __u8 saddr_v6[16]; }; union { __be32 daddr_v4; \
                __u8 daddr_v6[16]; }; char comm[16]; __u64 delta_us, ts_us; __u32 tgid; int af; \
                __u16 lport; __be16 dport; };",
        work: connection,
        theirs: |line| words(line, &[0, 2, 3, 4, 5]),
        ours: |event| {
            let mut facts = event.texts(&["tgid", "saddr_v4", "daddr_v4", "dport"]);
            facts.insert(1, if event.number("af") == 2 { "4" } else { "6" }.into());
            facts
        },
        fails: None,
    },
    Stream {
        tool: "tcpstates",
        args: &[],
        options: &[],
        types: "enum state { ESTABLISHED = 1, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, \
                LAST_ACK, LISTEN, CLOSING, NEW_SYN_RECV };
                struct event { union { __be32 saddr_v4; __u8 saddr_v6[16]; }; union { __be32 daddr_v4; \
                __u8 daddr_v6[16]; }; __u64 skaddr, ts_us, delta_us; __u32 pid; enum state oldstate, newstate; \
                __u16 family, sport, dport; char task[16]; };",
        work: connection,
        theirs: |line| words(line, &[0, 1, 3, 4, 5, 6, 7, 9]),
        ours: |event| {
            let mut facts = event.texts(&[
                "skaddr", "pid", "saddr_v4", "sport", "daddr_v4", "dport", "oldstate", "newstate",
            ]);
            facts[0] = format!("{:x}", event.get("skaddr").parse::<u64>().unwrap());
            facts
        },
        fails: None,
    },
    Stream {
        tool: "tcplife",
        args: &[],
        options: &[],
        types: "struct event { union { __be32 saddr_v4; __u8 saddr_v6[16]; }; union { __be32 daddr_v4; \
                __u8 daddr_v6[16]; }; __u64 ts_us, span_us, rx_b, tx_b; __u32 pid; __u16 sport, dport, family; \
                char comm[16]; };",
        work: connection,
        theirs: |line| words(line, &[0, 2, 3, 4, 5, 6, 7]),
        ours: |event| {
            let mut facts =
                event.texts(&["pid", "saddr_v4", "sport", "daddr_v4", "dport"]);
            let kilo = |field: &str| format!("{:.2}", event.number(field) as f64 / 1024.0);
            facts.extend([kilo("tx_b"), kilo("rx_b")]);
            facts
        },
        fails: None,
    },
    Stream {
        tool: "solisten",
        args: &[],
        options: &["--prog", "inet_listen_entry", "--prog", "inet_listen_exit"],
        types: "",
        work: listener,
        theirs: |line| words(line, &[0, 1, 2, 3, 5]),
        ours: |event| event.texts(&["pid", "task", "ret", "backlog", "port"]),
        fails: None,
    },
    Stream {
        tool: "bindsnoop",
        args: &[],
        options: &[],
        types: "struct event { unsigned char local[16]; __u64 ts_us; __u32 pid, bound_dev_if; int ret; \
                __u16 port, proto; __u8 opts, ver; char task[16]; };",
        work: listener,
        theirs: |line| words(line, &[0, 1, 2, 5, 6]),
        ours: |event| event.texts(&["pid", "task", "ret", "bound_dev_if", "port"]),
        fails: Some("failed to resolve CO-RE relocation"),
    },
];

fn listener() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

impl Stream {
    /// Whether both ran, and told the same; not where Debian's tool fails for the reason that is given.
    fn compare(&self) -> bool {
        let tool = self.tool;
        let theirs = debian(tool, self.args);
        if !theirs.begins() {
            has_failed(theirs, tool, self.fails);
            return false;
        }
        let ours = carved(tool, &[&["--json"], self.options].concat(), self.types);
        ours.attached();
        // The other one may still be between what it prints first and its ring.
        let end = Instant::now() + Duration::from_secs(40);
        loop {
            let word = (self.work)();
            let about = |facts: &Vec<String>| facts.contains(&word);
            let their_facts = || {
                let lines = theirs.so_far();
                let lines = lines.iter().map(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    (self.theirs)(&words)
                });
                sorted(lines.filter(about))
            };
            let our_facts = || {
                let lines = ours.so_far();
                let lines = lines.iter().filter(|line| line.contains("\"type\":\""));
                sorted(lines.map(|line| (self.ours)(&Event(line))).filter(about))
            };
            let round = Instant::now() + Duration::from_secs(5);
            let (mut found, mut same) = (false, false);
            while Instant::now() < round && !same {
                thread::sleep(Duration::from_millis(50));
                let told = their_facts();
                found = !told.is_empty();
                same = found && told == our_facts();
            }
            if same {
                break;
            }
            assert!(
                !found && Instant::now() < end,
                "{tool} of {word}: {:#?}, and btfly: {:#?} of {:#?}",
                their_facts(),
                our_facts(),
                ours.so_far()
            );
        }
        ours.stop();
        theirs.signal(libc::SIGINT);
        theirs.end();
        true
    }
}

pub fn sorted(facts: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let mut facts: Vec<_> = facts.collect();
    facts.sort();
    facts
}

#[test]
fn events_are_told_as_by_debians_tools() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let same = STREAMS.iter().filter(|stream| stream.compare()).count();
    assert!(same + 1 >= STREAMS.len(), "only {same} tools were compared");
    before.is_restored();
}
