//! The two passes over a kernel's BTF: names first, then types.
//!
//! These loops see every one of some 130,000 names and types, and are what the time of a load is
//! made of: a handful of machine instructions for each, and more only for what a filter lets by.

use super::names::{Filter, Names, Wanted};
use super::source::{Source, Strings};
use crate::btf::{BtfError, TypeId, essential_name, record_len};

/// Hands `each` piece after piece of `len` bytes at `at`, as much as the window holds. It returns
/// how many bytes it has dealt with; the rest comes again at the front of the next piece. Where the
/// bytes are in memory there is one piece.
fn pieces(
    source: &Source<'_>,
    window: &mut [u8],
    (at, len): (usize, usize),
    each: &mut dyn FnMut(&[u8]) -> Result<usize, BtfError>,
) -> Result<(), BtfError> {
    if let Some(bytes) = source.bytes() {
        let section = bytes.get(at..at + len);
        each(section.ok_or(BtfError::Truncated("a section"))?)?;
        return Ok(());
    }
    let mut done = 0;
    while done < len {
        let room = window.len().min(len - done);
        let piece = window.get_mut(..room).unwrap_or_default();
        let read = source.read((at + done) as u64, piece)?;
        if read < room {
            return Err(BtfError::Truncated("the file"));
        }
        match each(piece)? {
            // Nothing can be done with a whole window: pass over it.
            0 => done += room,
            dealt => done += dealt,
        }
    }
    Ok(())
}

/// Pass one: where the wanted names stand. The first name of the section has the offset `first`.
pub(super) fn strings(
    source: &Source<'_>,
    window: &mut [u8],
    section: (usize, usize),
    how: Strings,
    wanted: &Wanted<'_>,
    (names, first): (&mut Names, u32),
) -> Result<(), BtfError> {
    let filters = NameFilters::new(wanted);
    let mut base = first;
    pieces(source, window, section, &mut |piece| {
        let found = &mut |place: Place, start: usize, name: &[u8]| {
            let offset = base.wrapping_add(start as u32);
            match place {
                Place::Start => names.offer(wanted, offset, name),
                Place::Inside => offer_inside(wanted, offset, name, names),
            }
        };
        let dealt = match how {
            Strings::Apart => scan_names::<false>(piece, &filters, found),
            Strings::Overlapping => scan_names::<true>(piece, &filters, found),
        };
        base = base.wrapping_add(if dealt == 0 { piece.len() } else { dealt } as u32);
        Ok(dealt)
    })?;
    names.sort();
    Ok(())
}

/// What tells most names that are not wanted from those that are.
struct NameFilters {
    /// The first four bytes of each wanted name; of a shorter one, with zeros behind it, and with
    /// the underscores of a flavour.
    starts: Filter,
    /// The last four bytes of each wanted name of four or more.
    ends: Filter,
    /// The last byte of each wanted name that is shorter, a bit for each value.
    short_ends: [u64; 4],
}

impl NameFilters {
    fn new(wanted: &Wanted<'_>) -> NameFilters {
        let mut filters = NameFilters {
            starts: Filter::default(),
            ends: Filter::default(),
            short_ends: [0; 4],
        };
        for name in wanted.iter().map(str::as_bytes) {
            for filler in [0, b'_'] {
                let mut start = [filler; 4];
                for (to, from) in start.iter_mut().zip(name) {
                    *to = *from;
                }
                filters.starts.set(u32::from_le_bytes(start));
            }
            match (name.last_chunk::<4>(), name.last()) {
                (Some(end), _) => filters.ends.set(u32::from_le_bytes(*end)),
                (None, Some(&last)) => {
                    filters.short_ends[usize::from(last >> 6)] |= 1 << (last & 63)
                }
                (None, None) => {}
            }
        }
        filters
    }

    /// Whether a wanted name may end where `name` does.
    fn may_end(&self, name: &[u8]) -> bool {
        let short = |&last: &u8| self.short_ends[usize::from(last >> 6)] >> (last & 63) & 1 != 0;
        let long = |end: &[u8; 4]| self.ends.has(u32::from_le_bytes(*end));
        name.last_chunk().is_some_and(long) || name.last().is_some_and(short)
    }
}

/// Where in a NUL-terminated name the wanted one may be.
#[derive(Clone, Copy)]
enum Place {
    /// It is the name.
    Start,
    /// It starts inside the name.
    Inside,
}

/// A piece of the string section being gone through, eight bytes at a time.
///
/// Eight bytes are looked at together: `!x & (x - 0x01…) & 0x80…` has a bit for each zero byte. It
/// may have one more, for a byte 0x01 right behind a zero, which no name has; taken for the end of
/// a name it makes the start of the next one a place inside a name, where BTF may point as well.
struct NameScan<'p> {
    piece: &'p [u8],
    /// The word that comes next.
    next: usize,
    /// The zero bytes of the word before it that were not dealt with.
    zeros: u64,
    /// Where the name that is being looked at starts, and its first four bytes.
    start: usize,
    head: u32,
    /// Whether that name has three underscores in a row, which only a flavour needs; and for the
    /// word that was looked at last, whether it has, and where its underscores are.
    flavoured: bool,
    here: bool,
    under: u64,
}

/// A name that passed a filter.
struct Passed {
    start: usize,
    end: usize,
    /// It may be a wanted name as a whole.
    starts: bool,
    /// A wanted name may start inside it.
    inside: bool,
}

impl<'p> NameScan<'p> {
    fn new(piece: &'p [u8]) -> NameScan<'p> {
        NameScan {
            piece,
            next: 0,
            zeros: 0,
            start: 0,
            head: head_at(piece, 0),
            flavoured: false,
            here: false,
            under: 0,
        }
    }

    /// The next name that passes a filter. It calls nothing on the way, so that what it works with
    /// stays in registers.
    #[cfg_attr(hot_loops, optimize(speed))]
    #[inline(never)]
    fn next<const OVERLAPPING: bool>(&mut self, filters: &NameFilters) -> Option<Passed> {
        let (words, rest) = self.piece.as_chunks::<8>();
        loop {
            while self.zeros != 0 {
                let bit = self.zeros.trailing_zeros() / 8;
                self.zeros &= self.zeros - 1;
                let start = self.start;
                let end = (self.next * 8).wrapping_sub(8) + bit as usize;
                let len = end.wrapping_sub(start);
                let mut head = self.head;
                if len < 4 {
                    head &= (1 << (len * 8)) - 1;
                }
                self.start = end + 1;
                self.head = match self.piece.get(end + 1..).and_then(<[u8]>::first_chunk) {
                    Some(head) => u32::from_le_bytes(*head),
                    None => head_at(self.piece, end + 1),
                };
                let starts = filters.starts.has(head);
                let mut inside = false;
                if OVERLAPPING {
                    let name = self.piece.get(start..end).unwrap_or_default();
                    inside = self.flavoured || filters.may_end(name);
                    self.flavoured = self.here;
                }
                if starts || inside {
                    return Some(Passed {
                        start,
                        end,
                        starts,
                        inside,
                    });
                }
            }
            let word = match words.get(self.next) {
                Some(word) => u64::from_le_bytes(*word),
                // Bytes behind the end are ones: no name ends there.
                None if self.next == words.len() => {
                    last_word(rest) | (!0u64).unbounded_shl(rest.len() as u32 * 8)
                }
                None => return None,
            };
            self.next += 1;
            if OVERLAPPING {
                let under = zero_bytes(word ^ 0x5f5f_5f5f_5f5f_5f5f);
                let across = self.under >> 48 | under << 16;
                self.here = three_in_a_row(under) || three_in_a_row(across);
                self.flavoured |= self.here;
                self.under = under;
            }
            self.zeros = zero_bytes(word);
        }
    }
}

/// Goes through the names of `piece`, and hands those that pass a filter to `found`. Returns where
/// the last, unfinished name starts.
fn scan_names<const OVERLAPPING: bool>(
    piece: &[u8],
    filters: &NameFilters,
    found: &mut dyn FnMut(Place, usize, &[u8]),
) -> usize {
    let mut scan = NameScan::new(piece);
    while let Some(passed) = scan.next::<OVERLAPPING>(filters) {
        let name = piece.get(passed.start..passed.end).unwrap_or_default();
        if passed.starts {
            found(Place::Start, passed.start, name);
        }
        if passed.inside {
            found(Place::Inside, passed.start, name);
        }
    }
    scan.start
}

/// The four bytes at `at`; zeros for what is past the end.
#[cold]
#[inline(never)]
fn head_at(piece: &[u8], at: usize) -> u32 {
    let rest = piece.get(at..).unwrap_or_default();
    last_word(rest.get(..4).unwrap_or(rest)) as u32
}

/// At most eight bytes as a word, with zeros behind them.
fn last_word(rest: &[u8]) -> u64 {
    rest.iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// The top bit of each byte that is zero.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    word.wrapping_sub(ONES) & !word & TOPS
}

#[inline(always)]
fn three_in_a_row(tops: u64) -> bool {
    tops & tops >> 8 & tops >> 16 != 0
}

/// Offers every place inside `name` at which a wanted name, or a flavour of one, may start: no
/// further from the end of the name, or of the part before a flavour, than the longest wanted name
/// is long. The time does not grow with the square of a name that is made to be long.
fn offer_inside(wanted: &Wanted<'_>, offset: u32, name: &[u8], names: &mut Names) {
    let longest = wanted.iter().map(str::len).max().unwrap_or(0);
    let essential = core::str::from_utf8(name).map_or(name.len(), |n| essential_name(n).len());
    let last = name.len().saturating_sub(longest).max(1);
    let before = essential.saturating_sub(longest).max(1)..essential.min(last);
    for start in before.chain(last..name.len()) {
        names.offer(
            wanted,
            offset.wrapping_add(start as u32),
            name.get(start..).unwrap_or_default(),
        );
    }
}

/// What the second pass finds.
#[derive(Debug, Default)]
pub(super) struct TypeScan {
    /// Byte in the type section of every `stride`-th record, from the first.
    pub index: Vec<u32>,
    /// How many records lie between two entries of the index.
    pub stride: u32,
    /// How many records there are.
    pub count: u32,
    /// Types whose name is wanted as a root: name and number.
    pub roots: Vec<(u16, TypeId)>,
}

impl TypeScan {
    const FIRST_STRIDE: u32 = 16;
    /// Entries at which every second one is dropped: 32 KiB, whatever the size of the BTF.
    const MAX_INDEX: usize = 8192;

    /// Notes that record number `count`, from 0, starts at byte `at`.
    #[cold]
    fn note(&mut self, count: u32, at: u32) {
        if self.index.len() == TypeScan::MAX_INDEX {
            let mut keep = false;
            self.index.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
        // After a halving this record may no longer be one of those that are noted.
        if count.is_multiple_of(self.stride) {
            self.index.push(at);
        }
    }
}

/// Bytes of a record before and per entry, by kind number; 0 for a number that is no kind.
static LENGTHS: [(u8, u8); 32] = {
    let mut lengths = [(0, 0); 32];
    let mut kind = 1;
    while kind < 32 {
        let info = (kind as u32) << 24;
        if let (Some(fixed), Some(one)) = (record_len(info), record_len(info | 1)) {
            lengths[kind] = (fixed as u8, (one - fixed) as u8);
        }
        kind += 1;
    }
    lengths
};

/// Walks the records of `piece`, the first of which starts at `pos`; the piece itself starts at
/// `base` in the type section. Returns where the last record that starts in the piece ends, or the
/// place of one whose head is cut off.
#[cfg_attr(hot_loops, optimize(speed))]
#[inline(never)]
fn walk_types(
    piece: &[u8],
    mut pos: usize,
    base: usize,
    wanted: &Wanted<'_>,
    names: &Names,
    scan: &mut TypeScan,
) -> Result<usize, BtfError> {
    let mut count = scan.count;
    let mut next_note = count.next_multiple_of(scan.stride);
    while let Some(head) = piece.get(pos..).and_then(<[u8]>::first_chunk::<8>) {
        // The first two words of a record: its name, and its kind and count.
        let head = u64::from_le_bytes(*head);
        let (name, info) = (head as u32, (head >> 32) as u32);
        let (fixed, each) = LENGTHS[(info >> 24) as usize & 31];
        if fixed == 0 {
            return Err(BtfError::UnknownKind {
                id: TypeId(count + 1),
                kind: (info >> 24) as u8 & 31,
            });
        }
        if count == next_note {
            scan.note(count, (base + pos) as u32);
            next_note = (count + 1).next_multiple_of(scan.stride);
        }
        count += 1;
        if names.may_be(name)
            && let Some(root) = names.root_at(wanted, name)
        {
            scan.roots.push((root, TypeId(count)));
        }
        pos += usize::from(fixed) + usize::from(each) * (info & 0xffff) as usize;
    }
    scan.count = count;
    Ok(pos)
}

/// Pass two: which types have the wanted names, and where every few types lie.
pub(super) fn types(
    source: &Source<'_>,
    window: &mut [u8],
    (at, len): (usize, usize),
    wanted: &Wanted<'_>,
    names: &Names,
) -> Result<TypeScan, BtfError> {
    let mut scan = TypeScan {
        stride: TypeScan::FIRST_STRIDE,
        ..TypeScan::default()
    };
    scan.index
        .reserve_exact(TypeScan::MAX_INDEX.min(len / 256 + 1));
    // Bytes of the section before the piece, and bytes of a long record that reach into the next.
    let mut base = 0usize;
    let mut skip = 0usize;
    pieces(source, window, (at, len), &mut |piece| {
        let first = skip.min(piece.len());
        let end = walk_types(piece, first, base, wanted, names, &mut scan)?;
        let dealt = end.min(piece.len());
        skip = (skip - first) + (end - dealt);
        base += dealt;
        Ok(dealt)
    })?;
    if skip > 0 || base != len {
        return Err(BtfError::Truncated("the last type record"));
    }
    scan.roots.sort();
    Ok(scan)
}
