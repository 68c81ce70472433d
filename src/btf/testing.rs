//! A small BTF writer for tests: types in, the bytes of a `.BTF` out.
//!
//! ```ignore
//! let mut b = Builder::new();
//! let int = b.int("int", 4, true);
//! let text = b.char_array(16);
//! let event = b.structure("data_t", 20, &[("pid", int, 0), ("comm", text, 4)]);
//! let bytes = b.bytes();
//! let btf = Btf::parse(&bytes).unwrap();
//! ```
//!
//! Nothing is checked: a test may build what no compiler would. Every method that adds a record
//! returns its number; numbers may be used before their record exists (see [`Builder::next`]).

// Every room's tests use some of it.
#![allow(dead_code)]

use super::{Kind, Linkage, TypeId};

/// How names get into the string section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Each distinct name once, as compilers and the kernel do.
    Shared,
    /// A new copy for every record: a BTF that was never deduplicated.
    Repeated,
    /// A name that ends a longer one already there is not stored again: overlapping strings.
    Overlapping,
}

/// Types on their way to bytes.
#[derive(Clone, Debug)]
pub struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    names: Names,
    /// Records of the base BTF, and bytes of its strings; 0 without one.
    base: (u32, u32),
    count: u32,
}

impl Builder {
    /// An empty BTF: only `void` and the empty name.
    pub fn new() -> Builder {
        Builder {
            types: Vec::new(),
            strings: vec![0],
            names: Names::Shared,
            base: (0, 0),
            count: 0,
        }
    }

    /// A split BTF (a module's) over `base`: its numbers and name offsets go on where those end.
    pub fn split(base: &Builder) -> Builder {
        Builder {
            strings: Vec::new(),
            base: (
                base.base.0 + base.count,
                base.base.1 + base.strings.len() as u32,
            ),
            ..Builder::new()
        }
    }

    /// From here on, names are stored in this way.
    pub fn store_names(&mut self, names: Names) -> &mut Builder {
        self.names = names;
        self
    }

    /// The number that the next record will have: for a struct that points to itself.
    pub fn next(&self) -> TypeId {
        TypeId(self.base.0 + self.count + 1)
    }

    /// The offset of `name` in the string section, where it is put if it is not there yet.
    pub fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let mut with_nul = name.as_bytes().to_vec();
        with_nul.push(0);
        let stored = self
            .strings
            .windows(with_nul.len())
            .enumerate()
            .filter(|(_, window)| *window == with_nul)
            .map(|(at, _)| at)
            .find(|&at| match self.names {
                Names::Shared => at == 0 || self.strings[at - 1] == 0,
                Names::Repeated => false,
                Names::Overlapping => true,
            });
        let at = stored.unwrap_or(self.strings.len());
        if stored.is_none() {
            self.strings.extend_from_slice(&with_nul);
        }
        self.base.1 + at as u32
    }

    /// Any record: its kind, how many entries, its flag, the third word, and the words after it.
    pub fn record(
        &mut self,
        name: &str,
        kind: Kind,
        (vlen, flag): (u32, bool),
        size_or_type: u32,
        rest: &[u32],
    ) -> TypeId {
        let id = self.next();
        let info = u32::from(flag) << 31 | (kind as u32) << 24 | vlen & 0xffff;
        let name = self.name(name);
        for word in [name, info, size_or_type].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_le_bytes());
        }
        self.count += 1;
        id
    }

    /// An integer of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        self.encoded_int(name, size, u32::from(signed), 0, size * 8)
    }

    /// An integer with the character encoding that no current compiler writes.
    pub fn char_int(&mut self, name: &str) -> TypeId {
        self.encoded_int(name, 1, 2, 0, 8)
    }

    /// `_Bool`.
    pub fn boolean(&mut self) -> TypeId {
        self.encoded_int("_Bool", 1, 4, 0, 8)
    }

    /// An integer with all its parts: encoding (1 signed, 2 char, 4 bool), first bit, bits.
    pub fn encoded_int(
        &mut self,
        name: &str,
        size: u32,
        encoding: u32,
        bit_offset: u32,
        bits: u32,
    ) -> TypeId {
        let word = encoding << 24 | bit_offset << 16 | bits;
        self.record(name, Kind::Int, (0, false), size, &[word])
    }

    /// `float`, `double`, `long double`.
    pub fn float(&mut self, name: &str, size: u32) -> TypeId {
        self.record(name, Kind::Float, (0, false), size, &[])
    }

    /// A pointer to `target`.
    pub fn ptr(&mut self, target: TypeId) -> TypeId {
        self.record("", Kind::Ptr, (0, false), target.0, &[])
    }

    /// `len` elements in a row; the index type is `element`, which nobody reads.
    pub fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        let words = [element.0, element.0, len];
        self.record("", Kind::Array, (0, false), 0, &words)
    }

    /// `char[len]`, with its own `char`.
    pub fn char_array(&mut self, len: u32) -> TypeId {
        let char = self.int("char", 1, true);
        self.array(char, len)
    }

    /// A struct without bitfields; members are name, type and offset in bytes.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        self.composite(Kind::Struct, name, size, members)
    }

    /// A union; all its members lie at 0.
    pub fn union(&mut self, name: &str, size: u32, members: &[(&str, TypeId)]) -> TypeId {
        let members: Vec<_> = members.iter().map(|&(name, ty)| (name, ty, 0)).collect();
        self.composite(Kind::Union, name, size, &members)
    }

    fn composite(
        &mut self,
        kind: Kind,
        name: &str,
        size: u32,
        members: &[(&str, TypeId, u32)],
    ) -> TypeId {
        let mut words = Vec::new();
        for &(name, ty, bytes) in members {
            words.extend([self.name(name), ty.0, bytes * 8]);
        }
        let vlen = members.len() as u32;
        self.record(name, kind, (vlen, false), size, &words)
    }

    /// A struct with bitfields; members are name, type, offset in bits, and width in bits (0: not a
    /// bitfield).
    pub fn bitfields(
        &mut self,
        name: &str,
        size: u32,
        members: &[(&str, TypeId, u32, u32)],
    ) -> TypeId {
        let mut words = Vec::new();
        for &(name, ty, bits, width) in members {
            words.extend([self.name(name), ty.0, width << 24 | bits]);
        }
        let vlen = members.len() as u32;
        self.record(name, Kind::Struct, (vlen, true), size, &words)
    }

    /// A 4-byte enum; signed if a value is negative.
    pub fn enumeration(&mut self, name: &str, values: &[(&str, i32)]) -> TypeId {
        let mut words = Vec::new();
        for &(name, value) in values {
            words.extend([self.name(name), value as u32]);
        }
        let signed = values.iter().any(|v| v.1 < 0);
        let vlen = values.len() as u32;
        self.record(name, Kind::Enum, (vlen, signed), 4, &words)
    }

    /// An unsigned 8-byte enum.
    pub fn enum64(&mut self, name: &str, values: &[(&str, u64)]) -> TypeId {
        let mut words = Vec::new();
        for &(name, value) in values {
            words.extend([self.name(name), value as u32, (value >> 32) as u32]);
        }
        let vlen = values.len() as u32;
        self.record(name, Kind::Enum64, (vlen, false), 8, &words)
    }

    /// A forward declaration of a struct.
    pub fn fwd_struct(&mut self, name: &str) -> TypeId {
        self.record(name, Kind::Fwd, (0, false), 0, &[])
    }

    /// A forward declaration of a union.
    pub fn fwd_union(&mut self, name: &str) -> TypeId {
        self.record(name, Kind::Fwd, (0, true), 0, &[])
    }

    /// Another name for `target`.
    pub fn typedef(&mut self, name: &str, target: TypeId) -> TypeId {
        self.record(name, Kind::Typedef, (0, false), target.0, &[])
    }

    /// `const target`.
    pub fn constant(&mut self, target: TypeId) -> TypeId {
        self.record("", Kind::Const, (0, false), target.0, &[])
    }

    /// `volatile target`.
    pub fn volatile(&mut self, target: TypeId) -> TypeId {
        self.record("", Kind::Volatile, (0, false), target.0, &[])
    }

    /// `target` with `__attribute__((btf_type_tag(name)))`.
    pub fn type_tag(&mut self, name: &str, target: TypeId) -> TypeId {
        self.record(name, Kind::TypeTag, (0, false), target.0, &[])
    }

    /// A declaration tag on `target` (`component` is a member or parameter; `None`: the whole).
    pub fn decl_tag(&mut self, name: &str, target: TypeId, component: Option<u32>) -> TypeId {
        let component = component.unwrap_or(u32::MAX);
        self.record(name, Kind::DeclTag, (0, false), target.0, &[component])
    }

    /// A function's signature; parameters are name and type.
    pub fn func_proto(&mut self, result: TypeId, params: &[(&str, TypeId)]) -> TypeId {
        let mut words = Vec::new();
        for &(name, ty) in params {
            words.extend([self.name(name), ty.0]);
        }
        let vlen = params.len() as u32;
        self.record("", Kind::FuncProto, (vlen, false), result.0, &words)
    }

    /// A function of that signature.
    pub fn func(&mut self, name: &str, proto: TypeId, linkage: Linkage) -> TypeId {
        let vlen = linkage as u32;
        self.record(name, Kind::Func, (vlen, false), proto.0, &[])
    }

    /// A variable.
    pub fn var(&mut self, name: &str, ty: TypeId, linkage: Linkage) -> TypeId {
        self.record(name, Kind::Var, (0, false), ty.0, &[linkage as u32])
    }

    /// A section; its entries are variable, offset and size in bytes.
    pub fn datasec(&mut self, name: &str, size: u32, vars: &[(TypeId, u32, u32)]) -> TypeId {
        let words: Vec<u32> = vars.iter().flat_map(|v| [v.0.0, v.1, v.2]).collect();
        let vlen = vars.len() as u32;
        self.record(name, Kind::Datasec, (vlen, false), size, &words)
    }

    /// The whole `.BTF`: header, records, names.
    pub fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let header = [0x0001_eb9f, 24, 0, types, types, strings];
        let mut out: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
        out.extend_from_slice(&self.types);
        out.extend_from_slice(&self.strings);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{Btf, StrOffset, Types};

    #[test]
    fn what_is_built_is_what_is_read() {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let alias = b.typedef("pid_t", int);
        let fixed = b.constant(alias);
        let text = b.char_array(16);
        let node = b.next();
        let link = TypeId(node.0 + 1);
        let members = [("pid", fixed, 0), ("comm", text, 4), ("next", link, 24)];
        assert_eq!(b.structure("node", 32, &members), node);
        assert_eq!(b.ptr(node), link);
        let bits = b.bitfields("bits", 4, &[("a", int, 0, 3), ("b", int, 3, 29)]);
        let colour = b.enumeration("colour", &[("RED", -1), ("BLUE", 7)]);
        let big = b.enum64("big", &[("TOP", 1 << 63)]);
        let var = b.var("seen", int, Linkage::Global);
        let data = b.datasec(".data", 4, &[(var, 0, 4)]);
        let proto = b.func_proto(int, &[("ctx", link)]);
        let func = b.func("handler", proto, Linkage::Static);

        let bytes = b.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.find(Kind::Struct, "node"), Some(node));
        assert_eq!(btf.size_of(node), Ok(32));
        assert_eq!(btf.size_of(text), Ok(16));
        assert_eq!(btf.peel(fixed).unwrap().id, int);
        let header = btf.header(node).unwrap();
        let last = btf.member(&header, 2).unwrap();
        assert_eq!((last.ty, last.offset.0, last.bitfield_size), (link, 192, 0));
        let header = btf.header(bits).unwrap();
        let second = btf.member(&header, 1).unwrap();
        assert_eq!((second.offset.0, second.bitfield_size), (3, 29));
        let header = btf.header(colour).unwrap();
        assert_eq!(btf.enumerator(&header, 0).unwrap().value, u64::MAX);
        let header = btf.header(big).unwrap();
        assert_eq!(btf.enumerator(&header, 0).unwrap().value, 1 << 63);
        let header = btf.header(data).unwrap();
        assert_eq!(btf.secinfo(&header, 0).unwrap().var, var);
        let header = btf.header(func).unwrap();
        assert_eq!(btf.linkage(&header), Ok(Linkage::Static));
        let header = btf.header(proto).unwrap();
        let param = btf.param(&header, 0).unwrap();
        assert_eq!((btf.name(param.name), param.ty), (Some("ctx"), link));
    }

    #[test]
    fn names_are_stored_once_each_time_or_inside_one_another() {
        for (how, expected) in [
            (Names::Shared, &b"\0task\0mm_task\0"[..]),
            (Names::Repeated, b"\0task\0mm_task\0task\0"),
            (Names::Overlapping, b"\0task\0mm_task\0"),
        ] {
            let mut b = Builder::new();
            b.store_names(how);
            for name in ["task", "mm_task", "task"] {
                b.fwd_struct(name);
            }
            assert_eq!(b.strings, expected, "{how:?}");
        }
        let mut b = Builder::new();
        b.store_names(Names::Overlapping);
        assert_eq!((b.name("mm_task"), b.name("task")), (1, 4));
        let bytes = b.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.str_at(StrOffset(4)), Some("task"));
    }

    #[test]
    fn a_split_btf_goes_on_where_its_base_ends() {
        let mut base = Builder::new();
        let int = base.int("int", 4, true);
        let mut module = Builder::split(&base);
        assert_eq!(module.next(), TypeId(int.0 + 1));
        assert_eq!(module.name("mine"), base.strings.len() as u32);
    }
}
