//! The .xz container: blocks of LZMA2, unpacked in a stream into a file.
//!
//! Source: "The .xz File Format", version 1.2.1. The blocks are decoded by `lzma-rust2`; what is
//! around them is little, and is read here without the filters and checksums that BTF never comes
//! with. Its memory is that of the window the archive was packed with, 8 MiB by default (`xz -6`),
//! or the contents where those are smaller; it is given back before the BTF is looked at.

use lzma_rust2::{Error as Lzma, Lzma2Reader, Read};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::sys::file;

/// BTF of whole kernels is 3 to 30 MB.
const MAX_UNPACKED: u64 = 128 << 20;

/// The window of `xz -9`.
const MAX_WINDOW: u32 = 64 << 20;

const CHUNK: usize = 16 * 1024;

/// What keeps an archive from being unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum XzError {
    /// It is damaged, or of a kind that is not read here.
    Archive(&'static str),
    /// It could not be read.
    Read(Errno),
    /// What came out could not be written.
    Write(Errno),
}

impl From<Lzma> for XzError {
    fn from(error: Lzma) -> XzError {
        match error {
            Lzma::Eof => CUT,
            Lzma::OutOfMemory(_) => XzError::Write(Errno::NOMEM),
            _ => XzError::Archive("a damaged xz archive"),
        }
    }
}

const CUT: XzError = XzError::Archive("an xz archive that is cut off");
const DAMAGED: XzError = XzError::Archive("a damaged xz archive: its header does not add up");

/// Unpacks `archive` into a file without a name.
pub(super) fn unpack(archive: &OwnedFd) -> Result<OwnedFd, XzError> {
    let mut input = Input {
        file: archive,
        buffer: vec![0; CHUNK],
        next: 0,
        filled: 0,
        total: 0,
        failed: None,
    };
    let out = file::scratch().map_err(XzError::Write)?;
    let unpacked = stream(&mut input, &out);
    match input.failed {
        Some(errno) => Err(XzError::Read(errno)),
        None => unpacked.map(|()| out),
    }
}

fn stream(input: &mut Input<'_>, out: &OwnedFd) -> Result<(), XzError> {
    let [.., check, _, _, _, _] = input.take::<12>()?;
    let check = Check::new(check)?;
    let mut unpacked = 0;
    loop {
        let start = input.total;
        let [size] = input.take()?;
        // Here the index of the blocks begins; each was checked by itself.
        if size == 0 {
            return Ok(());
        }
        let window = block_header(input, size)?;
        let mut reader = Lzma2Reader::new(&mut *input, window, None);
        let mut chunk = vec![0; CHUNK];
        let mut sum = check.start();
        loop {
            let len = reader.read(&mut chunk)?;
            let bytes = chunk.get(..len).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            unpacked += len as u64;
            if unpacked > MAX_UNPACKED {
                return Err(XzError::Archive("an archive of more than 128 MiB"));
            }
            sum = check.add(sum, bytes);
            file::write_all(out, bytes).map_err(XzError::Write)?;
        }
        drop(reader);
        while !(input.total - start).is_multiple_of(4) {
            input.take::<1>()?;
        }
        check.compare(sum, input)?;
    }
}

/// Reads the rest of a block's header, and returns the size of its window.
fn block_header(input: &mut Input<'_>, size: u8) -> Result<u32, XzError> {
    let mut header = vec![0; usize::from(size) * 4 + 3];
    input.read_exact(&mut header)?;
    let (fields, sum) = header.split_last_chunk::<4>().ok_or(DAMAGED)?;
    let crc = Check::new(1)?;
    let whole = crc.add(crc.add(crc.start(), &[size]), fields);
    if !whole as u32 != u32::from_le_bytes(*sum) {
        return Err(DAMAGED);
    }
    let (&flags, mut rest) = fields.split_first().ok_or(DAMAGED)?;
    // Sizes of the block, packed and unpacked, where they are given: numbers of seven bits a byte.
    for given in [0x40, 0x80] {
        if flags & given == 0 {
            continue;
        }
        loop {
            let (byte, behind) = rest.split_first().ok_or(DAMAGED)?;
            rest = behind;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    // One filter, LZMA2, with one byte of properties.
    let [0x21, 1, bits, ..] = *rest else {
        return Err(XzError::Archive(
            "an xz archive with filters: pack it with xz -6",
        ));
    };
    if flags & 0x3f != 0 || bits > 40 {
        return Err(XzError::Archive(
            "an xz archive with filters: pack it with xz -6",
        ));
    }
    let window = (2 | u64::from(bits & 1)) << (bits / 2 + 11);
    match u32::try_from(window) {
        Ok(window) if window <= MAX_WINDOW => Ok(window),
        _ => Err(XzError::Archive(
            "an xz archive whose window exceeds 64 MiB: pack it with xz -6",
        )),
    }
}

/// Bytes of the archive, read in pieces and counted.
struct Input<'f> {
    file: &'f OwnedFd,
    buffer: Vec<u8>,
    next: usize,
    filled: usize,
    total: u64,
    failed: Option<Errno>,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], XzError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Lzma> {
        if self.next == self.filled {
            self.next = 0;
            self.filled = 0;
            match file::read_at(self.file, self.total, &mut self.buffer) {
                Ok(len) => self.filled = len,
                Err(errno) => {
                    self.failed = Some(errno);
                    return Err(Lzma::Eof);
                }
            }
        }
        let have = self.buffer.get(self.next..self.filled).unwrap_or_default();
        let len = have.len().min(out.len());
        out[..len].copy_from_slice(&have[..len]);
        self.next += len;
        self.total += len as u64;
        Ok(len)
    }
}

/// The checksum behind each block: CRC-32 or CRC-64, or another that is passed over.
struct Check {
    table: [u64; 256],
    /// Bytes of it in the archive.
    len: usize,
    known: bool,
}

impl Check {
    fn new(kind: u8) -> Result<Check, XzError> {
        // Both are reflected: bits are shifted out at the low end.
        let polynomial: u64 = if kind == 4 {
            0xc96c_5795_d787_0f42
        } else {
            0xedb8_8320
        };
        let mut table = [0; 256];
        for (byte, entry) in (0u64..).zip(&mut table) {
            *entry = (0..8).fold(byte, |sum, _| match sum & 1 {
                0 => sum >> 1,
                _ => sum >> 1 ^ polynomial,
            });
        }
        let len = match kind {
            0 => 0,
            1..=3 => 4,
            4..=6 => 8,
            7..=9 => 16,
            10..=12 => 32,
            13..=15 => 64,
            _ => return Err(DAMAGED),
        };
        Ok(Check {
            table,
            len,
            known: kind == 1 || kind == 4,
        })
    }

    fn start(&self) -> u64 {
        if self.len == 8 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        }
    }

    fn add(&self, sum: u64, bytes: &[u8]) -> u64 {
        bytes.iter().fold(sum, |sum, byte| {
            sum >> 8 ^ self.table[usize::from(sum as u8 ^ byte)]
        })
    }

    fn compare(&self, sum: u64, input: &mut Input<'_>) -> Result<(), XzError> {
        let mut stored = [0; 64];
        let stored = stored.get_mut(..self.len).unwrap_or_default();
        input.read_exact(stored)?;
        let computed = (!sum).to_le_bytes();
        if self.known && computed.get(..self.len) != Some(stored) {
            return Err(XzError::Archive(
                "a damaged xz archive: its checksum is wrong",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(in crate::target) mod tests {
    use super::*;

    /// An .xz of one block whose LZMA2 holds `contents` unpacked: enough to be read anywhere.
    pub fn pack(contents: &[u8]) -> Vec<u8> {
        let crc32 = Check::new(1).unwrap();
        let crc64 = Check::new(4).unwrap();
        let sum32 = |bytes: &[u8]| (!crc32.add(crc32.start(), bytes) as u32).to_le_bytes();
        let mut out = b"\xfd7zXZ\0".to_vec();
        out.extend([0, 4]);
        out.extend(sum32(&[0, 4]));
        let header = [2, 0, 0x21, 1, 8, 0, 0, 0];
        out.extend(header);
        out.extend(sum32(&header));
        for (index, chunk) in contents.chunks(60_000).enumerate() {
            out.push(if index == 0 { 1 } else { 2 });
            out.extend((chunk.len() as u16 - 1).to_be_bytes());
            out.extend(chunk);
        }
        out.push(0);
        while !out.len().is_multiple_of(4) {
            out.push(0);
        }
        out.extend((!crc64.add(crc64.start(), contents)).to_le_bytes());
        out.push(0);
        out
    }

    pub fn file_of(bytes: &[u8]) -> OwnedFd {
        let file = file::scratch().unwrap();
        file::write_all(&file, bytes).unwrap();
        file
    }

    fn unpacked(archive: &[u8]) -> Result<Vec<u8>, XzError> {
        let out = unpack(&file_of(archive))?;
        let mut bytes = vec![0; file::size(&out).unwrap() as usize];
        file::read_at(&out, 0, &mut bytes).unwrap();
        Ok(bytes)
    }

    #[test]
    fn what_was_packed_comes_out() {
        for len in [0, 1, 4, 59_999, 200_000] {
            let contents: Vec<u8> = (0..len).map(|i: u32| ((i * 7) >> 3) as u8).collect();
            assert!(
                unpacked(&pack(&contents)).unwrap() == contents,
                "{len} bytes"
            );
        }
    }

    #[test]
    fn compressed_data_comes_out() {
        // printf 'btf btf btf btf btf btf btf btf\n' | xz
        let archive = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\x02\0!\x01\x16\0\0\0t/\xe5\xa3\xe0\0\x1f\0\x0b]\x00\x31\x1d\x08\xeb\x1b\xb3\xea\x9a!`\0\0\0\x91)\xd5|{\xd4t\xe5\0\x01' \x86'-\xc1\x1f\xb6\xf3}\x01";
        assert_eq!(
            unpacked(archive).unwrap(),
            b"btf btf btf btf btf btf btf btf\n"
        );
    }

    #[test]
    fn an_archive_cut_anywhere_or_with_a_byte_changed_is_refused_and_never_a_panic() {
        let contents: Vec<u8> = (0..300u32).map(|i| (i * i) as u8).collect();
        let whole = pack(&contents);
        for len in 12..whole.len() {
            assert!(unpacked(&whole[..len]).is_err(), "cut at {len}");
        }
        for at in 12..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            match unpacked(&changed) {
                // Padding may hold anything here.
                Ok(bytes) => assert!(bytes == contents, "byte {at}"),
                Err(error) => assert!(matches!(error, XzError::Archive(_)), "byte {at}"),
            }
        }
    }
}
