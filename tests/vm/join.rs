//! Two objects on one command line: one uses what the other defines.

use std::process;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::run::{prctl, rows};
use crate::table::Table;
use crate::watch::{Watch, full};

fn start(args: &[&str]) -> Watch {
    let mut command = full();
    command.args(args);
    Watch::spawn(command)
}

#[test]
fn one_object_calls_reads_and_sends_by_what_another_defines() {
    on_board!();
    let before = Snapshot::take();
    let halves = ["half_user", "half_definer"].map(|name| object(&format!("tests/{name}.bpf.o")));
    for line in [[&halves[0], &halves[1]], [&halves[1], &halves[0]]] {
        // With -v a kernel that does not take their types would be told of.
        let set = ["--event", "half_event", "--set", "half_factor=7", "-v"];
        let args = [&["run", line[0].as_str(), line[1].as_str()][..], &set].concat();
        let watch = start(&args);
        let table = Table::new(&watch.header());
        let names = ["PID", "PRODUCT", "COUNT", "CALLS"];
        assert_eq!(table.names(), names);
        for x in 1..=3 {
            prctl(x);
        }
        let rows = rows(&watch, &table, 3, "PID", i64::from(process::id()));
        let numbers = rows.iter().map(|row| {
            let number = |column| table.number(row, column);
            (number("PRODUCT"), number("COUNT"), number("CALLS"))
        });
        // Each half has its own variable `calls`.
        let expected = (1..=3).map(|x| (x * 7 + 2000 + x, x, 1000 + x));
        assert_eq!(numbers.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let done = watch.stop();
        assert_eq!(done.stderr, [""; 0]);
        before.is_restored();
    }
}

#[test]
fn objects_that_do_not_fit_together_are_named() {
    on_board!();
    let before = Snapshot::take();
    let (user, hello) = (object("tests/half_user.bpf.o"), object("hello.bpf.o"));
    let cases: [(&[&str], &[&str]); 2] = [
        (&["run", &hello, &hello], &["is defined by", &hello]),
        (
            &["run", &user, &hello],
            &["half_", "the object that defines it"],
        ),
    ];
    for (line, words) in cases {
        start(line).end().failed(2, words);
    }
    before.is_restored();
}
