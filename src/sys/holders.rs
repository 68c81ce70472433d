//! Which processes hold what: by the lines that /proc has about each descriptor.
//!
//! Source: the `show_fdinfo` functions in the kernel's `kernel/bpf/`.

use super::file;
use rustix::io;

/// A process that holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// What it calls itself.
    pub comm: String,
    /// The id of what it holds.
    pub id: u32,
}

/// Every process that holds something whose line in fdinfo begins with `field`, such as `prog_id:`, each
/// thing once for a process. What may not be looked into is passed over.
///
/// # Errors
/// The kernel's, where there is no /proc.
pub fn holders(field: &str) -> io::Result<Vec<Holder>> {
    let mut pids = Vec::new();
    let proc = file::open_folder("/proc")?;
    file::for_each_entry(&proc, &mut |name| pids.extend(name.parse::<u32>()))?;
    let mut found = Vec::new();
    for pid in pids {
        let from = found.len();
        // It may end while we look.
        let _ = of(pid, field, &mut found);
        let Some(new) = found.get_mut(from..).filter(|new| !new.is_empty()) else {
            continue;
        };
        let mut buffer = [0; 32];
        let comm = file::read(&format!("/proc/{pid}/comm"), &mut buffer).unwrap_or_default();
        let comm = String::from_utf8_lossy(comm);
        for holder in new {
            holder.comm = comm.trim_end_matches('\n').into();
        }
    }
    Ok(found)
}

fn of(pid: u32, field: &str, found: &mut Vec<Holder>) -> io::Result<()> {
    let fds = format!("/proc/{pid}/fd");
    let mut names = Vec::new();
    file::for_each_entry(&file::open_folder(&fds)?, &mut |name| {
        names.push(name.to_owned())
    })?;
    let from = found.len();
    for name in names {
        let target = rustix::fs::readlink([&fds, "/", &name].concat(), Vec::new());
        // `bpf-map`, `bpf-prog`, `bpf_link`, `btf`.
        let ours = target.is_ok_and(|target| {
            let target = target.to_bytes();
            target.starts_with(b"anon_inode:b") || target.starts_with(b"anon_inode:[b")
        });
        if !ours {
            continue;
        }
        let mut buffer = [0; 4096];
        let path = format!("/proc/{pid}/fdinfo/{name}");
        let Ok(text) = file::read(&path, &mut buffer) else {
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let id = value(&text, field).and_then(|id| id.parse().ok());
        let Some(id) = id else {
            continue;
        };
        let known = found.get(from..).unwrap_or_default();
        if known.iter().all(|holder| holder.id != id) {
            found.push(Holder {
                pid,
                comm: String::new(),
                id,
            });
        }
    }
    Ok(())
}

/// What stands behind a field in fdinfo.
#[must_use]
pub fn value<'t>(text: &'t str, field: &str) -> Option<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_fdinfo_is_found_by_its_whole_name() {
        let text = "pos:\t0\nprog_type:\t17\nprog_id:\t9\nmap_id:\t\n";
        assert_eq!(value(text, "prog_id:"), Some("9"));
        assert_eq!(value(text, "map_id:"), Some(""));
        assert_eq!(value(text, "id:"), None);
    }

    #[test]
    fn nobody_holds_what_nobody_writes() {
        assert_eq!(holders("no such field:"), Ok(Vec::new()));
    }
}
