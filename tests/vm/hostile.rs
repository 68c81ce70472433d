//! What programs, people and machines should not do, each with one clear outcome: nothing raw on a terminal, counts
//! that are right, a message of three lines at most, nothing left behind.
//!
//! Beside what is here: rings that there is no memory for in `scarce`, rings of one page also in `rings`, a map of
//! 100,000 entries that changes while it is shown in `show`, slow readers and /dev/full in `values`.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::program;
use crate::run;
use crate::watch::{Done, Watch, full};

const OPTION: libc::c_long = 0x6274_6668;
const OTHER: i32 = 6;

const RINGS: [(&str, &str); 2] = [("perf", "to_perf"), ("ring", "to_ring")];
const FORMS: [&[&str]; 4] = [&[], &["--json"], &["--csv"], &["--tree"]];

/// Bytes of the event of hostile.bpf.c, and of the most that it sends.
const EVENT: usize = 72;
const MOST: usize = EVENT + 64;

/// Sends the first `size` bytes of an event.
fn send(number: u64, size: usize) {
    // Safety: not an option that the kernel knows: it does nothing.
    unsafe { libc::syscall(libc::SYS_prctl, OPTION, number, size, 0, 0) };
}

/// This thread under another name, until it is dropped.
struct Named;

impl Named {
    /// A title for the window, a bell, and a screen that is cleared.
    const NAME: &str = "\x1b]0;own\x07\x1b[2J";

    fn new() -> Named {
        Self::call(Self::NAME);
        Named
    }

    fn call(name: &str) {
        let name = CString::new(name).unwrap();
        // Safety: the kernel reads the name, which lives on.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        Self::call("hostile");
    }
}

/// Checks that a terminal would show these lines and do nothing else.
#[track_caller]
fn harmless<'l>(lines: impl IntoIterator<Item = &'l String>) {
    for line in lines {
        let odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        assert!(!line.contains(odd), "{line:?}");
    }
}

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn start(path: &str, options: &[&str]) -> Watch {
    let mut command = full();
    command.args(["run", path]).args(options);
    let watch = Watch::spawn(command);
    match options.iter().any(|o| matches!(*o, "--json" | "--tree")) {
        true => watch.attached(),
        false => drop(watch.header()),
    }
    watch
}

#[test]
fn an_event_of_any_length_is_shown_as_far_as_it_goes() {
    on_board!();
    let before = Snapshot::take();
    let fields = [
        ("number", 0, 8),
        ("state", 32, 36),
        ("flags", 36, 40),
        ("yes", 40, 41),
        ("letter", 41, 42),
        ("node", 48, 64),
        ("last", 64, 72),
    ];
    let sizes: Vec<usize> = (0..MOST)
        .step_by(5)
        .chain([1, 7, 8, 63, 64, 71, 72, 73, MOST])
        .collect();
    for (ring, program) in RINGS {
        for form in FORMS {
            let options = [&["--prog", program, "--latency", "5ms"], form].concat();
            let watch = start(&object("tests/hostile.bpf.o"), &options);
            let begun = watch.so_far().len();
            for (index, size) in sizes.iter().enumerate() {
                send(7, *size);
                if form != ["--tree"] {
                    watch.lines(begun + index + 1, |_| true);
                } else {
                    // Its lines are as many as there are fields.
                    sleep(Duration::from_millis(20));
                }
            }
            let done = watch.stop();
            harmless(done.stdout.iter().chain(&done.stderr));
            assert_eq!(done.lost(), 0, "{done:#?}");
            let told = done
                .stderr
                .iter()
                .filter(|l| l.contains("longer than event"));
            assert_eq!(told.count(), 1, "once for a ring: {:#?}", done.stderr);
            assert!(done.stderr.len() <= 3, "{:#?}", done.stderr);
            if form != ["--json"] {
                continue;
            }
            assert_eq!(done.stdout.len(), sizes.len(), "{done:#?}");
            for (line, size) in done.stdout.iter().zip(&sizes) {
                let shown = value(line);
                assert_eq!(
                    (&shown["map"], &shown["type"]),
                    (&json!(ring), &json!("event"))
                );
                // A perf ring fills a record up to eight bytes.
                let there = match ring {
                    "perf" => (4 + size).next_multiple_of(8) - 4,
                    _ => *size,
                };
                for (name, at, end) in fields {
                    assert!(shown.get(name).is_some(), "no {name} in {line}");
                    let null = shown[name].is_null();
                    assert!(!(null && end <= there), "{name} of {there} bytes: {line}");
                    assert!(null || at < there, "{name} of {there} bytes: {line}");
                }
            }
        }
    }
    before.is_restored();
}

#[test]
fn what_strangers_send_is_told_exactly_and_reaches_no_terminal_raw() {
    on_board!();
    let before = Snapshot::take();
    let _named = Named::new();
    for (ring, program) in RINGS {
        for form in FORMS {
            let options = [&["--prog", program], form].concat();
            let watch = start(&object("tests/hostile.bpf.o"), &options);
            send(u64::MAX, EVENT);
            // The same again, behind it.
            send(4711, EVENT);
            watch.line("last event", |line| line.contains("4711"));
            let done = watch.stop();
            harmless(done.stdout.iter().chain(&done.stderr));
            let text = done.stdout.join("\n");
            for words in ["own", "[2J", "77", "WRITE|0x40", "18446744073709551615"] {
                assert!(text.contains(words), "{words} in {ring} {form:?}: {text}");
            }
            if form == ["--json"] {
                let shown = value(&done.stdout[0]);
                assert_eq!(shown["number"], json!(u64::MAX));
                assert_eq!(shown["comm"], json!(Named::NAME));
                // Eight bytes, no NUL among them, and the last one begins a character that does not end.
                assert_eq!(shown["full"], json!("äcdefg\\xc3"));
                assert_eq!(shown["state"], json!(77));
                assert_eq!(shown["flags"], json!("WRITE|0x40"));
                assert_eq!(shown["letter"], json!(27));
                assert_eq!(shown["last"], json!(u64::MAX));
                // A type that contains itself is shown as far as the record goes.
                let next = shown["node"]["next"].as_str().unwrap();
                assert!(next.starts_with("0xffff"), "{shown}");
            }
        }
    }
    before.is_restored();
}

#[test]
fn names_of_strangers_in_maps_reach_no_terminal_raw() {
    on_board!();
    let _named = Named::new();
    let target = format!("target={}", process::id());
    for options in [
        &["--show", "named"][..],
        &["--show", "calls"],
        &["--show", "calls", "--folded"],
        &["--show", "calls", "--top", "3", "--interval", "60"],
        &["--hist", "hists"],
        &["--show", "named", "--json"],
        &["--show", "calls", "--json"],
        &["--hist", "hists", "--json"],
    ] {
        let mut command = full();
        command.args(["run", &object("tests/counts.bpf.o"), "--set", &target]);
        command.args(options);
        let watch = Watch::spawn(command);
        watch.attached();
        (1..4).for_each(run::prctl);
        let done = watch.stop();
        harmless(done.stdout.iter().chain(&done.stderr));
        let text = done.stdout.join("\n");
        assert!(
            text.contains("own") && text.contains("[2J"),
            "{options:?}: {text}"
        );
        if options.contains(&"--json") {
            done.stdout.iter().for_each(|line| drop(value(line)));
        }
    }
}

#[test]
fn a_map_that_is_deleted_under_us_is_shown_to_the_end() {
    on_board!();
    let before = Snapshot::take();
    let counts = object("tests/counts.bpf.o");
    let folder = "/sys/fs/bpf/hostile";
    let target = format!("target={}", process::id());
    let btfly = |args: &[&str]| {
        let mut command = full();
        command.args(args).args(["--set", &target]);
        command
    };
    let done = Watch::spawn(btfly(&["load", &counts, "--pin", folder])).end();
    assert_eq!(done.code, Some(0), "{done:#?}");
    let pinned = find(folder, "counts").expect("a pin of counts");
    let reuse = format!("counts=pinned:{pinned}");
    let options = [
        "run",
        &counts,
        "--map",
        &reuse,
        "--show",
        "counts",
        "--interval",
        "50ms",
    ];
    let watch = Watch::spawn(btfly(&options));
    watch.attached();
    run::prctl(5);
    watch.line("count", |line| line.starts_with('5'));
    // Whoever had it pinned has it no more; what is ours counts on.
    fs::remove_dir_all(folder).unwrap();
    run::prctl(6);
    watch.line("count after it was deleted", |line| line.starts_with('6'));
    // Entries go while they are shown.
    run::prctl(0x8000_0000 | 5);
    run::prctl(0x8000_0000 | 6);
    run::prctl(7);
    watch.line("last count", |line| line.starts_with('7'));
    let done = watch.stop();
    let last = done.stdout.rsplit(|line| line.is_empty()).next().unwrap();
    let keys: Vec<&str> = last.iter().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["KEY", "7"], "{last:#?}");
    before.is_restored();
    // It is gone now, by its path and by its number.
    for map in [reuse.as_str(), "counts=id:4000000000"] {
        let done = Watch::spawn(btfly(&["run", &counts, "--map", map])).end();
        assert!(matches!(done.code, Some(1..=6)), "{done:#?}");
        done.failed(done.code.unwrap(), &["counts"]);
    }
    before.is_restored();
}

/// A file of this name somewhere in a folder.
fn find(folder: &str, name: &str) -> Option<String> {
    fs::read_dir(folder).ok()?.find_map(|entry| {
        let path = entry.unwrap().path();
        let text = path.to_str().unwrap().to_owned();
        match path.is_dir() {
            true => find(&text, name),
            false => (path.file_name()?.to_str()? == name).then_some(text),
        }
    })
}

/// A file system of its own, until it is dropped.
pub struct Disk(pub &'static str);

impl Disk {
    pub fn new(path: &'static str, size: &str) -> Disk {
        fs::create_dir_all(path).unwrap();
        let (kind, folder) = (c"tmpfs", CString::new(path).unwrap());
        let size = CString::new(format!("size={size}")).unwrap();
        // Safety: four texts that end, and live on.
        let result = unsafe {
            libc::mount(
                kind.as_ptr(),
                folder.as_ptr(),
                kind.as_ptr(),
                0,
                size.as_ptr().cast(),
            )
        };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        Disk(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = CString::new(self.0).unwrap();
        // Safety: a text that ends, and lives on.
        unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
        let _ = fs::remove_dir(self.0);
    }
}

#[test]
fn a_disk_that_is_full_and_has_room_again_gets_whole_lines_and_the_rest_is_counted() {
    on_board!();
    let before = Snapshot::take();
    for (ring, program) in RINGS {
        for way in ["stdout", "--output", "--rotate"] {
            let disk = Disk::new("/tmp/full-disk", "1M");
            let path = format!("{}/log", disk.0);
            let filler = format!("{}/filler", disk.0);
            // Some pages are left.
            let room = 4 * rustix::param::page_size();
            fs::write(&filler, vec![b'x'; (1 << 20) - room]).unwrap();
            let mut command = full();
            command.args([
                "run",
                &object("tests/values.bpf.o"),
                "--prog",
                program,
                "--json",
            ]);
            match way {
                "stdout" => drop(command.stdout(File::create(&path).unwrap())),
                "--output" => drop(command.args(["--output", &path])),
                _ => drop(command.args(["--output", &path, "--rotate", "100K:2"])),
            }
            let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
            let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
            let first = errors.next().unwrap().unwrap();
            assert!(first.contains("attached"), "{first}");
            let (enough, sent) = (AtomicBool::new(false), AtomicU64::new(0));
            let mut told = Vec::new();
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !enough.load(Ordering::Relaxed) {
                        run::prctl(1);
                        sent.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(2));
                    }
                });
                for line in errors.by_ref().map(Result::unwrap) {
                    let full = line.starts_with("dropped");
                    told.push(line);
                    if full {
                        break;
                    }
                }
                sleep(Duration::from_millis(200));
                enough.store(true, Ordering::Relaxed);
            });
            fs::remove_file(&filler).unwrap();
            // There is room again, and it goes on.
            let end = Instant::now() + Duration::from_secs(20);
            // For a moment there is no file, where it is renamed to begin another.
            let reads = || fs::read_to_string(&path).unwrap_or_default();
            while !reads().contains("\"number\":2,") {
                assert!(Instant::now() < end, "{ring} {way}: nothing more comes");
                run::prctl(2);
                sent.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(50));
            }
            let sent = sent.into_inner();
            interrupt(&child);
            told.extend(errors.map(Result::unwrap));
            let errors = told;
            assert_eq!(child.wait().unwrap().code(), Some(OTHER), "{errors:#?}");
            let why = errors.last().unwrap();
            assert!(
                why.contains("lines of output in all") && why.contains("No space left"),
                "{why}"
            );
            let mut text = String::new();
            for name in [".2", ".1", ""] {
                text += &fs::read_to_string(format!("{path}{name}")).unwrap_or_default();
            }
            assert!(text.ends_with('\n'), "{ring} {way}");
            let lines: Vec<Value> = text.lines().map(value).collect();
            let of = |key: &str| lines.iter().filter_map(|l| l[key].as_u64()).sum::<u64>();
            let events = lines.iter().filter(|line| line.get("number").is_some());
            let lost = lost_in(&errors);
            let all = events.count() as u64 + of("dropped") + lost;
            // A rotated file that was forgotten has lines, too.
            if way != "--rotate" {
                assert_eq!(all, sent, "{ring} {way}: {errors:#?}");
            }
            assert!(of("dropped") > 0, "{ring} {way}: {errors:#?}");
        }
    }
    before.is_restored();
}

fn interrupt(child: &Child) {
    // Safety: no memory is involved; the child has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
}

#[test]
fn rings_of_one_page_lose_and_say_exactly_how_many() {
    on_board!();
    let before = Snapshot::take();
    const SENT: u64 = 5000;
    for (ring, program) in RINGS {
        let options = ["--prog", program, "--pages", "1", "--json"];
        let watch = start(&object("tests/hostile.bpf.o"), &options);
        watch.signal(libc::SIGSTOP);
        (0..SENT).for_each(|number| send(number, EVENT));
        watch.signal(libc::SIGCONT);
        let done = watch.stop();
        let lines: Vec<Value> = done.stdout.iter().map(|line| value(line)).collect();
        let numbers: Vec<u64> = lines.iter().filter_map(|l| l["number"].as_u64()).collect();
        let lost: u64 = lines.iter().filter_map(|l| l["lost"].as_u64()).sum();
        assert!(numbers.len() > 10 && lost > 1000, "{ring}: {done:#?}");
        assert_eq!(
            numbers.len() as u64 + lost,
            SENT,
            "{ring}: {:#?}",
            done.stderr
        );
        assert_eq!(done.lost(), lost, "{ring}: {:#?}", done.stderr);
    }
    before.is_restored();
}

/// Events that were lost, as messages say.
fn lost_in(errors: &[String]) -> u64 {
    let done = Done {
        code: None,
        stdout: Vec::new(),
        stderr: errors.to_vec(),
    };
    done.lost()
}

/// How a child ended that is to end by itself, and what it said.
fn ended(mut child: Child) -> Done {
    let end = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it does not end");
        sleep(Duration::from_millis(10));
    };
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    Done {
        code: status.code(),
        stdout: Vec::new(),
        stderr: lines.map(Result::unwrap).collect(),
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_at_once_and_quietly() {
    on_board!();
    let before = Snapshot::take();
    for (_, program) in RINGS {
        for form in FORMS {
            let mut command = full();
            command.args(["run", &object("tests/hostile.bpf.o"), "--prog", program]);
            command
                .args(form)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let out = child.stdout.take().unwrap();
            let mut lines = BufReader::new(out).lines();
            // As head -1 does, in the midst of it.
            let line = loop {
                send(1, EVENT);
                if form.is_empty() || form == ["--csv"] {
                    break lines.next();
                }
                if Snapshot::take().since(&before).programs.len() == 1 {
                    sleep(Duration::from_millis(300));
                    send(1, EVENT);
                    break lines.next();
                }
            };
            assert!(line.unwrap().is_ok());
            drop(lines);
            (0..100).for_each(|number| send(number, EVENT));
            let done = ended(child);
            assert_eq!(done.code, Some(0), "{done:#?}");
            let quiet = |line: &&String| !line.contains(" attached");
            let said: Vec<&String> = done.stderr.iter().filter(quiet).collect();
            assert!(
                said.iter().all(|line| line.starts_with("lost ")),
                "{said:#?}"
            );
            before.is_restored();
        }
    }
    // Programs of the shell: a pipeline of its own.
    let script = format!(
        "($BTFLY_FULL run {} --event sent --prog to_perf; echo status $? >&2) | head -n 1",
        object("tests/hostile.bpf.o")
    );
    let mut shell = Command::new(program::BUSYBOX);
    let output = shell.args(["sh", "-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("EVENT"), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "status 0\n");
    before.is_restored();
}
