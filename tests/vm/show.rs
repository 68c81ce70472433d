//! `--show`, `--hist`, `--top`: maps while programs run.

use std::collections::BTreeMap;
use std::fs;
use std::process;
use std::thread;
use std::time::Duration;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::run::prctl;
use crate::table::Table;
use crate::watch::{Done, Watch, full};

const USAGE: i32 = 1;

/// Makes counts.bpf.o forget a number, or put a thousand into its map.
const FORGET: u64 = 0x8000_0000;
const FILL: u64 = 0x4000_0000;

fn counts(options: &[&str]) -> Watch {
    let mut command = full();
    let target = format!("target={}", process::id());
    command.args(["run", &object("tests/counts.bpf.o"), "--set", &target]);
    command.args(options);
    Watch::spawn(command)
}

/// What it shows of some numbers in the end.
fn shown(options: &[&str], numbers: &[u64]) -> Vec<String> {
    let watch = counts(options);
    watch.attached();
    numbers.iter().copied().for_each(prctl);
    let done = watch.stop();
    assert_eq!(done.stderr.len(), 1, "{done:#?}");
    done.stdout
}

/// Keys and values of every table in the output whose header is KEY and VALUE, added up.
fn sums(lines: &[String]) -> BTreeMap<u64, u64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let numbers: Vec<u64> = line
            .split_ascii_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match numbers[..] {
            [key, value] => *sums.entry(key).or_default() += value,
            _ => assert!(line.is_empty() || line.starts_with("KEY"), "{line}"),
        }
    }
    sums
}

#[test]
fn a_map_is_shown_when_all_has_ended() {
    on_board!();
    let before = Snapshot::take();
    let lines = shown(&["--show", "counts"], &[5, 300, 5, 7]);
    let table = Table::new(&lines[0]);
    assert_eq!(table.names(), ["KEY", "VALUE"]);
    let expected = BTreeMap::from([(5, 2), (7, 1), (300, 1)]);
    assert_eq!(sums(&lines), expected, "{lines:#?}");
    assert_eq!(lines.len(), 4);
    assert!(table.number(&lines[1], "KEY") == 5, "in order: {lines:#?}");
    before.is_restored();
}

#[test]
fn values_of_cpus_are_added_up_or_told_apart() {
    on_board!();
    let lines = shown(&["--show", "by_cpu"], &[1, 9, 3]);
    let table = Table::new(&lines[0]);
    assert_eq!(table.names(), ["KEY", "CALLS", "SUM"]);
    let row = |line: &str| ["KEY", "CALLS", "SUM"].map(|name| table.number(line, name));
    assert_eq!(row(&lines[1]), [1, 2, 10], "{lines:#?}");
    assert_eq!(row(&lines[2]), [3, 1, 3], "{lines:#?}");
    // A name can't be added up. Values that are all zero are not shown.
    let lines = shown(&["--show", "named"], &[1, 2, 3]);
    let table = Table::new(&lines[0]);
    assert_eq!(table.names(), ["KEY", "CPU", "CALLS", "COMM"]);
    let calls = lines[1..].iter().map(|line| {
        assert_eq!(table.number(line, "KEY"), 1, "{line}");
        assert_ne!(table.text(line, "COMM"), "", "{line}");
        assert!(table.number(line, "CPU") < 2, "{line}");
        table.number(line, "CALLS")
    });
    assert_eq!(calls.sum::<i64>(), 3, "{lines:#?}");
}

#[test]
fn what_has_no_types_is_shown_in_hex_and_variables_by_name() {
    on_board!();
    let lines = shown(
        &[
            "--show",
            "bytes",
            "--show",
            "counted",
            "--show",
            "remainders",
        ],
        &[1, 2, 10],
    );
    let table = Table::new(&lines[1].replace(" (hex)", "_hex  "));
    assert_eq!(lines[0], "bytes:");
    assert_eq!(table.names(), ["KEY_hex", "VALUE_hex"], "{lines:#?}");
    assert_eq!(table.text(&lines[2], "VALUE_hex"), "ab0000000000");
    assert_eq!(lines[3..7], ["", "counted:", "VALUE", "3"], "{lines:#?}");
    assert_eq!(
        lines[7..],
        ["", "remainders:", "VALUE", "[0, 1, 2, 0, 0, 0, 0, 0]"]
    );
}

/// Calls from two threads at once, over and over.
fn storm(rounds: u64, number: fn(u64) -> u64) -> u64 {
    let threads: Vec<_> = (0..2)
        .map(|_| thread::spawn(move || (0..rounds).for_each(|round| prctl(number(round)))))
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    rounds * 2
}

fn attached_and_storm(options: &[&str], rounds: u64, number: fn(u64) -> u64) -> (Done, u64) {
    let watch = counts(options);
    watch.attached();
    let sent = storm(rounds, number);
    (watch.stop(), sent)
}

#[test]
fn nothing_counted_is_lost_while_maps_are_emptied() {
    on_board!();
    for without in ["--without=object-names", "--without=map-batch,map-take"] {
        for map in ["counts", "remainders"] {
            let options = ["--show", map, "--interval", "10ms", "--clear", without];
            let (done, sent) = attached_and_storm(&options, 4_000, |round| round % 3);
            let tables = done
                .stdout
                .iter()
                .filter(|line| line.contains("VALUE"))
                .count();
            assert!(tables > 3, "shown {tables} times");
            let total: u64 = match map {
                "counts" => sums(&done.stdout).into_values().sum(),
                _ => done
                    .stdout
                    .iter()
                    .filter(|line| line.starts_with('['))
                    .flat_map(|line| line.split(|c: char| !c.is_ascii_digit()))
                    .filter_map(|word| word.parse::<u64>().ok())
                    .sum(),
            };
            assert_eq!(total, sent, "of {map} {without}");
        }
    }
}

#[test]
fn a_map_that_is_emptied_does_not_fill_up() {
    on_board!();
    // Many more keys than the 64 that it has room for, each for a short while.
    let watch = counts(&[
        "--show",
        "counts",
        "--interval",
        "10ms",
        "--clear",
        "--hist",
        "counted.value:n",
    ]);
    watch.attached();
    let mut sent = 0;
    for key in 0..200 {
        for _ in 0..5 {
            prctl(key);
            sent += 1;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let done = watch.stop();
    let tables: Vec<String> = done
        .stdout
        .iter()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .cloned()
        .collect();
    assert_eq!(sums(&tables).into_values().sum::<u64>(), sent);
    assert!(sums(&tables).len() > 150, "{}", sums(&tables).len());
}

#[test]
fn what_does_not_count_is_removed_as_it_is_shown() {
    on_board!();
    let watch = counts(&["--show", "texts", "--interval", "100ms", "--clear"]);
    watch.attached();
    prctl(1);
    watch.lines(1, |line| line.starts_with('1'));
    thread::sleep(Duration::from_millis(500));
    prctl(2);
    watch.lines(1, |line| line.starts_with('2'));
    thread::sleep(Duration::from_millis(300));
    let rows: Vec<String> = watch.stop().stdout;
    let rows: Vec<&String> = rows
        .iter()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert_eq!(rows.len(), 2, "{rows:#?}");
}

#[test]
fn a_large_map_is_shown_while_it_changes() {
    on_board!();
    let entries = |lines: &[String]| drawn(lines).iter().map(|(_, count)| count).sum::<u64>();
    // From key to key it takes a while, with all of this machine's tests at once.
    for (many, without) in [(100_000, "object-names"), (20_000, "map-batch")] {
        let size = format!("counts={many}");
        let large = ["--resize", &size, "--interval", "2s", "--without", without];
        let watch = counts(&[&["--hist", "counts.value:n"][..], &large].concat());
        watch.attached();
        (0..many).step_by(1000).for_each(|from| prctl(from | FILL));
        // Every second key of some goes and comes back, while they are shown.
        for key in (0..6000).step_by(2) {
            prctl(key | FORGET);
            prctl(key);
        }
        let done = watch.stop();
        let mut tables = done.stdout.split(|line| line.is_empty());
        let twice = tables.clone().any(|table| entries(table) > many);
        assert!(!twice, "more than there are, without {without}: {done:#?}");
        let last = tables.next_back().unwrap();
        assert_eq!(entries(last), many, "without {without}: {done:#?}");
    }
}

#[test]
fn a_long_table_at_the_end_comes_whole() {
    on_board!();
    const MANY: u64 = 10_000;
    let watch = counts(&["--show", "counts", "--resize", "counts=10000"]);
    watch.attached();
    (0..MANY).step_by(1000).for_each(|from| prctl(from | FILL));
    let done = watch.stop();
    let keys = sums(&done.stdout);
    assert_eq!(keys.len() as u64, MANY, "{:?}", done.stderr);
    assert!(keys.values().all(|count| *count == 1));
}

#[test]
fn the_largest_are_shown_first_and_no_more_than_asked() {
    on_board!();
    let numbers = [1, 2, 2, 3, 3, 3, 4, 4, 4, 4];
    let lines = shown(
        &["--show", "counts", "--top", "2", "--interval", "60"],
        &numbers,
    );
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let table = Table::new(&lines[0]);
    let keys: Vec<i64> = lines[1..].iter().map(|l| table.number(l, "KEY")).collect();
    assert_eq!(keys, [4, 3]);
    let options = [
        "--show",
        "by_cpu",
        "--top",
        "2",
        "--by",
        "sum",
        "--interval",
        "60",
    ];
    let lines = shown(&options, &[1, 1, 1, 6, 3]);
    let table = Table::new(&lines[0]);
    let keys: Vec<i64> = lines[1..].iter().map(|l| table.number(l, "KEY")).collect();
    assert_eq!(keys, [6, 1]);
    assert!(
        !lines.iter().any(|line| line.contains('\x1b')),
        "no terminal: {lines:#?}"
    );
}

/// The numbers that are told in histograms, from the first of the range on.
pub fn drawn(lines: &[String]) -> Vec<(u64, u64)> {
    let row = |line: &String| {
        let (range, rest) = line.split_once(" : ")?;
        let low = range.split("->").next()?.trim().parse().ok()?;
        let count = rest.split('|').next()?.trim().parse().ok()?;
        Some((low, count))
    };
    lines.iter().filter_map(row).collect()
}

#[test]
fn histograms_are_drawn_for_each_key() {
    on_board!();
    // Even: 2, 4, 4, 1000; odd: 1, 7.
    let numbers = [2, 4, 4, 1000, 1, 7];
    let even = [
        "         0 -> 1          : 0        |                                        |",
        "         2 -> 3          : 1        |********************                    |",
        "         4 -> 7          : 2        |****************************************|",
    ];
    let lines = shown(&["--hist", "hists:usecs"], &numbers);
    assert!(lines[0].starts_with("key = 0, comm = "), "{lines:#?}");
    assert_eq!(lines[1], "     usecs               : count    distribution");
    assert_eq!(lines[2..5], even, "{lines:#?}");
    assert_eq!(
        lines[11].trim_start().split(' ').next(),
        Some("512"),
        "{lines:#?}"
    );
    assert_eq!(lines[12], "", "{lines:#?}");
    assert!(lines[13].starts_with("key = 1, comm = "), "{lines:#?}");
    assert_eq!(drawn(&lines[13..]), [(0, 1), (2, 0), (4, 1)]);
    // The same from a map whose keys have the slot in them.
    let lines = shown(&["--hist", "slotted"], &numbers);
    assert_eq!(lines[0], "parity = 0", "{lines:#?}");
    assert_eq!(lines[2..5], even, "{lines:#?}");
    let last = lines.iter().position(|line| line == "parity = 1").unwrap();
    assert_eq!(drawn(&lines[last..]), [(0, 1), (2, 0), (4, 1)]);
    // Of a variable, each slot a number.
    let lines = shown(&["--hist", "remainders:rest", "--linear"], &numbers);
    assert_eq!(lines[0], "     rest          : count     distribution");
    assert_eq!(drawn(&lines), [(0, 1), (1, 1), (2, 1), (4, 2), (7, 1)]);
    // Of a number in each entry: one has 2, four have 1.
    let lines = shown(&["--hist", "counts.value:calls"], &numbers);
    assert_eq!(drawn(&lines), [(0, 4), (2, 1)], "{lines:#?}");
}

#[test]
fn stacks_are_told_by_names_of_functions() {
    on_board!();
    let lines = shown(&["--show", "calls"], &[1, 2]);
    let table = Table::new(&lines[0]);
    assert_eq!(table.names(), ["PID", "KERN_STACK_ID", "COMM", "VALUE"]);
    let rows = lines[1..].iter().filter(|line| !line.starts_with(' '));
    let counts = rows.map(|row| table.number(row, "VALUE"));
    assert_eq!(counts.sum::<i64>(), 2, "{lines:#?}");
    let frames: Vec<&String> = lines.iter().filter(|l| l.starts_with("    ")).collect();
    assert!(
        frames.iter().any(|f| f.starts_with("    el0_svc+0x")),
        "{lines:#?}"
    );
    assert!(!frames.iter().any(|f| f.contains("0xffff")), "{lines:#?}");
    let folded = shown(&["--show", "calls", "--folded"], &[1, 2]);
    let total = folded.iter().map(|line| {
        let (stack, count) = line.rsplit_once(' ').unwrap();
        let frames: Vec<&str> = stack.split(';').collect();
        let of = |name: &str| frames.iter().position(|frame| *frame == name);
        assert!(!frames[0].is_empty() && of("el0_svc") > Some(0), "{line}");
        // From the outermost inwards.
        assert!(
            of("el0_svc") < of("el0_svc_common.constprop.0").or(Some(99)),
            "{line}"
        );
        count.parse::<u64>().unwrap()
    });
    assert_eq!(total.sum::<u64>(), 2, "{folded:#?}");
}

/// Hides the kernel's symbols from everybody, until it is dropped.
struct Hidden(String);

impl Hidden {
    const SWITCH: &str = "/proc/sys/kernel/kptr_restrict";

    fn new() -> Hidden {
        let was = fs::read_to_string(Self::SWITCH).unwrap();
        fs::write(Self::SWITCH, "2").unwrap();
        Hidden(was)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = fs::write(Self::SWITCH, &self.0);
    }
}

#[test]
fn names_that_are_hidden_are_said_to_be() {
    on_board!();
    let _hidden = Hidden::new();
    let watch = counts(&["--show", "calls"]);
    watch.attached();
    prctl(1);
    let done = watch.stop();
    assert!(done.stderr[1].contains("kptr_restrict"), "{done:#?}");
    assert!(
        done.stdout
            .iter()
            .any(|line| line.starts_with("    0xffff")),
        "{done:#?}"
    );
}

#[test]
fn what_can_not_be_shown_is_refused_in_one_error() {
    on_board!();
    let before = Snapshot::take();
    let counts = object("tests/counts.bpf.o");
    for (options, words) in [
        (
            &["--show", "nothing"][..],
            &["--show nothing", "counts, by_cpu"][..],
        ),
        (
            &["--hist", "texts"],
            &["--hist texts", "types are not known"],
        ),
        (
            &["--hist", "hists.nothing"],
            &["no field nothing", "slots, comm"],
        ),
        (&["--hist", "hists.comm"], &["comm is no number"]),
        (&["--hist", "by_cpu"], &["--hist by_cpu", "calls, sum"]),
        (
            &["--show", "bytes", "--clear", "--interval", "1"],
            &["bytes", "--clear", "can't be removed"],
        ),
        (
            &["--show", "by_cpu", "--top", "3", "--by", "nothing"],
            &["--by nothing", "calls, sum"],
        ),
        (
            &["--show", "texts", "--top", "3"],
            &["nothing in texts counts"],
        ),
        (&["--show", "counts", "--folded"], &["--folded", "stack id"]),
        (
            &["--show", "calls", "--stacks", "counts"],
            &["--stacks counts", "it has stacks"],
        ),
        (&["--interval", "1"], &["--interval needs"]),
        (&["--show", "counts", "--csv"], &["--json", "--csv"]),
        (
            &["--show", "counts", "--interval", "soon"],
            &["--interval", "soon"],
        ),
    ] {
        let mut command = full();
        command.args(["run", &counts]).args(options);
        Watch::spawn(command).end().failed(USAGE, words);
    }
    let mut command = full();
    command.args(["run", &object("tests/ring.bpf.o"), "--show", "ring"]);
    let words = &["--show ring", "type ringbuf has no entries"];
    Watch::spawn(command).end().failed(USAGE, words);
    before.is_restored();
}

#[test]
fn entries_histograms_and_stacks_are_objects_in_json() {
    on_board!();
    let lines = shown(&["--json", "--show", "by_cpu", "--show", "bytes"], &[1, 9]);
    let ends = |line: &str, end: &str| {
        let begins = line.starts_with("{\"time\":\"");
        assert!(
            begins && line.ends_with(end),
            "{line} does not end in {end}"
        );
    };
    let by_cpu = r#","map":"by_cpu","key":1,"value":{"calls":2,"sum":10}}"#;
    ends(&lines[0], by_cpu);
    ends(
        &lines[1],
        r#","map":"bytes","key":"0x01000000","value":"0xab0000000000"}"#,
    );
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let lines = shown(&["--json", "--hist", "slotted:n"], &[2, 4, 4, 1]);
    let even = r#""of":"parity = 0","unit":"n","histogram":[[2,3,1],[4,7,2]]}"#;
    ends(&lines[0], even);
    ends(
        &lines[1],
        r#""of":"parity = 1","unit":"n","histogram":[[0,1,1]]}"#,
    );
    let lines = shown(&["--json", "--show", "calls"], &[1]);
    assert!(
        lines[0].contains(r#""stacks":{"kern_stack_id":[""#),
        "{lines:#?}"
    );
    assert!(lines[0].contains(r#""el0_svc+0x"#), "{lines:#?}");
}

#[test]
fn pointers_of_the_kernel_have_names() {
    on_board!();
    let lines = shown(&["--show", "places"], &[1]);
    let table = Table::new(&lines[0]);
    assert_eq!(table.names(), ["KEY", "FUNCTION", "CALLS"]);
    assert!(
        table.text(&lines[1], "FUNCTION").starts_with("0xffff"),
        "{lines:#?}"
    );
    let named = lines[2].strip_prefix("    function: ");
    assert!(
        named.is_some_and(|name| !name.starts_with("0x") && name.contains("+0x")),
        "{lines:#?}"
    );
    let lines = shown(&["--json", "--show", "places"], &[1]);
    let symbol = lines[0].split_once(r#""symbols":{"function":""#);
    assert!(
        symbol.is_some_and(|(_, rest)| rest.contains("+0x")),
        "{lines:#?}"
    );
}
