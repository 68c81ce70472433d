//! The events of an object: of which type each ring's records are, and how they are shown.

mod choose;
mod condition;
mod several;
mod symbols;

use btfly::btf::{Btf, Kind as BtfKind, TypeId, Types};
use btfly::object::{MapSpec, Object};
use btfly::sys::abi::{BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};
use btfly::value::{Fields, Fit, KindName};
use btfly::value::{Plan, push_hex};

use super::output::say;
use super::{Class, Failure};
use crate::tools::View;
use condition::{Condition, Test};
use several::Several;
use symbols::Symbols;

/// The events of an object.
pub struct Events {
    rings: Vec<Ring>,
    /// The ring of the last event: mostly that of the next one, too.
    last: usize,
    symbols: Symbols,
    /// Whether only some are shown: then none of an unknown type.
    conditional: bool,
}

/// A ring, by its map.
struct Ring {
    name: String,
    kinds: Kinds,
    /// That its records are longer than their type was said.
    told: bool,
}

/// Of which types a ring's records are.
enum Kinds {
    Unknown,
    One(Kind),
    Several(Several),
}

/// A type of records.
struct Kind {
    name: KindName,
    /// Whether a field points to something that may have a name.
    points: bool,
    /// What is asked of those that are shown; `None`: they are not asked for.
    wanted: Option<Vec<Test>>,
    plan: Plan,
}

impl Events {
    /// Finds the types, by what the user says (`--event [MAP=]TYPE`) or by what the object does.
    pub fn new(object: &Object<'_>, given: &[String]) -> Result<Events, Failure> {
        let rings: Vec<&MapSpec<'_>> = object.maps.iter().filter(|m| is_ring(m)).collect();
        let given = given
            .iter()
            .map(|event| Given::new(event, &rings))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, given_now) in given.iter().enumerate() {
            let again = given.iter().skip(index + 1);
            if again.into_iter().any(|other| other.map == given_now.map) {
                let what = given_now.map.unwrap_or("all rings");
                return Err(Failure::usage(format!("--event is given twice for {what}")));
            }
        }
        // What is wrong with one is told although no ring asks for it.
        for given in given.iter().filter(|given| given.map.is_none()) {
            choose::check(object, given)?;
        }
        let rings = rings
            .iter()
            .map(|ring| {
                let of_ring = given.iter().find(|given| given.map == Some(ring.name));
                let of_all = given.iter().find(|given| given.map.is_none());
                Ok(Ring {
                    name: ring.name.to_owned(),
                    kinds: choose::kinds(object, ring, of_ring.or(of_all))?,
                    told: false,
                })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Events {
            rings,
            last: 0,
            symbols: Symbols::default(),
            conditional: false,
        })
    }
}

impl Events {
    /// Shows only events that are as asked (`--where FIELD=VALUE`), in each of these ways.
    pub fn only(&mut self, conditions: &[String]) -> Result<(), Failure> {
        self.conditional = !conditions.is_empty();
        for text in conditions {
            let condition = Condition::new(text)?;
            let mut found = false;
            for kind in self.rings.iter_mut().flat_map(|ring| ring.kinds.all_mut()) {
                let test = condition.of(&kind.plan)?;
                found |= test.is_some();
                kind.wanted = match (kind.wanted.take(), test) {
                    (Some(mut tests), Some(test)) => {
                        tests.push(test);
                        Some(tests)
                    }
                    _ => None,
                };
            }
            if !found {
                let kinds = self.rings.iter().flat_map(|ring| ring.kinds.all());
                let fields = kinds.flat_map(|kind| kind.plan.fields());
                return Err(condition.unknown(fields.map(|field| field.name)));
            }
        }
        Ok(())
    }

    fn is_wanted(&self, map: &str, record: &[u8]) -> bool {
        if !self.conditional {
            return true;
        }
        let ring = self.rings.iter().find(|ring| ring.name == map);
        let kind = ring.and_then(|ring| ring.kinds.of(record));
        kind.is_some_and(|kind| kind.is_wanted(record))
    }
}

impl Ring {
    /// Says once of a ring that its records are longer than their type, which is then another's. Shorter
    /// ones are usual: programs send only as much of a long text as there is.
    fn judge(&mut self, record: &[u8]) {
        if let Kinds::One(kind) = &self.kinds
            && !self.told
            && let Fit::Longer(more) = kind.plan.fit(record.len())
        {
            self.told = true;
            let (map, kind) = (&self.name, kind.name.as_str());
            say(format_args!(
                "btfly: a record of {map} is {more} bytes longer than {kind}: --event {map}=TYPE names another type\n"
            ));
        }
    }
}

/// The ring that a record came from, which is judged.
fn find<'r>(rings: &'r mut [Ring], last: &mut usize, map: &str, record: &[u8]) -> Option<&'r Ring> {
    if rings.get(*last).is_none_or(|ring| ring.name != map) {
        *last = rings.iter().position(|ring| ring.name == map)?;
    }
    let ring = rings.get_mut(*last)?;
    ring.judge(record);
    Some(ring)
}

/// An `--event`.
struct Given<'g> {
    map: Option<&'g str>,
    what: &'g str,
}

impl<'g> Given<'g> {
    fn new(event: &'g str, rings: &[&MapSpec<'_>]) -> Result<Given<'g>, Failure> {
        let (map, what) = match event.split_once('=') {
            Some((map, what)) => (Some(map), what),
            None => (None, event),
        };
        if let Some(map) = map.filter(|map| !rings.iter().any(|ring| ring.name == *map)) {
            let names: Vec<&str> = rings.iter().map(|ring| ring.name).collect();
            let what = format!("--event {event}: the object has no ring {map}");
            return Err(Failure::usage(what).with_hint(match names.is_empty() {
                true => "it has none at all".into(),
                false => format!("its rings are {}", names.join(", ")),
            }));
        }
        Ok(Given { map, what })
    }
}

/// Whether a map is a ring of either kind.
pub fn is_ring(map: &MapSpec<'_>) -> bool {
    matches!(
        map.map_type,
        BPF_MAP_TYPE_PERF_EVENT_ARRAY | BPF_MAP_TYPE_RINGBUF
    )
}

/// The struct, union, typedef, integer or enum of this name.
fn named_type(object: &Object<'_>, name: &str) -> Result<TypeId, Failure> {
    let mut plain = name;
    for keyword in ["struct ", "union ", "enum "] {
        plain = plain.strip_prefix(keyword).unwrap_or(plain);
    }
    let find = |btf: &Btf<'_>| {
        [
            BtfKind::Struct,
            BtfKind::Union,
            BtfKind::Typedef,
            BtfKind::Int,
            BtfKind::Enum,
            BtfKind::Enum64,
        ]
        .into_iter()
        .find_map(|kind| btf.find(kind, plain))
    };
    object.btf.as_ref().and_then(find).ok_or_else(|| {
        let structs = object.btf.iter().flat_map(|btf| {
            btf.ids().filter_map(|id| {
                let header = btf.header(id).ok()?;
                let name = btf.str_at(header.name)?;
                (header.kind == BtfKind::Struct && !name.is_empty()).then_some(name)
            })
        });
        let known: Vec<&str> = structs.take(16).collect();
        Failure::usage(format!("--event {name}: the object has no such type"))
            .with_hint(format!("it has {}", known.join(", ")))
    })
}

/// What events are mostly called: the one struct `event`, `MAP_event` or `data_t`.
fn usual_type(btf: &Btf<'_>, ring: &str) -> Option<TypeId> {
    let own = [ring, "_event"].concat();
    let mut found = ["event", &own, "data_t"]
        .into_iter()
        .filter_map(|name| btf.find(BtfKind::Struct, name));
    let first = found.next()?;
    match found.next() {
        None => Some(first),
        Some(_) => None,
    }
}

impl Kind {
    fn new(btf: &Btf<'_>, ring: &str, ty: TypeId) -> Result<Kind, Failure> {
        let plan = Plan::new(btf, ty)
            .map_err(|e| Failure::new(Class::BadObject, format!("the events of {ring}: {e}")))?;
        let name = btf
            .header(ty)
            .ok()
            .and_then(|header| btf.str_at(header.name))
            .unwrap_or_default();
        Ok(Kind {
            points: plan.fields().any(|field| field.is_pointer())
                && plan.field("symbols").is_none(),
            name: KindName::new(name.to_owned()),
            wanted: Some(Vec::new()),
            plan,
        })
    }

    /// Whether a record is one that is asked for.
    fn is_wanted(&self, record: &[u8]) -> bool {
        let tests = self.wanted.as_ref();
        tests.is_some_and(|tests| tests.iter().all(|test| test.holds(&self.plan, record)))
    }
}

impl Kinds {
    fn all(&self) -> &[Kind] {
        match self {
            Kinds::Unknown => &[],
            Kinds::One(kind) => std::slice::from_ref(kind),
            Kinds::Several(several) => several.kinds(),
        }
    }

    fn all_mut(&mut self) -> &mut [Kind] {
        match self {
            Kinds::Unknown => &mut [],
            Kinds::One(kind) => std::slice::from_mut(kind),
            Kinds::Several(several) => several.kinds_mut(),
        }
    }

    fn of(&self, record: &[u8]) -> Option<&Kind> {
        match self {
            Kinds::Unknown => None,
            Kinds::One(kind) => Some(kind),
            Kinds::Several(several) => several.of(record),
        }
    }
}

fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte < 16 {
            out.push(b'0');
        }
        push_hex(u64::from(byte), out);
    }
}

impl View for Events {
    fn header(&mut self, out: &mut Vec<u8>) {
        let several = self.rings.len() > 1;
        for Ring { name, kinds, .. } in &self.rings {
            let start = |out: &mut Vec<u8>| {
                if several {
                    out.extend_from_slice(name.as_bytes());
                    out.push(b' ');
                }
            };
            if let Kinds::Several(types) = kinds {
                types.header(start, out);
                continue;
            }
            start(out);
            match kinds {
                Kinds::One(kind) => kind.plan.header(out),
                _ => {
                    out.extend_from_slice(b"EVENT (hex; name its struct with --event ");
                    out.extend_from_slice(name.as_bytes());
                    out.extend_from_slice(b"=TYPE, or declare it: --types FILE)");
                }
            }
            out.push(b'\n');
        }
    }

    fn event(&mut self, map: &str, _: u32, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.is_wanted(map, bytes) {
            return;
        }
        if self.rings.len() > 1 {
            out.extend_from_slice(map.as_bytes());
            out.push(b' ');
        }
        let ring = find(&mut self.rings, &mut self.last, map, bytes);
        if let Some(Kinds::Several(types)) = ring.map(|ring| &ring.kinds) {
            types.name(bytes, out);
        }
        match ring.and_then(|ring| ring.kinds.of(bytes)) {
            Some(kind) if kind.points => self.symbols.row(&kind.plan, bytes, out),
            Some(kind) => kind.plan.row(bytes, out),
            None => hexadecimal(bytes, out),
        }
        out.push(b'\n');
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for ring in &self.rings {
            let fields = ring.kinds.all().iter().flat_map(|kind| kind.plan.fields());
            names.extend(fields.map(|field| field.name.to_owned()));
            if !matches!(ring.kinds, Kinds::One(_)) {
                names.push("bytes".into());
            }
        }
        names
    }

    fn fields(&mut self, map: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool {
        let ring = find(&mut self.rings, &mut self.last, map, bytes);
        match ring.and_then(|ring| ring.kinds.of(bytes)) {
            Some(kind) if !kind.is_wanted(bytes) => return false,
            None if self.conditional => return false,
            Some(kind) => {
                to.known_kind(&kind.name);
                to.record(&kind.plan, bytes);
                if kind.points {
                    self.symbols.fields(&kind.plan, bytes, to);
                }
            }
            None => {
                to.kind(None);
                to.bytes("bytes", bytes);
            }
        }
        true
    }
}
