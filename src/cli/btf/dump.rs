//! `btfly btf dump`: types as text.

use btfly::btf::TypeId;
use btfly::btf::dump::{self, TypeSet, Whole};
use btfly::target::WholeBtf;
use btfly::text::has;

use super::super::output::{self, Patience, Written};
use super::super::{Class, Common, Failure, taking};
use super::damaged;
use super::source::{self, Chosen};

/// Bytes that are written at once.
const PIECE: usize = 16 * 1024;

const HELP: &str = "\
Usage: btfly btf dump SOURCE [--format FORMAT] [--root TYPE...] [--grep TEXT] [-B FILE]

Print types. Of a file with BTF: file F (raw, or an ELF file with a .BTF section; in a build made with
cross/build --full also a .btf.tar.xz). Of what is loaded: id N, prog (id N | name S | pinned P),
map (id N | name S | pinned P) [key|value|kv|all].

Options:
  --format          raw: a line for each type as bpftool has it (default); c: a header, vmlinux.h
  --root            only this type, by name or number, and what it needs; may be given several times
  --grep            only types that have this text in what is printed of them; in a header, in their
                    names, and what they need
  -B, --base-btf    BTF that this one goes on from: that of the kernel, for a module's
  --help, help      display usage information
";

/// What is asked for beside the source.
#[derive(Default)]
struct Dump<'p> {
    format: Option<Format>,
    root: Vec<&'p str>,
    grep: Option<&'p str>,
    base_btf: Option<&'p str>,
}

#[derive(Clone, Copy)]
enum Format {
    Raw,
    C,
}

fn format(text: &str) -> Result<Format, Failure> {
    match text {
        "raw" => Ok(Format::Raw),
        "c" => Ok(Format::C),
        _ => Err(Failure::usage("--format takes raw or c")),
    }
}

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let mut dump = Dump::default();
    let words = taking::words("btf dump", HELP, args, &mut |given, rest| {
        let mut value = || given.value(rest);
        match given.name {
            "--format" => dump.format = Some(format(value()?)?),
            "--root" => dump.root.push(value()?),
            "--grep" => dump.grep = Some(value()?),
            "-B" | "--base-btf" => dump.base_btf = Some(value()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let Some(words) = words else {
        return Ok(());
    };
    let Chosen { types, roots } = source::choose(&words, dump.base_btf)?;
    let is_all = roots.is_none() && dump.root.is_empty();
    let mut roots = roots.unwrap_or_default();
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
    match dump.format.unwrap_or(Format::Raw) {
        Format::Raw => raw(&types.in_order(), &dump, &roots),
        Format::C => {
            if let Some(text) = dump.grep {
                roots.extend(dump::matching(&types, text).map_err(|error| damaged(&error))?);
            }
            let is_all = is_all && dump.grep.is_none();
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
fn raw(types: &WholeBtf, dump: &Dump<'_>, roots: &[TypeId]) -> Result<(), Failure> {
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
        if let Some(text) = dump.grep
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
