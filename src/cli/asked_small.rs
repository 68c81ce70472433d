//! `btfly run` of a build for boards: an object of a user's as far as the tools inside need what it needs; and what
//! is asked of a tool in the words of `run`, those that tools stand for, and those about what they show.

use btfly::object::{Object, Program};
use btfly::sys::abi::{BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};

use super::attach_options::{self, AttachOptions};
use super::events::{EVENT, Events};
use super::output_options::{self, OutputOptions};
use super::show::{self, ShowOptions, Shows};
use super::{Class, Common, Failure, common as every, loading, no_more_here, objects};
use super::{output, session, taking};

const HELP: &str = "\
Usage: btfly run OBJECT [--event [MAP=]TYPE] [--set VAR=VALUE...] [options]

Load a BPF object, attach its kprobes, system calls, tracepoints and perf_event programs, and print what
comes through perf rings in named columns.

Options:
  --event           the struct of the events (event)
  --set             a global variable gets this value before the object is loaded: VAR=VALUE
  --help, help      display usage information
";

/// Runs the object that is named.
pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    if taking::is_help(args) {
        let more = [
            attach_options::HELP,
            show::HELP,
            output_options::HELP,
            every::HELP,
        ];
        return output::print(&[HELP, &more.concat()].concat());
    }
    let (mut sets, mut event) = (Vec::new(), EVENT);
    let args = taking::take(args, &mut |given, rest| {
        match given.name {
            "--set" => sets.push(given.value(rest)?),
            "--event" => event = given.value(rest)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let hint = |failure: Failure| {
        let hint = "btfly run --help lists what this build takes; one that is made with cross/build --full takes more";
        failure.or_hint(hint.into())
    };
    let Some(asked) = Asked::take("run", &args).map_err(hint)? else {
        return Ok(());
    };
    let [path] = &*asked.words else {
        return Err(hint(Failure::usage("one object has to be given")));
    };
    let bytes = objects::read_object(path)?;
    let mut object = loading::parse_object(path, &bytes)?;
    loading::set_globals(&mut object, &sets)?;
    if let Some(ring) = object
        .maps
        .iter()
        .find(|map| map.map_type == BPF_MAP_TYPE_RINGBUF)
    {
        let why = [
            path,
            ": ",
            ring.name,
            " is a BPF ring, which this build does not read",
        ]
        .concat();
        return Err(hint(Failure::new(Class::Missing, why)));
    }
    let rings = object
        .maps
        .iter()
        .filter(|map| map.map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    let event = match event.split_once('=') {
        Some((ring, event)) if rings.map(|map| map.name).eq([ring]) => event,
        Some(_) => {
            return Err(hint(Failure::usage(
                "--event: it is not the only perf ring",
            )));
        }
        None => event,
    };
    asked.work_with(object, event, &common, &|_| false)
}

/// What is asked for.
pub struct Asked<'p> {
    hooks: AttachOptions<'p>,
    output: OutputOptions,
    shows: ShowOptions<'p>,
    words: Vec<String>,
}

impl<'p> Asked<'p> {
    /// Reads the words behind `command`.
    pub fn take(command: &str, args: &[&'p str]) -> Result<Option<Asked<'p>>, Failure> {
        let (args, hooks) = AttachOptions::take(args)?;
        let (args, output) = OutputOptions::take(&args, &[])?;
        let (args, shows) = ShowOptions::take(&args)?;
        let mut words = Vec::new();
        let mut all = false;
        for arg in args {
            match arg {
                "--" if !all => all = true,
                _ if arg.starts_with('-') && !all => {
                    return Err(no_more_here(command, arg));
                }
                _ => words.push(arg.to_owned()),
            }
        }
        Ok(Some(Asked {
            hooks,
            output,
            shows,
            words,
        }))
    }

    /// The arguments that are no options.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The files that are named.
    pub fn into_objects(self) -> Vec<String> {
        self.words
    }

    /// Whether an object has all that is named.
    #[cfg(test)]
    pub fn fits<'o>(&self, object: &mut Object<'o>) -> Result<(), Failure>
    where
        'p: 'o,
    {
        self.hooks.apply(object)?;
        Shows::new(object, &self.shows, &self.output)?;
        Events::new(object, EVENT).map(drop)
    }

    /// Does it with a tool's object. `also`: programs to load beside those that need not be asked for.
    pub fn work<'o>(
        &self,
        object: Object<'o>,
        _: (&str, &[u8]),
        common: &Common,
        also: &dyn Fn(&Program<'_>) -> bool,
    ) -> Result<(), Failure>
    where
        'p: 'o,
    {
        self.work_with(object, EVENT, common, also)
    }

    /// The same with any object, whose events are of this type.
    fn work_with<'o>(
        &self,
        mut object: Object<'o>,
        event: &str,
        common: &Common,
        also: &dyn Fn(&Program<'_>) -> bool,
    ) -> Result<(), Failure>
    where
        'p: 'o,
    {
        self.hooks.apply(&mut object)?;
        let mut shows = Shows::new(&object, &self.shows, &self.output)?;
        let mut events = Events::new(&object, event)?;
        let choose = |program: &Program<'_>| program.autoload || also(program);
        let plan = session::Plan {
            choose: &choose,
            wishes: self.hooks.wishes().clone(),
            ticker: shows.as_mut().map(|shows| shows as _),
            output: self.output.clone(),
            ..session::Plan::default()
        };
        session::run(&object, common, plan, &mut events)
    }
}
