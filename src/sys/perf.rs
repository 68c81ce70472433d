//! perf_event_open(2) and the ioctls of a perf event.
//!
//! Source: perf_event_open(2) and the kernel's `kernel/events/core.c`.

use super::abi::{
    PERF_ATTR_SIZE_VER0, PERF_ATTR_SIZE_VER1, PERF_ATTR_SIZE_VER2, PERF_ATTR_SIZE_VER3,
    PERF_ATTR_SIZE_VER5, PERF_ATTR_SIZE_VER9, PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_ENABLE,
    PERF_EVENT_IOC_SET_BPF, PERF_FLAG_FD_CLOEXEC, PerfEventAttr,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{self, Errno};
#[cfg(feature = "full")]
use std::num::NonZeroU32;

/// Turns the answer of libc's `syscall` into a number or the kernel's error.
pub(super) fn answer(answer: libc::c_long) -> io::Result<u32> {
    if answer >= 0 {
        return u32::try_from(answer).map_err(|_| Errno::OVERFLOW);
    }
    Err(last_error())
}

/// The error of the C library's last failed call.
pub(super) fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All processes on this CPU.
    Cpu(u32),
    /// One process, on whatever CPU it runs.
    #[cfg(feature = "full")]
    Process(NonZeroU32),
}

/// Opens a perf event, close-on-exec.
///
/// # Errors
/// The kernel's: `ESRCH` where there is no such process.
pub fn open_plain(attr: &PerfEventAttr, scope: Scope) -> io::Result<OwnedFd> {
    if attr.config1 != 0 {
        // An address there is the business of `sys::probe_pmu`.
        return Err(Errno::INVAL);
    }
    // Safety: without config1 no event type reads memory of ours by the attribute.
    unsafe { open(attr, scope) }
}

/// Opens a perf event for all processes on one CPU, close-on-exec.
///
/// # Errors
/// The kernel's.
pub fn open_on_cpu(attr: &PerfEventAttr, cpu: u32) -> io::Result<OwnedFd> {
    open_plain(attr, Scope::Cpu(cpu))
}

/// # Safety
/// Every address in the attribute is valid for what the event type does with it.
pub(super) unsafe fn open(attr: &PerfEventAttr, scope: Scope) -> io::Result<OwnedFd> {
    let attr = PerfEventAttr {
        size: used_size(attr),
        ..*attr
    };
    // -1 stands for every process, and for every CPU.
    let (process, cpu): (libc::pid_t, libc::c_int) = match scope {
        Scope::Cpu(cpu) => (-1, cpu.cast_signed()),
        #[cfg(feature = "full")]
        Scope::Process(pid) => (pid.get().cast_signed(), -1),
    };
    let no_group: libc::c_int = -1;
    // Safety: `attr` is whole, and `size` says how much of it counts.
    let fd = answer(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            process,
            cpu,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    })?;
    // Safety: the kernel just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.cast_signed()) })
}

/// The smallest published size that holds every field in use, so that an old kernel takes it.
fn used_size(attr: &PerfEventAttr) -> u32 {
    if attr.config3 | attr.config4 | attr.sig_data != 0
        || attr.aux_sample_size | attr.aux_action != 0
    {
        return PERF_ATTR_SIZE_VER9;
    }
    if attr.sample_regs_intr != 0 || attr.aux_watermark != 0 || attr.sample_max_stack != 0 {
        return PERF_ATTR_SIZE_VER5;
    }
    if attr.sample_regs_user != 0 || attr.sample_stack_user != 0 || attr.clockid != 0 {
        return PERF_ATTR_SIZE_VER3;
    }
    if attr.branch_sample_type != 0 {
        return PERF_ATTR_SIZE_VER2;
    }
    if attr.config2 != 0 {
        return PERF_ATTR_SIZE_VER1;
    }
    PERF_ATTR_SIZE_VER0
}

fn ioctl(event: BorrowedFd<'_>, request: u32, argument: u32) -> io::Result<()> {
    // Safety: the requests used here take a number, never an address.
    answer(unsafe {
        libc::syscall(
            libc::SYS_ioctl,
            event.as_raw_fd(),
            libc::c_ulong::from(request),
            libc::c_ulong::from(argument),
        )
    })
    .map(drop)
}

/// Starts an event (`PERF_EVENT_IOC_ENABLE`).
///
/// # Errors
/// The kernel's.
pub fn enable(event: BorrowedFd<'_>) -> io::Result<()> {
    ioctl(event, PERF_EVENT_IOC_ENABLE, 0)
}

/// Stops an event (`PERF_EVENT_IOC_DISABLE`).
///
/// # Errors
/// The kernel's.
pub fn disable(event: BorrowedFd<'_>) -> io::Result<()> {
    ioctl(event, PERF_EVENT_IOC_DISABLE, 0)
}

/// Attaches a program to an event for as long as the event is open (`PERF_EVENT_IOC_SET_BPF`).
///
/// # Errors
/// The kernel's: `EEXIST` where a kernel before 4.15 has a program on that event already.
pub fn set_bpf(event: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> io::Result<()> {
    let prog = prog.as_raw_fd().cast_unsigned();
    ioctl(event, PERF_EVENT_IOC_SET_BPF, prog)
}

/// Has `event` write into the ring of `ring`, an event of the same CPU (`PERF_EVENT_IOC_SET_OUTPUT`).
///
/// # Errors
/// The kernel's: `EINVAL` where the CPUs or clocks differ.
#[cfg(feature = "full")]
pub fn set_output(event: BorrowedFd<'_>, ring: BorrowedFd<'_>) -> io::Result<()> {
    let ring = ring.as_raw_fd().cast_unsigned();
    ioctl(event, super::abi::PERF_EVENT_IOC_SET_OUTPUT, ring)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_is_as_small_as_its_fields_allow() {
        let plain = PerfEventAttr::default();
        assert_eq!(used_size(&plain), 64);
        let offset = PerfEventAttr {
            config2: 4,
            ..plain
        };
        assert_eq!(used_size(&offset), 72);
        let newest = PerfEventAttr {
            config4: 1,
            ..plain
        };
        assert_eq!(used_size(&newest), 144);
    }

    #[test]
    fn an_address_is_refused_where_none_belongs() {
        let attr = PerfEventAttr {
            config1: 0x1000,
            ..PerfEventAttr::default()
        };
        assert_eq!(open_on_cpu(&attr, 0).unwrap_err(), Errno::INVAL);
    }
}
