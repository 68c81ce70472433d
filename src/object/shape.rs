//! Objects of old compilers and of other ones, brought to the shape that clang gives them today.

use super::parse::Places;
use super::{Object, functions};
use crate::elf::{Binding, Elf, SymbolKind};

/// Gives functions the type and size that some compilers leave out.
///
/// Where a section has no symbol that says it is a function, what others can see by name is one. A
/// function without a size goes on to the next one, or to the end of its section.
pub(super) fn functions(elf: &mut Elf<'_>) {
    for (index, section) in elf.sections.iter().enumerate() {
        if !section.is_code() {
            continue;
        }
        let mut own: Vec<_> = elf
            .symbols
            .iter_mut()
            .filter(|s| s.section == Some(index))
            .collect();
        if own.iter().all(|s| s.kind != SymbolKind::Function) {
            for symbol in &mut own {
                let seen = symbol.binding != Binding::Local && !symbol.name.is_empty();
                if seen && symbol.kind == SymbolKind::Other {
                    symbol.kind = SymbolKind::Function;
                }
            }
        }
        own.retain(|s| s.kind == SymbolKind::Function);
        let mut starts: Vec<u64> = own.iter().map(|s| s.value).collect();
        starts.sort_unstable();
        for symbol in own.iter_mut().filter(|s| s.size == 0) {
            let next = starts.get(starts.partition_point(|&at| at <= symbol.value));
            let end = next.copied().unwrap_or(section.size);
            match end.checked_sub(symbol.value) {
                // A mark behind the last instruction.
                Some(0) => symbol.kind = SymbolKind::Other,
                Some(size) => symbol.size = size,
                None => {}
            }
        }
    }
}

/// Forgets what is said of instructions that belong to no function: a linker that takes one of two
/// weak functions leaves the other one's code behind, and its records.
pub(super) fn forget_dead_code(object: &mut Object<'_>) {
    let live = &object.functions;
    for (index, code) in object.code.iter_mut().enumerate() {
        code.relocations.retain(|relocation| {
            let slot = relocation.insn_offset as usize / 8;
            functions::is_live(live, index, slot)
        });
    }
}

/// Whether the assembler has put a variable's place in its section into each instruction that names
/// it, where the symbol says it already. That of GNU before 2.41 does.
pub(super) fn places_are_in_instructions(
    elf: &Elf<'_>,
    object: &Object<'_>,
    places: &Places,
) -> bool {
    // Its first string may be empty.
    let by_gcc = |data: &[u8]| data.split(|&b| b == 0).any(|s| s.starts_with(b"GCC: "));
    let gnu = |s: &crate::elf::Section<'_>| s.name == ".comment" && by_gcc(s.data);
    if !elf.sections.iter().any(gnu) {
        return false;
    }
    let mut seen = false;
    for (&section, code) in places.code.iter().zip(&object.code) {
        for relocation in elf.relocations(section).unwrap_or_default() {
            let symbol = elf.symbols.get(relocation.symbol);
            let named = symbol.filter(|s| s.kind != SymbolKind::Section && s.value != 0);
            let data = named.and_then(|s| {
                let section = s.section?;
                places
                    .data
                    .iter()
                    .any(|(at, _)| *at == section)
                    .then_some(s)
            });
            let slot = usize::try_from(relocation.offset / 8).unwrap_or(usize::MAX);
            if let Some((symbol, insn)) = data.zip(code.insns.get(slot)) {
                if i64::from(insn.imm).cast_unsigned() < symbol.value {
                    return false;
                }
                seen = true;
            }
        }
    }
    seen
}
