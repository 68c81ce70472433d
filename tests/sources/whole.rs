//! A kernel's BTF held in memory as a whole: slow and simple, to compare with.

use std::collections::HashMap;

use btfly::btf::{Btf, BtfError, StrOffset, TypeId, Types, essential_name};
use btfly::relocate::Target;

pub struct Whole<'a> {
    btf: Btf<'a>,
    by_name: HashMap<String, Vec<TypeId>>,
}

impl Whole<'_> {
    pub fn new(bytes: &[u8]) -> Whole<'_> {
        let btf = Btf::parse(bytes).unwrap();
        let mut by_name: HashMap<String, Vec<TypeId>> = HashMap::new();
        for id in btf.ids() {
            let name = btf.name(btf.header(id).unwrap().name).unwrap_or_default();
            by_name
                .entry(essential_name(name).into())
                .or_default()
                .push(id);
        }
        Whole { btf, by_name }
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
        self.btf.name(offset)
    }
}

impl Target for Whole<'_> {
    fn candidates(&self, essential: &str) -> &[TypeId] {
        self.by_name.get(essential).map_or(&[], Vec::as_slice)
    }
}
