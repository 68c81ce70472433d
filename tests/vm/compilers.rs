//! One source as several compilers make it: each object loads, attaches, and says the same.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::BUSYBOX;
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
    for (object, name) in objects.iter().zip(names) {
        let object = object.to_str().unwrap();
        // Threads are forked, too, and this program starts some: another one's forks are counted.
        let mut shell = Command::new(BUSYBOX);
        shell.args(["sh", "-c", "read line; (:); (:); (:); (:); (:); read line"]);
        let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
        let target = format!("target={}", shell.id());
        let mut command = full();
        command.args(["run", object, "--event", "events=event", "--set", &target]);
        let watch = Watch::spawn(command);
        let table = Table::new(&watch.header());
        assert_eq!(table.names(), ["PID", "KIND", "COUNT"], "{name}");
        let keys = shell.stdin.as_mut().unwrap();
        keys.write_all(b"fork\n").unwrap();
        let seen = rows(&watch, &table, 5, "PID", i64::from(shell.id()));
        drop(shell.stdin.take());
        shell.wait().unwrap();
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
