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
use crate::watch::{Done, Watch, btfly, build_for, full};

pub const FOLDER: &str = "/sys/fs/bpf/loaded";

fn done(args: &[&str]) -> Done {
    end(build_for(args), args)
}

/// What a command prints that succeeds and says nothing else.
#[track_caller]
pub fn printed(args: &[&str]) -> String {
    let output = build_for(args).args(args).output().unwrap();
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
        let output = build_for(&args).args(&args).output().unwrap();
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
    let code = end(btfly(), &["prog", "dump", "jited", "count"]);
    match as_json["jited"] == true {
        true => {
            assert_eq!(code.code, Some(0), "{code:?}");
            same_code(
                &code,
                &json(&printed(&["prog", "dump", "jited", "count", "-j"])),
            );
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

/// The same machine code in lines and as JSON.
#[track_caller]
fn same_code(lines: &Done, functions: &Value) {
    let of = |text: &Value| {
        let digits = text.as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap()
    };
    let mut expected = Vec::new();
    for function in functions.as_array().unwrap() {
        assert!(
            function["name"].as_str().unwrap().starts_with("bpf_prog_"),
            "{function}"
        );
        let start = of(&function["address"]);
        for insn in function["insns"].as_array().unwrap() {
            let bytes = insn["opcodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|byte| format!("{:02x}", of(byte)));
            let bytes: Vec<String> = bytes.collect();
            expected.push(format!(
                "{:16x}:  {}",
                start + of(&insn["pc"]),
                bytes.join(" ")
            ));
        }
    }
    let code: Vec<&String> = lines
        .stdout
        .iter()
        .filter(|line| line.contains(":  "))
        .collect();
    assert_eq!(code, expected.iter().collect::<Vec<_>>());
    let has_source = lines.stdout.iter().any(|line| line.starts_with("; "));
    assert_eq!(
        has_source,
        functions.to_string().contains("\"src\":"),
        "{functions}"
    );
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
        (
            &["prog", "load", "x.o", FOLDER, "--pin", "/sys/fs/bpf/other"],
            1,
            &["no such argument: --pin"],
        ),
        (&["prog", "trace", "it"], 1, &["it"]),
    ] {
        done(args).failed(code, words);
    }
    for args in [&["prog", "list"], &["link", "list"]] {
        let mut nobody = btfly();
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
    let shown = [
        &run[..],
        &["data_in", "/tmp/packet", "data_out", "-", "data_size_out"],
    ]
    .concat();
    let ran = json(&printed(&[&shown[..], &["64", "--json"]].concat()));
    assert_eq!(ran["data_out"].as_array().unwrap().len(), 64, "{ran}");
    assert_eq!(ran["data_out"][14], "0x07", "{ran}");
    done(&[&shown[..], &["10"]].concat()).failed(6, &["10 bytes of data", "data_size_out N"]);
    done(&[&shown[..], &["many"]].concat()).failed(1, &["'many' is no number"]);
    done(&[&shown[..], &["4000000000"]].concat()).failed(1, &["16 MiB at most"]);
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
    let mut command = btfly();
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
fn a_trace_ends_when_its_time_is_up() {
    on_board!();
    let begun = std::time::Instant::now();
    printed(&["prog", "trace", "--duration", "300ms"]);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));
}

/// The cookies in what is told of a link, wherever they stand.
fn cookies(of: &Value, found: &mut Vec<u64>) {
    match of {
        Value::Object(members) => {
            for (name, value) in members {
                match (&**name, value) {
                    ("cookie", value) => found.extend(value.as_u64()),
                    ("cookies", Value::Array(all)) => {
                        found.extend(all.iter().filter_map(Value::as_u64))
                    }
                    (_, value) => cookies(value, found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| cookies(value, found)),
        _ => {}
    }
}

#[test]
fn cookies_of_links_are_told_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let told = json(&printed(&["feature", "attach", "-j"]))["attach_kinds"].clone();
    let mut told_any = false;
    for (program, needs) in [
        ("of_kprobe", "perf_link"),
        ("of_tracepoint", "perf_link"),
        ("of_sample", "perf_link"),
        ("of_kernel", "kprobe_multi"),
        ("of_fentry", "fentry"),
    ] {
        if told[needs] != true {
            continue;
        }
        let before = Snapshot::take();
        let cookie = [program, "=4711"].concat();
        let mut command = full();
        command.args([
            "run",
            &object("tests/cookies.bpf.o"),
            "--prog",
            program,
            "--cookie",
            &cookie,
        ]);
        if program == "of_sample" {
            command.args(["--sample", "1hz"]);
        }
        let watch = Watch::spawn(command);
        watch.header();
        let (mut ours, mut known) = (Vec::new(), Vec::new());
        cookies(&json(&printed(&["link", "list", "-j"])), &mut ours);
        cookies(&json(&theirs(&["-j", "link", "list"])), &mut known);
        known.retain(|cookie| *cookie != 0);
        // Newer kernels tell more than bpftool knows of.
        assert!(
            known.is_empty() || ours == known,
            "{program}: {ours:?}, {known:?}"
        );
        assert!(
            ours.iter().all(|cookie| *cookie == 4711),
            "{program}: {ours:?}"
        );
        told_any |= !ours.is_empty();
        println!("{program}: {ours:?}, {known:?}");
        watch.stop();
        before.is_restored();
    }
    assert_eq!(told_any, crate::board::version() >= (6, 9));
}

/// Whether bpftool finds a program at a cgroup. It finds none where a kernel does not know each sort of attachment
/// that it asks for: `None`.
fn in_cgroup(program: &str) -> Option<bool> {
    let output = bpftool(&["-j", "cgroup", "list", "/sys/fs/cgroup"]);
    let list = String::from_utf8(output.stdout).unwrap();
    (crate::board::version() >= (6, 7)).then(|| list.contains(program))
}

/// Takes a program from where it was attached without a link, by another's hand.
#[test]
fn a_program_is_detached_from_a_cgroup_or_a_map() {
    on_board!();
    let has = json(&printed(&["feature", "programs", "maps", "-j"]));
    let kinds = &has["program_types"];
    let mut tried = 0;
    let sockets = "/sys/fs/bpf/sockets";
    for (program, kind, attach_type) in [
        ("passes", "have_cgroup_skb_prog_type", "cgroup_inet_ingress"),
        ("lets", "have_sk_msg_prog_type", "sk_msg_verdict"),
    ] {
        let of_map = program == "lets";
        if kinds[kind] != true || of_map && has["map_types"]["have_sockmap_map_type"] != true {
            continue;
        }
        tried += 1;
        let before = Snapshot::take();
        let kept = Kept::load("tests/locked.bpf.o", &["--prog", program]);
        let pin = format!("{FOLDER}/{program}");
        let (attach, place): (&[&str], &[&str]) = match of_map {
            true => {
                let sizes = ["type", "sockmap", "key", "4", "value", "4", "entries", "1"];
                printed(&[&["map", "create", sockets][..], &sizes].concat());
                let attach = &[
                    "prog",
                    "attach",
                    "pinned",
                    &pin,
                    attach_type,
                    "pinned",
                    sockets,
                ][..];
                theirs(attach);
                (&[], &["pinned", sockets])
            }
            false => (
                &[
                    "cgroup",
                    "attach",
                    "/sys/fs/cgroup",
                    attach_type,
                    "pinned",
                    &pin,
                ],
                &["cgroup", "/sys/fs/cgroup"],
            ),
        };
        if !attach.is_empty() {
            theirs(attach);
            assert_ne!(in_cgroup(program), Some(false));
        }
        let detach = [&["prog", "detach", "pinned", &pin, attach_type][..], place].concat();
        printed(&detach);
        if !of_map {
            assert_ne!(in_cgroup(program), Some(true));
        }
        done(&detach).failed(6, &["is not attached there", attach_type]);
        let (named, more) = detach.split_at(4);
        done(&[named, &["sk_msg"][..], place].concat()).failed(1, &["no attachment 'sk_msg'"]);
        if !of_map {
            done(&[named, &[attach_type, "cgroup", "/tmp"]].concat()).failed(1, &["no cgroup"]);
        }
        done(&[named, &more[..1]].concat()).failed(1, &["which map"]);
        let _ = fs::remove_file(sockets);
        kept.unload();
        before.is_restored();
    }
    println!("{tried} of 2 places");
    assert!(tried > 0);
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
    let mut command = btfly();
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
