//! Files with a kernel's BTF, told apart by what is in them: raw BTF, an ELF file with a `.BTF`
//! section, a tar with one of these in it, and each of them packed by xz.

use rustix::fd::OwnedFd;

use super::more::unpack;
use super::source::Source;
use super::{TargetError, Wanted, WindowedBtf};
use crate::sys::file;

/// What an .xz file starts with.
const XZ: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// Sections of a vmlinux: some fifty.
const MAX_SECTIONS: u64 = 65_535;

/// Entries looked at in a tar for one that is BTF.
const MAX_ENTRIES: usize = 64;

/// How much may still be taken off before BTF appears.
#[derive(Clone, Copy, PartialEq)]
enum Layers {
    /// The file as it was given.
    Packed,
    /// What came out of an xz archive.
    Unpacked,
}

/// Opens a file with BTF, whatever it is wrapped in, and returns where in it the BTF lies and how
/// long it is. Nothing but headers is read, unless the file is packed.
pub(super) fn open(path: &str) -> Result<(Source<'static>, u64), TargetError> {
    let file = file::open(path).map_err(|error| TargetError::File {
        path: path.into(),
        error,
    })?;
    let file = Named { path, file };
    file.look(Layers::Packed)
}

/// Looks for `wanted` in a file with BTF, whatever it is wrapped in.
///
/// # Errors
/// A file that can't be read, or without BTF.
pub fn open_btf(path: &str, wanted: &Wanted<'_>) -> Result<WindowedBtf<'static>, TargetError> {
    let (source, len) = open(path)?;
    WindowedBtf::gather(source, len, wanted).map_err(|source| TargetError::Btf {
        path: path.into(),
        source,
    })
}

struct Named<'p> {
    path: &'p str,
    file: OwnedFd,
}

impl Named<'_> {
    fn look(self, layers: Layers) -> Result<(Source<'static>, u64), TargetError> {
        let mut front = [0; 512];
        let len = self.read(0, &mut front)?;
        let front = front.get(..len).unwrap_or_default();
        if front.starts_with(&XZ) && layers == Layers::Packed {
            let file = unpack(self.path, &self.file)?;
            return Named { file, ..self }.look(Layers::Unpacked);
        }
        let (at, len) = if front.starts_with(b"\x7fELF") {
            self.elf_section(front)?
        } else if front.get(257..262) == Some(b"ustar") {
            self.tar_entry()?
        } else {
            // Raw BTF, or something that its reader has words for.
            let size = file::size(&self.file);
            (0, size.map_err(|error| self.unreadable(error))?)
        };
        let file = self.file;
        Ok((Source::File { file, at }, len))
    }

    /// Where the `.BTF` section of a 64-bit little-endian ELF file lies. A vmlinux may be hundreds
    /// of megabytes: only its section headers are read.
    fn elf_section(&self, front: &[u8]) -> Result<(u64, u64), TargetError> {
        const CUT: &str = "an ELF file that is cut off";
        match (front.get(4), front.get(5)) {
            (_, Some(2)) => {
                return Err(
                    self.refused("a big-endian ELF file; only little-endian kernels are supported")
                );
            }
            (Some(2), Some(1)) => {}
            _ => return Err(self.refused("a 32-bit ELF file; only 64-bit kernels are supported")),
        }
        let header = front.first_chunk::<64>().ok_or_else(|| self.refused(CUT))?;
        let table = number(header, 0x28, 8);
        let section = |index: u64| -> Result<[u8; 64], TargetError> {
            let mut bytes = [0; 64];
            let at = index.checked_mul(64).and_then(|at| at.checked_add(table));
            match at.map(|at| self.read(at, &mut bytes)) {
                Some(Ok(64)) => Ok(bytes),
                Some(Err(error)) => Err(error),
                _ => Err(self.refused(CUT)),
            }
        };
        if table == 0 || number(header, 0x3a, 2) != 64 {
            return Err(self.refused("an ELF file without sections"));
        }
        // Counts that have no room in the header are in section 0.
        let count = match number(header, 0x3c, 2) {
            0 => number(&section(0)?, 0x20, 8).min(MAX_SECTIONS),
            count => count,
        };
        let names = match number(header, 0x3e, 2) {
            0xffff => number(&section(0)?, 0x28, 4),
            index => index,
        };
        let names = number(&section(names)?, 0x18, 8);
        for index in 0..count {
            let header = section(index)?;
            let mut name = [0; 5];
            let at = names.saturating_add(number(&header, 0, 4));
            if self.read(at, &mut name)? < name.len() || name != *b".BTF\0" {
                continue;
            }
            const COMPRESSED: u64 = 0x800;
            const NOBITS: u64 = 8;
            if number(&header, 8, 8) & COMPRESSED != 0 {
                return Err(self.refused(
                    "its .BTF section is compressed: objcopy --decompress-debug-sections",
                ));
            }
            if number(&header, 4, 4) != NOBITS {
                return Ok((number(&header, 0x18, 8), number(&header, 0x20, 8)));
            }
        }
        Err(self.refused("an ELF file without a .BTF section: pahole -J adds one, where it has debug information"))
    }

    /// Where the first file with BTF in a tar lies.
    fn tar_entry(&self) -> Result<(u64, u64), TargetError> {
        let mut at = 0u64;
        for _ in 0..MAX_ENTRIES {
            let mut header = [0; 512 + 2];
            if self.read(at, &mut header)? < 512 || header.get(257..262) != Some(b"ustar") {
                break;
            }
            let digits = header.get(124..136).unwrap_or_default();
            let digits = digits
                .trim_ascii_start()
                .iter()
                .take_while(|b| matches!(b, b'0'..=b'7'));
            let size = digits.fold(0u64, |size, digit| size << 3 | u64::from(digit - b'0'));
            at += 512;
            // A regular file that starts as BTF of either byte order does.
            if matches!(header, [.., 0xeb, 0x9f] | [.., 0x9f, 0xeb])
                && matches!(header[156], b'0' | 0)
            {
                return Ok((at, size));
            }
            at += size.next_multiple_of(512);
        }
        Err(self.refused("an archive without BTF in it"))
    }

    fn read(&self, at: u64, out: &mut [u8]) -> Result<usize, TargetError> {
        file::read_at(&self.file, at, out).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: rustix::io::Errno) -> TargetError {
        TargetError::File {
            path: self.path.into(),
            error,
        }
    }

    fn refused(&self, what: &'static str) -> TargetError {
        TargetError::Container {
            path: self.path.into(),
            what,
        }
    }
}

/// A little-endian number of `len` bytes in a header.
fn number(bytes: &[u8; 64], at: usize, len: usize) -> u64 {
    let bytes = bytes.get(at..at + len).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::super::more::xz::tests::{file_of, pack};
    use super::*;
    use crate::btf::testing::Builder;

    fn btf() -> Vec<u8> {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        b.structure("task_struct", 8, &[("pid", int, 4)]);
        b.bytes()
    }

    fn tar(entries: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, contents) in entries {
            let mut header = [0; 512];
            header[..4].copy_from_slice(b"name");
            header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
            header[156] = *kind;
            header[257..263].copy_from_slice(b"ustar\0");
            out.extend(header);
            out.extend(*contents);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    /// An ELF header, contents, names, and three section headers.
    fn elf(contents: &[u8], name: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 64];
        out[..6].copy_from_slice(b"\x7fELF\x02\x01");
        out.extend(contents);
        let names = out.len() as u64;
        out.push(0);
        out.extend(name);
        out.push(0);
        let table = out.len() as u64;
        out[0x28..0x30].copy_from_slice(&table.to_le_bytes());
        out[0x3a..0x40].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
        for (name, at, len) in [(0u32, 0, 0), (1, 64, contents.len() as u64), (0, names, 8)] {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[4] = 1;
            header[0x18..0x20].copy_from_slice(&at.to_le_bytes());
            header[0x20..0x28].copy_from_slice(&len.to_le_bytes());
            out.extend(header);
        }
        out
    }

    fn found(bytes: &[u8]) -> Result<Vec<u8>, TargetError> {
        let file = Named {
            path: "x",
            file: file_of(bytes),
        };
        let (source, len) = file.look(Layers::Packed)?;
        let mut out = vec![0; len as usize];
        let len = source.read(0, &mut out).unwrap();
        out.truncate(len);
        Ok(out)
    }

    #[test]
    fn btf_is_found_in_whatever_it_is_wrapped_in() {
        let btf = btf();
        let archive = tar(&[
            (b'5', b""),
            (b'x', b"20 mtime=1\n"),
            (b'0', b"text"),
            (b'0', &btf),
        ]);
        for (what, bytes) in [
            ("raw", btf.clone()),
            ("an ELF file", elf(&btf, b".BTF")),
            ("a tar", archive.clone()),
            ("a tar packed by xz", pack(&archive)),
            ("raw, packed by xz", pack(&btf)),
            ("an ELF file packed by xz", pack(&elf(&btf, b".BTF"))),
        ] {
            assert_eq!(found(&bytes).as_ref(), Ok(&btf), "{what}");
        }
    }

    #[test]
    fn what_has_no_btf_is_refused_with_the_reason() {
        let mut big = elf(&btf(), b".BTF");
        big[5] = 2;
        let mut small = elf(&btf(), b".BTF");
        small[4] = 1;
        let whole = elf(&btf(), b".BTF");
        for (bytes, reason) in [
            (&big[..], "big-endian"),
            (&small, "32-bit"),
            (&elf(&btf(), b".BTF.ext"), "without a .BTF section"),
            (&whole[..whole.len() - 65], "cut off"),
            (&whole[..40], "cut off"),
            (&tar(&[(b'0', b"text")]), "without BTF"),
            (&pack(&tar(&[(b'0', b"text")])), "without BTF"),
            (&pack(&btf())[..60], "cut off"),
        ] {
            let error = found(bytes).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
