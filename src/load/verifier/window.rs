//! What is left of a log that went round and round in a small file, or lies in a large one.

use rustix::fd::OwnedFd;
use rustix::io::{self, Errno, pwrite};

use crate::sys::file;

/// Bytes of a log that are kept: some thousand lines of it, and a multiple of every page size.
pub(super) const WINDOW: usize = 256 * 1024;

/// What the last byte of a window is while no log has come that far; no text has it.
const UNTOUCHED: u8 = 0xff;

const PIECE: usize = 64 * 1024;

/// Marks a new window, so that it can be told whether the log filled it.
pub(super) fn mark(file: &OwnedFd) -> io::Result<()> {
    match pwrite(file, &[UNTOUCHED], WINDOW as u64 - 1)? {
        1 => Ok(()),
        _ => Err(Errno::NOSPC),
    }
}

/// Whether nothing was written to a file.
pub(super) fn is_empty(file: &OwnedFd) -> bool {
    let mut first = [0];
    !matches!(file::read_at(file, 0, &mut first), Ok(1)) || first == [0]
}

/// The bytes of a window.
pub(super) fn read(file: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; WINDOW];
    let len = file::read_at(file, 0, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// The text up to the zero that ends it.
pub(super) fn front(mut bytes: Vec<u8>) -> String {
    let end = bytes.iter().position(|b| *b == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    text(bytes)
}

/// The log in a window, and whether its start is missing; `None` where its end can't be told.
///
/// A zero follows what the kernel writes. One that it went back behind may be left further on: kernels
/// from 5.8 on take back what they said of a branch that turned out well. The right one follows the
/// summary, which is the last line.
pub(super) fn unroll(mut window: Vec<u8>) -> Option<(String, bool)> {
    if window.last() == Some(&UNTOUCHED) {
        return Some((front(window), false));
    }
    let zeros = window.iter().enumerate().filter(|(_, b)| **b == 0);
    let ends: Vec<usize> = zeros.map(|(at, _)| at).collect();
    let summed_up = ends.iter().find(|end| {
        let line = last_line(&window, **end);
        line.is_some_and(|line| line.starts_with(b"processed "))
    });
    // Before 5.2 a refusal has no summary, and nothing is ever taken back.
    let alone = match ends[..] {
        [end] => Some(end),
        _ => None,
    };
    let end = summed_up.copied().or(alone)?;
    window.rotate_left(end + 1);
    window.retain(|byte| *byte != 0);
    // The first line is cut off.
    let first = window.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
    window.drain(..first);
    Some((text(window), true))
}

/// The line before a zero, going back around the start of the window; `None` where no line ends there.
fn last_line(window: &[u8], end: usize) -> Option<Vec<u8>> {
    const LONGEST: usize = 512;
    let back = (1..=LONGEST.min(window.len())).map(|n| (end + window.len() - n) % window.len());
    let mut bytes = back.filter_map(|at| window.get(at).copied());
    if bytes.next() != Some(b'\n') {
        return None;
    }
    let mut line: Vec<u8> = bytes.take_while(|b| !matches!(*b, b'\n' | 0)).collect();
    line.reverse();
    Some(line)
}

/// The end of the log in a large file, and whether that is not all of it.
pub(super) fn end_of_file(file: &OwnedFd) -> io::Result<(String, bool)> {
    let mut buffer = vec![0; PIECE];
    let mut len = 0;
    loop {
        let read = file::read_at(file, len, &mut buffer)?;
        let piece = buffer.get(..read).unwrap_or_default();
        match piece.iter().position(|b| *b == 0) {
            Some(end) => len += end as u64,
            None => len += read as u64,
        }
        if read < PIECE || piece.contains(&0) {
            break;
        }
    }
    let start = len.saturating_sub(WINDOW as u64);
    buffer.resize((len - start) as usize, 0);
    let read = file::read_at(file, start, &mut buffer)?;
    buffer.truncate(read);
    if start > 0 {
        let first = buffer.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
        buffer.drain(..first);
    }
    Ok((text(buffer), start > 0))
}

/// Hands over a file up to its first zero, in pieces that end with a line where they can.
pub(super) fn for_each_piece(file: &OwnedFd, piece: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    loop {
        let read = file::read_at(file, at, &mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        let end = bytes.iter().position(|b| *b == 0);
        let last = end.is_some() || read < PIECE;
        let bytes = bytes.get(..end.unwrap_or(read)).unwrap_or_default();
        let whole = bytes.iter().rposition(|b| *b == b'\n').map(|n| n + 1);
        let len = whole.filter(|_| !last).unwrap_or(bytes.len());
        piece(&String::from_utf8_lossy(
            bytes.get(..len).unwrap_or_default(),
        ));
        if last {
            return Ok(());
        }
        at += len as u64;
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes as the kernel does: each piece and a zero behind it, from byte `from` of the log on.
    fn write(window: &mut [u8], from: usize, log: &str) {
        let len = window.len();
        for (at, byte) in log.bytes().chain([0]).enumerate() {
            window[(from + at) % len] = byte;
        }
    }

    fn fresh(len: usize) -> Vec<u8> {
        let mut window = vec![0; len];
        window[len - 1] = UNTOUCHED;
        window
    }

    #[test]
    fn a_log_that_fits_is_there_whole() {
        let mut window = fresh(64);
        write(&mut window, 0, "R2 !read_ok\nprocessed 1\n");
        let told = ("R2 !read_ok\nprocessed 1\n".to_owned(), false);
        assert_eq!(unroll(window), Some(told));
    }

    #[test]
    fn the_end_of_a_longer_log_is_there_wherever_it_stops() {
        let lines: String = (0..40).map(|n| format!("{n}: (bf) r1 = r2\n")).collect();
        let log = lines + "R2 !read_ok\nprocessed 40 insns\n";
        for len in 100..140 {
            let mut window = fresh(len);
            write(&mut window, 0, &log);
            let (text, cut) = unroll(window).unwrap();
            assert!(
                cut && log.ends_with(&text) && text.len() > 60,
                "{len}: {text}"
            );
            assert!(text.starts_with(|c: char| c.is_ascii_digit()), "{text}");
        }
    }

    #[test]
    fn a_zero_that_the_kernel_went_back_behind_is_not_the_end() {
        let mut window = fresh(128);
        write(&mut window, 0, &"5: (bf) r1 = r2\n".repeat(16));
        // Back to its tenth line, which is in the window still.
        write(
            &mut window,
            144,
            "9: (95) exit\nR0 !read_ok\nprocessed 9 insns\n",
        );
        let (text, cut) = unroll(window).unwrap();
        assert!(cut);
        assert!(
            text.ends_with("\n9: (95) exit\nR0 !read_ok\nprocessed 9 insns\n"),
            "{text}"
        );
    }

    #[test]
    fn without_a_summary_the_only_zero_is_the_end() {
        let mut window = fresh(64);
        let log = "1: (bf) r1 = r2\n".repeat(9) + "R2 !read_ok\n";
        write(&mut window, 0, &log);
        let (text, _) = unroll(window).unwrap();
        assert!(text.ends_with("\nR2 !read_ok\n"), "{text}");
        // With a second one nobody knows.
        let mut window = fresh(64);
        write(&mut window, 0, &log);
        write(&mut window, 20, "x");
        assert_eq!(unroll(window), None);
    }
}
