//! What an object asks of the kernel by name, by the object of `bpf/tests/externs.bpf.c`.

use super::*;
use crate::btf::Linkage;
use crate::object::{Extern, ExternKind, Object};
use crate::relocate::{ExternError, Found, Known, externs, externs_needed, externs_wanted};
use crate::target::{Address, Wanted};

const EXTERNS: &[u8] = include_bytes!("../../../prebuilt/arm64/tests/externs.bpf.o");

/// What a test's kernel has, by name: the numbers that its types got.
struct Kernel {
    bytes: Vec<u8>,
    runqueues: TypeId,
    acquire: TypeId,
    release: TypeId,
}

fn kernel(acquire: &str) -> Kernel {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let task = b.structure("task_struct", 8, &[("pid", int, 4)]);
    let task = b.ptr(task);
    let rq = b.structure("rq", 4, &[("cpu", int, 0)]);
    // A type, and flavours, of the same names are none of what is looked for.
    b.structure("runqueues", 4, &[("cpu", int, 0)]);
    b.var("runqueues___old", rq, Linkage::Global);
    let runqueues = b.var("runqueues", rq, Linkage::Global);
    let proto = b.func_proto(task, &[("task", task)]);
    let acquire = b.func(acquire, proto, Linkage::Static);
    let proto = b.func_proto(TypeId::VOID, &[("task", task)]);
    let release = b.func("bpf_task_release", proto, Linkage::Static);
    let proto = b.func_proto(task, &[("pid", int)]);
    b.func("bpf_task_from_pid", proto, Linkage::Static);
    let bytes = b.bytes();
    Kernel {
        bytes,
        runqueues,
        acquire,
        release,
    }
}

impl Kernel {
    fn answer(&self, object: &Object<'_>, known: Known<'_>) -> Result<Vec<Found>, ExternError> {
        let mut wanted = Wanted::default();
        externs_wanted(object, &mut wanted, &|_| true);
        let target = windowed(&self.bytes, &wanted).unwrap();
        let found = externs(object, &target, known, &|_| true);
        let whole = Whole::new(&self.bytes).unwrap();
        assert_eq!(externs(object, &whole, known, &|_| true), found);
        found
    }
}

fn symbols(name: &str) -> Address {
    match name {
        "init_task" => Address::One(0xffff_8000_0a1b_2c40),
        _ => Address::None,
    }
}

fn config(name: &str) -> Option<&'static str> {
    match name {
        "CONFIG_HZ" => Some("250"),
        "CONFIG_IPV6" => Some("m"),
        "CONFIG_CC_VERSION_TEXT" => Some("\"gcc (Debian 12)\""),
        _ => None,
    }
}

#[test]
fn externs_are_numbered_as_loaders_do_and_configuration_is_laid_out_by_alignment() {
    let object = Object::parse(EXTERNS).unwrap();
    let names: Vec<&str> = object.externs.iter().map(|e| e.name).collect();
    let expected = [
        "CONFIG_HZ",
        "CONFIG_IPV6",
        "LINUX_KERNEL_VERSION",
        "CONFIG_BPF_SYSCALL",
        "CONFIG_CC_VERSION_TEXT",
        "bpf_no_such_function",
        "bpf_task_acquire",
        "bpf_task_from_pid___old",
        "bpf_task_release___mine",
        "init_task",
        "no_such_symbol",
        "no_such_variable",
        "runqueues",
    ];
    assert_eq!(names, expected);
    let offsets = expected[..5].iter();
    let offsets = offsets.map(|name| object.global(name).unwrap().offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [0, 8, 12, 16, 17]);
    let weak = |name| -> &Extern<'_> { object.externs.iter().find(|e| e.name == name).unwrap() };
    assert!(weak("no_such_symbol").weak && !weak("init_task").weak);
    assert_eq!(weak("init_task").kind, ExternKind::Address);
    let map = &object.maps[object.map(".kconfig").unwrap()];
    assert_eq!(map.value_size, 29);
}

#[test]
fn what_is_there_is_found_and_what_is_weak_may_be_missing() {
    let object = Object::parse(EXTERNS).unwrap();
    let kernel = kernel("bpf_task_acquire");
    let known = Known {
        symbols: Some(&symbols),
        config: Some(&config),
    };
    let found = kernel.answer(&object, known).unwrap();
    let expected = [
        Found::Config,
        Found::Config,
        Found::Config,
        Found::Missing,
        Found::Config,
        Found::Missing,
        Found::Type(kernel.acquire),
        Found::Missing,
        Found::Type(kernel.release),
        Found::Address(0xffff_8000_0a1b_2c40),
        Found::Missing,
        Found::Missing,
        Found::Type(kernel.runqueues),
    ];
    assert_eq!(found, expected);
    // Where nobody can say, nothing is missing.
    let found = kernel.answer(&object, Known::default()).unwrap();
    let unknown = |at: usize| found[at] == Found::Unknown;
    assert!([0, 1, 3, 4, 9, 10].into_iter().all(unknown), "{found:?}");
    assert_eq!(found[2], Found::Config);
}

#[test]
fn what_is_strong_must_be_there() {
    let object = Object::parse(EXTERNS).unwrap();
    let told = |kernel: Kernel, known| kernel.answer(&object, known).unwrap_err().to_string();
    let error = told(kernel("bpf_task_get"), Known::default());
    assert_eq!(
        error,
        "extern bpf_task_acquire: the kernel's BTF does not have it"
    );
    let error = told(
        kernel("bpf_task_acquire"),
        Known {
            symbols: Some(&|_| Address::None),
            config: None,
        },
    );
    assert_eq!(
        error,
        "extern init_task: the kernel's symbol table does not have it"
    );
    let error = told(
        kernel("bpf_task_acquire"),
        Known {
            symbols: Some(&|_| Address::Several),
            config: None,
        },
    );
    assert_eq!(
        error,
        "extern init_task: the kernel has several symbols of this name"
    );
    let error = told(
        kernel("bpf_task_acquire"),
        Known {
            symbols: None,
            config: Some(&|_| Some("y")),
        },
    );
    let expected =
        "extern CONFIG_HZ: the kernel's value y is for a bool, a char or an enum libbpf_tristate";
    assert_eq!(error, expected);
}

#[test]
fn externs_are_needed_by_those_who_come_to_them() {
    let object = Object::parse(EXTERNS).unwrap();
    let needed = |name: &'static str| externs_needed(&object, &|program| program.name == name);
    // Its configuration is asked for by a subprogram, and by a callback.
    let symbols = [
        "init_task",
        "no_such_symbol",
        "no_such_variable",
        "runqueues",
    ];
    assert_eq!(needed("symbols"), symbols);
    let functions = [
        "bpf_no_such_function",
        "bpf_task_acquire",
        "bpf_task_from_pid___old",
        "bpf_task_release___mine",
    ];
    assert_eq!(needed("functions"), functions);
    assert_eq!(needed("nobody"), [""; 0]);
    // What nobody needs is as good as missing, though it is strong.
    let kernel = kernel("gone");
    let whole = Whole::new(&kernel.bytes).unwrap();
    let found = externs(&object, &whole, Known::default(), &|of| of.weak).unwrap();
    assert_eq!(found[6], Found::Missing);
}
