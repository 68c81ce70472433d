//! In the place of `more`, where the feature `full` is not built: files are raw BTF, and a kernel
//! has the types of its own BTF, or those that tracefs and the architecture tell.

use super::kernel::Extent;
use super::source::{Source, Strings};
use super::{TargetError, TypeSource, Wanted, WindowedBtf, known};
use crate::relocate::Target;
use crate::sys::file;

/// Where archives and ELF files have which bytes.
const CONTAINERS: [(usize, &[u8]); 3] = [(0, b"\xfd7zXZ"), (0, b"\x7fELF"), (257, b"ustar")];

/// Opens the file of raw BTF that a user named: where it lies, its length in bytes, and its path.
pub(super) fn named(path: &str) -> Result<(Source<'static>, u64, String), TargetError> {
    let path = path.to_owned();
    let mut front = [0; 262];
    let opened = file::open(&path).and_then(|file| {
        file::read_at(&file, 0, &mut front)?;
        Ok((file::size(&file)?, file))
    });
    let (len, file) = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(TargetError::File { path, error }),
    };
    let is = |&(at, magic): &(usize, &[u8])| front.get(at..).is_some_and(|f| f.starts_with(magic));
    if CONTAINERS.iter().any(is) {
        let what = "an archive or an ELF file, which this build does not read";
        return Err(TargetError::Container { path, what });
    }
    Ok((Source::File { file, at: 0 }, len, path))
}

/// None: an installed vmlinux is an ELF file.
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
        let mut tar = vec![b'n'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for container in [&b"\xfd7zXZ\0\0"[..], b"\x7fELF\x02\x01", &tar] {
            std::fs::write(&path, container).unwrap();
            let error = named(name).err().unwrap();
            assert!(matches!(error, TargetError::Container { .. }), "{error}");
            assert!(error.hint().unwrap().contains("cross/build --full"));
        }
        std::fs::write(&path, b"\x9f\xeb\x01\0").unwrap();
        assert_eq!(named(name).ok().map(|(_, len, _)| len), Some(4));
        std::fs::remove_file(path).unwrap();
    }
}
