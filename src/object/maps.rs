//! Maps: what `.maps` declares in BTF, and the data sections, which become maps too.

use std::borrow::Cow;

use super::parse::{Places, datasec, in_section};
use super::{Object, ObjectError};
use crate::btf::{Btf, BtfError, Header, Kind, TypeId, Types};
use crate::elf::{Elf, Symbol, SymbolKind};

/// A map to create.
#[derive(Clone, Debug)]
pub struct MapSpec<'a> {
    /// Its variable, or the ELF section of a data map.
    pub name: &'a str,
    /// Declared in `.maps`, or made of a data section.
    pub kind: MapKind<'a>,
    /// `BPF_MAP_TYPE_…`.
    pub map_type: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many entries it can hold.
    pub max_entries: u32,
    /// `BPF_F_…`.
    pub flags: u32,
    /// The memory node, where the definition gives one.
    pub numa_node: Option<u32>,
    /// A number whose meaning depends on the type of the map.
    pub map_extra: u64,
    /// Type of a key; `void` if only a size is declared.
    pub key_type: TypeId,
    /// Type of a value; `void` if only a size is declared. For a data map, its DATASEC.
    pub value_type: TypeId,
    /// Whether it is pinned.
    pub pinning: Pinning,
    /// For a map of maps, what the inner maps look like.
    pub inner: Option<Box<MapSpec<'a>>>,
    /// What it holds before the first program runs, by key.
    #[cfg(feature = "full")]
    pub slots: Vec<super::Slot>,
    /// For an arena, what its globals hold at first: the section [`super::ARENA_SECTION`].
    #[cfg(feature = "full")]
    pub arena_data: Option<Cow<'a, [u8]>>,
    /// Where in its definition the slots are.
    #[cfg(feature = "full")]
    pub(super) values_at: Option<crate::btf::BitOffset>,
}

/// Where a map comes from.
#[derive(Clone, Debug)]
pub enum MapKind<'a> {
    /// A variable in `.maps`.
    Declared {
        /// Byte of the variable in the section.
        offset: u64,
    },
    /// A data section.
    Data {
        /// Which one.
        kind: DataKind,
        /// Its contents before the first program runs; all zero if empty.
        initial: Cow<'a, [u8]>,
    },
    /// A `struct bpf_map_def` in a section `maps`, as before BTF.
    #[cfg(feature = "full")]
    Legacy,
    /// A table of functions for the kernel, in a section `.struct_ops`.
    #[cfg(feature = "full")]
    StructOps(super::StructOps<'a>),
}

/// The data sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// `.data…`
    Data,
    /// `.rodata…`: read-only for programs, and frozen.
    Rodata,
    /// `.bss…`: zero at the start.
    Bss,
    /// `.kconfig`: filled by the loader, then frozen.
    Kconfig,
}

/// Whether a map is kept in the BPF file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pinning {
    /// Gone with the program that made it.
    #[default]
    None,
    /// Kept under its own name, and used again if it is there.
    ByName,
}

impl<'a> MapSpec<'a> {
    /// A map of which nothing is told yet.
    pub fn new(name: &'a str, kind: MapKind<'a>) -> MapSpec<'a> {
        MapSpec {
            name,
            kind,
            map_type: 0,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            flags: 0,
            numa_node: None,
            map_extra: 0,
            key_type: TypeId::VOID,
            value_type: TypeId::VOID,
            pinning: Pinning::None,
            inner: None,
            #[cfg(feature = "full")]
            slots: Vec::new(),
            #[cfg(feature = "full")]
            arena_data: None,
            #[cfg(feature = "full")]
            values_at: None,
        }
    }

    /// The one-element array map of a data section of `size` bytes.
    pub(super) fn data(
        name: &'a str,
        kind: DataKind,
        size: u32,
        initial: &'a [u8],
        datasec: TypeId,
    ) -> MapSpec<'a> {
        let mut map = MapSpec::new(
            name,
            MapKind::Data {
                kind,
                initial: Cow::Borrowed(initial),
            },
        );
        map.map_type = crate::sys::abi::BPF_MAP_TYPE_ARRAY;
        map.key_size = 4;
        map.value_size = size;
        map.max_entries = 1;
        map.value_type = datasec;
        map
    }
}

/// Reads the definitions in `.maps`.
pub(super) fn read<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    let found = elf.sections.iter().position(|s| s.name == ".maps");
    let Some(section) = found else {
        return Ok(());
    };
    places.maps = Some(section);
    #[cfg(not(feature = "full"))]
    if !elf.relocations(section)?.is_empty() {
        return Err(ObjectError::BadData {
            section: ".maps".into(),
            why: "maps with initial values are not supported yet",
        });
    }
    let btf = object.btf.as_ref().ok_or(ObjectError::NoBtf {
        needs: "the section .maps",
    })?;
    let datasec = datasec(btf, ".maps").ok_or(ObjectError::NoBtf {
        needs: "the section .maps",
    })?;
    for index in 0..datasec.vlen {
        let info = btf.secinfo(&datasec, index).map_err(in_section(".BTF"))?;
        let var = btf.header(info.var).map_err(in_section(".BTF"))?;
        let name = btf.str_at(var.name).unwrap_or_default();
        let symbol =
            variable(elf, section, name, info.offset).ok_or_else(|| ObjectError::BadMap {
                map: name.into(),
                why: "it has BTF and no ELF symbol".into(),
            })?;
        let map = declared(btf, name, var.target(), symbol.value)?;
        object.maps.push(map);
    }
    object.maps.sort_unstable_by_key(|m| match m.kind {
        MapKind::Declared { offset } => offset,
        _ => u64::MAX,
    });
    #[cfg(feature = "full")]
    super::slots::read(elf, object, places, section)?;
    Ok(())
}

/// The symbol of a variable. Where objects were joined, two of them may have static ones of one name: then
/// the BTF says where each is, which compilers leave open.
pub(super) fn variable<'e, 'a>(
    elf: &'e Elf<'a>,
    section: usize,
    name: &str,
    offset: u32,
) -> Option<&'e Symbol<'a>> {
    let named = |s: &&Symbol<'_>| {
        s.section == Some(section) && s.name == name && s.kind != SymbolKind::Section
    };
    let there = |s: &&Symbol<'_>| named(s) && s.value == u64::from(offset);
    let mut symbols = elf.symbols.iter();
    symbols
        .find(there)
        .or_else(|| elf.symbols.iter().find(named))
}

/// Reads the definition of the map variable `name` from its struct.
fn declared<'a>(
    btf: &Btf<'a>,
    name: &'a str,
    ty: TypeId,
    offset: u64,
) -> Result<MapSpec<'a>, ObjectError> {
    let mut map = MapSpec::new(name, MapKind::Declared { offset });
    definition(btf, &mut map, ty, Depth::Outer).map_err(|why| ObjectError::BadMap {
        map: name.into(),
        why,
    })?;
    Ok(map)
}

#[derive(PartialEq)]
enum Depth {
    Outer,
    Inner,
}

fn definition<'a>(
    btf: &Btf<'a>,
    map: &mut MapSpec<'a>,
    ty: TypeId,
    depth: Depth,
) -> Result<(), String> {
    let of = btf.peel(ty).map_err(text)?;
    if of.kind != Kind::Struct {
        return Err("its definition is not a struct".into());
    }
    for index in 0..of.vlen {
        let member = btf.member(&of, index).map_err(text)?;
        let field = btf.str_at(member.name).unwrap_or_default();
        match field {
            "type" => map.map_type = uint(btf, field, member.ty)?,
            "max_entries" => map.max_entries = uint(btf, field, member.ty)?,
            "map_flags" => map.flags = uint(btf, field, member.ty)?,
            "numa_node" => map.numa_node = Some(uint(btf, field, member.ty)?),
            "map_extra" => map.map_extra = ulong(btf, field, member.ty)?,
            "pinning" => {
                map.pinning = match uint(btf, field, member.ty)? {
                    0 => Pinning::None,
                    1 => Pinning::ByName,
                    other => return Err(format!("pinning {other} is neither 0 nor 1 (by name)")),
                }
            }
            "key_size" => size(&mut map.key_size, uint(btf, field, member.ty)?, field)?,
            "value_size" => size(&mut map.value_size, uint(btf, field, member.ty)?, field)?,
            "key" => {
                map.key_type = pointee(btf, field, member.ty)?;
                size(&mut map.key_size, size_of(btf, field, map.key_type)?, field)?;
            }
            "value" => {
                map.value_type = pointee(btf, field, member.ty)?;
                let bytes = size_of(btf, field, map.value_type)?;
                size(&mut map.value_size, bytes, field)?;
            }
            "values" if depth == Depth::Inner => {
                return Err("a map inside a map inside a map".into());
            }
            "values" => {
                size(&mut map.value_size, 4, field)?;
                #[cfg(feature = "full")]
                {
                    map.values_at = Some(member.offset);
                }
                map.inner = inner(btf, map.name, member.ty)?;
            }
            other => return Err(format!("its definition has the unknown field '{other}'")),
        }
    }
    match map.map_type {
        0 => Err("its definition has no type".into()),
        _ => Ok(()),
    }
}

/// `__array(values, …)`: a template of the inner maps, or functions (a program array has none).
fn inner<'a>(btf: &Btf<'a>, name: &'a str, ty: TypeId) -> Result<Option<Box<MapSpec<'a>>>, String> {
    const NOT: &str = "values is not an array of pointers";
    let array = btf.peel(ty).map_err(text)?;
    let element = btf.array(&array).map_err(|_| NOT)?.element;
    let target = pointee(btf, "values", element).map_err(|_| NOT)?;
    let of = btf.peel(target).map_err(text)?;
    match of.kind {
        Kind::FuncProto => Ok(None),
        Kind::Struct => {
            let mut map = MapSpec::new(name, MapKind::Declared { offset: 0 });
            definition(btf, &mut map, target, Depth::Inner)?;
            Ok(Some(Box::new(map)))
        }
        _ => Err("values points neither to a map nor to a function".into()),
    }
}

/// Sets a size that may be given once, or twice with the same number.
fn size(slot: &mut u32, bytes: u32, field: &str) -> Result<(), String> {
    match *slot {
        old if old != 0 && old != bytes => Err(format!(
            "{field} says {bytes} bytes where it was {old} before"
        )),
        _ => {
            *slot = bytes;
            Ok(())
        }
    }
}

/// `__uint(field, n)`: a pointer to an array of n elements.
fn uint(btf: &Btf<'_>, field: &str, ty: TypeId) -> Result<u32, String> {
    let target = pointee(btf, field, ty)?;
    let array = btf.peel(target).map_err(text)?;
    match btf.array(&array) {
        Ok(array) => Ok(array.len),
        Err(_) => Err(format!("{field} is not written with __uint()")),
    }
}

/// `__ulong(field, n)`: an enum with one value; or `__uint`.
fn ulong(btf: &Btf<'_>, field: &str, ty: TypeId) -> Result<u64, String> {
    let of = btf.peel(ty).map_err(text)?;
    match of.kind.is_enum() && of.vlen == 1 {
        true => Ok(btf.enumerator(&of, 0).map_err(text)?.value),
        false => uint(btf, field, ty).map(u64::from),
    }
}

fn pointee(btf: &Btf<'_>, field: &str, ty: TypeId) -> Result<TypeId, String> {
    let of: Header = btf.peel(ty).map_err(text)?;
    match of.kind {
        Kind::Ptr => Ok(of.target()),
        _ => Err(format!(
            "{field} is not a pointer: write it with the macros of bpf_helpers.h"
        )),
    }
}

fn size_of(btf: &Btf<'_>, field: &str, ty: TypeId) -> Result<u32, String> {
    btf.size_of(ty)
        .map_err(|_| format!("the type of {field} has no size"))
}

fn text(error: BtfError) -> String {
    error.to_string()
}
