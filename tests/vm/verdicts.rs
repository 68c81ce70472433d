//! What the verifier says no to, in words: which instruction, which source line, why, what to try.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;
use crate::watch::{Done, Watch, full};

const VERIFIER: i32 = 5;

fn load(args: &[&str]) -> Done {
    let mut command = full();
    command.arg("load").args(args).arg("--dry-run");
    Watch::spawn(command).end()
}

/// Of tests/refusals.bpf.o: the program, a part of the kernel's message on each kernel, of the source
/// line, and of the reason in words.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    (
        "number_as_address",
        "invalid mem access",
        "follows a number",
        "plain number",
    ),
    (
        "no_null_check",
        "map_value_or_null",
        "may be NULL",
        "failed lookup",
    ),
    ("unbounded_index", "unbounded m", "any index", " limit"),
    (
        "negative_length",
        "min value is negative",
        "may be negative",
        "may be negative",
    ),
    ("not_a_pointer", "expected=", "to a number", "another kind"),
    (
        "write_to_const",
        "write into map forbidden",
        ".rodata",
        "read-only",
    ),
    (
        "behind_the_context",
        "invalid bpf_context access",
        "has two",
        "context",
    ),
    (
        "not_given_back",
        "nreleased reference|reference leak",
        "nor submitted",
        "not given back",
    ),
    (
        "helper_of_another_kind",
        "bpf_skb_load_bytes#26",
        "no packet",
        "kind of program",
    ),
    ("too_much_stack", "combined stack size", "", "512 bytes"),
    (
        "never_set",
        "R6 !read_ok",
        "never_set",
        "nothing was ever put",
    ),
    ("off_the_stack", "stack", "off_the_stack", "512 bytes"),
    (
        "not_aligned",
        "misaligned stack access",
        "not_aligned",
        "not aligned",
    ),
    (
        "no_such_helper",
        "invalid func unknown#9999",
        "no_such_helper",
        "no such helper",
    ),
    (
        "not_reached",
        "unreachable insn 2",
        "not_reached",
        "nothing leads to",
    ),
    (
        "without_end",
        "infinite loop",
        "without_end",
        "may never end",
    ),
    ("moved_context", "ctx", "moved_context", "context"),
];

/// Those of kinds that the small board kernels don't have.
const OF_DISTRIBUTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "packet_too_short",
        "invalid access to packet",
        "data_end",
        "packet may be shorter",
    ),
    (
        "bad_return_value",
        "R0",
        "0 to 3",
        "not allowed for its kind",
    ),
];

/// Whether a later kernel takes it: programs that may not be interrupted by themselves get a stack for each
/// function there, on arm64 some time after 6.12.
fn is_taken(program: &str) -> bool {
    program == "too_much_stack" && version() > (6, 12)
}

fn refused_in_words(refusals: &[(&str, &str, &str, &str)]) {
    let before = Snapshot::take();
    let refused = object("tests/refusals.bpf.o");
    let refused_here = refusals.iter().filter(|(program, ..)| !is_taken(program));
    for (program, message, source, why) in refused_here {
        let done = load(&[&refused, "--prog", program]);
        println!("{}", done.stderr.join("\n"));
        let [what, reason, hint] = &done.stderr[..] else {
            panic!("{program}: not three lines: {done:#?}");
        };
        assert!(
            message.split('|').any(|m| what.contains(m)),
            "{message}: {what}"
        );
        done.failed(VERIFIER, &[program, source, why, "  why: ", "  try: "]);
        if !source.is_empty() {
            assert!(reason.contains(source), "{source}: {reason}");
            assert!(
                what.contains("instruction ") && what.contains("(refusals.bpf.c:"),
                "{what}"
            );
        }
        assert!(
            hint.ends_with("; -v prints the verifier's whole log"),
            "{hint}"
        );
    }
    before.is_restored();
}

#[test]
fn a_refusal_is_told_by_its_source_line_and_in_words() {
    on_board!(board);
    refused_in_words(REFUSALS);
    if board.has_btf() {
        refused_in_words(OF_DISTRIBUTIONS);
    }
}

#[test]
fn a_helper_under_the_gpl_is_told_as_that() {
    on_board!();
    let done = load(&[&object("tests/refused_license.bpf.o")]);
    done.failed(VERIFIER, &["GPL", "helper_under_gpl", "licence"]);
}

#[test]
fn every_refusal_has_a_verdict_of_its_own_line() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let done = load(&[&object("tests/refusals.bpf.o"), "--keep-going"]);
    assert_eq!(done.code, Some(VERIFIER), "{done:#?}");
    assert_eq!(
        done.stdout.len(),
        REFUSALS.len() + OF_DISTRIBUTIONS.len(),
        "{done:#?}"
    );
    for line in &done.stdout {
        let taken = line.strip_prefix("ok ").is_some_and(is_taken);
        assert!(taken || line.starts_with("fail "), "{line}");
    }
}

/// What a load took of memory at most, in kB, and what it said on standard error.
#[derive(Debug)]
struct Measured {
    /// As the kernel counts at every moment (`ru_maxrss`): a page counts once for each address that it is
    /// mapped at.
    resident: u64,
    /// As it was seen again and again (`Pss`): each page counts once. 0 where the kernel does not tell.
    share: u64,
    text: String,
}

/// The least of five loads, where one of them stays below `limit` kB of resident memory: on a busy machine the
/// thread that lets go of what was mapped may be kept waiting.
fn measured_below(limit: u64, args: &[&str]) -> Measured {
    let mut best = measured(args);
    for _ in 0..4 {
        if best.resident <= limit {
            break;
        }
        println!("{} kB, of {limit}", best.resident);
        let again = measured(args);
        if again.resident < best.resident {
            best = again;
        }
    }
    assert!(best.resident <= limit, "{} kB, of {limit}", best.resident);
    best
}

/// Loads what the verifier refuses.
// It is waited for by wait4(2), which clippy does not know.
#[allow(clippy::zombie_processes)]
fn measured(args: &[&str]) -> Measured {
    let mut command = full();
    command
        .arg("load")
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut text).unwrap();
        text
    });
    let mut share = 0;
    while !reader.is_finished() {
        share = share.max(proportional_share(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = reader.join().unwrap();
    let (mut status, pid) = (0, child.id().cast_signed());
    // Safety: an rusage is integers, for which all zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // Safety: both point to live variables of the types that wait4(2) fills.
    assert_eq!(unsafe { libc::wait4(pid, &mut status, 0, &mut usage) }, pid);
    let code = std::process::ExitStatus::from_raw(status).code();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(code, Some(VERIFIER), "{}", &text[..text.len().min(1000)]);
    Measured {
        resident: usage.ru_maxrss.cast_unsigned(),
        share,
        text,
    }
}

/// `Pss` of a process, in kB.
fn proportional_share(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_log_of_tens_of_megabytes_takes_no_memory_with_it() {
    on_board!();
    let before = Snapshot::take();
    let long = object("tests/long_log.bpf.o");
    let size = std::fs::metadata(&long).unwrap().len() / 1024;
    let short = measured(&[&object("tests/refused.bpf.o"), "--dry-run"]);
    let more = 1024 + 3 * size;
    // The kernel's own way where it has it, and the one for those that have not.
    for option in [&[][..], &["--without", "log-rotation"]] {
        let line = [&[long.as_str(), "--dry-run"], option].concat();
        let Measured {
            resident,
            share,
            text,
        } = measured_below(short.resident + more, &line);
        println!(
            "{option:?}: {resident} kB, each page once {share} kB; with a short log {short:?}\n{text}"
        );
        // The debug build that the suite may run is larger than the real one: it counts on both sides.
        assert!(share <= short.resident + more, "{share} kB; {short:?}");
        for words in [
            "invalid mem access",
            "instruction ",
            "long_log.bpf.c:42",
            "in: return word",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.lines().count() <= 3, "{text}");
        if version() < (6, 4) {
            break;
        }
    }
    before.is_restored();
}

#[test]
fn the_whole_log_of_tens_of_megabytes_is_there_when_it_is_asked_for() {
    on_board!();
    let long = object("tests/long_log.bpf.o");
    let short = measured(&[&object("tests/refused.bpf.o"), "--dry-run"]);
    let Measured {
        resident,
        share,
        text,
    } = measured_below(short.resident + 2048 + 64, &[&long, "--dry-run", "-v"]);
    println!(
        "{resident} kB, each page once {share} kB; with a short log {short:?}; {} bytes of log",
        text.len()
    );
    assert!(share <= short.resident + 1024, "{share} kB; {short:?}");
    assert!(text.len() > 20_000_000, "{} bytes", text.len());
    for number in [0, 11, 23] {
        let line = format!("; word = i; /* {number:02} a long line");
        assert!(text.matches(&line).count() >= 4000, "{line}");
    }
    assert!(text.contains(" invalid mem access"));
}
