//! A load that stays when its process ends: names in a folder of a BPF file system.
//!
//! Programs lie in the folder itself, maps in `maps` and links in `links` in it. In names the kernel takes
//! no dots: each becomes `_`.

mod error;
mod remove;

use std::ffi::CString;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use super::{Attached, Loaded};
use crate::sys::{bpf_pin, file};
pub use error::PinError;
pub use remove::{Removed, unpin};

/// The folders of maps and of links.
const MAPS: &str = "maps";
const LINKS: &str = "links";

impl Loaded<'_> {
    /// Pins programs, maps and links in `folder`, which is made if it is not there, and lets the links go
    /// on without this process. `attached` may have no links at all.
    ///
    /// # Errors
    /// [`PinError`]: a link that can't be pinned, no BPF file system, a folder that holds something, a
    /// name that is taken. Nothing is pinned then, and everything is detached.
    pub fn pin(&self, attached: Attached, folder: &str) -> Result<(), PinError> {
        let mut links = Vec::new();
        for (at, link) in &attached.links {
            let program = self.programs.get(*at).map_or("", |p| p.name.as_str());
            let found = link.bpf_links().map_err(|why| PinError::NoLink {
                program: program.into(),
                why,
            })?;
            // One for each place; that of one place alone is called as its program is.
            let several = found.len() > 1;
            for (number, fd) in found.into_iter().enumerate() {
                let name = match several {
                    true => format!("{program}_{number}"),
                    false => program.to_owned(),
                };
                links.push((name, fd));
            }
        }
        let mut made = Made::default();
        made.open(folder)?;
        for program in &self.programs {
            made.pin(folder, "program", &program.name, program.fd.as_fd())?;
        }
        if !self.maps.is_empty() {
            let maps = made.folder([folder, "/", MAPS].concat())?;
            for map in &self.maps {
                made.pin(&maps, "map", &map.name, map.fd.as_fd())?;
            }
        }
        if !links.is_empty() {
            let folder = made.folder([folder, "/", LINKS].concat())?;
            for (name, link) in links {
                made.pin(&folder, "link", &name, link)?;
            }
        }
        made.keep();
        self.keep_pins();
        attached
            .links
            .into_iter()
            .for_each(|(_, link)| link.leave());
        Ok(())
    }
}

/// What was made so far: dropping it removes all of it, the last first.
#[derive(Default)]
struct Made {
    pins: Vec<CString>,
    folders: Vec<String>,
}

impl Made {
    /// Makes the folder, or takes one that is there and empty.
    fn open(&mut self, path: &str) -> Result<(), PinError> {
        match bpf_pin::is_bpf_fs(path) {
            Ok(true) => match remove::entries(path)?.is_empty() {
                true => Ok(()),
                false => Err(PinError::NotEmpty {
                    folder: path.into(),
                }),
            },
            Err(Errno::NOENT) if bpf_pin::is_bpf_fs(parent(path)).unwrap_or(false) => {
                self.folder(path.into()).map(drop)
            }
            Ok(false) | Err(Errno::NOENT) => Err(PinError::NoBpfFs {
                folder: path.into(),
            }),
            Err(errno) => Err(PinError::folder(path, errno)),
        }
    }

    fn folder(&mut self, path: String) -> Result<String, PinError> {
        file::make_folder(&path).map_err(|errno| PinError::folder(&path, errno))?;
        self.folders.push(path.clone());
        Ok(path)
    }

    fn pin(
        &mut self,
        folder: &str,
        what: &'static str,
        name: &str,
        fd: BorrowedFd<'_>,
    ) -> Result<(), PinError> {
        let path = [folder, "/", &pin_name(name)].concat();
        let failed = |errno| PinError::Pin {
            what,
            path: path.clone(),
            errno,
        };
        let path = CString::new(path.as_str()).map_err(|_| failed(Errno::INVAL))?;
        bpf_pin::obj_pin(fd, &path).map_err(failed)?;
        self.pins.push(path);
        Ok(())
    }

    fn keep(mut self) {
        self.pins.clear();
        self.folders.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for pin in self.pins.iter().rev() {
            let _ = bpf_pin::unpin(pin);
        }
        for folder in self.folders.iter().rev() {
            let _ = bpf_pin::remove_folder(folder);
        }
    }
}

/// A name as the BPF file system takes it.
fn pin_name(name: &str) -> String {
    name.replace(['.', '/'], "_")
}

fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_neither_dots_nor_slashes() {
        assert_eq!(pin_name(".rodata.str1.1"), "_rodata_str1_1");
        assert_eq!(pin_name("../x"), "___x");
        assert_eq!(pin_name("events"), "events");
    }

    #[test]
    fn a_folder_outside_of_a_bpf_file_system_is_refused() {
        for path in ["/tmp", "/tmp/not-there", "/tmp/not-there/either", "/"] {
            let refused = Made::default().open(path);
            assert!(matches!(refused, Err(PinError::NoBpfFs { .. })), "{path}");
        }
    }
}
