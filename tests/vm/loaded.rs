//! `btfly prog`, `btfly link`: what is loaded, beside bpftool.

use std::fs;
use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::board::{object, on_board};
use crate::bpftool::bpftool;
use crate::left::Snapshot;
use crate::program::NOBODY;
use crate::run::prctl;
use crate::types::end;
use crate::watch::{Done, Watch, full};

pub const FOLDER: &str = "/sys/fs/bpf/loaded";

fn done(args: &[&str]) -> Done {
    end(full(), args)
}

/// What a command prints that succeeds and says nothing else.
#[track_caller]
pub fn printed(args: &[&str]) -> String {
    let output = full().args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{args:?}: {said}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn theirs(args: &[&str]) -> String {
    let output = bpftool(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bpftool {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// An object that stays, until it is dropped.
pub struct Kept(Option<Snapshot>);

impl Drop for Kept {
    fn drop(&mut self) {
        // A test that failed leaves nothing to the next.
        end(full(), &["unload", FOLDER]);
        let _ = fs::remove_file("/sys/fs/bpf/kept");
    }
}

impl Kept {
    #[track_caller]
    pub fn load(name: &str, more: &[&str]) -> Kept {
        let before = Snapshot::take();
        let object = object(name);
        let args = [&["prog", "load", &object, FOLDER], more].concat();
        let output = full().args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        Kept(Some(before))
    }

    #[track_caller]
    pub fn unload(mut self) {
        let before = self.0.take().unwrap();
        printed(&["unload", FOLDER]);
        drop(self);
        before.is_restored();
    }
}

fn of_id(list: &Value, id: &Value) -> Value {
    let found = list.as_array().unwrap().iter().find(|e| &e["id"] == id);
    found.unwrap_or_else(|| panic!("{id} in {list}")).clone()
}

/// Each fact of theirs is one of ours, but for those that docs/bpftool.md names.
#[track_caller]
pub fn same_facts(args: &[&str], but: &[&str]) -> Value {
    let ours = json(&printed(&[args, &["--json"]].concat()));
    let theirs = json(&theirs(&[&["-j"], args].concat()));
    let known = theirs.as_array().unwrap();
    assert_eq!(
        ours.as_array().unwrap().len(),
        known.len(),
        "{ours}{theirs}"
    );
    assert!(!known.is_empty());
    for theirs in known {
        let ours = of_id(&ours, &theirs["id"]);
        // Where newer kernels say nothing, bpftool repeats what it was told of the one before: alone it does not.
        let mut alone = Value::Null;
        if ours.get("btf_id").is_none() && theirs.get("btf_id").is_some() {
            let id = theirs["id"].to_string();
            alone = json(&self::theirs(&["-j", args[0], "show", "id", &id]));
        }
        let theirs = if alone.is_null() { theirs } else { &alone };
        for (name, value) in theirs.as_object().unwrap() {
            assert!(
                &ours[name] == value || but.contains(&&**name),
                "{name}: {ours} beside {theirs}"
            );
        }
        let more = ours.as_object().unwrap().keys();
        let more: Vec<&String> = more.filter(|k| theirs.get(k).is_none()).collect();
        assert!(
            more.iter().all(|name| but.contains(&name.as_str())),
            "{more:?} in {ours} beside {theirs}"
        );
    }
    ours
}

#[test]
fn programs_are_listed_and_dumped_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let kept = Kept::load("tests/shown.bpf.o", &["--auto-attach", "--skip-missing"]);
    let list = same_facts(&["prog", "list"], &["orphaned", "pids"]);
    let last = list.as_array().unwrap().last().unwrap()["id"].to_string();
    for program in list.as_array().unwrap() {
        let id = program["id"].to_string();
        // Each reads the kernel's symbols, which takes its time here.
        let dump = ["prog", "dump", "xlated", "id", &id];
        assert_eq!(printed(&dump), theirs(&dump), "{program}");
        let all = [&dump[..], &["opcodes", "linum"]].concat();
        let ours = json(&printed(&[&all[..], &["--json"]].concat()));
        assert_eq!(ours, json(&theirs(&[&["-j"], &all[..]].concat())));
        if id == last {
            assert_eq!(printed(&all), theirs(&all));
        }
    }
    kept.unload();
}

#[test]
fn a_program_is_shown_by_each_of_its_names() {
    on_board!();
    let kept = Kept::load("tests/pinned.bpf.o", &["--prog", "count"]);
    let shown = printed(&["prog", "show", "name", "count"]);
    let id = shown.split(':').next().unwrap().to_owned();
    let pin = format!("{FOLDER}/count");
    let as_json = json(&printed(&["prog", "show", &id, "-j"]));
    let tag = as_json["tag"].as_str().unwrap();
    for which in [
        &["id", &id][..],
        &["tag", tag],
        &["pinned", &pin],
        &[&pin],
        &["count"],
    ] {
        assert_eq!(printed(&[&["prog", "show"], which].concat()), shown);
    }
    assert!(shown.contains("raw_tracepoint  name count  tag ") && shown.contains("  gpl\n"));
    // A board without a clock is in 1970.
    assert!(shown.contains("\tloaded_at ") && shown.contains("+0000  uid 0\n"));
    assert!(!as_json["map_ids"].as_array().unwrap().is_empty());

    let dump = printed(&["prog", "dump", "xlated", "count", "--source"]);
    assert!(
        dump.contains("(95) exit\n") && dump.contains("= map[id:"),
        "{dump}"
    );
    // Its own types have nothing to do with the kernel's.
    assert_eq!(
        !as_json["btf_id"].is_null(),
        dump.contains("; if (ctx->args[1] != NR_PRCTL"),
        "{dump}"
    );
    let code = end(full(), &["prog", "dump", "jited", "count"]);
    match as_json["jited"] == true {
        true => {
            assert_eq!(code.code, Some(0), "{code:?}");
            let bytes = code
                .stdout
                .iter()
                .filter(|line| line.contains(":  "))
                .count();
            assert_eq!(
                Some(bytes as u64 * 4),
                as_json["bytes_jited"].as_u64(),
                "{code:?}"
            );
        }
        false => code.failed(3, &["no machine code"]),
    }

    let file = "/tmp/insns";
    printed(&["prog", "dump", "xlated", "count", "file", file]);
    let len = fs::metadata(file).unwrap().len();
    assert_eq!(Some(len), as_json["bytes_xlated"].as_u64());

    printed(&["prog", "pin", &id, "/sys/fs/bpf/again"]);
    assert_eq!(printed(&["prog", "show", "/sys/fs/bpf/again"]), shown);
    done(&["prog", "pin", &id, "/sys/fs/bpf/again"]).failed(1, &["is there already"]);
    done(&["prog", "pin", &id, "/tmp/again"]).failed(3, &["in no BPF file system"]);
    fs::remove_file("/sys/fs/bpf/again").unwrap();
    kept.unload();
}

#[test]
fn who_holds_a_program_is_told() {
    on_board!();
    let before = Snapshot::take();
    let mut command = full();
    command.args(["run", &object("tests/subprog.bpf.o")]);
    let watch = Watch::spawn(command);
    watch.header();
    let list = json(&printed(&["prog", "list", "--json"]));
    let pid = watch.pid();
    let held = list.as_array().unwrap().iter();
    let held = held.filter(|p| p["pids"].to_string().contains(&format!("\"pid\":{pid}")));
    let held: Vec<&Value> = held.collect();
    assert!(!held.is_empty(), "{list}");
    assert!(
        held[0]["pids"][0]["comm"]
            .as_str()
            .unwrap()
            .starts_with("btfly")
    );
    watch.stop();
    before.is_restored();
}

#[test]
fn links_are_listed_as_by_bpftool_and_detached() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let kept = Kept::load("tests/shown.bpf.o", &["--auto-attach", "--skip-missing"]);
    let list = same_facts(&["link", "list"], &["pids", "bpf_cookie", "cookie"]);
    let link = &list.as_array().unwrap()[0];
    let id = link["id"].to_string();
    assert_eq!(link["tp_name"], "sys_enter", "{link}");
    let shown = printed(&["link", "show", "id", &id]);
    assert!(
        shown.starts_with(&format!("{id}: raw_tracepoint  prog ")),
        "{shown}"
    );
    done(&["link", "detach", "id", &id]).failed(3, &["can't be detached"]);
    printed(&["link", "pin", &id, "/sys/fs/bpf/a_link"]);
    assert_eq!(
        printed(&["link", "show", "pinned", "/sys/fs/bpf/a_link"]),
        shown
    );
    fs::remove_file("/sys/fs/bpf/a_link").unwrap();
    kept.unload();
}

#[test]
fn runs_are_counted_where_that_is_switched_on() {
    on_board!();
    if fs::metadata("/proc/sys/kernel/bpf_stats_enabled").is_err() {
        return done(&["prog", "stats", "on"]).failed(3, &["counts no runs"]);
    }
    let kept = Kept::load("tests/shown.bpf.o", &["--auto-attach", "--skip-missing"]);
    printed(&["prog", "stats", "on"]);
    let _ = fs::read("/proc/version");
    let list = json(&printed(&["prog", "list", "-j"]));
    printed(&["prog", "stats", "off"]);
    let counted = list.as_array().unwrap().iter();
    let counted = counted.filter(|p| p["run_cnt"].as_u64() > Some(0));
    assert!(counted.count() > 0, "{list}");
    done(&["prog", "stats", "maybe"]).failed(1, &["on or off"]);
    kept.unload();
}

#[test]
fn what_is_wrong_with_a_program_or_link_is_said_in_a_line() {
    on_board!();
    let before = Snapshot::take();
    for (args, code, words) in [
        (&["prog"][..], 1, &["needs an action", "list, show"][..]),
        (&["prog", "shw"], 1, &["no action 'shw'"]),
        (
            &["prog", "show", "id", "4000000000"],
            3,
            &["no program 4000000000"],
        ),
        (&["prog", "show", "id", "x"], 1, &["'x' is no id"]),
        (
            &["prog", "show", "name", "nobody"],
            3,
            &["no program is called 'nobody'"],
        ),
        (
            &["prog", "show", "id"],
            1,
            &["which program?", "id N | name S"],
        ),
        (
            &["prog", "show", "/proc/version"],
            6,
            &["/proc/version", "no pinned BPF object"],
        ),
        (
            &["prog", "show", "/sys/fs/bpf/none"],
            3,
            &["/sys/fs/bpf/none"],
        ),
        (&["prog", "dump", "x"], 1, &["xlated|jited"]),
        (
            &["link", "show", "id", "4000000000"],
            3,
            &["no link 4000000000"],
        ),
        (&["prog", "load", "x.o"], 1, &["an object and a folder"]),
        (&["prog", "trace", "it"], 1, &["it"]),
    ] {
        done(args).failed(code, words);
    }
    for args in [&["prog", "list"], &["link", "list"]] {
        let mut nobody = full();
        nobody.uid(NOBODY);
        end(nobody, args).failed(4, &["not permitted", "as root"]);
    }
    before.is_restored();
}

#[test]
fn a_program_for_packets_is_run_by_hand() {
    on_board!();
    let kept = Kept::load("tests/shown.bpf.o", &["--prog", "length"]);
    fs::write("/tmp/packet", [7u8; 64]).unwrap();
    let run = ["prog", "run", "name", "length"];
    let ran = printed(&[&run[..], &["data_in", "/tmp/packet", "repeat", "3"]].concat());
    // The kernel takes the Ethernet header off first.
    assert!(
        ran.starts_with("Return value: 50, duration (average): "),
        "{ran}"
    );
    let more = ["data_in", "/tmp/packet", "data_out", "/tmp/left", "--json"];
    let ran = json(&printed(&[&run[..], &more].concat()));
    assert_eq!(ran["retval"], 50, "{ran}");
    let left = fs::read("/tmp/left").unwrap();
    // Of the header nothing is left.
    assert_eq!((left.len(), &left[14..]), (64, &[7u8; 50][..]));
    done(&run).failed(6, &["14 bytes"]);
    done(&[&run[..], &["data_in", "/none"]].concat()).failed(3, &["/none"]);
    kept.unload();
}

#[test]
fn what_programs_print_is_traced() {
    on_board!(board);
    if !board.has_kprobes() {
        return;
    }
    let kept = Kept::load("tests/shown.bpf.o", &["--auto-attach"]);
    let mut command = full();
    command.args(["prog", "trace"]);
    let watch = Watch::spawn(command);
    for _ in 0..200 {
        prctl(0);
        if watch.so_far().iter().any(|line| line.contains("shown to")) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    watch.line("line of the program", |line| line.contains("shown to"));
    let ended = watch.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    kept.unload();
}

#[test]
fn who_has_a_program_at_a_probe_is_told_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() || !board.has_kprobes() {
        assert_eq!(printed(&["perf", "list", "--json"]), "[]\n");
        return;
    }
    let before = Snapshot::take();
    assert_eq!(printed(&["perf", "list"]), "");
    let mut command = full();
    command.args(["trace", "--json", "vfs_unlink", "if", "pid", "==", "1"]);
    let watch = Watch::spawn(command);
    watch.attached();
    let ours = json(&printed(&["perf", "list", "--json"]));
    assert_eq!(ours, json(&theirs(&["-j", "perf", "list"])));
    let first = &ours.as_array().unwrap()[0];
    assert_eq!(
        (&first["fd_type"], &first["func"]),
        (&"kprobe".into(), &"vfs_unlink".into())
    );
    let text = printed(&["perf", "show"]);
    assert_eq!(text, theirs(&["perf", "show"]));
    assert!(
        text.starts_with(&format!("pid {}  fd ", watch.pid())),
        "{text}"
    );
    watch.stop();
    before.is_restored();
}
