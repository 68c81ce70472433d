//! Worse places to run in: another user, system calls refused, BTF hidden.

use std::ffi::CStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::watch::full;

/// btfly as a user who is not root.
pub fn as_nobody() -> Command {
    let mut command = full();
    command
        .uid(crate::program::NOBODY)
        .gid(crate::program::NOBODY);
    command
}

/// btfly in a sandbox that answers EPERM to one system call.
pub fn without_syscall(number: libc::c_long) -> Command {
    without_syscall_of(full(), number)
}

/// The same of any command.
pub fn without_syscall_of(command: Command, number: libc::c_long) -> Command {
    let filter = vec![
        stmt(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0), // seccomp_data.nr
        jump(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            number as u32,
            0,
            1,
        ),
        stmt(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        stmt(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    filtered(command, filter)
}

/// A command whose system calls go through a filter.
fn filtered(mut command: Command, filter: Vec<libc::sock_filter>) -> Command {
    // Safety: between fork and exec only system calls are made, on memory that was moved in.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog {
                len: filter.len() as u16,
                filter: filter.as_ptr().cast_mut(),
            };
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            check(libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ))
        });
    }
    command
}

/// A command in a sandbox that answers EINVAL to questions about maps and programs, as kernels before 4.13 do.
pub fn without_map_info(command: Command) -> Command {
    const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let (refuse, allow) = (
        libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32,
        libc::SECCOMP_RET_ALLOW,
    );
    filtered(
        command,
        vec![
            stmt(load, 0), // seccomp_data.nr
            jump(equal, libc::SYS_bpf as u32, 0, 3),
            stmt(load, 16), // seccomp_data.args[0], its lower half
            jump(equal, BPF_OBJ_GET_INFO_BY_FD, 0, 1),
            stmt(libc::BPF_RET | libc::BPF_K, refuse),
            stmt(libc::BPF_RET | libc::BPF_K, allow),
        ],
    )
}

/// btfly where /sys/kernel/btf is empty.
pub fn without_btf() -> Command {
    hide_btf(full())
}

/// A command that runs where /sys/kernel/btf is empty.
pub fn hide_btf(mut command: Command) -> Command {
    // Safety: between fork and exec only system calls are made, on static memory.
    unsafe {
        command.pre_exec(|| {
            let (root, btf, tmpfs): (&CStr, &CStr, &CStr) = (c"/", c"/sys/kernel/btf", c"tmpfs");
            let null = std::ptr::null();
            check(libc::unshare(libc::CLONE_NEWNS))?;
            let private = libc::MS_REC | libc::MS_PRIVATE;
            check(libc::mount(null, root.as_ptr(), null, private, null.cast()))?;
            check(libc::mount(
                tmpfs.as_ptr(),
                btf.as_ptr(),
                tmpfs.as_ptr(),
                0,
                null.cast(),
            ))
        });
    }
    command
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn stmt(code: u32, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}
