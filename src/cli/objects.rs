//! The object files of a command line: one, or several that are joined to one.

use super::{Class, Failure};
use btfly::sys::file;

/// The largest object that is read: far beyond any that a kernel takes.
const MAX_OBJECT: usize = 64 * 1024 * 1024;

/// The bytes of an object file.
pub fn read_object(path: &str) -> Result<Vec<u8>, Failure> {
    file::read_whole(path, MAX_OBJECT).map_err(|error| {
        Failure::new(Class::BadObject, format!("{path}: {error}"))
            .with_hint("give the path of a BPF object, made by clang -target bpf -O2 -g -c")
    })
}

/// The object that these files are together, and what to call it in messages.
pub fn read(paths: &[impl AsRef<str>]) -> Result<(String, Vec<u8>), Failure> {
    match paths {
        [] => Err(Failure::usage("the object is missing")
            .with_hint("give the path of a BPF object, made by clang -target bpf -O2 -g -c")),
        [path] => Ok((path.as_ref().into(), read_object(path.as_ref())?)),
        #[cfg(feature = "full")]
        _ => joined(&paths.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        #[cfg(not(feature = "full"))]
        _ => Err(Failure::usage("this build does not join objects")
            .with_hint("the one made with cross/build --full does")),
    }
}

#[cfg(feature = "full")]
fn joined(paths: &[&str]) -> Result<(String, Vec<u8>), Failure> {
    let files = paths.iter().map(|path| read_object(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let objects = paths.iter().zip(&files);
    let objects: Vec<(&str, &[u8])> = objects.map(|(path, file)| (*path, &**file)).collect();
    let bytes = btfly::join::join(&objects).map_err(|error| {
        let failure = Failure::new(Class::BadObject, error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })?;
    Ok((paths.join(" + "), bytes))
}
