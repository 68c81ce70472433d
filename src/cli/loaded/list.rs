//! Listings: of all that is loaded of a kind, or of what was named.

use btfly::sys::holders::{Holder, holders};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{self, Errno};

use super::super::Failure;
use super::super::output::{self, Patience, Written};
use super::{Kind, Row, Words, find, no_more, refused};

/// Tells of one, and gives its number.
pub type Tell = fn(BorrowedFd<'_>, &mut Row) -> io::Result<u32>;

/// What is loaded of a kind, one behind the other as it is found; or what the words name.
pub fn list(kind: &Kind, words: &Words<'_>, tell: Tell) -> Result<(), Failure> {
    let failed = |error| refused(&[kind.what, "s"].concat(), error);
    // Without /proc nobody is known.
    let holders = holders(kind.field).unwrap_or_default();
    if !words.words.is_empty() {
        let (found, rest) = find(kind, &words.words)?;
        no_more(kind.what, rest)?;
        let mut text = String::new();
        let several = words.json && found.len() > 1;
        for (index, fd) in found.iter().enumerate() {
            let before = if index == 0 { "[" } else { "," };
            text.push_str(if several { before } else { "" });
            text.push_str(&of(fd.as_fd(), words.json, &holders, tell).map_err(failed)?);
        }
        text.push_str(if several { "]" } else { "" });
        text.push_str(if words.json { "\n" } else { "" });
        return output::print(&text);
    }
    let mut before = if words.json { "[" } else { "" };
    let mut id = 0;
    while let Some(next) = (kind.next)(id).map_err(failed)? {
        id = next;
        let row = (kind.open)(id).and_then(|fd| of(fd.as_fd(), words.json, &holders, tell));
        let row = match row {
            // It vanished after it was listed.
            Err(Errno::NOENT) => continue,
            row => row.map_err(failed)?,
        };
        let text = [before, &row].concat();
        if output::write(text.as_bytes(), Patience::default())? != Written::All {
            return Ok(());
        }
        before = if words.json { "," } else { "" };
    }
    match (words.json, before) {
        (true, "[") => output::print("[]\n"),
        (true, _) => output::print("]\n"),
        _ => Ok(()),
    }
}

/// What is told of one.
fn of(fd: BorrowedFd<'_>, json: bool, holders: &[Holder], tell: Tell) -> io::Result<String> {
    let mut row = Row::new(json);
    let id = tell(fd, &mut row)?;
    let own = std::process::id();
    let held = holders.iter().filter(|h| h.id == id && h.pid != own);
    row.holders(held.map(|h| (h.pid, &*h.comm)));
    Ok(row.end())
}
