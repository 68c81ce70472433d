//! The pass over a kernel's types, which follows that over its names.
//!
//! The loop sees every one of some 130,000 types: some twenty machine instructions for each.

use super::names::{Names, Wanted};
use super::source::Source;
use crate::btf::{BtfError, TypeId, record_len};

/// Hands `each` piece after piece of `len` bytes at `at`, as much as the window holds. It returns
/// how many bytes it has dealt with; the rest comes again at the front of the next piece. Where the
/// bytes are in memory there is one piece.
pub(super) fn pieces(
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

/// What the second pass finds.
#[derive(Debug, Default)]
pub(super) struct TypeScan {
    /// Byte in the type section of every `stride`-th record, from the first.
    pub index: Vec<u32>,
    /// How many records lie between two entries of the index.
    pub stride: u32,
    /// How many records there are.
    pub count: u32,
    /// By wanted name: the types that are called so, where it is wanted as a root, in order.
    pub roots: Vec<Vec<TypeId>>,
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

/// Places for the offsets of names: one for each that has these low bits.
const PLACES: usize = 4096;

/// What the loop looks up. Not constant, or the compiler would see what is in it, and make more
/// instructions of each look.
struct Tables {
    /// Bytes of a record without entries, by kind number; 0 for a number that is no kind.
    fixed: [u8; 32],
    /// Bytes of an entry.
    each: [u8; 32],
    /// By place: 1 where a wanted name has it.
    roots: [u8; PLACES],
}

impl Tables {
    fn new(roots: impl Iterator<Item = u32>) -> Tables {
        let mut tables = Tables {
            fixed: [0; 32],
            each: [0; 32],
            roots: [0; PLACES],
        };
        let lengths = tables.fixed.iter_mut().zip(&mut tables.each);
        for (kind, (fixed, each)) in (0..).zip(lengths) {
            let info = kind << 24;
            if let (Some(none), Some(one)) = (record_len(info), record_len(info | 1)) {
                (*fixed, *each) = (none as u8, (one - none) as u8);
            }
        }
        for offset in roots {
            tables.roots[offset as usize % PLACES] = 1;
        }
        tables
    }
}

/// Walks the records of `piece`, the first of which starts at `pos`; the piece itself starts at
/// `base` in the type section. Hands to `found` each that may have a wanted name. Returns where the
/// last record that starts in the piece ends, or the place of one whose head is cut off.
#[cfg_attr(hot_loops, optimize(speed))]
#[inline(never)]
fn walk_types(
    piece: &[u8],
    mut pos: usize,
    base: usize,
    tables: &Tables,
    found: &mut dyn FnMut(&mut TypeScan, u32, TypeId),
    scan: &mut TypeScan,
) -> Result<usize, BtfError> {
    let mut count = scan.count;
    let mut next_note = count.next_multiple_of(scan.stride);
    while let Some(head) = piece.get(pos..).and_then(<[u8]>::first_chunk::<8>) {
        // The first two words of a record: its name, and its kind and count.
        let head = u64::from_le_bytes(*head);
        let (name, info) = (head as u32, (head >> 32) as u32);
        let kind = (info >> 24) as usize & 31;
        let (fixed, each) = (tables.fixed[kind], tables.each[kind]);
        if fixed == 0 {
            return Err(BtfError::UnknownKind {
                id: TypeId(count + 1),
                kind: kind as u8,
            });
        }
        if count == next_note {
            scan.note(count, (base + pos) as u32);
            next_note = (count + 1).next_multiple_of(scan.stride);
        }
        count += 1;
        // Most types have a name that is in the place of no wanted one, or none at all.
        if tables.roots[name as usize % PLACES] != 0 {
            found(scan, name, TypeId(count));
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
        roots: wanted.iter().map(|_| Vec::new()).collect(),
        ..TypeScan::default()
    };
    scan.index
        .reserve_exact(TypeScan::MAX_INDEX.min(len / 256 + 1));
    let tables = Tables::new(names.roots(wanted));
    let found = &mut |scan: &mut TypeScan, name, id| {
        if let Some(root) = names.root_at(wanted, name) {
            let Some(ids) = scan.roots.get_mut(usize::from(root)) else {
                return;
            };
            ids.push(id);
        }
    };
    // Bytes of the section before the piece, and bytes of a long record that reach into the next.
    let mut base = 0usize;
    let mut skip = 0usize;
    pieces(source, window, (at, len), &mut |piece| {
        let first = skip.min(piece.len());
        let end = walk_types(piece, first, base, &tables, found, &mut scan)?;
        let dealt = end.min(piece.len());
        skip = (skip - first) + (end - dealt);
        base += dealt;
        Ok(dealt)
    })?;
    if skip > 0 || base != len {
        return Err(BtfError::Truncated("the last type record"));
    }
    Ok(scan)
}
