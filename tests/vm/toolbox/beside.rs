//! Tools that tell of events, beside those of Debian's libbpf-tools that they are called after: many at once, over
//! the same work, and both have to tell the same facts. beside_counts.rs has those that count.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{capable, json, oomkill, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::{start, tag};
use crate::tools::{connection, debian, has_failed, run, sorted, words};
use crate::watch::Watch;

/// A tool and Debian's, each with its options.
pub struct Pair {
    pub ours: &'static [&'static str],
    pub theirs: &'static [&'static str],
    /// Does what they tell of, and says what word is in the facts about it: a process id, a port, a name.
    pub work: fn() -> String,
    /// The facts in a line of Debian's tool, by its words.
    pub told: fn(&[&str]) -> Vec<String>,
    /// The same in ours.
    pub tell: fn(&Value) -> Vec<String>,
    /// What Debian's tool says on kernels where it does not run.
    pub fails: Option<&'static str>,
    /// Whether Debian's tool runs on kernels where it sees nothing.
    pub blind: bool,
}

/// Values as Debian's tools write them.
pub fn texts(event: &Value, fields: &[&str]) -> Vec<String> {
    let text = |field: &&str| match &event[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    fields.iter().map(text).collect()
}

/// By its name in the kernel, as a number.
fn signal(name: &Value) -> String {
    let number = match name.as_str() {
        Some("SIGKILL") => libc::SIGKILL,
        Some("SIGCHLD") => libc::SIGCHLD,
        Some("SIGCONT") => libc::SIGCONT,
        _ => return name.to_string(),
    };
    number.to_string()
}

/// Nothing of what the kernel looks at by itself where memory is taken: on 7.x, Debian's tells it although it is not
/// for the audit log.
fn asked_for(facts: Vec<String>) -> Vec<String> {
    match facts.iter().any(|fact| fact == "CAP_SYS_ADMIN") {
        true => Vec::new(),
        false => facts,
    }
}

const FIRST: &[Pair] = &[
    Pair {
        ours: &["exec"],
        theirs: &["execsnoop"],
        work: || start(&[&tag(), "two words", "3"]).pid.to_string(),
        told: |line| {
            let mut facts = words(line, &[0, 1, 2, 3]);
            facts.push(line.get(4..).unwrap_or_default().join(" "));
            facts
        },
        tell: |event| {
            let args = event["args"].as_array().expect("arguments").iter();
            let args: Vec<_> = args.filter_map(Value::as_str).collect();
            let mut facts = texts(event, &["pcomm", "pid", "ppid", "ret"]);
            facts.push(args.join(" "));
            facts
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["open"],
        theirs: &["opensnoop"],
        work: || run(&["cat", "/etc/passwd", "/nowhere"]),
        told: |line| words(line, &[0, 1, 2, 3, 4]),
        tell: |event| {
            let mut facts = texts(event, &["pid", "comm"]);
            let (file, error) = match &event["ret"] {
                Value::String(error) => ("-1".into(), error.replace("ENOENT", "2")),
                file => (file.to_string(), "0".into()),
            };
            facts.extend([file, error]);
            facts.extend(texts(event, &["path"]));
            facts
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["exit"],
        theirs: &["exitsnoop"],
        work: || run(&["sh", "-c", "kill -9 $$"]),
        told: |line| words(line, &[0, 1, 2, 3, 5, 6]),
        tell: |event| {
            let mut facts = texts(event, &["comm", "pid", "ppid", "tid"]);
            facts.extend(["signal".into(), signal(&event["signal"])]);
            facts
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["signal"],
        theirs: &["sigsnoop"],
        work: || run(&["sh", "-c", "kill -CONT $$"]),
        told: |line| words(line, &[1, 2, 3, 4]),
        tell: |event| {
            let mut facts = texts(event, &["pid", "comm"]);
            facts.push(signal(&event["signal"]));
            facts.extend(texts(event, &["to_pid"]));
            facts
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["mount"],
        theirs: &["mountsnoop"],
        work: || run(&["mount", "-t", "nothing", "here", "/nowhere"]),
        told: |line| words(line, &[0, 1, 4, 5, 6, 9, 10]),
        tell: |event| {
            let mut facts = texts(event, &["comm", "pid"]);
            facts.push(format!("mount({},", event["source"]));
            facts.push(format!("{},", event["target"]));
            facts.push(format!("{},", event["fs"]));
            facts.push("=".into());
            facts.extend(
                texts(event, &["ret"])
                    .iter()
                    .map(|error| format!("-{error}")),
            );
            facts
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["tcpconnect"],
        theirs: &["tcpconnect"],
        work: connection,
        // It cuts the name.
        told: |line| words(line, &[0, 3, 4, 5]),
        tell: |event| texts(event, &["pid", "saddr", "daddr", "dport"]),
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["tcplife"],
        theirs: &["tcplife"],
        work: connection,
        told: |line| words(line, &[0, 1, 2, 3, 4, 5, 6, 7]),
        tell: |event| {
            let mut facts = texts(event, &["pid", "comm", "saddr", "sport", "daddr", "dport"]);
            let kilo = |field: &str| format!("{:.2}", event[field].as_f64().unwrap() / 1024.0);
            facts.extend([kilo("tx_bytes"), kilo("rx_bytes")]);
            facts
        },
        fails: None,
        blind: false,
    },
];

const SECOND: &[Pair] = &[
    Pair {
        ours: &["tcpstates"],
        theirs: &["tcpstates"],
        work: connection,
        // It cuts the name.
        told: |line| words(line, &[1, 3, 4, 5, 6, 7, 9]),
        tell: |event| {
            let fields = [
                "pid", "saddr", "sport", "daddr", "dport", "oldstate", "newstate",
            ];
            let facts = texts(event, &fields);
            facts.iter().map(|fact| fact.replace("TCP_", "")).collect()
        },
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["capable"],
        theirs: &["capable"],
        work: || capable::ask(0),
        told: |line| asked_for(words(line, &[1, 2, 3, 5])),
        tell: |event| asked_for(texts(event, &["uid", "pid", "comm", "cap"])),
        fails: None,
        blind: false,
    },
    Pair {
        ours: &["oomkill"],
        theirs: &["oomkill"],
        work: oomkill::eat_in_group,
        told: |line| {
            let after_pid = line.windows(2).filter(|two| two[0] == "PID");
            let pages = line.windows(2).filter(|two| two[1] == "pages,");
            let numbers = after_pid.map(|two| two[1]).chain(pages.map(|two| two[0]));
            numbers.map(str::to_owned).collect()
        },
        tell: |event| texts(event, &["fpid", "tpid", "pages"]),
        fails: None,
        blind: false,
    },
];

/// Both of a pair, while they run.
struct Running {
    pair: &'static Pair,
    ours: Watch,
    theirs: Watch,
}

impl Running {
    /// What is told about a word: by Debian's tool, and by ours.
    fn facts(&self, word: &str) -> [Vec<Vec<String>>; 2] {
        let about = |facts: &Vec<String>| facts.iter().any(|fact| fact == word);
        let theirs = self.theirs.so_far();
        let theirs = theirs.iter().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (self.pair.told)(&words)
        });
        let ours = self.ours.so_far();
        let ours = ours.iter().map(|line| (self.pair.tell)(&json(line)));
        [sorted(theirs.filter(about)), sorted(ours.filter(about))]
    }

    /// Waits until both tell the same about some work. What Debian's has told of nothing was not attached, and is given
    /// another chance: it says that it is before it opens its ring.
    fn compare(&self) {
        let end = Instant::now() + Duration::from_secs(if self.pair.blind { 30 } else { 60 });
        loop {
            let word = (self.pair.work)();
            // The first pointer that is shown has the kernel's symbols read, which takes a debug build some seconds.
            let round = Instant::now() + Duration::from_secs(15);
            let mut facts = self.facts(&word);
            while Instant::now() < round && (facts[0].is_empty() || facts[0] != facts[1]) {
                thread::sleep(Duration::from_millis(50));
                facts = self.facts(&word);
            }
            let [theirs, ours] = facts;
            if !theirs.is_empty() && theirs == ours {
                return;
            }
            if self.pair.blind && Instant::now() > end && theirs.is_empty() && !ours.is_empty() {
                let name = self.pair.theirs[0];
                return println!("Debian's {name} tells nothing of {word}, and btfly: {ours:?}");
            }
            assert!(
                theirs.is_empty() && Instant::now() < end,
                "{} of {word}: {theirs:#?}, and btfly: {ours:#?} of {:#?}",
                self.pair.theirs[0],
                self.ours.so_far()
            );
        }
    }
}

#[test]
fn tools_tell_the_facts_that_debians_tell() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    [FIRST, SECOND].into_iter().for_each(compare_all);
}

/// Runs all of them at once.
pub fn compare_all(pairs: &'static [Pair]) {
    let before = Snapshot::take();
    let started = pairs
        .iter()
        .map(|pair| (pair, debian(pair.theirs[0], &pair.theirs[1..])));
    let started: Vec<_> = started.collect();
    let mut running = Vec::new();
    for (pair, theirs) in started {
        if theirs.begins() {
            let ours = tool(pair.ours[0], &pair.ours[1..]);
            running.push(Running { pair, ours, theirs });
        } else {
            has_failed(theirs, pair.theirs[0], pair.fails);
        }
    }
    running.iter().for_each(Running::compare);
    for Running { ours, theirs, .. } in running {
        ours.stop();
        theirs.signal(libc::SIGINT);
        theirs.end();
    }
    before.is_restored();
}
