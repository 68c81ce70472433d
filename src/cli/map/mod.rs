//! `btfly map`: the maps that are loaded, and what is in them.

mod change;
mod create;
mod data;
mod dump;
mod layout;
mod show;

use super::loaded::{self, Action};
use super::{Common, Failure};

const HELP: &str = "Usage: btfly map ACTION ...

  list | show [MAP]                  what is loaded: of each map id, type, name, sizes, who holds it
  create PATH type T key N value N entries N [name S] [flags N] [inner_map MAP] [btf OBJ:[KEY,]VALUE]
                                     make a map, with the types of an object, and pin it
  dump MAP                           all of its entries
  lookup MAP key DATA                one of them
  getnext MAP [key DATA]             the key behind one, or the first
  update MAP key DATA value DATA [any | exist | noexist]
  delete MAP key DATA
  push MAP value DATA, peek MAP, pop MAP
                                     of a queue or stack (enqueue and dequeue are other names)
  freeze MAP                         nobody writes into it any more but programs
  pin MAP PATH                       give it a name in the BPF file system

MAP is id N | name S | pinned PATH, or the N, S or PATH alone. DATA is hex 01 00 ..., as many bytes as it has,
a number, or by its type: {field: value}. In a map of programs or maps a value is one of these.
--json for JSON.
";

const ACTIONS: [Action; 15] = [
    ("list", show::run),
    ("show", show::run),
    ("create", create::run),
    ("dump", dump::run),
    ("lookup", dump::lookup),
    ("getnext", dump::getnext),
    ("update", change::update),
    ("delete", change::delete),
    ("push", change::push),
    ("enqueue", change::push),
    ("peek", dump::peek),
    ("pop", dump::pop),
    ("dequeue", dump::pop),
    ("freeze", change::freeze),
    ("pin", |words| loaded::pin(&loaded::MAPS, words)),
];

/// What each action is called.
#[cfg(test)]
pub fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (action, words) = loaded::words(args, common);
    loaded::act("map", HELP, &ACTIONS, action, &words)
}
