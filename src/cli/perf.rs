//! `btfly perf`: which process has which program at which perf event.

use btfly::sys::task_fd::{self, Attached};

use super::loaded::{self, Action, Row, Value, Words, no_more, refused};
use super::output::{self, Patience, Written};
use super::{Common, Failure};

const HELP: &str = "Usage: btfly perf list

  list | show   which process has which program at which probe, tracepoint or function

--json as JSON.
";

const ACTIONS: [Action; 2] = [("list", list), ("show", list)];

/// What each action is called.
#[cfg(test)]
pub fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (action, words) = loaded::words(args, common);
    loaded::act("perf", HELP, &ACTIONS, action, &words)
}

fn list(words: &Words<'_>) -> Result<(), Failure> {
    no_more("perf", &words.words)?;
    let json = words.json;
    let mut before = if json { "[" } else { "" };
    let mut result = Ok(());
    let walked = task_fd::for_each(&mut |found| {
        let text = [before, &tell(&found, json)].concat();
        before = if json { "," } else { "" };
        let written = output::write(text.as_bytes(), Patience::default());
        let goes_on = matches!(written, Ok(Written::All));
        result = written.map(drop);
        goes_on
    });
    walked.map_err(|error| refused("programs of perf events", error))?;
    result?;
    match (json, before) {
        (true, "[") => output::print("[]\n"),
        (true, _) => output::print("]\n"),
        _ => Ok(()),
    }
}

/// By `BPF_FD_TYPE_*`: what it is called, and what its name is.
const KINDS: [(&str, &str); 6] = [
    ("raw_tracepoint", "tracepoint"),
    ("tracepoint", "tracepoint"),
    ("kprobe", "func"),
    ("kretprobe", "func"),
    ("uprobe", "filename"),
    ("uretprobe", "filename"),
];

fn tell(found: &Attached, json: bool) -> String {
    let mut row = Row::new(json);
    row.put("pid", "pid ", Value::Number(found.pid.into()));
    row.put("fd", "  fd ", Value::Number(found.fd.into()));
    row.put("prog_id", ": prog_id ", Value::Number(found.prog_id.into()));
    let kind = KINDS.get(found.kind as usize);
    row.kind("fd_type", "  ", kind.map(|(kind, _)| *kind), found.kind);
    let Some(&(_, what)) = kind else {
        return row.end();
    };
    match (what, found.name.is_empty()) {
        ("tracepoint", _) => row.put(what, "  ", Value::Text(&found.name)),
        ("func", true) => row.put("addr", "  addr ", Value::Number(found.address)),
        _ => {
            row.put(what, &["  ", what, " "].concat(), Value::Text(&found.name));
            row.put("offset", "  offset ", Value::Number(found.offset));
        }
    }
    row.end()
}
