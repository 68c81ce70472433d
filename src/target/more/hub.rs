//! Where the BTF of a kernel lies by its name: in a folder laid out like BTFHub's archive, and at
//! the places where distributions put a vmlinux.

use crate::sys::{file, kernel};
use crate::target::TargetError;

/// Where distributions put the vmlinux of release R.
const VMLINUX: [&str; 8] = [
    "/boot/vmlinux-R",
    "/lib/modules/R/vmlinux-R",
    "/lib/modules/R/build/vmlinux",
    "/usr/lib/modules/R/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-R",
    "/usr/lib/debug/boot/vmlinux-R.debug",
    "/usr/lib/debug/lib/modules/R/vmlinux",
    "/usr/lib/debug/lib/modules/R/vmlinux.debug",
];

/// What files of BTF are called behind the release.
const ENDINGS: [&str; 2] = [".btf", ".btf.tar.xz"];

/// The usual places of a vmlinux for the running kernel, whether there is one or not.
pub(super) fn vmlinux() -> impl Iterator<Item = String> {
    let release = kernel::release();
    VMLINUX
        .iter()
        .map(move |place| place.replace('R', &release))
}

/// What the kernel's BTF is called: by the distribution's words, uname's machine and its release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelName {
    /// ID and VERSION_ID of /etc/os-release.
    pub distribution: Option<(String, String)>,
    pub machine: String,
    pub release: String,
}

impl KernelName {
    pub fn running() -> KernelName {
        let mut buffer = [0; 4096];
        let text = ["/etc/os-release", "/usr/lib/os-release"]
            .into_iter()
            .find_map(|path| {
                let len = file::read(path, &mut buffer).ok()?.len();
                core::str::from_utf8(buffer.get(..len)?)
                    .ok()
                    .map(str::to_owned)
            });
        KernelName {
            distribution: text.and_then(|text| distribution(&text)),
            machine: kernel::machine(),
            release: kernel::release(),
        }
    }

    /// Whether a folder of this name is for its machine. BTFHub has both names for one, by distribution.
    pub fn is_machine(&self, name: &str) -> bool {
        self.machine == name || self.other_machine() == Some(name)
    }

    fn other_machine(&self) -> Option<&'static str> {
        (self.machine == "aarch64").then_some("arm64")
    }

    /// Where its BTF may be below a folder, without the ending.
    pub fn places(&self) -> Vec<String> {
        let mut places = Vec::new();
        if let Some((id, version)) = &self.distribution {
            let machines = [Some(self.machine.as_str()), self.other_machine()];
            for machine in machines.into_iter().flatten() {
                places.push([id, version, machine, &self.release].join("/"));
            }
        }
        places.push(self.release.clone());
        places
    }
}

/// The BTF of the running kernel in a folder: `id/version/machine/release.btf[.tar.xz]`, as in
/// BTFHub's archive, or `release.btf[.tar.xz]` right in it.
pub(super) fn find(folder: &str) -> Result<String, TargetError> {
    let places = KernelName::running().places();
    for place in &places {
        for ending in ENDINGS {
            let path = [folder.trim_end_matches('/'), "/", place, ending].concat();
            if file::open(&path).is_ok() {
                return Ok(path);
            }
        }
    }
    let tried = places
        .iter()
        .map(|place| [place.as_str(), ".btf[.tar.xz]"].concat());
    let tried: Vec<String> = tried.collect();
    Err(TargetError::Folder {
        folder: folder.into(),
        tried: tried.join(", "),
    })
}

/// ID and VERSION_ID of an os-release file.
fn distribution(text: &str) -> Option<(String, String)> {
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let value = line.trim_ascii().trim_matches(['"', '\'']);
        // It becomes a part of a path.
        (!value.is_empty() && !value.contains('/') && value != "..").then(|| value.to_owned())
    };
    Some((value("ID")?, value("VERSION_ID")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_looked_for_by_distribution_and_then_by_release_alone() {
        let text = "NAME=\"CentOS Linux\"\nVERSION=\"8 (Core)\"\nID=\"centos\"\nVERSION_ID=\"8\"\n";
        let name = KernelName {
            distribution: distribution(text),
            machine: "aarch64".into(),
            release: "4.18.0-147".into(),
        };
        assert_eq!(
            name.places(),
            [
                "centos/8/aarch64/4.18.0-147",
                "centos/8/arm64/4.18.0-147",
                "4.18.0-147"
            ]
        );
        for other in [
            "ID=x\n",
            "",
            "ID=..\nVERSION_ID=1\n",
            "ID=a/b\nVERSION_ID=1\n",
        ] {
            assert_eq!(distribution(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_is_searched_and_what_is_not_there_is_told() {
        let folder = std::env::temp_dir().join(format!("btfly-hub-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.to_str().unwrap();
        let release = kernel::release();
        let missing = find(path).unwrap_err();
        assert!(
            missing
                .to_string()
                .contains(&format!("{release}.btf[.tar.xz]")),
            "{missing}"
        );
        let name = [path, "/", &release, ".btf.tar.xz"].concat();
        std::fs::write(&name, "").unwrap();
        assert_eq!(find(path), Ok(name));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
