//! What a type needs: all that can be reached from it.

use super::Whole;
use crate::btf::{BtfError, Header, Kind, TypeId, Word, word};

/// A set of types: a bit for each.
#[derive(Clone, Debug, Default)]
pub struct TypeSet(Vec<u64>);

impl TypeSet {
    /// Whether it has this type.
    pub fn has(&self, id: TypeId) -> bool {
        let word = self.0.get(id.0 as usize / 64);
        word.is_some_and(|word| word >> (id.0 % 64) & 1 != 0)
    }

    /// Adds a type, and says whether it is new.
    pub fn add(&mut self, id: TypeId) -> bool {
        let index = id.0 as usize / 64;
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        let bit = 1 << (id.0 % 64);
        match self.0.get_mut(index) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }
}

/// The types that `roots` need, and they themselves.
///
/// # Errors
/// A record that refers to one that does not exist.
pub fn reach(types: &dyn Whole, roots: &[TypeId]) -> Result<TypeSet, BtfError> {
    let mut set = TypeSet::default();
    let mut left: Vec<TypeId> = Vec::new();
    for &root in roots {
        if set.add(root) {
            left.push(root);
        }
    }
    let mut room = Vec::new();
    while let Some(id) = left.pop() {
        let header = types.record(id, &mut room)?;
        for (index, bytes) in room.as_chunks().0.iter().enumerate() {
            let to = TypeId(u32::from_le_bytes(*bytes));
            if word(header.kind, index) != Word::Type || to == TypeId::VOID {
                continue;
            }
            if to >= types.end() {
                return Err(BtfError::NoSuchType(to));
            }
            if set.add(to) {
                left.push(to);
            }
        }
    }
    Ok(set)
}

/// The types called `name`, which may have `struct`, `union` or `enum` before it, or be a number.
///
/// # Errors
/// BTF that can't be read.
pub fn named(types: &dyn Whole, name: &str) -> Result<Vec<TypeId>, BtfError> {
    if let Ok(number) = name.parse() {
        let exists = number > 0 && TypeId(number) < types.end();
        return Ok(exists.then_some(TypeId(number)).into_iter().collect());
    }
    let (of, name) = match name.split_once(' ') {
        Some((of, name)) => (Some(of), name.trim_ascii()),
        None => (None, name),
    };
    let mut found = Vec::new();
    for_each_name(types, &mut |header, text| {
        let fits = match of {
            None => true,
            Some("struct") => header.kind == Kind::Struct,
            Some("union") => header.kind == Kind::Union,
            Some("enum") => header.kind.is_enum(),
            Some(_) => false,
        };
        if fits && text == name.as_bytes() {
            found.push(header.id);
        }
    })?;
    Ok(found)
}

/// The types that have `text` in their names.
///
/// # Errors
/// BTF that can't be read.
pub fn matching(types: &dyn Whole, text: &str) -> Result<Vec<TypeId>, BtfError> {
    let text = text.as_bytes();
    let mut found = Vec::new();
    for_each_name(types, &mut |header, name| {
        if text.is_empty() || name.windows(text.len()).any(|part| part == text) {
            found.push(header.id);
        }
    })?;
    Ok(found)
}

fn for_each_name(types: &dyn Whole, each: &mut dyn FnMut(&Header, &[u8])) -> Result<(), BtfError> {
    let mut text = Vec::new();
    for id in (1..types.end().0).map(TypeId) {
        let header = types.header(id)?;
        if header.name.0 == 0 {
            continue;
        }
        text.clear();
        match types.text(header.name, &mut text) {
            Err(BtfError::NoSuchName(_)) => continue,
            done => done?,
        }
        each(&header, &text);
    }
    Ok(())
}
