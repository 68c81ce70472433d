//! `btfly load OBJECT`: with `--dry-run`, whether an object loads on this kernel, program by program, and
//! nothing stays; with `--pin DIR`, it stays, attached, in a folder of the BPF file system.

use std::fmt::Write;

use btfly::attach::{Attacher, Wishes};
use btfly::load::{Attached, Loaded, LoadedProgram};
use btfly::object::{Object, Program};
use btfly::sys::bpf;
use btfly::target::Kernel;
use rustix::fd::AsFd;

use super::attach_options::{self, AttachOptions};
use super::maps::Maps;
use super::{Common, Failure, loading, objects, output, output::plain, session, taking};

const HELP: &str = "\
Usage: btfly load OBJECT --dry-run | --pin DIR [options]

Load a BPF object. With --dry-run everything is let go again: the exit code is 0 where all of it
loads. With --pin DIR it stays: programs lie in DIR, maps in DIR/maps, links in DIR/links, and
btfly unload DIR removes them. Fill a map with --put MAP KEY VALUE, as often as you like.
";

/// What else this build does.
const SEVERAL: &str = match cfg!(feature = "full") {
    true => "Several objects may be given: of these, one may use what another defines.\n",
    false => "",
};

const OPTIONS: &str = "
Options:
  --dry-run         load everything that loads by itself, attach nothing, and let it go again
  --pin             attach as run does, and leave programs, maps and links in this new folder of the
                    BPF file system
  --no-attach       with --pin: attach nothing
  --keep-going      with --dry-run: try each program by itself, and say of each `ok NAME` or
                    `fail NAME REASON`
  --set             give a global variable a value before the object is loaded: VAR=VALUE
  --prog            load only this program; may be given several times
  --map             take a map that is in the kernel already in the place of one of the object's:
                    NAME=pinned:PATH or NAME=id:NUMBER
  --resize          give a map another size, NAME=N: its max_entries, or for a data section with an
                    array at its end the bytes of its value
  --pin-path        where maps are looked for that ask to be pinned by name (/sys/fs/bpf)
  --help, help      display usage information
";

/// The options, as they were given.
#[derive(Default)]
struct Load<'p> {
    dry_run: bool,
    pin: Option<&'p str>,
    no_attach: bool,
    keep_going: bool,
    set: Vec<&'p str>,
    prog: Vec<&'p str>,
    map: Vec<&'p str>,
    resize: Vec<&'p str>,
    pin_path: Option<&'p str>,
}

impl<'p> Load<'p> {
    /// Takes these options out of `args`, and gives what is left: the objects. `None`: help was given.
    fn take(args: &[&'p str]) -> Result<Option<(Vec<&'p str>, Load<'p>)>, Failure> {
        let mut load = Load::default();
        let help = [HELP, SEVERAL, OPTIONS, attach_options::HELP].concat();
        let objects = taking::words("load", &help, args, &mut |given, rest| {
            let mut value = || given.value(rest);
            match given.name {
                "--pin" => load.pin = Some(value()?),
                "--set" => load.set.push(value()?),
                "--prog" => load.prog.push(value()?),
                "--map" => load.map.push(value()?),
                "--resize" => load.resize.push(value()?),
                "--pin-path" => load.pin_path = Some(value()?),
                _ if !given.is_plain() => return Ok(false),
                "--dry-run" => load.dry_run = true,
                "--no-attach" => load.no_attach = true,
                "--keep-going" => load.keep_going = true,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(objects.map(|objects| (objects, load)))
    }
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (args, puts) = loading::take_puts(args)?;
    let (args, hooks) = AttachOptions::take(&args)?;
    let Some((objects, load)) = Load::take(&args)? else {
        return Ok(());
    };
    check_purpose(&load)?;
    let (name, bytes) = objects::read(&objects)?;
    let mut object = loading::parse_object(&name, &bytes)?;
    hooks.apply(&mut object)?;
    loading::set_globals(&mut object, &load.set)?;
    let entries = loading::entries(&object, &puts)?;
    loading::check_programs(&object, &load.prog)?;
    let first_path = objects.first().copied().unwrap_or_default();
    let maps = Maps::new(&object, first_path, &load.map, &load.resize, load.pin_path)?;
    let kernel = common.kernel()?;
    let prepare = |loaded: &Loaded<'_>| loading::fill(loaded, &puts, &entries);
    if load.keep_going {
        return try_each(&object, &load, &common, &kernel, &prepare, &maps);
    }
    let choose = |program: &Program<'_>| loading::is_chosen(&load.prog, program);
    let plan = session::Plan {
        choose: &choose,
        prepare: &prepare,
        maps,
        wishes: hooks.wishes().clone(),
        #[cfg(feature = "full")]
        reads_rings: false,
        ..session::Plan::default()
    };
    let loaded = session::load_object(&object, &common, &kernel, &plan)?;
    prepare(&loaded)?;
    match load.pin {
        None => output::print(&summary(&object, &loaded)?),
        Some(folder) => {
            let wishes = match load.no_attach {
                true => None,
                false => Some(hooks.wishes()),
            };
            pin(&loaded, &kernel, wishes, folder)
        }
    }
}

/// Refuses options that don't say what the object is to be loaded for, or say two things.
fn check_purpose(load: &Load<'_>) -> Result<(), Failure> {
    let refused = |what: &str, hint: &str| Err(Failure::usage(what).with_hint(hint));
    match (load.pin, load.dry_run) {
        (None, false) => refused(
            "load needs --dry-run or --pin DIR",
            "btfly load OBJECT --dry-run loads everything and lets it go again, --pin DIR leaves it in \
             DIR, as in --pin /sys/fs/bpf/NAME",
        ),
        (Some(_), true) => refused(
            "--dry-run and --pin say opposite things",
            "leave one of them out",
        ),
        (Some(_), false) if load.keep_going => refused(
            "--keep-going is for --dry-run",
            "with --pin all of it is loaded, or nothing",
        ),
        (None, true) if load.no_attach => refused(
            "--no-attach is for --pin",
            "--dry-run attaches nothing anyway",
        ),
        _ => Ok(()),
    }
}

/// Attaches what can be attached, unless there are no `wishes`, and leaves all of it in `folder`.
fn pin(
    loaded: &Loaded<'_>,
    kernel: &Kernel,
    wishes: Option<&Wishes>,
    folder: &str,
) -> Result<(), Failure> {
    let attached = match wishes {
        Some(wishes) => loaded.attach_by(&Attacher::with(&kernel.features, wishes))?,
        None => Attached::default(),
    };
    for note in &attached.notes {
        output::say(format_args!("btfly: {note}\n"));
    }
    let links = attached.links.len();
    loaded.pin(attached, folder)?;
    let (programs, maps) = (loaded.programs.len(), loaded.maps.len());
    output::print(&format!(
        "{}, {} and {} are in {}\n",
        count(programs, "program"),
        count(maps, "map"),
        count(links, "link"),
        plain(folder)
    ))
}

/// A line for each program, and one for all of it.
fn summary(object: &Object<'_>, loaded: &Loaded<'_>) -> Result<String, Failure> {
    let widest = |lens: &mut dyn Iterator<Item = usize>| lens.max().unwrap_or(0);
    let names = widest(&mut loaded.programs.iter().map(|p| p.name.len()));
    let sections = widest(&mut object.programs.iter().map(|p| p.section.len()));
    let mut text = String::new();
    for program in &loaded.programs {
        let (name, insns) = (plain(&program.name), insns(program)?);
        let found = object.programs.iter().find(|p| p.name == program.name);
        let section = plain(found.map_or("", |p| p.section));
        let _ = writeln!(text, "{name:names$}  {section:sections$}  {insns} insns");
    }
    let programs = count(loaded.programs.len(), "program");
    let tried = loaded.programs.len();
    #[cfg(feature = "full")]
    let tried = tried + loaded.absent.len();
    let left = object.programs.len().saturating_sub(tried);
    let left = match left {
        0 => String::new(),
        left => format!(" ({left} more not asked for)"),
    };
    let maps = count(loaded.maps.len(), "map");
    let _ = writeln!(text, "{programs} and {maps} load{left}");
    Ok(text)
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How many instructions the kernel made of a program.
fn insns(program: &LoadedProgram<'_>) -> Result<u32, Failure> {
    let info = bpf::prog_info(program.fd.as_fd())
        .map_err(|error| Failure::other(format!("program {}: {error}", program.name)))?;
    Ok(info.xlated_prog_len / 8)
}

/// Loads each chosen program by itself, and says whether it could be: `ok NAME`, or `fail NAME REASON`.
fn try_each(
    object: &Object<'_>,
    load: &Load<'_>,
    common: &Common,
    kernel: &Kernel,
    prepare: &dyn Fn(&Loaded<'_>) -> Result<(), Failure>,
    maps: &Maps<'_>,
) -> Result<(), Failure> {
    let mut first = None;
    let chosen = |program: &&Program<'_>| loading::is_chosen(&load.prog, program);
    for program in object.programs.iter().filter(chosen) {
        let choose = |other: &Program<'_>| other.function == program.function;
        let plan = session::Plan {
            choose: &choose,
            prepare,
            maps: maps.clone(),
            #[cfg(feature = "full")]
            reads_rings: false,
            ..session::Plan::default()
        };
        let loaded = session::load_object(object, common, kernel, &plan);
        let verdict = loaded.and_then(|loaded| prepare(&loaded));
        let name = plain(program.name);
        match verdict {
            Ok(()) => output::print(&format!("ok {name}\n"))?,
            Err(failure) => {
                output::print(&format!("fail {name} {}\n", failure.reason()))?;
                first.get_or_insert(failure.class());
            }
        }
    }
    match first {
        None => Ok(()),
        Some(class) => Err(Failure::told(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_anywhere_and_what_is_left_are_objects() {
        let args = [
            "a.o",
            "--pin",
            "dir",
            "--set=v=1",
            "--set",
            "w=2",
            "--prog",
            "p",
            "--map=m=id:7",
            "--resize",
            "m=2",
            "--pin-path=path",
            "--no-attach",
            "b.o",
            "--",
            "--dry-run",
        ];
        let (objects, load) = Load::take(&args).unwrap().expect("no help");
        assert_eq!(objects, ["a.o", "b.o", "--dry-run"]);
        assert_eq!((load.pin, load.pin_path), (Some("dir"), Some("path")));
        assert_eq!(load.set, ["v=1", "w=2"]);
        assert_eq!(
            [load.prog, load.map, load.resize],
            [["p"], ["m=id:7"], ["m=2"]]
        );
        let switches = [load.no_attach, load.dry_run, load.keep_going];
        assert_eq!(switches, [true, false, false]);
    }

    #[test]
    fn of_an_option_that_is_given_twice_the_last_counts() {
        let args = [
            "--pin",
            "a",
            "--pin-path=c",
            "--pin",
            "b",
            "--pin-path",
            "d",
        ];
        let (objects, load) = Load::take(&args).unwrap().expect("no help");
        assert!(objects.is_empty());
        assert_eq!((load.pin, load.pin_path), (Some("b"), Some("d")));
    }

    #[test]
    fn an_option_that_lacks_a_value_or_has_one_that_it_does_not_take_is_refused() {
        for (args, told) in [
            (&["--dry-run=yes"][..], "no such argument: --dry-run=yes"),
            (&["a.o", "--resize"], "--resize needs a value"),
        ] {
            let failure = Load::take(args).err().expect(told);
            assert_eq!(failure.reason(), told);
        }
    }
}
