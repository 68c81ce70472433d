//! Tracefs: where it is mounted, the ids and formats of tracepoints, and probes made by writing
//! to `kprobe_events` and `uprobe_events`.
//!
//! Source: the kernel's `Documentation/trace/kprobetrace.rst`, `uprobetracer.rst` and `events.rst`.

use super::file;
use rustix::fs::{Mode, OFlags};
use rustix::io::{self, Errno};

const TRACEFS_MAGIC: u64 = 0x7472_6163;
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// Formats of system call tracepoints are some 1.5 KB; none comes near this.
const MAX_FORMAT: usize = 64 * 1024;

/// The group that this program's probes are made in.
pub const GROUP: &str = "btfly";

/// The tracefs of this machine.
#[derive(Clone, Debug)]
pub struct Tracefs {
    root: String,
}

/// Whose code is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The kernel's.
    Kernel,
    /// That of programs and libraries.
    User,
}

impl Space {
    /// The file that probes are made by.
    fn events(self) -> &'static str {
        match self {
            Space::Kernel => "kprobe_events",
            Space::User => "uprobe_events",
        }
    }
}

/// What a probe is hit by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The function is entered, or its instruction at some offset is reached.
    Entry,
    /// The function returns.
    Return,
}

impl Tracefs {
    /// Looks for tracefs at its two usual places, then in the table of mounts. Nothing is mounted
    /// here, but where debugfs is, looking at its folder makes the kernel mount tracefs there.
    #[must_use]
    pub fn find() -> Option<Self> {
        let usual = PLACES.into_iter().find(|place| is_tracefs(place));
        let root = match usual {
            Some(place) => place.to_owned(),
            None => mounted_elsewhere()?,
        };
        Some(Tracefs { root })
    }

    /// The folder that it is mounted on.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The path of a file or folder inside.
    fn path(&self, parts: &[&str]) -> String {
        let mut path = self.root.clone();
        for part in parts {
            path.push('/');
            path.push_str(part);
        }
        path
    }

    /// The number by which perf_event_open(2) knows a tracepoint.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` where there is no such tracepoint, `EACCES` without permission;
    /// `EINVAL` where the names are not those of a tracepoint.
    pub fn tracepoint_id(&self, category: &str, name: &str) -> io::Result<u64> {
        if !is_event_name(category) || !is_event_name(name) {
            return Err(Errno::INVAL);
        }
        let id = file::read_number(&self.path(&["events", category, name, "id"]))?;
        u64::try_from(id).map_err(|_| Errno::INVAL)
    }

    /// The text of a tracepoint's `format` file: the fields of its record.
    ///
    /// # Errors
    /// As `tracepoint_id`; `EFBIG` where it exceeds 64 KiB.
    pub fn tracepoint_format(&self, category: &str, name: &str) -> io::Result<Vec<u8>> {
        if !is_event_name(category) || !is_event_name(name) {
            return Err(Errno::INVAL);
        }
        let file = file::open(self.path(&["events", category, name, "format"]))?;
        let mut text = Vec::new();
        loop {
            let start = text.len();
            if start >= MAX_FORMAT {
                return Err(Errno::FBIG);
            }
            text.resize(start + 4096, 0);
            let room = text.get_mut(start..).unwrap_or_default();
            let more = file::fill(&file, room)?.len();
            text.truncate(start + more);
            if more == 0 {
                return Ok(text);
            }
        }
    }

    /// The text of the `format` file of the tracepoint with this name, in whatever category it is.
    #[must_use]
    pub fn find_format(&self, name: &str) -> Option<Vec<u8>> {
        let folder = file::open(self.path(&["events"])).ok()?;
        let mut found = None;
        file::for_each_entry(&folder, &mut |category| {
            if found.is_none() {
                found = self.tracepoint_format(category, name).ok();
            }
        })
        .ok()?;
        found
    }

    /// Whether there is such a category of tracepoints.
    #[must_use]
    pub fn has_category(&self, category: &str) -> bool {
        is_event_name(category) && file::open(self.path(&["events", category])).is_ok()
    }

    /// Hands each name in a category to `name`.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` where there is no such category.
    pub fn for_each_tracepoint(
        &self,
        category: &str,
        name: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        if !is_event_name(category) {
            return Err(Errno::INVAL);
        }
        let folder = file::open(self.path(&["events", category]))?;
        file::for_each_entry(&folder, &mut |text| {
            // The folder holds `enable` and `filter` too.
            if text != "enable" && text != "filter" {
                name(text);
            }
        })
    }

    /// Whether this kernel makes such probes by writing to a file.
    #[must_use]
    pub fn has_events(&self, space: Space) -> bool {
        let path = self.path(&[space.events()]);
        rustix::fs::access(path, rustix::fs::Access::EXISTS).is_ok()
    }

    /// Makes a probe `GROUP/event` on a function, `offset` bytes behind its start.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` or `EINVAL` where there is no such function, `EEXIST` where the event
    /// exists (kernels 4.x take the duplicate silently).
    pub fn add_kprobe(
        &self,
        event: &str,
        function: &str,
        offset: u64,
        probe: Probe,
    ) -> io::Result<()> {
        if !is_symbol_name(function) {
            return Err(Errno::INVAL);
        }
        let mut place = function.to_owned();
        if offset != 0 {
            place.push('+');
            place.push_str(&offset.to_string());
        }
        self.add(Space::Kernel, event, &place, probe)
    }

    /// Makes a probe `GROUP/event` on byte `offset` of a file.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` where there is no such file, `EINVAL` where it is no regular one, where
    /// the offset is none of its, or where there are blanks in its name, which can't be written there;
    /// `EEXIST` where the event exists.
    #[cfg(feature = "full")]
    pub fn add_uprobe(&self, event: &str, path: &str, offset: u64, probe: Probe) -> io::Result<()> {
        if path.is_empty() || path.bytes().any(|b| b.is_ascii_whitespace() || b == 0) {
            return Err(Errno::INVAL);
        }
        let place = format!("{path}:{offset:#x}");
        self.add(Space::User, event, &place, probe)
    }

    fn add(&self, space: Space, event: &str, place: &str, probe: Probe) -> io::Result<()> {
        if !is_event_name(event) {
            return Err(Errno::INVAL);
        }
        let letter = match probe {
            Probe::Entry => "p:",
            Probe::Return => "r:",
        };
        self.write(space, &[letter, GROUP, "/", event, " ", place].concat())
    }

    /// Removes a probe that was made here.
    ///
    /// # Errors
    /// The kernel's: `EBUSY` while a perf event still holds it, `ENOENT` where it is gone.
    pub fn remove(&self, space: Space, event: &str) -> io::Result<()> {
        if !is_event_name(event) {
            return Err(Errno::INVAL);
        }
        self.write(space, &["-:", GROUP, "/", event].concat())
    }

    fn write(&self, space: Space, line: &str) -> io::Result<()> {
        // Without O_APPEND the kernel would first remove every probe of everybody.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
        let file = rustix::fs::open(self.path(&[space.events()]), flags, Mode::empty())?;
        let written = rustix::io::write(&file, [line, "\n"].concat().as_bytes())?;
        if written == line.len() + 1 {
            return Ok(());
        }
        Err(Errno::IO)
    }

    /// Hands each line of one of its files to `line`, until it answers `false`.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` where this kernel has no such file.
    #[cfg(feature = "full")]
    pub fn for_each_line(&self, name: &str, line: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
        file::for_each_line(&file::open(self.path(&[name]))?, line)
    }
}

fn is_tracefs(place: &str) -> bool {
    rustix::fs::statfs(place).is_ok_and(|fs| fs.f_type.cast_unsigned() == TRACEFS_MAGIC)
}

fn mounted_elsewhere() -> Option<String> {
    let mounts = file::open("/proc/self/mounts").ok()?;
    let mut found = None;
    file::for_each_line(&mounts, &mut |line| {
        found = tracefs_mount(line);
        found.is_none()
    })
    .ok()?;
    found
}

/// The folder of a line of /proc/self/mounts, where that is a tracefs. A folder with blanks in its
/// name is written with escapes, which nobody needs here.
fn tracefs_mount(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split(' ');
    let place = fields.nth(1)?;
    (fields.next()? == "tracefs" && !place.contains('\\')).then(|| place.to_owned())
}

/// Names of categories and events come from objects, and become parts of paths.
fn is_event_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
}

/// Names of functions come from objects too, and become parts of a line of `kprobe_events`, where
/// blanks, `+` and newlines have a meaning.
fn is_symbol_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 512
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder_or_line() {
        for good in ["sched", "sys_enter_execve", "ext4-x", "a.b", "x:y"] {
            assert!(is_event_name(good), "{good}");
        }
        for bad in ["", "..", ".", "a/b", "../x", "a b", "a\nb", "é"] {
            assert!(!is_event_name(bad), "{bad:?}");
        }
        for good in ["do_exit", "do_exit.isra.0", "$x"] {
            assert!(is_symbol_name(good), "{good}");
        }
        for bad in ["", "do_exit+4", "a b", "a\n-:x", "0x/1"] {
            assert!(!is_symbol_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_mount_line_tells_where_tracefs_is() {
        let cases: [(&str, Option<&str>); 4] = [
            (
                "tracefs /mnt/trace tracefs rw,nosuid 0 0",
                Some("/mnt/trace"),
            ),
            ("none /x tracefs rw 0 0", Some("/x")),
            ("debugfs /sys/kernel/debug debugfs rw 0 0", None),
            ("short", None),
        ];
        for (line, place) in cases {
            assert_eq!(tracefs_mount(line.as_bytes()).as_deref(), place, "{line}");
        }
    }
}
