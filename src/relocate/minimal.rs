//! The smallest BTF that answers some relocations as a larger one does.
//!
//! Each relocation is answered, and what its answer rests on is marked: the candidate that matches,
//! the members on the path through it, and the kind, size and sign of the type at its end. A member
//! that no path takes is left out, one that stays keeps its offset, and a struct keeps its size. A
//! type that is only looked at from outside (the struct behind a member, the type behind a pointer)
//! stays without its insides. Comparing whole types (`bpf_core_type_matches`) marks what it compared.
//!
//! Numbers of types are new: an object that asks for one (`bpf_core_type_id_kernel`) needs the BTF
//! that the kernel itself has.

use super::spec::Spec;
use super::{RelocateError, Resolver, Target};
use crate::btf::{
    Btf, CoreRelo, Encoder, Header, Kind, Record, RelocationKind, StrOffset, TypeId, Types,
    essential_name,
};

/// How deep types are followed.
const MAX_DEPTH: u32 = 64;

/// A name that nobody asked for: it equals none.
const UNNAMED: &str = "?";

/// Marks what relocations rest on, and writes it.
pub struct Minimal<'t> {
    target: &'t dyn Target,
    /// Sorted by number.
    kept: Vec<(TypeId, Kept)>,
    out: Encoder,
    /// What was written: number in the target, number in `out`.
    written: Vec<(TypeId, TypeId)>,
}

#[derive(Default)]
struct Kept {
    /// Members or enumerators, sorted.
    entries: Vec<u32>,
    /// Found by its name, or its name is compared.
    named: bool,
    /// What it points to, returns or takes is compared.
    followed: bool,
}

impl<'t> Minimal<'t> {
    /// Nothing of `target` yet.
    pub fn new(target: &'t dyn Target) -> Minimal<'t> {
        Minimal {
            target,
            kept: Vec::new(),
            out: Encoder::default(),
            written: Vec::new(),
        }
    }

    /// Marks what the answers to all relocations of an object rest on.
    ///
    /// # Errors
    /// As [`resolve`](super::resolve).
    pub fn keep(&mut self, local: &Btf<'_>, relos: &[CoreRelo]) -> Result<(), RelocateError> {
        let mut resolver = Resolver::new(local, self.target);
        // What is left of the candidates in the end answers all that was asked: it is the only one
        // that stays, or later relocations would lack what they leave to another candidate.
        for relo in relos {
            resolver.resolve(relo)?;
        }
        relos
            .iter()
            .try_for_each(|relo| self.keep_one(&mut resolver, local, relo))
    }

    fn keep_one(
        &mut self,
        resolver: &mut Resolver<'_>,
        local: &Btf<'_>,
        relo: &CoreRelo,
    ) -> Result<(), RelocateError> {
        let resolution = resolver.resolve(relo)?;
        // All that match agree: one of them will do.
        let matching = resolution
            .candidates
            .iter()
            .find_map(|c| Some((c.id, c.spec.as_ref()?)));
        let Some((root, spec)) = matching else {
            return Ok(());
        };
        self.mark(root).named = true;
        match relo.kind {
            kind if kind.is_field() => self.path(spec),
            kind if kind.is_enumval() => {
                for accessor in &spec.accessors {
                    self.entry(accessor.ty, accessor.index);
                }
                Ok(())
            }
            RelocationKind::TypeMatches => {
                self.compared((local, relo.type_id), root, &mut Vec::new(), 0)
            }
            _ => self.shape(root, 0),
        }
    }

    fn mark(&mut self, id: TypeId) -> &mut Kept {
        let at = match self.kept.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.kept.insert(at, (id, Kept::default()));
                at
            }
        };
        &mut self.kept[at].1
    }

    fn entry(&mut self, of: TypeId, index: u32) {
        let entries = &mut self.mark(of).entries;
        if let Err(at) = entries.binary_search(&index) {
            entries.insert(at, index);
        }
    }

    /// Marks the members on the path of a field.
    fn path(&mut self, spec: &Spec) -> Result<(), RelocateError> {
        let mut of = self.target.peel(spec.root)?;
        // The first number counts whole structs.
        for &index in spec.raw.iter().skip(1) {
            of = match of.kind {
                Kind::Array => self.target.peel(self.target.array(&of)?.element)?,
                _ => {
                    let member = self.target.member(&of, index)?;
                    self.entry(of.id, index);
                    self.target.peel(member.ty)?
                }
            };
        }
        Ok(())
    }

    /// Marks what is compared where only the existence of a type is asked: all up to structs, unions
    /// and enums.
    fn shape(&mut self, id: TypeId, depth: u32) -> Result<(), RelocateError> {
        let of = self.target.peel(id)?;
        if depth > MAX_DEPTH {
            return Ok(());
        }
        match of.kind {
            Kind::Ptr => {
                self.mark(of.id).followed = true;
                self.shape(of.target(), depth + 1)
            }
            Kind::Array => self.shape(self.target.array(&of)?.element, depth + 1),
            Kind::FuncProto => {
                self.mark(of.id).followed = true;
                for index in 0..of.vlen {
                    self.shape(self.target.param(&of, index)?.ty, depth + 1)?;
                }
                self.shape(of.target(), depth + 1)
            }
            _ => Ok(()),
        }
    }

    /// Marks what matching `local` compared in `id`: members and enumerators by name, with what is
    /// below them.
    fn compared(
        &mut self,
        local: (&Btf<'_>, TypeId),
        id: TypeId,
        seen: &mut Vec<(TypeId, TypeId)>,
        depth: u32,
    ) -> Result<(), RelocateError> {
        let (btf, local) = local;
        let (l, t) = (btf.peel(local)?, self.target.peel(id)?);
        if depth > MAX_DEPTH || seen.contains(&(l.id, t.id)) {
            return Ok(());
        }
        seen.push((l.id, t.id));
        if t.id == TypeId::VOID {
            return Ok(());
        }
        let kept = self.mark(t.id);
        kept.named = true;
        kept.followed = true;
        let target = self.target;
        let same = |local: StrOffset, name: StrOffset| {
            let local = essential_name(btf.str_at(local).unwrap_or_default());
            target
                .name(name)
                .is_some_and(|name| essential_name(name) == local)
        };
        match (l.kind, t.kind) {
            (Kind::Struct, Kind::Struct) | (Kind::Union, Kind::Union) => {
                for li in 0..l.vlen {
                    let lm = btf.member(&l, li)?;
                    for ti in 0..t.vlen {
                        let tm = target.member(&t, ti)?;
                        if same(lm.name, tm.name) {
                            self.entry(t.id, ti);
                            self.compared((btf, lm.ty), tm.ty, seen, depth + 1)?;
                        }
                    }
                }
            }
            (Kind::Enum | Kind::Enum64, Kind::Enum | Kind::Enum64) => {
                for li in 0..l.vlen {
                    let name = btf.enumerator(&l, li)?.name;
                    for ti in 0..t.vlen {
                        if same(name, target.enumerator(&t, ti)?.name) {
                            self.entry(t.id, ti);
                        }
                    }
                }
            }
            (Kind::Ptr, Kind::Ptr) => {
                // Behind a pointer a struct is compared by name alone.
                let behind = target.peel(t.target())?;
                match behind.kind.is_composite() {
                    true => self.mark(behind.id).named = true,
                    false => self.compared((btf, l.target()), t.target(), seen, depth + 1)?,
                }
            }
            (Kind::Array, Kind::Array) => {
                let (la, ta) = (btf.array(&l)?, target.array(&t)?);
                self.compared((btf, la.element), ta.element, seen, depth + 1)?;
            }
            (Kind::FuncProto, Kind::FuncProto) => {
                for index in 0..l.vlen.min(t.vlen) {
                    let (lp, tp) = (btf.param(&l, index)?.ty, target.param(&t, index)?.ty);
                    self.compared((btf, lp), tp, seen, depth + 1)?;
                }
                self.compared((btf, l.target()), t.target(), seen, depth + 1)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The bytes of a BTF with what was marked.
    ///
    /// # Errors
    /// Types of the target that can't be read.
    pub fn finish(mut self) -> Result<Vec<u8>, RelocateError> {
        let roots: Vec<TypeId> = self
            .kept
            .iter()
            .filter(|(_, k)| k.named)
            .map(|(id, _)| *id)
            .collect();
        for id in roots {
            self.write(id, 0)?;
        }
        Ok(self.out.bytes())
    }

    fn kept(&self, id: TypeId) -> Option<&Kept> {
        let at = self.kept.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.kept.get(at).map(|(_, kept)| kept)
    }

    /// The number of target type `id` in the output, where it is written if it is not there yet.
    fn write(&mut self, id: TypeId, depth: u32) -> Result<TypeId, RelocateError> {
        // Typedefs and qualifiers are seen through, but for a typedef that is looked for by name.
        let is_root = self.kept(id).is_some_and(|kept| kept.named);
        let of = match is_root {
            true => self.target.header(id)?,
            false => self.target.peel(id)?,
        };
        if of.id == TypeId::VOID || depth > MAX_DEPTH * 2 {
            return Ok(TypeId::VOID);
        }
        if let Some((_, new)) = self.written.iter().find(|(old, _)| *old == of.id) {
            return Ok(*new);
        }
        let kept = self.kept(of.id);
        let entries = kept.map_or_else(Vec::new, |kept| kept.entries.clone());
        let followed = kept.is_some_and(|kept| kept.followed);
        let name = match self.target.name(of.name) {
            // Looked at from outside, a struct or a number is what it is without a name.
            _ if !kept.is_some_and(|kept| kept.named)
                && !of.kind.is_enum()
                && of.kind != Kind::Fwd =>
            {
                ""
            }
            name => name.unwrap_or(UNNAMED),
        };
        let mut record = Record {
            kind: of.kind,
            flag: of.flag,
            vlen: entries.len() as u32,
            size_or_type: of.size_or_type,
            rest: &[],
        };
        let mut rest = Vec::new();
        // Types with others inside may lead back to themselves: their number comes first.
        let reserved = (!entries.is_empty() || followed).then(|| self.out.reserve());
        if let Some(new) = reserved {
            self.written.push((of.id, new));
        }
        match of.kind {
            Kind::Int => {
                let mut encoding = [0; 4];
                self.target.read(of.id, Header::LEN, &mut encoding)?;
                rest.push(u32::from_le_bytes(encoding));
            }
            Kind::Struct | Kind::Union => {
                for &index in &entries {
                    let member = self.target.member(&of, index)?;
                    let place = member.bitfield_size << 24 | member.offset.0;
                    let name = self.target.name(member.name).unwrap_or(UNNAMED);
                    let name = self.out.name(name);
                    rest.extend([name, self.write(member.ty, depth + 1)?.0, place]);
                }
            }
            Kind::Enum | Kind::Enum64 => {
                for &index in &entries {
                    let value = self.target.enumerator(&of, index)?;
                    let name = self.target.name(value.name).unwrap_or(UNNAMED);
                    rest.extend([self.out.name(name), value.value as u32]);
                    if of.kind == Kind::Enum64 {
                        rest.push((value.value >> 32) as u32);
                    }
                }
            }
            Kind::Array => {
                let array = self.target.array(&of)?;
                let element = self.write(array.element, depth + 1)?;
                rest.extend([element.0, self.out.int("", 4, false).0, array.len]);
            }
            Kind::FuncProto if followed => {
                record.vlen = of.vlen;
                for index in 0..of.vlen {
                    let param = self.target.param(&of, index)?;
                    rest.extend([0, self.write(param.ty, depth + 1)?.0]);
                }
                record.size_or_type = self.write(of.target(), depth + 1)?.0;
            }
            Kind::FuncProto => record.size_or_type = 0,
            Kind::Ptr if !followed => record.size_or_type = 0,
            Kind::Ptr => record.size_or_type = self.write(of.target(), depth + 1)?.0,
            kind if kind.is_modifier() => {
                record.size_or_type = self.write(of.target(), depth + 1)?.0
            }
            Kind::Float | Kind::Fwd => {}
            // Functions and variables are no types of anything.
            _ => return Ok(TypeId::VOID),
        }
        record.rest = &rest;
        if let Some(new) = reserved {
            self.out.fill(new, name, record);
            return Ok(new);
        }
        let new = self.out.add(name, record);
        self.written.push((of.id, new));
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::testing::Builder;
    use crate::relocate::wanted;
    use crate::target::{Source, WindowedBtf};

    /// Types as the object knows them, or (`moved`) as the kernel has them.
    fn types(moved: u32) -> (Builder, [TypeId; 5]) {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let text = b.char_array(16);
        for other in 0..moved {
            b.structure(&format!("other{other}"), 4, &[("x", int, 0)]);
        }
        let inner = b.structure(
            "inner",
            8 + moved,
            &[("x", int, moved), ("y", int, 4 + moved)],
        );
        let anon = b.union("", 8 + moved, &[("inner", inner)]);
        let pointer = b.ptr(inner);
        let callback = b.func_proto(int, &[("of", pointer)]);
        let callback = b.ptr(callback);
        let members = [
            ("unused", text, 0),
            ("", anon, 16 + moved),
            ("call", callback, 32 + moved),
            ("name", text, 40 + moved),
        ];
        let outer = b.structure("outer", 64 + moved, &members);
        let alias = b.typedef("outer_t", outer);
        let bits = [("a", int, 0, 3), ("b", int, 3 + moved, 5)];
        let bits = b.bitfields("bits", 4, &bits);
        let colour = b.enumeration("colour", &[("RED", 1), ("BLUE", 2 + moved as i32)]);
        (b, [outer, alias, bits, colour, callback])
    }

    #[test]
    fn every_kind_of_relocation_is_answered_as_by_the_whole() {
        use RelocationKind::*;
        let (mut local, [outer, alias, bits, colour, _]) = types(0);
        let mut relos = Vec::new();
        for (kind, ty, access) in [
            (FieldByteOffset, outer, "0:1:0:1"),
            (FieldByteOffset, outer, "0:3:2"),
            (FieldByteSize, outer, "0:3"),
            (FieldExists, outer, "0:2"),
            (FieldByteOffset, alias, "0:1:0:0"),
            (FieldLshiftU64, bits, "0:1"),
            (FieldSigned, bits, "0:1"),
            (EnumvalValue, colour, "1"),
            (TypeSize, outer, "0"),
            (TypeExists, alias, "0"),
            (TypeMatches, outer, "0"),
            (TypeMatches, colour, "0"),
        ] {
            let access = StrOffset(local.name(access));
            let insn_offset = 0;
            relos.push(CoreRelo {
                insn_offset,
                type_id: ty,
                access,
                kind,
            });
        }
        let (local, (target, _)) = (local.bytes(), types(8));
        let target = target.bytes();
        let local = Btf::parse(&local).unwrap();
        let wanted = wanted(&local, relos.iter()).unwrap();
        let read = |bytes| {
            let len = <[u8]>::len(bytes) as u64;
            WindowedBtf::gather(Source::Memory(bytes), len, &wanted).unwrap()
        };
        let whole = read(&target);
        let mut minimal = Minimal::new(&whole);
        minimal.keep(&local, &relos).unwrap();
        let bytes = minimal.finish().unwrap();
        let small = read(&bytes);
        for relo in &relos {
            let answers = [&whole, &small]
                .map(|types| crate::relocate::resolve(&local, types, relo).unwrap());
            let [expected, found] = answers.map(|answer| match answer.answer {
                crate::relocate::Answer::Value(value) => (value.number, value.field.map(|f| f.0)),
                crate::relocate::Answer::Poison => panic!("{relo:?}"),
            });
            assert_eq!(found, expected, "{relo:?}");
        }
        assert!(
            bytes.len() < target.len(),
            "{} of {} bytes",
            bytes.len(),
            target.len()
        );
        assert!(small.len() < whole.len());
    }

    #[test]
    fn nothing_is_kept_where_nothing_was_asked() {
        let (target, _) = types(0);
        let target = target.bytes();
        let target = WindowedBtf::gather(
            Source::Memory(&target),
            target.len() as u64,
            &Default::default(),
        );
        let bytes = Minimal::new(&target.unwrap()).finish().unwrap();
        assert!(Btf::parse(&bytes).unwrap().is_empty());
    }
}
