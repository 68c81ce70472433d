//! Plain words of plain values, which nearly all options of tools are: the same bytes as by `parse.rs`, which reads
//! whatever a value may be.

use super::number::mask;
use super::plan::{Plan, Scalar, Shape};
use super::words::{Sign, integer};

impl Plan {
    /// The bytes of a number or a text. `None` for whatever is not as plain as that.
    pub(super) fn parse_plain(&self, words: &str) -> Option<Vec<u8>> {
        let size = self.size();
        let mut bytes = match self.root.shape {
            Shape::Scalar(scalar) => {
                let number = number(scalar, words, self.root.size * 8)?;
                number.to_le_bytes().to_vec()
            }
            Shape::Text if words.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                words.as_bytes().to_vec()
            }
            _ => return None,
        };
        if matches!(self.root.shape, Shape::Text) && bytes.len() > size {
            return None;
        }
        bytes.resize(size, 0);
        Some(bytes)
    }
}

fn number(scalar: Scalar, word: &str, bits: u32) -> Option<u64> {
    match scalar {
        Scalar::Unsigned | Scalar::Signed => {}
        Scalar::Bool if matches!(word, "0" | "1") => {}
        Scalar::Meant(meaning) => {
            if let Some(raw) = meaning.parse(word, bits) {
                return Some(raw);
            }
        }
        _ => return None,
    }
    let all = u128::from(mask(bits));
    let highest = match scalar {
        Scalar::Signed => all >> 1,
        _ => all,
    };
    let (Sign::Plus, magnitude) = integer(word)? else {
        return None;
    };
    if magnitude > highest {
        return None;
    }
    let number = u64::try_from(magnitude).ok()?;
    Some(match scalar {
        Scalar::Meant(meaning) => meaning.of_number(number, bits),
        _ => number,
    })
}
