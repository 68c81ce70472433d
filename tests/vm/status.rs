//! The small line on standard error while a person waits, on terminals of all kinds.

use std::fs::{self, File};
use std::io::{Error, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::board::{object, on_board};
use crate::run::prctl;
use crate::watch::full;

/// The terminal's side of a pair that nobody controls, and what is written to it.
struct Terminal {
    path: String,
    written: Arc<Mutex<Vec<u8>>>,
    /// Without anybody who has it open it would end.
    _kept: File,
}

impl Terminal {
    fn new() -> Terminal {
        // Safety: plain calls; the descriptor is new and has no other owner.
        let fd = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
        assert!(fd >= 0, "{}", Error::last_os_error());
        // Safety: as above.
        let mut master = unsafe { File::from_raw_fd(fd) };
        let mut name = [0u8; 64];
        // Safety: the descriptor is open, and the buffer's length is given.
        let failed = unsafe {
            libc::grantpt(master.as_raw_fd()) != 0
                || libc::unlockpt(master.as_raw_fd()) != 0
                || libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr().cast(), name.len()) != 0
        };
        assert!(!failed, "{}", Error::last_os_error());
        let path = std::ffi::CStr::from_bytes_until_nul(&name).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let written = Arc::new(Mutex::new(Vec::new()));
        let shared = written.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(len @ 1..) = master.read(&mut bytes) {
                shared.lock().unwrap().extend_from_slice(&bytes[..len]);
            }
        });
        let kept = File::options().read(true).write(true).open(&path);
        Terminal {
            path,
            written,
            _kept: kept.unwrap(),
        }
    }

    fn open(&self) -> Stdio {
        File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap()
            .into()
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }

    /// Waits for words.
    fn wait(&self, words: &str) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let text = self.text();
            if text.contains(words) {
                return text;
            }
            assert!(Instant::now() < end, "no {words:?} in {text:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// What stands on a screen after all this: of each line what was written last to each column.
fn screen(text: &str) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\n' => lines.push(Vec::new()),
            '\r' => column = 0,
            c => {
                let line: &mut Vec<char> = lines.last_mut().unwrap();
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    let line = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned();
    lines.iter().map(line).collect()
}

/// A session with a terminal of its own for what it says.
struct Session {
    /// Where its output goes: to a file, by the shell or by us, or to the same screen, where it rests.
    way: &'static str,
    path: String,
    terminal: Terminal,
    child: Child,
}

impl Session {
    fn start(way: &'static str) -> Session {
        let (terminal, path) = (Terminal::new(), format!("/tmp/status.{way}"));
        let mut command = full();
        command.args(["run", &object("tests/values.bpf.o"), "--json"]);
        match way {
            "stdout" => drop(command.stdout(File::create(&path).unwrap())),
            "--output" => drop(command.stdout(terminal.open()).args(["--output", &path])),
            _ => drop(command.stdout(terminal.open())),
        }
        let child = command.stderr(terminal.open()).spawn().unwrap();
        Session {
            way,
            path,
            terminal,
            child,
        }
    }
}

#[test]
fn a_person_who_waits_sees_how_long_and_how_much_and_it_leaves_no_trace() {
    on_board!();
    // Side by side, as it is a matter of seconds.
    let sessions = ["stdout", "--output", "screen"].map(Session::start);
    let all_wait = |words| {
        sessions
            .iter()
            .for_each(|session| drop(session.terminal.wait(words)))
    };
    all_wait("attached");
    all_wait("\rbtfly: 00:00:0");
    all_wait("  0 events  0 lost");
    (0..3).for_each(|_| prctl(0));
    all_wait("  3 events  0 lost");
    prctl(2);
    all_wait("  4 events  0 lost");
    // Something is said: the line is not in its way.
    prctl(4);
    all_wait("longer than");
    all_wait("  5 events  0 lost");
    for mut session in sessions {
        let way = session.way;
        interrupt(&session.child);
        assert_eq!(session.child.wait().unwrap().code(), Some(0));
        sleep(Duration::from_millis(100));
        let text = session.terminal.text();
        assert!(!text.contains('\x1b') || way != "screen", "{text:?}");
        let shown = screen(&text);
        let (lines, rest): (Vec<&String>, Vec<&String>) =
            shown.iter().partition(|line| line.starts_with('{'));
        assert_eq!(
            lines.len(),
            if way == "screen" { 5 } else { 0 },
            "{shown:#?}"
        );
        assert_eq!(rest.len(), 3, "{shown:#?}");
        assert!(rest[0].ends_with("attached; Ctrl-C stops"), "{shown:#?}");
        assert!(rest[1].contains("longer than event"), "{shown:#?}");
        assert_eq!(rest[2], "", "nothing is left: {shown:#?}");
        // Once a second, no more.
        let times = text.matches("\rbtfly: 00:").count();
        assert!((4..40).contains(&times), "{times} times: {text:?}");
        if way != "screen" {
            let text = fs::read_to_string(&session.path).unwrap();
            assert_eq!(text.lines().count(), 5);
        }
        let _ = fs::remove_file(&session.path);
    }
}

fn interrupt(child: &Child) {
    // Safety: no memory is involved; the child has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
}

#[test]
fn nothing_but_messages_goes_into_a_pipe_or_beside_one() {
    on_board!();
    let values = object("tests/values.bpf.o");
    // Whoever reads our output may write to the terminal that our messages go to.
    let (terminal, other) = (Terminal::new(), Terminal::new());
    let mut command = full();
    command.args(["run", &values, "--json", "--duration", "4"]);
    command.stdout(Stdio::piped()).stderr(terminal.open());
    let beside_a_pipe = command.spawn().unwrap();
    drop(command);
    // And a file of messages has no line that is rewritten.
    let mut command = full();
    command.args([
        "run",
        &values,
        "--duration",
        "4",
        "--output",
        "/tmp/status.out",
    ]);
    command.stdout(other.open()).stderr(Stdio::piped());
    let into_a_pipe = command.spawn().unwrap();
    drop(command);
    let output = beside_a_pipe.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let output = into_a_pipe.wait_with_output().unwrap();
    sleep(Duration::from_millis(100));
    let text = terminal.text();
    assert!(
        text.lines().count() == 1 && text.contains("attached"),
        "{text:?}"
    );
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.lines().count() == 1 && !text.contains('\r'),
        "{text:?}"
    );
    let _ = fs::remove_file("/tmp/status.out");
}

#[test]
fn who_only_watches_maps_sees_that_it_runs() {
    on_board!();
    let terminal = Terminal::new();
    let mut command = full();
    let target = format!("target={}", std::process::id());
    command.args(["run", &object("tests/counts.bpf.o"), "--set", &target]);
    command.args(["--show", "counts"]);
    command
        .stdout(File::create("/tmp/status.out").unwrap())
        .stderr(terminal.open());
    let mut child = command.spawn().unwrap();
    drop(command);
    terminal.wait("\rbtfly: 00:00:01  Ctrl-C stops");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let _ = fs::remove_file("/tmp/status.out");
}

#[test]
fn the_largest_entries_are_a_screen_that_is_renewed() {
    on_board!();
    let terminal = Terminal::new();
    let mut command = full();
    let target = format!("target={}", std::process::id());
    command.args(["run", &object("tests/counts.bpf.o"), "--set", &target]);
    command.args([
        "--show",
        "counts",
        "--top",
        "2",
        "--by",
        "value",
        "--interval",
        "300ms",
    ]);
    command.stdout(terminal.open()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    // From the first corner, and nothing of what stood there stays.
    let screens = |text: &str| -> Vec<String> {
        text.split("\x1b[H\x1b[J")
            .skip(1)
            .map(|s| s.replace('\r', ""))
            .collect()
    };
    terminal.wait("\x1b[H\x1b[JKEY");
    for (number, times) in [(1, 1), (2, 2), (3, 3)] {
        (0..times).for_each(|_| prctl(number));
    }
    let whole = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect()
    };
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let all = screens(&terminal.text());
        if all
            .iter()
            .any(|screen| whole(screen) == ["KEY VALUE", "3 3", "2 2"])
        {
            break;
        }
        assert!(Instant::now() < end, "{all:#?}");
        sleep(Duration::from_millis(50));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    sleep(Duration::from_millis(100));
    let last = screens(&terminal.text()).pop().unwrap();
    assert_eq!(
        whole(&last),
        ["KEY VALUE", "3 3", "2 2"],
        "what it ends with"
    );
    assert_eq!(last.matches('\x1b').count(), 0, "{last:?}");
}
