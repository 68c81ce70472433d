//! An object's BTF for kernels that don't know all of its kinds: what a kernel does not know becomes
//! something that it knows, of the same length, so that type numbers stay what they are.

use super::{Btf, BtfError, Header, Kind, StrOffset, TypeId, Types};

/// What a kernel does not know of BTF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// FUNC and FUNC_PROTO, and the flag of structs with bitfields and of declared unions.
    pub func: bool,
    /// VAR and DATASEC.
    pub datasec: bool,
    /// FUNC with a linkage other than static.
    pub global_func: bool,
    /// FLOAT.
    pub float: bool,
    /// DECL_TAG.
    pub decl_tag: bool,
    /// TYPE_TAG.
    pub type_tag: bool,
    /// ENUM64, and the flag of signed enums.
    pub enum64: bool,
    /// Names of sections other than of letters, digits, `_` and `.`.
    pub section_names: bool,
}

/// A name for what needs one and has none.
const NO_NAME: &str = "_";

/// A copy of `bytes` that such a kernel takes.
///
/// # Errors
/// Records that can't be read.
pub fn sanitise(bytes: &[u8], lacks: Lacks) -> Result<Vec<u8>, BtfError> {
    let btf = Btf::parse(bytes)?;
    let mut edit = Edit::new(&btf);
    for id in btf.ids() {
        let of = btf.header(id)?;
        match of.kind {
            Kind::Var if lacks.datasec => edit.small_int(&of)?,
            Kind::Datasec if lacks.datasec => section_to_struct(&mut edit, &of)?,
            Kind::Datasec if lacks.section_names => {
                let name = btf.str_at(of.name).unwrap_or_default();
                let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
                edit.rename(&of, name, &harmless)?;
            }
            // Parameters and enumerators have one form: a name and a number.
            Kind::FuncProto if lacks.func => {
                edit.header(&of, of.name.0, Kind::Enum, of.vlen, 4)?;
                name_params(&mut edit, &of)?;
            }
            Kind::Func if lacks.func => {
                edit.header(&of, of.name.0, Kind::Typedef, 0, of.size_or_type)?;
            }
            Kind::Func if lacks.global_func => {
                edit.header(&of, of.name.0, Kind::Func, 0, of.size_or_type)?;
            }
            Kind::Fwd if lacks.func => edit.header(&of, of.name.0, Kind::Fwd, 0, 0)?,
            Kind::Struct | Kind::Union if lacks.func && of.flag => bitfields(&mut edit, &of)?,
            // As a name of a struct, "float" would not compile.
            Kind::Float if lacks.float => edit.header(&of, 0, Kind::Struct, 0, of.size())?,
            Kind::DeclTag if !is_tag(&btf, &of, lacks)? => edit.small_int(&of)?,
            Kind::TypeTag if lacks.type_tag => {
                edit.header(&of, 0, Kind::Const, 0, of.size_or_type)?;
            }
            // Tags have a flag since 6.15, and only where it is known nobody asks for this.
            Kind::DeclTag | Kind::TypeTag => {
                edit.header(&of, of.name.0, of.kind, 0, of.size_or_type)?;
            }
            Kind::Enum if lacks.enum64 => {
                edit.header(&of, of.name.0, Kind::Enum, of.vlen, of.size())?;
            }
            Kind::Enum64 if lacks.enum64 => {
                let small = edit.placeholder()?;
                edit.header(&of, of.name.0, Kind::Union, of.vlen, of.size())?;
                for index in 0..of.vlen {
                    let at = of.entry_at(index)?;
                    edit.put(&of, at + 4, small.0)?;
                    edit.put(&of, at + 8, 0)?;
                }
            }
            _ => {}
        }
    }
    edit.bytes()
}

/// Whether a declaration tag can stay: the kernel knows them, and what it is on stays something that
/// can have one.
fn is_tag(btf: &Btf<'_>, tag: &Header, lacks: Lacks) -> Result<bool, BtfError> {
    let target = btf.header(tag.target())?;
    let mut component = [0; 4];
    btf.read(tag.id, Header::LEN, &mut component)?;
    let whole = u32::from_le_bytes(component) == u32::MAX;
    Ok(match target.kind {
        _ if lacks.decl_tag => false,
        Kind::Var => !lacks.datasec,
        Kind::Func => !lacks.func || whole,
        _ => true,
    })
}

/// A section as a struct whose members are its variables, which are ints of one byte by now.
fn section_to_struct(edit: &mut Edit<'_>, of: &Header) -> Result<(), BtfError> {
    let btf = edit.btf;
    let mut size = of.size();
    for index in 0..of.vlen {
        let var = btf.secinfo(of, index)?;
        let at = of.entry_at(index)?;
        edit.put(of, at, btf.header(var.var)?.name.0)?;
        edit.put(of, at + 4, var.var.0)?;
        edit.put(of, at + 8, var.offset.saturating_mul(8))?;
        // A variable without a size at the very end.
        size = size.max(var.offset.saturating_add(1));
    }
    edit.header(of, of.name.0, Kind::Struct, of.vlen, size)?;
    let name = btf.str_at(of.name).unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || c == '_';
    edit.rename(of, name, &harmless)
}

/// A struct with bitfields, of which only the bytes are told that they start in.
fn bitfields(edit: &mut Edit<'_>, of: &Header) -> Result<(), BtfError> {
    let small = edit.placeholder()?;
    edit.header(of, of.name.0, of.kind, of.vlen, of.size())?;
    for index in 0..of.vlen {
        let member = edit.btf.member(of, index)?;
        let at = of.entry_at(index)?;
        if member.bitfield_size == 0 {
            edit.put(of, at + 8, member.offset.0)?;
        } else {
            edit.put(of, at + 4, small.0)?;
            edit.put(of, at + 8, member.offset.0 & !7)?;
        }
    }
    Ok(())
}

/// Gives parameters a name that have none.
fn name_params(edit: &mut Edit<'_>, of: &Header) -> Result<(), BtfError> {
    for index in 0..of.vlen {
        let at = of.entry_at(index)?;
        if edit.btf.param(of, index)?.name == StrOffset(0) {
            let name = edit.name(NO_NAME)?;
            edit.put(of, at, name)?;
        }
    }
    Ok(())
}

/// A BTF on its way to another in which records keep their numbers.
struct Edit<'e> {
    btf: &'e Btf<'e>,
    /// The records, those that are new at the end.
    types: Vec<u8>,
    /// How many are new.
    added: u32,
    /// Names that are new, to go behind the others.
    names: Vec<u8>,
    /// The one int of one byte, once there is one.
    small: Option<TypeId>,
    /// The name of what has none, once there is one.
    no_name: Option<u32>,
}

impl<'e> Edit<'e> {
    fn new(btf: &'e Btf<'e>) -> Edit<'e> {
        let layout = btf.layout();
        let range = layout.types_at..layout.types_at + layout.types_len;
        Edit {
            btf,
            types: btf.data().get(range).unwrap_or_default().to_vec(),
            added: 0,
            names: Vec::new(),
            small: None,
            no_name: None,
        }
    }

    /// Writes the word `at` bytes into a record.
    fn put(&mut self, of: &Header, at: usize, word: u32) -> Result<(), BtfError> {
        let start = self.btf.record_at(of.id)? - self.btf.layout().types_at;
        let place = self.types.get_mut(start + at..);
        let place = place.and_then(|rest| rest.first_chunk_mut());
        *place.ok_or(BtfError::Truncated("a type record"))? = word.to_le_bytes();
        Ok(())
    }

    /// Writes a record's header anew, without a flag.
    fn header(
        &mut self,
        of: &Header,
        name: u32,
        kind: Kind,
        vlen: u32,
        size_or_type: u32,
    ) -> Result<(), BtfError> {
        self.put(of, 0, name)?;
        self.put(of, 4, (kind as u32) << 24 | vlen)?;
        self.put(of, 8, size_or_type)
    }

    /// Makes a record with one more word an int of one byte: what it stands for may be no larger.
    fn small_int(&mut self, of: &Header) -> Result<(), BtfError> {
        self.header(of, of.name.0, Kind::Int, 0, 1)?;
        self.put(of, Header::LEN, 8)
    }

    /// Puts a name in which `_` stands for all that is not harmless in the place of the record's.
    fn rename(
        &mut self,
        of: &Header,
        name: &str,
        harmless: &dyn Fn(char) -> bool,
    ) -> Result<(), BtfError> {
        if name.chars().all(harmless) {
            return Ok(());
        }
        let plain = name.chars().map(|c| if harmless(c) { c } else { '_' });
        let name = self.name(&plain.collect::<String>())?;
        self.put(of, 0, name)
    }

    /// The offset of a name, which is added.
    fn name(&mut self, name: &str) -> Result<u32, BtfError> {
        if let Some(known) = self.no_name.filter(|_| name == NO_NAME) {
            return Ok(known);
        }
        let at = self.btf.strings().len() + self.names.len();
        let at = u32::try_from(at).map_err(|_| BtfError::Header("it is too large"))?;
        self.names.extend_from_slice(name.as_bytes());
        self.names.push(0);
        if name == NO_NAME {
            self.no_name = Some(at);
        }
        Ok(at)
    }

    /// The number of a record, which is added.
    fn record(&mut self, words: &[u32]) -> Result<TypeId, BtfError> {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        self.types.extend(bytes);
        self.added += 1;
        Ok(TypeId(self.btf.len() + self.added))
    }

    /// An int of one byte.
    fn placeholder(&mut self) -> Result<TypeId, BtfError> {
        if let Some(known) = self.small {
            return Ok(known);
        }
        let name = self.name(NO_NAME)?;
        let id = self.record(&[name, (Kind::Int as u32) << 24, 1, 8])?;
        self.small = Some(id);
        Ok(id)
    }

    /// The bytes: a header that every kernel knows, the records, the names.
    fn bytes(&self) -> Result<Vec<u8>, BtfError> {
        let strings = self.btf.strings();
        let word = |len: usize| u32::try_from(len).map_err(|_| BtfError::Header("it is too large"));
        let types = word(self.types.len())?;
        let names = word(strings.len() + self.names.len())?;
        let header = [0x0001_eb9f, 24, 0, types, types, names];
        let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        for part in [&self.types, strings, &self.names] {
            out.extend_from_slice(part);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Linkage;
    use crate::btf::testing::Builder;

    const NOTHING: Lacks = Lacks {
        func: false,
        datasec: false,
        global_func: false,
        float: false,
        decl_tag: false,
        type_tag: false,
        enum64: false,
        section_names: false,
    };

    /// What a record has become: kind, flag, entries, size or type, name.
    fn record(bytes: &[u8], id: TypeId) -> (Kind, bool, u32, u32, String) {
        let btf = Btf::parse(bytes).unwrap();
        let of = btf.header(id).unwrap();
        let name = btf.str_at(of.name).unwrap().to_owned();
        (of.kind, of.flag, of.vlen, of.size_or_type, name)
    }

    /// A BTF with every kind of record.
    fn every_kind() -> (Vec<u8>, Vec<TypeId>) {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let ids = vec![
            int,
            b.ptr(int),
            b.array(int, 3),
            b.bitfields(
                "bits",
                8,
                &[("a", int, 0, 3), ("b", int, 13, 5), ("c", int, 32, 0)],
            ),
            b.union("either", 4, &[("x", int)]),
            b.enumeration("colour", &[("RED", -1)]),
            b.fwd_union("later"),
            b.typedef("pid_t", int),
            b.volatile(int),
            b.constant(int),
            b.func_proto(int, &[("", int), ("second", int)]),
            b.func("helper", TypeId(11), Linkage::Global),
            b.var("seen", int, Linkage::Global),
            b.datasec(".data.mine", 8, &[(TypeId(13), 4, 4)]),
            b.float("double", 8),
            b.decl_tag("on_var", TypeId(13), None),
            b.decl_tag("on_argument", TypeId(12), Some(1)),
            b.type_tag("user", int),
            b.enum64("big", &[("TOP", 1 << 63), ("LOW", 1)]),
        ];
        (b.bytes(), ids)
    }

    #[test]
    fn a_kernel_that_lacks_nothing_gets_the_same_records() {
        let (bytes, _) = every_kind();
        assert_eq!(sanitise(&bytes, NOTHING).unwrap(), bytes);
    }

    #[test]
    fn each_kind_that_a_kernel_lacks_becomes_another_with_the_same_number() {
        let (bytes, ids) = every_kind();
        let text = String::from;
        let proto = ids[10].0;
        let table = [
            (
                Lacks {
                    func: true,
                    ..NOTHING
                },
                10,
                (Kind::Enum, false, 2, 4, text("")),
            ),
            (
                Lacks {
                    func: true,
                    ..NOTHING
                },
                11,
                (Kind::Typedef, false, 0, proto, text("helper")),
            ),
            (
                Lacks {
                    func: true,
                    ..NOTHING
                },
                6,
                (Kind::Fwd, false, 0, 0, text("later")),
            ),
            (
                Lacks {
                    func: true,
                    ..NOTHING
                },
                3,
                (Kind::Struct, false, 3, 8, text("bits")),
            ),
            (
                Lacks {
                    func: true,
                    ..NOTHING
                },
                16,
                (Kind::Int, false, 0, 1, text("on_argument")),
            ),
            (
                Lacks {
                    global_func: true,
                    ..NOTHING
                },
                11,
                (Kind::Func, false, 0, proto, text("helper")),
            ),
            (
                Lacks {
                    datasec: true,
                    ..NOTHING
                },
                12,
                (Kind::Int, false, 0, 1, text("seen")),
            ),
            (
                Lacks {
                    datasec: true,
                    ..NOTHING
                },
                13,
                (Kind::Struct, false, 1, 8, text("_data_mine")),
            ),
            (
                Lacks {
                    datasec: true,
                    ..NOTHING
                },
                15,
                (Kind::Int, false, 0, 1, text("on_var")),
            ),
            (
                Lacks {
                    float: true,
                    ..NOTHING
                },
                14,
                (Kind::Struct, false, 0, 8, text("")),
            ),
            (
                Lacks {
                    decl_tag: true,
                    ..NOTHING
                },
                15,
                (Kind::Int, false, 0, 1, text("on_var")),
            ),
            (
                Lacks {
                    type_tag: true,
                    ..NOTHING
                },
                17,
                (Kind::Const, false, 0, 1, text("")),
            ),
            (
                Lacks {
                    enum64: true,
                    ..NOTHING
                },
                18,
                (Kind::Union, false, 2, 8, text("big")),
            ),
            (
                Lacks {
                    enum64: true,
                    ..NOTHING
                },
                5,
                (Kind::Enum, false, 1, 4, text("colour")),
            ),
        ];
        for (lacks, index, expected) in table {
            let out = sanitise(&bytes, lacks).unwrap();
            assert_eq!(record(&out, ids[index]), expected, "{lacks:?}");
            // All that the kernel knows stays.
            let (before, after) = (Btf::parse(&bytes).unwrap(), Btf::parse(&out).unwrap());
            for id in before.ids() {
                let place = |btf: &Btf<'_>| btf.record_at(id).unwrap() - btf.layout().types_at;
                assert_eq!(place(&before), place(&after), "{id} with {lacks:?}");
            }
        }
    }

    #[test]
    fn members_and_enumerators_of_what_was_replaced_are_ones_that_kernels_take() {
        let (bytes, ids) = every_kind();
        let lacks = Lacks {
            func: true,
            datasec: true,
            enum64: true,
            ..NOTHING
        };
        let out = sanitise(&bytes, lacks).unwrap();
        let btf = Btf::parse(&out).unwrap();
        let small = TypeId(bytes_types(&bytes) + 1);
        assert_eq!(btf.size_of(small), Ok(1));
        let members = |id| -> Vec<(String, TypeId, u32)> {
            let of = btf.header(id).unwrap();
            let all = (0..of.vlen).map(|i| btf.member(&of, i).unwrap());
            all.map(|m| (btf.str_at(m.name).unwrap().to_owned(), m.ty, m.offset.0))
                .collect()
        };
        let text = String::from;
        assert_eq!(
            members(ids[3]),
            [
                (text("a"), small, 0),
                (text("b"), small, 8),
                (text("c"), ids[0], 32)
            ]
        );
        assert_eq!(members(ids[13]), [(text("seen"), ids[12], 32)]);
        assert_eq!(
            members(ids[18]),
            [(text("TOP"), small, 0), (text("LOW"), small, 0)]
        );
        let proto = btf.header(ids[10]).unwrap();
        let names: Vec<_> = (0..2)
            .map(|i| btf.str_at(btf.enumerator(&proto, i).unwrap().name).unwrap())
            .collect();
        assert_eq!(names, ["_", "second"]);
    }

    fn bytes_types(bytes: &[u8]) -> u32 {
        Btf::parse(bytes).unwrap().len()
    }

    #[test]
    fn names_of_sections_lose_what_old_kernels_refuse() {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let var = b.var("ops", int, Linkage::Global);
        let section = b.datasec("?.struct_ops.link", 4, &[(var, 0, 4)]);
        let plain = b.datasec(".data.x", 4, &[(var, 0, 4)]);
        let out = sanitise(
            &b.bytes(),
            Lacks {
                section_names: true,
                ..NOTHING
            },
        )
        .unwrap();
        assert_eq!(record(&out, section).4, "_.struct_ops.link");
        assert_eq!(record(&out, plain).4, ".data.x");
    }

    #[test]
    fn a_header_with_more_in_it_is_cut_to_what_every_kernel_knows() {
        let (bytes, _) = every_kind();
        let mut longer = bytes.clone();
        longer[4] = 32;
        longer.splice(24..24, [0; 8]);
        assert_eq!(sanitise(&longer, NOTHING).unwrap(), bytes);
    }

    #[test]
    fn damaged_btf_is_an_error_and_no_panic() {
        let (bytes, _) = every_kind();
        let all = Lacks {
            func: true,
            datasec: true,
            global_func: true,
            float: true,
            decl_tag: true,
            type_tag: true,
            enum64: true,
            section_names: true,
        };
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = sanitise(&damaged, all);
            }
        }
    }
}
