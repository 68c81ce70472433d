//! The pass over a kernel's names.
//!
//! The loop sees every one of some 100,000 names, and is a good part of the time of a load: a dozen
//! machine instructions for a name, and more only for what a filter lets by.

use super::names::{Filter, Names, Wanted};
use super::scan::pieces;
use super::source::{Source, Strings};
use crate::btf::{BtfError, essential_name};
use crate::sys::bytes::{equal, lowest};

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
        let mut look = Look {
            piece,
            base,
            filters: &filters,
            wanted,
            names,
            under: 0,
            flavoured: 0,
        };
        match how {
            Strings::Apart => scan_names::<false>(piece, &filters, &mut look),
            Strings::Overlapping => scan_names::<true>(piece, &filters, &mut look),
        }
        // The last name is unfinished: it comes again.
        let dealt = piece.iter().rposition(|b| *b == 0).map_or(0, |end| end + 1);
        base = base.wrapping_add(if dealt == 0 { piece.len() } else { dealt } as u32);
        Ok(dealt)
    })?;
    names.sort();
    Ok(())
}

/// What tells most names that are not wanted from those that are. Each may say yes where there is
/// nothing, and never no where there is something.
struct NameFilters {
    /// By a hash of the first bytes of a name: whether a wanted one starts with them. Bytes, and 0 or
    /// 1: to ask one takes the fewest instructions.
    heads: [u8; NameFilters::HEADS],
    /// The first eight bytes of each wanted name; of a shorter one, with zeros behind it, and with
    /// the underscores of a flavour.
    starts: Filter,
    /// The last four bytes of each wanted name of four or more.
    ends: Filter,
    /// The last byte of each wanted name that is shorter, a bit for each value.
    short_ends: [u64; 4],
}

impl NameFilters {
    const HEADS: usize = 4096;

    fn new(wanted: &Wanted<'_>) -> NameFilters {
        let mut filters = NameFilters {
            heads: [0; NameFilters::HEADS],
            starts: Filter::default(),
            ends: Filter::default(),
            short_ends: [0; 4],
        };
        for name in wanted.iter().map(str::as_bytes) {
            for filler in [0, b'_'] {
                let mut start = [filler; 8];
                for (to, from) in start.iter_mut().zip(name) {
                    *to = *from;
                }
                let start = u64::from_le_bytes(start);
                filters.starts.set(fold(start));
                // Behind the end of a name of one byte stands anything.
                for behind in 0..if name.len() == 1 { 256 } else { 1 } {
                    filters.heads[head(start as u32 ^ behind << 16)] = 1;
                }
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

    /// Whether a wanted name, or a flavour of one, may start with `bytes`: the first eight, or all,
    /// of a name and of what follows it.
    #[inline(never)]
    fn may_start(&self, bytes: &[u8]) -> bool {
        let start = front(bytes);
        // Nothing counts from the first zero on.
        let end = zero_bytes(start);
        let own = (end & end.wrapping_neg()).wrapping_shr(7).wrapping_sub(1);
        let start = start & own;
        if self.heads[head(start as u32)] == 0 {
            return false;
        }
        let under = zero_bytes(start ^ 0x5f5f_5f5f_5f5f_5f5f);
        // A flavour of a name of at most five bytes goes on with what nobody knows.
        self.starts.has(fold(start)) || under & under >> 8 & under >> 16 != 0
    }

    /// Whether a wanted name may end where `bytes` do.
    fn may_end(&self, bytes: &[u8]) -> bool {
        let short = |&last: &u8| self.short_ends[usize::from(last >> 6)] >> (last & 63) & 1 != 0;
        let long = |end: &[u8; 4]| self.ends.has(u32::from_le_bytes(*end));
        bytes.last_chunk().is_some_and(long) || bytes.last().is_some_and(short)
    }
}

/// The place of a name's first three bytes in [`NameFilters::heads`]. A name of two has its own
/// place: its zero counts.
#[inline(always)]
fn head(start: u32) -> usize {
    // Fibonacci hashing: the top bits of the product are well mixed.
    ((start << 8).wrapping_mul(0x9e37_79b1) >> 20) as usize % NameFilters::HEADS
}

fn fold(start: u64) -> u32 {
    (start ^ (start >> 32).wrapping_mul(0x85eb_ca6b)) as u32
}

/// The first eight of `bytes`, with zeros behind fewer.
fn front(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The top bit of each byte that is zero; behind the first, of one that is 0x01 too.
fn zero_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    word.wrapping_sub(ONES) & !word & TOPS
}

/// Whether it may have a flavour: three underscores in a row.
fn is_flavour(name: &[u8]) -> bool {
    name.windows(3).any(|w| w == b"___")
}

/// Bytes that are looked at together, and with those behind them that may belong to the head of a
/// name.
const STEP: usize = 16;
const GROUP: usize = 24;

/// Goes through `piece`, and tells of each name that a filter lets by.
#[cfg_attr(hot_loops, optimize(speed))]
#[inline(never)]
fn scan_names<const OVERLAPPING: bool>(piece: &[u8], filters: &NameFilters, look: &mut Look<'_>) {
    // What is left when no whole group is, with some behind it that ends no name.
    let rest = (piece.len() + STEP).saturating_sub(GROUP) / STEP * STEP;
    let mut last = [1; GROUP + GROUP];
    for (to, from) in last.iter_mut().zip(piece.get(rest..).unwrap_or_default()) {
        *to = *from;
    }
    look.start(0);
    for (mut at, mut bytes) in [(0, piece), (rest, &last)] {
        while let Some(group) = bytes.first_chunk::<GROUP>() {
            let Some(step) = group.first_chunk::<STEP>() else {
                break;
            };
            if OVERLAPPING {
                look.underscores(at, equal(step, b'_'));
            }
            let mut ends = equal(step, 0);
            while ends != 0 {
                let end = lowest(ends);
                ends &= ends - 1;
                let next = group.get(end + 1..).and_then(<[u8]>::first_chunk);
                if next.is_none_or(|next| filters.heads[head(u32::from_le_bytes(*next))] != 0) {
                    look.start(at + end + 1);
                }
                if OVERLAPPING {
                    look.end(at + end);
                }
            }
            at += STEP;
            bytes = bytes.get(STEP..).unwrap_or_default();
        }
    }
}

/// What is done with a name that a filter lets by.
struct Look<'l> {
    piece: &'l [u8],
    /// The offset of the piece's first byte.
    base: u32,
    filters: &'l NameFilters,
    wanted: &'l Wanted<'l>,
    names: &'l mut Names,
    /// The underscores of the step before.
    under: u64,
    /// The end of the last flavour that was looked into.
    flavoured: usize,
}

impl Look<'_> {
    /// The name that starts at `at` may be a wanted one.
    #[inline(never)]
    fn start(&mut self, at: usize) {
        let rest = self.piece.get(at..).unwrap_or_default();
        if !self.filters.may_start(rest) {
            return;
        }
        let Some(len) = rest.iter().position(|b| *b == 0) else {
            return;
        };
        let name = rest.get(..len).unwrap_or_default();
        if self.filters.may_end(name) || is_flavour(name) {
            self.offer(at, name);
        }
    }

    /// A wanted name may start inside the name that ends at `end`.
    fn end(&mut self, end: usize) {
        let before = self.piece.get(..end).unwrap_or_default();
        if self.filters.may_end(before) {
            let start = before.iter().rposition(|b| *b == 0).map_or(0, |at| at + 1);
            self.inside(start, before.get(start..).unwrap_or_default());
        }
    }

    /// Looks into names with three underscores in a row, of which some are `marks`.
    fn underscores(&mut self, at: usize, marks: u64) {
        let before = core::mem::replace(&mut self.under, marks);
        // Those that start in this step, and those that start with the last two bytes before it.
        for (at, marks) in [(at.wrapping_sub(2), before >> 56 | marks << 8), (at, marks)] {
            let mut runs = marks & marks >> 4 & marks >> 8;
            while runs != 0 {
                self.flavour(at.wrapping_add(lowest(runs)));
                runs &= runs - 1;
            }
        }
    }

    /// Looks into the name around `at`, once.
    #[inline(never)]
    fn flavour(&mut self, at: usize) {
        let (before, behind) = self.piece.split_at_checked(at).unwrap_or_default();
        let Some(len) = behind.iter().position(|b| *b == 0) else {
            return;
        };
        if at >= self.flavoured {
            self.flavoured = at + len;
            let start = before.iter().rposition(|b| *b == 0).map_or(0, |at| at + 1);
            self.inside(start, self.piece.get(start..at + len).unwrap_or_default());
        }
    }

    /// Offers every place inside `name`, which stands at `at`, at which a wanted name, or a flavour of
    /// one, may start: no further from the end of the name, or of the part before a flavour, than the
    /// longest wanted name is long. The time does not grow with the square of a name that is made to
    /// be long.
    fn inside(&mut self, at: usize, name: &[u8]) {
        let longest = self.wanted.iter().map(str::len).max().unwrap_or(0);
        let essential = core::str::from_utf8(name).map_or(name.len(), |n| essential_name(n).len());
        let last = name.len().saturating_sub(longest).max(1);
        let before = essential.saturating_sub(longest).max(1)..essential.min(last);
        for start in before.chain(last..name.len()) {
            let part = name.get(start..).unwrap_or_default();
            if self.filters.may_start(part) {
                self.offer(at + start, part);
            }
        }
    }

    fn offer(&mut self, at: usize, name: &[u8]) {
        let offset = self.base.wrapping_add(at as u32);
        self.names.offer(self.wanted, offset, name);
    }
}
