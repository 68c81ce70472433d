//! Floating point in decimal, and back, in a few hundred bytes of code.
//!
//! Programs in the kernel can't compute with floats, so they are rare here: what counts is that
//! the digits are right and the code is small. The shortest digits that give the same number back
//! are found by exact arithmetic on long integers, after Steele and White, "How to print
//! floating-point numbers accurately" (1990).

use core::cmp::Ordering;

use super::number::push_signed;

/// A number taken apart: sign, mantissa × 2^exponent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    /// The number below is only half as far away as the one above.
    at_power: bool,
    finite: bool,
}

impl Parts {
    pub(super) fn of_f64(bits: u64) -> Parts {
        Parts::take(bits, 52, 11)
    }

    pub(super) fn of_f32(bits: u32) -> Parts {
        Parts::take(u64::from(bits), 23, 8)
    }

    fn take(bits: u64, mantissa_bits: u32, exponent_bits: u32) -> Parts {
        let fraction = bits & ((1 << mantissa_bits) - 1);
        let largest = (1u64 << exponent_bits) - 1;
        let exponent = bits >> mantissa_bits & largest;
        let bias = (largest >> 1) as i32 + mantissa_bits as i32;
        let subnormal = exponent == 0;
        Parts {
            negative: bits >> (mantissa_bits + exponent_bits) & 1 != 0,
            mantissa: fraction | u64::from(!subnormal) << mantissa_bits,
            exponent: (exponent as i32).max(1) - bias,
            at_power: fraction == 0 && exponent > 1,
            finite: exponent != largest,
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.finite
    }

    /// Appends the shortest decimal that reads back as this number: `0.1`, `-2.5e-30`, `inf`.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let hidden_only = self.mantissa.is_power_of_two();
        if !self.finite {
            return out.extend_from_slice(match (hidden_only, self.negative) {
                (false, _) => b"nan",
                (true, false) => b"inf",
                (true, true) => b"-inf",
            });
        }
        if self.negative {
            out.push(b'-');
        }
        if self.mantissa == 0 {
            return out.push(b'0');
        }
        let (digits, len, point) = self.digits();
        let digits = digits.get(..len).unwrap_or_default();
        match point {
            // All digits before the point.
            1..=17 if len <= point as usize => {
                out.extend_from_slice(digits);
                out.resize(out.len() + point as usize - len, b'0');
            }
            1..=17 => {
                let (whole, fraction) = digits.split_at(point as usize);
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
            -4..=0 => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + point.unsigned_abs() as usize, b'0');
                out.extend_from_slice(digits);
            }
            _ => {
                let (first, others) = digits.split_at(1);
                out.extend_from_slice(first);
                if !others.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(others);
                }
                out.push(b'e');
                push_signed(i64::from(point) - 1, out);
            }
        }
    }

    /// Digits, how many they are, and the place of the point: 0.d1d2d3… × 10^point.
    fn digits(&self) -> ([u8; 20], usize, i32) {
        // value = r / s; half the way to the neighbours = below / s, above / s.
        let mut r = Long::new(self.mantissa);
        let mut s = Long::new(2);
        let mut above = Long::new(1);
        let mut below = Long::new(1);
        r.double(1);
        match u32::try_from(self.exponent) {
            Ok(up) => {
                r.double(up);
                above.double(up);
                below.double(up);
            }
            Err(_) => s.double(self.exponent.unsigned_abs()),
        }
        if self.at_power {
            r.double(1);
            s.double(1);
            above.double(1);
        }
        // A reader rounds to even: the half way itself belongs to even mantissas.
        let even = self.mantissa.is_multiple_of(2);
        let reaches = |ordering: Ordering| match even {
            true => ordering != Ordering::Less,
            false => ordering == Ordering::Greater,
        };
        let mut point = 0;
        while reaches(r.plus(&above).compare(&s)) {
            s.times(10);
            point += 1;
        }
        loop {
            let mut next = r.plus(&above);
            next.times(10);
            if reaches(next.compare(&s)) {
                break;
            }
            r.times(10);
            above.times(10);
            below.times(10);
            point -= 1;
        }
        let mut digits = [0u8; 20];
        let mut len = 0;
        for place in &mut digits {
            r.times(10);
            above.times(10);
            below.times(10);
            let mut digit = 0;
            while r.compare(&s) != Ordering::Less {
                r.minus(&s);
                digit += 1;
            }
            let low = reaches(below.compare(&r));
            let high = reaches(r.plus(&above).compare(&s));
            len += 1;
            *place = b'0' + digit;
            if low || high {
                let mut twice = r.clone();
                twice.double(1);
                let up = high && (!low || twice.compare(&s) != Ordering::Less);
                *place += u8::from(up);
                break;
            }
        }
        (digits, len, point)
    }
}

/// A natural number below 2^1280: enough for the longest double and a digit more.
#[derive(Clone)]
struct Long([u32; 40]);

impl Long {
    fn new(value: u64) -> Long {
        let mut limbs = [0; 40];
        limbs[0] = value as u32;
        limbs[1] = (value >> 32) as u32;
        Long(limbs)
    }

    fn times(&mut self, factor: u32) {
        let mut carry = 0u64;
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
    }

    fn double(&mut self, times: u32) {
        for _ in 0..times / 16 {
            self.times(1 << 16);
        }
        self.times(1 << (times % 16));
    }

    fn plus(&self, other: &Long) -> Long {
        let mut sum = self.clone();
        let mut carry = 0u64;
        for (limb, more) in sum.0.iter_mut().zip(&other.0) {
            carry += u64::from(*limb) + u64::from(*more);
            *limb = carry as u32;
            carry >>= 32;
        }
        sum
    }

    fn minus(&mut self, other: &Long) {
        let mut borrow = 0i64;
        for (limb, less) in self.0.iter_mut().zip(&other.0) {
            borrow += i64::from(*limb) - i64::from(*less);
            *limb = borrow as u32;
            borrow >>= 32;
        }
    }

    fn compare(&self, other: &Long) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

/// Reads a decimal of at most 15 digits and a power of ten within ±22, which one exact
/// multiplication or division of doubles can reach; `None` for any other.
pub(super) fn parse(word: &str) -> Option<f64> {
    let (negative, rest) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let value = match rest {
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => decimal(rest)?,
    };
    Some(if negative { -value } else { value })
}

fn decimal(word: &str) -> Option<f64> {
    let (digits, exponent) = match word.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (word, 0),
    };
    let (mut mantissa, mut places, mut seen) = (0u64, 0i32, false);
    let mut after_point = false;
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                mantissa = mantissa
                    .checked_mul(10)?
                    .checked_add(u64::from(byte - b'0'))?;
                places += i32::from(after_point);
            }
            b'.' if !after_point => after_point = true,
            _ => return None,
        }
    }
    let mut power = exponent.checked_sub(places)?;
    // Trailing zeros are no digits that count.
    while mantissa != 0 && mantissa.is_multiple_of(10) && mantissa >= 1 << 53 {
        mantissa /= 10;
        power += 1;
    }
    if !seen || mantissa > 1 << 53 || !(-22..=22).contains(&power) {
        return (seen && mantissa == 0).then_some(0.0);
    }
    let mut scale = 1.0;
    for _ in 0..power.unsigned_abs() {
        scale *= 10.0;
    }
    let value = mantissa as f64;
    Some(if power < 0 {
        value / scale
    } else {
        value * scale
    })
}

/// What [`parse`] accepts, for messages.
pub(super) const FORM: &str =
    "a number of at most 15 digits, such as 2.5 or 1e-3 (others as their bits, 0x…)";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(parts: Parts) -> String {
        let mut out = Vec::new();
        parts.push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_shortest_digits_that_read_back_are_written() {
        for value in [
            0.1,
            1.0,
            2.5,
            -0.75,
            1e22,
            1e23,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            123456789.125,
            1.0 / 3.0,
            9007199254740993.0,
            0.000123,
            4.35,
            2f64.powi(-1000),
            2f64.powi(900),
        ] {
            let shown = text(Parts::of_f64(value.to_bits()));
            assert_eq!(shown.parse::<f64>(), Ok(value), "{shown}");
            let digits = |s: &str| {
                let mantissa = s.split('e').next().unwrap();
                let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                digits.trim_matches('0').len()
            };
            assert_eq!(digits(&shown), digits(&format!("{value:e}")), "{shown}");
        }
        for (bits, expected) in [
            (0.1f32.to_bits(), "0.1"),
            (16777216f32.to_bits(), "16777216"),
            (f32::INFINITY.to_bits(), "inf"),
            (f32::NEG_INFINITY.to_bits(), "-inf"),
            (f32::NAN.to_bits(), "nan"),
            ((-0f32).to_bits(), "-0"),
            (1, "1e-45"),
        ] {
            assert_eq!(text(Parts::of_f32(bits)), expected);
        }
    }

    #[test]
    fn what_is_read_is_what_the_standard_library_reads() {
        for word in [
            "0",
            "1",
            "-2.5",
            "1e22",
            "1e-22",
            "0.1",
            "123456.789",
            "3.",
            "9e0",
            "0e99",
        ] {
            assert_eq!(parse(word), word.parse().ok(), "{word}");
        }
        for word in [
            "",
            ".",
            "-",
            "1e",
            "1e99",
            "0x1p3",
            "1.2.3",
            "12345678901234567890123",
        ] {
            assert_eq!(parse(word), None, "{word}");
        }
    }

    #[test]
    fn many_doubles_read_back() {
        let mut bits = 1u64;
        for _ in 0..300 {
            bits = bits
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let shown = text(Parts::of_f64(bits));
                assert_eq!(shown.parse(), Ok(value), "{shown}");
            }
        }
    }
}
