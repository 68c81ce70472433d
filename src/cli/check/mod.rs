//! `btfly check`: what becomes of objects on kernels that are not here.

mod json;
mod kernels;
mod table;

use btfly::check::{self, Checked, write_insns};
use btfly::link::Linked;
use btfly::object::{ExternKind, Object, Program};
use btfly::relocate::{Known, RelocationReport};
use btfly::target::{Address, Config, Symbols, TargetError, Wanted};

use super::output::{self, plain, say};
use super::{Class, Common, Failure, objects::read_object, parse};
use kernels::{Candidate, Place};

/// Say what becomes of objects on kernels that are not here: fits, degrades (what is missing), or
/// fails (why). Nothing is loaded, and no root is needed. Each --btf names a kernel by a file with
/// its types (*.btf will do), many by a folder, or a kernel without by the word none; without --btf it is the one
/// that runs here. Exit code 2 if anything fails.
#[derive(argh::FromArgs)]
struct Check {
    /// the object files
    #[argh(positional, arg_name = "OBJECT")]
    objects: Vec<String>,

    /// print each program's final instructions instead
    #[argh(switch)]
    insns: bool,

    /// print one JSON document instead
    #[argh(switch)]
    json: bool,

    /// take from folders only the kernel of this release
    #[argh(option, arg_name = "RELEASE")]
    release: Option<String>,

    /// the kernel's symbols, as /proc/kallsyms has them
    #[argh(option, arg_name = "FILE")]
    kallsyms: Option<String>,

    /// the kernel's configuration, plain or packed by gzip
    #[argh(option, arg_name = "FILE")]
    kconfig: Option<String>,
}

/// What became of an object on a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fits,
    Degrades,
    Fails,
}

/// An object and a kernel.
struct Row<'r> {
    object: &'r str,
    kernel: &'r Candidate,
    verdict: Verdict,
    /// Why it fails.
    why: Option<String>,
    missing: Vec<String>,
    unknown: Vec<String>,
    /// Name, section and instructions of each program.
    programs: Vec<(String, String, usize)>,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let Some(mut check) = parse::<Check>("check", args)? else {
        return Ok(());
    };
    // A shell writes many paths where `--btf *.btf` stands, and only the first comes as its value.
    let mut btfs = common.btfs().to_vec();
    if !btfs.is_empty() {
        let (more, objects) = check
            .objects
            .into_iter()
            .partition::<Vec<_>, _>(|path| kernels::is_one(path));
        check.objects = objects;
        btfs.extend(more);
    }
    if check.objects.is_empty() || (check.insns && check.json) {
        return Err(Failure::usage(
            "this takes the form: btfly check OBJECT… [--btf KERNEL…]… [--insns | --json]",
        ));
    }
    let mut files = Vec::new();
    for path in &check.objects {
        files.push((path.as_str(), read_object(path)?));
    }
    let objects = files
        .iter()
        .map(|(path, bytes)| (*path, Object::parse(bytes)));
    // An object that can't be read fails on every kernel, and the others are looked at all the same.
    let objects: Vec<(&str, Result<Object<'_>, String>)> = objects
        .map(|(path, object)| (path, object.map_err(|error| error.to_string())))
        .collect();
    let facts = Facts::read(&check, &objects)?;
    let kernels = kernels::find(&btfs, check.release.as_deref())?;
    let mut listing = Listing {
        wanted: check.insns,
        heads: objects.len() > 1 || kernels.len() > 1,
        failed: None,
    };
    let mut rows = Vec::new();
    for kernel in &kernels {
        on(
            kernel,
            &objects,
            &facts,
            common.verbose,
            &mut listing,
            &mut rows,
        );
        if let Some(failed) = listing.failed.take() {
            return Err(failed);
        }
    }
    match (check.insns, check.json) {
        (true, _) => {}
        (false, true) => output::print(&json::document(&rows))?,
        (false, false) => output::print(&table::table(&rows))?,
    }
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Fails);
    match failed.count() {
        0 => Ok(()),
        failed => Err(Failure::new(
            Class::BadObject,
            format!("{failed} of {} checks failed", rows.len()),
        )),
    }
}

/// What stands in for the rest of a kernel.
struct Facts {
    symbols: Option<Symbols>,
    config: Option<Config>,
}

impl Facts {
    fn read(
        check: &Check,
        objects: &[(&str, Result<Object<'_>, String>)],
    ) -> Result<Facts, Failure> {
        let failed = |error: TargetError| Failure::other(error.to_string());
        let externs = objects.iter().flat_map(|(_, object)| object.iter());
        let externs = externs.flat_map(|object| &object.externs);
        let addresses = externs.clone().filter(|of| of.kind == ExternKind::Address);
        let addresses = addresses.map(|of| of.name);
        let values = externs.filter(|of| matches!(of.kind, ExternKind::Config(_)));
        let values = values.map(|of| of.name);
        let symbols = check
            .kallsyms
            .as_deref()
            .map(|path| Symbols::read(path, addresses));
        let config = check
            .kconfig
            .as_deref()
            .map(|path| Config::read(path, values));
        Ok(Facts {
            symbols: symbols.transpose().map_err(failed)?,
            config: config.transpose().map_err(failed)?,
        })
    }
}

/// The output of `--insns`, printed as it comes.
struct Listing {
    wanted: bool,
    /// Say which object on which kernel.
    heads: bool,
    failed: Option<Failure>,
}

impl Listing {
    fn head(&mut self, object: &str, kernel: &Candidate) {
        if self.heads {
            self.print(&format!("# {} {}\n", plain(object), plain(&kernel.label)));
        }
    }

    /// The line that says whether an object can be loaded.
    fn end(&mut self, why: Option<&str>) {
        match why {
            None => self.print("object ok\n"),
            Some(why) => self.print(&format!("object fail {}\n", plain(why))),
        }
    }

    fn print(&mut self, text: &str) {
        if self.wanted && self.failed.is_none() {
            self.failed = output::print(text).err();
        }
    }
}

/// Holds every object against one kernel, whose types are read once for all.
fn on<'r>(
    kernel: &'r Candidate,
    objects: &'r [(&'r str, Result<Object<'r>, String>)],
    facts: &Facts,
    verbose: bool,
    listing: &mut Listing,
    rows: &mut Vec<Row<'r>>,
) {
    let mut all = Wanted::default();
    for object in objects
        .iter()
        .filter_map(|(_, object)| object.as_ref().ok())
    {
        // One that does not fit its own types is told so below.
        if let Ok(wanted) = check::wanted(object) {
            all.extend(&wanted);
        }
    }
    let types = kernel.types(&all);
    let symbols = |name: &str| {
        facts
            .symbols
            .as_ref()
            .map_or(Address::None, |s| s.get(name))
    };
    let config = |name: &str| facts.config.as_ref()?.get(name);
    let known = Known {
        symbols: facts.symbols.is_some().then_some(&symbols),
        config: facts.config.as_ref().map(|_| &config as _),
    };
    for (path, object) in objects {
        listing.head(path, kernel);
        if verbose {
            say(format_args!("# {} {}\n", plain(path), plain(&kernel.label)));
        }
        let mut row = Row {
            object: path,
            kernel,
            verdict: Verdict::Fails,
            why: None,
            missing: Vec::new(),
            unknown: Vec::new(),
            programs: Vec::new(),
        };
        let checked = match (object, &types) {
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
            (Ok(object), Ok(types)) => {
                let report = &mut |made: &RelocationReport<'_>| {
                    if verbose {
                        say(format_args!("{made}"));
                    }
                };
                let programs = &mut row.programs;
                let linked = &mut |program: &Program<'_>, linked: &Linked| {
                    let (name, section) = (program.name.to_owned(), program.section.to_owned());
                    programs.push((name, section, linked.insns.len()));
                    if listing.wanted {
                        let mut text = String::new();
                        write_insns(object, program, linked, &mut text);
                        listing.print(&text);
                    }
                };
                let checked = check::wanted(object).map_err(Into::into);
                let checked =
                    checked.and_then(|_| check::check(object, &**types, known, report, linked));
                checked.map_err(|why| why.to_string())
            }
        };
        match checked {
            Ok(checked) => row.take(checked),
            Err(why) => {
                row.why = Some(why);
                row.programs.clear();
            }
        }
        listing.end(row.why.as_deref());
        rows.push(row);
    }
}

impl Row<'_> {
    fn take(&mut self, checked: Checked) {
        self.why = checked.refused.map(|why| why.to_string());
        self.verdict = match (&self.why, checked.missing.is_empty()) {
            (Some(_), _) => Verdict::Fails,
            (None, true) => Verdict::Fits,
            (None, false) => Verdict::Degrades,
        };
        self.missing = checked.missing;
        self.unknown = checked.unknown;
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Fits => "fits",
            Verdict::Degrades => "degrades",
            Verdict::Fails => "fails",
        }
    }
}
