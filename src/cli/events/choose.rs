//! Which types a ring's events are of: what the user names; else the map's own value type, a tag on the
//! map, what events are mostly called, or structs that an enum at their start tells apart.

use btfly::btf::{Btf, Header, Kind as BtfKind, TypeId, Types};
use btfly::object::{MapSpec, Object};
use btfly::sys::abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY;

use super::several::{By, Several, filled};
use super::{Class, Failure, Given, Kind, Kinds, named_type, usual_type};

/// What a declaration tag on the map's variable says before the name of the type.
const TAG: &str = "btfly:event=";

/// Refuses a type that does not exist, and what is written in a wrong way.
pub(super) fn check(object: &Object<'_>, given: &Given<'_>) -> Result<(), Failure> {
    pieces(given)?
        .iter()
        .try_for_each(|piece| named_type(object, piece.name).map(drop))
}

pub(super) fn kinds(
    object: &Object<'_>,
    ring: &MapSpec<'_>,
    given: Option<&Given<'_>>,
) -> Result<Kinds, Failure> {
    let Some(btf) = &object.btf else {
        return match given {
            Some(given) => check(object, given).map(|()| Kinds::Unknown),
            None => Ok(Kinds::Unknown),
        };
    };
    if let Some(given) = given {
        return match pieces(given)?.as_slice() {
            [
                Piece {
                    name, size: None, ..
                },
            ] => one_given(object, btf, ring, name),
            pieces => by_size(object, btf, ring, given, pieces),
        };
    }
    let own = own_type(btf, ring).map(Ok);
    let tagged = || tagged_type(object, btf, ring).transpose();
    let usual = || usual_type(btf, ring.name).map(Ok);
    match own.or_else(tagged).or_else(usual).transpose()? {
        Some(ty) => match first_enum(btf, ty).map(|of| named_by(btf, &of)) {
            Some(found) if found.iter().any(|(_, id)| *id != ty) => {
                by_first(btf, ring, found, Some(ty))
            }
            _ => Ok(Kinds::One(Kind::new(btf, ring.name, ty)?)),
        },
        None => match only_enum(btf) {
            Some(found) => by_first(btf, ring, found, None),
            None => Ok(Kinds::Unknown),
        },
    }
}

/// A `TYPE[:SIZE]`.
struct Piece<'p> {
    name: &'p str,
    size: Option<usize>,
}

fn pieces<'g>(given: &Given<'g>) -> Result<Vec<Piece<'g>>, Failure> {
    let bad = || {
        Failure::usage(format!("--event {}: it is written [MAP=]TYPE", given.what)).with_hint(
            "types that are told apart by the size of a record are written MAP=A:24,B:40",
        )
    };
    let pieces = given.what.split(',').map(|piece| {
        let (name, size) = match piece.split_once(':') {
            Some((name, size)) => (name, Some(size.parse().map_err(|_| bad())?)),
            None => (piece, None),
        };
        match name.is_empty() || size == Some(0) {
            true => Err(bad()),
            false => Ok(Piece { name, size }),
        }
    });
    pieces.collect()
}

/// The type that the user names; an enum stands for the structs that its enumerators name.
fn one_given(
    object: &Object<'_>,
    btf: &Btf<'_>,
    ring: &MapSpec<'_>,
    name: &str,
) -> Result<Kinds, Failure> {
    let ty = named_type(object, name)?;
    let of = btf.peel(ty).ok().filter(|of| of.kind.is_enum());
    let Some(of) = of else {
        return Ok(Kinds::One(Kind::new(btf, ring.name, ty)?));
    };
    let found = named_by(btf, &of);
    if found.is_empty() {
        let what = format!("--event {name}: no struct that begins with this enum is named by it");
        return Err(Failure::usage(what).with_hint(
            "an enumerator EXEC names the struct exec or exec_event, whose first field is the enum",
        ));
    }
    by_first(btf, ring, found, None)
}

fn by_size(
    object: &Object<'_>,
    btf: &Btf<'_>,
    ring: &MapSpec<'_>,
    given: &Given<'_>,
    pieces: &[Piece<'_>],
) -> Result<Kinds, Failure> {
    let (mut kinds, mut sizes) = (Vec::new(), Vec::<(usize, usize)>::new());
    for piece in pieces {
        let kind = Kind::new(btf, ring.name, named_type(object, piece.name)?)?;
        let size = piece.size.unwrap_or(kind.plan.size());
        let fills = ring.map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
        let same = |(other, _): &&(usize, usize)| match fills {
            true => filled(*other) == filled(size),
            false => *other == size,
        };
        if let Some((_, other)) = sizes.iter().find(same) {
            let other = pieces.get(*other).map_or("", |other| other.name);
            return Err(Failure::usage(format!(
                "--event {}: {other} and {} can't be told apart by their size",
                given.what, piece.name
            ))
            .with_hint(match fills {
                true => {
                    "a perf ring fills records up to words of eight bytes; begin them with an enum"
                }
                false => "give each a size of its own, or begin them with an enum",
            }));
        }
        sizes.push((size, kinds.len()));
        kinds.push(kind);
    }
    Ok(Kinds::Several(Several::new(kinds, By::Size { sizes })))
}

/// Types told apart by the enum that they begin with.
fn by_first(
    btf: &Btf<'_>,
    ring: &MapSpec<'_>,
    found: Vec<(u64, TypeId)>,
    other: Option<TypeId>,
) -> Result<Kinds, Failure> {
    let mut ids: Vec<TypeId> = Vec::new();
    for id in found.iter().map(|(_, id)| *id).chain(other) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let index = |ty: TypeId| ids.iter().position(|id| *id == ty);
    let size = ids.first().and_then(|id| first_enum(btf, *id));
    let size = size.map_or(0, |of| of.size() as usize);
    let mask = u64::MAX >> (64 - size.clamp(1, 8) * 8);
    let values = found.iter();
    let values = values.filter_map(|(value, id)| Some((value & mask, index(*id)?)));
    let by = By::First {
        size,
        values: values.collect(),
        other: other.and_then(index),
    };
    let kinds = ids.iter().map(|id| Kind::new(btf, ring.name, *id));
    Ok(Kinds::Several(Several::new(
        kinds.collect::<Result<_, _>>()?,
        by,
    )))
}

/// The `__type(value, …)` of a map, if it is one that events have: perf rings are mostly said to have
/// the file descriptors that they hold.
fn own_type(btf: &Btf<'_>, ring: &MapSpec<'_>) -> Option<TypeId> {
    let of = btf.peel(ring.value_type).ok()?;
    of.kind.is_composite().then_some(ring.value_type)
}

/// The type that a declaration tag on the map's variable names.
fn tagged_type(
    object: &Object<'_>,
    btf: &Btf<'_>,
    ring: &MapSpec<'_>,
) -> Result<Option<TypeId>, Failure> {
    for tag in btf.ids().filter_map(|id| btf.header(id).ok()) {
        let text = btf.str_at(tag.name).unwrap_or_default();
        let Some(name) = text
            .strip_prefix(TAG)
            .filter(|_| tag.kind == BtfKind::DeclTag)
        else {
            continue;
        };
        let of = btf.header(tag.target()).ok();
        let of = of.filter(|of| of.kind == BtfKind::Var);
        if of.and_then(|of| btf.str_at(of.name)) != Some(ring.name) {
            continue;
        }
        return named_type(object, name).map(Some).map_err(|_| {
            let what = format!(
                "map {}: its tag {text} names no type of the object",
                ring.name
            );
            Failure::new(Class::BadObject, what)
                .with_hint(format!("--event {}=TYPE says it instead", ring.name))
        });
    }
    Ok(None)
}

/// The enum that a struct begins with.
fn first_enum(btf: &Btf<'_>, ty: TypeId) -> Option<Header> {
    let of = btf.peel(ty).ok().filter(|of| of.kind == BtfKind::Struct)?;
    let first = btf.member(&of, 0).ok()?;
    let whole = first.offset.0 == 0 && first.bitfield_size == 0;
    let inner = btf.peel(first.ty).ok()?;
    (whole && inner.kind.is_enum()).then_some(inner)
}

/// The structs that an enum's enumerators name and that begin with it, by value.
fn named_by(btf: &Btf<'_>, of: &Header) -> Vec<(u64, TypeId)> {
    let all = (0..of.vlen).filter_map(|index| btf.enumerator(of, index).ok());
    let all: Vec<(u64, String)> = all
        .map(|e| {
            let name = btf.str_at(e.name).unwrap_or_default();
            (e.value, name.to_ascii_lowercase())
        })
        .collect();
    let shared = shared_prefix(all.iter().map(|(_, name)| name.as_str()));
    let mut structs = Vec::new();
    for id in btf.ids() {
        let is_named = |header: &Header| header.kind == BtfKind::Struct;
        let Some(header) = btf.header(id).ok().filter(is_named) else {
            continue;
        };
        if first_enum(btf, id).is_some_and(|first| first.id == of.id) {
            let name = btf.str_at(header.name).unwrap_or_default();
            structs.push((name.to_ascii_lowercase(), id));
        }
    }
    let find = |name: &str| {
        let short = name.get(shared..).unwrap_or(name);
        structs.iter().find_map(|(of, id)| {
            let plain = of.strip_suffix("_event").or_else(|| of.strip_suffix("_t"));
            let plain = plain.unwrap_or(of);
            [name, short]
                .iter()
                .any(|n| n == of || *n == plain)
                .then_some(*id)
        })
    };
    all.iter()
        .filter_map(|(value, name)| Some((*value, find(name)?)))
        .collect()
}

/// Bytes that all names begin with, up to the last `_` among them.
fn shared_prefix<'n>(mut names: impl Iterator<Item = &'n str>) -> usize {
    let Some(first) = names.next() else { return 0 };
    let mut shared = first.len();
    let mut others = 0;
    for name in names {
        let same = first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
        shared = shared.min(same.count());
        others += 1;
    }
    let prefix = first.get(..shared).filter(|_| others > 0);
    prefix.and_then(|p| p.rfind('_')).map_or(0, |at| at + 1)
}

/// The structs of the one enum that tells at least two apart.
fn only_enum(btf: &Btf<'_>) -> Option<Vec<(u64, TypeId)>> {
    let mut found = None;
    let mut seen = Vec::new();
    for id in btf.ids() {
        let Some(of) = first_enum(btf, id).filter(|of| !seen.contains(&of.id)) else {
            continue;
        };
        seen.push(of.id);
        let named = named_by(btf, &of);
        let several = named
            .iter()
            .any(|(_, id)| Some(*id) != named.first().map(|f| f.1));
        if several && found.replace(named).is_some() {
            return None;
        }
    }
    found
}
