//! `--types FILE`: types that the object's own BTF does not have, as a person declares them in C.

use btfly::btf::{Btf, declare};
use btfly::object::Object;
use btfly::sys::file;

use super::{Class, Failure, loading};

/// The largest file that is read: far beyond any header.
const MAX_TEXT: usize = 256 * 1024;

/// The types of the object and, behind them, those that the file declares.
pub fn read(path: &str, object: &Object<'_>) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::usage(format!("--types {path}: {why}"));
    let bytes = file::read_whole(path, MAX_TEXT).map_err(|error| {
        let failure = failed(error.to_string());
        failure
            .with_hint("it is a file with structs in C, such as the header of the object's source")
    })?;
    let text = String::from_utf8_lossy(&bytes);
    declare(&text, object.btf.as_ref()).map_err(|error| {
        failed(error.to_string())
            .with_hint("it takes structs, unions, enums, typedefs and #define NAME NUMBER")
    })
}

/// The object with those types in the place of its own.
pub fn describe<'a>(name: &str, object: &'a [u8], types: &'a [u8]) -> Result<Object<'a>, Failure> {
    let mut described = loading::parse_object(name, object)?;
    let btf = Btf::parse(types)
        .map_err(|error| Failure::new(Class::BadObject, format!("--types: {error}")))?;
    described.btf = Some(btf);
    Ok(described)
}
