//! The machine that the suite runs on: which kernel of the matrix, and what it has.

use std::env;
use std::path::{Path, PathBuf};

/// A kernel of the matrix.
pub struct Board {
    name: String,
}

impl Board {
    /// The board that this runs on; `None` outside the VM suite, where a test has to return.
    pub fn here() -> Option<Board> {
        let name = env::var("BTFLY_KERNEL").ok()?;
        crate::guard::test_begins();
        Some(Board { name })
    }

    /// Its name in the matrix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A module of this kernel, one of Debian's.
    pub fn module(&self, module: &str) -> PathBuf {
        Path::new("/modules").join([&self.name, ".", module, ".ko"].concat())
    }

    /// The archive with this kernel's BTF, for one that has none of its own. The kernel without kprobes
    /// lays out its tasks as the one with them does.
    pub fn archive(&self) -> Option<PathBuf> {
        let folder: PathBuf = env::var_os("BTFLY_BTF").expect("BTFLY_BTF").into();
        let name = self.name.trim_end_matches("-nokprobe");
        let archive = folder.join([name, ".btf.tar.xz"].concat());
        archive.exists().then_some(archive)
    }

    /// Whether /sys/kernel/btf is there. The small board kernels were built without.
    pub fn has_btf(&self) -> bool {
        !self.name.starts_with("board")
    }

    pub fn has_kprobes(&self) -> bool {
        self.name != "board-nokprobe"
    }
}

/// The first two numbers of the kernel's release.
pub fn version() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// How many pages of memory the machine has, without what the kernel itself takes.
pub fn pages_of_memory() -> usize {
    // Safety: a plain question to the kernel.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    usize::try_from(pages).unwrap()
}

/// The file of a shipped object, such as `hello.bpf.o` or `tests/relo.bpf.o`.
pub fn object(name: &str) -> String {
    let folder: PathBuf = env::var_os("BTFLY_OBJECTS").expect("BTFLY_OBJECTS").into();
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

/// Runs the body of a test on a board, and nothing elsewhere.
macro_rules! on_board {
    ($board:ident) => {
        let Some($board) = crate::board::Board::here() else {
            return;
        };
    };
    () => {
        if crate::board::Board::here().is_none() {
            return;
        }
    };
}
pub(crate) use on_board;

#[test]
fn the_kernel_is_the_one_that_the_suite_says() {
    on_board!(board);
    let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
    assert_eq!(btf, board.has_btf(), "BTF on {}", board.name);
    let events = Path::new("/sys/kernel/tracing/kprobe_events").exists();
    assert_eq!(events, board.has_kprobes(), "kprobes on {}", board.name);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if board.name.starts_with(|c: char| c.is_ascii_digit()) && board.name != "16k" {
        let prefix = board.name.trim_end_matches('x');
        assert!(release.starts_with(prefix), "{release} on {}", board.name);
    }
    // Safety of nothing depends on it: a plain question to the kernel.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let expected = match board.name.as_str() {
        "16k" => 16384,
        "board-64k" => 65536,
        _ => 4096,
    };
    assert_eq!(page, expected, "page size on {}", board.name);
}
