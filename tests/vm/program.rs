//! Programs for the tests to start: busybox with arguments, and one that is as small as can be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A user who is not root, and owns nothing.
pub const NOBODY: u32 = 65534;

pub const BUSYBOX: &str = "/bin/busybox";

/// A word that no other program of the suite has among its arguments.
pub fn tag() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("tag-{}-{count}", std::process::id())
}

/// A program that was started and has ended.
pub struct Started {
    pub pid: u32,
}

/// Starts `busybox true ARGS…` and waits for its end.
pub fn start(args: &[&str]) -> Started {
    start_as(None, args)
}

/// The same as another user.
pub fn start_as(uid: Option<u32>, args: &[&str]) -> Started {
    let mut command = Command::new(BUSYBOX);
    command.arg("true").args(args);
    if let Some(uid) = uid {
        command.uid(uid);
    }
    finish(command)
}

/// Starts any command and waits for its end.
pub fn finish(mut command: Command) -> Started {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let pid = child.id();
    child.wait().unwrap();
    Started { pid }
}

/// Makes an executable file under /tmp and gives its path.
pub fn executable(name: &str, content: &[u8]) -> String {
    let path = format!("/tmp/{name}");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A complete arm64 program that only ends: exit(0). Thousands of it start in a short time.
pub fn tiny() -> String {
    let code: [u32; 3] = [0xd280_0ba8, 0xd280_0000, 0xd400_0001]; // mov x8, 93; mov x0, 0; svc 0
    let mut elf = Vec::new();
    elf.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |elf: &mut Vec<u8>, n: u16| elf.extend_from_slice(&n.to_le_bytes());
    let word = |elf: &mut Vec<u8>, n: u32| elf.extend_from_slice(&n.to_le_bytes());
    let long = |elf: &mut Vec<u8>, n: u64| elf.extend_from_slice(&n.to_le_bytes());
    let (base, headers) = (0x40_0000, 64 + 56);
    let size = headers + 4 * code.len() as u64;
    half(&mut elf, 2); // ET_EXEC
    half(&mut elf, 183); // EM_AARCH64
    word(&mut elf, 1);
    long(&mut elf, base + headers);
    long(&mut elf, 64); // program headers follow
    long(&mut elf, 0);
    word(&mut elf, 0);
    for n in [64, 56, 1, 64, 0, 0] {
        half(&mut elf, n);
    }
    word(&mut elf, 1); // PT_LOAD
    word(&mut elf, 5); // readable, executable
    for n in [0, base, base, size, size, 0x1_0000] {
        long(&mut elf, n);
    }
    for insn in code {
        word(&mut elf, insn);
    }
    executable("tiny", &elf)
}
