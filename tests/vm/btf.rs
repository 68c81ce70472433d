//! `btfly btf` on a real kernel, beside bpftool.

use std::fs;
use std::process;

use crate::board::{object, on_board};
use crate::left::Snapshot;
use crate::loaded::{self, theirs};
use crate::program::NOBODY;
use crate::types::end;
use crate::watch::{Done, Watch, btfly, build_for, full};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

fn btf(args: &[&str]) -> Done {
    let args = [&["btf"], args].concat();
    end(build_for(&args), &args)
}

#[track_caller]
fn printed(args: &[&str]) -> String {
    loaded::printed(&[&["btf"], args].concat())
}

#[track_caller]
fn same_lines(args: &[&str]) {
    let (ours, theirs) = (printed(args), theirs(&[&["btf"], args].concat()));
    assert!(ours.lines().count() > 0);
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(ours, theirs, "{args:?}, line {}", number + 1);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{args:?}");
}

/// A program that stays while the test looks at it.
fn running() -> Watch {
    let mut command = full();
    let target = format!("target={}", process::id());
    command.args(["run", &object("tests/pinned.bpf.o"), "--set", &target]);
    command.args(["--pin-path", "/sys/fs/bpf/btf"]);
    let watch = Watch::spawn(command);
    watch.attached();
    watch
}

/// The one number behind a word: `prog_ids 7`.
fn id_behind(line: &str, word: &str) -> String {
    let behind = line.split_once(word).unwrap_or_else(|| panic!("{line}"));
    let number = behind.1.trim_start().split([' ', ',']).next();
    number.unwrap().into()
}

#[test]
fn what_is_loaded_is_listed_as_by_bpftool_and_dumped_by_each_of_its_names() {
    on_board!();
    let before = Snapshot::take();
    let watch = running();
    let list = printed(&["list"]);
    let own: Vec<&str> = list.lines().filter(|l| !l.starts_with('\t')).collect();
    let list = own.join("\n");
    // Both add the processes on lines of their own.
    let theirs = theirs(&["btf", "list"]);
    let mut known: Vec<&str> = theirs.lines().filter(|l| !l.starts_with('\t')).collect();
    known.retain(|line| !line.is_empty());
    let own = list.lines().filter(|line| line.contains("<anon>"));
    let mut own = own.filter(|line| line.contains("prog_ids") && line.contains("map_ids"));
    let own = own.next_back().expect("the BTF of the program").to_owned();
    for line in list.lines() {
        // Of several programs, bpftool has its own order.
        let head = line.split("  prog_ids").next().unwrap();
        let head = head.split("  map_ids").next().unwrap();
        assert!(
            known.iter().any(|known| known.starts_with(head)),
            "{line} in {theirs}"
        );
    }
    assert_eq!(list.lines().count(), known.len(), "{list}{theirs}");
    let id = own.split(':').next().unwrap().to_owned();
    let json: serde_json::Value = serde_json::from_str(&printed(&["list", "--json"])).unwrap();
    let entry = json
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["id"].as_u64() == id.parse().ok());
    assert_eq!(entry.unwrap()["kernel"], false, "{json}");
    // This process holds it too.
    let held = btfly::sys::bpf::btf_get_fd_by_id(id.parse().unwrap()).unwrap();
    let holders = printed(&["list"]);
    assert!(
        holders.contains(&format!("({})\n", process::id())),
        "{holders}"
    );
    drop(held);

    same_lines(&["dump", "id", &id]);
    let (program, map) = (id_behind(&own, "prog_ids"), id_behind(&own, "map_ids"));
    same_lines(&["dump", "prog", "id", &program]);
    let whole = printed(&["dump", "id", &id]);
    assert_eq!(printed(&["dump", "map", "id", &map, "all"]), whole);
    assert_eq!(printed(&["dump", "map", "name", "kept", "all"]), whole);
    let pinned = ["dump", "map", "pinned", "/sys/fs/bpf/btf/kept"];
    let value = printed(&[&pinned[..], &["value"]].concat());
    assert!(!value.is_empty() && value.len() < whole.len(), "{value}");
    let wrong = btf(&["dump", "prog", "pinned", "/sys/fs/bpf/btf/kept"]);
    wrong.failed(6, &["/sys/fs/bpf/btf/kept", "is no program", "bpf-map"]);
    watch.stop();
    fs::remove_file("/sys/fs/bpf/btf/kept").unwrap();
    fs::remove_dir("/sys/fs/bpf/btf").unwrap();
    before.is_restored();
}

#[test]
fn every_line_of_this_kernel_s_types_is_bpftool_s() {
    on_board!(board);
    if !board.has_btf() {
        let done = btf(&["dump", "file", VMLINUX]);
        return done.failed(6, &[VMLINUX]);
    }
    same_lines(&["dump", "file", VMLINUX]);
    let list = printed(&["list"]);
    let Some(kernel) = list.lines().find(|line| line.contains("[vmlinux]")) else {
        return;
    };
    let id = kernel.split(':').next().unwrap();
    let by_id = printed(&["dump", "id", id, "--root", "task_struct"]);
    let by_file = printed(&["dump", "file", VMLINUX, "--root", "task_struct"]);
    assert_eq!(by_id, by_file);
}

#[test]
fn a_module_s_types_go_on_from_the_kernel_s() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let modules = fs::read_dir("/sys/kernel/btf").unwrap();
    let names = modules.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name != "vmlinux") {
        let path = format!("/sys/kernel/btf/{name}");
        let ours = printed(&["dump", "file", &path]);
        let theirs = theirs(&["btf", "dump", "-B", VMLINUX, "file", &path]);
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn what_is_not_there_is_said_in_a_line() {
    on_board!();
    let before = Snapshot::take();
    for (args, code, words) in [
        (
            &["dump", "id", "4000000000"][..],
            3,
            &["no BTF 4000000000"][..],
        ),
        (
            &["dump", "prog", "id", "4000000000"],
            3,
            &["no program 4000000000"],
        ),
        (
            &["dump", "map", "name", "nobody"],
            3,
            &["no map is called 'nobody'"],
        ),
        (
            &["dump", "prog", "pinned", "/proc/version"],
            6,
            &["no pinned BPF object"],
        ),
        (
            &["dump", "prog", "pinned", "/sys/fs/bpf/none"],
            3,
            &["/sys/fs/bpf/none"],
        ),
        (&["dump", "id", "x"], 1, &["'x' is no id"]),
        (
            &["dump", "file", "/sys/kernel/btf/none"],
            6,
            // Or, where there are none, the kernel's own types, on which those of a module go on.
            &["/sys/kernel/btf/", "No such file", "BTFHub"],
        ),
        (
            &["dump", "map", "id", "1", "keys"],
            1,
            &["key|value|kv|all"],
        ),
        (&["dump"], 1, &["btf dump (file F"]),
        (&["lists"], 1, &["no action 'lists'", "dump, list"]),
    ] {
        btf(args).failed(code, words);
    }
    let mut nobody = btfly();
    std::os::unix::process::CommandExt::uid(&mut nobody, NOBODY);
    end(nobody, &["btf", "list"]).failed(4, &["not permitted", "as root"]);
    before.is_restored();
}
