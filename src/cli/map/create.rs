//! `btfly map create PATH …`: a map that no object defines, kept by its name.

use btfly::btf::{Btf, Kind, TypeId, Types};
use btfly::load::{kernel_name, load_types};
use btfly::sys::bpf::{MapBtf, MapCreate, map_create};
use btfly::sys::{map_types, rlimit};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

use super::super::loaded::{MAPS, Words, find_one, pin_at, refused};
use super::super::loading::parse_object;
use super::super::objects::read_object;
use super::super::{Class, Common, Failure};

const FORM: &str = "btfly map create PATH type T key N value N entries N [name S] [flags N] [inner_map MAP] \
                    [btf OBJ:[KEY,]VALUE]";

pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    let [path, rest @ ..] = words.words.as_slice() else {
        return Err(Failure::usage("create: what, and where?").with_hint(FORM));
    };
    let mut create = MapCreate::default();
    let file = path.rsplit('/').next().unwrap_or(path);
    let mut name = kernel_name(file);
    let (mut inner, mut types) = (None, None);
    let mut rest = rest;
    while let [word, value, more @ ..] = rest {
        let word = word.strip_prefix("--").unwrap_or(word);
        rest = more;
        match word {
            "type" => create.map_type = map_type(value)?,
            "key" => create.key_size = number(word, value)?,
            "value" => create.value_size = number(word, value)?,
            "entries" => create.max_entries = number(word, value)?,
            "flags" => create.map_flags = number(word, value)?,
            "name" => name = kernel_name(value),
            "btf" => types = Some(*value),
            "inner_map" | "inner-map" => {
                let words: Vec<&str> = [value].into_iter().chain(more).copied().collect();
                let (map, left) = find_one(&MAPS, &words)?;
                inner = Some(map);
                rest = more.get(more.len() - left.len()..).unwrap_or_default();
            }
            word => return Err(Failure::usage(format!("create: '{word}'?")).with_hint(FORM)),
        }
    }
    if let [word] = rest {
        return Err(
            Failure::usage(format!("create: '{word}' needs more behind it")).with_hint(FORM),
        );
    }
    if create.map_type == 0 {
        return Err(Failure::usage("create: of which type?").with_hint(FORM));
    }
    let types = types
        .map(|words| loaded_types(words, create.key_size))
        .transpose()?;
    if let Some(types) = &types {
        let (key, value) = (types.key_size, types.value_size);
        create.key_size = if create.key_size == 0 {
            key
        } else {
            create.key_size
        };
        create.value_size = if create.value_size == 0 {
            value
        } else {
            create.value_size
        };
        create.btf = Some(MapBtf {
            fd: types.fd.as_fd(),
            key_type_id: types.key,
            value_type_id: types.value,
        });
    }
    create.name = &name;
    create.inner_map = inner.as_ref().map(AsFd::as_fd);
    let made = match map_create(&create) {
        // Before 5.11 memory is charged to a limit.
        Err(Errno::PERM) if rlimit::raise_memlock().is_ok() => map_create(&create),
        made => made,
    };
    let map = made.map_err(|error| unmade(error, &create))?;
    pin_at(&map, path)
}

fn unmade(error: Errno, create: &MapCreate<'_>) -> Failure {
    let told = |class, what: &str| Failure::new(class, what);
    let kind = map_types::map_type(create.map_type).map_or("", |t| t.name);
    match error {
        Errno::INVAL if map_types::probe(create.map_type) == Err(Errno::INVAL) => told(
            Class::Missing,
            &format!("this kernel has no maps of type {kind}"),
        ),
        Errno::INVAL => told(
            Class::Other,
            &format!("the kernel makes no {kind} map of such sizes, flags or types"),
        )
        .with_hint("arrays have keys of 4 bytes; queues and rings none; lpm_trie needs flags 1"),
        Errno::TOOBIG | Errno::NOMEM => told(Class::Other, "the map would take too much memory"),
        error => refused("making a map", error),
    }
}

fn map_type(name: &str) -> Result<u32, Failure> {
    let number = (1..64).find(|n| map_types::map_type(*n).is_some_and(|t| t.name == name));
    number.ok_or_else(|| {
        let names = (1..64).filter_map(map_types::map_type).map(|t| t.name);
        let names: Vec<&str> = names.collect();
        let failure = Failure::usage(format!("there is no type '{name}' of maps"));
        failure.with_hint(format!("there are {}", names.join(", ")))
    })
}

fn number(what: &str, text: &str) -> Result<u32, Failure> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    value.ok_or_else(|| Failure::usage(format!("{what}: '{text}' is no number that fits")))
}

/// Types of an object in the kernel, and which of them are those of a map.
struct Typed {
    fd: OwnedFd,
    key: u32,
    value: u32,
    key_size: u32,
    value_size: u32,
}

/// `OBJ:VALUE`, `OBJ:KEY,VALUE`: a key without a type is a number.
fn loaded_types(words: &str, key_size: u32) -> Result<Typed, Failure> {
    let form = || Failure::usage(format!("btf {words}: it is written OBJ:[KEY,]VALUE"));
    let (path, names) = words.rsplit_once(':').ok_or_else(form)?;
    let (key, value) = match names.split_once(',') {
        Some((key, value)) => (Some(key), value),
        None => (None, names),
    };
    let bytes = read_object(path)?;
    let object = parse_object(path, &bytes)?;
    let btf = object.btf.as_ref().ok_or_else(|| {
        Failure::new(Class::BadObject, format!("{path} has no types"))
            .with_hint("compile it with -g")
    })?;
    let value_id = called(btf, value)?;
    let key_id = match key {
        Some(key) => called(btf, key)?,
        None => int_of(btf, if key_size == 0 { 4 } else { key_size })?,
    };
    let sized = |id| btf.size_of(id).unwrap_or(0);
    let (key_size, value_size) = (sized(key_id), sized(value_id));
    let fd = load_types(&object, &Common::default().kernel()?)?.ok_or_else(|| {
        Failure::new(
            Class::Missing,
            "this kernel does not take the types of the object",
        )
    })?;
    Ok(Typed {
        fd,
        key: key_id.0,
        value: value_id.0,
        key_size,
        value_size,
    })
}

/// A type by its name, with `struct` or another such word before it or not.
fn called(btf: &Btf<'_>, name: &str) -> Result<TypeId, Failure> {
    let name = name.rsplit(' ').next().unwrap_or(name);
    let kinds = [
        Kind::Struct,
        Kind::Union,
        Kind::Typedef,
        Kind::Int,
        Kind::Enum,
        Kind::Enum64,
    ];
    let found = kinds.into_iter().find_map(|kind| btf.find(kind, name));
    found.ok_or_else(|| Failure::new(Class::BadObject, format!("the object has no type '{name}'")))
}

fn int_of(btf: &Btf<'_>, size: u32) -> Result<TypeId, Failure> {
    let found = btf.ids().find(|id| {
        let header = btf.header(*id);
        header.is_ok_and(|h| {
            h.kind == Kind::Int && h.size() == size && btf.int(&h).is_ok_and(|int| !int.char)
        })
    });
    found.ok_or_else(|| {
        let told = format!("the object has no number of {size} bytes for the key");
        Failure::new(Class::BadObject, told).with_hint("name its type: btf OBJ:KEY,VALUE")
    })
}
