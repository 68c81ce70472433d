//! Searching in text: in little code, where the standard library's, which is made for long texts, takes 3 KB.

/// Where `part` stands in `text` first.
pub fn find(text: &str, part: &str) -> Option<usize> {
    positions(text.as_bytes(), part.as_bytes()).next()
}

/// Whether `part` stands in `text`.
pub fn contains(text: &str, part: &str) -> bool {
    has(text.as_bytes(), part.as_bytes())
}

/// The same of bytes.
pub fn has(text: &[u8], part: &[u8]) -> bool {
    positions(text, part).next().is_some()
}

/// What stands before the first `part`, and behind it.
pub fn split_once<'t>(text: &'t str, part: &str) -> Option<(&'t str, &'t str)> {
    let (before, rest) = text.split_at_checked(find(text, part)?)?;
    Some((before, rest.get(part.len()..)?))
}

/// The pieces between each `part`: all of it where that is empty.
pub fn split<'t>(text: &'t str, part: &str) -> impl Iterator<Item = &'t str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, behind) = match split_once(text, part) {
            Some((piece, behind)) if !part.is_empty() => (piece, Some(behind)),
            _ => (text, None),
        };
        rest = behind;
        Some(piece)
    })
}

fn positions(text: &[u8], part: &[u8]) -> impl Iterator<Item = usize> {
    let last = (text.len() + 1).saturating_sub(part.len());
    (0..last).filter(move |at| text.get(*at..).is_some_and(|rest| rest.starts_with(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library finds the same.
    #[test]
    fn parts_are_found_where_they_stand() {
        for text in [
            "",
            "a",
            "aab",
            "a -> b -> c",
            "->",
            "äöü->ü",
            "--->",
            "aaaa",
        ] {
            for part in ["a", "aa", "->", "b -> c", "ü", "longer than the text"] {
                assert_eq!(find(text, part), text.find(part), "{text} {part}");
                assert_eq!(contains(text, part), text.contains(part), "{text} {part}");
                assert_eq!(
                    split_once(text, part),
                    text.split_once(part),
                    "{text} {part}"
                );
                assert!(split(text, part).eq(text.split(part)), "{text} {part}");
            }
            assert!(contains(text, ""), "{text}");
            assert!(split(text, "").eq([text]), "{text}");
        }
    }
}
