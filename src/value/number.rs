//! Numbers as text, without the formatting machinery: it is called for every field of every event.

/// Appends a decimal number.
pub fn push_unsigned(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(Digits::of(value).as_slice());
}

/// The decimal digits of a number.
pub(super) struct Digits {
    /// A 64-bit number has at most 20: ten pairs, from the right.
    digits: [u8; 20],
    start: usize,
}

impl Digits {
    #[cfg_attr(all(hot_loops, feature = "full"), optimize(speed))]
    pub fn of(mut value: u64) -> Digits {
        let mut digits = [0; 20];
        let mut start = digits.len();
        for pair in digits.as_chunks_mut::<2>().0.iter_mut().rev() {
            let two = (value % 100) as u8;
            *pair = [b'0' + two / 10, b'0' + two % 10];
            start -= 2;
            value /= 100;
            if value == 0 {
                start += usize::from(two < 10);
                break;
            }
        }
        Digits { digits, start }
    }

    pub fn as_slice(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// Appends a decimal number with its sign.
pub fn push_signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    push_unsigned(value.unsigned_abs(), out);
}

/// Appends a number in hexadecimal, without `0x` and leading zeros.
pub fn push_hex(value: u64, out: &mut Vec<u8>) {
    let digits = (64 - value.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(hex_digit((value >> (digit * 4)) as u8 & 15));
    }
}

/// Appends a 128-bit decimal number.
pub fn push_wide(value: u128, out: &mut Vec<u8>) {
    // Long division by 10 over 32-bit limbs: no 128-bit division routine in the binary.
    let mut limbs = [96, 64, 32, 0].map(|shift| (value >> shift) as u32);
    let mut digits = [0u8; 39];
    let mut len = 0;
    for place in digits.iter_mut().rev() {
        let mut remainder = 0u64;
        for limb in &mut limbs {
            let part = remainder << 32 | u64::from(*limb);
            *limb = (part / 10) as u32;
            remainder = part % 10;
        }
        *place = b'0' + remainder as u8;
        len += 1;
        if limbs == [0; 4] {
            break;
        }
    }
    out.extend_from_slice(digits.get(39 - len..).unwrap_or_default());
}

/// One digit; only the lower four bits count.
pub(super) fn hex_digit(nibble: u8) -> u8 {
    match nibble & 15 {
        n @ 0..10 => b'0' + n,
        n => b'a' - 10 + n,
    }
}

/// The little-endian number in the first `size` bytes (1 to 8) from `at`, if they are all there.
pub(super) fn read(data: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = data.get(at..at.checked_add(size)?)?;
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    })
}

/// The little-endian number in the 16 bytes from `at`.
pub(super) fn read_wide(data: &[u8], at: usize) -> Option<u128> {
    let bytes = data.get(at..at.checked_add(16)?)?;
    Some(u128::from_le_bytes(bytes.try_into().ok()?))
}

/// The little-endian number in `size` bytes (1, 2, 4 or 8) from `at`, if they are all there.
pub fn read_number(data: &[u8], at: usize, size: usize) -> Option<u64> {
    read(data, at, size)
}

/// Extends the sign of a number of `bits` bits (1 to 64).
pub(super) fn sign_extend(value: u64, bits: u32) -> i64 {
    let unused = 64u32.saturating_sub(bits).min(63);
    (value << unused) as i64 >> unused
}

/// The lowest `bits` bits (up to 64) set.
pub(super) fn mask(bits: u32) -> u64 {
    match bits {
        64.. => u64::MAX,
        _ => (1 << bits) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        let mut value = 0u128;
        for step in 0..200u32 {
            value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060) ^ u128::from(step);
            for value in [value >> (step % 128), u128::MAX, 0, 9, 10, 1 << 64] {
                let half = value as u64;
                assert_eq!(text(|o| push_wide(value, o)), value.to_string());
                assert_eq!(text(|o| push_unsigned(half, o)), half.to_string());
                assert_eq!(
                    text(|o| push_signed(half as i64, o)),
                    (half as i64).to_string()
                );
                assert_eq!(text(|o| push_hex(half, o)), format!("{half:x}"));
            }
        }
        assert_eq!(text(|o| push_signed(i64::MIN, o)), i64::MIN.to_string());
    }

    #[test]
    fn signs_are_extended_from_any_width() {
        for (value, bits, expected) in [
            (0xff, 8, -1),
            (0x7f, 8, 127),
            (0b100, 3, -4),
            (1, 1, -1),
            (u64::MAX, 64, -1),
            (0x8000_0000, 32, i64::from(i32::MIN)),
        ] {
            assert_eq!(sign_extend(value, bits), expected);
        }
    }
}
