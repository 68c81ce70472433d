//! Names that several types have. In one C file each can be defined once: the second becomes
//! `NAME___2`, a flavour, which relocates as the first does.

use std::collections::BTreeMap;

use super::Whole;
use crate::btf::{BtfError, StrOffset, TypeId};

/// Where C looks a name up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// Behind `struct`, `union` and `enum`.
    Tag,
    /// Typedefs and enumerators.
    Plain,
}

/// The names that occur more than once, and how often each was given away.
///
/// # Memory
/// While the names are gathered four bytes for each; then something for those only that are there
/// twice.
#[derive(Default)]
pub(super) struct Conflicts {
    /// Hashes of names: all at first, then in order those that more than one name has.
    hashes: Vec<u32>,
    given: BTreeMap<(Space, Vec<u8>), u32>,
    /// What each type of such a name was called, where that is not the name.
    versions: BTreeMap<TypeId, u32>,
}

impl Conflicts {
    /// Notes that something has this name.
    pub(super) fn note(&mut self, space: Space, name: &[u8]) {
        self.hashes.push(hash(space, name));
    }

    /// All names were noted.
    pub(super) fn noted(&mut self) {
        self.hashes.sort_unstable();
        let mut twice: Vec<u32> = Vec::new();
        for pair in self.hashes.windows(2) {
            if let [a, b] = pair
                && a == b
                && twice.last() != Some(a)
            {
                twice.push(*a);
            }
        }
        self.hashes = twice;
    }

    /// Which one of those that are so called this is, from 1 on: the next.
    pub(super) fn next(&mut self, space: Space, name: &[u8]) -> u32 {
        if self.hashes.binary_search(&hash(space, name)).is_err() {
            return 1;
        }
        let given = self.given.entry((space, name.to_vec())).or_default();
        *given = given.saturating_add(1);
        *given
    }

    /// The same for something that was written already, and is written again.
    pub(super) fn another(&mut self, space: Space, name: &[u8]) -> u32 {
        let given = self.given.entry((space, name.to_vec())).or_insert(1);
        *given = given.saturating_add(1);
        *given
    }

    /// Which one type `id` is. It stays that once it was asked for.
    pub(super) fn version(&mut self, space: Space, name: &[u8], id: TypeId) -> u32 {
        if self.hashes.binary_search(&hash(space, name)).is_err() {
            return 1;
        }
        if let Some(known) = self.versions.get(&id) {
            return *known;
        }
        let version = self.next(space, name);
        self.versions.insert(id, version);
        version
    }
}

/// The name at `offset`, made one that C allows: what a compiler of another language put into it is
/// replaced.
///
/// # Errors
/// No name there.
pub(super) fn identifier(
    types: &dyn Whole,
    offset: StrOffset,
    out: &mut Vec<u8>,
) -> Result<(), BtfError> {
    out.clear();
    if offset.0 == 0 {
        return Ok(());
    }
    types.text(offset, out)?;
    for byte in out.iter_mut() {
        if !byte.is_ascii_alphanumeric() {
            *byte = b'_';
        }
    }
    if out.first().is_some_and(u8::is_ascii_digit) {
        out.insert(0, b'_');
    }
    Ok(())
}

/// FNV-1a.
fn hash(space: Space, name: &[u8]) -> u32 {
    let start = 0x811c_9dc5 ^ space as u32;
    name.iter().fold(start, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_of_a_name_gets_a_number_and_a_type_keeps_its_own() {
        let mut names = Conflicts::default();
        for (space, name) in [
            (Space::Tag, "a"),
            (Space::Plain, "a"),
            (Space::Tag, "b"),
            (Space::Tag, "b"),
            (Space::Plain, "c"),
            (Space::Plain, "c"),
        ] {
            names.note(space, name.as_bytes());
        }
        names.noted();
        let (one, two) = (TypeId(1), TypeId(2));
        assert_eq!(names.version(Space::Tag, b"a", one), 1);
        assert_eq!(names.version(Space::Plain, b"a", two), 1);
        assert_eq!(names.version(Space::Tag, b"b", one), 1);
        assert_eq!(names.version(Space::Tag, b"b", two), 2);
        assert_eq!(names.version(Space::Tag, b"b", one), 1);
        assert_eq!(
            (
                names.next(Space::Plain, b"c"),
                names.next(Space::Plain, b"c")
            ),
            (1, 2)
        );
    }
}
