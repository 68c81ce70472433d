//! `btfly funclatency`.

use std::thread;
use std::time::Duration;

use super::{build, counted, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::{Done, Watch};

const MISSING: i32 = 3;

fn run(args: &[&str]) -> Done {
    Watch::spawn(build(&[&["funclatency"], args].concat())).end()
}

#[test]
fn the_time_of_a_function_is_counted_each_time() {
    on_board!(board);
    if !board.has_kprobes() {
        run(&["hrtimer_nanosleep"]).failed(MISSING, &["hrtimer_nanosleep", "kprobes"]);
        return;
    }
    const NAPS: u64 = 20;
    let before = Snapshot::take();
    let watch = tool(
        "funclatency",
        &["hrtimer_nanosleep", "-m", "-p", &own_pid()],
    );
    (0..NAPS).for_each(|_| thread::sleep(Duration::from_millis(32)));
    let all = objects(&watch.stop());
    let of = |map: &str| {
        let found = all.iter().find(|object| object["map"] == map);
        found.unwrap_or_else(|| panic!("no {map}: {all:#?}"))
    };
    assert_eq!(counted(of("latency"), 32), (NAPS, NAPS), "{all:#?}");
    assert_eq!(of("latency")["unit"], "msecs");
    let sum = &of("sum")["value"];
    assert_eq!(sum["calls"], NAPS, "{sum}");
    assert!(
        sum["total_ns"].as_u64().unwrap() >= NAPS * 32_000_000,
        "{sum}"
    );
    before.is_restored();
}

#[test]
fn a_function_has_to_be_given_and_to_be_there() {
    on_board!(board);
    let before = Snapshot::take();
    run(&[]).failed(1, &["FUNCTION is missing", "btfly funclatency --help"]);
    if board.has_kprobes() {
        run(&["no_such_function"]).failed(MISSING, &["no_such_function"]);
    }
    before.is_restored();
}
