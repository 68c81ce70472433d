//! What a type of a whole BTF has in it, with names that stay.

use std::collections::BTreeMap;

use super::WholeBtf;
use crate::btf::dump::{TypeSet, Whole};
use crate::btf::{BtfError, Kind, StrOffset, TypeId, Types, Word, word};

/// More than are in any value that the kernel shows.
const MOST: usize = 65_536;

/// A BTF of which the names are known that values of one type need: all that is in them, but not what they point to.
pub struct NamedTypes {
    types: WholeBtf,
    names: BTreeMap<u32, String>,
}

impl NamedTypes {
    /// Looks for the names.
    ///
    /// # Errors
    /// A record that does not exist, or could not be read; more types than in any value.
    pub fn of(types: WholeBtf, root: TypeId) -> Result<NamedTypes, BtfError> {
        let mut named = NamedTypes {
            types,
            names: BTreeMap::new(),
        };
        let mut seen = TypeSet::default();
        let mut left = vec![root];
        let (mut record, mut text) = (Vec::new(), Vec::new());
        while let Some(id) = left.pop() {
            if id == TypeId::VOID || id >= named.types.end() || !seen.add(id) {
                continue;
            }
            let header = named.types.record(id, &mut record)?;
            for (index, bytes) in record.as_chunks().0.iter().enumerate() {
                let number = u32::from_le_bytes(*bytes);
                match word(header.kind, index) {
                    Word::Name if number != 0 => {
                        text.clear();
                        named.types.text(StrOffset(number), &mut text)?;
                        let name = String::from_utf8_lossy(&text).into_owned();
                        named.names.insert(number, name);
                    }
                    Word::Type if header.kind != Kind::Ptr => left.push(TypeId(number)),
                    _ => {}
                }
            }
            if named.names.len().max(left.len()) > MOST {
                return Err(BtfError::TooManyNames(named.names.len()));
            }
        }
        Ok(named)
    }
}

impl Types for NamedTypes {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        self.types.read(id, at, out)
    }

    fn name(&self, offset: StrOffset) -> Option<&str> {
        match offset {
            StrOffset(0) => Some(""),
            StrOffset(offset) => self.names.get(&offset).map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::testing::Builder;

    #[test]
    fn names_are_known_of_what_a_value_has_in_it_and_not_of_what_it_points_to() {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let far = b.structure("far", 4, &[("beyond", int, 0)]);
        let to_far = b.ptr(far);
        let own = b.structure("own", 8, &[("inner", int, 0)]);
        let outer = b.structure("outer", 16, &[("first", own, 0), ("link", to_far, 8)]);
        let bytes = b.bytes();
        let types = WholeBtf::in_memory(bytes, None).unwrap();
        let named = NamedTypes::of(types, outer).unwrap();
        let names: Vec<&str> = named.names.values().map(String::as_str).collect();
        for name in ["outer", "first", "own", "inner", "link", "int"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(
            !names.contains(&"beyond") && !names.contains(&"far"),
            "{names:?}"
        );
        let header = named.header(own).unwrap();
        assert_eq!(named.name(header.name), Some("own"));
    }
}
