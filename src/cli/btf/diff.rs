//! `btfly btf diff`: what changed between the types of two kernels.

use std::fmt::Write;

use btfly::btf::diff::{Difference, What, diff};
use btfly::btf::{Btf, CoreRelo};
use btfly::object::Object;
use btfly::relocate::{Answer, Resolver, wanted};
use btfly::target::{Wanted, open_btf};
use btfly::value::escape_json;

use super::super::output::{self, Patience, Written, plain};
use super::super::{Common, Failure, objects::read_object, taking};
use super::source::open_file;
use super::{damaged, source};

const HELP: &str = "\
Usage: btfly btf diff A B [--for OBJECT...] [--json]

Say what changed between the types of two kernels, each a file with BTF: structs, unions, enums and
typedefs that came or went, and what is new, gone, moved or of another type in the others.

Options:
  --for             only what decides over the relocations of this object; may be given several times
  --json            as JSON, an object for each difference
  --help, help      display usage information
";

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let (mut objects, mut json) = (Vec::new(), false);
    let words = taking::words("btf diff", HELP, args, &mut |given, rest| {
        match given.name {
            "--for" => objects.push(given.value(rest)?),
            name if given.is_plain() && taking::is_json(name) => json = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let Some(words) = words else {
        return Ok(());
    };
    let [before, after] = *words else {
        return Err(Failure::usage(
            "this takes the form: btfly btf diff A B [--for OBJECT] [--json]",
        ));
    };
    let mut list = List {
        json,
        first: true,
        written: Ok(Written::All),
    };
    if objects.is_empty() {
        let types = (open_file(before, None)?, open_file(after, None)?);
        let done = diff(&types.0, &types.1, &mut |found| list.add(found));
        done.map_err(|error| damaged(&error))?;
    }
    for path in objects {
        for_object(path, before, after, &mut list).map_err(|failure| failure.of_file(path))?;
    }
    list.end()
}

/// Tells of each relocation of an object that the two kernels answer otherwise.
fn for_object(path: &str, before: &str, after: &str, list: &mut List) -> Result<(), Failure> {
    let bytes = read_object(path)?;
    let object = Object::parse(&bytes)?;
    let relos: Vec<CoreRelo> = object
        .code
        .iter()
        .flat_map(|code| code.relocations.iter().copied())
        .collect();
    let Some(local) = object.btf.clone().filter(|_| !relos.is_empty()) else {
        return Ok(());
    };
    let other = |error: &dyn std::fmt::Display| Failure::other(error.to_string());
    let names: Wanted<'_> = wanted(&local, relos.iter()).map_err(|error| other(&error))?;
    let open = |path: &str| open_btf(path, &names).map_err(|error| source::unreadable(&error));
    let (before, after) = (open(before)?, open(after)?);
    let (mut old, mut new) = (
        Resolver::new(&local, &before),
        Resolver::new(&local, &after),
    );
    let mut told: Vec<Difference> = Vec::new();
    for relo in &relos {
        let was = answer(&mut old, relo, &local).map_err(|error| other(&error))?;
        let is = answer(&mut new, relo, &local).map_err(|error| other(&error))?;
        if was.1 == is.1 {
            continue;
        }
        let found = Difference {
            kind: relo.kind.name(),
            name: was.0,
            what: What::Changed,
            size: None,
            entries: vec![btfly::btf::diff::Entry {
                name: String::new(),
                before: was.1,
                after: is.1,
            }],
        };
        if !told.contains(&found) {
            if !list.add(&found) {
                return Ok(());
            }
            told.push(found);
        }
    }
    Ok(())
}

/// What a relocation asks for, and the kernel's answer; `None` where it has no such thing.
fn answer(
    by: &mut Resolver<'_>,
    relo: &CoreRelo,
    local: &Btf<'_>,
) -> Result<(String, Option<String>), btfly::relocate::RelocateError> {
    use btfly::btf::RelocationKind::TypeIdTarget;
    let resolution = by.resolve(relo)?;
    let text = resolution.describe(local, relo);
    // How far into its struct the program takes a field to be is of no kernel.
    let name = match text.rsplit_once('(') {
        Some((name, _)) if relo.kind.is_field() => name.trim_ascii_end().to_owned(),
        _ => text,
    };
    let said = match resolution.answer {
        Answer::Poison => None,
        // Each BTF has its own numbers.
        Answer::Value(value) if relo.kind == TypeIdTarget => {
            (value.number != 0).then(|| "there".to_owned())
        }
        Answer::Value(value) => Some(match value.field {
            Some((size, _)) => format!("{} of {size} bytes", value.number),
            None => value.number.to_string(),
        }),
    };
    Ok((name, said))
}

/// The differences as they are written.
struct List {
    json: bool,
    first: bool,
    written: Result<Written, Failure>,
}

impl List {
    /// Writes one, and says whether more is wanted.
    fn add(&mut self, found: &Difference) -> bool {
        let mut text = String::new();
        match self.json {
            true => {
                text.push_str(if self.first { "[" } else { ",\n" });
                json(found, &mut text);
            }
            false => lines(found, &mut text),
        }
        self.first = false;
        self.written = output::write(text.as_bytes(), Patience::default());
        matches!(self.written, Ok(Written::All))
    }

    fn end(self) -> Result<(), Failure> {
        if self.written? != Written::All {
            return Ok(());
        }
        match (self.json, self.first) {
            (true, true) => output::print("[]\n"),
            (true, false) => output::print("]\n"),
            _ => Ok(()),
        }
    }
}

fn lines(found: &Difference, out: &mut String) {
    let sign = match found.what {
        What::Added => "+",
        What::Removed => "-",
        What::Changed => "~",
    };
    let _ = write!(out, "{sign} {} {}", found.kind, plain(&found.name));
    if let Some((before, after)) = found.size {
        let _ = write!(out, ": {before} -> {after} bytes");
    }
    out.push('\n');
    for entry in &found.entries {
        let (sign, what) = match (&entry.before, &entry.after) {
            (Some(before), Some(after)) => ("~", [before, " -> ", after].concat()),
            (Some(before), None) => ("-", before.clone()),
            (None, Some(after)) => ("+", after.clone()),
            (None, None) => continue,
        };
        let colon = if entry.name.is_empty() { "" } else { ": " };
        let _ = writeln!(
            out,
            "  {sign} {}{colon}{}",
            plain(&entry.name),
            plain(&what)
        );
    }
}

fn json(found: &Difference, out: &mut String) {
    let what = match found.what {
        What::Added => "added",
        What::Removed => "removed",
        What::Changed => "changed",
    };
    let _ = write!(
        out,
        "{{\"change\":\"{what}\",\"kind\":\"{}\",\"name\":{}",
        found.kind,
        quoted(&found.name)
    );
    if let Some((before, after)) = found.size {
        let _ = write!(out, ",\"size\":[{before},{after}]");
    }
    if !found.entries.is_empty() {
        let entries: Vec<String> = found
            .entries
            .iter()
            .map(|entry| {
                let or_null = |text: &Option<String>| {
                    text.as_ref().map_or("null".to_owned(), |text| quoted(text))
                };
                format!(
                    "{{\"name\":{},\"before\":{},\"after\":{}}}",
                    quoted(&entry.name),
                    or_null(&entry.before),
                    or_null(&entry.after)
                )
            })
            .collect();
        let _ = write!(out, ",\"entries\":[{}]", entries.join(","));
    }
    out.push('}');
}

fn quoted(text: &str) -> String {
    let mut out = vec![b'"'];
    escape_json(text.as_bytes(), &mut out);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}
