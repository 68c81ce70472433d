//! Says on the console what failed as soon as it fails, and ends a suite in which one test hangs: what a machine
//! knows that stands still is lost with it.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::panic;
use std::process;
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

/// No test takes as long on a busy machine, whole suites do.
const LIMIT: Duration = Duration::from_secs(400);

/// The name of the test that runs, and since when.
static RUNS: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// To be called by each test.
pub fn test_begins() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Not by eprintln, which is kept for the end of all tests.
            let _ = writeln!(io::stderr(), "{info}");
            usual(info);
        }));
        thread::spawn(watch);
    });
    let name = thread::current().name().unwrap_or("?").to_owned();
    let now = Instant::now();
    let before = RUNS.lock().unwrap().replace((name, now));
    if let Some((name, since)) = before {
        note_time(&name, now - since);
    }
}

/// Adds how long a test took to the file that BTFLY_TIMES names, with what memory was left then.
fn note_time(name: &str, took: Duration) {
    let Some(path) = env::var_os("BTFLY_TIMES") else {
        return;
    };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory.lines().find(|line| line.starts_with("MemAvailable"));
    let line = format!(
        "{:7.1} s  {}  {name}\n",
        took.as_secs_f64(),
        available.unwrap_or_default()
    );
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        let runs = RUNS.lock().unwrap();
        let Some((name, since)) = &*runs else {
            continue;
        };
        if since.elapsed() > LIMIT {
            let waits = tasks_that_wait();
            let _ = writeln!(io::stderr(), "{name} hangs. Tasks that wait:\n{waits}");
            process::exit(101);
        }
    }
}

/// Each task of a process that was started by a program, with where in the kernel it is.
fn tasks_that_wait() -> String {
    let mut text = String::new();
    let numbers = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    };
    for pid in numbers("/proc") {
        for task in numbers(&format!("/proc/{pid}/task")) {
            let read = |file: &str| {
                fs::read_to_string(format!("/proc/{pid}/task/{task}/{file}")).unwrap_or_default()
            };
            let (stat, command) = (read("stat"), read("cmdline").replace('\0', " "));
            // pid (name) state …
            let state = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next());
            let idle = command.is_empty() && matches!(state, Some('S' | 'I'));
            if !idle {
                let name = stat.split_inclusive(')').next().unwrap_or_default();
                let state = state.unwrap_or('?');
                let _ = writeln!(text, "{name} {state} {command}\n{}", read("stack"));
            }
        }
    }
    text
}
