//! What is done to an object before and while it is loaded, the same for `run` and `load`: read it, give
//! its globals values (`--set`), choose programs (`--prog`), put entries into its maps (`--put`).

use btfly::btf::TypeId;
use btfly::object::Object;
use btfly::value::Plan;
use btfly::{
    load::Loaded,
    object::{MapSpec, Program},
    sys::{abi::BPF_ANY, bpf_map::Elements},
};
use rustix::fd::AsFd;

use super::Failure;

/// `--put MAP KEY VALUE`.
pub struct Put<'p> {
    map: &'p str,
    key: &'p str,
    value: &'p str,
}

/// A key and a value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// `--put` takes three values, unlike any other option.
pub fn take_puts<'p>(args: &[&'p str]) -> Result<(Vec<&'p str>, Vec<Put<'p>>), Failure> {
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

/// The object in these bytes of a file.
pub fn parse_object<'a>(path: &str, bytes: &'a [u8]) -> Result<Object<'a>, Failure> {
    Object::parse(bytes).map_err(|error| Failure::from(error).of_file(path))
}

/// Gives global variables their values, each by one `VAR=VALUE` of `--set`.
pub fn set_globals(
    object: &mut Object<'_>,
    assignments: &[impl AsRef<str>],
) -> Result<(), Failure> {
    assignments
        .iter()
        .map(AsRef::as_ref)
        .try_for_each(|assignment| {
            let (name, value) = assignment.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--set {assignment}: it is written VAR=VALUE"))
            })?;
            set_global(object, "--set ", name, name, value)
        })
}

/// Gives a global variable its value, as `option` and `shown` ask for.
pub fn set_global(
    object: &mut Object<'_>,
    option: &str,
    shown: &str,
    name: &str,
    value: &str,
) -> Result<(), Failure> {
    let failed = |why: String| Failure::usage(format!("{option}{shown}: {why}"));
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
    let plan = Plan::named(btf, global.ty, name);
    let plan = plan.map_err(|e| failed(e.to_string()))?;
    let bytes = plan.parse_vec(value).map_err(|e| failed(e.to_string()))?;
    match object.global_mut(name) {
        Some(place) if place.len() == bytes.len() => place.copy_from_slice(&bytes),
        _ => return Err(failed("it can't be set".into())),
    }
    Ok(())
}

/// The bytes of what `--put` puts into maps.
pub fn entries(object: &Object<'_>, puts: &[Put<'_>]) -> Result<Vec<Entry>, Failure> {
    puts.iter().map(|put| entry(object, put)).collect()
}

fn entry(object: &Object<'_>, put: &Put<'_>) -> Result<Entry, Failure> {
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

/// Refuses a `--prog` that names no program.
pub fn check_programs(object: &Object<'_>, names: &[impl AsRef<str>]) -> Result<(), Failure> {
    for name in names.iter().map(AsRef::as_ref) {
        if !object.programs.iter().any(|p| p.name == name) {
            let known: Vec<&str> = object.programs.iter().map(|p| p.name).collect();
            let what = format!("--prog {name}: the object has no such program");
            return Err(Failure::usage(what).with_hint(format!("it has {}", known.join(", "))));
        }
    }
    Ok(())
}

/// Whether a program is to be loaded: those that `--prog` names, else all that autoload.
pub fn is_chosen(names: &[impl AsRef<str>], program: &Program<'_>) -> bool {
    match names.is_empty() {
        true => program.autoload,
        false => names.iter().any(|name| name.as_ref() == program.name),
    }
}

/// Puts the entries into the maps, once they are there.
pub fn fill(loaded: &Loaded<'_>, puts: &[Put<'_>], entries: &[Entry]) -> Result<(), Failure> {
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
