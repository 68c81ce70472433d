//! docs/chapter5.md: each command of it, and the output below it.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::board::{Board, on_board, version};
use crate::left::Snapshot;

const PAGE: &str = include_str!("../../docs/chapter5.md");

/// A command, and the lines that it must print.
struct Step {
    command: &'static str,
    lines: Vec<&'static str>,
    /// What it needs, as the page says: a kernel with types, or of some version at least.
    needs: &'static str,
}

impl Step {
    fn can_run(&self, board: &Board) -> bool {
        self.needs.split_whitespace().all(|need| match need {
            "needs-btf" => board.has_btf(),
            "since-5.11" => version() >= (5, 11),
            _ => panic!("what is {need}?"),
        })
    }
}

/// What stands in the page between `console` and the end of that block.
fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for line in PAGE.lines() {
        match (block, line.strip_prefix("```")) {
            (_, Some(mark)) => {
                block = mark.strip_prefix("console");
            }
            (Some(needs), None) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    command,
                    lines: Vec::new(),
                    needs,
                }),
                (None, Some(step)) => step.lines.push(line),
                (None, None) => panic!("output of no command: {line}"),
            },
            (None, None) => {}
        }
    }
    steps
}

/// Whether a line is as expected: `…` is anything.
fn is_line(mut line: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(rest) = line.strip_prefix(first) else {
        return false;
    };
    line = rest;
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return line.is_empty();
    };
    for part in between {
        match line.split_once(part) {
            Some((_, rest)) => line = rest,
            None => return false,
        }
    }
    line.ends_with(last)
}

/// Whether lines are as expected: one of `…` alone is any number of them.
fn are_lines(lines: &[&str], expected: &[&str]) -> bool {
    match expected {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|from| are_lines(&lines[from..], rest)),
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, more)| is_line(line, first) && are_lines(more, rest)),
    }
}

#[test]
fn any_text_and_any_lines_stand_where_the_page_says_so() {
    for (line, expected, is) in [
        ("a 12 b", "a … b", true),
        ("a 12 c", "a … b", false),
        ("ab", "a", false),
        ("7: x  1B 2B", "…: x  …B …B", true),
        ("7: x  1B", "…: x  …B …B", false),
        ("aba", "a…aba", false),
    ] {
        assert_eq!(is_line(line, expected), is, "{line}, {expected}");
    }
    assert!(are_lines(&["a", "b", "c"], &["…", "c"]));
    assert!(are_lines(&["c"], &["…", "c", "…"]));
    assert!(!are_lines(&["a", "c", "b"], &["…", "c"]));
    assert!(!are_lines(&["a", "c", "b"], &["a", "c"]));
}

#[test]
fn each_command_of_the_page_prints_what_stands_below_it() {
    on_board!(board);
    let before = Snapshot::take();
    let folder = PathBuf::from("/tmp/chapter5");
    fs::create_dir(&folder).unwrap();
    symlink(env::var_os("BTFLY_FULL").unwrap(), folder.join("btfly")).unwrap();
    let steps = steps();
    assert!(steps.len() > 25 && steps.iter().any(|step| step.needs.is_empty()));
    let mut wrong = Vec::new();
    for step in steps.iter().filter(|step| step.can_run(&board)) {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("exec 2>&1; {}", step.command)])
            .env("PATH", format!("{}:/bin", folder.display()))
            .current_dir(env::var_os("BTFLY_OBJECTS").unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        if !are_lines(&lines, &step.lines) {
            let expected = step.lines.join("\n");
            wrong.push(format!("$ {}\n{text}and not\n{expected}\n", step.command));
        }
    }
    fs::remove_dir_all(folder).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    before.is_restored();
}
