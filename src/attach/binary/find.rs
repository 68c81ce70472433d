//! Which file a name means: libraries are looked for where the dynamic linker does, programs where a
//! shell does.

use super::BinaryError;
use rustix::fs::{Access, access};

const LIBRARIES: &str = "/usr/lib64:/usr/lib:/lib64:/lib";
#[cfg(target_arch = "aarch64")]
const MULTIARCH: &str =
    "/usr/lib/aarch64-linux-gnu:/lib/aarch64-linux-gnu:/usr/local/lib/aarch64-linux-gnu";
#[cfg(target_arch = "x86_64")]
const MULTIARCH: &str =
    "/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu:/usr/local/lib/x86_64-linux-gnu";
const PROGRAMS: &str = "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin";

/// The path of a program or library. A name with a slash is a path already.
pub fn path_of(name: &str) -> Result<String, BinaryError> {
    if name.contains('/') {
        return Ok(name.to_owned());
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let (given, usual, wanted) = match is_library(name) {
        true => (
            variable("LD_LIBRARY_PATH"),
            [LIBRARIES, ":", MULTIARCH, ":/usr/local/lib"].concat(),
            Access::READ_OK,
        ),
        false => (
            variable("PATH"),
            PROGRAMS.to_owned(),
            Access::READ_OK | Access::EXEC_OK,
        ),
    };
    let folders = folders(&given, &usual);
    for folder in &folders {
        let path = [folder, "/", name].concat();
        if access(&path, wanted).is_ok() {
            return Ok(path);
        }
    }
    Err(BinaryError::NotFound {
        name: name.to_owned(),
        folders: folders.join(":"),
    })
}

/// `libc.so`, `libc.so.6`.
fn is_library(name: &str) -> bool {
    name.ends_with(".so") || name.contains(".so.")
}

/// Folders in the order of the search, each once; relative ones are passed over.
fn folders<'f>(given: &'f str, usual: &'f str) -> Vec<&'f str> {
    let mut folders: Vec<&str> = Vec::new();
    for folder in given.split([':', ';']).chain(usual.split(':')) {
        if folder.starts_with('/') && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_as_it_is_and_a_name_is_searched() {
        assert_eq!(path_of("./x").unwrap(), "./x");
        assert_eq!(path_of("/no/such").unwrap(), "/no/such");
        assert!(path_of("sh").unwrap().ends_with("/sh"));
        let error = path_of("libno_such.so.7").unwrap_err();
        assert!(error.is_absent());
        let text = error.to_string();
        assert!(text.contains("libno_such.so.7 is in none of"), "{text}");
        assert!(text.contains("/usr/lib64:/usr/lib:/lib64:/lib:"), "{text}");
    }

    #[test]
    fn libraries_are_known_by_their_ending() {
        for (name, library) in [
            ("libc.so", true),
            ("libc.so.6", true),
            ("libc.musl-aarch64.so.1", true),
            ("bash", false),
            ("x.sound", false),
        ] {
            assert_eq!(is_library(name), library, "{name}");
        }
    }

    #[test]
    fn what_the_user_gives_comes_first_and_each_folder_once() {
        let found = folders("/opt/lib:relative::/lib", "/usr/lib:/lib");
        assert_eq!(found, ["/opt/lib", "/lib", "/usr/lib"]);
    }
}
