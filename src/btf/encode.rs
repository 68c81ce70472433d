//! Writing BTF: type records in, the bytes of a BTF out.
//!
//! For the types that this program makes up itself (of tracefs formats) and for those that it picks
//! out of a larger BTF. Names and records that are there already are not written again.

use super::{Btf, Kind, TypeId};

/// Types on their way to bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Each record's words.
    records: Vec<Vec<u32>>,
    /// The string section.
    strings: Vec<u8>,
    /// Where each name starts in it.
    names: Vec<u32>,
}

/// A record to be written. What its numbers mean is told by [`Header`](super::Header).
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    /// What it is.
    pub kind: Kind,
    /// The kind's flag.
    pub flag: bool,
    /// How many entries follow.
    pub vlen: u32,
    /// Size in bytes or type number, by kind.
    pub size_or_type: u32,
    /// The words behind the header. Names in them are offsets of [`Encoder::name`].
    pub rest: &'r [u32],
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder {
            records: Vec::new(),
            strings: vec![0],
            names: Vec::new(),
        }
    }
}

impl Encoder {
    /// Types that go on behind those of `btf`, which keep their numbers and names.
    pub fn behind(btf: &Btf<'_>) -> Encoder {
        let end = btf.layout().types_at + btf.layout().types_len;
        let record = |id: TypeId| {
            let start = btf.record_at(id).unwrap_or(end);
            let next = btf.record_at(TypeId(id.0 + 1)).unwrap_or(end);
            let bytes = btf.data().get(start..next).unwrap_or_default();
            let (words, _) = bytes.as_chunks::<4>();
            words.iter().map(|word| u32::from_le_bytes(*word)).collect()
        };
        Encoder {
            records: btf.ids().map(record).collect(),
            strings: btf.strings().to_vec(),
            names: Vec::new(),
        }
    }

    /// Takes the names away from some of the first `count` records: they can be referred to, but no
    /// longer be found.
    pub fn hide(&mut self, count: usize, which: &dyn Fn(Kind, &str) -> bool) {
        for words in self.records.iter_mut().take(count) {
            let [name, info, ..] = &mut **words else {
                continue;
            };
            let text = self.strings.get(*name as usize..).unwrap_or_default();
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = core::str::from_utf8(text).unwrap_or_default();
            let kind = Kind::from_number((*info >> 24) as u8 & 0x1f);
            if kind.is_some_and(|kind| which(kind, text)) {
                *name = 0;
            }
        }
    }

    /// The offset of `name` in the string section, where it is put if it is not there yet.
    pub fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let is_here = |at: &&u32| {
            let stored = self.strings.get(**at as usize..).unwrap_or_default();
            stored
                .strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
        };
        if let Some(at) = self.names.iter().find(is_here) {
            return *at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        self.names.push(at);
        at
    }

    /// The number of a record, which is put at the end if there is no equal one yet.
    pub fn add(&mut self, name: &str, record: Record<'_>) -> TypeId {
        let words = self.words(name, record);
        match self.records.iter().position(|known| *known == words) {
            Some(index) => TypeId(index as u32 + 1),
            None => {
                self.records.push(words);
                TypeId(self.records.len() as u32)
            }
        }
    }

    /// A number for a record that is written later: types may refer to one another in circles.
    pub fn reserve(&mut self) -> TypeId {
        self.records.push(Vec::new());
        TypeId(self.records.len() as u32)
    }

    /// Writes a reserved record.
    pub fn fill(&mut self, id: TypeId, name: &str, record: Record<'_>) {
        let words = self.words(name, record);
        if let Some(place) = self.records.get_mut((id.0 as usize).wrapping_sub(1)) {
            *place = words;
        }
    }

    fn words(&mut self, name: &str, record: Record<'_>) -> Vec<u32> {
        let info = u32::from(record.flag) << 31 | (record.kind as u32) << 24 | record.vlen & 0xffff;
        let mut words = vec![self.name(name), info, record.size_or_type];
        words.extend_from_slice(record.rest);
        words
    }

    /// An int of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let record = Record {
            kind: Kind::Int,
            flag: false,
            vlen: 0,
            size_or_type: size,
            rest: &[u32::from(signed) << 24 | size.saturating_mul(8) & 0xff],
        };
        self.add(name, record)
    }

    /// A record of nothing but its header.
    pub fn plain(&mut self, kind: Kind, name: &str, size_or_type: u32) -> TypeId {
        let record = Record {
            kind,
            flag: false,
            vlen: 0,
            size_or_type,
            rest: &[],
        };
        self.add(name, record)
    }

    /// An array.
    pub fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        let index = self.int("", 4, false);
        let record = Record {
            kind: Kind::Array,
            flag: false,
            vlen: 0,
            size_or_type: 0,
            rest: &[element.0, index.0, len],
        };
        self.add("", record)
    }

    /// A struct without bitfields; members are name, type and offset in bytes.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let mut rest = Vec::with_capacity(members.len() * 3);
        for &(name, ty, bytes) in members {
            rest.extend([self.name(name), ty.0, bytes.saturating_mul(8)]);
        }
        let record = Record {
            kind: Kind::Struct,
            flag: false,
            vlen: members.len() as u32,
            size_or_type: size,
            rest: &rest,
        };
        self.add(name, record)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The BTF: header, records, names.
    pub fn bytes(&self) -> Vec<u8> {
        let words = || self.records.iter().flatten();
        let (types, strings) = (words().count() as u32 * 4, self.strings.len() as u32);
        let header = [0x0001_eb9f, 24, 0, types, types, strings];
        let mut out: Vec<u8> = header
            .iter()
            .chain(words())
            .flat_map(|w| w.to_le_bytes())
            .collect();
        out.extend_from_slice(&self.strings);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{Btf, Types};

    #[test]
    fn what_is_written_is_what_is_read_and_nothing_is_written_twice() {
        let mut out = Encoder::default();
        let node = out.reserve();
        let link = out.plain(Kind::Ptr, "", node.0);
        let long = out.int("long", 8, true);
        assert_eq!(out.int("long", 8, true), long);
        let args = out.array(long, 6);
        let inner = out.structure("inner", 48, &[("args", args, 0)]);
        let record = Record {
            kind: Kind::Struct,
            flag: false,
            vlen: 2,
            size_or_type: 56,
            rest: &[out.name("next"), link.0, 0, out.name("inner"), inner.0, 64],
        };
        out.fill(node, "node", record);
        let bytes = out.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.len() as usize, out.len());
        assert_eq!(btf.find(Kind::Struct, "node"), Some(node));
        assert_eq!((btf.size_of(node), btf.size_of(args)), (Ok(56), Ok(48)));
        let header = btf.header(node).unwrap();
        let member = btf.member(&header, 1).unwrap();
        assert_eq!((btf.name(member.name), member.ty), (Some("inner"), inner));
        assert_eq!(member.offset.0, 64);
        assert!(btf.int(&btf.header(long).unwrap()).unwrap().signed);
        assert_eq!(btf.strings(), b"\0long\0args\0inner\0next\0node\0");
    }
}
