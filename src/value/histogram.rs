//! Histograms in the layout that people know from bcc: a range, a count, a bar.

use super::number::push_unsigned;

/// Characters of a full bar, and of one beside ranges that do not fit ten digits.
const BAR: u64 = 40;
const SHORT_BAR: u64 = 20;
/// The last slot whose range fits ten digits.
const NARROW: usize = 32;

/// What the slots of a histogram stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Slot 0 is 0 and 1, slot n the numbers from 2^n to 2^(n+1) - 1.
    Log2,
    /// Each slot is one number.
    Linear,
}

/// The slot of a number in a histogram by powers of two.
#[must_use]
pub fn slot_of(number: u64) -> usize {
    number.checked_ilog2().unwrap_or(0) as usize
}

/// Appends a histogram, with a line end after each line, up to the last slot that is not empty; nothing
/// where all are. `unit` is what the numbers are: `usecs`.
pub fn histogram(slots: &[u64], scale: Scale, unit: &str, out: &mut Vec<u8>) {
    let Some(last) = slots.iter().rposition(|&count| count > 0) else {
        return;
    };
    let most = slots.iter().copied().max().unwrap_or(0);
    let shown = slots.iter().copied().take(last + 1).enumerate();
    match scale {
        Scale::Log2 => {
            let wide = last > NARROW;
            let (indent, title, width, bar) = match wide {
                false => (5, 19, 10, BAR),
                true => (15, 29, 20, SHORT_BAR),
            };
            spaces(indent, out);
            left(title, out, |out| super::escape(unit.as_bytes(), out));
            out.extend_from_slice(b" : count    distribution\n");
            for (slot, count) in shown {
                let (low, high) = range(slot);
                right(width, low, out);
                out.extend_from_slice(b" -> ");
                left(width, out, |out| push_unsigned(high, out));
                row(count, most, bar, out);
            }
        }
        Scale::Linear => {
            spaces(5, out);
            left(13, out, |out| super::escape(unit.as_bytes(), out));
            out.extend_from_slice(b" : count     distribution\n");
            for (slot, count) in shown.filter(|(_, count)| *count > 0) {
                spaces(8, out);
                left(10, out, |out| push_unsigned(slot as u64, out));
                row(count, most, BAR, out);
            }
        }
    }
}

/// The first and the last number of a slot.
#[must_use]
pub fn range_of(slot: usize, scale: Scale) -> (u64, u64) {
    match scale {
        Scale::Log2 => range(slot),
        Scale::Linear => (slot as u64, slot as u64),
    }
}

fn range(slot: usize) -> (u64, u64) {
    match slot {
        0 => (0, 1),
        1..=62 => (1 << slot, (2 << slot) - 1),
        _ => (1 << 63, u64::MAX),
    }
}

fn row(count: u64, most: u64, bar: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b" : ");
    left(8, out, |out| push_unsigned(count, out));
    out.extend_from_slice(b" |");
    // No count is above the most. Of large ones the last bits are left out, which no bar shows: bars are
    // shorter than 65536, so that the product fits.
    let rest = 16u32.saturating_sub(most.leading_zeros());
    let full = (count >> rest)
        .saturating_mul(bar)
        .checked_div(most >> rest);
    let full = full.unwrap_or(0).min(bar) as usize;
    out.resize(out.len() + full, b'*');
    spaces(bar as usize - full, out);
    out.extend_from_slice(b"|\n");
}

fn spaces(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b' ');
}

/// Text at the left of `width` characters.
fn left(width: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    spaces(width.saturating_sub(out.len() - start), out);
}

/// A number at the right of `width` characters.
fn right(width: usize, number: u64, out: &mut Vec<u8>) {
    let mut digits = Vec::new();
    push_unsigned(number, &mut digits);
    spaces(width.saturating_sub(digits.len()), out);
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(slots: &[u64], scale: Scale) -> String {
        let mut out = Vec::new();
        histogram(slots, scale, "usecs", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn powers_of_two_are_drawn_as_people_know_them() {
        assert_eq!(
            drawn(&[1, 0, 4, 2, 0, 0], Scale::Log2),
            "     usecs               : count    distribution\n         \
             0 -> 1          : 1        |**********                              |\n         \
             2 -> 3          : 0        |                                        |\n         \
             4 -> 7          : 4        |****************************************|\n         \
             8 -> 15         : 2        |********************                    |\n"
        );
        assert_eq!(drawn(&[0; 5], Scale::Log2), "");
        assert_eq!(drawn(&[], Scale::Linear), "");
    }

    #[test]
    fn wide_ranges_have_short_bars() {
        let mut slots = [0; 64];
        slots[63] = u64::MAX;
        let text = drawn(&slots, Scale::Log2);
        assert!(text.starts_with("               usecs                         : count "));
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            " 9223372036854775808 -> 18446744073709551615 : 18446744073709551615 |********************|"
        );
        // Slots that no number has are drawn all the same, and nothing overflows.
        assert_eq!(drawn(&[1; 70], Scale::Log2).lines().count(), 71);
    }

    #[test]
    fn linear_ones_leave_out_empty_slots() {
        assert_eq!(
            drawn(&[0, 3, 0, 1], Scale::Linear),
            "     usecs         : count     distribution\n        \
             1          : 3        |****************************************|\n        \
             3          : 1        |*************                           |\n"
        );
    }

    #[test]
    fn a_number_has_the_slot_whose_range_holds_it() {
        for number in [0, 1, 2, 3, 4, 1023, 1024, u64::MAX] {
            let (low, high) = range(slot_of(number));
            assert!((low..=high).contains(&number), "{number}");
        }
    }
}
