//! Types from elsewhere than the kernel's own BTF and files of raw BTF: what a board does not
//! strictly need, and `slim.rs` leaves out.

mod embedded;
mod hub;
mod modules;
mod survey;
mod symbols;

pub(super) mod xz;

use super::kernel::{Extent, TypeSource};
use super::source::{Source, Strings};
use super::{TargetError, Wanted, WindowedBtf, known, open};
use crate::btf::Btf;
use crate::sys::file;
use rustix::fd::OwnedFd;
use xz::XzError;

pub(super) use modules::add as with_modules;
pub use survey::{Found, Survey};
pub use symbols::{Address, Symbols};

/// Unpacks the archive that a user named into a file without a name.
pub(super) fn unpack(path: &str, archive: &OwnedFd) -> Result<OwnedFd, TargetError> {
    let path = || path.to_owned();
    xz::unpack(archive).map_err(|error| match error {
        XzError::Archive(what) => TargetError::Container { path: path(), what },
        XzError::Read(error) => TargetError::File {
            path: path(),
            error,
        },
        XzError::Write(error) => TargetError::Room {
            path: path(),
            error,
        },
    })
}

/// Opens the BTF that a user named, by a file or by a folder of files: where it lies, its length in
/// bytes, and the path of the file.
pub(super) fn named(path: &str) -> Result<(Source<'static>, u64, String), TargetError> {
    let folder = file::open(path).is_ok_and(|file| file::is_folder(&file).unwrap_or(false));
    let path = match folder {
        true => hub::find(path)?,
        false => path.to_owned(),
    };
    let (source, len) = open::open(&path)?;
    Ok((source, len, path))
}

/// The BTF of a vmlinux that is installed for the running kernel. One without BTF is as good as none.
pub(super) fn installed() -> Option<(Source<'static>, u64, String)> {
    hub::vmlinux().find_map(|path| {
        let (source, len) = open::open(&path).ok()?;
        source.layout(len).ok()?;
        Some((source, len, path))
    })
}

/// What is known of a kernel without BTF: what was built in for it, and of types that this lacks, what
/// tracefs and the architecture tell.
pub(super) fn without_btf(wanted: &Wanted<'_>) -> TypeSource {
    let built_in = embedded::find();
    let btf = built_in.and_then(|(_, bytes)| Btf::parse(bytes).ok());
    let known = known::types(wanted, btf.as_ref());
    let from = match built_in {
        Some((name, _)) => ["the BTF built in for ", name].concat(),
        None => "the kernel's tracefs formats".into(),
    };
    let source = match (known, built_in) {
        (Some(known), _) => Some(Source::Owned(known)),
        (None, Some((_, bytes))) => Some(Source::Memory(bytes)),
        (None, None) => None,
    };
    let types = source.and_then(|source| {
        let len = source.bytes().map_or(0, <[u8]>::len) as u64;
        WindowedBtf::gather_as(source, len, wanted, Strings::Apart).ok()
    });
    match types {
        Some(types) => TypeSource {
            types: Box::new(types),
            from: Some(from),
            extent: Extent::Parts,
        },
        None => TypeSource::none(),
    }
}
