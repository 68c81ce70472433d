//! Values of every kind in every form, out of both rings, and which type an event is; output that nobody
//! takes, and output into files.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::rings::stay;
use crate::run::prctl;
use crate::watch::{self, Watch, full};

/// A full build with its options; what it has to say first is waited for.
fn start(options: &[&str]) -> Watch {
    let mut command = full();
    command.args(options);
    let watch = Watch::spawn(command);
    match options
        .iter()
        .any(|o| matches!(*o, "--json" | "--tree" | "--output"))
    {
        true => watch.attached(),
        false => drop(watch.header()),
    }
    watch
}

/// A line without what is different each time: its moment and its CPU.
fn settled(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("{\"time\":\"") {
        let (moment, rest) = rest.split_at(27);
        assert_moment(moment);
        let (_, rest) = rest.split_once("\"map\"").expect("a map");
        return format!("{{\"map\"{rest}");
    }
    let at = |at: usize| line.as_bytes().get(at);
    if at(10) == Some(&b'T') && at(26) == Some(&b'Z') {
        let (moment, rest) = line.split_at(27);
        assert_moment(moment);
        let (_, rest) = rest.split_at(1);
        return match rest.split_once(',') {
            Some((cpu, rest)) if cpu.len() < 3 => rest.to_owned(),
            _ => rest.to_owned(),
        };
    }
    line.to_owned()
}

fn assert_moment(moment: &str) {
    let bytes = moment.as_bytes();
    for (at, byte) in [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (19, b'.'),
        (26, b'Z'),
    ] {
        assert_eq!(bytes[at], byte, "{moment}");
    }
}

const FORMS: [(&[&str], &str); 4] = [
    (&["--json"], include_str!("../values/expected.json")),
    (&["--csv"], include_str!("../values/expected.csv")),
    (&["--tree"], include_str!("../values/expected.tree")),
    (&["--timestamp"], include_str!("../values/expected.txt")),
];

#[test]
fn every_kind_of_value_comes_out_as_expected_in_each_form_and_through_both_rings() {
    on_board!();
    // Events of two CPUs are in no order.
    stay();
    let values = object("tests/values.bpf.o");
    let mut wrong = Vec::new();
    for (ring, program) in [("perf", "to_perf"), ("ring", "to_ring")] {
        for (form, expected) in FORMS {
            let line = ["run", &values, "--prog", program];
            let watch = start(&[&line[..], form].concat());
            // The last one is expected of none, and tells that all came.
            (0..=5).for_each(prctl);
            let fifth = [
                format!("\"map\":\"{ring}\",\"type\":\"event\",\"number\":5,"),
                format!("{ring},event,5,"),
                "  number: 5".to_owned(),
                format!("Z {ring} 5 "),
            ];
            let is_last = |line: &str| fifth.iter().any(|words| line.contains(words));
            watch.line("fifth event", is_last);
            let done = watch.stop();
            let shown = done.stdout.iter().take_while(|line| !is_last(line));
            let shown: Vec<String> = shown
                .map(|line| {
                    let line = settled(line);
                    let line = line.replace(&format!("\"map\":\"{ring}\""), "\"map\":\"RING\"");
                    match line.strip_prefix(ring) {
                        Some(rest) => format!("RING{rest}"),
                        None => line,
                    }
                })
                .collect();
            let shown = shown.join("\n");
            let shown = shown.trim_end_matches("RING event {").trim_end();
            if shown != expected.trim_end() {
                println!("{program} {form:?}\n{shown}\n----");
                wrong.push((program, form));
            }
        }
    }
    assert!(wrong.is_empty(), "not as expected: {wrong:?}");
}

#[test]
fn each_ring_has_the_type_that_its_object_says() {
    on_board!();
    let events = object("tests/events.bpf.o");
    let before = Snapshot::take();
    let line = [
        "run",
        &events,
        "--json",
        "--event",
        "sized=small:8,large:24",
    ];
    let watch = start(&line);
    for (number, expected) in [
        (1, r#"{"map":"valued","type":"valued","by_value":1}"#),
        (2, r#"{"map":"tagged","type":"by_tag","tagged":2}"#),
        (3, r#"{"map":"usual","type":"usual_event","usual":3}"#),
        (
            4,
            r#"{"map":"mixed","type":"exec","kind":"KIND_EXEC","pid":4711,"type_":"sh"}"#,
        ),
        (
            5,
            r#"{"map":"mixed","type":"open_event","kind":"KIND_OPEN","fd":-2}"#,
        ),
        (6, r#"{"map":"mixed","type":null,"bytes":"0x06000000"}"#),
        (7, r#"{"map":"sized","type":"large","a":1,"b":2,"c":3}"#),
        (8, r#"{"map":"sized","type":"small","a":1}"#),
    ] {
        prctl(number);
        watch.line(expected, |line| settled(line) == expected);
    }
    watch.stop();
    before.is_restored();
}

#[test]
fn pointers_into_the_kernel_have_names_in_events() {
    on_board!();
    let events = object("tests/events.bpf.o");
    let named = |text: &str| !text.starts_with("0x") && text.contains("+0x");
    let watch = start(&["run", &events, "--json"]);
    prctl(9);
    let line = watch.line("event", |line| line.contains("placed"));
    let shown: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = shown["function"].as_str().unwrap();
    assert!(address.starts_with("0xffff"), "{line}");
    assert!(
        named(shown["symbols"]["function"].as_str().unwrap()),
        "{line}"
    );
    assert_eq!(shown["heap"], "0xffff000012345678", "{line}");
    assert!(shown["symbols"].get("heap").is_none(), "{line}");
    watch.stop();
    let watch = start(&["run", &events, "--tree"]);
    prctl(9);
    let line = watch.line("name", |line| line.starts_with("  // "));
    assert!(
        named(line.strip_prefix("  // function: ").unwrap()),
        "{line}"
    );
    watch.stop();
    let watch = start(&["run", &events]);
    (0..2).for_each(|_| prctl(9));
    for line in watch.lines(2, |line| line.contains("0xffff000012345678")) {
        let cells: Vec<&str> = line.split_ascii_whitespace().collect();
        // The name of a module stands behind that of a function.
        assert!(
            cells[0] == "placed" && cells.ends_with(&["0xffff000012345678", "1"]),
            "{line}"
        );
        assert!(named(cells[1]), "{line}");
    }
    watch.stop();
}

#[test]
fn what_is_shown_is_written_in_the_same_words() {
    on_board!();
    let values = object("tests/values.bpf.o");
    let words = "{event: {s8: -128, u64=0xffffffffffffffff, u128: 340282366920938463463374607431768211455, s128: -1, \
        yes: true, letter: 'R', text: \"a\\tb\", bytes: 0x525400000056, name: \"eth0\", state: RUNNING, \
        flags: F_READ|F_EXEC, wide: TOP, negative: FAILED, pointer: 0x1000, node: {number: 3}, three: 5, five: -16, \
        inner=[{a=-1,b=[1,2]},{a=7,b=[0,0,3]}], either: {whole: 4294967298}, single: 0.1, twice: -2.5, saddr: 127.0.0.1, \
        dport: 443, v4: 192.168.1.1, v6: fe80::1, daddr_v6: 10.0.0.1, pid: 4711, latency_ns: 5ms, dev: 8:1}}";
    let options = [
        "--put",
        "scratch",
        "0",
        words,
        "--show",
        "scratch",
        "--json",
        "--duration",
        "0",
    ];
    let mut command = full();
    command.args(["run", &values]).args(options);
    let done = Watch::spawn(command).end();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(!done.stdout.is_empty(), "{done:#?}");
    for line in &done.stdout {
        let shown: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = &shown["value"]["event"];
        for (field, expected) in [
            ("s8", "-128"),
            ("u64", "18446744073709551615"),
            ("u128", "\"340282366920938463463374607431768211455\""),
            ("s128", "\"-1\""),
            ("yes", "true"),
            ("letter", "\"R\""),
            ("text", "\"a\\tb\""),
            ("bytes", "\"0x525400000056\""),
            ("name", "\"eth0\""),
            ("state", "\"RUNNING\""),
            ("flags", "\"F_READ|F_EXEC\""),
            ("wide", "\"TOP\""),
            ("negative", "\"FAILED\""),
            ("pointer", "\"0x1000\""),
            ("three", "5"),
            ("five", "-16"),
            ("single", "0.1"),
            ("twice", "-2.5"),
            ("saddr", "\"127.0.0.1\""),
            ("dport", "443"),
            ("v4", "\"192.168.1.1\""),
            ("v6", "\"fe80::1\""),
            ("daddr_v6", "\"::ffff:10.0.0.1\""),
            ("latency_ns", "5000000"),
            ("dev", "\"8:1\""),
        ] {
            assert_eq!(event[field].to_string(), expected, "{field}: {line}");
        }
        assert_eq!(
            event["inner"].to_string(),
            r#"[{"a":-1,"b":[1,2,0]},{"a":7,"b":[0,0,3]}]"#
        );
        assert_eq!(event["either"]["half"], 2, "{line}");
    }
    // What is no such word is refused with where it stands, and what would be one.
    for (words, expected) in [
        (
            "{event: {state: WALKING}}",
            &["event.state", "WALKING", "RUNNING"][..],
        ),
        ("{event: {latency_ns: 5h}}", &["event.latency_ns", "1.5ms"]),
        ("{event: {saddr: 1.2.3}}", &["event.saddr", "192.168.1.1"]),
        (
            "{event: {inner: [{b: [1,2,3,4]}]}}",
            &["event.inner[0].b", "3"],
        ),
        ("{event: {u8: 256}}", &["event.u8", "255"]),
        ("{event: {nothing: 1}}", &["nothing", "number"]),
    ] {
        let mut command = full();
        command.args(["run", &values, "--put", "scratch", "0", words]);
        Watch::spawn(command).end().failed(1, expected);
    }
}

#[test]
fn a_full_disk_is_counted_and_told_and_the_program_goes_on() {
    on_board!();
    let before = Snapshot::take();
    let values = object("tests/values.bpf.o");
    let mut command = full();
    command.args(["run", &values, "--json", "--duration", "3"]);
    let disk = std::fs::OpenOptions::new().write(true).open("/dev/full");
    command.stdout(disk.unwrap()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = errors.next().unwrap().unwrap();
    assert!(first.contains("attached"), "{first}");
    (0..10).for_each(|_| prctl(1));
    let errors: Vec<String> = errors.map(Result::unwrap).collect();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(6), "{errors:#?}");
    let last = errors.last().map_or("", String::as_str);
    assert!(
        last.starts_with("btfly: dropped 10 lines of output in all: No space"),
        "{errors:#?}"
    );
    before.is_restored();
}

/// Sends some events, over and over with a pause, until all is done: how many it were.
fn sending(number: u64, times: u64, pause: Duration, then: impl FnOnce()) -> u64 {
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while !enough.load(Ordering::Relaxed) {
                (0..times).for_each(|_| prctl(number));
                sent += times;
                std::thread::sleep(pause);
            }
            sent
        });
        then();
        enough.store(true, Ordering::Relaxed);
        sender.join().unwrap()
    })
}

#[test]
fn what_a_slow_reader_does_not_take_is_dropped_and_counted() {
    on_board!();
    let values = object("tests/values.bpf.o");
    let mut command = full();
    command.args(["run", &values, "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    watch::shrink(child.stdout.as_ref().unwrap());
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = errors.next().unwrap().unwrap();
    assert!(first.contains("attached"), "{first}");
    let (mut sent, mut told) = (0, Vec::new());
    // Time for the ring to be read: that of the reader is what this is about.
    sent += sending(1, 4, Duration::from_millis(10), || {
        // Until the pipe and what waits for it are full.
        for line in errors.by_ref().map(Result::unwrap) {
            let full = line.starts_with("dropped");
            told.push(line);
            if full {
                break;
            }
        }
    });
    std::thread::sleep(Duration::from_millis(500));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // More, behind what was dropped, once there is room again.
    let mut text: Vec<String> = lines.by_ref().take(300).map(Result::unwrap).collect();
    sent += sending(2, 1, Duration::from_millis(200), || {
        for line in lines.by_ref().map(Result::unwrap) {
            let last = line.contains("\"number\":2,");
            text.push(line);
            if last {
                break;
            }
        }
    });
    // Safety: no memory is involved; the child has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    text.extend(lines.map(Result::unwrap));
    told.extend(errors.map(Result::unwrap));
    let errors = told.join("\n");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{errors}");
    let number = |key: &str| -> u64 {
        let numbers = text.iter().filter_map(|line| {
            let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        });
        numbers.sum()
    };
    let received = text
        .iter()
        .filter(|l| l.contains("\"type\":\"event\""))
        .count() as u64;
    assert!(
        text.iter().all(|l| l.starts_with('{') && l.ends_with('}')),
        "whole lines"
    );
    assert!(number("dropped") > 0, "{errors}");
    let lost = errors.lines().find_map(|line| {
        let (number, _) = line.strip_prefix("lost ")?.split_once(" events in all")?;
        number.parse::<u64>().ok()
    });
    let (told, lost) = (number("dropped"), lost.unwrap_or(0));
    assert_eq!(
        (received + told + lost, number("lost")),
        (sent, lost),
        "{received} received, {told} dropped, {lost} lost; {errors}"
    );
    assert!(
        errors.contains("lines of output in all: its reader is too slow"),
        "{errors}"
    );
}

#[test]
fn files_are_rotated_and_none_grows_beyond_its_bound() {
    on_board!();
    let folder = "/tmp/rotated";
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let path = format!("{folder}/log.csv");
    std::fs::write(&path, "what was there\n").unwrap();
    let events = object("tests/events.bpf.o");
    let line = [
        "run", &events, "--csv", "--output", &path, "--rotate", "1K:2",
    ];
    let watch = start(&line);
    (0..100).for_each(|_| prctl(4));
    std::thread::sleep(Duration::from_millis(500));
    let done = watch.stop();
    assert_eq!(done.stdout, [""; 0]);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["log.csv", "log.csv.1", "log.csv.2"]);
    for name in names {
        let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        assert!(text.len() <= 1024, "{name}: {}", text.len());
        assert!(text.starts_with("time,cpu,map,type,"), "{name}: {text}");
        let rows = text.lines().skip(1);
        assert!(rows.clone().count() > 0, "{name}: {text}");
        for row in rows {
            assert!(settled(row).starts_with("mixed,exec,"), "{name}: {row}");
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_tool_has_every_form_without_a_line_of_its_own() {
    on_board!();
    for form in ["--json", "--csv"] {
        let watch = start(&["exec", form]);
        let tag = crate::program::tag();
        let pid = crate::program::start(&[&tag, "two words"]).pid;
        let line = watch.line("the program", |line| line.contains(&tag));
        match form {
            "--json" => {
                assert!(line.contains(&format!("\"pid\":{pid},")), "{line}");
                assert!(
                    line.contains(&format!("\"{tag}\",\"two words\"]")),
                    "{line}"
                );
            }
            _ => assert!(
                line.contains(&format!("\"\"{tag}\"\", \"\"two words\"\"]\"")),
                "{line}"
            ),
        }
        watch.stop();
    }
}

#[test]
fn a_reader_that_ends_ends_the_session() {
    on_board!();
    let mut command = full();
    command.args(["exec", "--json"]).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = errors.next().unwrap().unwrap();
    assert!(first.contains("attached"), "{first}");
    drop(child.stdout.take());
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(
            Instant::now() < end,
            "it does not notice that nobody reads any more"
        );
        let _ = Command::new(crate::program::BUSYBOX).arg("true").status();
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
