//! What is shown: the entries of a map, or a global variable, as rows of bytes with their types.
//!
//! To empty a map without losing counts (`--clear`), nothing is removed that counts: a program that looked a
//! value up a moment ago would add to what nobody sees any more, on every kernel and by every command of
//! bpf(2). What was counted since the last time is the difference from what was there then. An entry is
//! removed when the map is half full and it has not changed since the last time.

use std::collections::BTreeMap;

use btfly::btf::TypeId;
use btfly::load::{Entries, Loaded, LoadedMap, is_per_cpu, is_walkable};
use btfly::object::{MapKind, MapSpec, Object};
use btfly::sys::Features;
use btfly::sys::abi::{BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY};
use btfly::value::{Counters, Plan};

use super::super::output::say;
use super::super::{Class, Failure};

/// Bytes and what is known of them.
pub enum Side {
    Typed(Plan),
    /// So many bytes of no known type.
    Bytes(usize),
    Nothing,
}

/// An entry: of a per-CPU map whose values can't be added up, that of one CPU.
#[derive(Clone, Debug)]
pub struct Row {
    pub key: Vec<u8>,
    pub cpu: Option<usize>,
    pub value: Vec<u8>,
}

/// Where rows come from.
pub struct Source {
    /// As the user calls it.
    pub name: String,
    /// The map in the object.
    map: String,
    map_type: u32,
    max_entries: usize,
    place: Place,
    pub key: Side,
    pub value: Side,
    counters: Counters,
    clear: Option<Earlier>,
    told: bool,
}

enum Place {
    /// Each entry is a row.
    Entries,
    /// These bytes of the one value of a data section are.
    Variable { offset: usize, size: usize },
}

/// What was in the map when it was looked at before, by key; what was seen again is taken.
#[derive(Default)]
struct Earlier(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Source {
    /// Finds the map or variable `name` for `option`.
    pub fn find(
        object: &Object<'_>,
        option: &str,
        name: &str,
        clear: bool,
    ) -> Result<Source, Failure> {
        let failed = |why: String| Failure::usage(format!("{option} {name}: {why}"));
        let plan = |ty: TypeId, size: usize| -> Result<Side, Failure> {
            let btf = object.btf.as_ref().filter(|_| ty != TypeId::VOID);
            let Some(btf) = btf else {
                return Ok(Side::Bytes(size));
            };
            let plan = Plan::new(btf, ty)
                .map_err(|e| Failure::new(Class::BadObject, format!("{option} {name}: {e}")))?;
            Ok(Side::Typed(plan))
        };
        let (map, place, key, value) = if let Some(map) = find_map(object, name) {
            let key = match map.kind {
                MapKind::Data { .. } => Side::Nothing,
                _ => plan(map.key_type, map.key_size as usize)?,
            };
            let value = plan(map.value_type, map.value_size as usize)?;
            (map, Place::Entries, key, value)
        } else if let Some(global) = object.global(name)
            && let Some(map) = object.maps.get(global.map)
        {
            let place = Place::Variable {
                offset: global.offset,
                size: global.size,
            };
            (map, place, Side::Nothing, plan(global.ty, global.size)?)
        } else {
            return Err(
                failed("the object has no such map or variable".into()).with_hint(known(object))
            );
        };
        if !is_walkable(map.map_type) {
            let of = map_type(map.map_type);
            return Err(failed(format!("a map of type {of} has no entries to show"))
                .with_hint("what goes through a ring is shown as events, without an option"));
        }
        let counters = match &value {
            Side::Typed(plan) => plan.counters(),
            _ => Counters::default(),
        };
        let stays = is_array(map.map_type) && counters.is_empty();
        if clear && stays {
            return Err(failed(
                "--clear: its entries can't be removed, and nothing in them counts".into(),
            )
            .with_hint("arrays keep their entries; leave --clear away, or use a hash"));
        }
        Ok(Source {
            name: name.into(),
            map: map.name.into(),
            map_type: map.map_type,
            max_entries: map.max_entries as usize,
            place,
            key,
            value,
            counters,
            clear: clear.then(Earlier::default),
            told: false,
        })
    }

    /// Whether it is one value without a key.
    pub fn is_single(&self) -> bool {
        matches!(self.key, Side::Nothing)
    }

    /// The first of the value's fields that counts.
    pub fn first_counter(&self) -> Option<&str> {
        let Side::Typed(plan) = &self.value else {
            return None;
        };
        plan.first_counter()
    }

    /// Reads the rows, in the map's order. Of arrays, those that are all zero are passed over.
    pub fn rows(&mut self, loaded: &Loaded<'_>, features: &Features) -> Result<Vec<Row>, Failure> {
        let Some(map) = loaded.map(&self.map) else {
            return Ok(Vec::new());
        };
        let failed = |e: btfly::load::EntriesError| Failure::other(e.to_string());
        let emptied = self.clear.is_some() && self.counters.is_empty();
        let entries = match emptied {
            true => map.take_entries(features),
            false => map.entries(features),
        };
        let entries = entries.map_err(failed)?;
        if !entries.is_whole() && !self.told {
            self.told = true;
            say(format_args!(
                "btfly: map {} changes faster than it can be read: some entries are not shown\n",
                self.map
            ));
        }
        let each = self.part();
        let single = entries.len() == 1 || self.is_single();
        let mut rows = Vec::with_capacity(entries.len());
        match self.clear.take().filter(|_| !emptied) {
            Some(earlier) => {
                let earlier = self.since(map, features, &entries, earlier, &mut rows)?;
                self.clear = Some(earlier);
            }
            None => {
                if emptied {
                    self.clear = Some(Earlier::default());
                }
                for (key, value) in self.own(&entries) {
                    let empty = is_array(self.map_type) && value.iter().all(|b| *b == 0);
                    if !empty || single {
                        self.push(key, value, each, &mut rows);
                    }
                }
            }
        }
        Ok(rows)
    }

    /// What was counted since `earlier`, and what there is now. A map that is half full loses entries that
    /// stood still.
    fn since(
        &self,
        map: &LoadedMap,
        features: &Features,
        entries: &Entries,
        mut earlier: Earlier,
        rows: &mut Vec<Row>,
    ) -> Result<Earlier, Failure> {
        let each = self.part();
        let full = entries.len() > self.max_entries / 2 && !is_array(self.map_type);
        let mut now = BTreeMap::new();
        for (key, value) in self.own(entries) {
            let mut news = value.to_vec();
            let before = earlier.0.get_mut(key).and_then(Option::take);
            if let Some(before) = &before {
                self.subtract(&mut news, before, each);
            }
            let moved = news.chunks(each.max(1)).any(|part| self.counters.any(part));
            if !moved && before.is_some() && full {
                let taken = map.take_entry(features, key);
                let taken = taken.map_err(|e| Failure::other(e.to_string()))?;
                // What was added between the two looks still counts.
                if let Some(mut last) = taken {
                    self.subtract(&mut last, value, each);
                    if last.chunks(each.max(1)).any(|part| self.counters.any(part)) {
                        self.push(key, &last, each, rows);
                    }
                }
                continue;
            }
            if moved {
                self.push(key, &news, each, rows);
            }
            now.insert(key.to_vec(), Some(value.to_vec()));
        }
        // An entry that was only missed is no new one when it is seen again.
        if !entries.is_whole() {
            now.extend(earlier.0.into_iter().filter(|(_, value)| value.is_some()));
        }
        Ok(Earlier(now))
    }

    /// Keys and what is shown of their values.
    fn own<'e>(&self, entries: &'e Entries) -> impl Iterator<Item = (&'e [u8], &'e [u8])> {
        let range = match self.place {
            Place::Entries => None,
            Place::Variable { offset, size } => Some(offset..offset.saturating_add(size)),
        };
        entries.iter().map(move |(key, value)| match &range {
            None => (key, value),
            Some(range) => (key, value.get(range.clone()).unwrap_or_default()),
        })
    }

    fn subtract(&self, value: &mut [u8], before: &[u8], each: usize) {
        let parts = value
            .chunks_mut(each.max(1))
            .zip(before.chunks(each.max(1)));
        for (value, before) in parts {
            self.counters.subtract(value, before);
        }
    }

    /// Bytes of a value, or of its part for one CPU.
    fn part(&self) -> usize {
        let size = match &self.value {
            Side::Typed(plan) => plan.size(),
            Side::Bytes(size) => *size,
            Side::Nothing => 0,
        };
        match is_per_cpu(self.map_type) {
            true => size.next_multiple_of(8),
            false => usize::MAX,
        }
    }

    fn push(&self, key: &[u8], value: &[u8], each: usize, rows: &mut Vec<Row>) {
        let row = |cpu: Option<usize>, value: &[u8]| Row {
            key: key.to_vec(),
            cpu,
            value: value.to_vec(),
        };
        if !is_per_cpu(self.map_type) {
            return rows.push(row(None, value));
        }
        let mut parts = value.chunks(each.max(1));
        if self.counters.is_whole() {
            let mut sum = parts.next().unwrap_or_default().to_vec();
            parts.for_each(|part| self.counters.add(&mut sum, part));
            return rows.push(row(None, &sum));
        }
        for (cpu, part) in parts.enumerate() {
            if part.iter().any(|b| *b != 0) {
                rows.push(row(Some(cpu), part));
            }
        }
    }
}

fn is_array(map_type: u32) -> bool {
    matches!(map_type, BPF_MAP_TYPE_ARRAY | BPF_MAP_TYPE_PERCPU_ARRAY)
}

/// What people call a type of map.
#[cfg(feature = "full")]
fn map_type(number: u32) -> &'static str {
    btfly::sys::map_types::map_type(number).map_or("this type", |of| of.name)
}

#[cfg(not(feature = "full"))]
fn map_type(_: u32) -> &'static str {
    "this type"
}

fn find_map<'o, 'a>(object: &'o Object<'a>, name: &str) -> Option<&'o MapSpec<'a>> {
    object.maps.get(object.map(name)?)
}

/// What there is to show.
pub fn known(object: &Object<'_>) -> String {
    let maps = object.maps.iter().map(|m| m.name);
    let names: Vec<&str> = maps.chain(object.globals.iter().map(|g| g.name)).collect();
    match names.is_empty() {
        true => "it has none at all".into(),
        false => format!("it has {}", names.join(", ")),
    }
}
