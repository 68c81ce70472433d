//! A string table, read through a cache of small blocks.

use crate::sys::file;
use rustix::fd::OwnedFd;

const BLOCK: usize = 16 * 1024;
/// At most so many blocks are held: 1 MiB.
const BLOCKS: usize = 64;
/// A longer name is none that a person would ask for; those of C++ can be long.
const LONGEST: usize = 4096;

pub(super) struct Strings<'f> {
    file: &'f OwnedFd,
    /// Bytes in the file.
    start: u64,
    len: u64,
    /// Block `n` of the table is held in slot `n % BLOCKS`.
    slots: Vec<Option<(u64, Box<[u8]>)>>,
    /// The name that was read last.
    name: Vec<u8>,
}

impl<'f> Strings<'f> {
    pub fn new(file: &'f OwnedFd, start: u64, len: u64) -> Strings<'f> {
        Strings {
            file,
            start,
            len,
            slots: (0..BLOCKS).map(|_| None).collect(),
            name: Vec::new(),
        }
    }

    /// The string at byte `at`; `None` where there is none that ends in the table.
    pub fn get(&mut self, at: u64) -> Option<&[u8]> {
        self.name.clear();
        let mut at = at;
        loop {
            if at >= self.len || self.name.len() > LONGEST {
                return None;
            }
            let number = at / BLOCK as u64;
            let within = usize::try_from(at % BLOCK as u64).ok()?;
            let slot = usize::try_from(number).ok()? % BLOCKS;
            let held = self.slots.get(slot)?.as_ref();
            if held.is_none_or(|(held, _)| *held != number) {
                let block = self.read(number)?;
                *self.slots.get_mut(slot)? = Some((number, block));
            }
            let (_, block) = self.slots.get(slot)?.as_ref()?;
            let rest = block.get(within..).filter(|rest| !rest.is_empty())?;
            if let Some(end) = rest.iter().position(|b| *b == 0) {
                self.name.extend_from_slice(rest.get(..end)?);
                return (self.name.len() <= LONGEST).then_some(&self.name);
            }
            self.name.extend_from_slice(rest);
            at = at.checked_add(rest.len() as u64)?;
        }
    }

    fn read(&self, number: u64) -> Option<Box<[u8]>> {
        let at = number.checked_mul(BLOCK as u64)?;
        let len = self.len.checked_sub(at)?.min(BLOCK as u64);
        let mut block = vec![0; usize::try_from(len).ok()?];
        let place = self.start.checked_add(at)?;
        let read = file::read_at(self.file, place, &mut block).ok()?;
        block.truncate(read);
        Some(block.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: &[u8]) -> OwnedFd {
        let file = rustix::fs::memfd_create("strings", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        file::write_all(&file, bytes).unwrap();
        file
    }

    #[test]
    fn a_string_is_read_across_blocks_and_not_beyond_the_table() {
        let mut bytes = b"ab\0".to_vec();
        bytes.resize(BLOCK - 2, 0);
        bytes.extend_from_slice(b"across\0end");
        let file = table(&bytes);
        let len = bytes.len() as u64;
        let mut strings = Strings::new(&file, 0, len);
        assert_eq!(strings.get(0), Some(&b"ab"[..]));
        assert_eq!(strings.get(2), Some(&b""[..]));
        assert_eq!(strings.get(BLOCK as u64 - 2), Some(&b"across"[..]));
        assert_eq!(strings.get(1), Some(&b"b"[..]));
        for outside in [len - 3, len, u64::MAX] {
            assert_eq!(strings.get(outside), None, "{outside}");
        }
    }

    #[test]
    fn a_name_without_end_is_none() {
        let file = table(&[b'x'; 3 * BLOCK]);
        let mut strings = Strings::new(&file, 0, 3 * BLOCK as u64);
        assert_eq!(strings.get(0), None);
        // A table that claims more than the file has.
        let mut strings = Strings::new(&file, 2 * BLOCK as u64, u64::MAX);
        assert_eq!(strings.get(BLOCK as u64 - 2), None);
    }
}
