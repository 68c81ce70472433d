//! Iterators: a link stands for one, and each reader of it makes the program go through all there is.

use super::link::Link;
use super::{AttachError, Attacher, HookError};
use crate::sys::bpf_link;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// An iterator program.
#[derive(Clone, Copy)]
pub struct IterProgram<'p> {
    /// The program.
    pub prog: BorrowedFd<'p>,
    /// Its name.
    pub name: &'p str,
    /// What it goes through, such as `task`.
    pub target: &'p str,
    /// The map whose elements it goes through, for those that want one.
    pub map: Option<BorrowedFd<'p>>,
}

impl Attacher<'_> {
    /// Makes a link of an iterator; nothing runs until it is read.
    ///
    /// # Errors
    /// `AttachError`, which names the target: a map is wanted, no permission.
    pub fn iterator(&self, iterator: IterProgram<'_>) -> Result<Link, AttachError> {
        let IterProgram {
            prog, name, target, ..
        } = iterator;
        let subject = ["iter ", target].concat();
        match bpf_link::link_create_iter(prog, iterator.map) {
            Ok(link) => Ok(Link::bare(link)),
            // What the kernel answers to no map at all is EBADF.
            Err(Errno::BADF | Errno::INVAL) if iterator.map.is_none() && wants_map(target) => {
                Err(HookError::NoMap {
                    subject,
                    program: name.to_owned(),
                    target: target.to_owned(),
                }
                .into())
            }
            Err(errno) => Err(AttachError::refused(&subject, errno)),
        }
    }
}

/// Whether the name of an iterator is that of one over a map's elements.
fn wants_map(target: &str) -> bool {
    target.ends_with("map_elem") || target.ends_with("_map") || target == "sockmap"
}

/// What an iterator has to say, read piece by piece.
pub struct Reading {
    fd: OwnedFd,
    subject: String,
}

impl Reading {
    /// Makes the iterator of a link run, for its target.
    ///
    /// # Errors
    /// `AttachError`: the kernel refuses.
    pub fn of(link: &Link, target: &str) -> Result<Reading, AttachError> {
        let subject = ["iter ", target].concat();
        let opened = match link.bpf_link() {
            Some(link) => bpf_link::iter_create(link),
            None => Err(Errno::BADF),
        };
        match opened {
            Ok(fd) => Ok(Reading { fd, subject }),
            Err(errno) => Err(AttachError::refused(&subject, errno)),
        }
    }

    /// The next bytes, as many as there are and `buffer` holds; 0 at the end.
    ///
    /// # Errors
    /// `AttachError`: the program said more of one thing than the kernel passes on, or failed.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, AttachError> {
        bpf_link::iter_read(&self.fd, buffer).map_err(|errno| {
            let subject = self.subject.clone();
            HookError::Iterator { subject, errno }.into()
        })
    }
}
