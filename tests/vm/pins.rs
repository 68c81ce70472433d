//! Maps that outlive the program that made them: pinned by name, found again, given by path or id.

use std::fs;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use crate::board::{object, on_board};
use crate::bpftool::bpftool;
use crate::left::Snapshot;
use crate::maps::{ran, run};
use crate::run::prctl;
use crate::sandbox::without_map_info;
use crate::watch::{Watch, full};

const USAGE: i32 = 1;
const MISSING: i32 = 3;
const VERIFIER: i32 = 5;
const OTHER: i32 = 6;

const BPF_FS: &str = "/sys/fs/bpf";
const KEPT: &str = "/sys/fs/bpf/kept";

fn is_there(path: &str) -> bool {
    Path::new(path).exists()
}

/// Removes what is pinned, and gives what was.
fn clear(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in &names {
        let _ = fs::remove_file(Path::new(folder).join(name));
    }
    names.sort();
    names
}

/// Counts `calls` of prctl(2) by the test object.
fn count(options: &[&str], calls: u64) {
    let mut command = full();
    let target = format!("target={}", process::id());
    command.args(["run", &object("tests/pinned.bpf.o"), "--set", &target]);
    command.args(options);
    let watch = Watch::spawn(command);
    watch.attached();
    for number in 0..calls {
        prctl(number);
    }
    watch.stop();
}

/// The count in a map, by bpftool: `key: 00 00 00 00  value: 07 00 …`, or from its BTF `"value": 7`.
fn counted(map: &[&str]) -> u64 {
    let output = bpftool(&[&["--json", "map", "dump"], map].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let at = text.find(r#""value":["#);
    let at = at.unwrap_or_else(|| panic!("no value in {output:?}"));
    let bytes = text[at..].split(['[', ']']).nth(1).unwrap();
    let byte = |b: &str| u8::from_str_radix(b.trim_matches('"').trim_start_matches("0x"), 16);
    let bytes: Vec<u8> = bytes.split(',').map(|b| byte(b).unwrap()).collect();
    u64::from_le_bytes(bytes.try_into().unwrap())
}

#[test]
fn a_map_that_is_pinned_by_name_counts_on_in_the_next_run() {
    on_board!();
    clear(BPF_FS);
    for folder in [BPF_FS, "/sys/fs/bpf/mine"] {
        let pinned = format!("{folder}/kept");
        println!("{pinned}");
        let options = ["--pin-path", folder];
        let options = if folder == BPF_FS { &[][..] } else { &options };
        count(options, 3);
        assert_eq!(counted(&["pinned", &pinned]), 3);
        count(options, 4);
        assert_eq!(counted(&["pinned", &pinned]), 7);
        assert_eq!(clear(folder), ["kept"]);
    }
    fs::remove_dir("/sys/fs/bpf/mine").unwrap();
}

/// The one map that has come since, when those of programs that have ended are gone: the kernel frees them a little
/// later.
fn only_map_since(before: &Snapshot) -> u32 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let maps: Vec<u32> = Snapshot::take().since(before).maps.into_iter().collect();
        match maps[..] {
            [map] => return map,
            _ if Instant::now() > end => panic!("not one map: {maps:?}"),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn a_map_is_taken_from_a_path_or_by_its_id() {
    on_board!();
    clear(BPF_FS);
    let before = Snapshot::take();
    count(&["--pin-path", "/sys/fs/bpf/mine"], 2);
    let elsewhere = "/sys/fs/bpf/mine/kept";
    count(&["--map", &format!("kept=pinned:{elsewhere}")], 3);
    assert_eq!(counted(&["pinned", elsewhere]), 5);
    let id = only_map_since(&before).to_string();
    count(&["--map", &format!("kept=id:{id}")], 4);
    assert_eq!(counted(&["id", &id]), 9);
    // Nothing was pinned in the place of its own.
    assert!(!is_there(KEPT));
    clear("/sys/fs/bpf/mine");
    fs::remove_dir("/sys/fs/bpf/mine").unwrap();
    before.is_restored();
}

#[test]
fn a_map_that_is_another_is_refused_with_each_difference() {
    on_board!();
    clear(BPF_FS);
    let before = Snapshot::take();
    count(&[], 1);
    let other = object("tests/pinned_other.bpf.o");
    let differences = [
        "map kept",
        "/sys/fs/bpf/kept",
        "its type is hash, not array",
        "its value_size is 8, not 4",
        "its max_entries is 64, not 32",
        "its map_flags are 0x0, not 0x80",
    ];
    run(&other, &[]).failed(
        OTHER,
        &[&differences[..], &["rm /sys/fs/bpf/kept"]].concat(),
    );
    // What was pinned on the way is not any more; what was there still is.
    assert_eq!(clear(BPF_FS), ["kept"]);
    count(&["--pin-path", "/sys/fs/bpf/mine"], 1);
    let choice = "kept=pinned:/sys/fs/bpf/mine/kept";
    let mut words = differences;
    words[1] = "/sys/fs/bpf/mine/kept";
    run(&other, &["--map", choice]).failed(OTHER, &words);
    assert_eq!(clear(BPF_FS), ["mine"]);
    assert_eq!(clear("/sys/fs/bpf/mine"), ["kept"]);
    fs::remove_dir("/sys/fs/bpf/mine").unwrap();
    before.is_restored();
}

#[test]
fn a_kernel_that_tells_nothing_of_maps_is_asked_by_proc() {
    on_board!();
    clear(BPF_FS);
    let before = Snapshot::take();
    count(&[], 2);
    let without = |object: &str| {
        let mut command = full();
        command.args(["run", object, "--duration", "0"]);
        Watch::spawn(without_map_info(command)).end()
    };
    ran(&without(&object("tests/pinned.bpf.o")));
    let done = without(&object("tests/pinned_other.bpf.o"));
    done.failed(
        OTHER,
        &[
            "its type is hash, not array",
            "its value_size is 8, not 4",
            "its max_entries is 64, not 32",
            "its map_flags are 0x0, not 0x80",
        ],
    );
    assert_eq!(counted(&["pinned", KEPT]), 2);
    clear(BPF_FS);
    before.is_restored();
}

#[test]
fn a_load_that_fails_leaves_no_pin_and_no_folder() {
    on_board!();
    clear(BPF_FS);
    let before = Snapshot::take();
    let pinned = object("tests/pinned.bpf.o");
    for folder in [BPF_FS, "/sys/fs/bpf/mine"] {
        for (program, code, words) in [
            ("refused", VERIFIER, "program refused"),
            ("never", MISSING, "no_such_event"),
        ] {
            let done = run(&pinned, &["--prog", program, "--pin-path", folder]);
            done.failed(code, &[words]);
            assert!(clear(BPF_FS).is_empty(), "{program} in {folder}");
            before.is_restored();
        }
    }
    // A map that was pinned before stays, whatever fails.
    count(&[], 1);
    for program in ["refused", "never"] {
        assert!(run(&pinned, &["--prog", program]).code > Some(0));
        assert_eq!(counted(&["pinned", KEPT]), 1);
    }
    clear(BPF_FS);
    before.is_restored();
}

#[test]
fn places_that_can_hold_no_pin_or_hold_something_else_are_named() {
    on_board!();
    clear(BPF_FS);
    let before = Snapshot::take();
    let pinned = object("tests/pinned.bpf.o");
    for folder in [
        "/tmp",
        "/tmp/no/such/folder",
        "/sys/fs/bpf/no/such",
        "/proc",
    ] {
        let done = run(&pinned, &["--pin-path", folder]);
        done.failed(OTHER, &[folder, "mount -t bpf"]);
    }
    // A program under the name of the map.
    let loaded = bpftool(&[
        "prog",
        "load",
        &object("tests/missing_tracepoint.bpf.o"),
        KEPT,
    ]);
    assert!(loaded.status.success(), "{loaded:?}");
    run(&pinned, &[]).failed(
        OTHER,
        &["map kept", KEPT, "is no map", "rm /sys/fs/bpf/kept"],
    );
    let choice = format!("let_go=pinned:{KEPT}");
    let elsewhere = ["--pin-path", "/sys/fs/bpf/mine", "--map", &choice];
    run(&pinned, &elsewhere).failed(OTHER, &["map let_go", KEPT, "is no map"]);
    assert_eq!(clear(BPF_FS), ["kept"]);
    for (choice, code, words) in [
        (
            "let_go=pinned:/sys/fs/bpf/nothing",
            OTHER,
            &["let_go", "/sys/fs/bpf/nothing"][..],
        ),
        (
            "let_go=pinned:/etc/passwd",
            OTHER,
            &["let_go", "/etc/passwd is in no BPF file system"],
        ),
        ("let_go=id:4294967295", OTHER, &["let_go", "map 4294967295"]),
        ("no_such_map=id:1", USAGE, &["no_such_map", "kept, let_go"]),
        ("let_go=1", USAGE, &["let_go=1", "pinned:PATH", "id:NUMBER"]),
    ] {
        println!("{choice}");
        run(&pinned, &["--map", choice]).failed(code, words);
        assert!(clear(BPF_FS).is_empty(), "{choice}");
        before.is_restored();
    }
    // Where somebody takes it from elsewhere, no folder is needed.
    ran(&run(
        &object("tests/map_types.bpf.o"),
        &["--pin-path", "/tmp"],
    ));
    before.is_restored();
}
