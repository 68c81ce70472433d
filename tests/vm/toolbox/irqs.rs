//! `btfly hardirqs` and `softirqs`.

use std::thread;
use std::time::Duration;

use super::{counted, objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tools::connection;

const NAPS: u64 = 50;

fn naps() {
    (0..NAPS).for_each(|_| thread::sleep(Duration::from_millis(4)));
}

#[test]
fn interrupts_of_the_timer_are_counted_by_name() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("hardirqs", &[]);
    naps();
    let all = objects(&watch.stop());
    let timer = all
        .iter()
        .find(|entry| entry["key"]["name"] == "arch_timer");
    let timer = &timer.unwrap_or_else(|| panic!("{all:#?}"))["value"];
    let number = |name: &str| timer[name].as_u64().unwrap();
    // Each nap ends with one, but two may end with the same.
    assert!(number("count") >= NAPS / 2, "{timer}");
    assert!(
        number("max_ns") > 0 && number("total_ns") >= number("max_ns"),
        "{timer}"
    );

    for (option, unit) in [("-d", "usecs"), ("-N", "nsecs")] {
        let watch = tool("hardirqs", &[option]);
        naps();
        let all = objects(&watch.stop());
        let timer = all.iter().find(|drawn| drawn["of"] == "name = arch_timer");
        let timer = timer.unwrap_or_else(|| panic!("{all:#?}"));
        assert_eq!(timer["unit"], unit);
        assert!(counted(timer, 0).0 >= NAPS / 2, "{timer}");
    }
    before.is_restored();
}

#[test]
fn packets_are_received_in_a_software_interrupt() {
    on_board!();
    const CONNECTIONS: u64 = 20;
    let before = Snapshot::take();
    let watch = tool("softirqs", &[]);
    (0..CONNECTIONS).for_each(|_| {
        connection();
    });
    let all = objects(&watch.stop());
    let received = all.iter().find(|entry| entry["key"] == "NET_RX");
    let received = &received.unwrap_or_else(|| panic!("{all:#?}"))["value"];
    assert!(
        received["count"].as_u64().unwrap() >= CONNECTIONS,
        "{received}"
    );
    assert!(
        received["total_ns"].as_u64() >= received["max_ns"].as_u64(),
        "{received}"
    );

    let watch = tool("softirqs", &["-d"]);
    (0..CONNECTIONS).for_each(|_| {
        connection();
    });
    let all = objects(&watch.stop());
    let received = all
        .iter()
        .find(|drawn| drawn["of"].as_str().unwrap().contains("NET_RX"));
    let received = received.unwrap_or_else(|| panic!("{all:#?}"));
    assert!(counted(received, 0).0 >= CONNECTIONS, "{received}");
    before.is_restored();
}
