//! Whose types: those of a file, or what the kernel has for a BTF's id, a program or a map.

use std::ffi::CString;

use btfly::btf::TypeId;
use btfly::btf::dump::Whole;
use btfly::sys::bpf::{
    btf_bytes, btf_get_fd_by_id, btf_name, map_get_fd_by_id, map_get_next_id, map_info,
    prog_get_fd_by_id, prog_get_next_id, prog_info,
};
use btfly::sys::bpf_pin::{kind_of, obj_get};
use btfly::target::{TargetError, WholeBtf};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};

use super::super::{Class, Failure};
use super::damaged;

/// Where the kernel shows its own BTF and that of its modules.
const KERNEL: &str = "/sys/kernel/btf/";

/// The largest BTF that the kernel takes from a program (`BTF_MAX_SIZE`).
const MOST: usize = 16 << 20;

/// Types, and the ones among them that are asked for, if not all.
pub struct Chosen {
    pub types: WholeBtf,
    pub roots: Option<Vec<TypeId>>,
}

const FORM: &str = "this takes the form: btfly btf dump (file F | id N | prog (id N | name S | pinned P) \
                    | map (id N | name S | pinned P) [key|value|kv|all]) [--format raw|c]";

/// What the words behind `dump` name.
pub fn choose(words: &[&str], base: Option<&str>) -> Result<Chosen, Failure> {
    let all = |types| Chosen { types, roots: None };
    match words {
        ["file", path] => open_file(path, base).map(all),
        ["id", id] => by_id(number(id)?, base).map(all),
        ["prog", how, what] => {
            let program = find(&PROGRAMS, how, what)?;
            let info =
                prog_info(program.as_fd()).map_err(|error| refused("this program", error))?;
            match info.btf_id {
                0 => Err(without(&format!("the program '{what}'"))),
                id => by_id(id, base).map(all),
            }
        }
        ["map", how, what] => of_map(how, what, "kv", base),
        ["map", how, what, which] => of_map(how, what, which, base),
        _ => Err(Failure::usage(FORM)),
    }
}

fn of_map(how: &str, what: &str, which: &str, base: Option<&str>) -> Result<Chosen, Failure> {
    if !["key", "value", "kv", "all"].contains(&which) {
        return Err(Failure::usage(FORM));
    }
    let map = find(&MAPS, how, what)?;
    let info = map_info(map.as_fd()).map_err(|error| refused("this map", error))?;
    // The values of struct_ops are of a type of the kernel's.
    let (types, value) = match (info.btf_id, info.btf_vmlinux_value_type_id) {
        (0, 0) => return Err(without(&format!("the map '{what}'"))),
        (id, 0) => (by_id(id, base)?, info.btf_value_type_id),
        (_, value) => (open_file(&[KERNEL, "vmlinux"].concat(), None)?, value),
    };
    let key = info.btf_key_type_id;
    let roots = match which {
        "key" => vec![key],
        "value" => vec![value],
        "kv" => vec![key, value],
        _ => return Ok(Chosen { types, roots: None }),
    };
    // A map of strings of bits, or a ring, has no type for its key.
    let roots: Vec<TypeId> = roots.into_iter().filter(|id| *id > 0).map(TypeId).collect();
    if roots.is_empty() {
        let which = if which == "kv" {
            "key and value"
        } else {
            which
        };
        return Err(without(&format!("the {which} of the map '{what}'")));
    }
    match roots.iter().find(|root| **root >= types.end()) {
        Some(root) => Err(damaged(&btfly::btf::BtfError::NoSuchType(*root))),
        None => Ok(Chosen {
            types,
            roots: Some(roots),
        }),
    }
}

/// The BTF that the kernel knows by this id.
fn by_id(id: u32, base: Option<&str>) -> Result<WholeBtf, Failure> {
    let what = format!("BTF {id}");
    let btf = btf_get_fd_by_id(id).map_err(|error| refused(&what, error))?;
    let name = btf_name(btf.as_fd()).map_err(|error| refused(&what, error))?;
    if let Some(name) = name {
        // The same bytes, and they need not be held.
        let types = open_file(&[KERNEL, &name].concat(), base);
        if types.is_ok() || base.is_some() {
            return types;
        }
    }
    let bytes = btf_bytes(btf.as_fd(), MOST).map_err(|error| refused(&what, error))?;
    let base = open_base(base)?;
    WholeBtf::in_memory(bytes, base).map_err(|error| damaged(&error).of_file(&what))
}

/// Opens a file with BTF, behind the base that was named, or that of the kernel where the file is
/// what the kernel shows of a module.
pub fn open_file(path: &str, base: Option<&str>) -> Result<WholeBtf, Failure> {
    let vmlinux = [KERNEL, "vmlinux"].concat();
    let of_module = path.starts_with(KERNEL) && path != vmlinux;
    let base = match base {
        None if of_module => Some(vmlinux.as_str()),
        base => base,
    };
    let base = open_base(base)?;
    WholeBtf::open(path, base).map_err(|error| unreadable(&error))
}

fn open_base(base: Option<&str>) -> Result<Option<WholeBtf>, Failure> {
    let base = base.map(|path| WholeBtf::open(path, None)).transpose();
    base.map_err(|error| unreadable(&error))
}

/// Things that the kernel numbers.
struct Numbered {
    what: &'static str,
    /// What the descriptor of one is called.
    kind: &'static str,
    next: fn(u32) -> io::Result<Option<u32>>,
    open: fn(u32) -> io::Result<OwnedFd>,
    name: fn(&OwnedFd) -> io::Result<[u8; 16]>,
}

const PROGRAMS: Numbered = Numbered {
    what: "program",
    kind: "bpf-prog",
    next: prog_get_next_id,
    open: prog_get_fd_by_id,
    name: |fd| prog_info(fd.as_fd()).map(|info| info.name),
};

const MAPS: Numbered = Numbered {
    what: "map",
    kind: "bpf-map",
    next: map_get_next_id,
    open: map_get_fd_by_id,
    name: |fd| map_info(fd.as_fd()).map(|info| info.name),
};

/// Opens one by its id, its name or where it is pinned.
fn find(of: &Numbered, how: &str, which: &str) -> Result<OwnedFd, Failure> {
    let told = format!("{} {which}", of.what);
    match how {
        "id" => (of.open)(number(which)?).map_err(|error| refused(&told, error)),
        "name" => {
            let ids = by_name(of, which).map_err(|error| refused(&told, error))?;
            match ids.as_slice() {
                [] => Err(Failure::new(
                    Class::Missing,
                    format!("no {} is called '{which}'", of.what),
                )
                .with_hint("the kernel keeps the first 15 characters of a name")),
                [id] => (of.open)(*id).map_err(|error| refused(&told, error)),
                ids => {
                    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                    Err(
                        Failure::usage(format!("{} {}s are called '{which}'", ids.len(), of.what))
                            .with_hint(format!("choose one by id: {}", ids.join(", "))),
                    )
                }
            }
        }
        "pinned" => {
            let path = CString::new(which)
                .map_err(|_| Failure::usage("a path has no zero bytes in it"))?;
            let fd = obj_get(&path).map_err(|error| match error {
                Errno::ACCESS | Errno::INVAL => Failure::new(
                    Class::Other,
                    format!("{which} is no pinned BPF object: {error}"),
                ),
                error => refused(which, error),
            })?;
            match kind_of(fd.as_fd()) {
                Some(kind) if kind != of.kind => Err(Failure::new(
                    Class::Other,
                    format!("what is pinned at {which} is no {}, but {kind}", of.what),
                )),
                _ => Ok(fd),
            }
        }
        _ => Err(Failure::usage(FORM)),
    }
}

/// The ids of those with a name. One that vanishes meanwhile is passed over.
fn by_name(of: &Numbered, name: &str) -> io::Result<Vec<u32>> {
    let kept = name.as_bytes().get(..15).unwrap_or(name.as_bytes());
    let mut found = Vec::new();
    let mut id = 0;
    while let Some(next) = (of.next)(id)? {
        id = next;
        let fd = match (of.open)(id) {
            Err(Errno::NOENT) => continue,
            opened => opened?,
        };
        let held = (of.name)(&fd)?;
        if held.split(|&b| b == 0).next() == Some(kept) {
            found.push(id);
        }
    }
    Ok(found)
}

fn number(text: &str) -> Result<u32, Failure> {
    text.parse()
        .map_err(|_| Failure::usage(format!("'{text}' is no id")))
}

/// What the kernel answered, about something.
pub fn refused(what: &str, error: Errno) -> Failure {
    match error {
        Errno::PERM | Errno::ACCESS => {
            Failure::new(Class::Permission, format!("{what}: not permitted"))
                .with_hint("run it as root")
        }
        Errno::NOENT => Failure::new(Class::Missing, format!("there is no {what}")),
        Errno::INVAL | Errno::NOSYS => Failure::new(
            Class::Missing,
            format!("{what}: this kernel can't be asked for it ({error})"),
        ),
        error => Failure::other(format!("{what}: {error}")),
    }
}

fn without(what: &str) -> Failure {
    Failure::new(Class::Missing, format!("{what} has no types"))
        .with_hint("it was loaded without BTF: compile with -g")
}

/// What is wrong with a file.
pub fn unreadable(error: &TargetError) -> Failure {
    let class = match error {
        TargetError::File { error, .. } if *error == Errno::ACCESS => Class::Permission,
        TargetError::File { .. } | TargetError::Room { .. } => Class::Other,
        _ => Class::BadObject,
    };
    Failure::new(class, error.to_string())
}
