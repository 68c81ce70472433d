//! `btfly run OBJECT`: any object on disk, its events in the words of its own BTF.

use btfly::btf::{Btf, Kind, TypeId, Types};
use btfly::load::Loaded;
use btfly::object::{MapSpec, Object};
use btfly::sys::abi::{BPF_ANY, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};
use btfly::sys::bpf_map::Elements;
use btfly::sys::file;
use btfly::value::{Plan, push_hex};
use rustix::fd::AsFd;

use super::{Class, Common, Failure, parse, session};
use crate::tools::View;

/// The largest object that is read: far beyond any that a kernel takes.
const MAX_OBJECT: usize = 64 * 1024 * 1024;

/// Load a BPF object, attach its programs, and print its events. Fill a map before anything is
/// attached with --put MAP KEY VALUE, as often as you like: KEY and VALUE are written in the fields
/// of their types, as in --put my_config 0 '{{message: "hey root"}}'.
#[derive(argh::FromArgs)]
struct Run {
    /// the object file
    #[argh(positional)]
    object: String,

    /// give a global variable a value before the object is loaded: VAR=VALUE
    #[argh(option, arg_name = "VAR=VALUE")]
    set: Vec<String>,

    /// the struct of the events, for one map or for all: [MAP=]TYPE
    #[argh(option, arg_name = "[MAP=]TYPE")]
    event: Vec<String>,

    /// load only this program; may be given several times
    #[argh(option, arg_name = "NAME")]
    prog: Vec<String>,
}

/// `--put MAP KEY VALUE`.
struct Put<'p> {
    map: &'p str,
    key: &'p str,
    value: &'p str,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (args, puts) = take_puts(args)?;
    let Some(run) = parse::<Run>("run", &args)? else {
        return Ok(());
    };
    let bytes = read_object(&run.object)?;
    let mut object =
        Object::parse(&bytes).map_err(|error| Failure::from(error).of_file(&run.object))?;
    for assignment in &run.set {
        set(&mut object, assignment)?;
    }
    let entries = puts
        .iter()
        .map(|put| entry(&object, put))
        .collect::<Result<Vec<_>, _>>()?;
    check_names(&object, &run)?;
    let mut events = Events::new(&object, &run.event)?;
    let prepare = |loaded: &Loaded<'_>| fill(loaded, &puts, &entries);
    let choose = |program: &btfly::object::Program<'_>| match run.prog.is_empty() {
        true => program.autoload,
        false => run.prog.iter().any(|name| name == program.name),
    };
    session::run(
        &object,
        &common,
        session::Plan {
            choose: &choose,
            prepare: &prepare,
        },
        &mut events,
    )
}

/// `--put` takes three values, which argh does not know.
fn take_puts<'p>(args: &[&'p str]) -> Result<(Vec<&'p str>, Vec<Put<'p>>), Failure> {
    let (mut kept, mut puts) = (Vec::new(), Vec::new());
    let mut rest = args.iter();
    while let Some(&arg) = rest.next() {
        if arg != "--put" {
            kept.push(arg);
            continue;
        }
        let (Some(&map), Some(&key), Some(&value)) = (rest.next(), rest.next(), rest.next()) else {
            return Err(Failure::usage("--put needs three values: MAP KEY VALUE"));
        };
        puts.push(Put { map, key, value });
    }
    Ok((kept, puts))
}

pub(super) fn read_object(path: &str) -> Result<Vec<u8>, Failure> {
    file::read_whole(path, MAX_OBJECT).map_err(|error| {
        Failure::new(Class::BadObject, format!("{path}: {error}"))
            .with_hint("give the path of a BPF object, made by clang -target bpf -O2 -g -c")
    })
}

fn set(object: &mut Object<'_>, assignment: &str) -> Result<(), Failure> {
    let (name, value) = assignment
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("--set {assignment}: it is written VAR=VALUE")))?;
    let failed = |why: String| Failure::usage(format!("--set {name}: {why}"));
    let Some(global) = object.global(name) else {
        let known: Vec<&str> = object.globals.iter().map(|g| g.name).collect();
        let hint = match known.is_empty() {
            true => "the object has no global variables".into(),
            false => format!("the object has {}", known.join(", ")),
        };
        return Err(failed("there is no such variable".into()).with_hint(hint));
    };
    let btf = object.btf.as_ref().filter(|_| global.ty != TypeId::VOID);
    let btf = btf.ok_or_else(|| failed("its type is not known".into()))?;
    let plan = Plan::new(btf, global.ty).map_err(|e| failed(e.to_string()))?;
    let bytes = plan.parse_vec(value).map_err(|e| failed(e.to_string()))?;
    match object.global_mut(name) {
        Some(place) if place.len() == bytes.len() => place.copy_from_slice(&bytes),
        _ => return Err(failed("it can't be set".into())),
    }
    Ok(())
}

/// The bytes of a map entry.
fn entry(object: &Object<'_>, put: &Put<'_>) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let map = find_map(object, put.map, "--put")?;
    let bytes = |what: &str, ty: TypeId, size: u32, words: &str| {
        let failed = |why: String| Failure::usage(format!("--put {}: {what}: {why}", put.map));
        let btf = object.btf.as_ref().filter(|_| ty != TypeId::VOID);
        let btf = btf.ok_or_else(|| failed("the map does not say its type".into()))?;
        let plan = Plan::new(btf, ty).map_err(|e| failed(e.to_string()))?;
        let bytes = plan.parse_vec(words).map_err(|e| failed(e.to_string()))?;
        match bytes.len() == size as usize {
            true => Ok(bytes),
            false => Err(failed("its type and its size differ".into())),
        }
    };
    Ok((
        bytes("the key", map.key_type, map.key_size, put.key)?,
        bytes("the value", map.value_type, map.value_size, put.value)?,
    ))
}

fn find_map<'o, 'a>(
    object: &'o Object<'a>,
    name: &str,
    option: &str,
) -> Result<&'o MapSpec<'a>, Failure> {
    let found = object.map(name).and_then(|i| object.maps.get(i));
    found.ok_or_else(|| {
        let known: Vec<&str> = object.maps.iter().map(|m| m.name).collect();
        Failure::usage(format!("{option} {name}: the object has no such map"))
            .with_hint(format!("its maps are {}", known.join(", ")))
    })
}

fn check_names(object: &Object<'_>, run: &Run) -> Result<(), Failure> {
    for name in &run.prog {
        if !object.programs.iter().any(|p| p.name == name) {
            let known: Vec<&str> = object.programs.iter().map(|p| p.name).collect();
            let what = format!("--prog {name}: the object has no such program");
            return Err(Failure::usage(what).with_hint(format!("it has {}", known.join(", "))));
        }
    }
    Ok(())
}

fn fill(
    loaded: &Loaded<'_>,
    puts: &[Put<'_>],
    entries: &[(Vec<u8>, Vec<u8>)],
) -> Result<(), Failure> {
    for (put, (key, value)) in puts.iter().zip(entries) {
        let Some(map) = loaded.map(put.map) else {
            continue;
        };
        let failed = |e| Failure::other(format!("--put {}: {e}", put.map));
        let elements = Elements::of(map.fd.as_fd()).map_err(failed)?;
        // A per-CPU map takes a value for each possible CPU, each filled up to eight bytes.
        let each = match elements.value_len() == value.len() {
            true => value.len(),
            false => value.len().next_multiple_of(8),
        };
        let mut whole = value.clone();
        whole.resize(each, 0);
        let whole = whole.repeat((elements.value_len() / each.max(1)).max(1));
        elements.update(key, &whole, BPF_ANY).map_err(failed)?;
    }
    Ok(())
}

/// The events of an object: which struct each ring's records are.
struct Events {
    /// By map name.
    plans: Vec<(String, Option<Plan>)>,
}

impl Events {
    fn new(object: &Object<'_>, given: &[String]) -> Result<Events, Failure> {
        let rings = object.maps.iter().filter(|m| is_ring(m));
        let rings: Vec<&str> = rings.map(|m| m.name).collect();
        let mut types: Vec<(Option<&str>, TypeId)> = Vec::new();
        for event in given {
            let (map, name) = match event.split_once('=') {
                Some((map, name)) => (Some(map), name),
                None => (None, event.as_str()),
            };
            if let Some(map) = map.filter(|map| !rings.contains(map)) {
                let what = format!("--event {event}: the object has no ring {map}");
                return Err(Failure::usage(what).with_hint(match rings.is_empty() {
                    true => "it has none at all".into(),
                    false => format!("its rings are {}", rings.join(", ")),
                }));
            }
            types.push((map, named_type(object, name)?));
        }
        let plans = rings
            .iter()
            .map(|&ring| {
                let of_ring = types.iter().find(|(map, _)| *map == Some(ring));
                let of_all = types.iter().find(|(map, _)| map.is_none());
                let ty = of_ring.or(of_all).map(|(_, ty)| *ty);
                let ty = ty.or_else(|| usual_type(object.btf.as_ref()?, ring));
                let plan = match (ty, &object.btf) {
                    (Some(ty), Some(btf)) => Some(Plan::new(btf, ty).map_err(|e| {
                        Failure::new(Class::BadObject, format!("the events of {ring}: {e}"))
                    })?),
                    _ => None,
                };
                Ok((ring.to_owned(), plan))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Events { plans })
    }
}

fn is_ring(map: &MapSpec<'_>) -> bool {
    matches!(
        map.map_type,
        BPF_MAP_TYPE_PERF_EVENT_ARRAY | BPF_MAP_TYPE_RINGBUF
    )
}

/// The struct, union or typedef of this name.
fn named_type(object: &Object<'_>, name: &str) -> Result<TypeId, Failure> {
    let plain = name.strip_prefix("struct ").unwrap_or(name);
    let find = |btf: &Btf<'_>| {
        [Kind::Struct, Kind::Union, Kind::Typedef, Kind::Int]
            .into_iter()
            .find_map(|kind| btf.find(kind, plain))
    };
    object.btf.as_ref().and_then(find).ok_or_else(|| {
        let structs = object.btf.iter().flat_map(|btf| {
            btf.ids().filter_map(|id| {
                let header = btf.header(id).ok()?;
                let name = btf.str_at(header.name)?;
                (header.kind == Kind::Struct && !name.is_empty()).then_some(name)
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
        .filter_map(|name| btf.find(Kind::Struct, name));
    let first = found.next()?;
    match found.next() {
        None => Some(first),
        Some(_) => None,
    }
}

impl View for Events {
    fn header(&mut self, out: &mut Vec<u8>) {
        let several = self.plans.len() > 1;
        for (map, plan) in &self.plans {
            if several {
                out.extend_from_slice(map.as_bytes());
                out.push(b' ');
            }
            match plan {
                Some(plan) => plan.header(out),
                None => {
                    out.extend_from_slice(b"EVENT (hex; name its struct with --event ");
                    out.extend_from_slice(map.as_bytes());
                    out.extend_from_slice(b"=TYPE)");
                }
            }
            out.push(b'\n');
        }
    }

    fn event(&mut self, map: &str, _: u32, bytes: &[u8], out: &mut Vec<u8>) {
        if self.plans.len() > 1 {
            out.extend_from_slice(map.as_bytes());
            out.push(b' ');
        }
        match self.plans.iter().find(|(name, _)| name == map) {
            Some((_, Some(plan))) => plan.row(bytes, out),
            _ => {
                for byte in bytes {
                    if *byte < 16 {
                        out.push(b'0');
                    }
                    push_hex(u64::from(*byte), out);
                }
            }
        }
        out.push(b'\n');
    }
}
