//! `btfly run OBJECT`: any object on disk, its events in the words of its own BTF.

use btfly::btf::{Btf, Kind, TypeId, Types};
use btfly::load::Loaded;
use btfly::object::{MapSpec, Object, ObjectError, Program};
use btfly::sys::abi::{BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};
use btfly::value::{Plan, push_hex};

use super::{Class, Common, Failure, loading, objects, parse, session};
use crate::tools::View;

/// Load a BPF object, attach its programs, and print its events. Fill a map before anything is
/// attached with --put MAP KEY VALUE, as often as you like: KEY and VALUE are written in the fields
/// of their types, as in --put my_config 0 '{{message: "hey root"}}'.
#[derive(argh::FromArgs)]
struct Run {
    /// the object file; of several (in a full build), one may use what another defines
    #[argh(positional)]
    objects: Vec<String>,

    /// give a global variable a value before the object is loaded: VAR=VALUE
    #[argh(option, arg_name = "VAR=VALUE")]
    set: Vec<String>,

    /// the struct of the events, for one map or for all: [MAP=]TYPE
    #[argh(option, arg_name = "[MAP=]TYPE")]
    event: Vec<String>,

    /// load only this program; may be given several times
    #[argh(option, arg_name = "NAME")]
    prog: Vec<String>,

    /// take a map that is in the kernel already in the place of one of the object's:
    /// NAME=pinned:PATH or NAME=id:NUMBER
    #[cfg(feature = "full")]
    #[argh(option, arg_name = "NAME=…")]
    map: Vec<String>,

    /// give a map another size: its max_entries, or for a data section with an array at its end
    /// the bytes of its value
    #[cfg(feature = "full")]
    #[argh(option, arg_name = "NAME=N")]
    resize: Vec<String>,

    /// where maps are pinned that ask to be pinned by name (/sys/fs/bpf)
    #[cfg(feature = "full")]
    #[argh(option, arg_name = "DIR")]
    pin_path: Option<String>,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (args, puts) = loading::take_puts(args)?;
    #[cfg(feature = "full")]
    let (args, hooks) = super::attach_options::AttachOptions::take(&args)?;
    let Some(run) = parse::<Run>("run", &args)? else {
        return Ok(());
    };
    let (name, bytes) = objects::read(&run.objects)?;
    let mut object = loading::parse_object(&name, &bytes)?;
    if object.programs.is_empty() {
        return Err(Failure::from(ObjectError::NoProgram).of_file(&name));
    }
    #[cfg(feature = "full")]
    hooks.apply(&mut object)?;
    loading::set_globals(&mut object, &run.set)?;
    let entries = loading::entries(&object, &puts)?;
    loading::check_programs(&object, &run.prog)?;
    #[cfg(feature = "full")]
    let maps = {
        let pin_path = run.pin_path.as_deref();
        let first_path = run.objects.first().map_or("", String::as_str);
        super::maps::Maps::new(&object, first_path, &run.map, &run.resize, pin_path)?
    };
    let mut events = Events::new(&object, &run.event)?;
    let prepare = |loaded: &Loaded<'_>| loading::fill(loaded, &puts, &entries);
    let choose = |program: &Program<'_>| loading::is_chosen(&run.prog, program);
    session::run(
        &object,
        &common,
        session::Plan {
            choose: &choose,
            prepare: &prepare,
            #[cfg(feature = "full")]
            maps,
            #[cfg(feature = "full")]
            wishes: hooks.wishes().clone(),
            #[cfg(feature = "full")]
            ticker: None,
        },
        &mut events,
    )
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
