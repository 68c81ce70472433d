//! The tools that are built in, each over a workload of which the outcome is known: what they say as JSON is
//! just that.

mod beside;
mod beside_counts;
mod beside_disk;
mod beside_waits;
mod bio;
mod biolatency;
mod boot;
mod capable;
mod cpu;
mod exit;
mod files;
mod funclatency;
mod irqs;
mod list;
mod memleak;
mod mount;
mod offcpu;
mod oomkill;
mod open;
mod pages;
mod profile;
mod runqlat;
mod signal;
mod syscount;
mod tcp;
mod tcpconnect;
mod trace;
mod without;

use std::process::{self, Command};

use serde_json::Value;

use crate::watch::{Done, Watch, btfly, full};

/// The build that people copy to a board for its tools; the full one where it is asked for what only that has.
pub fn build(args: &[&str]) -> Command {
    let more = ["--btf", "--where", "--without", "--as-kernel"];
    let mut command = match args.iter().any(|arg| more.contains(arg)) {
        true => full(),
        false => btfly(),
    };
    command.args(args);
    command
}

/// A tool that shows JSON, attached.
pub fn tool(name: &str, options: &[&str]) -> Watch {
    let command = build(&[&[name, "--json"], options].concat());
    let watch = Watch::spawn(command);
    watch.attached();
    watch
}

/// The number of this process.
pub fn own_pid() -> String {
    process::id().to_string()
}

/// Whether a number is the one that is written so.
pub fn is_number(value: &Value, text: &str) -> bool {
    value.as_u64().is_some() && value.as_u64() == text.parse().ok()
}

/// What a line of JSON says.
#[track_caller]
pub fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Waits for an event in which a field is this text.
#[track_caller]
pub fn event_with(watch: &Watch, field: &str, text: &str) -> Value {
    let line = watch.line(&format!("{field} = {text}"), |line| {
        json(line)[field].as_str() == Some(text)
    });
    json(&line)
}

/// Waits for the event of a process.
#[track_caller]
pub fn event_of(watch: &Watch, pid: &str) -> Value {
    let line = watch.line(&format!("event of {pid}"), |line| {
        is_number(&json(line)["pid"], pid)
    });
    json(&line)
}

/// All objects that a tool has printed.
pub fn objects(done: &Done) -> Vec<Value> {
    done.stdout.iter().map(|line| json(line)).collect()
}

/// How many are counted in all slots of a histogram, and how many of them in slots that begin from `least` on.
pub fn counted(histogram: &Value, least: u64) -> (u64, u64) {
    let slots = histogram["histogram"].as_array().expect("a histogram");
    let number = |slot: &Value, at: usize| slot[at].as_u64().expect("a number");
    let sum = |least: u64| {
        let slots = slots.iter().filter(|slot| number(slot, 0) >= least);
        slots.map(|slot| number(slot, 2)).sum()
    };
    (sum(0), sum(least))
}
