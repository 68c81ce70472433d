//! The same objects by btfly and by Debian's bpftool, that is by libbpf: the same paths, the same
//! candidates, and the same numbers in the same instructions.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use btfly::object::Object;
use btfly::relocate::{RelocationReport, fit, names_wanted};
use btfly::target::{Kernel, Wanted};

use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::run;

/// What a loader says about one relocation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// The kind and the path through the object's types.
    local: String,
    /// Numbers of the kernel's types that were tried, the path through each that matches.
    candidates: Vec<String>,
    /// What was done to the instruction.
    patches: Vec<String>,
}

/// By function and instruction, counted from the start of the function.
type Log = BTreeMap<(String, usize), Told>;

/// `insn #5 rest` as 5 and `rest`.
fn insn(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix("insn #")?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// What libbpf says: `libbpf: prog 'FUNCTION': relo #N: …`, the instruction in its last line.
fn theirs(text: &str) -> Log {
    let mut log = Log::new();
    let mut told = Told::default();
    for line in text.lines() {
        let Some((function, line)) = line
            .strip_prefix("libbpf: prog '")
            .and_then(|rest| rest.split_once("': relo #"))
        else {
            continue;
        };
        let Some((_, line)) = line.split_once(": ") else {
            continue;
        };
        if line.starts_with('<') {
            told = Told {
                local: kind_and_path(line),
                ..Told::default()
            };
        } else if let Some((verdict, rest)) = line.split_once(" candidate #") {
            // `0 <byte_off> [190] struct task_struct.pid (0:79 @ offset 1464)`
            let (_, rest) = rest.split_once('[').expect(line);
            let (id, path) = rest.split_once("] ").expect(line);
            let path = if verdict == "matching" {
                of_enum(path)
            } else {
                "no"
            };
            told.candidates.push(format!("[{id}] {path}"));
        } else if let Some((at, patch)) = line.strip_prefix("patched ").and_then(insn) {
            let entry = log.entry((function.into(), at)).or_default();
            if entry.patches.is_empty() {
                *entry = std::mem::take(&mut told);
            }
            entry.patches.push(patch.into());
        } else if let Some((at, _)) = line.strip_prefix("substituting ").and_then(insn) {
            // Of a sixteen-byte load both halves are told, by some versions the second one first.
            let half = |at: Option<usize>| at.map(|at| (function.to_owned(), at));
            let poisoned = |told: &Told| told.patches == ["poisoned"];
            let first = half(at.checked_sub(1)).and_then(|first| log.get(&first));
            if told == Told::default() && first.is_some_and(poisoned) {
                continue;
            }
            let second = half(at.checked_add(1)).and_then(|second| log.remove(&second));
            let mut entry = second.unwrap_or_else(|| std::mem::take(&mut told));
            entry.patches = vec!["poisoned".into()];
            log.insert((function.into(), at), entry);
        }
    }
    log
}

/// `<byte_off> [12] struct task_struct.pid (0:0 @ offset 0)` without the number of the type.
fn kind_and_path(line: &str) -> String {
    let (kind, rest) = line[1..].split_once("> [").expect(line);
    let (_, path) = rest.split_once("] ").expect(line);
    format!("{kind} {}", of_enum(path))
}

/// `enum E::NAME = 3` without the number, which the patch tells.
fn of_enum(path: &str) -> &str {
    path.split_once(" = ").map_or(path, |(path, _)| path)
}

/// What btfly says: `FUNCTION: insn #N …`.
fn ours(lines: &[String]) -> Log {
    let mut log = Log::new();
    for line in lines {
        let Some((function, rest)) = line.split_once(": insn #") else {
            continue;
        };
        let (at, rest) = rest.split_once(' ').expect(line);
        let entry = log.entry((function.into(), at.parse().expect(line)));
        let told = entry.or_default();
        if let Some(path) = rest.strip_prefix("matching candidate ") {
            told.candidates.push(path.into());
        } else if let Some(path) = rest.strip_prefix("non-matching candidate ") {
            let (id, _) = path.split_once(' ').expect(line);
            told.candidates.push(format!("{id} no"));
        } else if rest.starts_with("poisoned") {
            told.patches.push("poisoned".into());
        } else if rest.starts_with('(') {
            // Offset and width, which libbpf says in two lines.
            let (first, width) = rest.split_once(", ").unwrap_or((rest, ""));
            told.patches.push(first.into());
            if let Some(width) = width.strip_suffix(" bytes") {
                told.patches.push(format!("(LDX/ST/STX) mem_sz {width}"));
            }
        } else {
            told.local = rest.replacen(": ", " ", 1);
        }
    }
    log
}

/// The objects of a folder that a variable names, in order.
fn objects(variable: &str, under: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env::var_os(variable).expect(variable)).join(under);
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "o"))
        .collect();
    found.sort();
    found
}

/// What `bpftool -d` says when it loads all programs of an object. Those that the kernel refuses were
/// relocated before.
fn bpftool(object: &Path) -> String {
    // Of its own libraries, there are none elsewhere on the board.
    let folder = PathBuf::from(env::var_os("BTFLY_BPFTOOL").expect("BTFLY_BPFTOOL"));
    let pins = Path::new("/sys/fs/bpf/differential");
    let output = Command::new(folder.join("ld-linux-aarch64.so.1"))
        .arg("--library-path")
        .arg(&folder)
        .arg(folder.join("bpftool"))
        .args(["-d", "prog", "loadall"])
        .arg(object)
        .arg(pins)
        .output()
        .expect("bpftool");
    let _ = fs::remove_dir_all(pins);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("libbpf: loading object"), "{output:?}");
    log
}

/// How many relocations were compared, and how many of them were poisoned.
#[derive(Debug, Default)]
struct Seen {
    relocations: usize,
    poisoned: usize,
}

impl Seen {
    fn compare(&mut self, path: &Path, object: &Object<'_>, ours: &Log) {
        let name = path.display();
        let theirs = theirs(&bpftool(path));
        for (at, told) in &theirs {
            let ours = ours.get(at);
            assert_eq!(ours, Some(told), "{name} {at:?}: ours, then libbpf's");
        }
        // libbpf leaves out what it does not load.
        let loaded = |function: &str| {
            let mut programs = object.programs.iter();
            let program = programs.find(|p| object.entry(p).is_some_and(|f| f.name == function));
            program.is_none_or(|program| program.autoload)
        };
        let only_ours = ours.keys().filter(|at| !theirs.contains_key(at));
        let only_ours: Vec<_> = only_ours.filter(|(f, _)| loaded(f)).collect();
        assert!(only_ours.is_empty(), "{name}: {only_ours:?}");
        let poisoned = theirs.values().filter(|t| t.patches == ["poisoned"]);
        self.relocations += theirs.len();
        self.poisoned += poisoned.count();
    }
}

/// The objects that are about relocations. Of the others some let the verifier write 20 MB of log, and some want
/// what is not on every kernel, which libbpf looks for first.
const RELOCATED: [&str; 14] = [
    "core",
    "exec",
    "hello",
    "kinds",
    "missing_field",
    "module",
    "no_core",
    "relo",
    "roots_1",
    "roots_10",
    "roots_20",
    "roots_100",
    "subprog",
    "traced",
];

#[test]
fn each_relocation_is_told_and_made_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return; // libbpf needs it.
    }
    let before = Snapshot::take();
    let mut seen = Seen::default();
    for path in [
        objects("BTFLY_OBJECTS", ""),
        objects("BTFLY_OBJECTS", "tests"),
    ]
    .concat()
    {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        let name = name.strip_suffix(".bpf.o").unwrap();
        if !RELOCATED.contains(&name) {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let object = Object::parse(&bytes).unwrap();
        let done = run(&["run", path.to_str().unwrap(), "-v", "--duration", "0"]);
        seen.compare(&path, &object, &ours(&done.stderr));
    }
    println!("{seen:?}");
    assert!(seen.relocations > 90 && seen.poisoned > 5, "{seen:?}");
    before.is_restored();
}

#[test]
fn each_relocation_of_debians_tools_is_made_as_by_bpftool() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let mut paths = objects("BTFLY_TOOLS", "");
    // bpftool lets the verifier write a log of 15 MB about it; tests/oracle.rs looks at it, too.
    paths.retain(|path| !path.ends_with("ksnoop.bpf.o"));
    assert!(paths.len() > 50, "{paths:?}");
    let files: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let objects: Vec<_> = files.iter().map(|f| Object::parse(f).unwrap()).collect();
    // Most have programs that this kernel, or btfly, does not take: it is asked what it would load.
    let mut wanted = Wanted::default();
    for object in &objects {
        wanted.extend(&names_wanted(object, &|_| true).unwrap());
    }
    let types = Kernel::running().types(&wanted).unwrap().types;
    let mut seen = Seen::default();
    for (path, object) in paths.iter().zip(&objects) {
        let mut lines = Vec::new();
        let mut report = |made: RelocationReport<'_>| {
            lines.extend(made.to_string().lines().map(String::from));
        };
        fit(object, &*types, &|_| true, Some(&mut report)).unwrap();
        seen.compare(path, object, &ours(&lines));
    }
    println!("{seen:?}");
    assert!(seen.relocations > 400 && seen.poisoned > 5, "{seen:?}");
    before.is_restored();
}
