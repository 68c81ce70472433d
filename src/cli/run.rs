//! `btfly run OBJECT`: any object on disk, its events in the words of its own BTF.

use btfly::load::Loaded;
use btfly::object::{Object, ObjectError, Program};

use super::events::Events;
use super::{Common, Failure, loading, objects, parse, session};

/// Load a BPF object, attach its programs, and print its events. Fill a map before anything is
/// attached with --put MAP KEY VALUE, as often as you like: KEY and VALUE are written in the fields
/// of their types, as in --put my_config 0 '{message: "hey root"}'.
#[derive(argh::FromArgs)]
struct Run {
    /// the object file; of several, one may use what another defines
    #[argh(positional)]
    objects: Vec<String>,

    /// give a global variable a value before the object is loaded: VAR=VALUE
    #[argh(option, arg_name = "VAR=VALUE")]
    set: Vec<String>,

    /// the struct of the events, for one map or for all: [MAP=]TYPE
    #[argh(option, arg_name = "[MAP=]TYPE")]
    event: Vec<String>,

    /// a file with structs in C, such as the object's own header, for events whose type the
    /// object does not have
    #[argh(option, arg_name = "FILE")]
    types: Option<String>,

    /// show only events of which this holds: FIELD=VALUE in the words of the field's type, or with
    /// != < > <= >=, and ~ for text that has VALUE in it; may be given several times
    #[argh(option, long = "where", arg_name = "FIELD=VALUE")]
    conditions: Vec<String>,

    /// load only this program; may be given several times
    #[argh(option, arg_name = "NAME")]
    prog: Vec<String>,

    /// take a map that is in the kernel already in the place of one of the object's:
    /// NAME=pinned:PATH or NAME=id:NUMBER
    #[argh(option, arg_name = "NAME=…")]
    map: Vec<String>,

    /// give a map another size: its max_entries, or for a data section with an array at its end
    /// the bytes of its value
    #[argh(option, arg_name = "NAME=N")]
    resize: Vec<String>,

    /// where maps are pinned that ask to be pinned by name (/sys/fs/bpf)
    #[argh(option, arg_name = "DIR")]
    pin_path: Option<String>,

    /// print no events: how many came from each ring is said at the end, and every --interval
    #[argh(switch)]
    count_only: bool,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let Some(asked) = Asked::take("run", args)? else {
        return Ok(());
    };
    let (name, bytes) = objects::read(&asked.run.objects)?;
    let object = loading::parse_object(&name, &bytes)?;
    if object.programs.is_empty() {
        return Err(Failure::from(ObjectError::NoProgram).of_file(&name));
    }
    asked.work(object, (&name, &bytes), &common, &|_| false)
}

/// What is asked for, by `run` and by the tools that are described in its words.
pub struct Asked<'p> {
    run: Run,
    puts: Vec<loading::Put<'p>>,
    hooks: super::attach_options::AttachOptions<'p>,
    output: super::output_options::OutputOptions,
    shows: super::show::ShowOptions<'p>,
    rings: btfly::ring::RingOptions,
}

impl<'p> Asked<'p> {
    /// Reads the words behind `command`. `None`: help was asked for, and given.
    pub fn take(command: &str, args: &[&'p str]) -> Result<Option<Asked<'p>>, Failure> {
        let (args, puts) = loading::take_puts(args)?;
        let (args, hooks) = super::attach_options::AttachOptions::take(&args)?;
        let (args, output) = super::output_options::OutputOptions::take(&args, &[])?;
        let (args, shows) = super::show::ShowOptions::take(&args)?;
        let (args, rings) = super::ring_options::take(&args)?;
        let run = parse::<Run>(command, &args)?;
        Ok(run.map(|run| Asked {
            run,
            puts,
            hooks,
            output,
            shows,
            rings,
        }))
    }

    /// The arguments that are no options.
    pub fn words(&self) -> &[String] {
        &self.run.objects
    }

    /// The files that are named.
    pub fn into_objects(self) -> Vec<String> {
        self.run.objects
    }

    /// Whether an object has all that is named.
    #[cfg(test)]
    pub fn fits<'o>(&self, object: &mut Object<'o>) -> Result<(), Failure>
    where
        'p: 'o,
    {
        self.hooks.apply(object)?;
        loading::set_globals(object, &self.run.set)?;
        loading::check_programs(object, &self.run.prog)?;
        super::show::Shows::new(object, &self.shows, &self.output)?;
        Events::new(object, &self.run.event).map(drop)
    }

    /// Does it with an object of this name and these bytes. `also`: programs to load beside those that are
    /// chosen.
    pub fn work<'o>(
        &self,
        mut object: Object<'o>,
        (name, bytes): (&str, &[u8]),
        common: &Common,
        also: &dyn Fn(&Program<'_>) -> bool,
    ) -> Result<(), Failure>
    where
        'p: 'o,
    {
        let Asked { run, puts, .. } = self;
        if run.count_only && !run.conditions.is_empty() {
            let what = "--where and --count-only: events that are only counted are not looked at";
            return Err(Failure::usage(what).with_hint("leave one of them away"));
        }
        self.hooks.apply(&mut object)?;
        loading::set_globals(&mut object, &run.set)?;
        let entries = loading::entries(&object, puts)?;
        loading::check_programs(&object, &run.prog)?;
        let maps = {
            let pin_path = run.pin_path.as_deref();
            let first_path = run.objects.first().map_or(name, String::as_str);
            super::maps::Maps::new(&object, first_path, &run.map, &run.resize, pin_path)?
        };
        let sum_up_every = self.shows.interval_beside(run.count_only)?;
        let mut shows = super::show::Shows::new(&object, &self.shows, &self.output)?;
        let mut events = match &run.types {
            None => Events::new(&object, &run.event)?,
            Some(path) => {
                let types = super::declared::read(path, &object)?;
                let described = super::declared::describe(name, bytes, &types)?;
                Events::new(&described, &run.event)?
            }
        };
        events.only(&run.conditions)?;
        let prepare = |loaded: &Loaded<'_>| loading::fill(loaded, puts, &entries);
        let choose = |program: &Program<'_>| {
            loading::is_chosen(&run.prog, program) || run.prog.is_empty() && also(program)
        };
        let mut count = super::count::Count::new(&object);
        let view: &mut dyn crate::tools::View = match run.count_only {
            true => &mut count,
            false => &mut events,
        };
        session::run(
            &object,
            common,
            session::Plan {
                choose: &choose,
                prepare: &prepare,
                maps,
                wishes: self.hooks.wishes().clone(),
                ticker: shows.as_mut().map(|shows| shows as _),
                sum_up_every,
                output: self.output.clone(),
                rings: self.rings,
                reads_rings: true,
            },
            view,
        )
    }
}
