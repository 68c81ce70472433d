//! Global variables by the library, while a program runs that reads and writes them.

use std::fs;
use std::process;

use btfly::load::{GlobalError, Loaded, MapChoice, Options, load};
use btfly::object::Object;
use btfly::target::Kernel;

use crate::board::{object, on_board, version};
use crate::bpftool::bpftool;
use crate::left::Snapshot;
use crate::maps::run;
use crate::run::prctl;

const MISSING: i32 = 3;

/// Loads an object of the tests for this process, attaches it, and hands it over.
pub fn with(name: &str, hide: &[&str], maps: &[MapChoice<'_>], then: impl FnOnce(&Loaded<'_>)) {
    let bytes = fs::read(object(&format!("tests/{name}.bpf.o"))).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let object = object.set("target", &process::id()).unwrap();
    let kernel = Kernel::running();
    for feature in hide {
        assert!(kernel.features.hide(feature));
    }
    let options = Options {
        maps,
        name,
        ..Options::default()
    };
    let loaded = load(&object, &kernel, options).unwrap();
    let links = loaded.attach(&kernel).unwrap();
    then(&loaded);
    drop(links);
}

fn number(loaded: &Loaded<'_>, name: &str) -> u64 {
    let global = loaded.global(name).unwrap();
    let mut bytes = [0; 8];
    global.load(&mut bytes[..global.size()]).unwrap();
    u64::from_le_bytes(bytes)
}

fn store(loaded: &Loaded<'_>, name: &str, number: u32) {
    loaded.global(name).unwrap().store(&number).unwrap();
}

pub fn calls(count: u64) {
    for number in 0..count {
        prctl(number);
    }
}

#[test]
fn globals_are_read_and_set_while_a_program_runs() {
    on_board!();
    let before = Snapshot::take();
    for hide in [&[][..], &["mmapable-array"]] {
        with("globals", hide, &[], |loaded| {
            let mapped = hide.is_empty();
            assert_eq!(loaded.global("counter").unwrap().is_mapped(), mapped);
            // A section of static variables never is.
            assert!(!loaded.global("hidden").unwrap().is_mapped());
            assert_eq!(number(loaded, "target"), u64::from(process::id()));
            calls(5);
            assert_eq!(number(loaded, "counter"), 5 * 3 * 2);
            assert_eq!(
                (number(loaded, "calls"), number(loaded, "byte_before")),
                (5, 0xaa)
            );
            assert_eq!(number(loaded, "hidden"), 10);
            // What the program reads next is what is stored now.
            store(loaded, "enabled", 0);
            calls(2);
            assert_eq!(
                (number(loaded, "counter"), number(loaded, "calls")),
                (30, 7)
            );
            store(loaded, "enabled", 1);
            store(loaded, "step", 100);
            loaded.global("hidden").unwrap().store(&1000u64).unwrap();
            calls(1);
            assert_eq!(
                (number(loaded, "counter"), number(loaded, "hidden")),
                (230, 1001)
            );
            let table = loaded.global("table").unwrap();
            assert_eq!(table.size(), 32);
            let counts = table.array::<32>().unwrap();
            let counts: Vec<u8> = counts.chunks(8).map(|c| c[0]).collect();
            assert_eq!(counts, [2, 2, 1, 1]);
            refusals(loaded);
        });
        before.is_restored();
    }
    names();
}

/// What can't be done leaves everything as it was.
fn refusals(loaded: &Loaded<'_>) {
    for constant in ["target", "factor"] {
        let refused = loaded.global(constant).unwrap().store(&1u32);
        assert!(matches!(refused, Err(GlobalError::ReadOnly(name)) if name == constant));
    }
    assert_eq!(number(loaded, "factor"), 2);
    let refused = loaded.global("counter").unwrap().store(&1u32);
    let told = "the global variable counter has 8 bytes, not 4";
    assert_eq!(refused.unwrap_err().to_string(), told);
    let refused = loaded.global("step").unwrap().load(&mut [0; 8]);
    assert!(matches!(
        refused,
        Err(GlobalError::Size {
            size: 4,
            given: 8,
            ..
        })
    ));
    let refused = loaded.global("no_such_variable").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there is no global variable no_such_variable"
    );
}

/// Data maps are called as by libbpf: after the object, where their section has no name of its own.
fn names() {
    with("globals", &[], &[], |_| {
        let listed = bpftool(&["map", "show"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        for name in [
            "globals.bss",
            "globals.rodata",
            "globals.data",
            ".rodata.fixed",
            ".bss.more",
        ] {
            assert!(
                listed.contains(&format!("array  name {name}  ")),
                "{name} in {listed}"
            );
        }
    });
}

#[test]
fn the_array_at_the_end_of_a_data_section_is_made_longer() {
    on_board!();
    let before = Snapshot::take();
    let longer = MapChoice::Resize {
        map: ".data.table",
        to: 80,
    };
    with("globals", &[], &[longer], |loaded| {
        let table = loaded.global("table").unwrap();
        assert_eq!(table.size(), 80);
        calls(4);
        let mut counts = [0; 80];
        table.load(&mut counts).unwrap();
        assert_eq!(counts.map(u32::from).iter().sum::<u32>(), 4);
        table.store(&[7; 80][..]).unwrap();
        table.load(&mut counts).unwrap();
        assert_eq!(counts, [7; 80]);
    });
    let path = object("tests/globals.bpf.o");
    for (resize, words) in [
        (
            ".data.table=81",
            &["map .data.table", "table", "elements of 8"][..],
        ),
        (".data.mine=8", &["map .data.mine", "step, is no array"]),
        (".bss=100", &["map .bss", "counter, is no array"]),
    ] {
        run(&path, &["--resize", resize]).failed(1, words);
    }
    before.is_restored();
}

#[test]
fn an_arena_is_shared_and_starts_with_its_contents() {
    on_board!(board);
    let before = Snapshot::take();
    let path = object("tests/arena.bpf.o");
    if version() < (6, 9) || !board.has_btf() {
        let done = run(&path, &[]);
        done.failed(MISSING, &["map arena", "type arena,", "Linux 6.9"]);
        return before.is_restored();
    }
    with("arena", &[], &[], |loaded| {
        assert_eq!(
            (number(loaded, "shared"), number_at(loaded, 4999)),
            (1000, 7)
        );
        calls(3);
        assert_eq!(
            (number(loaded, "shared"), number_at(loaded, 4999)),
            (1003, 13)
        );
        loaded.global("shared").unwrap().store(&5u64).unwrap();
        calls(1);
        assert_eq!(number(loaded, "shared"), 6);
        assert_eq!(number_at(loaded, 0), 0);
    });
    // Too small for what is in it.
    let done = run(&path, &["--resize", "arena=1"]);
    // Safety: a plain question to the system.
    match unsafe { libc::sysconf(libc::_SC_PAGESIZE) } < 65536 {
        true => done.failed(6, &["map arena", "its globals take"]),
        false => assert_eq!(done.code, Some(0)),
    }
    before.is_restored();
}

/// One number of the array in the arena.
fn number_at(loaded: &Loaded<'_>, index: usize) -> u32 {
    let far = loaded.global("far").unwrap();
    let mut bytes = vec![0; far.size()];
    far.load(&mut bytes).unwrap();
    let at = index * 4;
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
