//! Unpacks LZMA into memory, as far as is asked for: without a window of its own, in a few hundred bytes of code, and
//! twice as fast as one that is made for streams.
//!
//! What is packed begins with a byte of properties, as files of LZMA do, and goes on with the bytes of the range coder.
//! It comes with the program; damaged bytes lead to others than were packed and to nothing worse.
//!
//! Source: the LZMA specification of the 7-Zip project.

/// Probabilities, of which a power of two makes indices simple.
const PROBABILITIES: usize = 8192;
const EVEN: u16 = 1024;

/// Where which of them are.
const IS_MATCH: usize = 0;
const IS_AGAIN: usize = IS_MATCH + STATES * PLACES;
const IS_FIRST: usize = IS_AGAIN + STATES;
const IS_SECOND: usize = IS_FIRST + STATES;
const IS_THIRD: usize = IS_SECOND + STATES;
const IS_LONG: usize = IS_THIRD + STATES;
const SLOT: usize = IS_LONG + STATES * PLACES;
const NEAR: usize = SLOT + 4 * 64;
const ALIGN: usize = NEAR + 128;
const LEN: usize = ALIGN + 16;
const LEN_AGAIN: usize = LEN + LENS;
const LITERAL: usize = LEN_AGAIN + LENS;

const STATES: usize = 12;
const PLACES: usize = 16;
/// Of lengths: two choices, short ones, longer ones, and the longest.
const LENS: usize = 2 + PLACES * 8 + PLACES * 8 + 256;

/// Something that is being unpacked.
pub struct Unpacker<'p> {
    coder: Coder<'p>,
    probabilities: Box<[u16; PROBABILITIES]>,
    literal_bits: u32,
    literal_places: usize,
    places: usize,
    state: usize,
    /// How far back the last bytes were found that were there before, the last first.
    back: [usize; 4],
    /// Bytes that are unpacked.
    done: usize,
    /// Bytes that are still to come from as far back as the last.
    left: usize,
}

/// The range coder.
#[derive(Clone, Copy)]
struct Coder<'p> {
    packed: &'p [u8],
    range: u32,
    code: u32,
}

impl Coder<'_> {
    #[inline(always)]
    fn next(&mut self) -> u32 {
        // Beyond the end come zeros.
        let (first, rest) = self.packed.split_first().unwrap_or((&0, &[]));
        self.packed = rest;
        u32::from(*first)
    }

    #[inline(always)]
    fn refill(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = self.code << 8 | self.next();
        }
    }

    #[inline(always)]
    fn bit(&mut self, probabilities: &mut [u16; PROBABILITIES], index: usize) -> usize {
        let probability = &mut probabilities[index % PROBABILITIES];
        let bound = (self.range >> 11) * u32::from(*probability);
        let bit = if self.code < bound {
            self.range = bound;
            *probability += (2048 - *probability) >> 5;
            0
        } else {
            self.range -= bound;
            self.code -= bound;
            *probability -= *probability >> 5;
            1
        };
        self.refill();
        bit
    }

    /// A number of some bits, the highest first.
    #[inline(always)]
    fn bits(&mut self, of: &mut [u16; PROBABILITIES], base: usize, count: u32) -> usize {
        let mut number = 1;
        for _ in 0..count {
            number = number << 1 | self.bit(of, base + number);
        }
        number - (1 << count)
    }

    /// The same, the lowest first.
    #[inline(always)]
    fn bits_back(&mut self, of: &mut [u16; PROBABILITIES], base: usize, count: u32) -> usize {
        let (mut path, mut number) = (1, 0);
        for place in 0..count {
            let bit = self.bit(of, base + path);
            path = path << 1 | bit;
            number |= bit << place;
        }
        number
    }

    /// A number of bits of which each is as likely as not.
    fn plain(&mut self, count: u32) -> usize {
        let mut number = 0;
        for _ in 0..count {
            self.range >>= 1;
            let bit = self.code >= self.range;
            if bit {
                self.code -= self.range;
            }
            number = number << 1 | usize::from(bit);
            self.refill();
        }
        number
    }

    /// How many bytes are found elsewhere: two at least. It takes the coder and gives it back, so that the caller has
    /// it in registers.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn len(mut self, of: &mut [u16; PROBABILITIES], base: usize, place: usize) -> (usize, Self) {
        const SHORT: usize = 2;
        const LONGER: usize = SHORT + PLACES * 8;
        const LONGEST: usize = LONGER + PLACES * 8;
        let len = if self.bit(of, base) == 0 {
            2 + self.bits(of, base + SHORT + place * 8, 3)
        } else if self.bit(of, base + 1) == 0 {
            10 + self.bits(of, base + LONGER + place * 8, 3)
        } else {
            18 + self.bits(of, base + LONGEST, 8)
        };
        (len, self)
    }

    /// How far back bytes are found.
    #[cfg_attr(hot_loops, optimize(speed))]
    fn distance(&mut self, of: &mut [u16; PROBABILITIES], len: usize) -> usize {
        let slot = self.bits(of, SLOT + (len - 2).min(3) * 64, 6);
        if slot < 4 {
            return slot;
        }
        let count = (slot >> 1) as u32 - 1;
        let high = (2 | slot & 1) << count;
        match slot {
            0..14 => high + self.bits_back(of, NEAR + high - slot, count),
            _ => high + (self.plain(count - 4) << 4) + self.bits_back(of, ALIGN, 4),
        }
    }
}

impl<'p> Unpacker<'p> {
    /// Of what is packed. `None` where it is of other properties than fit here: four bits of what decides over a
    /// literal and two of its place at most.
    pub fn new(packed: &'p [u8]) -> Option<Unpacker<'p>> {
        let (properties, packed) = packed.split_first()?;
        let properties = u32::from(*properties);
        let (literal_bits, literal_places, places) =
            (properties % 9, properties / 9 % 5, properties / 45);
        if literal_bits + literal_places > 3 || places > 4 {
            return None;
        }
        let mut coder = Coder {
            packed,
            range: u32::MAX,
            code: 0,
        };
        for _ in 0..5 {
            coder.code = coder.code << 8 | coder.next();
        }
        Some(Unpacker {
            coder,
            probabilities: Box::new([EVEN; PROBABILITIES]),
            literal_bits,
            literal_places: (1 << literal_places) - 1,
            places: (1 << places) - 1,
            state: 0,
            back: [0; 4],
            done: 0,
            left: 0,
        })
    }

    /// Unpacks into `out` until as many bytes as `to` are there; those that were unpacked before have to be there
    /// still. `None` where what is packed tells of bytes before the first, or `out` has no room.
    #[cfg_attr(hot_loops, optimize(speed))]
    pub fn unpack(&mut self, out: &mut [u8], to: usize) -> Option<()> {
        let out = out.get_mut(..to)?;
        let of = &mut *self.probabilities;
        // By value, to be in registers.
        let mut coder = self.coder;
        let mut state = self.state;
        let mut at = self.done;
        while at < to {
            if self.left == 0 {
                let place = at & self.places;
                if coder.bit(of, IS_MATCH + state * PLACES + place) == 0 {
                    let before = at.checked_sub(1).map_or(0, |last| usize::from(out[last]));
                    let context = (at & self.literal_places) << self.literal_bits
                        | before >> (8 - self.literal_bits);
                    let base = LITERAL + context * 0x300;
                    let mut byte = 1;
                    if state >= 7 {
                        // Not the byte that was as far back as the last: it says which one this is like.
                        let mut like = usize::from(*out.get(at.checked_sub(self.back[0] + 1)?)?);
                        while byte < 0x100 {
                            like <<= 1;
                            let expected = like & 0x100;
                            let bit = coder.bit(of, base + 0x100 + expected + byte);
                            byte = byte << 1 | bit;
                            if expected >> 8 != bit {
                                break;
                            }
                        }
                    }
                    while byte < 0x100 {
                        byte = byte << 1 | coder.bit(of, base + byte);
                    }
                    out[at] = byte as u8;
                    at += 1;
                    state = match state {
                        0..4 => 0,
                        4..10 => state - 3,
                        _ => state - 6,
                    };
                    continue;
                }
                if coder.bit(of, IS_AGAIN + state) == 0 {
                    let len;
                    (len, coder) = coder.len(of, LEN, place);
                    self.back = [
                        coder.distance(of, len),
                        self.back[0],
                        self.back[1],
                        self.back[2],
                    ];
                    self.left = len;
                    state = if state < 7 { 7 } else { 10 };
                } else {
                    let mut len = 0;
                    if coder.bit(of, IS_FIRST + state) == 0 {
                        if coder.bit(of, IS_LONG + state * PLACES + place) == 0 {
                            len = 1;
                        }
                    } else {
                        let nth = match coder.bit(of, IS_SECOND + state) {
                            0 => 1,
                            _ => 2 + coder.bit(of, IS_THIRD + state),
                        };
                        self.back[..=nth].rotate_right(1);
                    }
                    if len == 1 {
                        state = if state < 7 { 9 } else { 11 };
                    } else {
                        (len, coder) = coder.len(of, LEN_AGAIN, place);
                        state = if state < 7 { 8 } else { 11 };
                    }
                    self.left = len;
                }
            }
            let back = self.back[0].checked_add(1).filter(|back| *back <= at)?;
            let len = self.left.min(to - at);
            self.left -= len;
            // They may reach into what is put there only now.
            for to in at..at + len {
                out[to] = out[to - back];
            }
            at += len;
        }
        self.coder = coder;
        self.state = state;
        self.done = at;
        Some(())
    }
}
