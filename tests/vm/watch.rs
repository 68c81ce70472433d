//! A btfly that runs beside the test: its output line by line as it comes, its end, its status.

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes under emulation with both CPUs busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of a pipe, gathered by a thread.
#[derive(Clone)]
struct Lines(Arc<(Mutex<Gathered>, Condvar)>);

#[derive(Default)]
struct Gathered {
    lines: Vec<String>,
    closed: bool,
}

impl Lines {
    fn gather(pipe: impl Read + Send + 'static) -> Lines {
        let lines = Lines(Arc::default());
        let shared = lines.clone();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches('\n')
                    .to_owned();
                shared.0.0.lock().unwrap().lines.push(text);
                shared.0.1.notify_all();
                line.clear();
            }
            shared.0.0.lock().unwrap().closed = true;
            shared.0.1.notify_all();
        });
        lines
    }

    /// Waits until `found` finds something in the lines. The error is all that there was.
    fn wait<T>(&self, found: impl Fn(&[String]) -> Option<T>) -> Result<T, Vec<String>> {
        let end = Instant::now() + PATIENCE;
        let mut gathered = self.0.0.lock().unwrap();
        loop {
            if let Some(result) = found(&gathered.lines) {
                return Ok(result);
            }
            let left = end.saturating_duration_since(Instant::now());
            if gathered.closed || left.is_zero() {
                return Err(gathered.lines.clone());
            }
            gathered = self.0.1.wait_timeout(gathered, left).unwrap().0;
        }
    }

    fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap().lines.clone()
    }
}

/// A running btfly. Killed where a test fails before its end.
pub struct Watch {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// What a btfly left that has ended.
#[derive(Debug)]
pub struct Done {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// The release build, which has the tools, without arguments.
pub fn btfly() -> Command {
    let mut command = Command::new(env::var_os("BTFLY").expect("BTFLY"));
    command.stdin(Stdio::null());
    command
}

/// The build for a command line, without arguments: the full one for objects that are no tool's, and for what is
/// left away of a kernel.
pub fn build_for<S: AsRef<str>>(args: &[S]) -> Command {
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let is_full = match args.as_slice() {
        _ if args
            .iter()
            .any(|arg| arg.starts_with("--without") || *arg == "--as-kernel") =>
        {
            true
        }
        [
            "exec" | "list" | "extract" | "-h" | "-V" | "--help" | "--version" | "link" | "perf"
            | "feature" | "completions" | "unload",
            ..,
        ]
        | [] => false,
        // This one has but programs of kinds that each build takes.
        ["prog", "load", object, ..] => !object.ends_with("/tests/pinned.bpf.o"),
        ["prog", ..] => false,
        // The types of an object of any kind.
        ["map", "create", ..] => args.contains(&"btf"),
        ["map", ..] | ["btf", "list" | "dump", ..] => false,
        _ => true,
    };
    match is_full {
        true => full(),
        false => btfly(),
    }
}

/// The full build, without arguments.
pub fn full() -> Command {
    let mut command = Command::new(env::var_os("BTFLY_FULL").expect("BTFLY_FULL"));
    command.stdin(Stdio::null());
    command
}

/// Runs a command line to its end.
pub fn run<S: AsRef<str>>(args: &[S]) -> Done {
    Watch::start(args).end()
}

/// Starts a command line and waits until it says that everything is attached.
pub fn watch<S: AsRef<str>>(args: &[S]) -> Watch {
    let watch = Watch::start(args);
    watch.header();
    watch
}

/// The same with a build of one's choice.
pub fn watch_by(build: fn() -> Command, args: &[&str]) -> Watch {
    let mut command = build();
    command.args(args);
    let watch = Watch::spawn(command);
    watch.header();
    watch
}

/// Gives a pipe as little room as it can have: a page.
pub fn shrink(pipe: &impl AsRawFd) {
    // Safety: no memory is involved; the descriptor is open.
    let room = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, 1) };
    assert!(room > 0, "{}", std::io::Error::last_os_error());
}

/// Bytes that wait in a pipe to be read.
pub fn waiting(pipe: &impl AsRawFd) -> usize {
    let mut bytes: libc::c_int = 0;
    // Safety: the descriptor is open, and the number lives on.
    let result = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut bytes) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    usize::try_from(bytes).unwrap()
}

impl Watch {
    pub fn start<S: AsRef<str>>(args: &[S]) -> Watch {
        let mut command = build_for(args);
        command.args(args.iter().map(AsRef::as_ref));
        Watch::spawn(command)
    }

    pub fn spawn(command: Command) -> Watch {
        Watch::spawn_with(command, Stdio::piped(), None)
    }

    /// The same with an output that is read elsewhere.
    pub fn spawn_with(mut command: Command, stdout: Stdio, from: Option<File>) -> Watch {
        command.stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // Its end of the output is open no longer than it runs.
        drop(command);
        let stdout = match from {
            Some(from) => Lines::gather(from),
            None => Lines::gather(child.stdout.take().unwrap()),
        };
        let stderr = Lines::gather(child.stderr.take().unwrap());
        Watch {
            child,
            stdout,
            stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line of its output: everything is attached when it comes.
    pub fn header(&self) -> String {
        match self.stdout.wait(|lines| lines.first().cloned()) {
            Ok(header) => header,
            Err(_) => panic!("no header; stderr: {:#?}", self.stderr.all()),
        }
    }

    /// Waits until it says that everything is attached, where it has nothing to show.
    pub fn attached(&self) {
        let found = |lines: &[String]| lines.iter().any(|l| l.contains(" attached")).then_some(());
        self.stderr
            .wait(found)
            .unwrap_or_else(|lines| panic!("nothing is attached: {lines:#?}"));
    }

    /// Whether it has said this on standard error.
    pub fn says(&self, what: &str) -> bool {
        self.stderr.all().iter().any(|line| line.contains(what))
    }

    /// Waits for the first line of its output: whether there is one before it ends.
    pub fn begins(&self) -> bool {
        let found = |lines: &[String]| (!lines.is_empty()).then_some(());
        self.stdout.wait(found).is_ok()
    }

    /// Waits for a line of its output that is as asked.
    pub fn line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let found = |lines: &[String]| lines.iter().find(|l| wanted(l)).cloned();
        self.stdout.wait(found).unwrap_or_else(|lines| {
            panic!("no {what} in {lines:#?}, stderr: {:#?}", self.stderr.all())
        })
    }

    /// Waits until so many lines of its output are as asked, and gives those.
    pub fn lines(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let some = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|l| wanted(l)).cloned().collect()
        };
        let enough = |lines: &[String]| Some(some(lines)).filter(|l| l.len() >= count);
        self.stdout.wait(enough).unwrap_or_else(|lines| {
            let found = some(&lines);
            let found = found.len();
            panic!(
                "{found} lines instead of {count} in {lines:#?}, stderr: {:#?}",
                self.stderr.all()
            )
        })
    }

    /// All lines of its output so far.
    pub fn so_far(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// Whether it has said this on standard error.
    pub fn has_said(&self, words: &str) -> bool {
        self.stderr.all().iter().any(|line| line.contains(words))
    }

    pub fn signal(&self, signal: i32) {
        let pid = self.child.id() as libc::pid_t;
        // Safety: no memory is involved; the child has not been waited for, so the pid is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Stops it as Ctrl-C does. What it had to say must have been fit for a user.
    pub fn stop(self) -> Done {
        self.signal(libc::SIGINT);
        let done = self.end();
        assert_eq!(done.code, Some(0), "{done:#?}");
        done
    }

    /// Waits until it ends by itself.
    pub fn end(mut self) -> Done {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                panic!(
                    "it does not end: {:#?} {:#?}",
                    self.stdout.all(),
                    self.stderr.all()
                );
            }
            thread::sleep(Duration::from_millis(5));
        };
        // The pipes close when the process is gone: then all lines are here.
        let closed = |lines: &Lines| {
            let mut gathered = lines.0.0.lock().unwrap();
            while !gathered.closed {
                gathered = lines.0.1.wait(gathered).unwrap();
            }
            gathered.lines.clone()
        };
        assert_eq!(status.signal(), None, "{:#?}", self.stderr.all());
        Done {
            code: status.code(),
            stdout: closed(&self.stdout),
            stderr: closed(&self.stderr),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Done {
    /// Events that were lost, as the last line about it says.
    pub fn lost(&self) -> u64 {
        let number = |line: &String| {
            let rest = line.strip_prefix("lost ")?;
            let (number, _) = rest.split_once(" events in all")?;
            number.parse().ok()
        };
        self.stderr.iter().rev().find_map(number).unwrap_or(0)
    }

    /// Checks a failure: its code, its form, and that it names all of `words`.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) {
        let text = self.stderr.join("\n");
        assert_eq!(self.code, Some(code), "{text}\n{:?}", self.stdout);
        assert!(text.starts_with("btfly: "), "{text}");
        assert!(self.stderr.len() <= 3, "more than three lines:\n{text}");
        for word in words {
            assert!(text.contains(word), "does not name {word:?}:\n{text}");
        }
        assert!(self.stdout.is_empty(), "{:?}", self.stdout);
    }
}
