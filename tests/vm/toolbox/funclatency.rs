//! `btfly funclatency`.

use std::io::{PipeWriter, Read, Write, pipe};
use std::thread;
use std::time::Duration;

use super::{build, counted, objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::{Done, Watch};

const MISSING: i32 = 3;

fn run(args: &[&str]) -> Done {
    Watch::spawn(build(&[&["funclatency"], args].concat())).end()
}

const NAPS: u64 = 20;
const NAP: Duration = Duration::from_millis(32);

/// A process that does nothing but take its naps once it is told to: threads of the tests sleep, too.
struct Sleeper {
    pid: libc::pid_t,
    tell: PipeWriter,
}

impl Sleeper {
    fn new() -> Sleeper {
        let (mut told, tell) = pipe().unwrap();
        // Safety: the child takes no lock and allocates nothing before it ends.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let _ = told.read_exact(&mut [0]);
            (0..NAPS).for_each(|_| thread::sleep(NAP));
            // Safety: as above.
            unsafe { libc::_exit(0) };
        }
        assert!(pid > 0);
        Sleeper { pid, tell }
    }

    fn sleep(mut self) {
        self.tell.write_all(&[1]).unwrap();
        // Safety: it is a child of this process.
        assert_eq!(
            unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) },
            self.pid
        );
    }
}

#[test]
fn the_time_of_a_function_is_counted_each_time() {
    on_board!(board);
    if !board.has_kprobes() {
        run(&["hrtimer_nanosleep"]).failed(MISSING, &["hrtimer_nanosleep", "kprobes"]);
        return;
    }
    let before = Snapshot::take();
    let sleeper = Sleeper::new();
    let pid = sleeper.pid.to_string();
    let watch = tool("funclatency", &["hrtimer_nanosleep", "-m", "-p", &pid]);
    sleeper.sleep();
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
