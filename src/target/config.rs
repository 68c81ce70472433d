//! The configuration that a kernel was built with: /proc/config.gz, or a file beside its image.

use rustix::io;

use super::{TargetError, inflate};
use crate::sys::{file, kernel};

/// A configuration has some 300 KB: a file that is unpacked to more is none.
const LARGEST: usize = 16 << 20;

/// Bytes that are read at a time.
const PIECE: usize = 4096;

/// A line may be this long; what exceeds it is dropped.
const LONGEST: usize = 4096;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Some values of a kernel's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Names that were looked for and the values that they have, sorted by name.
    values: Vec<(String, Option<String>)>,
}

impl Config {
    /// Looks for `names` in a configuration file, plain or packed by gzip. Nothing else of it is held in
    /// memory: to unpack it takes some 40 KB.
    ///
    /// # Errors
    /// A file that can't be read or unpacked, or has not one value in it.
    pub fn read<'n>(
        path: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Config, TargetError> {
        let failed = |error| TargetError::File {
            path: path.into(),
            error,
        };
        let refused = |what| TargetError::Facts {
            path: path.into(),
            what,
        };
        let mut config = Config::wanting(names);
        let file = file::open_stream(path).map_err(failed)?;
        let mut any = false;
        let mut lines = Lines::default();
        let mut line = |line: &[u8]| any |= config.look(line);
        let mut broken = None;
        let mut read = |buffer: &mut [u8]| match file::fill(&file, buffer) {
            Ok(bytes) => bytes.len(),
            Err(error) => {
                broken = Some(error);
                0
            }
        };
        let unpacked = text(&mut read, &mut |bytes| lines.take(bytes, &mut line));
        if let Some(error) = broken {
            return Err(failed(error));
        }
        unpacked.map_err(refused)?;
        lines.end(&mut line);
        match any {
            true => Ok(config),
            false => Err(refused(
                "no kernel configuration: not one line is CONFIG_NAME=VALUE",
            )),
        }
    }

    /// Looks for `names` in the running kernel's configuration: see [`Config::places`]. `None`: it is
    /// in none of them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn running<'n>(
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Config>, TargetError> {
        let there = Config::places().into_iter().find(|path| {
            !matches!(
                file::open(&**path),
                Err(io::Errno::NOENT | io::Errno::NOTDIR)
            )
        });
        there.map(|path| Config::read(&path, names)).transpose()
    }

    /// Where the running kernel's configuration may be, the best first: what the kernel itself shows,
    /// then what a distribution installs.
    pub fn places() -> [String; 3] {
        let release = kernel::release();
        [
            "/proc/config.gz".into(),
            ["/boot/config-", &release].concat(),
            ["/lib/modules/", &release, "/config"].concat(),
        ]
    }

    fn wanting<'n>(names: impl Iterator<Item = &'n str>) -> Config {
        let mut values: Vec<(String, Option<String>)> =
            names.map(|name| (name.into(), None)).collect();
        values.sort();
        values.dedup();
        Config { values }
    }

    /// The value of `CONFIG_…`, as it is written in the file. `None`: it is not set, or was not looked
    /// for.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.get(self.position(name)?)?;
        value.as_deref()
    }

    fn position(&self, name: &str) -> Option<usize> {
        let values = &self.values;
        values
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()
    }

    /// Takes a line of the file; `false` if it gives no value. Of two values of a name the first counts.
    fn look(&mut self, line: &[u8]) -> bool {
        if !line.starts_with(b"CONFIG_") {
            return false;
        }
        let line = String::from_utf8_lossy(line);
        let Some((name, value)) = line.trim_end_matches('\r').split_once('=') else {
            return false;
        };
        let at = self.position(name);
        if let Some((_, known)) = at.and_then(|at| self.values.get_mut(at)) {
            known.get_or_insert_with(|| value.into());
        }
        true
    }
}

/// Cuts text that comes in pieces into lines.
#[derive(Default)]
struct Lines {
    /// The front of a line whose end has not come yet.
    front: Vec<u8>,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            match self.front.is_empty() {
                true => line(piece),
                false => {
                    self.keep(piece);
                    line(&self.front);
                    self.front.clear();
                }
            }
        }
        self.keep(last);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.front.len());
        self.front.extend(bytes.iter().take(room));
    }

    /// Hands over what stands behind the last newline.
    fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.front.is_empty() {
            line(&self.front);
        }
    }
}

/// Hands all of a file's text to `out`, unpacked if it is packed. `read` fills a buffer, or what it can
/// of it at the end of the file.
fn text(
    read: &mut dyn FnMut(&mut [u8]) -> usize,
    out: &mut dyn FnMut(&[u8]),
) -> Result<(), &'static str> {
    let mut piece = [0; PIECE];
    let mut len = read(&mut piece);
    if piece.starts_with(&MAGIC) {
        let start = piece.get(..len).unwrap_or_default();
        return inflate::unpack(read, start, LARGEST, out);
    }
    let mut total = 0;
    while len > 0 {
        out(piece.get(..len).unwrap_or_default());
        total += len;
        if total > LARGEST {
            return Err("no kernel configuration: it is too large");
        }
        len = read(&mut piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    const TEXT: &str = "# CONFIG_NO is not set\nCONFIG_HZ=250\nCONFIG_CC=\"gcc = 12\"\n\nCONFIG_HZ=1000\n\
                        CONFIG_BPF=y\n not=one\n";
    const NAMES: [&str; 5] = [
        "CONFIG_HZ",
        "CONFIG_CC",
        "CONFIG_BPF",
        "CONFIG_NO",
        "CONFIG_HZ",
    ];

    fn gzip(flags: u8, optional: &[u8], text: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        out.extend_from_slice(optional);
        out.extend(compress_to_vec(text, 6));
        out.extend_from_slice(&[0; 8]);
        out
    }

    fn unpacked(mut bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::new();
        let mut read = |buffer: &mut [u8]| {
            let len = bytes.len().min(buffer.len());
            let (front, rest) = bytes.split_at(len);
            buffer[..len].copy_from_slice(front);
            bytes = rest;
            len
        };
        text(&mut read, &mut |bytes| out.extend_from_slice(bytes))?;
        Ok(out)
    }

    fn file(name: &str, bytes: &[u8]) -> String {
        let name = format!("btfly-config-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn values_are_found_by_name_as_they_are_written() {
        for (name, bytes) in [
            ("plain", TEXT.as_bytes().to_vec()),
            ("packed", gzip(0, b"", TEXT.as_bytes())),
        ] {
            let path = file(name, &bytes);
            let config = Config::read(&path, NAMES.into_iter()).unwrap();
            std::fs::remove_file(path).unwrap();
            assert_eq!(config.get("CONFIG_HZ"), Some("250"));
            assert_eq!(config.get("CONFIG_CC"), Some("\"gcc = 12\""));
            assert_eq!(config.get("CONFIG_BPF"), Some("y"));
            for gone in ["CONFIG_NO", "CONFIG_H", "not", ""] {
                assert_eq!(config.get(gone), None, "{gone}");
            }
        }
    }

    #[test]
    fn lines_are_whole_wherever_pieces_end() {
        let text = "one\n\ntwo three\nfour";
        for size in 1..text.len() + 1 {
            let mut found: Vec<Vec<u8>> = Vec::new();
            let mut lines = Lines::default();
            let mut line = |line: &[u8]| found.push(line.to_vec());
            for piece in text.as_bytes().chunks(size) {
                lines.take(piece, &mut line);
            }
            lines.end(&mut line);
            assert_eq!(found, [&b"one"[..], b"", b"two three", b"four"], "{size}");
        }
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in vec![b'x'; 10_000].chunks(1000) {
            lines.take(piece, &mut |line| found.push(line.len()));
        }
        lines.take(b"\n", &mut |line| found.push(line.len()));
        assert_eq!(found, [LONGEST]);
    }

    #[test]
    fn a_packed_file_is_unpacked_whatever_its_header_has() {
        for (flags, optional) in [
            (0, &b""[..]),
            (8, b"config\0"),
            (16, b"comment\0"),
            (2, b"\x12\x34"),
            (4 | 8 | 2, b"\x03\0abcname\0\x12\x34"),
        ] {
            let packed = gzip(flags, optional, TEXT.as_bytes());
            assert_eq!(unpacked(&packed).as_deref(), Ok(TEXT.as_bytes()), "{flags}");
            for len in 2..10 + optional.len() + 8 {
                assert!(unpacked(&packed[..len]).is_err(), "{flags} {len}");
            }
        }
        let long: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(unpacked(&gzip(0, b"", &long)), Ok(long));
        assert!(unpacked(&gzip(0, b"", &vec![0; LARGEST + 1])).is_err());
    }

    #[test]
    fn a_file_that_is_no_configuration_is_refused() {
        for (at, (bytes, reason)) in [
            (&b""[..], "not one line"),
            (b"ffff T _text\n", "not one line"),
            (b"\x1f\x8b\x08", "cut off"),
            (b"\x1f\x8b\x07\0\0\0\0\0\0\0\0", "unknown method"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff", "damaged"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = file(&format!("bad{at}"), bytes);
            let error = Config::read(&path, NAMES.into_iter()).unwrap_err();
            std::fs::remove_file(path).unwrap();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
