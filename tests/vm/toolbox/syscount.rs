//! `btfly syscount`.

use std::thread;
use std::time::Duration;

use super::{is_number, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::run::prctl;

const CALLS: u64 = 200;

#[test]
fn system_calls_are_counted_by_kind_and_by_process() {
    on_board!();
    let before = Snapshot::take();
    let pid = own_pid();
    for (options, map) in [
        (&["-p", &pid][..], "calls"),
        (&["-s", "prctl", "-L"], "calls"),
        (&["-P", "-s", "prctl"], "processes"),
    ] {
        let watch = tool("syscount", options);
        (0..CALLS).for_each(prctl);
        let all = objects(&watch.stop());
        let of_map = all.iter().filter(|entry| entry["map"] == map);
        let found = of_map.clone().find(|entry| match map {
            "calls" => entry["key"] == "prctl",
            _ => is_number(&entry["key"]["pid"], &pid),
        });
        let found = found.unwrap_or_else(|| panic!("{options:?}: {all:#?}"));
        assert_eq!(found["value"]["calls"], CALLS, "{options:?}: {all:#?}");
        let measured = found["value"]["total_ns"].as_u64().unwrap() > 0;
        assert_eq!(measured, options.contains(&"-L"), "{options:?}: {all:#?}");
        // The largest come first, and ten of them.
        let calls: Vec<u64> = of_map
            .map(|e| e["value"]["calls"].as_u64().unwrap())
            .collect();
        assert!(
            calls.is_sorted_by(|a, b| a >= b) && calls.len() <= 10,
            "{all:#?}"
        );
    }
    before.is_restored();
}

#[test]
fn only_calls_that_fail_are_counted_where_that_is_asked_for() {
    on_board!();
    let pid = own_pid();
    let watch = tool("syscount", &["-x", "-p", &pid]);
    for _ in 0..CALLS {
        std::fs::File::open("/nowhere").unwrap_err();
        std::fs::File::open("/etc/passwd").unwrap();
    }
    thread::sleep(Duration::from_millis(10));
    let all = objects(&watch.stop());
    let found = all.iter().find(|entry| entry["key"] == "openat");
    assert_eq!(found.unwrap()["value"]["calls"], CALLS, "{all:#?}");
}
