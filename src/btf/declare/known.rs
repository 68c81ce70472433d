//! The names of numbers in C and in the kernel's headers.

use super::layout::Ty;
use crate::btf::{Encoder, Kind, Record};

/// Words of which the names of numbers are made.
pub(super) const BASE_WORDS: [&str; 11] = [
    "signed", "unsigned", "char", "short", "int", "long", "_Bool", "bool", "float", "double",
    "void",
];

/// The number that some of these words name, in any order.
pub(super) fn base(out: &mut Encoder, words: &[&str]) -> Option<Ty> {
    let count = |word: &str| words.iter().filter(|w| **w == word).count();
    let unsigned = count("unsigned") > 0;
    let only = |names: &[&str]| words.iter().all(|word| names.contains(word));
    let number = |out: &mut Encoder, name: &str, size: u32| {
        Some(Ty::new(out.int(name, size, !unsigned), size, size))
    };
    match words {
        [] => None,
        ["void"] => Some(Ty::UNKNOWN),
        ["_Bool" | "bool"] => {
            let rest = [4 << 24 | 8];
            let record = plain(Kind::Int, 1, &rest);
            Some(Ty::new(out.add("_Bool", record), 1, 1))
        }
        ["float"] => Some(Ty::new(out.add("float", plain(Kind::Float, 4, &[])), 4, 4)),
        ["double"] => Some(Ty::new(out.add("double", plain(Kind::Float, 8, &[])), 8, 8)),
        _ if only(&["char"]) || only(&["char", "signed"]) && count("char") == 1 => {
            number(out, "char", 1)
        }
        _ if only(&["char", "unsigned"]) && count("char") == 1 => number(out, "unsigned char", 1),
        _ if only(&["short", "int", "signed", "unsigned"]) && count("short") == 1 => {
            number(out, if unsigned { "unsigned short" } else { "short" }, 2)
        }
        _ if only(&["long", "int", "signed", "unsigned"]) && count("long") > 0 => {
            number(out, if unsigned { "unsigned long" } else { "long" }, 8)
        }
        _ if only(&["int", "signed", "unsigned"]) => {
            number(out, if unsigned { "unsigned int" } else { "int" }, 4)
        }
        _ => None,
    }
}

fn plain(kind: Kind, size: u32, rest: &[u32]) -> Record<'_> {
    Record {
        kind,
        flag: false,
        vlen: 0,
        size_or_type: size,
        rest,
    }
}

/// Typedefs that headers take from the kernel's or the C library's.
const TYPEDEFS: [(&str, &str); 46] = [
    ("u8", "unsigned char"),
    ("u16", "unsigned short"),
    ("u32", "unsigned int"),
    ("u64", "unsigned long"),
    ("s8", "signed char"),
    ("s16", "short"),
    ("s32", "int"),
    ("s64", "long"),
    ("__u8", "unsigned char"),
    ("__u16", "unsigned short"),
    ("__u32", "unsigned int"),
    ("__u64", "unsigned long"),
    ("__s8", "signed char"),
    ("__s16", "short"),
    ("__s32", "int"),
    ("__s64", "long"),
    ("uint8_t", "unsigned char"),
    ("uint16_t", "unsigned short"),
    ("uint32_t", "unsigned int"),
    ("uint64_t", "unsigned long"),
    ("int8_t", "signed char"),
    ("int16_t", "short"),
    ("int32_t", "int"),
    ("int64_t", "long"),
    ("__be16", "unsigned short"),
    ("__be32", "unsigned int"),
    ("__be64", "unsigned long"),
    ("__le16", "unsigned short"),
    ("__le32", "unsigned int"),
    ("__le64", "unsigned long"),
    ("__sum16", "unsigned short"),
    ("__wsum", "unsigned int"),
    ("pid_t", "int"),
    ("uid_t", "unsigned int"),
    ("gid_t", "unsigned int"),
    ("dev_t", "unsigned int"),
    ("mode_t", "unsigned int"),
    ("umode_t", "unsigned short"),
    ("ino_t", "unsigned long"),
    ("loff_t", "long"),
    ("size_t", "unsigned long"),
    ("ssize_t", "long"),
    ("sector_t", "unsigned long"),
    ("uint", "unsigned int"),
    ("ulong", "unsigned long"),
    ("uintptr_t", "unsigned long"),
];

/// One of the well-known typedefs.
pub(super) fn typedef(out: &mut Encoder, name: &str) -> Option<Ty> {
    let (_, of) = TYPEDEFS.iter().find(|(known, _)| *known == name)?;
    let words: Vec<&str> = of.split(' ').collect();
    // A small number is not to be taken for a character.
    let ty = match *of {
        "signed char" => Ty::new(out.int("signed char", 1, true), 1, 1),
        _ => base(out, &words)?,
    };
    let id = out.plain(Kind::Typedef, name, ty.id.0);
    Some(Ty { id, ..ty })
}
