//! Both rings by the library and by `btfly run`: every size and place of a record, and losses to the
//! last one.

use std::fs;
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use btfly::load::{Loaded, Options, load};
use btfly::object::Object;
use btfly::ring::{Record, RingOptions, Rings};
use btfly::target::Kernel;
use rustix::fd::AsFd;

use crate::board::{object, on_board, pages_of_memory};
use crate::left::Snapshot;
use crate::watch::{Done, Watch, full, watch_by};

const OPTION: libc::c_long = 0x6274_6672;

/// What rings.bpf.c is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    Perf,
    Output,
    Reserve,
    Discard,
    Fill,
}

/// What begins each record, and what the ones of RESERVE are.
const HEAD: usize = 16;
pub const RESERVED: usize = 64;
/// The most that one call sends.
const TIMES: usize = 32;
/// The ring of the object.
pub const RING: usize = 256 * 1024;

pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// Sends records from the CPU of this thread.
pub fn send(how: How, size: usize, times: usize) {
    let mut left = times;
    while left > 0 {
        let now = left.min(TIMES);
        prctl(how, size, now);
        left -= now;
    }
}

fn prctl(how: How, size: usize, times: usize) {
    // Safety: not an option that the kernel knows: it does nothing.
    unsafe { libc::syscall(libc::SYS_prctl, OPTION, how as libc::c_long, size, times, 0) };
}

/// Keeps this thread on the first CPU: perf rings are one for each.
pub fn stay() {
    stay_on(0);
}

pub fn stay_on(cpu: usize) {
    // Safety: a set of CPUs that is zeroed, has one added, and is borrowed for the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &set), 0);
    }
}

/// Runs rings.bpf.c with its rings read by these options.
fn with_rings(options: RingOptions, then: impl FnOnce(&Loaded<'_>, &mut Reader<'_>)) {
    with_maps(options, &["perf", "ring"], then);
}

/// The same with some of them.
pub fn with_maps(
    options: RingOptions,
    names: &[&str],
    then: impl FnOnce(&Loaded<'_>, &mut Reader<'_>),
) {
    stay();
    let bytes = fs::read(object("tests/rings.bpf.o")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let kernel = Kernel::running();
    let options_of_load = Options {
        count_failures: true,
        ..Options::default()
    };
    let loaded = load(&object, &kernel, options_of_load).unwrap();
    assert_eq!(loaded.notes, [""; 0]);
    let mut reader = Reader {
        rings: Rings::new(options).unwrap(),
        names: Vec::new(),
        next: [0; 2],
        received: [0; 2],
        lost: [0; 2],
    };
    for map in loaded.maps.iter().filter(|map| names.contains(&&*map.name)) {
        if reader
            .rings
            .add(map.fd.as_fd(), map.map_type)
            .unwrap()
            .is_some()
        {
            reader.names.push(map.name.clone());
        }
    }
    assert_eq!(reader.names, names);
    let links = loaded.attach(&kernel).unwrap();
    for from in (0..8192).step_by(64) {
        prctl(How::Fill, from, 0);
    }
    then(&loaded, &mut reader);
    drop(links);
}

/// What came from the perf ring and from the BPF ring.
pub struct Reader<'m> {
    pub rings: Rings<'m>,
    names: Vec<String>,
    /// The number of the next record.
    next: [u64; 2],
    received: [u64; 2],
    lost: [u64; 2],
}

impl Reader<'_> {
    /// Reads all that is there, records of `size` bytes.
    fn read(&mut self, size: usize) {
        self.look(size, false);
    }

    /// Reads the last of it, and asks for losses.
    fn finish(&mut self, size: usize) {
        self.look(size, true);
    }

    fn look(&mut self, size: usize, last: bool) {
        let (next, received, lost) = (&mut self.next, &mut self.received, &mut self.lost);
        let mut each = |ring: usize, _: u32, record: Record<'_>| {
            match record {
                Record::Lost(count) => lost[ring] += count,
                Record::Sample(bytes) => {
                    let padded = match ring {
                        0 => (4 + size).next_multiple_of(8) - 4,
                        _ => size,
                    };
                    assert_eq!(bytes.len(), padded, "ring {ring}");
                    let word =
                        |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
                    if size >= HEAD {
                        assert!(word(8) >= next[ring], "{} after {}", word(8), next[ring]);
                        next[ring] = word(8) + 1;
                    }
                    for at in (HEAD..size.saturating_sub(7)).step_by(8) {
                        let place = (at - HEAD) as u64 / 8 + 1;
                        let expected = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        assert_eq!(word(at), expected, "byte {at} of {size}, ring {ring}");
                    }
                    received[ring] += 1;
                }
            }
            ControlFlow::Continue(())
        };
        let flow = match last {
            false => self.rings.drain(&mut each),
            true => self.rings.finish(&mut each),
        };
        assert!(flow.is_continue());
    }
}

/// How many records were sent, or refused: perf, output, reserve, discard.
pub fn counts(loaded: &Loaded<'_>, name: &str) -> [u64; 4] {
    let mut bytes = [0; 32];
    loaded.global(name).unwrap().load(&mut bytes).unwrap();
    std::array::from_fn(|at| u64::from_ne_bytes(bytes[at * 8..at * 8 + 8].try_into().unwrap()))
}

#[test]
fn records_are_whole_wherever_a_perf_ring_of_one_page_wraps() {
    on_board!();
    let options = RingOptions {
        pages: Some(1),
        ..RingOptions::default()
    };
    with_rings(options, |loaded, reader| {
        // Each is 8 bytes shorter than the ring, so that each begins 8 bytes before the last one did.
        let size = page_size() - 8 - 8 - 4;
        let places = page_size() / 8;
        for _ in 0..places + 1 {
            send(How::Perf, size, 1);
            reader.read(size);
        }
        assert_eq!(reader.received, [places as u64 + 1, 0]);
        assert_eq!(counts(loaded, "refused"), [0; 4]);
        // One that is too large by 8 bytes finds no room, and is counted. None is larger than a page of 64K.
        let there_is = page_size() < 1 << 16;
        if there_is {
            send(How::Perf, size + 16, 3);
        }
        reader.finish(size);
        assert_eq!(reader.lost, [if there_is { 3 } else { 0 }, 0]);
        assert_eq!(reader.received[0], places as u64 + 1);
    });
}

#[test]
fn records_of_every_size_are_whole_in_both_rings() {
    on_board!();
    // As large as the kernel makes a record of a perf ring, whose size has 16 bits.
    let most = 65_000;
    let options = RingOptions {
        pages: Some((256 * 1024 / page_size()).max(1)),
        ..RingOptions::default()
    };
    with_rings(options, |loaded, reader| {
        let sizes = (0..200).chain((200..most).step_by(1711)).chain([most]);
        let mut count = 0;
        for size in sizes {
            send(How::Perf, size, 3);
            send(How::Output, size, 3);
            count += 3;
            reader.read(size);
            assert_eq!(reader.received, [count, count], "{size} bytes");
        }
        assert_eq!(counts(loaded, "refused"), [0; 4]);
        assert_eq!(reader.lost, [0; 2]);
    });
}

#[test]
fn records_are_whole_wherever_a_bpf_ring_wraps_and_discarded_ones_are_not_seen() {
    on_board!();
    with_rings(RingOptions::default(), |loaded, reader| {
        let mut count = 0;
        for size in [1, 7, 8, 9, 40, 4000, 65_520, 65_528] {
            for _ in 0..RING / size.max(1000) * 3 {
                send(How::Output, size, 1);
                send(How::Discard, 0, 1);
                count += 1;
                reader.read(size);
            }
        }
        assert_eq!(reader.received, [0, count]);
        let refused = counts(loaded, "refused");
        assert_eq!(refused, [0; 4]);
        reader.finish(0);
        assert_eq!(loaded.ring_failures(2), Some(0));
    });
}

#[test]
fn what_was_received_and_what_was_lost_is_what_was_sent() {
    on_board!();
    with_rings(RingOptions::default(), |loaded, reader| {
        // Three times more than there is room for; then some that are taken; then too many again, so that
        // the last ones are lost and no record comes that tells.
        for _ in 0..3 {
            send(How::Perf, RESERVED, 3000);
            send(How::Output, RESERVED, 6000);
            reader.read(RESERVED);
            send(How::Perf, RESERVED, 5);
            send(How::Output, RESERVED, 5);
            reader.read(RESERVED);
        }
        send(How::Perf, RESERVED, 3000);
        send(How::Output, RESERVED, 10_000);
        reader.finish(RESERVED);
        let (sent, refused) = (counts(loaded, "sent"), counts(loaded, "refused"));
        assert_eq!(sent[..2], [12_015, 28_015]);
        assert!(refused[0] > 1000 && refused[1] > 1000, "{refused:?}");
        assert_eq!(reader.received[0] + reader.lost[0], sent[0]);
        let ring = loaded
            .maps
            .iter()
            .position(|map| map.name == "ring")
            .unwrap();
        assert_eq!(loaded.ring_failures(ring), Some(refused[1]));
        assert_eq!(reader.received[1] + refused[1], sent[1]);
        assert_eq!(loaded.other_ring_failures(), 0);
    });
}

#[test]
fn a_reserved_record_that_finds_no_room_is_counted_too() {
    on_board!();
    with_rings(RingOptions::default(), |loaded, _| {
        send(How::Reserve, 0, 5000);
        send(How::Discard, 0, 100);
        let refused = counts(loaded, "refused");
        assert!(refused[2] > 1000 && refused[3] == 100, "{refused:?}");
        let ring = loaded
            .maps
            .iter()
            .position(|map| map.name == "ring")
            .unwrap();
        assert_eq!(loaded.ring_failures(ring), Some(refused[2] + refused[3]));
    });
}

/// Starts `btfly run` on the generator, counting only.
pub fn counting(options: &[&str]) -> Watch {
    let rings = object("tests/rings.bpf.o");
    let line = [
        &["run", &rings, "--event", "record", "--count-only"],
        options,
    ]
    .concat();
    watch_by(full, &line)
}

/// How many events it says that came from a ring.
fn events(done: &Done, ring: &str) -> u64 {
    let line = done.stdout.iter().find(|line| line.starts_with(ring));
    let words = line.map(|line| line.split(' ').collect::<Vec<_>>());
    let words = words.unwrap_or_else(|| panic!("no {ring} in {done:#?}"));
    words[1].parse().unwrap()
}

#[test]
fn a_reader_that_was_stopped_knows_what_it_missed() {
    on_board!();
    stay();
    let before = Snapshot::take();
    let mut total = 0;
    let watch = counting(&[]);
    for round in 0..4 {
        watch.signal(libc::SIGSTOP);
        for (how, count) in [(How::Perf, 3000), (How::Output, 6000), (How::Reserve, 2000)] {
            send(how, RESERVED, count);
            total += count as u64;
        }
        if round < 3 {
            watch.signal(libc::SIGCONT);
            sleep(Duration::from_millis(300));
        }
        // A busy machine may not have let it read between the rounds. Of a perf ring's losses the next record tells.
        let patience = Instant::now() + Duration::from_secs(20);
        while round == 2 && !watch.has_said("(perf)") && Instant::now() < patience {
            send(How::Perf, RESERVED, 1);
            total += 1;
            sleep(Duration::from_millis(50));
        }
    }
    watch.signal(libc::SIGINT);
    watch.signal(libc::SIGCONT);
    let done = watch.end();
    assert_eq!(done.code, Some(0), "{done:#?}");
    let received = events(&done, "perf") + events(&done, "ring");
    assert_eq!(received + done.lost(), total, "{done:#?}");
    assert!(done.lost() > 10_000, "{done:#?}");
    let told = |of: &str| done.stderr.iter().any(|line| line.contains(of));
    assert!(
        told("on CPU 0 (perf)") && told("events (ring)"),
        "{done:#?}"
    );
    before.is_restored();
}

#[test]
fn many_records_wake_the_reader_now_and_then_and_none_hardly_ever() {
    on_board!();
    stay();
    let watch = counting(&["--pages", "64"]);
    let wakes = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", watch.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    };
    sleep(Duration::from_millis(500));
    let before = wakes();
    sleep(Duration::from_secs(3));
    let idle = wakes() - before;
    // A look for CPUs is taken five times a second.
    assert!(idle <= 18, "{idle} wake-ups in 3 s of nothing");
    let before = wakes();
    for _ in 0..1000 {
        send(How::Perf, RESERVED, 10);
        send(How::Reserve, RESERVED, 10);
    }
    sleep(Duration::from_millis(300));
    let busy = wakes() - before;
    assert!(busy <= 1000, "{busy} wake-ups for 20,000 records");
    let done = watch.stop();
    let received = events(&done, "perf") + events(&done, "ring");
    assert_eq!(received + done.lost(), 20_000, "{done:#?}");
}

#[test]
fn records_here_and_there_come_without_a_ring_that_fills() {
    on_board!();
    for (latency, pace) in [(100, 7), (100, 40), (30, 3)] {
        let options = RingOptions {
            latency: Duration::from_millis(latency),
            ..RingOptions::default()
        };
        with_rings(options, |_, reader| {
            let times = 1500 / pace;
            let mut read = 0;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    stay();
                    for _ in 0..times {
                        send(How::Perf, RESERVED, 1);
                        send(How::Output, RESERVED, 1);
                        sleep(Duration::from_millis(pace));
                    }
                });
                let patience = Instant::now() + Duration::from_secs(60);
                while read < 2 * times && Instant::now() < patience {
                    reader.rings.wait(Some(Duration::from_secs(60))).unwrap();
                    let _ = reader.rings.drain(&mut |_, _, record| {
                        read += u64::from(matches!(record, Record::Sample(_)));
                        ControlFlow::Continue(())
                    });
                }
            });
            assert_eq!(read, 2 * times);
        });
    }
}

#[test]
fn sizes_of_rings_that_can_not_be_are_refused_by_name() {
    on_board!();
    let before = Snapshot::take();
    let rings = object("tests/rings.bpf.o");
    let too_many = pages_of_memory().next_power_of_two().to_string();
    for (options, code, words) in [
        (
            &["--pages", "3"][..],
            1,
            &["--pages 3", "power of two", "--pages 4"][..],
        ),
        (&["--pages", "0"], 1, &["power of two"]),
        (&["--wakeup", "0"], 1, &["--wakeup 0"]),
        (&["--latency", "soon"], 1, &["--latency", "soon"]),
        // More than the machine has, for each CPU.
        (
            &["--pages", &too_many],
            6,
            &[&format!("{too_many} pages"), "MiB", "--pages N"],
        ),
    ] {
        let mut command = full();
        command
            .args(["run", &rings, "--event", "record"])
            .args(options);
        Watch::spawn(command).end().failed(code, words);
    }
    before.is_restored();
}

#[test]
fn a_ring_of_one_page_is_read_and_its_losses_are_told() {
    on_board!();
    stay();
    let watch = counting(&["--pages", "1", "--wakeup", "1"]);
    send(How::Perf, RESERVED, 20_000);
    let done = watch.stop();
    assert_eq!(events(&done, "perf") + done.lost(), 20_000, "{done:#?}");
}
