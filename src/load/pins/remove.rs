//! Removing what was pinned, and nothing else.

use std::ffi::CString;

use rustix::io::Errno;

use super::{LINKS, MAPS, PinError};
use crate::sys::{bpf_pin, file};

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// What it was: link, program, map or folder.
    pub what: &'static str,
    /// Its path.
    pub path: String,
}

/// Removes what [`Loaded::pin`](crate::load::Loaded::pin) left in `folder`, and the folder: links first, which
/// detaches programs that nobody else holds. Everything in it is looked at before anything is removed.
///
/// # Errors
/// [`PinError`]: not in a BPF file system, or something in it that was not pinned so.
pub fn unpin(folder: &str) -> Result<Vec<Removed>, PinError> {
    match bpf_pin::is_bpf_fs(folder) {
        Ok(true) => {}
        Ok(false) => {
            return Err(PinError::NotBpfFs {
                folder: folder.into(),
            });
        }
        Err(errno) => return Err(PinError::folder(folder, errno)),
    }
    let folder = match folder.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let (mut links, mut programs, mut maps) = (Vec::new(), Vec::new(), Vec::new());
    let mut folders = Vec::new();
    for name in entries(folder)? {
        let path = [folder, "/", &name].concat();
        let inside = match name.as_str() {
            MAPS => Some(("map", &mut maps)),
            LINKS => Some(("link", &mut links)),
            _ => None,
        };
        match inside {
            Some((what, list)) if is_folder(&path)? => {
                for name in entries(&path)? {
                    list.push(pin(what, [&path, "/", &name].concat())?);
                }
                folders.push(Removed {
                    what: "folder",
                    path,
                });
            }
            _ => programs.push(pin("program", path)?),
        }
    }
    folders.push(Removed {
        what: "folder",
        path: folder.into(),
    });
    let mut removed = Vec::new();
    for each in [links, programs, maps].into_iter().flatten() {
        let path = CString::new(each.path.as_str()).map_err(|_| Errno::INVAL);
        path.and_then(|path| bpf_pin::unpin(&path))
            .map_err(|errno| PinError::folder(&each.path, errno))?;
        removed.push(each);
    }
    for each in folders {
        bpf_pin::remove_folder(&each.path).map_err(|errno| PinError::folder(&each.path, errno))?;
        removed.push(each);
    }
    Ok(removed)
}

/// Makes sure that a path is the pin of such a thing.
fn pin(what: &'static str, path: String) -> Result<Removed, PinError> {
    let name = CString::new(path.as_str()).map_err(|_| PinError::folder(&path, Errno::INVAL))?;
    // Of another kind of file the kernel says EACCES.
    let fits = match bpf_pin::obj_get(&name) {
        Ok(fd) => {
            use rustix::fd::AsFd;
            let kind = bpf_pin::kind_of(fd.as_fd());
            // Without /proc nobody can say, and it is a pin at least.
            kind.is_none_or(|kind| {
                kind.ends_with(match what {
                    "program" => "prog",
                    what => what,
                })
            })
        }
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => return Err(PinError::folder(&path, errno)),
        Err(_) => false,
    };
    match fits {
        true => Ok(Removed { what, path }),
        false => Err(PinError::Foreign { path }),
    }
}

/// What is in a folder, in the order of names.
pub(super) fn entries(path: &str) -> Result<Vec<String>, PinError> {
    let mut names = Vec::new();
    file::open_folder(path)
        .and_then(|folder| file::for_each_entry(&folder, &mut |name| names.push(name.to_owned())))
        .map_err(|errno| PinError::folder(path, errno))?;
    names.sort();
    Ok(names)
}

fn is_folder(path: &str) -> Result<bool, PinError> {
    match file::open_folder(path) {
        Ok(_) => Ok(true),
        Err(Errno::NOTDIR) => Ok(false),
        Err(errno) => Err(PinError::folder(path, errno)),
    }
}
