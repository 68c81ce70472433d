//! `btfly runqslower` and `cpudist`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{counted, json, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;

/// Uses the first CPU alone, so long. Its thread id comes first.
fn spin(told: &mpsc::Sender<libc::c_long>, time: Duration) {
    // Safety: the set lives through the call, and is as long as is said.
    unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut cpus);
        let set = libc::sched_setaffinity(0, size_of_val(&cpus), &raw const cpus);
        assert_eq!(set, 0);
        told.send(libc::syscall(libc::SYS_gettid)).unwrap();
    }
    let end = Instant::now() + time;
    while Instant::now() < end {}
}

#[test]
fn threads_that_share_a_cpu_wait_for_one_another() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("runqslower", &["-m", "1000", "-p", &own_pid()]);
    let others = tool("runqslower", &["-m", "0", "-p", "999999"]);
    let (tell, told) = mpsc::channel();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let tell = tell.clone();
            thread::spawn(move || spin(&tell, Duration::from_millis(600)))
        })
        .collect();
    let [first, second] = [told.recv().unwrap(), told.recv().unwrap()];
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    for (waits, runs) in [(first, second), (second, first)] {
        let line = watch.line(&format!("{waits} waits for {runs}"), |line| {
            let event = json(line);
            event["tid"] == waits && event["prev_tid"] == runs
        });
        let event = json(&line);
        assert!(event["wait_ns"].as_u64().unwrap() >= 1_000_000, "{event}");
        assert_eq!(event["comm"], event["prev_comm"], "{event}");
    }
    let done = watch.stop();
    for event in objects(&done) {
        assert!(
            event["wait_ns"].as_u64().unwrap_or(u64::MAX) >= 1_000_000,
            "{event}"
        );
    }
    assert_eq!(others.stop().stdout, [""; 0]);
    before.is_restored();
}

#[test]
fn time_off_the_cpu_is_counted_each_time() {
    on_board!();
    const NAPS: u64 = 20;
    let before = Snapshot::take();
    let watch = tool("cpudist", &["-O", "-p", &own_pid(), "-m"]);
    (0..NAPS).for_each(|_| thread::sleep(Duration::from_millis(40)));
    let all = objects(&watch.stop());
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(
        (&all[0]["unit"], &all[0]["of"]),
        (&"msecs".into(), &"".into())
    );
    assert!(counted(&all[0], 32).1 >= NAPS, "{all:#?}");
    before.is_restored();
}

#[test]
fn time_on_the_cpu_is_counted_by_process_and_by_thread() {
    on_board!();
    let before = Snapshot::take();
    let pid = own_pid();
    for option in ["-P", "-L"] {
        let watch = tool("cpudist", &[option, "-p", &pid]);
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            for _ in 0..10 {
                spin(&tell, Duration::from_millis(5));
                thread::sleep(Duration::from_millis(2));
            }
        });
        let tid = told.recv().unwrap();
        thread.join().unwrap();
        let all = objects(&watch.stop());
        let who = if option == "-P" {
            pid.clone()
        } else {
            tid.to_string()
        };
        let of = format!("pid = {who}, comm = ");
        let own: u64 = all
            .iter()
            .filter(|drawn| drawn["of"].as_str().unwrap().starts_with(&of))
            .map(|drawn| counted(drawn, 0).0)
            .sum();
        assert!(own >= 10, "{option}: {of} in {all:#?}");
    }
    before.is_restored();
}
