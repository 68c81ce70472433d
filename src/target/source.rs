//! Where the bytes of a kernel's BTF come from.

use rustix::fd::OwnedFd;

use super::TargetError;
use crate::btf::{BtfError, Layout};
use crate::sys::constant::Constant;
use crate::sys::file;

/// The running kernel's own BTF.
pub(super) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Bytes that can be read at any offset.
pub enum Source<'a> {
    /// A file, or a part of one, read piece by piece.
    File {
        /// The file.
        file: OwnedFd,
        /// Bytes before the first of the BTF.
        at: u64,
    },
    /// The kernel's own pages (6.16 and later).
    Mapped(Constant),
    /// Memory of the caller.
    Memory(&'a [u8]),
    /// Memory of its own.
    Owned(Vec<u8>),
}

/// How a BTF's strings may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strings {
    /// Each name starts behind a NUL: what pahole writes, and so every kernel's own BTF.
    Apart,
    /// A name may be the end of another.
    Overlapping,
}

impl Source<'_> {
    /// Opens the running kernel's BTF, mapped where the kernel allows it. `None`: it has none.
    pub(super) fn running() -> Result<Option<(Source<'static>, u64)>, TargetError> {
        let failed = |error| TargetError::File {
            path: VMLINUX.into(),
            error,
        };
        let file = match file::open(VMLINUX) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let len = file::size(&file).map_err(failed)?;
        let mapped = usize::try_from(len)
            .ok()
            .map(|len| Constant::map(&file, len));
        Ok(Some(match mapped {
            Some(Ok(mapped)) => (Source::Mapped(mapped), len),
            _ => (Source::File { file, at: 0 }, len),
        }))
    }

    /// The bytes, where they are in memory as a whole.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Source::File { .. } => None,
            Source::Mapped(mapped) => Some(mapped.bytes()),
            Source::Memory(bytes) => Some(bytes),
            Source::Owned(bytes) => Some(bytes),
        }
    }

    /// Fills `out` from byte `at` on, and returns how much there was.
    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> Result<usize, BtfError> {
        if let Source::File { file, at: start } = self {
            let at = start
                .checked_add(at)
                .ok_or(BtfError::Truncated("the file"))?;
            return file::read_at(file, at, out).map_err(BtfError::Io);
        }
        let bytes = self.bytes().unwrap_or_default();
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    pub(super) fn layout(&self, total: u64) -> Result<Layout, BtfError> {
        let mut header = [0; Layout::HEADER];
        let len = self.read(0, &mut header)?;
        let total = usize::try_from(total).map_err(|_| BtfError::Header("it is too large"))?;
        Layout::parse(&header[..len], total)
    }
}
