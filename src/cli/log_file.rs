//! A file of output for boards that run unattended: whole lines, and a bound to what is kept.

use btfly::sys::file;
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes that a file holds at most, but for a single line that is longer.
    pub size: u64,
    /// Older files that are kept: `FILE.1` is the youngest of them.
    pub older: u32,
}

/// The file in hand, and where its older ones go.
pub struct LogFile {
    path: String,
    /// `None` where a rotation failed half-way.
    file: Option<OwnedFd>,
    /// Bytes in it.
    len: u64,
    header: Vec<u8>,
    rotation: Option<Rotation>,
}

/// What a write came to.
pub struct Wrote {
    /// Bytes that are in the file, a number of whole lines.
    pub done: usize,
    /// Why not all.
    pub error: Option<Errno>,
}

impl LogFile {
    /// A file that was just opened.
    pub fn new(path: String, file: OwnedFd, rotation: Option<Rotation>) -> LogFile {
        LogFile {
            path,
            file: Some(file),
            len: 0,
            header: Vec::new(),
            rotation,
        }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// What each file begins with, from the first on.
    pub fn set_header(&mut self, header: &[u8]) {
        self.header = header.to_vec();
    }

    /// Moves what is there out of the way: `FILE` becomes `FILE.1`, that `FILE.2`; the oldest goes.
    pub fn make_way(path: &str, rotation: Rotation) -> io::Result<()> {
        for number in (1..rotation.older).rev() {
            file::rename(&older(path, number), &older(path, number + 1))?;
        }
        match rotation.older {
            0 => Ok(()),
            _ => file::rename(path, &older(path, 1)),
        }
    }

    /// Writes lines, into another file where this one is full.
    pub fn write(&mut self, lines: &[u8]) -> Wrote {
        let mut done = 0;
        while let Some(rest) = lines.get(done..).filter(|rest| !rest.is_empty()) {
            let wrote = self.piece(rest);
            match wrote {
                Ok(len) => done += len,
                Err(error) => {
                    return Wrote {
                        done,
                        error: Some(error),
                    };
                }
            }
        }
        Wrote { done, error: None }
    }

    /// Writes as many lines as fit into this file, one at least, and returns how many bytes they had.
    fn piece(&mut self, lines: &[u8]) -> io::Result<usize> {
        let first = line_end(lines);
        let mut piece = lines;
        if let Some(rotation) = self.rotation {
            let begun = self.len.max(self.header.len() as u64);
            let over = begun.saturating_add(first as u64) > rotation.size;
            if over && self.len > self.header.len() as u64 {
                self.rotate(rotation)?;
            }
            let begun = self.len.max(self.header.len() as u64);
            let room = usize::try_from(rotation.size.saturating_sub(begun)).unwrap_or(usize::MAX);
            piece = whole_lines(lines, room.max(first));
        }
        if self.file.is_none() {
            self.file = Some(file::open_output(&self.path)?);
            self.len = 0;
        }
        if self.len == 0 && !self.header.is_empty() {
            let header = std::mem::take(&mut self.header);
            let wrote = self.append(&header);
            self.header = header;
            wrote?;
        }
        self.append(piece)?;
        Ok(piece.len())
    }

    /// All of the bytes, or none.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(Errno::BADF)?;
        match file::write_all(file, bytes) {
            Ok(()) => self.len += bytes.len() as u64,
            Err(error) => {
                let _ = file::cut(file, self.len);
                return Err(error);
            }
        }
        Ok(())
    }

    fn rotate(&mut self, rotation: Rotation) -> io::Result<()> {
        LogFile::make_way(&self.path, rotation)?;
        self.file = None;
        self.len = 0;
        Ok(())
    }
}

fn older(path: &str, number: u32) -> String {
    format!("{path}.{number}")
}

/// Bytes of the first line, with its end.
fn line_end(lines: &[u8]) -> usize {
    let end = lines.iter().position(|&b| b == b'\n');
    end.map_or(lines.len(), |end| end + 1)
}

/// The lines at the start that have at most `most` bytes.
fn whole_lines(lines: &[u8], most: usize) -> &[u8] {
    let Some(fitting) = lines.get(..most) else {
        return lines;
    };
    let end = fitting.iter().rposition(|&b| b == b'\n');
    end.and_then(|end| lines.get(..=end)).unwrap_or(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> String {
        let folder = format!(
            "{}/btfly-{name}-{}",
            std::env::temp_dir().display(),
            std::process::id()
        );
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn lines_of(path: &str) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(Into::into).collect()
    }

    #[test]
    fn files_are_rotated_between_lines_and_each_has_its_header() {
        let folder = folder("rotated");
        let path = format!("{folder}/log");
        let rotation = Rotation { size: 20, older: 2 };
        let file = file::open_output(&path).unwrap();
        let mut log = LogFile::new(path.clone(), file, Some(rotation));
        log.set_header(b"HEAD\n");
        for number in 10..20 {
            // At times two lines at once.
            let lines = format!("line {number}\n");
            let wrote = log.write(lines.as_bytes());
            assert_eq!((wrote.done, wrote.error), (lines.len(), None));
        }
        assert_eq!(lines_of(&path), ["HEAD", "line 19"]);
        assert_eq!(lines_of(&older(&path, 1)), ["HEAD", "line 18"]);
        assert_eq!(lines_of(&older(&path, 2)), ["HEAD", "line 17"]);
        assert!(!std::fs::exists(older(&path, 3)).unwrap());
        let wrote = log.write(b"a line that is longer than a whole file\nb\nc\nd\n");
        assert_eq!(wrote.error, None);
        assert_eq!(lines_of(&path), ["HEAD", "b", "c", "d"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_full_disk_takes_nothing_and_says_so() {
        let file = file::open_output("/dev/full").unwrap();
        let mut log = LogFile::new("/dev/full".into(), file, None);
        let wrote = log.write(b"one\n");
        assert_eq!((wrote.done, wrote.error), (0, Some(Errno::NOSPC)));
    }

    #[test]
    fn what_is_there_is_moved_out_of_the_way() {
        let folder = folder("way");
        let path = format!("{folder}/log");
        std::fs::write(&path, "old\n").unwrap();
        LogFile::make_way(&path, Rotation { size: 1, older: 1 }).unwrap();
        assert_eq!(lines_of(&older(&path, 1)), ["old"]);
        LogFile::make_way(&path, Rotation { size: 1, older: 1 }).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
