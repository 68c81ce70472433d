//! Ways in which rings are read: sorted, counted, from a backlog, wherever a record lies.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use btfly::ring::{Record, RingOptions};

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::rings::{
    How, RESERVED, RING, Reader, counts, page_size, send, stay, stay_on, with_maps,
};
use crate::watch::{Watch, full};

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The numbers of all records that are there, and how many were lost.
fn numbers(reader: &mut Reader<'_>, last: bool) -> (Vec<u64>, u64) {
    let (mut numbers, mut lost) = (Vec::new(), 0);
    let mut each = |_: usize, _: u32, record: Record<'_>| {
        match record {
            Record::Sample(bytes) => numbers.push(word(bytes, 8)),
            Record::Lost(count) => lost += count,
        }
        ControlFlow::Continue(())
    };
    let flow = match last {
        false => reader.rings.drain(&mut each),
        true => reader.rings.finish(&mut each),
    };
    assert!(flow.is_continue());
    (numbers, lost)
}

/// Sends records from two CPUs in turn.
fn send_in_turn(times: usize) {
    for time in 0..times {
        stay_on(time % 2);
        send(How::Perf, RESERVED, 1);
    }
    stay();
}

fn sorted() -> RingOptions {
    RingOptions {
        pages: Some((RING / page_size()).max(1)),
        sort: true,
        ..RingOptions::default()
    }
}

#[test]
fn records_of_two_cpus_come_in_the_order_in_which_they_were_sent() {
    on_board!();
    with_maps(sorted(), &["perf"], |_, reader| {
        let all: Vec<u64> = (0..400).collect();
        for round in 0..2 {
            send_in_turn(200);
            let start = Instant::now();
            let mut got = Vec::new();
            while got.len() < 200 && start.elapsed() < Duration::from_secs(20) {
                reader.rings.wait(Some(Duration::from_secs(1))).unwrap();
                got.extend(numbers(reader, false).0);
            }
            assert_eq!(got, all[round * 200..][..200], "round {round}");
        }
        assert_eq!(reader.rings.late(), 0);
        // They are not waited for at the end.
        send_in_turn(10);
        assert_eq!(numbers(reader, true), ((400..410).collect(), 0));
    });
    // Otherwise one CPU's come after the other's.
    let plain = RingOptions {
        sort: false,
        ..sorted()
    };
    with_maps(plain, &["perf"], |_, reader| {
        send_in_turn(100);
        let order: Vec<u64> = (0..100).step_by(2).chain((1..100).step_by(2)).collect();
        assert_eq!(numbers(reader, false).0, order);
    });
}

#[test]
fn a_sorted_ring_that_overflows_loses_no_count() {
    on_board!();
    with_maps(sorted(), &["perf"], |loaded, reader| {
        let (mut received, mut lost) = (0, 0);
        for last in [false, false, true] {
            for cpu in 0..2 {
                stay_on(cpu);
                send(How::Perf, RESERVED, 10_000);
            }
            let (got, missed) = numbers(reader, last);
            received += got.len() as u64;
            lost += missed;
        }
        let sent = counts(loaded, "sent")[0];
        assert_eq!((sent, received + lost), (60_000, 60_000));
        assert!(lost > 10_000, "{lost}");
    });
}

#[test]
fn what_can_not_be_sorted_is_refused_with_a_reason() {
    on_board!();
    let before = Snapshot::take();
    let mut command = full();
    let rings = object("tests/rings.bpf.o");
    command.args(["run", &rings, "--event", "record", "--sort"]);
    Watch::spawn(command)
        .end()
        .failed(6, &["BPF ring buffer", "no time", "leave --sort out"]);
    before.is_restored();
}

#[test]
fn what_was_sent_before_the_first_wait_is_read_within_the_latency() {
    on_board!();
    for wakeup in [None, Some(1000), Some(1)] {
        for (name, how) in [("perf", How::Perf), ("ring", How::Output)] {
            let options = RingOptions {
                wakeup,
                ..RingOptions::default()
            };
            with_maps(options, &[name], |_, reader| {
                send(how, RESERVED, 1);
                let start = Instant::now();
                let mut got = Vec::new();
                while got.is_empty() && start.elapsed() < Duration::from_secs(5) {
                    reader.rings.wait(Some(Duration::from_secs(5))).unwrap();
                    got.extend(numbers(reader, false).0);
                }
                let took = start.elapsed();
                assert_eq!(got, [0], "{name}, wakeup {wakeup:?}");
                // Half of it is for a machine that emulates this one and has other things to do.
                assert!(took < Duration::from_millis(200), "{name}: {took:?}");
            });
        }
    }
}

#[test]
fn records_are_whole_at_each_place_where_a_bpf_ring_wraps() {
    on_board!();
    const SIZE: usize = 4000;
    const WHOLE: usize = SIZE + 8;
    with_maps(RingOptions::default(), &["ring"], |loaded, reader| {
        // Each round takes eight bytes more than the ring has, so that the record begins eight bytes later in
        // each: from where its last word is at the ring's start to where all of it is.
        let quarter = RING / 4 - 8;
        let rest = RING + 8 - 3 * (quarter + 8) - WHOLE - 8;
        let mut whole = 0;
        for round in 0..WHOLE / 8 {
            for size in [quarter, quarter, quarter, rest, SIZE] {
                send(How::Output, size, 1);
                let _ = reader.rings.drain(&mut |_, _, record| {
                    let Record::Sample(bytes) = record else {
                        panic!("{record:?}");
                    };
                    assert_eq!(bytes.len(), size);
                    for at in (16..size).step_by(8).filter(|_| size == SIZE) {
                        let expected =
                            ((at - 16) as u64 / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        assert_eq!(word(bytes, at), expected, "byte {at}, round {round}");
                    }
                    whole += usize::from(size == SIZE);
                    ControlFlow::Continue(())
                });
            }
        }
        assert_eq!(whole, WHOLE / 8);
        assert_eq!(counts(loaded, "refused"), [0; 4]);
    });
}

/// The number behind a name in a line of JSON.
fn number(line: &str, name: &str) -> u64 {
    let (_, rest) = line
        .split_once(&format!("\"{name}\":"))
        .unwrap_or(("", "0"));
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

#[test]
fn totals_and_losses_are_json_too() {
    on_board!();
    stay();
    let rings = object("tests/rings.bpf.o");
    let mut command = full();
    command.args(["run", &rings, "--event", "record", "--count-only", "--json"]);
    command.args(["--interval", "300ms"]);
    let watch = Watch::spawn(command);
    watch.attached();
    send(How::Perf, RESERVED, 100);
    watch.line("total", |line| {
        line.contains("\"map\":\"perf\",\"events\":100,\"bytes\":6800,\"lost\":0")
    });
    watch.signal(libc::SIGSTOP);
    send(How::Perf, RESERVED, 4900);
    send(How::Reserve, RESERVED, 5000);
    watch.signal(libc::SIGCONT);
    // One loss that no record tells of.
    let done = watch.stop();
    for (map, cpu) in [("perf", "0"), ("ring", "null")] {
        let of_map = format!("\"map\":\"{map}\"");
        let lines = || done.stdout.iter().filter(|line| line.contains(&of_map));
        let total = lines().rfind(|line| line.contains("\"events\"")).unwrap();
        let (events, lost) = (number(total, "events"), number(total, "lost"));
        assert_eq!(events + lost, 5000, "{done:#?}");
        assert!(lost > 500, "{done:#?}");
        let told = lines().filter(|line| line.contains(&format!("\"cpu\":{cpu},")));
        let told: u64 = told.map(|line| number(line, "lost")).sum();
        assert_eq!(told, lost, "{done:#?}");
        let place = match map {
            "perf" => format!("perf on CPU 0: {lost}"),
            _ => format!("ring: {lost}"),
        };
        let last = done.stderr.last().unwrap();
        assert!(
            last.contains("in all") && last.contains(&place),
            "{done:#?}"
        );
    }
}
