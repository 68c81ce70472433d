//! The kernels that objects are held against, each by the file that has its types.

use btfly::relocate::Target;
use btfly::sys::{file, kernel};
use btfly::target::{Kernel, NoTypes, Wanted, open_btf};

use super::super::Failure;

/// Folders in folders, at most: BTFHub's have three.
const MAX_DEPTH: u32 = 8;

/// What files of BTF are called behind the release.
const ENDINGS: [&str; 2] = [".btf.tar.xz", ".btf"];

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
        folder(path.trim_end_matches('/'), release, &mut found, 0)?;
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
    let label = stem(name).unwrap_or(name).to_owned();
    Candidate {
        place: Place::File(path),
        label,
    }
}

fn stem(name: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
}

/// Adds the files of BTF in a folder and those in it, in the order of their names.
fn folder(
    path: &str,
    release: Option<&str>,
    found: &mut Vec<Candidate>,
    depth: u32,
) -> Result<(), Failure> {
    let failed = |error| Failure::other(format!("{path}: {error}"));
    let opened = file::open_folder(path).map_err(failed)?;
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    file::for_each_entry(&opened, &mut |name| names.push(name.into())).map_err(failed)?;
    names.sort();
    for name in names {
        let path = [path, "/", &name].concat();
        match stem(&name) {
            Some(stem) if release.is_none_or(|release| release == stem) => {
                found.push(of_file(path));
            }
            Some(_) => {}
            // What can't be entered has nothing to show.
            None => drop(folder(&path, release, found, depth + 1)),
        }
    }
    Ok(())
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
