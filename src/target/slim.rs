//! In the place of `more`, where the feature `full` is not built: archives stay packed, and a kernel
//! has the types of its own BTF, or those that tracefs and the architecture tell.

use super::kernel::Extent;
use super::source::{Source, Strings};
use super::{TargetError, TypeSource, Wanted, WindowedBtf, known, open};
use crate::relocate::Target;
use rustix::fd::OwnedFd;

/// Opens the BTF that a user named: where it lies, its length in bytes, and its path.
pub(super) fn named(path: &str) -> Result<(Source<'static>, u64, String), TargetError> {
    let (source, len) = open::open(path)?;
    Ok((source, len, path.to_owned()))
}

/// Archives are packed in a window of many megabytes.
pub(super) fn unpack(path: &str, _: &OwnedFd) -> Result<OwnedFd, TargetError> {
    Err(TargetError::Container {
        path: path.to_owned(),
        what: "an archive packed by xz, which this build does not read",
    })
}

/// None: only the kernel's own is looked for.
pub(super) fn installed() -> Option<(Source<'static>, u64, String)> {
    None
}

/// The types of the kernel proper.
pub(super) fn with_modules(types: WindowedBtf<'static>, _: &Wanted<'_>) -> Box<dyn Target> {
    Box::new(types)
}

/// What is known of a kernel without BTF: what tracefs and the architecture tell.
pub(super) fn without_btf(wanted: &Wanted<'_>) -> TypeSource {
    let types = known::types(wanted, None).and_then(|known| {
        let len = known.len() as u64;
        WindowedBtf::gather_as(Source::Owned(known), len, wanted, Strings::Apart).ok()
    });
    let Some(types) = types else {
        return TypeSource::none();
    };
    TypeSource {
        types: Box::new(types),
        from: Some("the kernel's tracefs formats".into()),
        extent: Extent::Parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_refused_with_what_to_do_and_other_files_are_left_to_their_reader() {
        let path = std::env::temp_dir().join(format!("btfly-slim-{}", std::process::id()));
        let name = path.to_str().unwrap();
        std::fs::write(&path, b"\xfd7zXZ\0\0").unwrap();
        let error = named(name).err().unwrap();
        assert!(matches!(error, TargetError::Container { .. }), "{error}");
        assert!(error.hint().unwrap().contains("cross/build --full"));
        std::fs::write(&path, b"\x9f\xeb\x01\0").unwrap();
        assert_eq!(named(name).ok().map(|(_, len, _)| len), Some(4));
        std::fs::remove_file(path).unwrap();
    }
}
