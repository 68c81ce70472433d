//! Names in the BPF file system for what is loaded already.

use std::ffi::CString;

use btfly::sys::bpf_pin::obj_pin;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use super::super::{Class, Failure};
use super::{Kind, Words, find_one, no_more, refused};

/// A path as the kernel takes it.
pub fn path(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::usage("a path has no zero bytes in it"))
}

/// `pin OBJECT PATH`.
pub fn pin(kind: &Kind, words: &Words<'_>) -> Result<(), Failure> {
    let (fd, rest) = find_one(kind, &words.words)?;
    let [to, rest @ ..] = rest else {
        return Err(
            Failure::usage(format!("pin: where is the {} pinned?", kind.what))
                .with_hint("the last word is a path such as /sys/fs/bpf/NAME"),
        );
    };
    no_more("pin", rest)?;
    pin_at(&fd, to)
}

/// Pins what is open.
pub fn pin_at(fd: &impl rustix::fd::AsFd, to: &str) -> Result<(), Failure> {
    let fd: BorrowedFd<'_> = fd.as_fd();
    obj_pin(fd, &path(to)?).map_err(|error| match error {
        Errno::EXIST => Failure::usage(format!("{to} is there already")),
        // What the kernel answers of a folder of another file system.
        Errno::PERM if btfly::sys::bpf_pin::is_bpf_fs(folder(to)) == Ok(false) => {
            Failure::new(Class::Missing, format!("{to} is in no BPF file system"))
                .with_hint("mount -t bpf bpf /sys/fs/bpf, and pin in there")
        }
        Errno::NOENT => Failure::usage(format!("{to}: its folder is not there"))
            .with_hint("make it by mkdir, in a BPF file system"),
        error => refused(to, error),
    })
}

fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}
