//! Text whose length stands in a field beside it: `args` with `args_size` holds several strings, one after the
//! other, where `args` alone would end with the first.

use super::escape::{End, Reader, escape_to};
use super::number::read;
use super::plan::{Member, Planner, Scalar, Shape};
use super::render::Style;

/// What follows the text's name in the name of its length.
const ENDINGS: [&str; 3] = ["_size", "_len", "_length"];
/// Structs with more members than any event has are left alone.
const MOST: usize = 256;

impl Planner<'_> {
    /// The members of a struct, in which such text knows its length.
    pub(super) fn counted(&self, mut members: Vec<Member>) -> Vec<Member> {
        if members.len() > MOST {
            return members;
        }
        let lengths: Vec<Member> = members
            .iter()
            .filter(|m| {
                let plain = matches!(
                    m.node.shape,
                    Shape::Scalar(Scalar::Unsigned | Scalar::Signed)
                );
                plain && matches!(m.node.size, 2 | 4 | 8)
            })
            .copied()
            .collect();
        for member in &mut members {
            if !matches!(member.node.shape, Shape::Text) {
                continue;
            }
            let name = self.kept_name(member.name);
            let is_length = |of: &&Member| {
                let rest = self.kept_name(of.name).strip_prefix(name);
                rest.is_some_and(|rest| ENDINGS.contains(&rest))
            };
            if let Some(length) = lengths.iter().find(is_length) {
                member.node.shape = Shape::Counted {
                    from: i64::from(length.at) - i64::from(member.at),
                    bytes: length.node.size as u8,
                };
            }
        }
        members
    }
}

/// The part of `text`, of which as much is here as the record has, that its length tells: up to the first NUL
/// where that can't be. `from` is where the length lies, counted from the text's own place `at`.
pub(super) fn part<'d>(
    text: &'d [u8],
    (data, at): (&[u8], usize),
    (from, bytes): (i64, u8),
    most: u32,
) -> &'d [u8] {
    let place = i64::try_from(at).ok().and_then(|at| at.checked_add(from));
    let place = place.and_then(|place| usize::try_from(place).ok());
    let len = place.and_then(|place| read(data, place, bytes.into()));
    let len = len.filter(|len| *len <= u64::from(most)).unwrap_or(0) as usize;
    let told = text.get(..len).unwrap_or(text);
    match told.iter().rposition(|byte| *byte != 0) {
        Some(last) => told.get(..=last).unwrap_or_default(),
        None => super::until_nul(text),
    }
}

/// Appends it: in a column its strings have spaces between them.
pub(super) fn write(text: &[u8], style: Style, out: &mut Vec<u8>) {
    let reader = match style {
        Style::Cell => {
            for (index, piece) in text.split(|byte| *byte == 0).enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                super::escape(piece, out);
            }
            return;
        }
        Style::Json => Reader::Json,
        Style::Csv => Reader::Csv,
        _ => Reader::Quoted,
    };
    out.push(b'"');
    escape_to(End::Length, reader, text, out);
    out.push(b'"');
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use crate::btf::{Btf, Kind, declare};
    use crate::value::Plan;

    fn plan(text: &str) -> Plan {
        let bytes = declare(text, None).unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        Plan::new(&btf, btf.find(Kind::Struct, "event").unwrap()).unwrap()
    }

    fn row(plan: &Plan, record: &[u8]) -> String {
        let mut out = Vec::new();
        plan.row(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_strings_are_shown_that_a_length_covers() {
        let plan = plan("struct event { int args_size; char args[12]; char rest[4]; };");
        let record = |len: i32| [&len.to_le_bytes()[..], b"ls\0-l\0x y\0\0\0zz\0"].concat();
        for (len, text) in [
            (9, "ls -l x y"),
            (10, "ls -l x y"),
            (12, "ls -l x y"),
            (6, "ls -l"),
            (2, "ls"),
            // None that can be.
            (0, "ls"),
            (13, "ls"),
            (-1, "ls"),
        ] {
            let row = row(&plan, &record(len));
            let shown: Vec<&str> = row.split("  ").collect();
            assert!(shown.iter().any(|cell| cell.trim() == text), "{len}: {row}");
        }
        let mut out = Vec::new();
        plan.json(&record(6), &mut out);
        let expected = r#"{"args_size":6,"args":"ls\u0000-l","rest":"zz"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        // The record ends inside the text.
        assert!(row(&plan, &record(12)[..9]).contains("ls -l"));
    }

    #[test]
    fn a_length_may_stand_on_either_side_and_is_no_bitfield() {
        let plan = plan("struct event { struct { char path[4]; u16 path_len; } in[2]; };");
        let shown = row(&plan, b"a\0b\0\x03\0c\0d\0\x01\0");
        assert_eq!(
            shown,
            r#"[{path: "a\x00b", path_len: 3}, {path: "c", path_len: 1}]"#
        );
        let plan = super::tests::plan("struct event { char path[4]; u32 path_len : 3; };");
        assert!(row(&plan, b"a\0b\0\x03\0\0\0").starts_with("a "));
    }
}
