//! `btfly btf dump`: types as text.

use btfly::btf::dump::{self, TypeSet, Whole};
use btfly::btf::{BtfError, TypeId};
use btfly::target::{TargetError, WholeBtf};

use super::super::output::{self, Patience, Written};
use super::super::{Class, Common, Failure, parse};

/// Where the kernel shows its own BTF and that of its modules.
const KERNEL: &str = "/sys/kernel/btf/";

/// Bytes that are written at once.
const PIECE: usize = 16 * 1024;

/// Print types: of a file with BTF (file F: raw, an ELF file with a .BTF section, a .btf.tar.xz).
#[derive(argh::FromArgs)]
struct Dump {
    /// dump, and whose types: file F
    #[argh(positional, arg_name = "SOURCE")]
    words: Vec<String>,

    /// raw: a line for each type as bpftool has it (default); c: a header, vmlinux.h
    #[argh(
        option,
        arg_name = "FORMAT",
        default = "Format::Raw",
        from_str_fn(format)
    )]
    format: Format,

    /// only this type, by name or number, and what it needs; may be given several times
    #[argh(option, arg_name = "TYPE")]
    root: Vec<String>,

    /// only types that have this text in what is printed of them; in a header, in their names, and
    /// what they need
    #[argh(option, arg_name = "TEXT")]
    grep: Option<String>,

    /// BTF that this one goes on from: that of the kernel, for a module's
    #[argh(option, short = 'B', arg_name = "FILE")]
    base_btf: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Raw,
    C,
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "raw" => Ok(Format::Raw),
        "c" => Ok(Format::C),
        _ => Err("--format takes raw or c".into()),
    }
}

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let Some(dump) = parse::<Dump>("btf dump", args)? else {
        return Ok(());
    };
    let words: Vec<&str> = dump.words.iter().map(String::as_str).collect();
    let types = match words.as_slice() {
        ["dump", "file", path] => open_file(path, dump.base_btf.as_deref())?,
        _ => {
            return Err(Failure::usage(
                "this takes the form: btfly btf dump file F [--format raw|c]",
            ));
        }
    };
    let mut roots = Vec::new();
    for name in &dump.root {
        let found = dump::named(&types, name).map_err(|error| damaged(&error))?;
        if found.is_empty() {
            return Err(Failure::new(
                Class::Missing,
                format!("there is no type '{name}' in this BTF"),
            )
            .with_hint("--grep TEXT looks for a part of a name"));
        }
        roots.extend(found);
    }
    match dump.format {
        Format::Raw => raw(&types, &dump, &roots),
        Format::C => {
            if let Some(text) = &dump.grep {
                roots.extend(dump::matching(&types, text).map_err(|error| damaged(&error))?);
            }
            let is_all = dump.root.is_empty() && dump.grep.is_none();
            header(&types, Some(&*roots).filter(|_| !is_all))
        }
    }
}

/// Prints a header with these types, or all.
fn header(types: &WholeBtf, roots: Option<&[TypeId]>) -> Result<(), Failure> {
    let mut written = Ok(Written::All);
    let done = dump::write_c(types, roots, &mut |piece| {
        written = output::write(piece, Patience::default());
        matches!(written, Ok(Written::All))
    });
    done.map_err(|error| damaged(&error))?;
    written.map(drop)
}

/// Prints each type that is wanted in bpftool's notation.
fn raw(types: &WholeBtf, dump: &Dump, roots: &[TypeId]) -> Result<(), Failure> {
    let needed: Option<TypeSet> = match roots {
        [] => None,
        roots => Some(dump::reach(types, roots).map_err(|error| damaged(&error))?),
    };
    let ids = match &needed {
        None => types.first().0..types.end().0,
        // What it needs may be the base's.
        Some(_) => 1..types.end().0,
    };
    let mut out = Vec::with_capacity(PIECE * 2);
    let mut room = Vec::new();
    for id in ids.map(TypeId) {
        if needed.as_ref().is_some_and(|needed| !needed.has(id)) {
            continue;
        }
        let from = out.len();
        dump::write_raw(types, id, &mut room, &mut out).map_err(|error| damaged(&error))?;
        if let Some(text) = &dump.grep
            && !has(out.get(from..).unwrap_or_default(), text.as_bytes())
        {
            out.truncate(from);
        }
        if out.len() >= PIECE {
            if output::write(&out, Patience::default())? != Written::All {
                return Ok(());
            }
            out.clear();
        }
    }
    output::write(&out, Patience::default()).map(drop)
}

/// Whether `text` is somewhere in `bytes`.
fn has(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|part| part == text)
}

/// Opens a file with BTF, behind the base that was named, or that of the kernel where the file is
/// what the kernel shows of a module.
fn open_file(path: &str, base: Option<&str>) -> Result<WholeBtf, Failure> {
    let vmlinux = [KERNEL, "vmlinux"].concat();
    let of_module = path.starts_with(KERNEL) && path != vmlinux;
    let base = match base {
        None if of_module => Some(vmlinux.as_str()),
        base => base,
    };
    let base = base.map(|path| WholeBtf::open(path, None)).transpose();
    let base = base.map_err(|error| unreadable(&error))?;
    WholeBtf::open(path, base).map_err(|error| unreadable(&error))
}

fn unreadable(error: &TargetError) -> Failure {
    let class = match error {
        TargetError::File { error, .. } if *error == rustix::io::Errno::ACCESS => Class::Permission,
        TargetError::File { .. } | TargetError::Room { .. } => Class::Other,
        _ => Class::BadObject,
    };
    Failure::new(class, error.to_string())
}

fn damaged(error: &BtfError) -> Failure {
    Failure::new(Class::BadObject, error.to_string())
}
