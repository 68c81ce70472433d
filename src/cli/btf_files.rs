//! The BTF files in a folder, however it is laid out.

use btfly::sys::file;

use super::Failure;

/// Folders in folders, at most: BTFHub's have three.
const MAX_DEPTH: u32 = 8;

/// What files of BTF are called behind the release.
const ENDINGS: [&str; 2] = [".btf.tar.xz", ".btf"];

/// A file of BTF.
pub struct BtfFile {
    /// Where it is.
    pub path: String,
    /// The folders that it is in, from the one that was asked about on: `debian/12/arm64`.
    pub folder: String,
    /// Its name without the ending: the release.
    pub stem: String,
}

/// The name of a file of BTF without its ending.
pub fn stem(name: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
}

/// All files of BTF in a folder and the folders in it, in the order of their names.
pub fn below(folder: &str) -> Result<Vec<BtfFile>, Failure> {
    let mut found = Vec::new();
    let top = folder.trim_end_matches('/');
    match top {
        "" => gather("/", "", 0, &mut found)?,
        top => gather(top, "", 0, &mut found)?,
    }
    Ok(found)
}

fn gather(path: &str, folder: &str, depth: u32, found: &mut Vec<BtfFile>) -> Result<(), Failure> {
    let failed = |error| Failure::other(format!("{path}: {error}"));
    let opened = file::open_folder(path).map_err(failed)?;
    let mut names: Vec<String> = Vec::new();
    file::for_each_entry(&opened, &mut |name| names.push(name.into())).map_err(failed)?;
    names.sort();
    for name in names {
        let path = [path, "/", &name].concat();
        match stem(&name) {
            Some(stem) => found.push(BtfFile {
                path,
                folder: folder.into(),
                stem: stem.into(),
            }),
            None if depth < MAX_DEPTH => {
                let folder = match folder {
                    "" => name,
                    folder => [folder, "/", &name].concat(),
                };
                // A README, say; and what can't be entered has nothing to show.
                drop(gather(&path, &folder, depth + 1, found));
            }
            None => {}
        }
    }
    Ok(())
}
