//! What is said where an event's type or the form of the output is asked for in a wrong way. All of it is said
//! before anything is loaded.

use std::process::Command;

fn says(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(args)
        .output()
        .expect("btfly starts");
    assert!(output.stdout.is_empty(), "{args:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

#[test]
fn each_wrong_form_is_one_clear_error() {
    let events = "prebuilt/arm64/tests/events.bpf.o";
    let values = "prebuilt/arm64/tests/values.bpf.o";
    for (object, options, words) in [
        (
            events,
            &["--event", "nowhere=exec"][..],
            "--event nowhere=exec: the object has no ring nowhere\n  try: its rings are valued",
        ),
        (
            events,
            &["--event", "mixed=nothing"],
            "--event nothing: the object has no such type\n  try: it has ",
        ),
        (
            events,
            &["--event", "nothing"],
            "--event nothing: the object has no such type\n  try: it has ",
        ),
        (
            events,
            &["--event", "sized=small:x,large:24"],
            "--event small:x,large:24: it is written [MAP=]TYPE\n  try: types that are told apart",
        ),
        (
            events,
            &["--event", "sized=small,,large"],
            "--event small,,large: it is written [MAP=]TYPE",
        ),
        (
            events,
            &["--event", "sized=small:8,large:8"],
            "--event small:8,large:8: small and large can't be told apart by their size",
        ),
        (
            events,
            &["--event", "sized=exec,nothing"],
            "--event nothing: the object has no such type",
        ),
        (
            values,
            &["--event", "perf=inner:17,node:20"],
            "inner and node can't be told apart by their size\n  try: a perf ring fills records",
        ),
        (
            values,
            &["--event", "perf=state"],
            "--event state: no struct that begins with this enum is named by it\n  try: an enumerator",
        ),
        (
            events,
            &["--event", "mixed=exec", "--event", "mixed=small"],
            "--event is given twice for mixed",
        ),
        (events, &["--types", "/nowhere.h"], "--types /nowhere.h: "),
        (
            events,
            &["--types", "tests/values/wrong.h"],
            "--types tests/values/wrong.h: line 4: foo_t is no type that is known here\n  try: it takes structs",
        ),
        (
            events,
            &["--json", "--csv"],
            "--json and --csv: events have one form",
        ),
        (
            events,
            &["--rotate", "1M:3"],
            "--rotate: no file to rotate\n  try: --output FILE",
        ),
        (
            events,
            &["--output", "/tmp/x", "--rotate", "1M"],
            "--rotate 1M: it is written SIZE:N\n  try: --rotate 1M:3 keeps",
        ),
    ] {
        let (code, text) = says(&[&["run", object], options].concat());
        assert_eq!(code, Some(1), "{options:?}\n{text}");
        assert!(text.contains(words), "{options:?}\n{text}");
        assert!(text.lines().count() <= 3, "{text}");
    }
}
