//! `--hist`: where in a map the slots of histograms are, and one drawing for each key.

use btfly::object::{MapKind, Object};
use btfly::value::{Field, Plan, Scale, WallClock, histogram, slot_of};

use super::super::Failure;
use super::options::ShowOptions;
use super::source::{Row, Side, Source};
use super::table::{plain, text};

/// Slots beyond this are none: no number has so many bits, and a linear histogram as long is not read.
const MOST_SLOTS: usize = 4096;

/// The usual name of an array of slots, and of the slot in a key.
const SLOTS: &str = "slots";
const SLOT: &str = "slot";

/// How slots come out of rows.
pub struct Histogram {
    way: Way,
    scale: Scale,
    unit: String,
}

enum Way {
    /// A field that is an array of numbers.
    Array(String),
    /// The value is an array of structs with such a field: a histogram for each.
    Structs(Plan, String),
    /// The key, or a field of it, is the slot; the value is the count.
    Keyed(Option<String>),
    /// A number of each entry: how they are distributed.
    Numbers(String),
}

impl Histogram {
    /// Reads `NAME[.FIELD][:UNIT]`.
    pub fn find(
        object: &Object<'_>,
        text: &str,
        options: &ShowOptions<'_>,
    ) -> Result<(Source, Histogram), Failure> {
        let (text, unit) = match text.rsplit_once(':') {
            Some((text, unit)) => (text, Some(unit)),
            None => (text, None),
        };
        let is_known = |name: &str| object.map(name).is_some() || object.global(name).is_some();
        let (name, field) = match text.rsplit_once('.') {
            _ if is_known(text) => (text, None),
            Some((name, field)) if is_known(name) => (name, Some(field)),
            _ => (text, None),
        };
        let source = Source::find(object, "--hist", name, options.clear)?;
        let way = Way::find(&source, field)?;
        #[cfg(feature = "full")]
        let scale = match options.linear {
            true => Scale::Linear,
            false => Scale::Log2,
        };
        #[cfg(not(feature = "full"))]
        let scale = Scale::Log2;
        let unit = unit.map_or_else(|| usual_unit(object).into(), Into::into);
        Ok((source, Histogram { way, scale, unit }))
    }

    /// Draws them, each under what tells it from others.
    pub fn show(&self, source: &Source, rows: &[Row], out: &mut Vec<u8>) {
        for (index, (title, slots)) in self.gather(source, rows).into_iter().enumerate() {
            if index > 0 {
                out.push(b'\n');
            }
            if !title.is_empty() {
                out.extend_from_slice(&title);
                out.push(b'\n');
            }
            histogram(&slots, self.scale, &self.unit, out);
        }
    }

    /// The same as JSON.
    pub fn json(&self, clock: &mut WallClock, source: &Source, rows: &[Row], out: &mut Vec<u8>) {
        for (title, slots) in self.gather(source, rows) {
            let drawn = (slots.as_slice(), self.scale, self.unit.as_str());
            super::json::histogram(clock, source, &title, drawn, out);
        }
    }

    /// What tells each histogram from others, and its slots; those without a count are left out.
    fn gather(&self, source: &Source, rows: &[Row]) -> Vec<(Vec<u8>, Vec<u64>)> {
        // By what stands above each.
        let mut drawn: Vec<(Vec<u8>, Drawn)> = Vec::new();
        let mut add = |order: Vec<u8>, title: Vec<u8>, slots: &[u64]| {
            let at = drawn.binary_search_by(|(other, _)| other.cmp(&order));
            let at = at.unwrap_or_else(|at| {
                drawn.insert(at, (order, (title, Vec::new())));
                at
            });
            let Some((_, (_, sum))) = drawn.get_mut(at) else {
                return;
            };
            sum.resize(sum.len().max(slots.len()), 0);
            for (sum, slot) in sum.iter_mut().zip(slots) {
                *sum = sum.saturating_add(*slot);
            }
        };
        // A field that is zero everywhere tells nothing apart.
        let is_told = |side: &Side, field: &Field<'_>| {
            let bytes = |row: &'_ Row| match std::ptr::eq(side, &source.key) {
                true => field.bytes(&row.key).is_some_and(is_set),
                false => field.bytes(&row.value).is_some_and(is_set),
            };
            rows.iter().any(bytes)
        };
        let title = |row: &Row, slot: Option<&str>| title(source, row, slot, &is_told);
        for row in rows {
            match &self.way {
                Way::Array(field) => {
                    let Some(slots) = numbers(&source.value, field, &row.value) else {
                        continue;
                    };
                    let title = title(row, None);
                    let order = [row.key.as_slice(), &title].concat();
                    add(order, title, &slots);
                }
                Way::Structs(plan, field) => {
                    let parts = row.value.chunks_exact(plan.size().max(1));
                    for (index, part) in parts.enumerate() {
                        let field = plan.field(field);
                        let Some(slots) = field.and_then(|f| plan.numbers(&f, part)) else {
                            continue;
                        };
                        let title = format!("{}[{index}]", source.name).into_bytes();
                        add(index.to_be_bytes().to_vec(), title, &slots);
                    }
                }
                Way::Keyed(field) => {
                    let field = field.as_deref();
                    let Some((slot, count)) = keyed(source, field, row) else {
                        continue;
                    };
                    let mut slots = vec![0; slot];
                    slots.push(count);
                    let title = title(row, Some(field.unwrap_or("value")));
                    add(title.clone(), title, &slots);
                }
                Way::Numbers(field) => {
                    let Some(number) = number(&source.value, field, &row.value) else {
                        continue;
                    };
                    let slot = match self.scale {
                        Scale::Log2 => slot_of(number),
                        Scale::Linear => usize::try_from(number).unwrap_or(usize::MAX),
                    };
                    let mut slots = vec![0; slot.min(MOST_SLOTS)];
                    slots.push(1);
                    add(Vec::new(), Vec::new(), &slots);
                }
            }
        }
        let mut drawn: Vec<Drawn> = drawn.into_iter().map(|(_, drawn)| drawn).collect();
        // The one entry of a map that does not tell keys apart.
        if let [(title, _)] = drawn.as_mut_slice()
            && is_nothing(rows)
        {
            title.clear();
        }
        drawn.retain(|(_, slots)| slots.iter().any(|count| *count > 0));
        drawn
    }
}

/// What tells a histogram from others, and its slots.
type Drawn = (Vec<u8>, Vec<u64>);

/// Whether the key of the only entry says nothing: zeros, or all ones.
fn is_nothing(rows: &[Row]) -> bool {
    let [row] = rows else {
        return false;
    };
    let all = |byte: u8| row.key.iter().all(|b| *b == byte);
    all(0) || all(u8::MAX)
}

impl Way {
    fn find(source: &Source, field: Option<&str>) -> Result<Way, Failure> {
        let failed = |why: String| Failure::usage(format!("--hist {}: {why}", source.name));
        let Side::Typed(plan) = &source.value else {
            return Err(failed("its types are not known".into())
                .with_hint("an object that is compiled with -g says what its maps hold"));
        };
        if let Some((one, _)) = plan.of_element()
            && let Some(found) = array_in(&one, field.or(Some(SLOTS)))
        {
            return Ok(Way::Structs(one, found));
        }
        if let Some(name) = field {
            let found = plan.field(name);
            return match found {
                Some(field) if plan.is_numbers(&field) => Ok(Way::Array(name.into())),
                Some(field) if field.is_number() => Ok(Way::Numbers(name.into())),
                Some(_) => Err(failed(format!(
                    "{name} is no number and no array of numbers"
                ))),
                None => Err(failed(format!("it has no field {name}")).with_hint(fields(plan))),
            };
        }
        if let Some(found) = array_in(plan, Some(SLOTS)).or_else(|| array_in(plan, None)) {
            return Ok(Way::Array(found));
        }
        let counts = plan.fields().len() == 1 && plan.first_counter().is_some();
        match &source.key {
            Side::Typed(key) if counts && key.field(SLOT).is_some_and(|f| f.is_number()) => {
                Ok(Way::Keyed(Some(SLOT.into())))
            }
            Side::Typed(key) if counts && !key.has_fields() => Ok(Way::Keyed(None)),
            _ => Err(
                failed("nothing in it is an array of numbers".into()).with_hint(format!(
                    "name a number in it, as in --hist {}.FIELD; {}",
                    source.name,
                    fields(plan)
                )),
            ),
        }
    }
}

/// The field `name`, or the only one, that is an array of numbers.
fn array_in(plan: &Plan, name: Option<&str>) -> Option<String> {
    let wanted = |field: &Field<'_>| name.is_none_or(|name| field.name == name);
    let mut found = plan
        .fields()
        .filter(wanted)
        .filter(|field| plan.is_numbers(field));
    let first = found.next()?;
    found.next().is_none().then(|| first.name.into())
}

fn fields(plan: &Plan) -> String {
    let names: Vec<&str> = plan.fields().map(|field| field.name).collect();
    format!("its fields are {}", names.join(", "))
}

fn numbers(side: &Side, field: &str, bytes: &[u8]) -> Option<Vec<u64>> {
    let Side::Typed(plan) = side else {
        return None;
    };
    plan.numbers(&plan.field(field)?, bytes)
}

fn number(side: &Side, field: &str, bytes: &[u8]) -> Option<u64> {
    let Side::Typed(plan) = side else {
        return None;
    };
    plan.field(field)?.number(bytes)
}

/// Slot and count of an entry that is one slot.
fn keyed(source: &Source, field: Option<&str>, row: &Row) -> Option<(usize, u64)> {
    let slot = number(&source.key, field.unwrap_or("value"), &row.key)?;
    let Side::Typed(plan) = &source.value else {
        return None;
    };
    let count = plan.fields().next()?.number(&row.value)?;
    let slot = usize::try_from(slot)
        .ok()
        .filter(|slot| *slot < MOST_SLOTS)?;
    Some((slot, count))
}

/// What tells a histogram from others: the key, but for the field that is its slot, and of the value what is
/// no number.
fn title(
    source: &Source,
    row: &Row,
    slot: Option<&str>,
    is_told: &dyn Fn(&Side, &Field<'_>) -> bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    match &source.key {
        Side::Typed(plan) => {
            let fields = plan.fields().filter(|field| Some(field.name) != slot);
            for field in fields.filter(|field| is_told(&source.key, field)) {
                let name = match plan.has_fields() {
                    true => field.name,
                    false => "key",
                };
                part(name, &mut out, |out| text(plan, &field, &row.key, out));
            }
        }
        Side::Bytes(_) => part("key", &mut out, |out| {
            row.key
                .iter()
                .for_each(|byte| plain(&format!("{byte:02x}"), out));
        }),
        Side::Nothing => {}
    }
    if let Side::Typed(plan) = &source.value
        && plan.has_fields()
    {
        let told = plan
            .fields()
            .filter(|f| !f.is_number() && !plan.is_numbers(f));
        for field in told.filter(|field| is_told(&source.value, field)) {
            part(field.name, &mut out, |out| {
                text(plan, &field, &row.value, out)
            });
        }
    }
    if let Some(cpu) = row.cpu {
        part("cpu", &mut out, |out| plain(&cpu.to_string(), out));
    }
    out
}

fn is_set(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != 0)
}

fn part(name: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if !out.is_empty() {
        out.extend_from_slice(b", ");
    }
    plain(name, out);
    out.extend_from_slice(b" = ");
    write(out);
}

/// What the tools of libbpf-tools count in, which their objects are told by a constant.
fn usual_unit(object: &Object<'_>) -> &'static str {
    let milliseconds = ["targ_ms", "targ_milliseconds"]
        .into_iter()
        .find_map(|name| {
            let global = object.global(name)?;
            let MapKind::Data { initial, .. } = &object.maps.get(global.map)?.kind else {
                return None;
            };
            let end = global.offset.checked_add(global.size)?;
            // A section without contents is all zero.
            let bytes = initial.get(global.offset..end).unwrap_or_default();
            Some(bytes.iter().any(|b| *b != 0))
        });
    match milliseconds {
        Some(true) => "msecs",
        Some(false) => "usecs",
        None => "value",
    }
}
