//! `btfly btf`: types of kernels, modules, programs and maps.

mod diff;
mod dump;
mod list;
#[cfg(feature = "full")]
mod min;
mod source;

pub use source::of_kernel;

use btfly::btf::BtfError;

use super::{Class, Common, Failure, output};

const HELP: &str = "Usage: btfly btf ACTION ...

  diff A B      say what changed between the types of two kernels
  dump SOURCE   print types, in bpftool's notation or as a C header
  list          list what is loaded
";

/// What this build may lack.
const MIN: &str = match cfg!(feature = "full") {
    true => "  min           pick out of a kernel's whole BTF what some objects need\n",
    false => "",
};

const MORE: &str = "\nbtfly btf ACTION --help says what each takes.\n";

/// An action: its name, and what it does with the other arguments.
type Action = (&'static str, fn(&[&str], Common) -> Result<(), Failure>);

const ACTIONS: &[Action] = &[
    ("diff", diff::run),
    ("dump", dump::run),
    ("list", list::run),
    #[cfg(feature = "full")]
    ("min", min::run),
];

/// What each action is called.
#[cfg(test)]
pub fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let first = args.iter().position(|arg| !arg.starts_with('-'));
    let Some(at) = first else {
        return match args {
            ["--help"] => output::print(&[HELP, MIN, MORE].concat()),
            _ => Err(unknown("btfly btf needs an action".into())),
        };
    };
    let mut args = args.to_vec();
    let name = args.remove(at);
    match ACTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, run)) => run(&args, common),
        None => Err(unknown(format!("btfly btf has no action '{name}'"))),
    }
}

fn unknown(what: String) -> Failure {
    let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
    Failure::usage(what).with_hint(["it has ", &names.join(", ")].concat())
}

fn damaged(error: &BtfError) -> Failure {
    Failure::new(Class::BadObject, error.to_string())
}
