//! In the place of `parse.rs` in a build for boards: a person's words into the bytes of what tools are told by,
//! which are numbers, with what they mean, and texts.

use super::error::ValueError;
use super::escape::Reader as Escape;
use super::escape::escape_for;
use super::number::mask;
use super::plan::{Plan, Scalar, Shape};
use super::words::{Sign, integer};

impl Plan {
    /// Reads a value.
    ///
    /// | type | words |
    /// |---|---|
    /// | integer | `42`, `-1`, `0x2a` |
    /// | char array | all the words as they are, without quotes around them |
    /// | `__be32` address | `192.168.1.1`, a number |
    /// | `u64 …_ns` | `1.5ms`, `2s`, a number |
    /// | `dev_t` | `8:1`, a number |
    ///
    /// # Errors
    /// Words that do not fit the type; a type of another kind.
    pub fn parse_vec(&self, words: &str) -> Result<Vec<u8>, ValueError> {
        let size = self.size();
        let mut bytes = match self.root.shape {
            Shape::Scalar(scalar) => number(scalar, words, self.root.size * 8)?
                .to_le_bytes()
                .to_vec(),
            Shape::Text => {
                let quoted = words.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
                let text = quoted.unwrap_or(words);
                if text.len() > size {
                    return Err(ValueError::TooLong {
                        path: PATH.into(),
                        found: text.len(),
                        room: size,
                    });
                }
                text.into()
            }
            _ => return Err(expected("nothing", words)),
        };
        bytes.resize(size, 0);
        Ok(bytes)
    }
}

/// Where in the value: it has no parts.
const PATH: &str = "the value";

fn number(scalar: Scalar, word: &str, bits: u32) -> Result<u64, ValueError> {
    let mut form = "a number (42, -1, 0x2a)";
    if let Scalar::Meant(meaning) = scalar {
        if let Some(raw) = meaning.parse(word, bits) {
            return Ok(raw);
        }
        form = meaning.form();
    }
    let (sign, magnitude) = integer(word).ok_or_else(|| expected(form, word))?;
    let all = u128::from(mask(bits));
    let highest = match scalar {
        Scalar::Signed => all >> 1,
        _ => all,
    };
    let number = match sign {
        Sign::Plus if magnitude <= highest => magnitude,
        Sign::Minus if highest < all && magnitude <= highest + 1 => magnitude.wrapping_neg() & all,
        _ => return Err(expected("a number of fewer digits", word)),
    } as u64;
    Ok(match scalar {
        Scalar::Meant(meaning) => meaning.of_number(number, bits),
        _ => number,
    })
}

fn expected(expected: &'static str, found: &str) -> ValueError {
    let mut out = vec![b'`'];
    escape_for(Escape::Column, found.as_bytes(), &mut out);
    out.push(b'`');
    ValueError::Expected {
        path: PATH.into(),
        expected,
        found: String::from_utf8_lossy(&out).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::btf::{Btf, Types};
    use crate::object::Object;
    use crate::value::Plan;

    /// The bytes of a variable of a tool's object.
    fn bytes(object: &[u8], variable: &str, words: &str) -> Result<Vec<u8>, String> {
        let object = Object::parse(object).unwrap();
        let btf: &Btf<'_> = object.btf.as_ref().unwrap();
        let ty = object.global(variable).unwrap().ty;
        assert!(btf.size_of(ty).is_ok());
        let plan = Plan::named(btf, ty, variable).unwrap();
        plan.parse_vec(words).map_err(|error| error.to_string())
    }

    #[test]
    fn what_tools_are_told_is_read_by_its_type() {
        let signal = include_bytes!("../../prebuilt/arm64/signal.bpf.o");
        let offcpu = include_bytes!("../../prebuilt/arm64/offcpu.bpf.o");
        let biolatency = include_bytes!("../../prebuilt/arm64/biolatency.bpf.o");
        for (object, variable, words, expected) in [
            (&signal[..], "target_pid", "7", &[7, 0, 0, 0][..]),
            (signal, "target_pid", "0x10", &[16, 0, 0, 0]),
            (signal, "target_signal", "SIGKILL", &[9, 0, 0, 0]),
            (signal, "target_signal", "9", &[9, 0, 0, 0]),
            (signal, "failed_only", "1", &[1]),
            (
                signal,
                "target_comm",
                "ls",
                b"ls\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
            (
                signal,
                "target_comm",
                "\"a b\"",
                b"a b\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
            (offcpu, "min_ns", "2us", &[0xd0, 7, 0, 0, 0, 0, 0, 0]),
            (biolatency, "target_disk", "8:1", &[1, 8, 0, 0]),
        ] {
            let found = bytes(object, variable, words);
            // A device has bits of its own.
            if variable == "target_disk" {
                assert!(found.is_ok(), "{found:?}");
                continue;
            }
            assert_eq!(found.as_deref(), Ok(expected), "{variable} {words}");
        }
        for (variable, words, told) in [
            ("target_pid", "x", "a number"),
            ("target_pid", "4294967296", "fewer digits"),
            ("target_pid", "-1", "fewer digits"),
            ("target_signal", "NONE", "a signal"),
            ("target_comm", "much longer than that", "do not fit"),
        ] {
            let why = bytes(signal, variable, words).unwrap_err();
            assert!(why.contains(told), "{variable} {words}: {why}");
        }
    }
}
