//! `btfly runqlat`.

use std::thread;
use std::time::Duration;

use super::{build, counted, objects, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::Watch;

#[test]
fn threads_that_wake_up_are_counted_each_time() {
    on_board!();
    const NAPS: u64 = 100;
    let before = Snapshot::take();
    for options in [&["-p", &own_pid()][..], &["-m"]] {
        let watch = tool("runqlat", options);
        (0..=NAPS).for_each(|_| thread::sleep(Duration::from_millis(3)));
        let done = watch.stop();
        let all = objects(&done);
        assert_eq!(all.len(), 1, "{done:#?}");
        let (total, _) = counted(&all[0], 0);
        assert!(total >= NAPS, "{total} of {NAPS}: {done:#?}");
        assert_eq!(
            all[0]["unit"],
            if options == ["-m"] { "msecs" } else { "usecs" }
        );
    }
    before.is_restored();
}

#[test]
fn runqlat_ends_after_so_many_intervals() {
    on_board!();
    let watch = tool("runqlat", &["500ms", "2"]);
    let done = watch.end();
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!(objects(&done).len(), 2, "{done:#?}");
    let done = Watch::spawn(build(&["runqlat", "--timestamp", "-m", "300ms", "2"])).end();
    let begins = |line: &&String| line.starts_with("20") || line.starts_with("1970-");
    assert_eq!(done.stdout.iter().filter(begins).count(), 2, "{done:#?}");
    assert!(
        done.stdout
            .iter()
            .any(|line| line.trim_start().starts_with("msecs "))
    );
}
