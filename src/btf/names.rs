//! Names and their flavours.

/// The name without its flavour: the text before the last `___` that has a character other than `_`
/// on each side. `task_struct___old` is a flavour of `task_struct`; a name without one is itself.
///
/// Both the object's names and the kernel's are compared in this form.
pub fn essential_name(name: &str) -> &str {
    let bytes = name.as_bytes();
    let flavour = bytes
        .windows(5)
        .rposition(|w| w[0] != b'_' && &w[1..4] == b"___" && w[4] != b'_');
    match flavour.and_then(|at| name.get(..at + 1)) {
        Some(essential) => essential,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::essential_name;

    #[test]
    fn a_flavour_is_what_follows_the_last_three_underscores_between_other_characters() {
        for (name, essential) in [
            ("task_struct", "task_struct"),
            ("task_struct___old", "task_struct"),
            ("a___b___c", "a___b"),
            ("___x", "___x"),
            ("x___", "x___"),
            ("x____y", "x____y"),
            ("x___y_", "x"),
            ("", ""),
            ("a___b", "a"),
        ] {
            assert_eq!(essential_name(name), essential, "{name}");
        }
    }
}
