//! The table of features: each probe against the version that brought the feature, and each
//! feature's absence against what the tools do.

use std::process::Command;

use btfly::sys::Feature;
use btfly::target::Kernel;

use crate::board::{object, on_board, version};
use crate::exec::sees_all;
use crate::run::{HELLO_OPTIONS, every_kind_reports, hello_greets, subprograms_give_numbers};
use crate::watch::{Watch, btfly, full, watch};

/// Whether the kernel has a function.
#[cfg(feature = "full")]
fn symbol(name: &str) -> bool {
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap();
    symbols
        .lines()
        .any(|line| line.split(' ').nth(2) == Some(name))
}

/// What a kernel's version does not tell: options that it was built with.
fn is_built_in(feature: Feature, board: &crate::board::Board) -> Option<bool> {
    match feature {
        Feature::KprobePmu => Some(board.has_kprobes()),
        // CONFIG_FPROBE and CONFIG_UPROBES.
        #[cfg(feature = "full")]
        Feature::KprobeMulti => Some(symbol("register_fprobe_ips")),
        #[cfg(feature = "full")]
        Feature::UprobeMulti => Some(symbol("uprobe_register")),
        _ => None,
    }
}

#[test]
fn each_feature_came_with_the_version_that_the_table_says() {
    on_board!(board);
    let features = Kernel::running().features;
    let wrong: Vec<String> = Feature::all()
        .filter_map(|feature| {
            let built_in = is_built_in(feature, &board).unwrap_or(true);
            let expected = version() >= feature.since() && built_in;
            let found = features.has(feature);
            let (name, since) = (feature.name(), feature.since());
            (found != expected).then(|| format!("{name} of {since:?}: found {found}"))
        })
        .collect();
    assert_eq!(wrong, [""; 0], "on {:?}", version());
}

/// Checks what exec and an object with globals and subprograms do with these options.
fn exec_and_globals_work(mut command: Command, options: &[&str]) {
    command.arg("exec").args(options);
    let watch = Watch::spawn(command);
    watch.header();
    sees_all(&watch, 2);
    assert_eq!(watch.stop().stderr, [""; 0]);
    subprograms_give_numbers(options);
}

#[test]
fn exec_and_globals_work_where_any_one_feature_is_missing() {
    on_board!();
    for feature in Feature::all() {
        println!("without {}", feature.name());
        exec_and_globals_work(full(), &["--without", feature.name()]);
    }
}

#[test]
fn everything_works_as_on_old_kernels() {
    on_board!(board);
    for kernel in ["4.14", "4.19", "5.4"] {
        println!("as kernel {kernel}");
        let options = ["--as-kernel", kernel];
        exec_and_globals_work(btfly(), &options);
        if kernel == "4.14" {
            continue;
        }
        exec_and_globals_work(full(), &options);
        if board.has_kprobes() {
            every_kind_reports(&options);
        }
        if board.has_btf() && board.has_kprobes() {
            let hello = object("hello.bpf.o");
            let line = [&["run", &*hello], &HELLO_OPTIONS[..], &options].concat();
            hello_greets(watch(&line));
        }
    }
}
