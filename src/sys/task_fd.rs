//! Which program a descriptor of a process stands for: perf events, and tracepoints opened by bpf(2).
//!
//! Source: `bpf_task_fd_query` in the kernel's `kernel/bpf/syscall.c`.

use super::abi::{BPF_TASK_FD_QUERY, TaskFdAttr};
use super::bpf_call::{call, length};
use super::file;
use rustix::io;

/// What a program is attached to by a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The process.
    pub pid: u32,
    /// Its descriptor.
    pub fd: u32,
    /// The program.
    pub prog_id: u32,
    /// One of `BPF_FD_TYPE_*`.
    pub kind: u32,
    /// The tracepoint, function or file; may be empty.
    pub name: String,
    /// Bytes from there on.
    pub offset: u64,
    /// Where it is, if it has no name.
    pub address: u64,
}

/// Asks about one descriptor (`BPF_TASK_FD_QUERY`, 4.18).
///
/// # Errors
/// The kernel's: 524 where it stands for no program; `EPERM`.
pub fn query(pid: u32, fd: u32) -> io::Result<Attached> {
    // The longest path.
    let mut name = [0u8; 4096];
    let mut attr = TaskFdAttr {
        pid,
        fd,
        buf_len: length(name.len())?,
        buf: name.as_mut_ptr() as u64,
        ..TaskFdAttr::default()
    };
    // Safety: the kernel writes at most the bytes that it is told of, which `name` has.
    unsafe { call(BPF_TASK_FD_QUERY, &mut attr) }?;
    let text = name.split(|&b| b == 0).next().unwrap_or_default();
    Ok(Attached {
        pid,
        fd,
        prog_id: attr.prog_id,
        kind: attr.fd_type,
        name: String::from_utf8_lossy(text).into_owned(),
        offset: attr.probe_offset,
        address: attr.probe_addr,
    })
}

/// Hands over every such descriptor of every process, until it is answered `false`.
///
/// # Errors
/// The kernel's, where there is no /proc; `EPERM` where nothing may be asked.
pub fn for_each(each: &mut dyn FnMut(Attached) -> bool) -> io::Result<()> {
    let own = std::process::id();
    // What is not permitted is not permitted of a descriptor of our own either.
    match query(own, 0) {
        Err(error) if error == io::Errno::PERM || error == io::Errno::INVAL => return Err(error),
        _ => {}
    }
    let mut pids = Vec::new();
    file::for_each_entry(&file::open_folder("/proc")?, &mut |name| {
        pids.extend(name.parse::<u32>())
    })?;
    for pid in pids {
        let mut fds = Vec::new();
        // It may end while we look.
        let Ok(folder) = file::open_folder(&format!("/proc/{pid}/fd")) else {
            continue;
        };
        let _ = file::for_each_entry(&folder, &mut |name| fds.extend(name.parse::<u32>()));
        for fd in fds {
            if let Ok(found) = query(pid, fd)
                && !each(found)
            {
                return Ok(());
            }
        }
    }
    Ok(())
}
