//! Where a compiler would put the members of a struct, and what has to be written so that it puts
//! them where they are.

use super::Whole;
use crate::btf::{BtfError, Header, Kind, MAX_CHAIN, Member, TypeId};

/// Structs in structs, at most.
const MAX_DEPTH: u32 = 64;

/// Where a member lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Bits from the start of the struct.
    pub(super) offset: u64,
    /// Bits, if it is a bitfield.
    pub(super) width: Option<u32>,
    /// Bits of its type; 0 for an array without an end.
    pub(super) size: u64,
    /// What its type wants to start at a multiple of, in bits.
    pub(super) align: u64,
}

/// How a struct is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What it starts at a multiple of, in bits.
    pub(super) align: u64,
    /// Whether its members lie where only `packed` puts them.
    pub(super) packed: bool,
}

/// The alignments that are known already: a byte for each type, 0 or one more than the logarithm of
/// the bytes.
pub(super) struct Aligns<'t> {
    types: &'t dyn Whole,
    known: Vec<u8>,
    packed: super::TypeSet,
    /// What was found of types that members have, by the low bits of their numbers.
    found: Vec<Fact>,
}

/// How many types are remembered that members have: few are had by most.
const FOUND: usize = 1024;

/// What counts of the type of a member.
#[derive(Clone, Copy, Default)]
struct Fact {
    id: TypeId,
    /// Bytes; 0 where it has no size.
    size: u32,
    /// Bits.
    align: u32,
    /// Of an int its first bit and how many it has, if those are not all of them.
    part: Option<(u8, u8)>,
}

impl<'t> Aligns<'t> {
    pub(super) fn new(types: &'t dyn Whole) -> Aligns<'t> {
        Aligns {
            types,
            known: vec![0; types.end().0 as usize],
            packed: super::TypeSet::default(),
            found: vec![Fact::default(); FOUND],
        }
    }

    /// What a type wants to start at a multiple of, in bits: 8 where it has no size.
    fn align(&mut self, id: TypeId, depth: u32) -> Result<u64, BtfError> {
        let mut at = id;
        for _ in 0..MAX_CHAIN {
            let header = self.types.header(at)?;
            let bytes: u32 = match header.kind {
                Kind::Int | Kind::Float | Kind::Enum | Kind::Enum64 => header.size(),
                Kind::Ptr => 8,
                Kind::Array => {
                    at = self.types.array(&header)?.element;
                    continue;
                }
                Kind::Struct | Kind::Union => return Ok(self.composite(&header, depth)?.align),
                kind if kind.is_modifier() => {
                    at = header.target();
                    continue;
                }
                _ => 1,
            };
            // Of a size that is no power of two there is nothing in C.
            let fits = bytes.is_power_of_two() && bytes <= 16;
            return Ok(if fits { u64::from(bytes) * 8 } else { 8 });
        }
        Err(BtfError::Cycle(id))
    }

    /// How a struct or union is laid out.
    ///
    /// # Errors
    /// Types that lie in each other, or do not exist.
    pub(super) fn layout(&mut self, of: &Header) -> Result<Layout, BtfError> {
        self.composite(of, 0)
    }

    fn composite(&mut self, of: &Header, depth: u32) -> Result<Layout, BtfError> {
        if depth > MAX_DEPTH {
            return Err(BtfError::Cycle(of.id));
        }
        let known = self.known.get(of.id.0 as usize).copied().unwrap_or(0);
        if known > 0 {
            return Ok(Layout {
                align: 8 << (known - 1),
                packed: self.packed.has(of.id),
            });
        }
        let mut align = 8;
        let mut packed = false;
        for index in 0..of.vlen {
            let member = self.types.member(of, index)?;
            let place = self.place_at(of, &member, depth + 1)?;
            align = align.max(place.align);
            packed |= match place.width {
                None => !place.offset.is_multiple_of(place.align),
                Some(width) => !fits(place.offset, width, place.size),
            };
        }
        packed |= !(u64::from(of.size()) * 8).is_multiple_of(align);
        if packed {
            align = 8;
            self.packed.add(of.id);
        }
        if let Some(known) = self.known.get_mut(of.id.0 as usize) {
            *known = (align / 8).trailing_zeros() as u8 + 1;
        }
        Ok(Layout { align, packed })
    }

    /// Where a member of `of` lies.
    pub(super) fn place(&mut self, of: &Header, member: &Member) -> Result<Place, BtfError> {
        self.place_at(of, member, 1)
    }

    fn place_at(&mut self, of: &Header, member: &Member, depth: u32) -> Result<Place, BtfError> {
        let fact = self.fact(member.ty, depth)?;
        let mut place = Place {
            offset: member.offset.0.into(),
            width: (member.bitfield_size > 0).then_some(member.bitfield_size),
            size: u64::from(fact.size) * 8,
            align: fact.align.into(),
        };
        // Before there was a flag for it, a bitfield was an int of fewer bits than it has room for.
        if let Some((first, bits)) = fact.part.filter(|_| !of.flag) {
            place.offset += u64::from(first);
            place.width = Some(bits.into());
        }
        Ok(place)
    }

    fn fact(&mut self, id: TypeId, depth: u32) -> Result<Fact, BtfError> {
        let slot = id.0 as usize % FOUND;
        if let Some(known) = self.found.get(slot).filter(|known| known.id == id)
            && id != TypeId::VOID
        {
            return Ok(*known);
        }
        let mut fact = Fact {
            id,
            size: match self.types.size_of(id) {
                Ok(bytes) => bytes,
                Err(BtfError::NoSize(_)) => 0,
                Err(error) => return Err(error),
            },
            align: self.align(id, depth)? as u32,
            part: None,
        };
        if let Ok(inner) = self.types.peel(id)
            && inner.kind == Kind::Int
        {
            let int = self.types.int(&inner)?;
            if u64::from(int.bits) < u64::from(fact.size) * 8 {
                fact.part = Some((int.bit_offset as u8, int.bits as u8));
            }
        }
        if let Some(place) = self.found.get_mut(slot) {
            *place = fact;
        }
        Ok(fact)
    }
}

/// Whether so many bits from `offset` on lie in one piece of `size` bits.
fn fits(offset: u64, width: u32, size: u64) -> bool {
    let last = offset + u64::from(width.max(1)) - 1;
    size > 0 && offset / size == last / size
}

impl Layout {
    /// Where a compiler puts a member by itself, if the one before it ends at bit `at`.
    pub(super) fn natural(self, at: u64, place: &Place) -> u64 {
        match place.width {
            None if self.packed => at.next_multiple_of(8),
            None => at.next_multiple_of(place.align),
            Some(_) if self.packed => at,
            Some(width) if fits(at, width, place.size) => at,
            Some(_) => at.next_multiple_of(place.size.max(1)),
        }
    }

    /// Where a struct ends by itself, if its last member ends at bit `at`.
    pub(super) fn natural_end(self, at: u64) -> u64 {
        at.next_multiple_of(self.align)
    }

    /// The next bits to be filled of those from `at` to `to`: the type to write, and how many. The
    /// type has no alignment that the struct has not: on arm64 the type of a bitfield counts for it
    /// even where that has no name.
    pub(super) fn filling(self, at: u64, to: u64) -> (&'static str, u64) {
        let align = match self.packed {
            true => 64,
            false => self.align,
        };
        let (name, bits) = match align {
            64.. => ("long", 64),
            32.. => ("int", 32),
            16.. => ("short", 16),
            _ => ("char", 8),
        };
        (name, (to - at).min(bits - at % bits))
    }
}
