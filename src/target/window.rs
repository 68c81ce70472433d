//! A kernel's BTF that is never held in memory: two passes through a window, then single records
//! through a handful of cached blocks.

use std::cell::{Cell, RefCell};

use super::names::{Names, Wanted};
use super::scan::{self, TypeScan};
use super::source::{Source, Strings};
use crate::btf::{BtfError, Layout, StrOffset, TypeId, Types, record_len};
use crate::relocate::Target;

/// Bytes of the window, which afterwards is cut into the blocks of the cache.
const WINDOW: usize = 32 * 1024;
const BLOCK: usize = 4096;

const CUT: BtfError = BtfError::Truncated("a type record");

/// How many records are remembered.
const FOUND: usize = 16;

/// The types of a kernel that some relocations ask about.
///
/// # Memory
/// 32 KiB of window, at most 32 KiB of index (four bytes for every 16th type; every 32nd where a BTF
/// has more than 131,072; and so on), some dozens of bytes per wanted name, and four bytes for
/// each type that is called as wanted. None of it grows with the BTF otherwise.
pub struct WindowedBtf<'s> {
    source: Source<'s>,
    layout: Layout,
    names: Names,
    scan: TypeScan,
    /// The candidates of each root, by name.
    candidates: Vec<(Box<str>, Vec<TypeId>)>,
    blocks: RefCell<Blocks>,
    /// Records that were found by the low bits of their number: members are read one after another,
    /// and lead to the same few types.
    found: [Cell<Found>; FOUND],
}

/// Where a record lies.
#[derive(Clone, Copy, Default)]
struct Found {
    id: TypeId,
    /// Bytes from the start of the type section.
    at: usize,
    /// Bytes of the record.
    len: usize,
}

struct Blocks {
    window: Vec<u8>,
    /// For each block of the window, the block of the file that it holds.
    held: [Option<usize>; WINDOW / BLOCK],
    /// For each block of the window, how many of its bytes are the file's.
    len: [usize; WINDOW / BLOCK],
}

impl<'s> WindowedBtf<'s> {
    /// Looks for `wanted` in `source`, a BTF of `len` bytes: one pass over its strings, one over its
    /// types.
    ///
    /// # Errors
    /// BTF that is damaged, of the other byte order, or can't be read.
    pub fn gather(
        source: Source<'s>,
        len: u64,
        wanted: &Wanted<'_>,
    ) -> Result<WindowedBtf<'s>, BtfError> {
        // The kernel's own BTF was written by pahole; what a file holds is not known.
        let strings = match source {
            Source::Mapped(_) => Strings::Apart,
            _ => Strings::Overlapping,
        };
        WindowedBtf::gather_as(source, len, wanted, strings)
    }

    pub(super) fn gather_as(
        source: Source<'s>,
        len: u64,
        wanted: &Wanted<'_>,
        strings: Strings,
    ) -> Result<WindowedBtf<'s>, BtfError> {
        WindowedBtf::gather_behind(source, len, wanted, strings, (Names::new(wanted), 0))
    }

    /// The same for a BTF whose names go on where those of another end: with what was found there,
    /// and the offset that its own first name has.
    pub(super) fn gather_behind(
        source: Source<'s>,
        len: u64,
        wanted: &Wanted<'_>,
        strings: Strings,
        (mut names, first): (Names, u32),
    ) -> Result<WindowedBtf<'s>, BtfError> {
        if wanted.len() > usize::from(u16::MAX) {
            return Err(BtfError::TooManyNames(wanted.len()));
        }
        let layout = source.layout(len)?;
        let mut window = match source {
            Source::File { .. } => vec![0; WINDOW],
            _ => Vec::new(),
        };
        let section = (layout.strings_at, layout.strings_len);
        super::strings::strings(
            &source,
            &mut window,
            section,
            strings,
            wanted,
            (&mut names, first),
        )?;
        let section = (layout.types_at, layout.types_len);
        let mut scan = scan::types(&source, &mut window, section, wanted, &names)?;
        let roots = wanted.iter().zip(core::mem::take(&mut scan.roots));
        let candidates = roots
            .enumerate()
            .filter(|(index, _)| wanted.is_root(*index as u16))
            .map(|(_, (name, mut ids))| {
                // BTF that was never deduplicated has hundreds of each.
                ids.shrink_to_fit();
                (name.into(), ids)
            })
            .collect();
        Ok(WindowedBtf {
            source,
            layout,
            names,
            scan,
            candidates,
            blocks: RefCell::new(Blocks {
                window,
                held: [None; WINDOW / BLOCK],
                len: [0; WINDOW / BLOCK],
            }),
            found: Default::default(),
        })
    }

    /// How many types the BTF has.
    pub fn len(&self) -> u32 {
        self.scan.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.scan.count == 0
    }

    fn locate(&self, id: TypeId) -> Result<Found, BtfError> {
        let found = self.found.get(id.0 as usize % FOUND);
        match found.map(Cell::get) {
            Some(known) if known.id == id && id != TypeId::VOID => return Ok(known),
            _ => {}
        }
        let missing = BtfError::NoSuchType(id);
        let index = id.0.checked_sub(1).filter(|&i| i < self.scan.count);
        let index = index.ok_or(missing.clone())?;
        let noted = self.scan.index.get((index / self.scan.stride) as usize);
        let at = self.skip(*noted.ok_or(missing)? as usize, index % self.scan.stride)?;
        let len = self.record_len(at)?;
        let here = Found { id, at, len };
        if let Some(found) = found {
            found.set(here);
        }
        Ok(here)
    }

    /// Where the record starts that follows `left` others, the first of which starts at `at`.
    fn skip(&self, mut at: usize, mut left: u32) -> Result<usize, BtfError> {
        while left > 0 {
            at += match self.skip_here(at, &mut left)? {
                // A header that lies in two blocks.
                0 => {
                    left -= 1;
                    self.record_len(at)?
                }
                len => len,
            };
        }
        Ok(at)
    }

    /// Bytes of the next records, at most `left`, whose headers lie in the block of the first.
    fn skip_here(&self, at: usize, left: &mut u32) -> Result<usize, BtfError> {
        let at = self.layout.types_at + at;
        let mut blocks = self.blocks.borrow_mut();
        let here = match self.source.bytes() {
            Some(bytes) => bytes.get(at..),
            None => blocks.get(&self.source, at / BLOCK)?.get(at % BLOCK..),
        };
        let mut len = 0;
        while *left > 0
            && let Some(info) = here.and_then(|here| here.get(len + 4..)?.first_chunk())
        {
            len += record_len(u32::from_le_bytes(*info)).ok_or(CUT)?;
            *left -= 1;
        }
        Ok(len)
    }

    fn record_len(&self, at: usize) -> Result<usize, BtfError> {
        let mut info = [0; 4];
        self.type_bytes(at + 4, &mut info)?;
        record_len(u32::from_le_bytes(info)).ok_or(CUT)
    }

    /// Copies bytes of the type section.
    fn type_bytes(&self, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let end = at.checked_add(out.len());
        if end.is_none_or(|end| end > self.layout.types_len) {
            return Err(CUT);
        }
        let at = self.layout.types_at + at;
        if let Some(bytes) = self.source.bytes() {
            out.copy_from_slice(bytes.get(at..at + out.len()).ok_or(CUT)?);
            return Ok(());
        }
        let mut blocks = self.blocks.borrow_mut();
        let mut done = 0;
        while done < out.len() {
            let from = at + done;
            let block = blocks.get(&self.source, from / BLOCK)?;
            let have = block.get(from % BLOCK..).unwrap_or_default();
            let len = have.len().min(out.len() - done);
            if len == 0 {
                return Err(BtfError::Truncated("the file"));
            }
            out[done..done + len].copy_from_slice(&have[..len]);
            done += len;
        }
        Ok(())
    }
}

/// Where types of modules go on from here.
#[cfg(feature = "full")]
impl WindowedBtf<'_> {
    /// What was found of the names, and the offset of the first name of a BTF that goes on from here.
    pub(super) fn names_for_split(&self) -> (Names, u32) {
        (self.names.clone(), self.layout.strings_len as u32)
    }

    /// The candidates by name, taken out.
    pub(super) fn take_candidates(&mut self) -> Vec<(Box<str>, Vec<TypeId>)> {
        core::mem::take(&mut self.candidates)
    }

    /// Keeps two blocks of the cache only: this BTF is one of several.
    pub(super) fn shrink(&mut self) {
        let window = &mut self.blocks.get_mut().window;
        window.truncate(2 * BLOCK);
        window.shrink_to_fit();
        self.blocks.get_mut().held = [None; WINDOW / BLOCK];
        self.scan.index.shrink_to_fit();
    }
}

impl Blocks {
    fn get(&mut self, source: &Source<'_>, block: usize) -> Result<&[u8], BtfError> {
        let slot = block % (self.window.len() / BLOCK).max(1);
        let room = slot * BLOCK..(slot + 1) * BLOCK;
        let place = self.window.get_mut(room).unwrap_or_default();
        if self.held[slot] != Some(block) {
            self.held[slot] = None;
            self.len[slot] = source.read((block * BLOCK) as u64, place)?;
            self.held[slot] = Some(block);
        }
        Ok(place.get(..self.len[slot]).unwrap_or_default())
    }
}

impl Types for WindowedBtf<'_> {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let found = self.locate(id)?;
        if at.checked_add(out.len()).is_none_or(|end| end > found.len) {
            return Err(CUT);
        }
        self.type_bytes(found.at + at, out)
    }

    fn name(&self, offset: StrOffset) -> Option<&str> {
        match offset.0 {
            0 => Some(""),
            _ => self.names.at(offset),
        }
    }
}

impl Target for WindowedBtf<'_> {
    fn candidates(&self, essential: &str) -> &[TypeId] {
        let found = self
            .candidates
            .iter()
            .find(|(name, _)| **name == *essential);
        found.map_or(&[], |(_, ids)| ids)
    }

    fn text(&self, offset: StrOffset) -> Option<String> {
        /// Bytes of the longest name, and a NUL.
        const LONGEST: usize = 256;
        let at = offset.0 as usize;
        let left = self.layout.strings_len.checked_sub(at)?;
        let mut bytes = [0; LONGEST];
        let bytes = bytes.get_mut(..left.min(LONGEST))?;
        let at = self.layout.strings_at.checked_add(at)?;
        let len = self.source.read(at as u64, bytes).ok()?;
        let name = bytes.get(..len)?.split(|byte| *byte == 0).next()?;
        core::str::from_utf8(name).ok().map(Into::into)
    }
}
