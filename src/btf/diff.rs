//! What changed between the types of two kernels.

use std::collections::BTreeMap;

use super::dump::Whole;
use super::{BtfError, Header, Kind, MAX_CHAIN, Member, StrOffset, TypeId};

/// Structs without names in structs, at most, for their members to be found.
const MAX_DEPTH: u32 = 16;

/// Members of a struct, at most, with those of structs without names in it: they may be in each other
/// again and again.
const MAX_FIELDS: usize = 1 << 17;

/// A type that is not in both, or not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `struct`, `union`, `enum` or `typedef`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub what: What,
    /// Bytes before and after, where they differ.
    pub size: Option<(u32, u32)>,
    /// Its members or enumerators that differ; for a typedef, what it stands for.
    pub entries: Vec<Entry>,
}

/// What became of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum What {
    Added,
    Removed,
    Changed,
}

/// Something in a type that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it was; `None`: it is new.
    pub before: Option<String>,
    /// What it is; `None`: it is gone.
    pub after: Option<String>,
}

/// The types of a BTF by what they are called: a hash of kind and name, and the number.
struct Named(Vec<(u64, TypeId)>);

impl Named {
    fn of(types: &dyn Whole) -> Result<Named, BtfError> {
        let mut named = Vec::new();
        let mut name = Vec::new();
        for id in types.own() {
            let header = types.header(id)?;
            let Some(kind) = kind(&header).filter(|_| header.name != StrOffset(0)) else {
                continue;
            };
            name.clear();
            types.text(header.name, &mut name)?;
            named.push((hash(kind, &name), id));
        }
        named.sort_unstable();
        Ok(Named(named))
    }

    /// Those that are called as this one, in order.
    fn like(&self, hash: u64) -> &[(u64, TypeId)] {
        let from = self.0.partition_point(|(of, _)| *of < hash);
        let rest = self.0.get(from..).unwrap_or_default();
        let len = rest.partition_point(|(of, _)| *of == hash);
        rest.get(..len).unwrap_or_default()
    }

    /// For each in the order of numbers, itself and the one of `other` that is called so: of several
    /// the first is the first's.
    fn pairs(&self, other: &Named) -> Vec<(TypeId, Option<TypeId>)> {
        let mut pairs: Vec<(TypeId, Option<TypeId>)> = Vec::with_capacity(self.0.len());
        let mut last = None;
        let mut nth = 0;
        for &(hash, id) in &self.0 {
            nth = match last {
                Some(last) if last == hash => nth + 1,
                _ => 0,
            };
            last = Some(hash);
            pairs.push((id, other.like(hash).get(nth).map(|(_, id)| *id)));
        }
        pairs.sort_unstable();
        pairs
    }
}

/// Hands each difference between the types of `before` and those of `after` to `each`, which says whether
/// it wants more: first what is gone or changed, then what is new.
///
/// # Memory
/// Some 30 bytes for each type that has a name.
///
/// # Errors
/// BTF that is damaged or can't be read.
pub fn diff(
    before: &dyn Whole,
    after: &dyn Whole,
    each: &mut dyn FnMut(&Difference) -> bool,
) -> Result<(), BtfError> {
    let (old, new) = (Named::of(before)?, Named::of(after)?);
    for (id, partner) in old.pairs(&new) {
        let found = match partner {
            None => Some(alone(before, id, What::Removed)?),
            Some(partner) => compare(before, id, after, partner)?,
        };
        if found.is_some_and(|found| !each(&found)) {
            return Ok(());
        }
    }
    for (id, partner) in new.pairs(&old) {
        if partner.is_none() && !each(&alone(after, id, What::Added)?) {
            return Ok(());
        }
    }
    Ok(())
}

fn kind(header: &Header) -> Option<&'static str> {
    Some(match header.kind {
        Kind::Struct => "struct",
        Kind::Union => "union",
        Kind::Enum | Kind::Enum64 if header.vlen > 0 => "enum",
        Kind::Typedef => "typedef",
        _ => return None,
    })
}

/// A type that only one of the two has.
fn alone(types: &dyn Whole, id: TypeId, what: What) -> Result<Difference, BtfError> {
    let header = types.header(id)?;
    Ok(Difference {
        kind: kind(&header).unwrap_or_default(),
        name: text(types, header.name)?,
        what,
        size: None,
        entries: Vec::new(),
    })
}

fn compare(
    before: &dyn Whole,
    old: TypeId,
    after: &dyn Whole,
    new: TypeId,
) -> Result<Option<Difference>, BtfError> {
    let mut found = alone(before, old, What::Changed)?;
    let (old, new) = (before.header(old)?, after.header(new)?);
    if old.kind != Kind::Typedef && old.size() != new.size() {
        found.size = Some((old.size(), new.size()));
    }
    let (was, is) = (entries(before, &old)?, entries(after, &new)?);
    let places: BTreeMap<&str, usize> = (is.iter().enumerate())
        .map(|(index, (name, _))| (name.as_str(), index))
        .collect();
    let mut kept = vec![false; is.len()];
    for (name, before) in was {
        let place = places.get(name.as_str());
        let after = place
            .and_then(|place| is.get(*place))
            .map(|(_, after)| after);
        if let Some(kept) = place.and_then(|place| kept.get_mut(*place)) {
            *kept = true;
        }
        if after != Some(&before) {
            found.entries.push(Entry {
                name,
                before: Some(before),
                after: after.cloned(),
            });
        }
    }
    for ((name, after), _) in is.into_iter().zip(kept).filter(|(_, kept)| !kept) {
        found.entries.push(Entry {
            name,
            before: None,
            after: Some(after),
        });
    }
    let same = found.size.is_none() && found.entries.is_empty();
    Ok((!same).then_some(found))
}

/// What is in a type: names, and what each is.
fn entries(types: &dyn Whole, of: &Header) -> Result<Vec<(String, String)>, BtfError> {
    let mut out = Vec::new();
    match of.kind {
        Kind::Struct | Kind::Union => fields(types, of, 0, 0, &mut out)?,
        Kind::Typedef => out.push((String::new(), describe(types, of.target())?)),
        _ => {
            for index in 0..of.vlen {
                let entry = types.enumerator(of, index)?;
                let value = match of.flag {
                    true => (entry.value as i64).to_string(),
                    false => entry.value.to_string(),
                };
                out.push((text(types, entry.name)?, value));
            }
        }
    }
    Ok(out)
}

/// The members of a struct, with those of structs without names in it, as C sees them.
fn fields(
    types: &dyn Whole,
    of: &Header,
    at: u32,
    depth: u32,
    out: &mut Vec<(String, String)>,
) -> Result<(), BtfError> {
    if depth > MAX_DEPTH || out.len() > MAX_FIELDS {
        return Err(BtfError::Cycle(of.id));
    }
    for index in 0..of.vlen {
        let Member {
            name,
            ty,
            offset,
            bitfield_size,
        } = types.member(of, index)?;
        let bits = at.saturating_add(offset.0);
        if name == StrOffset(0) {
            let inner = types.peel(ty)?;
            if inner.kind.is_composite() {
                fields(types, &inner, bits, depth + 1, out)?;
            }
            continue;
        }
        let mut what = describe(types, ty)?;
        match bitfield_size {
            0 => what.extend([" at ", &(bits / 8).to_string()]),
            width => what.extend([
                &*format!(" : {width} at "),
                &(bits / 8).to_string(),
                &*format!(".{}", bits % 8),
            ]),
        }
        out.push((text(types, name)?, what));
    }
    Ok(())
}

/// A type in the words of C, but for functions, whose parameters are left out.
fn describe(types: &dyn Whole, id: TypeId) -> Result<String, BtfError> {
    let mut before = String::new();
    let mut behind = String::new();
    let mut at = id;
    for _ in 0..MAX_CHAIN {
        let header = types.header(at)?;
        match header.kind {
            Kind::Const => before.push_str("const "),
            Kind::Volatile => before.push_str("volatile "),
            Kind::Restrict | Kind::TypeTag => {}
            Kind::Ptr => {
                behind.insert(0, '*');
                // What is constant behind it is another thing.
                if !before.is_empty() {
                    behind.insert_str(1, &before);
                    before.clear();
                }
            }
            Kind::FuncProto => behind.insert_str(0, "function "),
            Kind::Array => {
                let array = types.array(&header)?;
                behind.push_str(&format!("[{}]", array.len));
                at = array.element;
                continue;
            }
            kind => {
                before.push_str(match kind {
                    Kind::Struct => "struct ",
                    Kind::Union => "union ",
                    Kind::Enum | Kind::Enum64 => "enum ",
                    Kind::Fwd if header.flag => "union ",
                    Kind::Fwd => "struct ",
                    _ => "",
                });
                match (kind, header.name) {
                    (Kind::Void, _) => before.push_str("void"),
                    (_, StrOffset(0)) => before.push_str("{}"),
                    (_, name) => before.push_str(&text(types, name)?),
                }
                if !behind.is_empty() && !behind.starts_with('[') {
                    before.push(' ');
                }
                return Ok(before + behind.trim_ascii_end());
            }
        }
        at = header.target();
    }
    Err(BtfError::Cycle(id))
}

fn text(types: &dyn Whole, name: StrOffset) -> Result<String, BtfError> {
    let mut bytes = Vec::new();
    types.text(name, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// FNV-1a.
fn hash(kind: &str, name: &[u8]) -> u64 {
    let bytes = kind.bytes().chain([b' ']).chain(name.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Btf;
    use crate::btf::testing::Builder;

    fn differences(before: &Builder, after: &Builder) -> Vec<Difference> {
        let (before, after) = (before.bytes(), after.bytes());
        let (before, after) = (Btf::parse(&before).unwrap(), Btf::parse(&after).unwrap());
        let mut found = Vec::new();
        diff(&before, &after, &mut |one| {
            found.push(one.clone());
            true
        })
        .unwrap();
        found
    }

    #[test]
    fn what_moved_was_retyped_came_or_went_is_told() {
        let mut old = Builder::new();
        let int = old.int("int", 4, true);
        let pointer = old.ptr(int);
        old.structure("same", 4, &[("x", int, 0)]);
        old.structure("gone", 4, &[("x", int, 0)]);
        old.structure("s", 16, &[("a", int, 0), ("b", pointer, 8), ("c", int, 4)]);
        old.enumeration("e", &[("ONE", 1), ("TWO", 2)]);
        let mut new = Builder::new();
        let pad = new.int("char", 1, true);
        let int = new.int("int", 4, true);
        let inner = new.structure("", 8, &[("a", int, 4), ("d", pad, 0)]);
        new.structure("same", 4, &[("x", int, 0)]);
        new.structure("s", 24, &[("", inner, 0), ("b", int, 8)]);
        new.enumeration("e", &[("ONE", 1), ("TWO", 3)]);
        new.typedef("fresh", int);
        let found = differences(&old, &new);
        let told: Vec<(&str, &str, What)> = found
            .iter()
            .map(|one| (one.kind, one.name.as_str(), one.what))
            .collect();
        assert_eq!(
            told,
            [
                ("struct", "gone", What::Removed),
                ("struct", "s", What::Changed),
                ("enum", "e", What::Changed),
                ("typedef", "fresh", What::Added),
            ]
        );
        assert_eq!(found[1].size, Some((16, 24)));
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found[1]
            .entries
            .iter()
            .map(|e| (e.name.as_str(), e.before.as_deref(), e.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("a", Some("int at 0"), Some("int at 4")),
                ("b", Some("int * at 8"), Some("int at 8")),
                ("c", Some("int at 4"), None),
                ("d", None, Some("char at 0")),
            ]
        );
        assert_eq!(found[2].entries[0].after.as_deref(), Some("3"));
        assert!(differences(&old, &old).is_empty());
    }
}
