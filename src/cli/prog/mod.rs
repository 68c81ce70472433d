//! `btfly prog`: the programs that are loaded.

mod act;
mod dump;
mod show;
mod symbols;

use super::loaded::{self, Action};
use super::{Common, Failure};

const HELP: &str = "Usage: btfly prog ACTION ...

  list | show [PROG]                 what is loaded: of each program id, type, name, sizes, maps, who holds it
  dump xlated | jited PROG [--opcodes] [--linum] [file F]
                                     its instructions with the source lines, or the machine code
  load OBJ DIR [--auto-attach] [--type PROG=SECTION] [--map-reuse NAME=PATH]
                                     load an object, and leave it in DIR of the BPF file system
  pin PROG PATH                      give it a name in the BPF file system
  detach PROG TYPE (MAP | cgroup FOLDER)
                                     take it from where it was attached without a link
  run PROG [data_in F] [data_out F [data_size_out N]] [ctx_in F] [ctx_out F [ctx_size_out N]] [repeat N]
                                     run it by hand, with these files as its data; - is standard output
  stats on | off                     whether the kernel counts times and runs
  trace                              what programs say by bpf_printk, until Ctrl-C or for --duration TIME

PROG is id N | name S | tag T | pinned PATH, or the N, S or PATH alone. --json for a listing as JSON.
";

const ACTIONS: [Action; 10] = [
    ("list", show::run),
    ("show", show::run),
    ("dump", dump::run),
    ("load", |_| Ok(())),
    ("pin", |words| loaded::pin(&loaded::PROGRAMS, words)),
    ("detach", act::detach),
    ("run", act::run),
    ("stats", act::stats),
    ("trace", act::trace),
    ("tracelog", act::trace),
];

/// What each action is called.
#[cfg(test)]
pub fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (action, words) = loaded::words(args, common);
    if action == Some("load") && !words.words.contains(&"--help") {
        return act::load(&words.words, words.common);
    }
    loaded::act("prog", HELP, &ACTIONS, action, &words)
}
