//! The table of features: each probe against the version that brought the feature, and each
//! feature's absence against what the tools do.

use std::fs;
use std::process::Command;

use btfly::object::Object;
use btfly::sys::Feature;
use btfly::sys::bpf::{map_info, prog_info};
use btfly::target::Kernel;
use rustix::fd::AsFd;

use crate::board::{object, on_board, version};
use crate::exec::sees_all;
use crate::left::Snapshot;
use crate::run::{
    HELLO_OPTIONS, every_kind_reports, hello_greets, prctl, subprograms_give_numbers,
};
use crate::watch::{Watch, full, watch, watch_by};

/// Whether the kernel has a function.
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
        Feature::KprobeMulti => Some(symbol("register_fprobe_ips")),
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
fn exec_and_globals_work(build: fn() -> Command, options: &[&str]) {
    let mut command = build();
    command.arg("exec").args(options);
    let watch = Watch::spawn(command);
    watch.header();
    sees_all(&watch, 2);
    assert_eq!(watch.stop().stderr, [""; 0]);
    subprograms_give_numbers(build, options);
}

#[test]
fn exec_and_globals_work_where_any_one_feature_is_missing() {
    on_board!();
    for feature in Feature::all() {
        println!("without {}", feature.name());
        exec_and_globals_work(full, &["--without", feature.name()]);
    }
}

#[test]
fn everything_works_as_on_old_kernels() {
    on_board!(board);
    for kernel in ["4.14", "4.19", "5.4"] {
        println!("as kernel {kernel}");
        let options = ["--as-kernel", kernel];
        exec_and_globals_work(full, &options);
        if kernel == "4.14" {
            continue;
        }
        if board.has_kprobes() {
            every_kind_reports(full, &options);
        }
        if board.has_btf() && board.has_kprobes() {
            let hello = object("hello.bpf.o");
            let line = [&["run", &*hello], &HELLO_OPTIONS[..], &options].concat();
            hello_greets(watch_by(full, &line));
        }
    }
}

/// What constants.bpf.o says of some numbers, with these options.
fn answers(options: &[&str]) -> Vec<String> {
    let constants = object("tests/constants.bpf.o");
    let line = [&["run", &*constants, "--event", "answers=answer"], options].concat();
    let watch = watch_by(full, &line);
    let header = watch.header();
    for x in (0..20).chain([250, 1 << 40]) {
        prctl(x);
    }
    let rows = watch.lines(22, |line| line != header);
    assert_eq!(watch.stop().stderr, [""; 0]);
    rows
}

#[test]
fn data_of_every_sort_reads_the_same_without_global_data() {
    on_board!();
    let expected = answers(&[]);
    assert!(expected[0].contains("read-only"), "{expected:#?}");
    for options in [["--without", "global-data"], ["--as-kernel", "4.19"]] {
        assert_eq!(answers(&options), expected, "{options:?}");
    }
    let set = [
        "--set",
        "middle=1",
        "--set",
        r#"text="set""#,
        "--set",
        "yes=false",
    ];
    let expected = answers(&set);
    assert!(expected[0].contains("set"), "{expected:#?}");
    let line = [&set[..], &["--without", "global-data"]].concat();
    assert_eq!(answers(&line), expected);
}

#[test]
fn every_kind_of_btf_reaches_kernels_that_lack_some() {
    on_board!();
    let bytes = fs::read(object("tests/every_kind.bpf.o")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let of_btf = Feature::all().filter(|feature| feature.name().starts_with("btf-"));
    let mut kernels = vec![("as it is".to_owned(), Kernel::running())];
    for feature in of_btf {
        let kernel = Kernel::running();
        assert!(kernel.features.hide(feature.name()));
        kernels.push((["without ", feature.name()].concat(), kernel));
    }
    for (major, minor) in [(4, 18), (5, 1), (5, 5), (5, 12), (5, 15), (5, 19)] {
        let kernel = Kernel::running();
        kernel.features.as_kernel(major, minor);
        kernels.push((format!("as {major}.{minor}"), kernel));
    }
    for (how, kernel) in kernels {
        let loaded = object.load(&kernel).unwrap();
        assert_eq!(loaded.notes, [""; 0], "{how}");
        let map = map_info(loaded.map("values").unwrap().fd.as_fd()).unwrap();
        assert_ne!(map.btf_id, 0, "BTF of the map, {how}");
        assert_ne!(map.btf_value_type_id, 0, "the type of values, {how}");
        // Without FUNC there is nothing that a program could have of it.
        let program = prog_info(loaded.programs[0].fd.as_fd()).unwrap();
        let expected = kernel.features.has(Feature::BtfFunc);
        assert_eq!(program.btf_id != 0, expected, "BTF of the program, {how}");
    }
}

#[test]
fn an_object_with_a_ring_buffer_is_told_what_to_use_where_there_are_none() {
    on_board!();
    let ring = object("tests/ring.bpf.o");
    let before = Snapshot::take();
    let mut command = full();
    command.args(["run", &ring, "--event", "event", "--without", "ring-buffer"]);
    let done = Watch::spawn(command).end();
    done.failed(
        3,
        &["map ring", "Linux 5.8", "BPF_MAP_TYPE_PERF_EVENT_ARRAY"],
    );
    before.is_restored();

    let watch = watch(&["run", &*ring, "--event", "event"]);
    let header = watch.header();
    prctl(4711);
    watch.line("the event", |line| line != header && line.contains("4711"));
    watch.stop();
}
