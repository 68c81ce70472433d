//! Programs for the processes of a cgroup: by a link, before 5.7 by an attachment that is taken back.

use super::link::Link;
use super::{AttachError, Attacher, HookError};
use crate::sys::abi::ENOTSUPP;
use crate::sys::{Feature, bpf_link, file};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};

/// A program for a cgroup.
#[derive(Clone, Copy)]
pub struct OfCgroup<'p> {
    /// The program.
    pub prog: BorrowedFd<'p>,
    /// Its name.
    pub name: &'p str,
    /// What its section calls its kind.
    pub kind: &'p str,
    /// One of the attach types.
    pub attach_type: u32,
    /// The cgroup's folder; empty if nobody named it.
    pub folder: &'p str,
}

/// A program that is attached without a link. Dropping it detaches the program.
pub(super) struct Attachment {
    prog: OwnedFd,
    cgroup: OwnedFd,
    attach_type: u32,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // The cgroup may be gone, and the program with it.
        let _ = bpf_link::prog_detach(self.prog.as_fd(), self.cgroup.as_fd(), self.attach_type);
    }
}

impl Attacher<'_> {
    /// Attaches a program to a cgroup of version 2, by its folder.
    ///
    /// # Errors
    /// `AttachError`, which names the folder: none given, not there, no such cgroup, no permission.
    pub fn cgroup(&self, of: OfCgroup<'_>) -> Result<Link, AttachError> {
        if of.folder.is_empty() {
            let program = of.name.to_owned();
            return Err(HookError::NoCgroup { program }.into());
        }
        let subject = [of.kind, " ", of.folder].concat();
        let not = |why, errno| {
            let subject = subject.clone();
            AttachError::from(HookError::NotACgroup {
                subject,
                why,
                errno,
            })
        };
        let cgroup = file::open_folder(of.folder).map_err(|errno| match errno {
            Errno::NOENT => not("there is no such folder", errno),
            Errno::NOTDIR => not("it is no folder", errno),
            _ => AttachError::refused(&subject, errno),
        })?;
        self.attach_to(of, cgroup).map_err(|errno| match errno {
            Errno::BADF => not("the folder is no cgroup of version 2", errno),
            _ if errno.raw_os_error() == ENOTSUPP => {
                let subject = subject.clone();
                HookError::NoTrampolines { subject }.into()
            }
            // Whoever came first said that nobody else may.
            Errno::PERM if rustix::process::geteuid().is_root() => {
                let subject = subject.clone();
                HookError::Taken { subject, errno }.into()
            }
            _ => AttachError::refused(&subject, errno),
        })
    }

    fn attach_to(&self, of: OfCgroup<'_>, cgroup: OwnedFd) -> io::Result<Link> {
        if self.features.has(Feature::BpfLink) {
            let link = bpf_link::link_create_cgroup(of.prog, cgroup.as_fd(), of.attach_type)?;
            return Ok(Link::bare(link));
        }
        let prog = of.prog.try_clone_to_owned().map_err(|_| Errno::MFILE)?;
        bpf_link::prog_attach(of.prog, cgroup.as_fd(), of.attach_type)?;
        Ok(Link::of_cgroup(Attachment {
            prog,
            cgroup,
            attach_type: of.attach_type,
        }))
    }
}
