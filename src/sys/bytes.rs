//! Sixteen bytes looked at together, with the vector instructions that every arm64 machine has.

/// The bits of [`equal`] that may be set.
const MARKS: u64 = 0x8888_8888_8888_8888;

/// A mark for each of the bytes that equals `byte`: bit 4 × i + 3 for byte i.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn equal(bytes: &[u8; 16], byte: u8) -> u64 {
    use core::arch::aarch64::*;
    // Safety: sixteen bytes are read, and there are sixteen; the rest works on registers. The target
    // has these instructions.
    let fours = unsafe {
        let equal = vceqq_u8(vld1q_u8(bytes.as_ptr()), vdupq_n_u8(byte));
        // Four bits are left of each byte: of every sixteen, those in the middle.
        let halves = vshrn_n_u16::<4>(vreinterpretq_u16_u8(equal));
        vget_lane_u64::<0>(vreinterpret_u64_u8(halves))
    };
    fours & MARKS
}

/// A mark for each of the bytes that equals `byte`: bit 4 × i + 3 for byte i.
#[cfg(not(target_arch = "aarch64"))]
#[inline(always)]
pub fn equal(bytes: &[u8; 16], byte: u8) -> u64 {
    let marks = bytes.iter().rev().fold(0, |marks, b| {
        let mark = if *b == byte { 0xf } else { 0 };
        marks << 4 | mark
    });
    marks & MARKS
}

/// Which byte the lowest mark stands for; of no mark, 16.
#[inline(always)]
pub fn lowest(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_that_is_equal_has_its_mark_and_no_other() {
        for pattern in 0..=u16::MAX {
            // What is not equal differs by one bit, the lowest or the highest.
            let other = if pattern & 1 == 0 { 1 } else { 0x80 };
            for byte in [0, 1, b'_', 0xff] {
                let is = |i: usize| pattern >> i & 1 != 0;
                let bytes: [u8; 16] =
                    core::array::from_fn(|i| if is(i) { byte } else { byte ^ other });
                let mut marks = equal(&bytes, byte);
                let mut found = 0;
                while marks != 0 {
                    found |= 1 << lowest(marks);
                    marks &= marks - 1;
                }
                assert_eq!(found, pattern, "{bytes:x?}");
            }
        }
        assert_eq!(lowest(0), 16);
    }
}
