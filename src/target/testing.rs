//! A whole BTF in memory as a target: the straightforward way that the windowed one must equal.

use super::{Source, Wanted, WindowedBtf};
use crate::btf::{Btf, BtfError, StrOffset, TypeId, Types, essential_name};
use crate::relocate::Target;

/// Every type of a BTF by its essential name.
pub(crate) struct Whole<'a> {
    pub btf: Btf<'a>,
    by_name: Vec<(&'a str, Vec<TypeId>)>,
}

impl<'a> Whole<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Whole<'a>, BtfError> {
        let btf = Btf::parse(bytes)?;
        let mut by_name: Vec<(&str, Vec<TypeId>)> = Vec::new();
        for id in btf.ids() {
            let Some(name) = btf.str_at(btf.header(id)?.name) else {
                continue;
            };
            let name = essential_name(name);
            match by_name.binary_search_by_key(&name, |(n, _)| n) {
                Ok(at) => by_name[at].1.push(id),
                Err(at) => by_name.insert(at, (name, vec![id])),
            }
        }
        Ok(Whole { btf, by_name })
    }
}

impl Types for Whole<'_> {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        self.btf.read(id, at, out)
    }

    fn name(&self, offset: StrOffset) -> Option<&str> {
        self.btf.str_at(offset)
    }
}

impl Target for Whole<'_> {
    fn candidates(&self, essential: &str) -> &[TypeId] {
        match self.by_name.binary_search_by_key(&essential, |(n, _)| n) {
            Ok(at) if !essential.is_empty() => &self.by_name[at].1,
            _ => &[],
        }
    }
}

/// The same bytes through the window's scan.
pub(crate) fn windowed<'s>(
    bytes: &'s [u8],
    wanted: &Wanted<'_>,
) -> Result<WindowedBtf<'s>, BtfError> {
    WindowedBtf::gather(Source::Memory(bytes), bytes.len() as u64, wanted)
}
