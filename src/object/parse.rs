//! From ELF sections to an [`Object`], step by step.

use super::{Code, Insn, Object, ObjectError, functions, maps, references, sections};
#[cfg(feature = "full")]
use super::{arena, exceptions, externs, legacy, shape, struct_ops};
use crate::btf::{Btf, BtfError, BtfExt, CoreRelo, Header, Kind, Types};
use crate::elf::{Elf, Section};

pub(super) fn object(bytes: &[u8]) -> Result<Object<'_>, ObjectError> {
    #[cfg_attr(not(feature = "full"), expect(unused_mut))]
    let mut elf = Elf::parse(bytes)?;
    #[cfg(feature = "full")]
    shape::functions(&mut elf);
    let btf = match elf.section(".BTF") {
        Some(section) => Some(Btf::parse(section.data).map_err(in_section(".BTF"))?),
        None => None,
    };
    let ext = match (&btf, elf.section(".BTF.ext")) {
        (Some(_), Some(section)) => BtfExt::parse(section.data).map_err(in_section(".BTF.ext"))?,
        _ => BtfExt::default(),
    };
    let mut object = Object {
        btf,
        ext,
        license: license(&elf),
        code: Vec::new(),
        functions: Vec::new(),
        programs: Vec::new(),
        maps: Vec::new(),
        globals: Vec::new(),
        #[cfg(feature = "full")]
        externs: Vec::new(),
    };
    let mut places = Places::default();
    read_code(&elf, &mut object, &mut places)?;
    functions::read(&elf, &mut object, &places)?;
    functions::read_programs(&mut object)?;
    maps::read(&elf, &mut object, &mut places)?;
    #[cfg(feature = "full")]
    {
        shape::forget_dead_code(&mut object);
        exceptions::read(&mut object)?;
        legacy::read(&elf, &mut object, &mut places)?;
        arena::read(&elf, &mut object, &mut places)?;
    }
    sections::read(&elf, &mut object, &mut places)?;
    places.kconfig = super::kconfig::read(&elf, &mut object)?;
    #[cfg(feature = "full")]
    {
        struct_ops::read(&elf, &mut object, &places)?;
        object.externs = externs::read(&elf, &object);
        places.in_instructions = shape::places_are_in_instructions(&elf, &object, &places);
    }
    for (index, &section) in places.code.iter().enumerate() {
        let references = references::read(&elf, &object, &places, section)?;
        if let Some(code) = object.code.get_mut(index) {
            code.references = references;
        }
    }
    // Maps, or functions for other objects, can be all that there is.
    if object.programs.is_empty() && object.code.is_empty() && object.maps.is_empty() {
        return Err(ObjectError::NoProgram);
    }
    Ok(object)
}

/// Which ELF sections became what.
#[derive(Default)]
pub(super) struct Places {
    /// ELF section of each [`Object::code`].
    pub code: Vec<usize>,
    /// ELF section and index in [`Object::maps`] of each data map.
    pub data: Vec<(usize, usize)>,
    /// ELF section of `.maps`.
    pub maps: Option<usize>,
    /// The map of `.kconfig`.
    pub kconfig: Option<usize>,
    /// Maps of legacy sections.
    #[cfg(feature = "full")]
    pub legacy: Vec<legacy::Place>,
    /// Instructions that name a variable hold its place in its section, as its symbol does.
    pub in_instructions: bool,
}

pub(super) fn in_section(section: &'static str) -> impl Fn(BtfError) -> ObjectError {
    move |source| ObjectError::Btf { section, source }
}

fn license<'a>(elf: &Elf<'a>) -> &'a str {
    let bytes = elf.section("license").map_or(&[][..], |s| s.data);
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    core::str::from_utf8(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

fn read_code<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    for (index, section) in elf.sections.iter().enumerate() {
        if !section.is_code() || section.data.is_empty() {
            continue;
        }
        let (insns, rest) = section.data.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(bad_code(section.name, "its size is not a multiple of 8"));
        }
        object.code.push(Code {
            section: section.name,
            insns: insns.iter().map(|&b| Insn::parse(b)).collect(),
            references: Vec::new(),
            relocations: read_relocations(object, section)?,
        });
        places.code.push(index);
    }
    Ok(())
}

fn read_relocations(
    object: &Object<'_>,
    section: &Section<'_>,
) -> Result<Vec<CoreRelo>, ObjectError> {
    let Some(btf) = &object.btf else {
        return Ok(Vec::new());
    };
    let records = object.ext.core_relos.of(btf, section.name);
    let mut found = Vec::new();
    for record in records {
        let relo = CoreRelo::parse(record).map_err(in_section(".BTF.ext"))?;
        if !relo.insn_offset.is_multiple_of(8) || u64::from(relo.insn_offset) >= section.size {
            return Err(bad_code(
                section.name,
                "a CO-RE relocation lies outside it or between instructions",
            ));
        }
        found.push(relo);
    }
    found.sort_by_key(|r| r.insn_offset);
    Ok(found)
}

pub(super) fn bad_code(section: &str, why: &'static str) -> ObjectError {
    ObjectError::BadCode {
        section: section.into(),
        why,
    }
}

/// The DATASEC of an ELF section.
pub(super) fn datasec(btf: &Btf<'_>, section: &str) -> Option<Header> {
    btf.header(btf.find(Kind::Datasec, section)?).ok()
}
