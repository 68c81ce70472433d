//! Packs a binary that was linked by `cross/packed.ld`: what is not code is put behind the code, packed, from where
//! the binary's first instructions (`src/sys/unpack.rs`) put it in its place. Code that is seldom used is packed by xz
//! behind that, for `src/sys/cold.rs`. Sections and symbols are left out.
//!
//! Usage: pack FROM TO

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Bytes of the header of an ELF file, and of that of a segment.
const HEADER: usize = 64;
const SEGMENT: usize = 56;
const PT_LOAD: u32 = 1;
const EXECUTABLE: u64 = 1;
/// Places that are looked at for bytes that are the same, at most.
const TRIES: usize = 4096;
/// Bytes that are told at once by those before them, at most.
const LONGEST: usize = 2048;
/// Where so many are the same, none are looked for elsewhere.
const ENOUGH: usize = 256;
/// Bytes that may lie between them.
const FARTHEST: usize = 1 << 16;

#[allow(dead_code)]
fn main() {
    let args: Vec<String> = env::args().collect();
    let [_, from, to] = args.as_slice() else {
        panic!("usage: pack FROM TO");
    };
    let binary = fs::read(from).unwrap_or_else(|e| panic!("{from}: {e}"));
    let (packed, told) = pack(&binary, &|cold| by_xz(cold, to));
    if fs::read(to).is_ok_and(|there| there == packed) {
        return;
    }
    // Another process may be starting what was made before.
    let new = format!("{to}.new");
    fs::write(&new, packed).unwrap_or_else(|e| panic!("{new}: {e}"));
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("executable");
    fs::rename(&new, to).unwrap_or_else(|e| panic!("{to}: {e}"));
    for (len, packed) in told {
        eprintln!("{len} bytes packed to {packed}");
    }
}

/// A number of the file, of so many bytes.
fn number(file: &[u8], at: usize, len: usize) -> u64 {
    let bytes = file[at..at + len].iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn word(file: &[u8], at: usize) -> usize {
    usize::try_from(number(file, at, 8)).expect("64 bits")
}

fn set(file: &mut [u8], at: usize, value: usize) {
    file[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}

/// Packs code by LZMA, in which bytes at the same place of four are alike. `to` is where a file may be beside.
pub fn by_xz(code: &[u8], to: &str) -> Vec<u8> {
    let path = format!("{to}.cold");
    fs::write(&path, code).unwrap_or_else(|e| panic!("{path}: {e}"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let xz = Command::new("xz")
        .args([
            "--format=raw",
            "--lzma1=preset=9e,nice=273,lc=0,lp=2,pb=2",
            "--stdout",
        ])
        .stdin(file)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|e| panic!("xz: {e}"));
    assert!(xz.status.success(), "xz: {}", xz.status);
    fs::remove_file(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    // Its properties, as files of LZMA have them: lc + (lp + pb * 5) * 9, where lc is 0.
    [&[(2 + 2 * 5) * 9], xz.stdout.as_slice()].concat()
}

/// Branches, calls and addresses of code, told from the start of memory: those to one place are alike then, wherever they
/// are. And instructions with their highest byte first, which says most of what follows. The code begins at `start` with
/// the number of its bytes.
pub fn absolute(bytes: &mut [u8], start: usize) {
    let (words, _) = bytes.as_chunks_mut::<4>();
    let Some((first, words)) = words.split_first_mut() else {
        return;
    };
    let code = u32::from_le_bytes(*first) as usize / 4;
    for (word, at) in words.iter_mut().take(code).zip((start + 4..).step_by(4)) {
        let at = at as u32;
        let insn = u32::from_le_bytes(*word);
        let insn = if insn & 0x7c00_0000 == 0x1400_0000 {
            // b, bl
            insn & 0xfc00_0000 | insn.wrapping_add(at / 4) & 0x03ff_ffff
        } else if insn & 0x9f00_0000 == 0x1000_0000 {
            // adr
            let place = (insn >> 3 & 0x1f_fffc | insn >> 29 & 3).wrapping_add(at);
            insn & 0x9f00_001f | (place & 3) << 29 | (place >> 2 & 0x7_ffff) << 5
        } else {
            insn
        };
        *word = insn.to_be_bytes();
    }
}

/// The packed binary, and of each segment how long it was and is. What is cold is packed by `by_xz`.
pub fn pack(binary: &[u8], by_xz: &dyn Fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<(usize, usize)>) {
    assert!(
        binary.starts_with(b"\x7fELF\x02\x01"),
        "not a 64-bit ELF file"
    );
    assert_eq!(word(binary, 32), HEADER, "segments come first");
    let count = usize::try_from(number(binary, 56, 2)).expect("16 bits");
    let segments = (0..count).map(|index| HEADER + index * SEGMENT);
    let mut segments = segments.filter(|at| number(binary, *at, 4) == u64::from(PT_LOAD));
    let code = segments.next().expect("a segment of code");
    assert_eq!(word(binary, code + 8), 0, "the code has the headers");
    let len = word(binary, code + 32);
    let mut file = binary[..len].to_vec();
    let mut told = Vec::new();
    let mut room = usize::MAX;
    let mut cold = None;
    for segment in segments {
        room = room.min(word(binary, segment + 16) - word(binary, code + 16));
        let (at, len) = (word(binary, segment + 8), word(binary, segment + 32));
        if number(binary, segment + 4, 4) & EXECUTABLE != 0 {
            cold = Some(segment);
            continue;
        }
        let packed = packed(&binary[at..at + len]);
        told.push((len, packed.len()));
        file.extend(packed);
        // Nothing of it is in the file; the kernel gives as much memory as before, empty.
        set(&mut file, segment + 8, 0);
        set(&mut file, segment + 32, 0);
    }
    if let Some(segment) = cold {
        let (at, len) = (word(binary, segment + 8), word(binary, segment + 32));
        let mut code = binary[at..at + len].to_vec();
        absolute(&mut code, word(binary, segment + 16));
        let packed = by_xz(&code);
        told.push((len, packed.len()));
        file.extend((packed.len() as u32).to_le_bytes());
        file.extend(packed);
        // Nothing is mapped in its place.
        file[segment..segment + SEGMENT].fill(0);
    }
    let len = file.len();
    assert!(
        len <= room,
        "packed.ld has no room for {} bytes",
        len - room
    );
    set(&mut file, code + 32, len);
    set(&mut file, code + 40, len);
    // No sections: where they are, of what size and how many, and which has their names.
    set(&mut file, 40, 0);
    file[58..64].fill(0);
    (file, told)
}

/// How bytes came to be told.
#[derive(Clone, Copy)]
enum Step {
    /// As they are: so many.
    Bytes(usize),
    /// By those as far back as the last ones: so many.
    Again(usize),
    /// By those so far back: how far, how many.
    Back(usize, usize),
}

/// The cheapest way to tell all bytes up to some place: how many bits, how far back was gone last, the last
/// step, and whether the step before it was of bytes as they are.
#[derive(Clone, Copy)]
struct Way {
    bits: usize,
    distance: usize,
    step: Step,
    after_bytes: bool,
}

const NO_WAY: Way = Way {
    bits: usize::MAX / 2,
    distance: 0,
    step: Step::Bytes(0),
    after_bytes: false,
};

/// Bits that tell a number from 1 on.
fn bits(number: usize) -> usize {
    2 * number.ilog2() as usize + 1
}

/// Numbers from one to another: of many the first and the last, as those between hardly ever matter.
fn upto(from: usize, to: usize) -> impl Iterator<Item = usize> {
    let first = from..=to.min(from + 100);
    first.chain((to > from + 100).then_some(to))
}

/// Packs some bytes, for `unpack` of `src/sys/unpack.rs`.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    write(bytes, &steps(bytes))
}

/// Few and short steps to tell the bytes: of each place the cheapest way that ends in bytes as they are, and the
/// cheapest that ends otherwise, is followed.
fn steps(bytes: &[u8]) -> Vec<Step> {
    let len = bytes.len();
    let mut plain = vec![NO_WAY; len + 1];
    let mut told = vec![NO_WAY; len + 1];
    told[0].bits = 0;
    // By two bytes where they were last, and of each place where its two were before.
    let mut last = vec![usize::MAX; 1 << 16];
    let mut before = vec![usize::MAX; len];
    let better = |way: &mut Way, other: Way| {
        if other.bits < way.bits {
            *way = other;
        }
    };
    for at in 0..len {
        // One more byte as it is.
        let (now, then) = (plain[at], told[at]);
        if let Step::Bytes(run @ 1..) = now.step {
            let bits = now.bits + 8 + bits(run + 1) - bits(run);
            let step = Step::Bytes(run + 1);
            better(&mut plain[at + 1], Way { bits, step, ..now });
        }
        let start = Way {
            bits: then.bits + 1 + bits(1) + 8,
            step: Step::Bytes(1),
            after_bytes: false,
            ..then
        };
        better(&mut plain[at + 1], start);
        let most = (len - at).min(LONGEST);
        let same = |distance: usize| {
            let pairs = bytes[at..at + most].iter().zip(&bytes[at - distance..]);
            pairs.take_while(|(a, b)| a == b).count()
        };
        // As far back as before, after bytes as they are.
        if now.distance > 0 {
            for run in upto(1, same(now.distance)) {
                let way = Way {
                    bits: now.bits + 1 + bits(run),
                    step: Step::Again(run),
                    after_bytes: true,
                    ..now
                };
                better(&mut told[at + run], way);
            }
        }
        // Elsewhere: of all places from which as many bytes can be had, the nearest.
        if at + 1 < len {
            let pair = usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1]);
            let from = if now.bits < then.bits { now } else { then };
            let mut place = last[pair];
            let mut longest = 1;
            for _ in 0..TRIES {
                if place == usize::MAX || at - place > FARTHEST || longest >= most.min(ENOUGH) {
                    break;
                }
                let distance = at - place;
                let run = same(distance);
                for run in upto(longest + 1, run) {
                    let way = Way {
                        bits: from.bits + 1 + bits(((distance - 1) >> 8) + 1) + 8 + bits(run - 1),
                        distance,
                        step: Step::Back(distance, run),
                        after_bytes: now.bits < then.bits,
                    };
                    better(&mut told[at + run], way);
                }
                longest = longest.max(run);
                place = before[place];
            }
            before[at] = last[pair];
            last[pair] = at;
        }
    }
    let mut steps = Vec::new();
    let mut at = len;
    let mut in_plain = plain[len].bits < told[len].bits;
    while at > 0 {
        let way = if in_plain { plain[at] } else { told[at] };
        let (Step::Bytes(run) | Step::Again(run) | Step::Back(_, run)) = way.step;
        steps.push(way.step);
        at -= run;
        in_plain = way.after_bytes;
    }
    steps.reverse();
    steps
}

/// Bits and bytes, mixed: bits are in a byte that stands where the first of them was written.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    /// Where the byte is that takes bits, and how many it has.
    at: usize,
    taken: u32,
}

impl Out {
    fn bit(&mut self, bit: usize) {
        if self.taken.is_multiple_of(8) {
            self.at = self.bytes.len();
            self.bytes.push(0);
        }
        self.bytes[self.at] |= u8::from(bit == 1) << (self.taken % 8);
        self.taken += 1;
    }

    fn number(&mut self, number: usize) {
        for place in (0..number.ilog2()).rev() {
            self.bit(0);
            self.bit(number >> place & 1);
        }
        self.bit(1);
    }
}

fn write(bytes: &[u8], steps: &[Step]) -> Vec<u8> {
    let mut out = Out::default();
    let mut at = 0;
    for (index, step) in steps.iter().enumerate() {
        match *step {
            Step::Bytes(run) => {
                // The first is there always.
                if index > 0 {
                    out.bit(0);
                }
                out.number(run);
                out.bytes.extend(&bytes[at..at + run]);
                at += run;
            }
            Step::Again(run) => {
                out.bit(0);
                out.number(run);
                at += run;
            }
            Step::Back(distance, run) => {
                out.bit(1);
                out.number(((distance - 1) >> 8) + 1);
                out.bytes.push(((distance - 1) & 0xff) as u8);
                out.number(run - 1);
                at += run;
            }
        }
    }
    out.bytes
}
