//! Loads objects by bpftool and by btfly, and compares: for `scripts/qemu-arm64/parity`, in its VM.
//!
//! `parity [--failures] FOLDER…` takes each object of the folders, in order. It starts `btfly load --dry-run` and
//! `bpftool prog loadall`, each with a limit on its time, and compares what both say. Where both load, it starts
//! itself with `--load`, and compares the instructions that both leave in the kernel. Where one of them does not
//! load an object whole, each program is loaded alone. It prints one line for each object and each program that
//! was loaded alone:
//!
//! `row OBJECT PROGRAM THEIRS OURS INSTRUCTIONS | REASONS`, where PROGRAM is `*` for the whole, THEIRS and OURS
//! are `ok`, `fail`, `time` or `dead`, and INSTRUCTIONS are `same`, `differ` or `-`. With `--failures` bpftool is
//! asked about nothing but what btfly does not load; the other rows say `?` for THEIRS.

#[path = "parity/listing.rs"]
mod listing;
#[path = "parity/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::rc::Rc;

use btfly::load::{Options, load};
use btfly::object::Object;
use btfly::sys::bpf_pin;
use btfly::target::Kernel;
use listing::listing;
use process::{Ended, run};
use rustix::fd::AsFd;

/// Where bpftool and its libraries lie in the VM.
const BPFTOOL: &str = "/bpftool";

/// Where both pin what is compared.
const PINS: &str = "/sys/fs/bpf/parity";

/// The lines of each program.
type Programs = BTreeMap<String, Vec<String>>;

/// What one side says of an object or a program.
struct Verdict {
    word: &'static str,
    reason: String,
    programs: Programs,
}

impl Verdict {
    fn not_asked() -> Verdict {
        Verdict {
            word: "?",
            reason: String::new(),
            programs: Programs::new(),
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--load", object, ref program @ ..] => load_alone(object, program.first().copied()),
        [] => {
            eprintln!("usage: parity FOLDER...");
            ExitCode::from(1)
        }
        ["--failures", ref folders @ ..] => compare_all(folders, Asked::OfFailures),
        ref folders => compare_all(folders, Asked::OfAll),
    }
}

/// What bpftool is asked about.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    OfAll,
    OfFailures,
}

fn compare_all(folders: &[&str], asked: Asked) -> ExitCode {
    for folder in folders {
        for object in objects(Path::new(folder)) {
            compare(&object, asked);
        }
    }
    ExitCode::SUCCESS
}

/// The objects of a folder, in order.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "o"))
        .collect();
    found.sort();
    found
}

/// This very process's part of loading: prints the instructions of what it loads.
fn load_alone(path: &str, only: Option<&str>) -> ExitCode {
    let bytes = fs::read(path).expect("an object file");
    let loaded = || {
        let object = Object::parse(&bytes).map_err(|error| error.to_string())?;
        let object = Rc::new(object);
        if only.is_some_and(|name| !object.programs.iter().any(|p| p.name == name)) {
            return Err(String::from("no such program in the object"));
        }
        let options = Options {
            choose: &|program| only.map_or(program.autoload, |name| name == program.name),
            ..Options::default()
        };
        let loaded = load(&object, &Kernel::running(), options).map_err(|e| e.to_string())?;
        for program in &loaded.programs {
            println!("prog {}", program.name);
            for line in listing(program.fd.as_fd()).map_err(|error| error.to_string())? {
                println!("{line}");
            }
        }
        Ok(())
    };
    match loaded() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

/// What our own process printed.
fn parse(text: &str) -> Programs {
    let mut programs = Programs::new();
    let mut lines: &mut Vec<String> = &mut Vec::new();
    for line in text.lines() {
        match line.strip_prefix("prog ") {
            Some(name) => lines = programs.entry(name.into()).or_default(),
            None => lines.push(line.into()),
        }
    }
    programs
}

/// What `btfly load` says.
fn ours(object: &Path, program: Option<&str>) -> Verdict {
    let mut command = Command::new("btfly");
    command.args(["load", "--dry-run"]).arg(object);
    command.args(program.iter().flat_map(|name| ["--prog", name]));
    let ended = run(&mut command);
    clean();
    // A panic's first line tells it all.
    let panicked = ended
        .errors
        .lines()
        .position(|line| line.contains("panicked at"));
    let reason = match panicked {
        Some(at) => ended
            .errors
            .lines()
            .skip(at)
            .take(2)
            .collect::<Vec<_>>()
            .join(" "),
        None => ended.errors.lines().next().unwrap_or_default().into(),
    };
    Verdict {
        word: if panicked.is_some() {
            "dead"
        } else {
            ended.word
        },
        reason,
        programs: Programs::new(),
    }
}

/// What btfly leaves in the kernel.
fn our_instructions(object: &Path, program: Option<&str>) -> Programs {
    let mut command = Command::new("/proc/self/exe");
    command.arg("--load").arg(object).args(program);
    let ended = run(&mut command);
    clean();
    parse(&ended.output)
}

/// What is pinned in the folder, which goes.
fn pinned() -> Programs {
    let mut programs = Programs::new();
    for entry in fs::read_dir(PINS).into_iter().flatten().flatten() {
        let path = CString::new(entry.path().as_os_str().as_bytes()).expect("a path");
        let lines = bpf_pin::obj_get(&path).and_then(|fd| listing(fd.as_fd()));
        let name = entry.file_name().to_string_lossy().into_owned();
        programs.insert(name, lines.unwrap_or_else(|error| vec![error.to_string()]));
    }
    programs
}

/// A program of the same Debian as bpftool, with the libraries that both need.
fn debian(program: &str) -> Command {
    let mut command = Command::new(format!("{BPFTOOL}/ld-linux-aarch64.so.1"));
    command.args(["--library-path", BPFTOOL]);
    command.arg(format!("{BPFTOOL}/{program}"));
    command
}

/// Everything that was pinned goes, maps that ask for it by their definition, too.
fn clean() {
    for entry in fs::read_dir("/sys/fs/bpf").into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let _ = fs::remove_dir_all(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The line of libbpf's log that tells most: the first one that is not about what the verifier says.
fn told(errors: &str) -> String {
    let warnings: Vec<&str> = errors
        .lines()
        .filter(|line| line.starts_with("libbpf: ") || line.starts_with("Error"))
        .filter(|line| !line.contains("PROG LOAD LOG"))
        .collect();
    let first = warnings.first().copied().unwrap_or_default();
    let Some(end) = errors.lines().position(|l| l.contains("END PROG LOAD LOG")) else {
        return first.into();
    };
    // The verifier's word stands above its statistics.
    let log = errors.lines().take(end).collect::<Vec<_>>();
    let said = log.iter().rev().find(|line| {
        let statistics = ["processed ", "verification time", "stack depth", "--"];
        !line.is_empty() && !statistics.iter().any(|s| line.starts_with(s))
    });
    format!("{first}: {}", said.copied().unwrap_or_default())
}

fn verdict(ended: Ended) -> Verdict {
    let programs = if ended.word == "ok" {
        pinned()
    } else {
        Programs::new()
    };
    clean();
    Verdict {
        word: ended.word,
        reason: if ended.word == "ok" {
            String::new()
        } else {
            told(&ended.errors)
        },
        programs,
    }
}

fn bpftool(object: &Path) -> Verdict {
    let mut command = debian("bpftool");
    command.args(["prog", "loadall"]).arg(object).arg(PINS);
    verdict(run(&mut command))
}

/// One program, by a small program with Debian's libbpf.
fn libbpf(object: &Path, program: &str) -> Verdict {
    let _ = fs::create_dir(PINS);
    let mut command = debian("single");
    command
        .arg(object)
        .arg(program)
        .arg(format!("{PINS}/{}", program.replace('.', "_")));
    verdict(run(&mut command))
}

/// The names of an object's programs, as libbpf tells them, or this library where that doesn't.
fn names(object: &Path) -> Vec<String> {
    let ended = run(debian("single").arg(object));
    if ended.word == "ok" {
        return ended.output.lines().map(String::from).collect();
    }
    let bytes = fs::read(object).expect("an object file");
    let Ok(object) = Object::parse(&bytes) else {
        return Vec::new();
    };
    object.programs.iter().map(|p| p.name.to_string()).collect()
}

/// How the instructions of both compare, and where they differ first.
fn instructions(theirs: &Programs, ours: &Programs) -> (&'static str, String) {
    if theirs.is_empty() && ours.is_empty() {
        return ("-", String::new());
    }
    for (name, lines) in theirs {
        // A pin's name has no dots.
        let twin = ours
            .iter()
            .find(|(n, _)| n.replace('.', "_") == name.replace('.', "_"));
        let Some((_, twin)) = twin else {
            return ("differ", format!("{name}: not loaded by btfly"));
        };
        if lines.len() != twin.len() {
            let lengths = format!("{} | {}", lines.len(), twin.len());
            return ("differ", format!("{name}: {lengths} instructions"));
        }
        let pairs = lines.iter().zip(twin).enumerate();
        if let Some((at, (a, b))) = pairs.into_iter().find(|(_, (a, b))| a != b) {
            return ("differ", format!("{name} #{at}: {a} | {b}"));
        }
    }
    if ours.len() != theirs.len() {
        let counts = format!("{} | {} programs", theirs.len(), ours.len());
        return ("differ", counts);
    }
    ("same", String::new())
}

/// Prints a row.
fn row(object: &Path, program: &str, theirs: &Verdict, ours: &Verdict) {
    let both = theirs.word == "ok" && ours.word == "ok";
    let (word, difference) = match both {
        true => instructions(&theirs.programs, &ours.programs),
        false => ("-", String::new()),
    };
    let mut reasons: Vec<String> = Vec::new();
    for (side, verdict) in [("libbpf", theirs), ("btfly", ours)] {
        if !matches!(verdict.word, "ok" | "?") {
            reasons.push(format!("{side}: {}", verdict.reason));
        }
    }
    reasons.extend((!difference.is_empty()).then_some(difference));
    let folder = object
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let name = object.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".o").trim_end_matches(".bpf");
    println!(
        "row {}/{name} {program} {} {} {word} | {}",
        folder.to_string_lossy(),
        theirs.word,
        ours.word,
        reasons.join(" | ")
    );
}

fn compare(object: &Path, asked: Asked) {
    let both = |program: Option<&str>| {
        let mut ours = ours(object, program);
        let theirs = match (program, ours.word) {
            (_, "ok") if asked == Asked::OfFailures => Verdict::not_asked(),
            (None, _) => bpftool(object),
            (Some(program), _) => libbpf(object, program),
        };
        if (theirs.word, ours.word) == ("ok", "ok") {
            ours.programs = our_instructions(object, program);
        }
        row(object, program.unwrap_or("*"), &theirs, &ours);
        theirs.word != "fail" && ours.word == "ok"
    };
    if !both(None) {
        for name in names(object) {
            both(Some(&name));
        }
    }
}
