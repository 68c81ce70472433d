//! Small pseudo files of procfs, sysfs and tracefs, read into the caller's buffer.

use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, Mode, OFlags, RawDir};
use rustix::io::{self, Errno};
use rustix::path::Arg;
use std::mem::MaybeUninit;

/// Opens a file for reading, close-on-exec. A FIFO that nobody writes to is not waited for.
///
/// # Errors
/// The kernel's.
pub fn open<P: Arg>(path: P) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Opens a file to be read from its start to its end; it may be a pipe, whose writer is waited for
/// once it is open.
///
/// # Errors
/// The kernel's.
pub fn open_stream(path: &str) -> io::Result<OwnedFd> {
    let file = open(path)?;
    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Opens a folder, and nothing else: to open a device may already set it going.
///
/// # Errors
/// The kernel's: `ENOTDIR` where it is no folder.
pub fn open_folder(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Reads until the end of the file or of `buffer`, and returns the bytes read.
///
/// # Errors
/// The kernel's.
pub fn fill<'a>(file: &OwnedFd, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(file, rest) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    buffer.get(..len).ok_or(Errno::OVERFLOW)
}

/// Reads up to `buffer.len()` bytes from byte `offset` on, and returns how many: fewer only at the
/// end of the file. A sysfs file gives at most one page per call; this calls on.
///
/// # Errors
/// The kernel's.
pub fn read_at(file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, offset + len as u64) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// The kernel's; `EFBIG` where it is larger.
pub fn read_whole(path: &str, most: usize) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let len = usize::try_from(size(&file)?).unwrap_or(usize::MAX);
    if len > most {
        return Err(Errno::FBIG);
    }
    let mut bytes = vec![0; len];
    let read = read_at(&file, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A new file without a name: it is gone when it is closed, however the program ends. It lies in
/// $TMPDIR, else in /tmp, else (where those can't have such files) in memory.
///
/// # Errors
/// The kernel's.
pub fn scratch() -> io::Result<OwnedFd> {
    let chosen = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let folder = chosen.unwrap_or_else(|| "/tmp".into());
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder.as_os_str(), flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file),
        Err(_) => rustix::fs::memfd_create("btfly", MemfdFlags::CLOEXEC),
    }
}

/// Makes a folder that may be there already.
///
/// # Errors
/// The kernel's.
pub fn make_folder(path: &str) -> io::Result<()> {
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o777)) {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

/// Makes a file with these contents, in the place of one that is there.
///
/// # Errors
/// The kernel's.
pub fn create(path: &str, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))?;
    write_all(&file, bytes)
}

/// Opens a file to write to its end, made empty if it is there. A pipe is waited for until somebody
/// reads it.
///
/// # Errors
/// The kernel's.
pub fn open_output(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::APPEND | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))
}

/// Whether it is a plain file: no pipe, terminal or device.
///
/// # Errors
/// The kernel's.
#[cfg(feature = "full")]
pub fn is_plain(file: &OwnedFd) -> io::Result<bool> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode);
    Ok(kind.is_file())
}

/// Cuts a file off behind so many bytes.
///
/// # Errors
/// The kernel's.
#[cfg(feature = "full")]
pub fn cut(file: &OwnedFd, len: u64) -> io::Result<()> {
    rustix::fs::ftruncate(file, len)
}

/// Gives a file another name, in the place of one that had it. There may be no such file.
///
/// # Errors
/// The kernel's.
#[cfg(feature = "full")]
pub fn rename(from: &str, to: &str) -> io::Result<()> {
    match rustix::fs::rename(from, to) {
        Err(Errno::NOENT) => Ok(()),
        renamed => renamed,
    }
}

/// Writes all of `bytes`.
///
/// # Errors
/// The kernel's: `ENOSPC` where the file system is full.
pub fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Hands the name of each entry of a folder to `name`, in the order of the file system; those that
/// start with a dot are passed over.
///
/// # Errors
/// The kernel's.
pub fn for_each_entry(folder: &OwnedFd, name: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if let Ok(text) = entry.file_name().to_str()
            && !text.starts_with('.')
        {
            name(text);
        }
    }
    Ok(())
}

/// Whether an open file is a folder.
///
/// # Errors
/// The kernel's.
pub fn is_folder(file: &OwnedFd) -> io::Result<bool> {
    let mode = rustix::fs::fstat(file)?.st_mode;
    Ok(rustix::fs::FileType::from_raw_mode(mode).is_dir())
}

/// Size of an open file in bytes.
///
/// # Errors
/// The kernel's.
pub fn size(file: &OwnedFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(file)?.st_size.unsigned_abs())
}

/// Reads the front of a file that fits the buffer.
///
/// # Errors
/// The kernel's.
pub fn read<'a>(path: &str, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    fill(&open(path)?, buffer)
}

/// Reads a file that holds one decimal number.
///
/// # Errors
/// The kernel's; `EINVAL` where the file holds something else.
pub fn read_number(path: &str) -> io::Result<i64> {
    let mut buffer = [0; 32];
    let bytes = read(path, &mut buffer)?;
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::INVAL)?;
    text.trim_ascii().parse().map_err(|_| Errno::INVAL)
}

/// Hands each line of a file, without its newline, to `line`, through a buffer of 4 KiB, until it
/// answers `false`. What exceeds 4 KiB in a line is dropped.
///
/// # Errors
/// The kernel's.
pub fn for_each_line(file: &OwnedFd, line: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut kept = 0;
    let mut cut = false;
    loop {
        let room = buffer.get_mut(kept..).unwrap_or_default();
        let more = match rustix::io::read(file, room) {
            Ok(more) => more,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        };
        let filled = buffer.get(..kept + more).unwrap_or_default();
        let mut start = 0;
        for (at, _) in filled.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            let whole = filled.get(start..at).unwrap_or_default();
            start = at + 1;
            if !std::mem::take(&mut cut) && !line(whole) {
                return Ok(());
            }
        }
        if more == 0 {
            let last = filled.get(start..).unwrap_or_default();
            if !last.is_empty() && !cut {
                line(last);
            }
            return Ok(());
        }
        kept = filled.len() - start;
        buffer.copy_within(start..start + kept, 0);
        if kept == buffer.len() {
            // A line longer than the buffer: its front is handed over, its rest is dropped.
            if !cut && !line(&buffer) {
                return Ok(());
            }
            cut = true;
            kept = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines_of(content: &[u8]) -> Vec<Vec<u8>> {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let content = content.to_vec();
        let feeder = std::thread::spawn(move || {
            std::fs::File::from(writer).write_all(&content).unwrap();
        });
        let mut lines = Vec::new();
        for_each_line(&reader, &mut |line| {
            lines.push(line.to_vec());
            true
        })
        .unwrap();
        feeder.join().unwrap();
        lines
    }

    #[test]
    fn lines_come_whole_across_buffer_ends() {
        let mut content = Vec::new();
        for i in 0..3000 {
            writeln!(content, "ffff{i:08} T symbol_{i}").unwrap();
        }
        let lines = lines_of(&content);
        assert_eq!(lines.len(), 3000);
        assert_eq!(lines[2999], b"ffff00002999 T symbol_2999");
    }

    #[test]
    fn a_last_line_without_newline_counts() {
        assert_eq!(lines_of(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert!(lines_of(b"").is_empty());
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_cut_once() {
        let mut content = vec![b'x'; 10_000];
        content.extend_from_slice(b"\nshort\n");
        let lines = lines_of(&content);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), 4096);
        assert_eq!(lines[1], b"short");
    }

    #[test]
    fn a_reader_can_stop_early() {
        let file = open("/proc/self/status").unwrap();
        let mut seen = 0;
        for_each_line(&file, &mut |_| {
            seen += 1;
            false
        })
        .unwrap();
        assert_eq!(seen, 1);
    }
}
