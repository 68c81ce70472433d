//! Unpacks gzip, from which a kernel's configuration is read: in a few hundred bytes of code, where a library's fast
//! tables would take 9 KB.
//!
//! Source: RFC 1951 (DEFLATE) and RFC 1952 (gzip).

pub const CUT: &str = "a gzip file that is cut off";
pub const DAMAGED: &str = "a gzip file that is damaged";

/// How far back bytes may be that come again.
const WINDOW: usize = 32 << 10;
/// Bytes that are read at a time.
const PIECE: usize = 4096;
/// A code has so many bits at most.
const LONGEST: usize = 15;

/// The order in which the lengths of codes for lengths come.
const ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

type Result<T> = std::result::Result<T, &'static str>;

/// Bytes as they are read, and bits of them.
struct Input<'r> {
    read: &'r mut dyn FnMut(&mut [u8]) -> usize,
    piece: [u8; PIECE],
    at: usize,
    len: usize,
    /// The rest of a byte, of which so many bits are left.
    rest: u8,
    left: u32,
}

impl Input<'_> {
    fn byte(&mut self) -> Result<u8> {
        if self.at == self.len {
            self.len = (self.read)(&mut self.piece).min(PIECE);
            self.at = 0;
        }
        let byte = self
            .piece
            .get(..self.len)
            .and_then(|piece| piece.get(self.at));
        self.at += 1;
        match byte {
            Some(byte) => Ok(*byte),
            None => {
                self.at = self.len;
                Err(CUT)
            }
        }
    }

    /// A number of so many bits, the lowest first.
    fn bits(&mut self, count: usize) -> Result<usize> {
        let mut number = 0;
        for place in 0..count {
            if self.left == 0 {
                self.rest = self.byte()?;
                self.left = 8;
            }
            number |= usize::from(self.rest & 1) << place;
            self.rest >>= 1;
            self.left -= 1;
        }
        Ok(number)
    }

    /// The next symbol of a code: longer codes follow on the shorter ones.
    fn symbol(&mut self, code: &Code) -> Result<usize> {
        let (mut word, mut first, mut index) = (0, 0, 0);
        for count in code.counts.iter().skip(1).map(|count| usize::from(*count)) {
            word |= self.bits(1)?;
            if word < first + count {
                let symbol = code.symbols.get(index + word - first);
                return symbol.map(|symbol| usize::from(*symbol)).ok_or(DAMAGED);
            }
            index += count;
            first = (first + count) << 1;
            word <<= 1;
        }
        Err(DAMAGED)
    }

    /// Passes over a text that ends with a NUL, and is no longer than a path or a remark is.
    fn text(&mut self) -> Result<()> {
        for _ in 0..PIECE {
            if self.byte()? == 0 {
                return Ok(());
            }
        }
        Err(DAMAGED)
    }
}

/// A Huffman code.
struct Code {
    /// How many symbols have a code of so many bits.
    counts: [u16; LONGEST + 1],
    /// The symbols by the lengths of their codes.
    symbols: Vec<u16>,
}

impl Code {
    /// The code in which each symbol has so many bits, or none.
    fn new(lengths: &[u8]) -> Result<Code> {
        let mut counts = [0; LONGEST + 1];
        let mut symbols = Vec::with_capacity(lengths.len());
        let mut free = 1_i32;
        for (bits, count) in (0..).zip(&mut counts).skip(1) {
            let of_these = (0..).zip(lengths).filter(|(_, length)| **length == bits);
            symbols.extend(of_these.map(|(symbol, _): (u16, _)| symbol));
            *count = lengths.iter().filter(|length| **length == bits).count() as u16;
            free = free * 2 - i32::from(*count);
            if free < 0 {
                return Err(DAMAGED);
            }
        }
        Ok(Code { counts, symbols })
    }
}

/// What is unpacked: the last of it, which may come again.
struct Output<'o> {
    out: &'o mut dyn FnMut(&[u8]),
    window: Vec<u8>,
    /// Where the next byte is put.
    at: usize,
    /// Bytes that were handed on.
    total: usize,
    most: usize,
}

impl Output<'_> {
    fn put(&mut self, byte: u8) -> Result<()> {
        if let Some(place) = self.window.get_mut(self.at) {
            *place = byte;
        }
        self.at += 1;
        if self.at >= WINDOW {
            self.hand_on()
        } else {
            Ok(())
        }
    }

    fn hand_on(&mut self) -> Result<()> {
        (self.out)(self.window.get(..self.at).unwrap_or_default());
        self.total += self.at;
        self.at = 0;
        if self.total > self.most {
            Err(DAMAGED)
        } else {
            Ok(())
        }
    }

    /// Puts what is so far back once more.
    fn again(&mut self, back: usize, len: usize) -> Result<()> {
        if back > self.total + self.at {
            return Err(DAMAGED);
        }
        for _ in 0..len {
            let from = (self.at + WINDOW - back) % WINDOW;
            self.put(self.window.get(from).copied().unwrap_or(0))?;
        }
        Ok(())
    }
}

/// Unpacks the first member of a gzip file and hands pieces of it to `out`: what has more than `most` bytes is refused
/// with the piece that exceeds them. `read` fills a
/// buffer, or what it can of it at the end of the file; the file's first bytes, `start`, were read before.
///
/// # Errors
/// A file that is cut off or damaged, in words.
pub fn unpack(
    read: &mut dyn FnMut(&mut [u8]) -> usize,
    start: &[u8],
    most: usize,
    out: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let mut input = Input {
        read,
        piece: [0; PIECE],
        at: 0,
        len: start.len().min(PIECE),
        rest: 0,
        left: 0,
    };
    for (place, byte) in input.piece.iter_mut().zip(start) {
        *place = *byte;
    }
    header(&mut input)?;
    let mut output = Output {
        out,
        window: vec![0; WINDOW],
        at: 0,
        total: 0,
        most,
    };
    loop {
        let is_last = input.bits(1)? == 1;
        match input.bits(2)? {
            0 => stored(&mut input, &mut output)?,
            1 => {
                let lengths = |symbol| match symbol {
                    0..144 | 280.. => 8,
                    144..256 => 9,
                    _ => 7,
                };
                let lengths: [u8; 288] = std::array::from_fn(lengths);
                block(&mut input, &mut output, &lengths, &[5; 32])?;
            }
            2 => {
                let literals = input.bits(5)? + 257;
                let lengths = lengths(&mut input, literals)?;
                let (literals, distances) = lengths.split_at_checked(literals).ok_or(DAMAGED)?;
                block(&mut input, &mut output, literals, distances)?;
            }
            _ => return Err(DAMAGED),
        }
        if is_last {
            return output.hand_on();
        }
    }
}

/// Passes over what stands before the packed bytes.
fn header(input: &mut Input<'_>) -> Result<()> {
    let [header_crc, extra, name, comment] = [2, 4, 8, 16];
    let mut fixed = [0; 10];
    for byte in &mut fixed {
        *byte = input.byte()?;
    }
    let [_, _, method, flags, ..] = fixed;
    if method != 8 {
        return Err("a gzip file of an unknown method");
    }
    if flags & extra != 0 {
        for _ in 0..input.bits(16)? {
            input.byte()?;
        }
    }
    if flags & name != 0 {
        input.text()?;
    }
    if flags & comment != 0 {
        input.text()?;
    }
    if flags & header_crc != 0 {
        input.bits(16)?;
    }
    Ok(())
}

/// Bytes as they are, whose number comes twice.
fn stored(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<()> {
    input.left = 0;
    let len = input.bits(16)?;
    if input.bits(16)? != !len & 0xffff {
        return Err(DAMAGED);
    }
    for _ in 0..len {
        output.put(input.byte()?)?;
    }
    Ok(())
}

/// The lengths of the codes of a block: of so many literals, and of distances.
fn lengths(input: &mut Input<'_>, literals: usize) -> Result<Vec<u8>> {
    let all = literals + input.bits(5)? + 1;
    let given = input.bits(4)? + 4;
    let mut lengths = [0; 19];
    for place in ORDER.iter().take(given) {
        if let Some(length) = lengths.get_mut(usize::from(*place)) {
            *length = input.bits(3)? as u8;
        }
    }
    let code = Code::new(&lengths)?;
    let mut lengths = Vec::with_capacity(all);
    while lengths.len() < all {
        let (length, times) = match input.symbol(&code)? {
            16 => (*lengths.last().ok_or(DAMAGED)?, 3 + input.bits(2)?),
            17 => (0, 3 + input.bits(3)?),
            18 => (0, 11 + input.bits(7)?),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    if lengths.len() > all {
        Err(DAMAGED)
    } else {
        Ok(lengths)
    }
}

/// Literals and what comes again, up to the end of the block.
fn block(
    input: &mut Input<'_>,
    output: &mut Output<'_>,
    literals: &[u8],
    distances: &[u8],
) -> Result<()> {
    let (literals, distances) = (Code::new(literals)?, Code::new(distances)?);
    loop {
        let len = match input.symbol(&literals)? {
            byte @ 0..256 => {
                output.put(byte as u8)?;
                continue;
            }
            256 => return Ok(()),
            symbol @ 257..265 => symbol - 254,
            symbol @ 265..285 => {
                let (more, step) = ((symbol - 261) / 4, (symbol - 261) % 4);
                3 + ((4 + step) << more) + input.bits(more)?
            }
            285 => 258,
            _ => return Err(DAMAGED),
        };
        let back = match input.symbol(&distances)? {
            symbol @ 0..4 => symbol + 1,
            symbol @ 4..30 => {
                let (more, step) = (symbol / 2 - 1, symbol % 2);
                1 + ((2 + step) << more) + input.bits(more)?
            }
            _ => return Err(DAMAGED),
        };
        output.again(back, len)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;
    use miniz_oxide::inflate::decompress_to_vec_with_limit;

    const MOST: usize = 1 << 20;

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>> {
        let file = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], packed].concat();
        let mut rest = &file[1000.min(file.len())..];
        let mut read = |buffer: &mut [u8]| {
            let (front, back) = rest.split_at(rest.len().min(buffer.len()));
            buffer[..front.len()].copy_from_slice(front);
            rest = back;
            front.len()
        };
        let mut out = Vec::new();
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        unpack(&mut read, &file[..1000.min(file.len())], MOST, &mut put)?;
        Ok(out)
    }

    /// Numbers that look like chance, and are the same each time.
    fn chance(seed: &mut u32) -> u32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed >> 8
    }

    /// Texts in which much comes again, little, and nothing.
    fn texts() -> Vec<Vec<u8>> {
        let mut seed = 7;
        let words = (0..30_000).flat_map(|n| format!("CONFIG_{}=y\n", n % 977).into_bytes());
        vec![
            Vec::new(),
            b"x".to_vec(),
            vec![b'x'; 70_000],
            words.collect(),
            (0..100_000).map(|_| chance(&mut seed) as u8).collect(),
            (0..100_000).map(|_| chance(&mut seed) as u8 & 3).collect(),
        ]
    }

    #[test]
    fn what_was_packed_comes_back_at_each_level() {
        for (at, text) in texts().iter().enumerate() {
            for level in 0..=10 {
                let packed = compress_to_vec(text, level);
                assert!(unpacked(&packed).as_ref() == Ok(text), "{at} {level}");
            }
        }
    }

    #[test]
    fn damaged_bytes_lead_to_an_error_or_where_another_takes_them_to_what_it_unpacks() {
        let mut seed = 1;
        let text = &texts()[3][..5000];
        for level in [0, 1, 6] {
            let packed = compress_to_vec(text, level);
            for len in 0..packed.len() {
                assert_eq!(unpacked(&packed[..len]), Err(CUT), "{level} {len}");
            }
            for _ in 0..3000 {
                let mut damaged = packed.clone();
                let at = chance(&mut seed) as usize % damaged.len();
                damaged[at] ^= 1 << (chance(&mut seed) % 8);
                let theirs = decompress_to_vec_with_limit(&damaged, MOST);
                if let (Ok(ours), Ok(theirs)) = (unpacked(&damaged), theirs) {
                    assert!(ours == theirs, "{level} {at}");
                }
            }
        }
    }

    #[test]
    fn no_more_is_unpacked_than_is_wanted() {
        assert!(unpacked(&compress_to_vec(&vec![0; MOST], 6)).is_ok());
        let too_much = compress_to_vec(&vec![0; MOST + WINDOW], 6);
        assert_eq!(unpacked(&too_much), Err(DAMAGED));
    }
}
