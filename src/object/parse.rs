//! From ELF sections to an [`Object`], step by step.

use super::{
    Code, DataKind, Function, Global, Hook, Insn, MapKind, MapSpec, Object, ObjectError, Program,
    Reference, Referent, hook, maps, op,
};
use crate::btf::{Btf, BtfError, BtfExt, CoreRelo, Header, Kind, TypeId, Types};
use crate::elf::{Binding, Elf, Section, Symbol, SymbolKind};

/// The most that a data section may hold: as much as an array map's value can.
const MAX_DATA: u64 = i32::MAX as u64;

pub(super) fn object(bytes: &[u8]) -> Result<Object<'_>, ObjectError> {
    let elf = Elf::parse(bytes)?;
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
    read_functions(&elf, &mut object, &places)?;
    read_programs(&mut object)?;
    read_declared_maps(&elf, &mut object, &mut places)?;
    read_data(&elf, &mut object, &mut places)?;
    places.kconfig = super::kconfig::read(&elf, &mut object)?;
    #[cfg(feature = "full")]
    {
        object.externs = super::externs::read(&elf, &object);
    }
    for (index, &section) in places.code.iter().enumerate() {
        let references = read_references(&elf, &object, &places, section)?;
        if let Some(code) = object.code.get_mut(index) {
            code.references = references;
        }
    }
    if object.programs.is_empty() {
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
    data: Vec<(usize, usize)>,
    /// ELF section of `.maps`.
    maps: Option<usize>,
    /// The map of `.kconfig`.
    kconfig: Option<usize>,
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

fn bad_code(section: &str, why: &'static str) -> ObjectError {
    ObjectError::BadCode {
        section: section.into(),
        why,
    }
}

fn read_functions<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &Places,
) -> Result<(), ObjectError> {
    for (code, &section) in places.code.iter().enumerate() {
        let (name, slots) = match object.code.get(code) {
            Some(c) => (c.section, c.insns.len() as u64),
            None => continue,
        };
        let mut found = Vec::new();
        for symbol in elf.symbols.iter() {
            if symbol.kind != SymbolKind::Function || symbol.section != Some(section) {
                continue;
            }
            let (start, len) = (symbol.value / 8, symbol.size / 8);
            let aligned = symbol.value.is_multiple_of(8) && symbol.size.is_multiple_of(8);
            if !aligned || len == 0 || start.checked_add(len).is_none_or(|end| end > slots) {
                return Err(bad_code(name, "a function lies outside it"));
            }
            found.push(Function {
                name: symbol.name,
                code,
                start: start as usize,
                len: len as usize,
                global: symbol.binding != Binding::Local && !symbol.hidden,
            });
        }
        found.sort_by_key(|f| f.start);
        object.functions.append(&mut found);
    }
    Ok(())
}

fn read_programs(object: &mut Object<'_>) -> Result<(), ObjectError> {
    for (index, function) in object.functions.iter().enumerate() {
        let section = object.code.get(function.code).map_or("", |c| c.section);
        if section == ".text" {
            continue;
        }
        let name = section.strip_prefix('?').unwrap_or(section);
        let (kind, hook): (_, Hook<'_>) = match hook::parse(name) {
            Ok(found) => found,
            Err(why) => {
                return Err(ObjectError::BadSection {
                    program: function.name.into(),
                    section: section.into(),
                    why,
                });
            }
        };
        object.programs.push(Program {
            name: function.name,
            section,
            function: index,
            kind,
            hook,
            autoload: name.len() == section.len(),
        });
    }
    Ok(())
}

/// The DATASEC of an ELF section.
pub(super) fn datasec(btf: &Btf<'_>, section: &str) -> Option<Header> {
    btf.header(btf.find(Kind::Datasec, section)?).ok()
}

fn read_declared_maps<'a>(
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
        let symbol = variable(elf, section, name, info.offset);
        let symbol = symbol.ok_or_else(|| ObjectError::BadMap {
            map: name.into(),
            why: "it has BTF and no ELF symbol".into(),
        })?;
        let map = maps::declared(btf, name, var.target(), symbol.value)?;
        object.maps.push(map);
    }
    object.maps.sort_unstable_by_key(|m| match m.kind {
        MapKind::Declared { offset } => offset,
        MapKind::Data { .. } => u64::MAX,
    });
    #[cfg(feature = "full")]
    super::slots::read(elf, object, places, section)?;
    Ok(())
}

/// The symbol of a variable. Where objects were joined, two of them may have static ones of one name: then
/// the BTF says where each is, which compilers leave open.
fn variable<'e, 'a>(
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

/// Which data section this name means: the plain name, or the name and a suffix after a dot.
fn data_kind(name: &str) -> Option<DataKind> {
    const KINDS: [(&str, DataKind); 3] = [
        (".data", DataKind::Data),
        (".rodata", DataKind::Rodata),
        (".bss", DataKind::Bss),
    ];
    let (_, kind) = KINDS.iter().find(|(prefix, _)| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })?;
    Some(*kind)
}

fn read_data<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    places: &mut Places,
) -> Result<(), ObjectError> {
    for (index, section) in elf.sections.iter().enumerate() {
        let Some(kind) = data_kind(section.name) else {
            continue;
        };
        if section.size == 0 {
            continue;
        }
        if section.size > MAX_DATA {
            return Err(ObjectError::BadData {
                section: section.name.into(),
                why: "it is larger than a map value can be",
            });
        }
        // NOBITS claims a size that is not in the file; a hostile one costs no memory before load.
        let sec = object.btf.as_ref().and_then(|b| datasec(b, section.name));
        let map = object.maps.len();
        object.maps.push(MapSpec::data(
            section.name,
            kind,
            section.size as u32,
            section.data,
            sec.map_or(TypeId::VOID, |s| s.id),
        ));
        places.data.push((index, map));
        read_globals(elf, object, index, map)?;
    }
    Ok(())
}

fn read_globals<'a>(
    elf: &Elf<'a>,
    object: &mut Object<'a>,
    section: usize,
    map: usize,
) -> Result<(), ObjectError> {
    let spec = object.maps.get(map);
    let (name, size) = spec.map_or(("", 0), |m| (m.name, u64::from(m.value_size)));
    for symbol in &elf.symbols {
        let names_data = symbol.kind == SymbolKind::Object && !symbol.name.is_empty();
        if symbol.section != Some(section) || !names_data {
            continue;
        }
        let end = symbol.value.checked_add(symbol.size);
        if end.is_none_or(|end| end > size) {
            return Err(ObjectError::BadData {
                section: name.into(),
                why: "a variable lies outside it",
            });
        }
        object.globals.push(Global {
            name: symbol.name,
            map,
            offset: symbol.value as usize,
            size: symbol.size as usize,
            ty: object
                .btf
                .as_ref()
                .and_then(|btf| variable_type(btf, name, symbol.name))
                .unwrap_or(TypeId::VOID),
            weak: false,
        });
    }
    Ok(())
}

fn variable_type(btf: &Btf<'_>, section: &str, name: &str) -> Option<TypeId> {
    let datasec = datasec(btf, section)?;
    (0..datasec.vlen)
        .filter_map(|i| btf.header(btf.secinfo(&datasec, i).ok()?.var).ok())
        .find(|var| btf.str_at(var.name) == Some(name))
        .map(|var| var.target())
}

fn read_references<'a>(
    elf: &Elf<'a>,
    object: &Object<'a>,
    places: &Places,
    section: usize,
) -> Result<Vec<Reference<'a>>, ObjectError> {
    let code = places.code.iter().position(|&s| s == section);
    let Some(code) = code.and_then(|c| object.code.get(c)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for relocation in elf.relocations(section)? {
        let slot = usize::try_from(relocation.offset / 8).unwrap_or(usize::MAX);
        let symbol = elf.symbols.get(relocation.symbol);
        let bad = |why| ObjectError::BadReference {
            section: code.section.into(),
            insn: slot,
            why,
            symbol: symbol.map_or("", |s| s.name).into(),
        };
        if !relocation.offset.is_multiple_of(8) {
            return Err(bad("a relocation between two instructions, against "));
        }
        let insn = code.insns.get(slot);
        let insn = insn.ok_or_else(|| bad("a relocation past the end of the section, against "))?;
        let symbol =
            symbol.ok_or_else(|| bad("a relocation against a symbol that is not there"))?;
        let to = referent(object, places, symbol, *insn).map_err(bad)?;
        found.push(Reference { insn: slot, to });
    }
    found.sort_by_key(|r| r.insn);
    Ok(found)
}

fn referent<'a>(
    object: &Object<'a>,
    places: &Places,
    symbol: &Symbol<'a>,
    insn: Insn,
) -> Result<Referent<'a>, &'static str> {
    let call = insn.is_local_call();
    if !call && !insn.is_ld_imm64() && insn.code != op::CALL {
        return Err("an instruction that can't be relocated refers to ");
    }
    let Some(section) = symbol.section else {
        return undefined(object, places, symbol);
    };
    if let Some(code) = places.code.iter().position(|&s| s == section) {
        // Against a section symbol, the distance is in the instruction: in slots from the next
        // one for a call, in bytes for an address.
        let addend = match (symbol.kind, call) {
            (SymbolKind::Section, true) => (i64::from(insn.imm) + 1) * 8,
            (SymbolKind::Section, false) => i64::from(insn.imm),
            _ => 0,
        };
        let at = symbol.value.checked_add_signed(addend);
        let function = at.and_then(|at| function_at(object, code, at));
        let function = function.ok_or("a reference to no function: ")?;
        return Ok(match call {
            true => Referent::Call(function),
            false => Referent::Address(function),
        });
    }
    if !insn.is_ld_imm64() {
        return Err("a call of something that is no function: ");
    }
    if places.maps == Some(section) {
        let map = object
            .maps
            .iter()
            .position(|m| matches!(m.kind, MapKind::Declared { offset } if offset == symbol.value));
        return Ok(Referent::Map(map.ok_or("a reference to no map: ")?));
    }
    let data = places.data.iter().find(|(s, _)| *s == section);
    let (_, map) = data.ok_or("a reference to a section that is not loaded: ")?;
    let offset = symbol.value.checked_add_signed(i64::from(insn.imm));
    let size = object.maps.get(*map).map_or(0, |m| m.value_size);
    match offset {
        Some(offset) if offset <= u64::from(size) => Ok(Referent::Data {
            map: *map,
            offset: offset as u32,
        }),
        _ => Err("a reference outside its section, to "),
    }
}

fn undefined<'a>(
    object: &Object<'a>,
    places: &Places,
    symbol: &Symbol<'a>,
) -> Result<Referent<'a>, &'static str> {
    let kconfig = |map: usize| {
        let found = object.globals.iter();
        let mut found = found.filter(|g| g.map == map && g.name == symbol.name);
        found.next().map(|g| Referent::Data {
            map,
            offset: g.offset as u32,
        })
    };
    match places.kconfig.and_then(kconfig) {
        Some(data) => Ok(data),
        None if symbol.name.is_empty() => Err("a reference to an undefined symbol without a name"),
        None => Ok(Referent::Extern { name: symbol.name }),
    }
}

pub(super) fn function_at(object: &Object<'_>, code: usize, byte: u64) -> Option<usize> {
    object
        .functions
        .iter()
        .position(|f| f.code == code && f.start as u64 * 8 == byte)
}
