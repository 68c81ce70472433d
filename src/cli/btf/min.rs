//! `btfly btf min`: the smallest BTF that relocates some objects as a kernel's whole BTF does.

use btfly::btf::{Btf, CoreRelo};
use btfly::object::Object;
use btfly::relocate::{Answer, Minimal, RelocateError, Resolver, wanted};
use btfly::sys::file;
use btfly::target::{Source, Wanted, WindowedBtf, open_btf};

use super::super::btf_files::{self, BtfFile};
use super::super::{Class, Common, Failure, objects::read_object, parse};
use crate::tools;

/// Pick out of a kernel's whole BTF what some objects need: a few KB for each kernel of a fleet.
/// --btf names the whole BTF, or a folder of them; then the output is a folder of the same layout.
#[derive(argh::FromArgs)]
struct Min {
    /// more objects: a shell writes many where --for *.bpf.o stands
    #[argh(positional, arg_name = "OBJECT")]
    more: Vec<String>,

    /// an object file; may be given several times
    #[argh(option, long = "for", arg_name = "OBJECT")]
    objects: Vec<String>,

    /// the tools that are built in
    #[argh(switch)]
    tools: bool,

    /// where to write the BTF
    #[argh(option, short = 'o', arg_name = "FILE")]
    output: String,
}

/// What is asked of each kernel.
struct Asked<'o> {
    objects: Vec<(Btf<'o>, Vec<CoreRelo>)>,
    wanted: Wanted<'o>,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let Some(min) = parse::<Min>("btf min", args)? else {
        return Ok(());
    };
    let Some(full) = common.btf() else {
        return Err(Failure::usage(
            "this takes the form: btfly btf min --for OBJECT --btf FULL -o OUT.btf",
        ));
    };
    if min.objects.is_empty() && !min.tools {
        return Err(Failure::usage(
            "name the objects with --for, or --tools for those built in",
        ));
    }
    // The next run would take what is written for whole BTF.
    let folder = [full.trim_end_matches('/'), "/"].concat();
    if [min.output.as_str(), "/"].concat().starts_with(&folder) && file::open_folder(full).is_ok() {
        let output = &min.output;
        return Err(Failure::usage(format!(
            "-o {output} lies in {full}: write to a folder elsewhere"
        )));
    }
    let mut files = Vec::new();
    for path in min.objects.iter().chain(&min.more) {
        files.push((path.as_str(), read_object(path)?));
    }
    let given = files.iter().map(|(path, bytes)| (*path, bytes.as_slice()));
    let built_in = tools::all()
        .iter()
        .filter(|_| min.tools)
        .map(|t| (t.name, t.object.unpack()));
    let mut asked = Asked {
        objects: Vec::new(),
        wanted: Wanted::default(),
    };
    for (path, bytes) in given.chain(built_in) {
        asked.add(bytes).map_err(|failure| failure.of_file(path))?;
    }
    match asked.answer(full, &min.output)? {
        0 => Err(Failure::other(format!(
            "{full}: no .btf or .btf.tar.xz file in it"
        ))),
        _ => Ok(()),
    }
}

impl<'o> Asked<'o> {
    fn add(&mut self, bytes: &'o [u8]) -> Result<(), Failure> {
        let object = Object::parse(bytes)?;
        let relos = object
            .code
            .iter()
            .flat_map(|code| code.relocations.iter().copied());
        let relos: Vec<CoreRelo> = relos.collect();
        let Some(btf) = object.btf.filter(|_| !relos.is_empty()) else {
            return Ok(());
        };
        self.wanted
            .extend(&wanted(&btf, relos.iter()).map_err(damaged)?);
        self.objects.push((btf, relos));
        Ok(())
    }

    /// Writes the minimal BTF of the file `full`, or of each file in the folder `full`. Returns how many
    /// there were.
    fn answer(&self, full: &str, output: &str) -> Result<usize, Failure> {
        let opened = file::open(full).map_err(|e| Failure::other(format!("{full}: {e}")))?;
        if !file::is_folder(&opened).unwrap_or(false) {
            return self.one(full, output).map(|()| 1);
        }
        let files = btf_files::below(full)?;
        for BtfFile { path, folder, stem } in &files {
            let mut place = String::from(output);
            make_folder(&place)?;
            for name in folder.split('/').filter(|name| !name.is_empty()) {
                place.extend(["/", name]);
                make_folder(&place)?;
            }
            self.one(path, &[&place, "/", stem, ".btf"].concat())?;
        }
        Ok(files.len())
    }

    fn one(&self, full: &str, output: &str) -> Result<(), Failure> {
        let other = |error: &dyn std::fmt::Display| Failure::other(format!("{full}: {error}"));
        let types = open_btf(full, &self.wanted).map_err(|error| {
            let failure = Failure::other(error.to_string());
            match error.hint() {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })?;
        let mut minimal = Minimal::new(&types);
        for (btf, relos) in &self.objects {
            minimal.keep(btf, relos).map_err(|error| other(&error))?;
        }
        let bytes = minimal.finish().map_err(|error| other(&error))?;
        let small = WindowedBtf::gather(Source::Memory(&bytes), bytes.len() as u64, &self.wanted);
        let small = small.map_err(|error| other(&error))?;
        for (btf, relos) in &self.objects {
            let mut resolvers = [Resolver::new(btf, &types), Resolver::new(btf, &small)];
            for relo in relos {
                let [whole, small] = resolvers.each_mut().map(|by| outcome(by, relo));
                if whole != small {
                    return Err(other(
                        &"its minimal form gives other answers; please report this",
                    ));
                }
            }
        }
        file::create(output, &bytes).map_err(|e| Failure::other(format!("{output}: {e}")))
    }
}

/// What decides over the instruction: the number, the width of a load, and whether it may change.
/// Numbers of types are another BTF's own.
fn outcome(
    resolver: &mut Resolver<'_>,
    relo: &CoreRelo,
) -> Result<Option<(u64, Option<u32>, bool)>, RelocateError> {
    use btfly::btf::RelocationKind::TypeIdTarget;
    let resolution = resolver.resolve(relo)?;
    Ok(match resolution.answer {
        Answer::Poison => None,
        Answer::Value(value) => {
            let number = match relo.kind {
                TypeIdTarget => u64::from(value.number != 0),
                _ => value.number,
            };
            Some((
                number,
                value.field.map(|(size, _)| size),
                resolution.resizable,
            ))
        }
    })
}

fn make_folder(path: &str) -> Result<(), Failure> {
    file::make_folder(path).map_err(|e| Failure::other(format!("{path}: {e}")))
}

fn damaged(error: RelocateError) -> Failure {
    Failure::new(Class::BadObject, error.to_string())
}
