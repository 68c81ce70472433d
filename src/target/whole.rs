//! A BTF of which everything is asked for, read through some cached pages all the same.

use std::cell::{Cell, RefCell};

use super::source::Source;
use super::{TargetError, open};
use crate::btf::dump::Whole;
use crate::btf::{BtfError, Header, Layout, StrOffset, TypeId, Types, record_len};

/// Bytes that are read at once: as many as sysfs gives.
const PAGE: usize = 4096;

/// Pages of records and of names that are kept. Records are asked for in about their order, names
/// from all over the place.
const RECORDS: usize = 16;
const NAMES: usize = 48;

/// The same where all types are asked for once, one after another.
const RECORDS_IN_ORDER: usize = 4;
const NAMES_IN_ORDER: usize = 16;

/// The index has the place of every fourth type.
const STRIDE: u32 = 4;

/// Bytes before what a record has of its kind.
const HEAD: usize = 12;

/// How many records' places are remembered.
const FOUND: usize = 1024;

const CUT: BtfError = BtfError::Truncated("a type record");

/// Every type of a BTF, and every name.
///
/// # Memory
/// 256 KiB of pages and 32 of records that were found at most, and a byte for each type.
pub struct WholeBtf {
    source: Source<'static>,
    layout: Layout,
    /// What its numbers and names go on from.
    base: Option<Box<WholeBtf>>,
    /// The number of the first type, and the offset of the first name, of its own.
    first: u32,
    first_name: u32,
    /// How many types are its own.
    count: u32,
    index: Vec<u32>,
    records: RefCell<Pages>,
    names: RefCell<Pages>,
    /// Records that were found, by the low bits of their numbers, and the last one.
    found: Box<[Cell<Found>]>,
    last: Cell<Found>,
}

#[derive(Clone, Copy)]
struct Found {
    id: TypeId,
    /// Bytes from the start of the type section.
    at: usize,
    len: usize,
    /// Its header, which is what most ask for.
    head: [u8; HEAD],
}

impl Found {
    const NONE: Found = Found {
        id: TypeId::VOID,
        at: 0,
        len: 0,
        head: [0; HEAD],
    };
}

impl WholeBtf {
    /// Opens a file with BTF, whatever it is wrapped in. With a `base`, its numbers and names go on
    /// where those of the base end: what a module has is such split BTF.
    ///
    /// # Errors
    /// A file that can't be read or has no BTF, or one whose records don't add up.
    pub fn open(path: &str, base: Option<WholeBtf>) -> Result<WholeBtf, TargetError> {
        let (source, len) = open::open(path)?;
        WholeBtf::new(source, len, base).map_err(|source| TargetError::Btf {
            path: path.into(),
            source,
        })
    }

    /// The same for BTF that is in memory.
    ///
    /// # Errors
    /// Records that don't add up.
    pub fn in_memory(bytes: Vec<u8>, base: Option<WholeBtf>) -> Result<WholeBtf, BtfError> {
        let len = bytes.len() as u64;
        WholeBtf::new(Source::Owned(bytes), len, base)
    }

    /// The same for whoever asks for all types once, one after another: with fewer pages.
    pub fn in_order(mut self) -> WholeBtf {
        self.records = RefCell::new(Pages::new(RECORDS_IN_ORDER));
        self.names = RefCell::new(Pages::new(NAMES_IN_ORDER));
        self.found = Box::default();
        self
    }

    fn new(
        source: Source<'static>,
        len: u64,
        base: Option<WholeBtf>,
    ) -> Result<WholeBtf, BtfError> {
        let layout = source.layout(len)?;
        let (first, first_name) = match &base {
            Some(base) => (base.end().0, base.names_end()),
            None => (1, 0),
        };
        let mut whole = WholeBtf {
            source,
            layout,
            base: base.map(Box::new),
            first,
            first_name,
            count: 0,
            index: Vec::new(),
            records: RefCell::new(Pages::new(RECORDS)),
            names: RefCell::new(Pages::new(NAMES)),
            found: vec![Cell::new(Found::NONE); FOUND].into(),
            last: Cell::new(Found::NONE),
        };
        whole.walk()?;
        Ok(whole)
    }

    /// Notes where the records are.
    fn walk(&mut self) -> Result<(), BtfError> {
        let mut at = 0;
        while at < self.layout.types_len {
            if self.count.is_multiple_of(STRIDE) {
                self.index.push(at as u32);
            }
            let len = self.len_at(at)?;
            if self.layout.types_len - at < len {
                return Err(BtfError::Truncated("the last type record"));
            }
            self.count += 1;
            at += len;
        }
        Ok(())
    }

    /// Bytes of the record that starts there.
    fn len_at(&self, at: usize) -> Result<usize, BtfError> {
        let mut info = [0; 4];
        self.copy(at + 4, &mut info)?;
        self.len_of(info)
    }

    /// Bytes of a record with this `info`.
    fn len_of(&self, info: [u8; 4]) -> Result<usize, BtfError> {
        let info = u32::from_le_bytes(info);
        let kind = (info >> 24) as u8 & 0x1f;
        record_len(info)
            .filter(|_| kind != 0)
            .ok_or(BtfError::UnknownKind {
                id: TypeId(self.first.saturating_add(self.count)),
                kind,
            })
    }

    /// Copies bytes of the type section.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn copy(&self, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let end = at.checked_add(out.len());
        if end.is_none_or(|end| end > self.layout.types_len) {
            return Err(CUT);
        }
        let at = self.layout.types_at + at;
        self.records.borrow_mut().copy(&self.source, at, out)
    }

    #[cfg_attr(hot_loops, optimize(speed))]
    fn locate(&self, id: TypeId) -> Result<Found, BtfError> {
        let place = self.found.get(id.0 as usize & (FOUND - 1));
        if let Some(known) = place.map(Cell::get).filter(|known| known.id == id)
            && known.len > 0
        {
            return Ok(known);
        }
        let known = self.last.get();
        let missing = BtfError::NoSuchType(id);
        let index = id.0.checked_sub(self.first).filter(|&i| i < self.count);
        let index = index.ok_or(missing.clone())?;
        let (mut at, left) = match known.id.0.checked_add(1) {
            // They are asked for one after another.
            Some(next) if next == id.0 && known.len > 0 => (known.at + known.len, 0),
            _ => {
                let noted = self.index.get((index / STRIDE) as usize).ok_or(missing)?;
                (*noted as usize, index % STRIDE)
            }
        };
        for _ in 0..left {
            at += self.len_at(at)?;
        }
        let mut head = [0; HEAD];
        self.copy(at, &mut head)?;
        let [_, _, _, _, a, b, c, d, ..] = head;
        let len = self.len_of([a, b, c, d])?;
        let found = Found { id, at, len, head };
        if let Some(place) = place {
            place.set(found);
        }
        self.last.set(found);
        Ok(found)
    }

    /// The BTF that has type `id`.
    fn holder(&self, id: TypeId) -> &WholeBtf {
        match &self.base {
            Some(base) if id.0 < self.first => base.holder(id),
            _ => self,
        }
    }

    fn names_end(&self) -> u32 {
        let len = u32::try_from(self.layout.strings_len).unwrap_or(u32::MAX);
        self.first_name.saturating_add(len)
    }
}

impl Types for WholeBtf {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let holder = self.holder(id);
        let found = holder.locate(id)?;
        if at == 0 && out.len() == HEAD {
            out.copy_from_slice(&found.head);
            return Ok(());
        }
        match at.checked_add(out.len()) {
            Some(end) if end <= found.len => holder.copy(found.at + at, out),
            _ => Err(CUT),
        }
    }

    /// Names don't stay: see [`Whole::text`].
    fn name(&self, offset: StrOffset) -> Option<&str> {
        (offset == StrOffset(0)).then_some("")
    }
}

impl Whole for WholeBtf {
    fn first(&self) -> TypeId {
        TypeId(self.first)
    }

    fn end(&self) -> TypeId {
        TypeId(self.first.saturating_add(self.count))
    }

    fn record(&self, id: TypeId, out: &mut Vec<u8>) -> Result<Header, BtfError> {
        let holder = self.holder(id);
        let found = holder.locate(id)?;
        out.resize(found.len, 0);
        holder.copy(found.at, out)?;
        Header::parse(id, found.head)
    }

    fn text(&self, offset: StrOffset, out: &mut Vec<u8>) -> Result<(), BtfError> {
        let missing = BtfError::NoSuchName(offset.0);
        let Some(at) = offset.0.checked_sub(self.first_name) else {
            return self
                .base
                .as_ref()
                .map_or(Err(missing), |base| base.text(offset, out));
        };
        let left = self.layout.strings_len.checked_sub(at as usize);
        let left = left.filter(|left| *left > 0).ok_or(missing.clone())?;
        let at = self.layout.strings_at + at as usize;
        let whole = self
            .names
            .borrow_mut()
            .until_nul(&self.source, at, left, out)?;
        whole.then_some(()).ok_or(missing)
    }
}

/// Where the first NUL is, looked for in eight bytes at a time.
#[cfg_attr(hot_loops, optimize(speed))]
fn nul(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte that is 0, and maybe of some behind it.
        let found = word.wrapping_sub(ONES) & !word & ONES << 7;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|&byte| byte == 0)?;
    Some(bytes.len() - rest.len() + at)
}

/// Pages of a file, each in the one place that it can be in.
struct Pages {
    bytes: Vec<u8>,
    /// For each place, which page is there and how many of its bytes are the file's.
    held: Vec<Option<(usize, usize)>>,
}

impl Pages {
    fn new(places: usize) -> Pages {
        Pages {
            bytes: vec![0; places * PAGE],
            held: vec![None; places],
        }
    }

    /// The bytes of the file from `at` on, as far as they are at hand.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn from<'p>(&'p mut self, source: &'p Source<'_>, at: usize) -> Result<&'p [u8], BtfError> {
        if let Some(bytes) = source.bytes() {
            return Ok(bytes.get(at..).unwrap_or_default());
        }
        let page = at / PAGE;
        let slot = page % self.held.len().max(1);
        let place = self.bytes.get_mut(slot * PAGE..(slot + 1) * PAGE);
        let (Some(place), Some(held)) = (place, self.held.get_mut(slot)) else {
            return Err(CUT);
        };
        let len = match *held {
            Some((there, len)) if there == page => len,
            _ => {
                *held = None;
                let len = source.read((page * PAGE) as u64, place)?;
                *held = Some((page, len));
                len
            }
        };
        Ok(place.get(at % PAGE..len).unwrap_or_default())
    }

    #[cfg_attr(hot_loops, optimize(speed))]
    fn copy(&mut self, source: &Source<'_>, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        // It hardly ever lies in two pages.
        if let Some(here) = self.from(source, at)?.get(..out.len()) {
            // Most are a header or a member, or where it says how long a record is: by instructions, not by a call.
            if let (Ok(out), Ok(here)) = (<&mut [u8; HEAD]>::try_from(&mut *out), here.try_into()) {
                let here: &[u8; HEAD] = here;
                *out = *here;
            } else if let (Ok(out), Ok(here)) =
                (<&mut [u8; 4]>::try_from(&mut *out), here.try_into())
            {
                let here: &[u8; 4] = here;
                *out = *here;
            } else {
                out.copy_from_slice(here);
            }
            return Ok(());
        }
        let mut rest = out;
        let mut at = at;
        while !rest.is_empty() {
            let here = self.from(source, at)?;
            let len = here.len().min(rest.len());
            let (Some(here), true) = (here.get(..len), len > 0) else {
                return Err(BtfError::Truncated("the file"));
            };
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(here);
            rest = later;
            at += len;
        }
        Ok(())
    }

    /// Appends what is before the next NUL, and says whether there was one in the next `left` bytes.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn until_nul(
        &mut self,
        source: &Source<'_>,
        at: usize,
        left: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, BtfError> {
        let (mut at, mut left) = (at, left);
        while left > 0 {
            let here = self.from(source, at)?;
            let here = here.get(..left).unwrap_or(here);
            if here.is_empty() {
                break;
            }
            match nul(here) {
                Some(end) => {
                    out.extend_from_slice(here.get(..end).unwrap_or_default());
                    return Ok(true);
                }
                None => out.extend_from_slice(here),
            }
            let len = here.len();
            at += len;
            left -= len;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::nul;

    #[test]
    fn the_first_nul_is_found_wherever_it_is_and_whatever_is_around_it() {
        for fill in [1, 0x7f, 0x80, 0x81, 0xff] {
            for len in 0..20 {
                assert_eq!(nul(&vec![fill; len]), None, "{fill} {len}");
                for (first, second) in (0..len).flat_map(|a| (a..len).map(move |b| (a, b))) {
                    let mut bytes = vec![fill; len];
                    bytes[first] = 0;
                    bytes[second] = 0;
                    assert_eq!(nul(&bytes), Some(first), "{fill} {len} {first} {second}");
                }
            }
        }
    }
}
