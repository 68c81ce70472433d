//! The kernels that objects are held against, each by the file that has its types.

use btfly::relocate::Target;
use btfly::sys::{file, kernel};
use btfly::target::{Kernel, NoTypes, Wanted, open_btf};

use super::super::{Failure, btf_files};

/// Where a kernel's types are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the running kernel.
    Running,
    /// Nowhere.
    None,
    /// In this file.
    File(String),
}

/// A kernel to hold objects against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub place: Place,
    /// What people call it: the release, where the file's name has it.
    pub label: String,
}

/// Whether a path is more likely a kernel's types than an object: a folder, or called so.
pub fn is_one(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    btf_files::stem(name).is_some()
        || name.starts_with("vmlinux")
        || file::open_folder(path).is_ok()
}

/// All kernels that the values of `--btf` mean. `release` picks one out of a folder.
pub fn find(given: &[String], release: Option<&str>) -> Result<Vec<Candidate>, Failure> {
    let mut found = Vec::new();
    for path in given {
        if path == "none" {
            found.push(Candidate {
                place: Place::None,
                label: "no BTF".into(),
            });
            continue;
        }
        let opened =
            file::open(path.as_str()).map_err(|e| Failure::other(format!("{path}: {e}")))?;
        if !file::is_folder(&opened).unwrap_or(false) {
            found.push(of_file(path.clone()));
            continue;
        }
        let before = found.len();
        let files = btf_files::below(path)?;
        let asked = |stem: &str| release.is_none_or(|release| release == stem);
        let files = files.into_iter().filter(|file| asked(&file.stem));
        found.extend(files.map(|file| of_file(file.path)));
        if found.len() == before {
            let named = match release {
                Some(release) => format!("{release}.btf or {release}.btf.tar.xz"),
                None => ".btf or .btf.tar.xz".into(),
            };
            return Err(Failure::other(format!(
                "{path}: no file in it is called {named}"
            )));
        }
    }
    if given.is_empty() {
        let without = match Kernel::running().has_types() {
            true => "",
            false => " (no BTF)",
        };
        found.push(Candidate {
            place: Place::Running,
            label: [&*kernel::release(), without].concat(),
        });
    }
    // Two of one name are told apart by their paths.
    let labels: Vec<String> = found.iter().map(|k| k.label.clone()).collect();
    for kernel in &mut found {
        let same = labels.iter().filter(|label| **label == kernel.label);
        if let (2.., Place::File(path)) = (same.count(), &kernel.place) {
            kernel.label.clone_from(path);
        }
    }
    Ok(found)
}

fn of_file(path: String) -> Candidate {
    let name = path.rsplit('/').next().unwrap_or(&path);
    let label = btf_files::stem(name).unwrap_or(name).to_owned();
    Candidate {
        place: Place::File(path),
        label,
    }
}

impl Candidate {
    /// Opens the kernel's types and looks for the wanted names.
    pub fn types(&self, wanted: &Wanted<'_>) -> Result<Box<dyn Target>, String> {
        let text = |error: btfly::target::TargetError| error.to_string();
        match &self.place {
            Place::None => Ok(Box::new(NoTypes)),
            Place::Running => Ok(Kernel::running().types(wanted).map_err(text)?.types),
            Place::File(path) => Ok(Box::new(open_btf(path, wanted).map_err(text)?)),
        }
    }
}
