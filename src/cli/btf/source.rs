//! Whose types: those of a file, or what the kernel has for a BTF's id, a program or a map.

use btfly::btf::TypeId;
use btfly::btf::dump::Whole;
use btfly::sys::bpf::{btf_bytes, btf_get_fd_by_id, btf_name, map_info, prog_info};
use btfly::target::{TargetError, WholeBtf};
use rustix::fd::AsFd;
use rustix::io::Errno;

use super::super::loaded::{MAPS, PROGRAMS, find_one, refused};
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
            let program = find_one(&PROGRAMS, &[how, what])?.0;
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
    let map = find_one(&MAPS, &[how, what])?.0;
    let info = map_info(map.as_fd()).map_err(|error| refused("this map", error))?;
    // The values of struct_ops are of a type of the kernel's.
    let (types, value) = match (info.btf_id, info.btf_vmlinux_value_type_id) {
        (0, 0) => return Err(without(&format!("the map '{what}'"))),
        (id, 0) => (by_id(id, base)?, info.btf_value_type_id),
        (_, value) => (of_kernel(info.btf_vmlinux_id)?, value),
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

/// The types of values of struct_ops: those of the BTF with this id, or of the kernel proper where it tells none, as
/// before 6.9.
pub fn of_kernel(id: u32) -> Result<WholeBtf, Failure> {
    match id {
        0 => open_file(&[KERNEL, "vmlinux"].concat(), None),
        id => by_id(id, None),
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

fn number(text: &str) -> Result<u32, Failure> {
    text.parse()
        .map_err(|_| Failure::usage(format!("'{text}' is no id")))
}

fn without(what: &str) -> Failure {
    Failure::new(Class::Missing, format!("{what} has no types"))
        .with_hint("it was loaded without BTF: compile with -g")
}

/// What is wrong with a file.
pub fn unreadable(error: &TargetError) -> Failure {
    let class = match error {
        TargetError::File { error, .. } if *error == Errno::ACCESS => Class::Permission,
        TargetError::File { .. } => Class::Other,
        #[cfg(feature = "full")]
        TargetError::Room { .. } => Class::Other,
        _ => Class::BadObject,
    };
    let failure = Failure::new(class, error.to_string());
    match error {
        TargetError::File { path, error } if *error == Errno::NOENT && path.starts_with(KERNEL) => {
            failure.with_hint(
                "where /sys/kernel/btf/vmlinux is missing, the kernel has no BTF: name a file that BTFHub has for it",
            )
        }
        _ => failure,
    }
}
