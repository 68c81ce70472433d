//! Patterns over names: `*` stands for any letters or none, `?` for one.

/// Whether a name matches the whole pattern. Takes at most the product of their lengths.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on after a mismatch: behind the last `*`, with one letter more given to it.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after, taken)) = retry else {
                    return false;
                };
                retry = Some((after, taken + 1));
                p = after;
                n = taken + 1;
            }
        }
    }
    let rest = pattern.get(p..).unwrap_or_default();
    rest.iter().all(|b| *b == b'*')
}

/// Whether a name is a pattern at all.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_letters_and_question_marks_one() {
        for (pattern, name, expected) in [
            ("vfs_read", "vfs_read", true),
            ("vfs_read", "vfs_readv", false),
            ("vfs_*", "vfs_", true),
            ("vfs_*", "vfs_read", true),
            ("*_read", "vfs_read", true),
            ("*_read", "vfs_readv", false),
            ("v*s*d", "vfs_read", true),
            ("vfs_????", "vfs_read", true),
            ("vfs_????", "vfs_readv", false),
            ("*", "", true),
            ("?", "", false),
            ("", "", true),
            ("", "x", false),
            ("**a**", "bab", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
        ] {
            let found = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_stars_ends_in_time() {
        let name = "a".repeat(4096);
        let pattern = "*a".repeat(64) + "b";
        assert!(!matches(pattern.as_bytes(), name.as_bytes()));
    }
}
