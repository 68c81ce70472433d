//! Pins of maps: names in a BPF file system, which go again where the load fails.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::MapError;
use crate::sys::{bpf_pin, file};

/// Where maps are pinned that ask for it and nobody says where.
pub const DEFAULT_FOLDER: &str = "/sys/fs/bpf";

/// The folder in which maps are pinned by name. Where it was made here it goes again, unless there is
/// something in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: String,
    ours: bool,
}

impl Folder {
    /// The folder at `path`, made where it is not there.
    pub fn open(path: &str) -> Result<Folder, MapError> {
        let failed = |errno| MapError::PinFolder {
            folder: path.into(),
            errno,
        };
        let folder = |ours| Folder {
            path: path.into(),
            ours,
        };
        match bpf_pin::is_bpf_fs(path) {
            Ok(true) => Ok(folder(false)),
            Err(Errno::NOENT) if is_bpf_fs(parent(path)) => {
                file::make_folder(path).map_err(failed)?;
                Ok(folder(true))
            }
            Ok(false) | Err(Errno::NOENT) => Err(MapError::NoBpfFs {
                folder: path.into(),
            }),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// The path of a map in it.
    pub fn path_of(&self, map: &str) -> Result<String, MapError> {
        // The kernel takes no dots in these names, and a slash would lead elsewhere.
        if map.is_empty() || map.contains(['/', '.', '\0']) {
            return Err(MapError::PinName { map: map.into() });
        }
        Ok([self.path.trim_end_matches('/'), "/", map].concat())
    }

    /// Pins a map. `None` where somebody else has pinned one of that name meanwhile.
    pub fn pin(&self, map: &str, fd: BorrowedFd<'_>) -> Result<Option<Pin>, MapError> {
        let text = self.path_of(map)?;
        let path =
            CString::new(text.as_str()).map_err(|_| MapError::PinName { map: map.into() })?;
        match bpf_pin::obj_pin(fd, &path) {
            Ok(()) => Ok(Some(Pin {
                path,
                folder: self.ours.then(|| self.path.clone()),
                kept: AtomicBool::new(false),
            })),
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(MapError::Pin {
                map: map.into(),
                path: text,
                errno,
            }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.ours {
            let _ = bpf_pin::remove_folder(&self.path);
        }
    }
}

/// A pin that was made here: dropping it removes it, until it is kept.
#[derive(Debug)]
pub(in crate::load) struct Pin {
    path: CString,
    /// The folder that was made for it.
    folder: Option<String>,
    kept: AtomicBool,
}

impl Pin {
    /// Leaves the pin where it is.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            return;
        }
        let _ = bpf_pin::unpin(&self.path);
        if let Some(folder) = &self.folder {
            let _ = bpf_pin::remove_folder(folder);
        }
    }
}

fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

fn is_bpf_fs(path: &str) -> bool {
    bpf_pin::is_bpf_fs(path).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_stays_in_its_folder() {
        let folder = |path: &str| Folder {
            path: path.into(),
            ours: false,
        };
        let bpf = folder("/sys/fs/bpf/");
        assert_eq!(bpf.path_of("counts").unwrap(), "/sys/fs/bpf/counts");
        for name in ["", "..", "../../etc/x", "a/b", ".data", "a\0b"] {
            assert!(bpf.path_of(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_folder_outside_of_a_bpf_file_system_is_refused() {
        for path in ["/tmp", "/", "/tmp/not-there/either", "/tmp/not-there"] {
            assert!(
                matches!(Folder::open(path), Err(MapError::NoBpfFs { .. })),
                "{path}"
            );
        }
    }

    #[test]
    fn the_parent_of_a_path_is_the_folder_that_it_lies_in() {
        for (path, of) in [("/a/b", "/a"), ("/a/b/", "/a"), ("/a", "/"), ("a", ".")] {
            assert_eq!(parent(path), of, "{path}");
        }
    }
}
