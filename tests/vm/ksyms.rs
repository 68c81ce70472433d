//! What objects ask of the kernel by name: configuration, addresses, variables, functions. Programs are
//! loaded by the library, here in the test, and run once; what they found is in their globals.

use std::fs;
use std::os::fd::AsFd;
use std::process::Command;

use btfly::load::{LoadError, Options, load};
use btfly::object::{Object, Program};
use btfly::sys::bpf::{map_lookup, prog_run_on_cpu};
use btfly::target::Kernel;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;
use crate::modules::{load_module, unload_module};
use crate::program::BUSYBOX;

/// What a program of `ksyms.bpf.o` wrote to the globals of these names.
fn run<const N: usize>(name: &str, globals: [&str; N]) -> Result<[u64; N], Box<LoadError>> {
    let bytes = fs::read(object("tests/ksyms.bpf.o")).unwrap();
    let object = Object::parse(&bytes).expect("an object");
    let options = Options {
        choose: &|program: &Program<'_>| program.name == name,
        ..Options::default()
    };
    let loaded = load(&object, &Kernel::running(), options)?;
    assert_eq!(loaded.programs.len(), 1, "{name}");
    let refused = loaded
        .notes
        .iter()
        .find(|note| note.contains("object's BTF"));
    assert_eq!(refused, None, "the kernel takes the object's BTF");
    if N > 0 {
        prog_run_on_cpu(loaded.programs[0].fd.as_fd(), 0).expect("it runs");
    }
    Ok(globals.map(|global| {
        let global = object.global(global).unwrap();
        let map = &object.maps[global.map];
        let mut value = vec![0; map.value_size as usize];
        let fd = loaded.maps[global.map].fd.as_fd();
        assert!(map_lookup(fd, &0u32.to_ne_bytes(), &mut value).unwrap());
        let bytes = &value[global.offset..global.offset + 8];
        u64::from_le_bytes(bytes.try_into().unwrap())
    }))
}

#[track_caller]
fn loads(result: Result<[u64; 0], Box<LoadError>>) {
    if let Err(error) = result {
        panic!("{}\n{}", told(&error), error.log().unwrap_or_default());
    }
}

/// What a failed load tells, and what to try.
fn told(error: &LoadError) -> String {
    format!("{error}; {}", error.hint().unwrap_or_default())
}

#[track_caller]
fn is_refused(program: &str, parts: &[&str]) {
    let told = told(&run(program, []).expect_err(program));
    for part in parts {
        assert!(told.contains(part), "{program}: {told}");
    }
}

const VALUES: [&str; 10] = [
    "version", "cookie", "wrapper", "future", "hz", "syscall", "tristate", "text", "number",
    "absent",
];

#[test]
fn values_of_the_configuration_come_from_its_file_plain_or_packed() {
    on_board!();
    let before = Snapshot::take();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let path = format!("/boot/config-{}", release.trim());
    let (major, minor) = version();
    let known = |values: [u64; 10]| {
        assert_eq!(values[0] >> 8, u64::from(major << 8 | minor), "{values:?}");
        assert_eq!(values[1], u64::from((major, minor) >= (5, 15)), "a cookie");
        assert_eq!(values[2..4], [1, 0]);
        values
    };
    if !fs::exists("/proc/config.gz").unwrap() {
        let values = known(run("config", VALUES).unwrap());
        assert_eq!(values[4..], [0; 6], "without a file");
        fs::create_dir_all("/boot").unwrap();
        let text = "# a comment\nCONFIG_HZ=250\nCONFIG_BPF_SYSCALL=y\n# CONFIG_BTFLY_ABSENT is not set\n\
                    CONFIG_BTFLY_TRI=m\nCONFIG_BTFLY_TEXT=\"text that is longer\"\n\
                    CONFIG_BTFLY_LONG=0xffff800000000001";
        fs::write(&path, text).unwrap();
        for packed in [false, true] {
            if packed {
                let mut gzip = Command::new(BUSYBOX);
                assert!(gzip.args(["gzip", &path]).status().unwrap().success());
                fs::rename(format!("{path}.gz"), &path).unwrap();
                assert!(fs::read(&path).unwrap().starts_with(b"\x1f\x8b"));
            }
            let values = known(run("config", VALUES).unwrap());
            let expected = [250, 1, 2, u64::from(b't'), 0xffff_8000_0000_0001, 0];
            assert_eq!(values[4..], expected, "packed: {packed}");
        }
        fs::write(&path, "CONFIG_HZ=250\nCONFIG_BPF_SYSCALL=m\n").unwrap();
        is_refused(
            "config",
            &["extern CONFIG_BPF_SYSCALL", "value m is a module"],
        );
        fs::remove_file(&path).unwrap();
    } else {
        let values = known(run("config", VALUES).unwrap());
        assert!((100..=1000).contains(&values[4]), "{values:?}");
        assert_eq!(values[5..], [1, 0, 0, 0, 0]);
    }
    before.is_restored();
}

#[test]
fn addresses_of_symbols_come_from_the_symbol_table() {
    on_board!();
    let before = Snapshot::take();
    let text = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let line = text.lines().find(|line| line.ends_with(" init_task"));
    match line.and_then(|line| u64::from_str_radix(line.split(' ').next()?, 16).ok()) {
        Some(expected) => {
            assert_ne!(expected, 0);
            assert_eq!(
                run("addresses", ["address", "weak_address"]).unwrap(),
                [expected, 0]
            );
            is_refused(
                "no_symbol",
                &[
                    "extern btfly_no_such_strong_symbol",
                    "symbol table does not have it",
                    "__weak",
                ],
            );
            let hide = |how| fs::write("/proc/sys/kernel/kptr_restrict", how).unwrap();
            let as_it_was = fs::read("/proc/sys/kernel/kptr_restrict").unwrap();
            hide(b"2".to_vec());
            let hidden = run("addresses", ["address", "weak_address"]);
            hide(as_it_was);
            let told = told(&hidden.unwrap_err());
            for part in ["extern init_task", "hides", "kptr_restrict"] {
                assert!(told.contains(part), "{told}");
            }
        }
        // A kernel whose table has functions alone.
        None => is_refused("addresses", &["init_task"]),
    }
    before.is_restored();
}

#[test]
fn variables_of_the_kernel_are_read_by_their_types() {
    on_board!(board);
    let before = Snapshot::take();
    match board.has_btf() {
        // Of this one's variables pahole made no types.
        true if version() == (5, 10) => {
            is_refused("variables", &["extern runqueues", "BTF does not have it"]);
        }
        true => {
            let found = run("variables", ["cpu", "weak_variable"]);
            match found {
                Ok(found) => assert_eq!(found, [0, 0]),
                // This one's symbol table can't tell where the variable is.
                Err(error)
                    if version() == (6, 1)
                        && told(&error).contains("failed to find the address") => {}
                Err(error) => panic!("{}\n{}", told(&error), error.log().unwrap_or_default()),
            }
        }
        false => is_refused(
            "variables",
            &[
                "extern runqueues",
                "kernel's own BTF",
                "CONFIG_DEBUG_INFO_BTF",
            ],
        ),
    }
    before.is_restored();
}

#[test]
fn functions_of_the_kernel_are_called_where_they_are_there() {
    on_board!(board);
    let before = Snapshot::take();
    if board.has_btf() {
        loads(run("functions", []));
        is_refused(
            "no_function",
            &[
                "extern btfly_no_such_strong_function",
                "BTF does not have it",
                "bpf_ksym_exists()",
            ],
        );
    } else {
        is_refused(
            "no_function",
            &["btfly_no_such_strong_function", "kernel's own BTF"],
        );
    }
    is_refused(
        "unguarded",
        &[
            "program unguarded: unguarded, instruction ",
            "calls btfly_no_such_function(), which this kernel does not have",
            "guard the call with bpf_ksym_exists(btfly_no_such_function)",
        ],
    );
    before.is_restored();
}

#[test]
fn what_modules_have_is_told_by_their_own_types() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let globals = ["found_none", "found_old", "found_function", "found_module"];
    // Before 6.4 the verifier takes the address of no function.
    let functions = version() >= (6, 4);
    if functions {
        assert_eq!(run("exists", globals).unwrap(), [0, 0, 1, 0]);
    }
    is_refused(
        "of_module",
        &["calls lo_ioctl(), which this kernel does not have"],
    );
    load_module(&board.module("loop"));
    if fs::exists("/sys/kernel/btf/loop").unwrap() {
        if functions {
            assert_eq!(run("exists", globals).unwrap(), [0, 0, 1, 1]);
        }
        if version() >= (5, 16) {
            is_refused(
                "of_module",
                &["calling kernel function lo_ioctl is not allowed"],
            );
        }
    }
    unload_module();
    before.is_restored();
}
