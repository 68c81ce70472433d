//! `btfly btf dump`: types as text.

use btfly::btf::TypeId;
use btfly::btf::dump::{self, TypeSet, Whole};
use btfly::target::WholeBtf;

use super::super::output::{self, Patience, Written};
use super::super::{Class, Common, Failure, parse};
use super::damaged;
use super::source::{self, Chosen};

/// Bytes that are written at once.
const PIECE: usize = 16 * 1024;

/// Print types. Of a file with BTF: file F (raw, an ELF file with a .BTF section, a .btf.tar.xz). Of what is
/// loaded: id N, prog (id N | name S | pinned P), map (id N | name S | pinned P) [key|value|kv|all].
#[derive(argh::FromArgs)]
struct Dump {
    /// dump, and whose types
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
    let words: Vec<&str> = dump.words.iter().skip(1).map(String::as_str).collect();
    let Chosen { types, roots } = source::choose(&words, dump.base_btf.as_deref())?;
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
    match dump.format {
        Format::Raw => raw(&types.in_order(), &dump, &roots),
        Format::C => {
            if let Some(text) = &dump.grep {
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
