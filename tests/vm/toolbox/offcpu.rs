//! `btfly offcpu`.

use std::thread;
use std::time::Duration;

use super::{build, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::Watch;

/// Off the CPU they are a little shorter than asked for.
fn naps() {
    (0..10).for_each(|_| thread::sleep(Duration::from_millis(32)));
}

#[test]
fn time_off_cpu_is_told_with_the_place_in_the_kernel() {
    on_board!();
    let before = Snapshot::take();
    let pid = own_pid();
    let watch = tool("offcpu", &["-p", &pid, "-m", "20000"]);
    naps();
    let all = objects(&watch.stop());
    let slept = all.iter().find(|entry| {
        let stack = entry["stacks"]["kern_stack_id"].to_string();
        stack.contains("\"do_nanosleep+") && entry["value"]["times"] == 10
    });
    let slept = slept.unwrap_or_else(|| panic!("{all:#?}"));
    assert_eq!(slept["key"]["pid"].to_string(), pid, "{slept}");
    let total = slept["value"]["total_ns"].as_u64().unwrap();
    assert!((300_000_000..3_000_000_000).contains(&total), "{slept}");
    before.is_restored();
}

#[test]
fn time_off_cpu_is_folded_for_flame_graphs() {
    on_board!();
    let watch = Watch::spawn(build(&["offcpu", "-f", "-p", &own_pid()]));
    watch.attached();
    naps();
    let done = watch.stop();
    let slept = done
        .stdout
        .iter()
        .filter(|line| line.contains(";do_nanosleep;"));
    let total: u64 = slept
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(total >= 300_000_000, "{done:#?}");
}
