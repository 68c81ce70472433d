//! A value of the kernel's configuration as the bytes of a `__kconfig` variable.

use crate::btf::{Btf, Kind, TypeId, Types};

/// What a variable can hold.
enum Shape {
    Bool,
    Tristate,
    /// Bytes, signed.
    Int(u32, bool),
    Text(u32),
}

/// The bytes of a variable of type `ty` for `value` as a configuration file has it: `y`, `m`, `n`, a
/// number, or a text in quotes.
///
/// # Errors
/// Why the value can't be held.
pub fn bytes(btf: &Btf<'_>, ty: TypeId, value: &str) -> Result<Vec<u8>, &'static str> {
    let shape = shape(btf, ty).ok_or("is for a variable of a type that holds no configuration")?;
    if let Some(text) = value.strip_prefix('"') {
        let text = text.strip_suffix('"').ok_or("is no text: it has no end")?;
        let Shape::Text(size) = shape else {
            return Err("is a text, which only an array of char holds");
        };
        // Cut where it is too long; a NUL ends it.
        let mut bytes = text.as_bytes().to_vec();
        bytes.truncate((size as usize).saturating_sub(1));
        bytes.resize(size as usize, 0);
        return Ok(bytes);
    }
    if let "y" | "m" | "n" = value {
        return match (shape, value) {
            (Shape::Bool, "m") => Err("is a module, which a bool can't say"),
            (Shape::Bool, _) => Ok(vec![u8::from(value == "y")]),
            (Shape::Tristate, _) => {
                let number: u32 = match value {
                    "n" => 0,
                    "y" => 1,
                    _ => 2,
                };
                Ok(number.to_le_bytes().into())
            }
            (Shape::Int(1, _), _) => Ok(value.as_bytes().into()),
            _ => Err("is for a bool, a char or an enum libbpf_tristate"),
        };
    }
    let number = number(value).ok_or("is neither y, m, n, a number nor a text in quotes")?;
    let Shape::Int(size, signed) = shape else {
        return Err("is a number, which only an integer holds");
    };
    if !fits(number, size, signed) {
        return Err("does not fit its variable");
    }
    let all = number.to_le_bytes();
    Ok(all.get(..size as usize).unwrap_or(&all).into())
}

fn shape(btf: &Btf<'_>, ty: TypeId) -> Option<Shape> {
    let of = btf.peel(ty).ok()?;
    match of.kind {
        Kind::Int => {
            let int = btf.int(&of).ok()?;
            match of.size() {
                1 if int.bool => Some(Shape::Bool),
                size @ (1 | 2 | 4 | 8) if !int.bool => Some(Shape::Int(size, int.signed)),
                _ => None,
            }
        }
        Kind::Enum | Kind::Enum64 if btf.str_at(of.name) == Some("libbpf_tristate") => {
            (of.size() == 4).then_some(Shape::Tristate)
        }
        Kind::Array => {
            let array = btf.array(&of).ok()?;
            match shape(btf, array.element)? {
                Shape::Int(1, _) if array.len > 0 => Some(Shape::Text(array.len)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// As C reads numbers: 0x and a leading 0 say the base; a minus wraps.
fn number(text: &str) -> Option<u64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match (hex, digits.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        (None, _) => (digits, 10),
    };
    // `from_str_radix` would take a sign again.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(digits, base).ok()?;
    Some(match negative {
        true => number.wrapping_neg(),
        false => number,
    })
}

fn fits(number: u64, size: u32, signed: bool) -> bool {
    let bits = size * 8;
    match (bits, signed) {
        (64, _) => true,
        (_, true) => number.wrapping_add(1 << (bits - 1)) < 1 << bits,
        (_, false) => number >> bits == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::testing::Builder;

    #[test]
    fn each_value_becomes_the_bytes_of_its_variable_or_an_error() {
        let mut b = Builder::new();
        let boolean = b.boolean();
        let char = b.int("char", 1, true);
        let text = b.char_array(4);
        let short = b.int("short", 2, true);
        let word = b.int("unsigned int", 4, false);
        let long = b.int("unsigned long", 8, false);
        let tristate = b.enumeration("libbpf_tristate", &[("NO", 0), ("YES", 1), ("MODULE", 2)]);
        let colour = b.enumeration("colour", &[("RED", 0)]);
        let alias = b.typedef("alias", word);
        let pointer = b.ptr(word);
        let bytes = b.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        for (ty, value, expected) in [
            (boolean, "y", Some(&b"\x01"[..])),
            (boolean, "n", Some(b"\0")),
            (boolean, "m", None),
            (boolean, "1", None),
            (tristate, "m", Some(b"\x02\0\0\0")),
            (tristate, "y", Some(b"\x01\0\0\0")),
            (tristate, "2", None),
            (char, "m", Some(b"m")),
            (char, "-128", Some(b"\x80")),
            (char, "128", None),
            (short, "-0x8000", Some(b"\0\x80")),
            (short, "0x8000", None),
            (word, "1000", Some(b"\xe8\x03\0\0")),
            (word, "010", Some(b"\x08\0\0\0")),
            (word, "0xffffffff", Some(b"\xff\xff\xff\xff")),
            (word, "0x100000000", None),
            (word, "-1", None),
            (word, "y", None),
            (word, "--1", None),
            (word, "0x-1", None),
            (word, "0x", None),
            (word, "", None),
            (alias, "7", Some(b"\x07\0\0\0")),
            (long, "0xffff800000000000", Some(b"\0\0\0\0\0\x80\xff\xff")),
            (long, "18446744073709551616", None),
            (text, "\"ab\"", Some(b"ab\0\0")),
            (text, "\"abcdef\"", Some(b"abc\0")),
            (text, "\"\"", Some(b"\0\0\0\0")),
            (text, "\"ab", None),
            (text, "\"", None),
            (text, "7", None),
            (word, "\"ab\"", None),
            (colour, "y", None),
            (pointer, "1", None),
        ] {
            let found = super::bytes(&btf, ty, value);
            assert_eq!(
                found.as_deref().ok(),
                expected,
                "{value} as {ty}: {found:?}"
            );
        }
    }
}
