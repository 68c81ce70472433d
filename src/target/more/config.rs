//! The configuration that a kernel was built with: /boot/config-R, or /proc/config.gz.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::sys::file;
use crate::target::TargetError;

/// A configuration has some 300 KB.
const LARGEST: usize = 16 << 20;

/// A kernel's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Names and values, sorted by name.
    values: Vec<(String, String)>,
}

impl Config {
    /// Reads a configuration file, plain or packed by gzip.
    ///
    /// # Errors
    /// A file that can't be read or unpacked, or has not one value in it.
    pub fn read(path: &str) -> Result<Config, TargetError> {
        let refused = |what| TargetError::Facts {
            path: path.into(),
            what,
        };
        let bytes = file::read_whole(path, LARGEST).map_err(|error| TargetError::File {
            path: path.into(),
            error,
        })?;
        let bytes = match bytes.starts_with(&MAGIC) {
            true => unpack(&bytes).map_err(refused)?,
            false => bytes,
        };
        let config = Config::parse(&String::from_utf8_lossy(&bytes));
        match config.values.is_empty() {
            true => Err(refused(
                "no kernel configuration: not one line is CONFIG_NAME=VALUE",
            )),
            false => Ok(config),
        }
    }

    fn parse(text: &str) -> Config {
        let lines = text.lines().filter(|line| line.starts_with("CONFIG_"));
        let pairs = lines.filter_map(|line| line.split_once('='));
        let mut values: Vec<(String, String)> = pairs
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        // Of two values the first counts.
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        values.dedup_by(|(later, _), (first, _)| later == first);
        Config { values }
    }

    /// The value of `CONFIG_…`, as it is written in the file. `None`: it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self
            .values
            .binary_search_by(|(known, _)| (**known).cmp(name));
        let (_, value) = self.values.get(at.ok()?)?;
        Some(value)
    }
}

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks the first member of a gzip file (RFC 1952).
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "a gzip file that is cut off";
    const DAMAGED: &str = "a gzip file that is damaged";
    let [header_crc, extra, name, comment] = [2, 4, 8, 16];
    let (header, mut rest) = bytes.split_first_chunk::<10>().ok_or(CUT)?;
    let (method, flags) = (header[2], header[3]);
    if method != 8 {
        return Err("a gzip file of an unknown method");
    }
    if flags & extra != 0 {
        let (len, after) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        let len = usize::from(u16::from_le_bytes(*len));
        rest = after.get(len..).ok_or(CUT)?;
    }
    for text in [name, comment] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0).ok_or(CUT)?;
            rest = rest.get(end + 1..).ok_or(CUT)?;
        }
    }
    if flags & header_crc != 0 {
        rest = rest.get(2..).ok_or(CUT)?;
    }
    let unpacked = decompress_to_vec_with_limit(rest, LARGEST).map_err(|_| DAMAGED)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    const TEXT: &str = "# CONFIG_NO is not set\nCONFIG_HZ=250\nCONFIG_CC=\"gcc = 12\"\n\nCONFIG_HZ=1000\n\
                        CONFIG_BPF=y\n not=one\n";

    fn gzip(flags: u8, optional: &[u8], text: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        out.extend_from_slice(optional);
        out.extend(compress_to_vec(text, 6));
        out.extend_from_slice(&[0; 8]);
        out
    }

    #[test]
    fn values_are_found_by_name_as_they_are_written() {
        let config = Config::parse(TEXT);
        assert_eq!(config.get("CONFIG_HZ"), Some("250"));
        assert_eq!(config.get("CONFIG_CC"), Some("\"gcc = 12\""));
        assert_eq!(config.get("CONFIG_BPF"), Some("y"));
        for gone in ["CONFIG_NO", "CONFIG_H", "not", ""] {
            assert_eq!(config.get(gone), None, "{gone}");
        }
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
            assert_eq!(unpack(&packed).as_deref(), Ok(TEXT.as_bytes()), "{flags}");
            for len in 0..10 + optional.len() + 8 {
                assert!(unpack(&packed[..len]).is_err(), "{flags} {len}");
            }
        }
        assert!(unpack(&gzip(0, b"", &vec![0; LARGEST + 1])).is_err());
    }

    #[test]
    fn a_file_that_is_no_configuration_is_refused() {
        let name = format!("btfly-config-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for (bytes, reason) in [
            (&b""[..], "not one line"),
            (b"ffff T _text\n", "not one line"),
            (b"\x1f\x8b\x08", "cut off"),
            (b"\x1f\x8b\x07\0\0\0\0\0\0\0\0", "unknown method"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff", "damaged"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = Config::read(path.to_str().unwrap()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        std::fs::write(&path, gzip(0, b"", TEXT.as_bytes())).unwrap();
        let config = Config::read(path.to_str().unwrap()).unwrap();
        assert_eq!(config.get("CONFIG_HZ"), Some("250"));
        std::fs::remove_file(path).unwrap();
    }
}
