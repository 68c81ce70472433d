//! Stack ids in keys and values become the functions that called each other.

use btfly::load::{Loaded, LoadedMap};
use btfly::object::{MapSpec, Object};
use btfly::sys::abi::BPF_MAP_TYPE_STACK_TRACE;
use btfly::target::is_kernel;
use btfly::text::{contains, split_once};
use btfly::value::{Plan, escape_json, push_unsigned};

use super::super::Failure;
use super::names::Names;
use super::source::{Row, Side, Source};
use super::table::{plain, text};

/// Fields that name what a stack belongs to.
const OWNERS: [&str; 5] = ["comm", "command", "name", "task", "target"];

/// Where stack ids are, and what was read of their stacks.
pub struct Stacks {
    map: String,
    /// Fields of the key, then of the value.
    key: Vec<String>,
    value: Vec<String>,
    /// Sorted by id: addresses from the innermost function outwards.
    read: Vec<(u32, Vec<u64>)>,
    names: Names,
}

impl Stacks {
    /// Finds stack ids in what is shown. `None`: there are none.
    pub fn find(
        object: &Object<'_>,
        source: &Source,
        given: Option<&str>,
    ) -> Result<Option<Stacks>, Failure> {
        let of_stacks = |map: &&MapSpec<'_>| map.map_type == BPF_MAP_TYPE_STACK_TRACE;
        let maps: Vec<&str> = object
            .maps
            .iter()
            .filter(of_stacks)
            .map(|m| m.name)
            .collect();
        let map = match given {
            Some(name) if maps.contains(&name) => name,
            Some(name) => {
                let what = format!("--stacks {name}: the object has no such map of stacks");
                return Err(Failure::usage(what).with_hint(match maps.is_empty() {
                    true => "it has none at all (BPF_MAP_TYPE_STACK_TRACE)".into(),
                    false => format!("it has {}", maps.join(", ")),
                }));
            }
            None => match maps.as_slice() {
                [one] => one,
                _ => return Ok(None),
            },
        };
        let ids = |side: &Side, alone: bool| match side {
            Side::Typed(plan) => ids(plan, alone),
            _ => Vec::new(),
        };
        let key = ids(&source.key, given.is_some());
        let value = ids(&source.value, false);
        let none = key.is_empty() && value.is_empty();
        Ok((!none).then(|| Stacks {
            map: map.into(),
            key,
            value,
            read: Vec::new(),
            names: Names::default(),
        }))
    }

    /// Reads the stacks of these rows, and the names of what is in them.
    pub fn read(
        &mut self,
        source: &Source,
        rows: &[Row],
        loaded: &Loaded<'_>,
    ) -> Result<(), Failure> {
        self.read.clear();
        let Some(map) = loaded.map(&self.map) else {
            return Ok(());
        };
        let wanted = rows.iter().flat_map(|row| self.ids(source, row));
        let wanted: Vec<u32> = wanted.map(|(_, id)| id).collect();
        for id in wanted {
            if let Err(at) = self.read.binary_search_by_key(&id, |(id, _)| *id)
                && let Some(stack) = stack(map, id)?
            {
                self.read.insert(at, (id, stack));
            }
        }
        let addresses = self.read.iter().flat_map(|(_, stack)| stack).copied();
        self.names.read(addresses);
        Ok(())
    }

    /// Appends the stacks of a row, a function on each line.
    pub fn show(&self, source: &Source, row: &Row, out: &mut Vec<u8>) {
        let ids: Vec<(&str, u32)> = self.ids(source, row).collect();
        let several = ids.len() > 1;
        for (field, id) in ids {
            if several {
                out.extend_from_slice(b"  ");
                plain(field, out);
                out.extend_from_slice(b":\n");
            }
            let Some(stack) = self.stack(id) else {
                out.extend_from_slice(match is_error(id) {
                    true => b"    (no stack)\n",
                    false => b"    (not in the map any more)\n",
                });
                continue;
            };
            for address in stack {
                out.extend_from_slice(b"    ");
                self.names.place(*address, out);
                out.push(b'\n');
            }
        }
    }

    /// Appends `,"stacks":{"FIELD":["function+0x10",…],…}`, the innermost function first; `null` for a stack
    /// that is not there.
    pub fn json(&self, source: &Source, row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"stacks\":{");
        for (index, (field, id)) in self.ids(source, row).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.push(b'"');
            escape_json(field.as_bytes(), out);
            out.extend_from_slice(b"\":");
            let Some(stack) = self.stack(id) else {
                out.extend_from_slice(b"null");
                continue;
            };
            out.push(b'[');
            for (index, address) in stack.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.names.json(*address, out);
            }
            out.push(b']');
        }
        out.push(b'}');
    }

    /// Appends a row as a folded stack: `owner;outermost;…;innermost count`. The part of the process comes
    /// before that of the kernel.
    pub fn fold(&self, source: &Source, row: &Row, count: u64, out: &mut Vec<u8>) {
        let mut frames: Vec<Vec<u8>> = owner(source, row).into_iter().collect();
        let stacks = self.ids(source, row).filter_map(|(_, id)| self.stack(id));
        let mut stacks: Vec<&Vec<u64>> = stacks.collect();
        stacks.sort_by_key(|stack| stack.first().is_some_and(|a| is_kernel(*a)));
        for stack in stacks {
            for address in stack.iter().rev() {
                let mut frame = Vec::new();
                self.names.name(*address, &mut frame);
                frames.push(frame);
            }
        }
        if frames.is_empty() {
            frames.push(b"(no stack)".to_vec());
        }
        for (index, frame) in frames.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            // What ends a frame and what ends the stack can't be in a name.
            out.extend(frame.iter().map(|b| match b {
                b';' | b' ' => b'_',
                other => *other,
            }));
        }
        out.push(b' ');
        push_unsigned(count, out);
        out.push(b'\n');
    }

    /// What was read of a stack.
    fn stack(&self, id: u32) -> Option<&Vec<u64>> {
        let at = self.read.binary_search_by_key(&id, |(id, _)| *id);
        self.read.get(at.ok()?).map(|(_, stack)| stack)
    }

    fn ids<'s>(&'s self, source: &'s Source, row: &'s Row) -> impl Iterator<Item = (&'s str, u32)> {
        let key = self.key.iter().map(|name| (name, &source.key, &row.key));
        let value = self
            .value
            .iter()
            .map(|name| (name, &source.value, &row.value));
        key.chain(value).filter_map(|(name, side, bytes)| {
            let Side::Typed(plan) = side else {
                return None;
            };
            let number = plan.field(name)?.number(bytes)?;
            Some((name.as_str(), number as u32))
        })
    }
}

/// What a helper gave instead of an id: a negative number.
fn is_error(id: u32) -> bool {
    id.cast_signed() < 0
}

/// Fields that are stack ids. `alone`: a value without fields is one, too.
fn ids(plan: &Plan, alone: bool) -> Vec<String> {
    if !plan.has_fields() {
        let one = plan
            .fields()
            .next()
            .filter(|field| alone && field.is_number());
        return one.map(|field| field.name.into()).into_iter().collect();
    }
    let is_id = |name: &str| {
        let name = name.to_ascii_lowercase();
        split_once(&name, "stack").is_some_and(|(_, rest)| contains(rest, "id"))
    };
    let found = plan.fields().filter(|f| is_id(f.name) && f.is_number());
    found.map(|field| field.name.into()).collect()
}

fn stack(map: &LoadedMap, id: u32) -> Result<Option<Vec<u64>>, Failure> {
    if is_error(id) {
        return Ok(None);
    }
    let value = map.entry(&id.to_ne_bytes());
    let value = value.map_err(|e| Failure::other(e.to_string()))?;
    let addresses = |value: Vec<u8>| {
        let numbers = value.chunks_exact(8).map(|bytes| {
            let mut number = [0; 8];
            number.copy_from_slice(bytes);
            u64::from_ne_bytes(number)
        });
        numbers.take_while(|address| *address != 0).collect()
    };
    Ok(value.map(addresses))
}

/// The command or the like that a row is about.
fn owner(source: &Source, row: &Row) -> Option<Vec<u8>> {
    let sides = [(&source.key, &row.key), (&source.value, &row.value)];
    sides.into_iter().find_map(|(side, bytes)| {
        let Side::Typed(plan) = side else {
            return None;
        };
        let field = plan.fields().find(|field| OWNERS.contains(&field.name))?;
        let mut out = Vec::new();
        text(plan, &field, bytes, &mut out);
        Some(out)
    })
}
