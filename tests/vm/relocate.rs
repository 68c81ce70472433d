//! Two ways to relocate, one outcome: by this library, and by the kernel itself.

use std::fs;

use btfly::load::{LoadError, Options, Relocate, load};
use btfly::object::Object;
use btfly::sys::Feature;
use btfly::sys::bpf::prog_insns;
use btfly::target::Kernel;
use rustix::fd::AsFd;

use crate::board::{object, on_board};
use crate::sandbox::without_btf;
use crate::watch::{Watch, full};

/// What the verifier made of each program, but for what differs from load to load.
fn loaded(path: &str, kernel: &Kernel, relocate: Relocate) -> Result<Vec<String>, Box<LoadError>> {
    let bytes = fs::read(object(path)).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let options = Options {
        relocate,
        ..Options::default()
    };
    let loaded = load(&object, kernel, options)?;
    let programs = loaded.programs.iter().map(|program| {
        let insns = prog_insns(program.fd.as_fd()).unwrap();
        assert!(!insns.is_empty(), "{path}: {}", program.name);
        let mut text = format!("{}\n", program.name);
        // The number of a map, or the address behind it, in a sixteen-byte load.
        let mut masked = false;
        for insn in insns.chunks(8) {
            let load_of_map = insn[0] == 0x18 && insn[1] >> 4 != 0;
            let shown = if masked || load_of_map {
                &insn[..4]
            } else {
                insn
            };
            text += &format!("{shown:02x?}\n");
            masked = load_of_map;
        }
        text
    });
    Ok(programs.collect())
}

#[test]
fn the_kernel_and_btfly_relocate_to_the_same_instructions() {
    on_board!();
    let kernel = Kernel::running();
    if !kernel.has_types() {
        return;
    }
    for path in [
        "hello.bpf.o",
        "exec.bpf.o",
        "tests/kinds.bpf.o",
        "tests/relo.bpf.o",
        "tests/subprog.bpf.o",
        "tests/core.bpf.o",
        "tests/traced.bpf.o",
        "tests/no_core.bpf.o",
        "tests/roots_1.bpf.o",
        "tests/roots_20.bpf.o",
        "tests/roots_100.bpf.o",
    ] {
        let own = loaded(path, &kernel, Relocate::Own).unwrap();
        assert!(!own.is_empty(), "{path}");
        let auto = loaded(path, &kernel, Relocate::Auto).unwrap();
        assert_eq!(auto, own, "{path}");
        match loaded(path, &kernel, Relocate::Kernel) {
            Ok(programs) => assert_eq!(programs, own, "{path}"),
            Err(error) => {
                let there = kernel.features.has(Feature::CoreRelocations);
                assert!(!there, "{path}: {error}");
            }
        }
    }
}

#[test]
fn the_kernel_relocates_where_its_version_says_so() {
    on_board!();
    let kernel = Kernel::running();
    let (major, minor) = crate::board::version();
    let expected = (major, minor) >= (5, 17) && kernel.has_types();
    let relocated = loaded("tests/roots_10.bpf.o", &kernel, Relocate::Kernel);
    assert_eq!(relocated.is_ok(), expected, "{:?}", relocated.err());
    let feature = kernel.features.has(Feature::CoreRelocations);
    assert_eq!(feature, (major, minor) >= (5, 17));
}

#[test]
fn a_program_is_never_loaded_as_it_was_compiled() {
    on_board!();
    let kernel = Kernel::running();
    if !kernel.has_types() {
        return;
    }
    // Without the program's BTF the kernel hears of no relocation.
    assert!(kernel.features.hide("btf"));
    let refused = loaded("tests/roots_1.bpf.o", &kernel, Relocate::Kernel);
    assert!(refused.is_err());
    loaded("tests/roots_1.bpf.o", &kernel, Relocate::Auto).unwrap();
}

#[test]
fn a_kernel_that_hides_its_types_relocates_when_it_is_told_to() {
    on_board!(board);
    let (major, minor) = crate::board::version();
    if !board.has_btf() || (major, minor) < (5, 17) {
        return;
    }
    let line = |who| {
        let mut command = without_btf();
        command.args(["run", &object("tests/relo.bpf.o"), "--relocate", who]);
        command.args(["--event", "relocated=values", "--duration", "0"]);
        Watch::spawn(command).end()
    };
    let done = line("kernel");
    assert_eq!(done.code, Some(0), "{done:?}");
    for who in ["own", "auto"] {
        line(who).failed(3, &["BTF", "task_struct"]);
    }
}

#[test]
fn what_the_kernel_can_not_relocate_is_named_too() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let command = |name: &str, words: &[&str]| {
        let mut command = full();
        command.args(["run", &object(name), "--relocate", "kernel"]);
        Watch::spawn(command).end().failed(3, words);
    };
    let missing = "tests/missing_field.bpf.o";
    if crate::board::version() < (5, 17) {
        return command(missing, &["does not relocate by itself", "--relocate"]);
    }
    let place = "instruction 15 (missing_field.bpf.c:";
    command(missing, &["task_struct.no_such_field", place]);
}
