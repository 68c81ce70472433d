//! Functions that the kernel is to see as static, though the object's BTF calls them global.

use super::{Btf, BtfError, Kind, Linkage, Types};

/// Says of the global functions with one of these names that they are static, in the bytes of a BTF.
///
/// The kernel verifies a global function by itself, for any arguments (5.6), and a static one as it is
/// called. Who hides a function (`__hidden`) asks for the second.
///
/// # Errors
/// Records that can't be read.
pub fn make_static(bytes: &mut [u8], hidden: &[&str]) -> Result<(), BtfError> {
    if hidden.is_empty() {
        return Ok(());
    }
    let mut places = Vec::new();
    let btf = Btf::parse(bytes)?;
    for id in btf.ids() {
        let header = btf.header(id)?;
        let name = btf.str_at(header.name).unwrap_or_default();
        let global = header.kind == Kind::Func && btf.linkage(&header)? == Linkage::Global;
        if global && hidden.contains(&name) {
            places.push(btf.record_at(id)?);
        }
    }
    for at in places {
        // The linkage is where other records say how many entries they have.
        let count = at + 4;
        if let Some(place) = bytes.get_mut(count..count + 2) {
            place.copy_from_slice(&0u16.to_le_bytes());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::TypeId;
    use crate::btf::testing::Builder;

    #[test]
    fn only_global_functions_of_these_names_become_static() {
        let mut b = Builder::new();
        let proto = b.func_proto(TypeId::VOID, &[]);
        for (name, linkage) in [
            ("shown", Linkage::Global),
            ("hidden", Linkage::Global),
            ("wanted", Linkage::Extern),
        ] {
            b.func(name, proto, linkage);
        }
        let int = b.int("hidden", 4, true);
        let before = b.bytes();
        let mut bytes = before.clone();
        make_static(&mut bytes, &["hidden", "wanted", "absent"]).unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        let linkage = |name: &str| {
            let id = btf.find(Kind::Func, name).unwrap();
            btf.linkage(&btf.header(id).unwrap()).unwrap()
        };
        assert_eq!(linkage("shown"), Linkage::Global);
        assert_eq!(linkage("hidden"), Linkage::Static);
        assert_eq!(linkage("wanted"), Linkage::Extern);
        assert_eq!(btf.size_of(int), Ok(4));
        let differ = before.iter().zip(&bytes).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 1);
        make_static(&mut bytes[..4], &["hidden"]).unwrap_err();
    }
}
