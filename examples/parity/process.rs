//! A process with a limit on its time.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long one side may take with one object. The slowest machine of all is an emulated one.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of what a process says is kept: the end, where a verifier's log has its last word.
const KEPT: usize = 1 << 18;

/// How a process ended, and what it said.
pub struct Ended {
    /// `ok`, `fail`, `time` or `dead`.
    pub word: &'static str,
    pub output: String,
    pub errors: String,
}

/// Runs a command to its end, or to that of the patience.
pub fn run(command: &mut Command) -> Ended {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.expect("a command that starts");
    let output = child
        .stdout
        .take()
        .map(|pipe| thread::spawn(|| drain(pipe, usize::MAX)));
    let errors = child
        .stderr
        .take()
        .map(|pipe| thread::spawn(|| drain(pipe, KEPT)));
    let word = wait(&mut child);
    let text = |thread: Option<thread::JoinHandle<Vec<u8>>>| {
        let bytes = thread.and_then(|t| t.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ended {
        word,
        output: text(output),
        errors: text(errors),
    }
}

fn wait(child: &mut Child) -> &'static str {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return match status.code() {
                Some(0) => "ok",
                Some(_) => "fail",
                None => "dead",
            };
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return "time";
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// What comes out of a pipe: the first line and the last bytes of it.
fn drain(mut pipe: impl Read, kept: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 16];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
        if bytes.len() / 2 > kept {
            let head = bytes
                .iter()
                .position(|&b| b == b'\n')
                .map_or(0, |at| at + 1);
            let from = bytes.len() - kept;
            bytes.drain(head.min(from)..from);
        }
    }
    bytes
}
