//! One source as several compilers make it: each object loads, attaches, and says the same.

use std::path::PathBuf;
use std::{env, fs, process};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::start;
use crate::run::rows;
use crate::table::Table;
use crate::watch::{Watch, full};

#[test]
fn objects_of_each_compiler_count_and_tell_what_is_forked() {
    on_board!();
    let before = Snapshot::take();
    let folder: PathBuf = env::var_os("BTFLY_COMPILERS")
        .expect("BTFLY_COMPILERS")
        .into();
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut objects: Vec<PathBuf> = entries.collect();
    objects.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_string();
    let names: Vec<String> = objects.iter().map(name).collect();
    assert_eq!(
        names.join(" "),
        "clang-14.bpf.o clang-16.bpf.o clang-19.bpf.o gcc.bpf.o"
    );
    let target = format!("target={}", process::id());
    for (object, name) in objects.iter().zip(names) {
        let object = object.to_str().unwrap();
        let mut command = full();
        command.args(["run", object, "--event", "events=event", "--set", &target]);
        let watch = Watch::spawn(command);
        let table = Table::new(&watch.header());
        assert_eq!(table.names(), ["PID", "KIND", "COUNT"], "{name}");
        for _ in 0..5 {
            start(&[]);
        }
        let seen = rows(&watch, &table, 5, "PID", i64::from(process::id()));
        let mut counts: Vec<i64> = seen.iter().map(|row| table.number(row, "COUNT")).collect();
        // What happened on another CPU may come later.
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 3, 4, 5], "{name}");
        assert!(
            seen.iter().all(|row| table.number(row, "KIND") == 7),
            "{name}: {seen:?}"
        );
        watch.stop();
    }
    before.is_restored();
}
