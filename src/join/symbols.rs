//! One symbol of each global name.

use std::collections::BTreeMap;

use super::{Input, JoinError};
use crate::elf::{Binding, Symbol, SymbolKind};

/// A symbol of the output.
pub(super) struct OutSymbol<'a> {
    pub name: &'a str,
    /// Index of the output's section; `None` where nobody defines it.
    pub section: Option<usize>,
    /// Byte in that section.
    pub value: u64,
    pub size: u64,
    pub kind: SymbolKind,
    pub binding: Binding,
    pub hidden: bool,
    /// The object that it is from.
    pub input: usize,
}

/// The symbols of the output, local ones first.
pub(super) struct Symbols<'a> {
    pub all: Vec<OutSymbol<'a>>,
    /// The number of each name that is seen everywhere.
    globals: BTreeMap<&'a str, usize>,
}

impl<'a> Symbols<'a> {
    /// The definition of `name`, where some object has one.
    pub fn definition(&self, name: &str) -> Option<&OutSymbol<'a>> {
        let symbol = self.all.get(*self.globals.get(name)?)?;
        symbol.section.is_some().then_some(symbol)
    }
}

/// Which symbol of which object a name means.
type Winner = (usize, usize);

/// Decides what each name means, and notes in each object the numbers that its symbols have now.
pub(super) fn resolve<'a>(inputs: &mut [Input<'a>]) -> Result<Symbols<'a>, Box<JoinError>> {
    let winners = winners(inputs)?;
    let mut all = Vec::new();
    let mut numbers: Vec<Vec<usize>> = Vec::new();
    // Local symbols, and definitions that do not count.
    for (index, input) in inputs.iter().enumerate() {
        let mut own = vec![0; input.elf.symbols.len()];
        for (at, symbol) in input.elf.symbols.iter().enumerate() {
            let wins = winners.get(symbol.name) == Some(&(index, at));
            let global = is_global(symbol) && (wins || symbol.section.is_none());
            // A file's name, the empty symbol, or one in a section that is left out.
            let placed = symbol.section.is_some_and(|s| input.place(s).is_some());
            if global || !placed {
                continue;
            }
            if let Some(number) = own.get_mut(at) {
                *number = all.len() + 1;
            }
            all.push(moved(input, index, symbol, Binding::Local));
        }
        numbers.push(own);
    }
    let mut globals = BTreeMap::new();
    for (name, (index, at)) in &winners {
        let input = inputs.get(*index);
        let symbol = input.and_then(|input| Some((input, input.elf.symbols.get(*at)?)));
        if let Some((input, symbol)) = symbol {
            globals.insert(*name, all.len());
            let binding = match symbol.section {
                Some(_) => symbol.binding,
                None => extern_binding(inputs, name),
            };
            all.push(moved(input, *index, symbol, binding));
        }
    }
    for (input, mut own) in inputs.iter_mut().zip(numbers) {
        for (symbol, number) in input.elf.symbols.iter().zip(&mut own) {
            if let Some(at) = globals.get(symbol.name).filter(|_| is_global(symbol)) {
                *number = at + 1;
            }
        }
        input.symbols = own;
    }
    Ok(Symbols { all, globals })
}

fn is_global(symbol: &Symbol<'_>) -> bool {
    symbol.binding != Binding::Local && !symbol.name.is_empty()
}

/// Nobody defines it: it may be missing if it may for all who need it.
fn extern_binding(inputs: &[Input<'_>], name: &str) -> Binding {
    let mut users = inputs.iter().flat_map(|i| &i.elf.symbols);
    match users.any(|s| s.name == name && s.binding == Binding::Global) {
        true => Binding::Global,
        false => Binding::Weak,
    }
}

/// The symbol that counts for each global name: a strong definition, a weak one, or none.
fn winners<'a>(inputs: &[Input<'a>]) -> Result<BTreeMap<&'a str, Winner>, Box<JoinError>> {
    let mut winners: BTreeMap<&str, (Winner, u8)> = BTreeMap::new();
    for (index, input) in inputs.iter().enumerate() {
        for (at, symbol) in input.elf.symbols.iter().enumerate() {
            if !is_global(symbol) {
                continue;
            }
            let section = symbol.section.and_then(|s| input.elf.sections.get(s));
            let rank = match (section, symbol.binding) {
                (None, _) => 0,
                (Some(_), Binding::Weak) => 1,
                // Whatever it is called: each object has its own, and one is kept.
                (Some(s), _) if s.name == "license" || s.name == "version" => 1,
                (Some(_), _) => 2,
            };
            match winners.get(symbol.name) {
                Some((known, 2)) if rank == 2 => {
                    let first = inputs.get(known.0).map_or("", |i| i.name);
                    return Err(JoinError::Twice {
                        name: symbol.name.into(),
                        first: first.into(),
                        second: input.name.into(),
                    }
                    .into());
                }
                Some((_, best)) if *best >= rank => {}
                _ => {
                    winners.insert(symbol.name, ((index, at), rank));
                }
            }
        }
    }
    let winners = winners
        .into_iter()
        .map(|(name, (winner, _))| (name, winner));
    Ok(winners.collect())
}

fn moved<'a>(
    input: &Input<'a>,
    index: usize,
    symbol: &Symbol<'a>,
    binding: Binding,
) -> OutSymbol<'a> {
    let place = symbol.section.and_then(|section| input.place(section));
    OutSymbol {
        name: symbol.name,
        section: place.map(|place| place.section),
        value: symbol.value.saturating_add(place.map_or(0, |p| p.base)),
        size: symbol.size,
        kind: symbol.kind,
        binding,
        hidden: symbol.hidden,
        input: index,
    }
}
