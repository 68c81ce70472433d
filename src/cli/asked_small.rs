//! What is asked of a tool in the words that `btfly run` of a full build takes: those that tools stand for, and
//! those about what they show.

use btfly::object::{Object, Program};

use super::attach_options::AttachOptions;
use super::events::Events;
use super::output_options::OutputOptions;
use super::show::{ShowOptions, Shows};
use super::{Common, Failure, session};

/// What is asked for.
pub struct Asked<'p> {
    hooks: AttachOptions<'p>,
    output: OutputOptions,
    shows: ShowOptions<'p>,
    words: Vec<String>,
}

impl<'p> Asked<'p> {
    /// Reads the words behind `command`.
    pub fn take(_command: &str, args: &[&'p str]) -> Result<Option<Asked<'p>>, Failure> {
        let (args, hooks) = AttachOptions::take(args)?;
        let (args, output) = OutputOptions::take(&args, &[])?;
        let (args, shows) = ShowOptions::take(&args)?;
        let mut words = Vec::new();
        let mut all = false;
        for arg in args {
            match arg {
                "--" if !all => all = true,
                _ if arg.starts_with('-') && !all => {
                    return Err(Failure::usage(["no such option: ", arg].concat()));
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
        Events::new(object).map(drop)
    }

    /// Does it with a tool's object. `also`: programs to load beside those that need not be asked for.
    pub fn work<'o>(
        &self,
        mut object: Object<'o>,
        _: (&str, &[u8]),
        common: &Common,
        also: &dyn Fn(&Program<'_>) -> bool,
    ) -> Result<(), Failure>
    where
        'p: 'o,
    {
        self.hooks.apply(&mut object)?;
        let mut shows = Shows::new(&object, &self.shows, &self.output)?;
        let mut events = Events::new(&object)?;
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
