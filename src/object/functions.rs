//! Functions by their symbols, and which of them are programs.

use super::parse::{Places, bad_code};
use super::{Function, Hook, Object, ObjectError, Program, hook};
use crate::elf::{Binding, Elf, SymbolKind};

/// Finds the functions of every executable section.
pub(super) fn read<'a>(
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
                local: symbol.binding == Binding::Local,
                global: symbol.binding != Binding::Local && !symbol.hidden,
            });
        }
        found.sort_by_key(|f| f.start);
        object.functions.append(&mut found);
    }
    Ok(())
}

/// Tells which functions are programs: those outside of `.text` that others can see.
pub(super) fn read_programs(object: &mut Object<'_>) -> Result<(), ObjectError> {
    for (index, function) in object.functions.iter().enumerate() {
        let section = object.code.get(function.code).map_or("", |c| c.section);
        if is_text(section) || function.local {
            continue;
        }
        let name = section.strip_prefix('?').unwrap_or(section);
        #[cfg(feature = "full")]
        let (kind, hook) = hook::parse_leniently(name);
        #[cfg(not(feature = "full"))]
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
            #[cfg(feature = "full")]
            exception_callback: None,
        });
    }
    #[cfg(feature = "full")]
    if let ([only], []) = (&object.functions[..], &object.programs[..]) {
        // A function without a section of its own is a subprogram. Alone in another section, it is a
        // program, of which nothing says what kind.
        let section = object.code.get(only.code).map_or(".text", |c| c.section);
        if section != ".text" {
            object.programs.push(Program {
                name: only.name,
                section,
                function: 0,
                kind: super::ProgramKind::UNKNOWN,
                hook: Hook::Unknown,
                autoload: true,
                exception_callback: None,
            });
        }
    }
    Ok(())
}

/// Whether a section holds subprograms: `.text`, and what other compilers divide it into.
pub fn is_text(section: &str) -> bool {
    section == ".text" || cfg!(feature = "full") && section.starts_with(".text.")
}

/// Whether an instruction belongs to a function.
pub(super) fn is_live(functions: &[Function<'_>], code: usize, slot: usize) -> bool {
    let holds =
        |f: &Function<'_>| f.code == code && slot.checked_sub(f.start).is_some_and(|at| at < f.len);
    functions.iter().any(holds)
}

/// The function that starts at this byte of a code section.
pub(super) fn at(object: &Object<'_>, code: usize, byte: u64) -> Option<usize> {
    object
        .functions
        .iter()
        .position(|f| f.code == code && f.start as u64 * 8 == byte)
}
