//! Tables of functions for the kernel: each variable in a section `.struct_ops` or
//! `.struct_ops.link` is a map, with programs where its struct has pointers to functions.

use std::borrow::Cow;

use super::maps::variable;
use super::parse::{Places, datasec, in_section};
use super::{MapKind, MapSpec, Object, ObjectError, functions};
use crate::btf::{Btf, Header, Kind, TypeId, Types};
use crate::elf::{Elf, Relocation};
use crate::sys::abi;

/// A struct with functions in it, as the object declares it.
#[derive(Clone, Debug)]
pub struct StructOps<'a> {
    /// Its ELF section, with `?` if it has one.
    pub section: &'a str,
    /// Byte of the variable in the section.
    pub offset: u64,
    /// Its struct in the object's BTF, under typedefs and qualifiers.
    pub ty: TypeId,
    /// Its contents: what is not a pointer to a function.
    pub initial: Cow<'a, [u8]>,
    /// Its functions, by their place.
    pub programs: Vec<OpsProgram>,
    /// In `.struct_ops.link`: it takes effect by a link (6.4), and not by being filled.
    pub link: bool,
    /// Created without being asked for: its section has no `?`.
    pub autocreate: bool,
}

/// A program in a table of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpsProgram {
    /// Bytes from the start of the struct.
    pub offset: u32,
    /// Which member of the struct that is.
    pub member: u32,
    /// Index in [`Object::functions`].
    pub function: usize,
}

/// The sections, and whether they ask for links.
const SECTIONS: [(&str, bool); 2] = [(".struct_ops", false), (".struct_ops.link", true)];

/// Makes a map of every variable in these sections.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &Places,
) -> Result<(), ObjectError> {
    for (index, section) in elf.sections.iter().enumerate() {
        let plain = section.name.strip_prefix('?').unwrap_or(section.name);
        let known = SECTIONS.iter().find(|(name, _)| *name == plain);
        let Some((_, link)) = known.filter(|_| !section.data.is_empty()) else {
            continue;
        };
        let needs = "a section .struct_ops";
        let btf = object.btf.as_ref().ok_or(ObjectError::NoBtf { needs })?;
        let vars = datasec(btf, section.name).ok_or(ObjectError::NoBtf { needs })?;
        let first = object.maps.len();
        let mut found = Vec::new();
        for at in 0..vars.vlen {
            let info = btf.secinfo(&vars, at).map_err(in_section(".BTF"))?;
            let var = btf.header(info.var).map_err(in_section(".BTF"))?;
            let name = btf.str_at(var.name).unwrap_or_default();
            let bad = |why: &str| ObjectError::BadMap {
                map: name.into(),
                why: why.into(),
            };
            let symbol = variable(elf, index, name, info.offset);
            let symbol = symbol.ok_or_else(|| bad("it has BTF and no ELF symbol"))?;
            let ty = btf.peel(var.target()).map_err(in_section(".BTF"))?;
            if ty.kind != Kind::Struct || btf.str_at(ty.name).is_none_or(str::is_empty) {
                return Err(bad("it is not of a struct that has a name"));
            }
            let start = usize::try_from(symbol.value).unwrap_or(usize::MAX);
            let end = start.checked_add(ty.size() as usize);
            let initial = end.and_then(|end| section.data.get(start..end));
            let ops = StructOps {
                section: section.name,
                offset: symbol.value,
                ty: ty.id,
                initial: Cow::Borrowed(initial.ok_or_else(|| bad("it lies outside its section"))?),
                programs: Vec::new(),
                link: *link,
                autocreate: plain.len() == section.name.len(),
            };
            let mut map = MapSpec::new(name, MapKind::StructOps(ops));
            map.map_type = abi::BPF_MAP_TYPE_STRUCT_OPS;
            map.key_size = 4;
            map.value_size = ty.size();
            map.max_entries = 1;
            map.flags = if *link { abi::BPF_F_LINK } else { 0 };
            map.value_type = ty.id;
            found.push(map);
        }
        object.maps.append(&mut found);
        for relocation in elf.relocations(index)? {
            fill(elf, object, places, first, &relocation)?;
        }
    }
    Ok(())
}

/// Puts the function that a relocation names into the struct in which it lies.
fn fill<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &Places,
    first: usize,
    relocation: &Relocation,
) -> Result<(), ObjectError> {
    let own = object.maps.iter().enumerate().skip(first);
    let mut inside = own.filter_map(|(index, map)| match &map.kind {
        MapKind::StructOps(ops) => {
            let at = relocation.offset.checked_sub(ops.offset)?;
            (at < ops.initial.len() as u64).then_some((index, map.name, at as u32, ops))
        }
        _ => None,
    });
    let Some((map, name, at, ops)) = inside.next() else {
        return Err(ObjectError::BadData {
            section: ".struct_ops".into(),
            why: "a reference lies in none of its variables",
        });
    };
    let found = program(elf, object, places, relocation, (at, ops));
    let found = found.map_err(|why| ObjectError::BadMap {
        map: name.into(),
        why,
    })?;
    if let Some(MapKind::StructOps(ops)) = object.maps.get_mut(map).map(|m| &mut m.kind) {
        ops.programs.push(found);
    }
    Ok(())
}

fn program(
    elf: &Elf<'_>,
    object: &Object<'_>,
    places: &Places,
    relocation: &Relocation,
    (at, ops): (u32, &StructOps<'_>),
) -> Result<OpsProgram, String> {
    let btf = object.btf.as_ref().ok_or("it has no BTF")?;
    let ty = btf.header(ops.ty).map_err(|e| e.to_string())?;
    let (member, name) = member_at(btf, &ty, at)
        .ok_or_else(|| format!("byte {at} of it is filled, where no function pointer is"))?;
    let symbol = elf.symbols.get(relocation.symbol);
    let symbol = symbol.ok_or_else(|| format!("its member {name} names nothing"))?;
    let code = places.code.iter().position(|&s| Some(s) == symbol.section);
    let code = code.ok_or_else(|| format!("its member {name} is not a program of this object"))?;
    // Against the symbol of a section, the distance is in the place.
    let start = ops
        .initial
        .get(at as usize..)
        .and_then(|b| b.first_chunk::<8>());
    let addend = start.map_or(0, |b| u64::from_le_bytes(*b));
    let function = symbol.value.checked_add(addend);
    let function = function.and_then(|byte| functions::at(object, code, byte));
    let function = function.ok_or_else(|| format!("its member {name} names no function"))?;
    let of = object.programs.iter().find(|p| p.function == function);
    let kind = of.map(|p| p.kind.prog_type);
    if kind != Some(abi::BPF_PROG_TYPE_STRUCT_OPS) {
        let function = object.functions.get(function).map_or("", |f| f.name);
        return Err(format!(
            "its member {name} is {function}, which is not in a section struct_ops"
        ));
    }
    Ok(OpsProgram {
        offset: at,
        member,
        function,
    })
}

/// The pointer to a function at this byte of a struct: its number, and its name.
fn member_at<'a>(btf: &Btf<'a>, ty: &Header, at: u32) -> Option<(u32, &'a str)> {
    (0..ty.vlen).find_map(|index| {
        let member = btf.member(ty, index).ok()?;
        let pointer = btf.peel(member.ty).ok()?;
        let here = member.offset.0 == at.checked_mul(8)? && pointer.kind == Kind::Ptr;
        let target = btf.peel(pointer.target()).ok().filter(|_| here)?;
        (target.kind == Kind::FuncProto)
            .then_some((index, btf.str_at(member.name).unwrap_or_default()))
    })
}
