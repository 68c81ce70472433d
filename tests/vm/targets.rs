//! Programs for functions, tracepoints, hooks and iterators that the kernel's BTF describes. They are
//! loaded by the library, here in the test.

use std::fs;
use std::os::fd::AsFd;

use btfly::load::{LoadError, Options, load};
use btfly::object::{Hook, Object, Program, ProgramRef};
use btfly::sys::bpf::prog_info;
use btfly::target::{BtfChoice, Kernel};

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::modules::{load_module, unload_module};

/// Loads one program of an object, and lets it go.
fn load_one(bytes: &[u8], name: &str, kernel: &Kernel) -> Result<(), Box<LoadError>> {
    let object = Object::parse(bytes).expect("an object");
    let choose = &|program: &Program<'_>| program.name == name;
    let options = Options {
        choose,
        ..Options::default()
    };
    let loaded = load(&object, kernel, options)?;
    assert_eq!(loaded.programs.len(), 1, "{name}");
    Ok(())
}

/// What a failed load tells, and what to try.
fn told(error: &LoadError) -> String {
    format!("{error}; {}", error.hint().unwrap_or_default())
}

fn targets() -> Vec<u8> {
    fs::read(object("tests/targets.bpf.o")).unwrap()
}

#[test]
fn each_program_is_loaded_for_the_place_that_its_section_names() {
    on_board!(board);
    let before = Snapshot::take();
    let bytes = targets();
    for name in ["tracepoint", "entry", "leave", "modify", "hook", "iterate"] {
        let loaded = load_one(&bytes, name, &Kernel::running());
        match (board.has_btf(), loaded) {
            (true, loaded) => {
                if let Err(error) = loaded {
                    panic!("{}\n{}", told(&error), error.log().unwrap_or_default());
                }
            }
            (false, Ok(())) => panic!("{name} was loaded without BTF"),
            (false, Err(error)) => {
                assert!(error.is_absent_target(), "{error}");
                let told = told(&error);
                for part in [
                    "program ",
                    name,
                    "kernel's own BTF",
                    "CONFIG_DEBUG_INFO_BTF",
                ] {
                    assert!(told.contains(part), "{told}");
                }
            }
        }
    }
    before.is_restored();
}

#[test]
fn types_from_a_file_do_not_stand_in_for_the_kernels_own() {
    on_board!(board);
    let Some(archive) = board.archive() else {
        return;
    };
    let kernel = Kernel {
        btf: BtfChoice::File(archive.to_str().unwrap().into()),
        ..Kernel::running()
    };
    let error = load_one(&targets(), "tracepoint", &kernel).unwrap_err();
    assert!(told(&error).contains("--btf does not stand in"), "{error}");
}

#[test]
fn a_place_that_is_not_there_is_named() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let bytes = targets();
    for (name, parts) in [
        (
            "nowhere",
            ["fentry names no function", "--attach nowhere=FUNCTION"],
        ),
        (
            "no_function",
            ["no function `no_such_function`", "/proc/kallsyms"],
        ),
        (
            "no_tracepoint",
            ["no tracepoint `no_such_tracepoint`", "without its category"],
        ),
        ("no_hook", ["no LSM hook `no_such_hook`", "CONFIG_BPF_LSM"]),
        ("no_iterator", ["no iterator `no_such_iterator`", "newer"]),
        (
            "other_module",
            [
                "no function `no_such_module:vfs_fsync_range`",
                "is there, but",
            ],
        ),
        (
            "replacement",
            ["freplace names no program", "--attach replacement="],
        ),
    ] {
        let error = load_one(&bytes, name, &Kernel::running()).unwrap_err();
        let told = told(&error);
        for part in parts {
            assert!(told.contains(part), "{name}: {told}");
        }
        let absent = !matches!(name, "nowhere" | "replacement");
        assert_eq!(error.is_absent_target(), absent, "{told}");
    }
    before.is_restored();
}

#[test]
fn a_function_of_a_module_is_found_while_the_module_is_there() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let bytes = targets();
    let names = ["of_module", "of_loop"];
    for name in names {
        let error = load_one(&bytes, name, &Kernel::running()).unwrap_err();
        assert!(error.to_string().contains("lo_ioctl"), "{error}");
        assert!(error.is_absent_target(), "{error}");
    }
    load_module(&board.module("loop"));
    let has_btf = fs::exists("/sys/kernel/btf/loop").unwrap();
    for name in names {
        let loaded = load_one(&bytes, name, &Kernel::running());
        match has_btf {
            true => loaded.unwrap_or_else(|error| {
                panic!("{}\n{}", told(&error), error.log().unwrap_or_default())
            }),
            false => assert!(loaded.unwrap_err().is_absent_target(), "{name}"),
        }
    }
    unload_module();
    before.is_restored();
}

#[test]
fn a_program_replaces_a_function_of_another() {
    on_board!(board);
    if !board.has_btf() {
        return; // The verifier does not know what such a function's arguments are.
    }
    let before = Snapshot::take();
    let bytes = targets();
    let object = Object::parse(&bytes).unwrap();
    let kernel = Kernel::running();
    let options = Options {
        choose: &|program| program.name == "replaceable",
        ..Options::default()
    };
    let target = load(&object, &kernel, options).unwrap();
    let id = prog_info(target.programs[0].fd.as_fd()).unwrap().id;
    let replace = |function, id| {
        let mut object = Object::parse(&bytes).unwrap();
        let of = ProgramRef::Id(id);
        for program in &mut object.programs {
            if program.name == "replacement" {
                program.hook = Hook::Freplace { function, of };
            }
        }
        let options = Options {
            choose: &|program| program.name == "replacement",
            ..Options::default()
        };
        load(&object, &kernel, options).map(drop)
    };
    for (function, id, expected) in [
        ("no_such", id, "no function `no_such`"),
        ("replaced", u32::MAX - 1, "can't be read"),
    ] {
        let error = replace(function, id).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    for function in ["replaced", ""] {
        if let Err(error) = replace(function, id) {
            panic!("{}\n{}", told(&error), error.log().unwrap_or_default());
        }
    }
    drop(target);
    before.is_restored();
}
