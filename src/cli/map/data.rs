//! A key or a value as it is written on the command line.

use btfly::value::Plan;

use super::super::Failure;

/// The bytes of a key or value that has `size` of them: `hex 01 00 …`, as many bytes in decimal or behind 0x,
/// a number, or words for its type.
pub fn read(
    what: &str,
    words: &[&str],
    size: usize,
    plan: Option<&Plan>,
) -> Result<Vec<u8>, Failure> {
    let wrong = |told: &str| Failure::usage([what, ": ", told].concat());
    let Some((first, rest)) = words.split_first() else {
        return Err(wrong("nothing is given").with_hint(format!("{what} hex 01 00 …, or a number")));
    };
    if *first == "hex" {
        let digits = rest
            .iter()
            .map(|word| word.strip_prefix("0x").unwrap_or(word));
        let bytes: Option<Vec<Vec<u8>>> = digits.map(of_digits).collect();
        let bytes =
            bytes.ok_or_else(|| wrong("bytes have two digits each, of 0 to 9 and a to f"))?;
        return sized(what, bytes.concat(), size);
    }
    let bytes: Option<Vec<u8>> = words.iter().map(|word| of_byte(word)).collect();
    if let Some(bytes) = bytes.filter(|_| words.len() > 1) {
        return sized(what, bytes, size);
    }
    let text = words.join(" ");
    if let Some(plan) = plan {
        return plan
            .parse_vec(&text)
            .map_err(|error| wrong(&error.to_string()));
    }
    number(&text, size).ok_or_else(|| {
        wrong(&format!(
            "'{text}' is no number of {size} bytes, and the map has no types"
        ))
        .with_hint(format!("give its bytes: {what} hex 01 00 …"))
    })
}

fn sized(what: &str, bytes: Vec<u8>, size: usize) -> Result<Vec<u8>, Failure> {
    match bytes.len() {
        len if len == size => Ok(bytes),
        len => Err(Failure::usage(format!(
            "the {what} has {size} bytes, but {len} are given"
        ))),
    }
}

/// Pairs of digits; one alone is a byte too.
fn of_digits(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) || text.is_empty() {
        return None;
    }
    if text.len() > 1 && !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = text
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok());
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

fn of_byte(word: &str) -> Option<u8> {
    match word.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// A number that may be negative, in as many bytes, the lowest first.
fn number(text: &str, size: usize) -> Option<Vec<u8>> {
    let value: i128 = match text.strip_prefix("0x") {
        Some(digits) => i128::from(u64::from_str_radix(digits, 16).ok()?),
        None => text.parse().ok()?,
    };
    if !matches!(size, 1 | 2 | 4 | 8) {
        return None;
    }
    let bits = size * 8;
    let fits = value >= -(1i128 << (bits - 1)) && value < 1i128 << bits;
    value
        .to_le_bytes()
        .get(..size)
        .filter(|_| fits)
        .map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_bytes_in_two_notations_or_a_number() {
        for (words, size, expected) in [
            (
                &["hex", "01", "00", "0", "ff"][..],
                4,
                Some(&[1, 0, 0, 255][..]),
            ),
            (&["hex", "0100", "0x00", "ff"], 4, Some(&[1, 0, 0, 255])),
            (&["1", "0x2", "0", "255"], 4, Some(&[1, 2, 0, 255])),
            (&["258"], 4, Some(&[2, 1, 0, 0])),
            (&["0x102"], 2, Some(&[2, 1])),
            (&["-1"], 2, Some(&[255, 255])),
            (&["255"], 1, Some(&[255])),
            (&["256"], 1, None),
            (&["hex", "1", "2"], 4, None),
            (&["hex", "1g", "2"], 2, None),
            (&["hex", "123"], 2, None),
            (&["1", "2"], 4, None),
            (&["1", "256"], 2, None),
            (&["5"], 3, None),
            (&["x"], 4, None),
            (&[], 4, None),
        ] {
            let found = read("key", words, size, None).ok();
            assert_eq!(found.as_deref(), expected, "{words:?}");
        }
    }
}
