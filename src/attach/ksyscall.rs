//! Kprobes on system calls by their plain names: which function enters one depends on the machine
//! and the kernel.

use super::kprobe::Failure;
use super::link::Link;
use super::{AttachError, Attacher, Probe, Prog};
use rustix::io::Errno;

/// Prefixes in the order in which they are tried. The wrapper came in 4.17 on x86 and in 4.19 on
/// arm64, and passes the registers of the caller; before it, the function took the arguments.
#[cfg(target_arch = "aarch64")]
const PREFIXES: [&str; 3] = ["__arm64_sys_", "__se_sys_", "sys_"];
#[cfg(target_arch = "x86_64")]
const PREFIXES: [&str; 3] = ["__x64_sys_", "__se_sys_", "sys_"];

impl Attacher<'_> {
    /// Attaches a kprobe program to the system call `name` (`execve`), or to its return.
    ///
    /// # Errors
    /// `AttachError`, which names the call: not there under any of its names, no kprobes in this
    /// kernel, no permission.
    pub fn ksyscall(&self, prog: Prog<'_>, name: &str, probe: Probe) -> Result<Link, AttachError> {
        let subject = match probe {
            Probe::Entry => ["ksyscall ", name].concat(),
            Probe::Return => ["kretsyscall ", name].concat(),
        };
        // Trying is much cheaper than searching /proc/kallsyms for which of them is there.
        let mut last = Failure::Errno(Errno::NOENT);
        for prefix in PREFIXES {
            let function = [prefix, name].concat();
            match self.open_kprobe(&function, 0, probe) {
                Ok(event) => return self.bind(prog, event, &subject),
                Err(failure) if failure.may_be_missing() => last = failure,
                Err(failure) => return Err(AttachError::of_kprobe(failure, &subject, &function)),
            }
        }
        match last {
            Failure::Errno(_) => Err(AttachError::NoSystemCall {
                name: name.to_owned(),
                first: [PREFIXES[0], name].concat(),
            }),
            other => Err(AttachError::of_kprobe(other, &subject, name)),
        }
    }
}
