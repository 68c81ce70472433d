//! Moments of the wall clock as text: `2026-11-26T02:36:44.123456Z`.

use super::push_unsigned;

const NS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Writes moments. Most of one is that of the moment before it, and kept.
#[derive(Clone, Debug, Default)]
pub struct WallClock {
    second: i64,
    /// The text of the last moment: all but the digits behind the point are those of its second.
    text: Vec<u8>,
}

impl WallClock {
    /// How many characters a moment takes (of the years 0 to 9999).
    pub const WIDTH: usize = 27;

    /// Appends a moment in UTC, as ISO 8601 writes it, to the microsecond. `wall_ns` are nanoseconds
    /// since 1970.
    pub fn push(&mut self, wall_ns: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.moment(wall_ns));
    }

    /// The text of a moment.
    pub fn moment(&mut self, wall_ns: i64) -> &[u8] {
        let second = wall_ns.div_euclid(NS_PER_SECOND);
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text.clear();
            date(second, &mut self.text);
            self.text.extend_from_slice(b".000000Z");
        }
        let mut micros = wall_ns.rem_euclid(NS_PER_SECOND) / 1000;
        let digits = self.text.iter_mut().rev().skip(1).take(6);
        for digit in digits {
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        &self.text
    }
}

fn date(second: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(second.div_euclid(SECONDS_PER_DAY));
    let of_day = second.rem_euclid(SECONDS_PER_DAY) as u64;
    digits(year.unsigned_abs(), 4, out);
    for (before, part) in [
        (b'-', month),
        (b'-', day),
        (b'T', of_day / 3600),
        (b':', of_day / 60 % 60),
        (b':', of_day % 60),
    ] {
        out.push(before);
        digits(part, 2, out);
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn civil(day: i64) -> (i64, u64, u64) {
    // Years begin in March here, so that the odd day is a year's last; 400 of them have 146097 days.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = match from_march {
        0..10 => from_march + 3,
        _ => from_march - 9,
    };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month as u64, day as u64)
}

/// Appends a number with zeros before it, up to `width` digits.
fn digits(value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    push_unsigned(value, out);
    let missing = width.saturating_sub(out.len() - start);
    out.splice(start..start, core::iter::repeat_n(b'0', missing));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        let mut clock = WallClock::default();
        for (second, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_709_251_199, "2024-02-29T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (1_785_542_399, "2026-07-31T23:59:59"),
            (-1, "1969-12-31T23:59:59"),
        ] {
            let mut out = Vec::new();
            clock.push(second * NS_PER_SECOND + 1_002_999, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), [text, ".001002Z"].concat());
        }
    }
}
