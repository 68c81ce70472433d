//! `btfly trace PLACE`: what a function is called with or a tracepoint tells, by the kernel's types.

use btfly::btf::{Btf, Kind, TypeId, essential_name};
use btfly::relocate::Target;
use btfly::sys::kallsyms;
use btfly::sys::tracefs::{Space, Tracefs};
use btfly::target::{TypeSource, Wanted, tracepoint_fields};

use super::run::Asked;
use super::taking;
use super::{Common, Failure, attach_options, common as every, output, output_options};
use crate::tools::trace::{self, Argument, Facts, Place, Plan, Refusal, Words};

const NAME: &str = "trace";

const HELP: &str = "\
Usage: btfly trace [-r] [-p <PID>] [-n <NAME>] PLACE [FIELD...] [if FIELD OP VALUE [and ...]]

What a function of the kernel is called with, or what a tracepoint tells, each time.

PLACE is a function, or a tracepoint as CATEGORY:NAME. Shown are pid, tid, comm and all arguments,
or the FIELDs that are named: arguments by their names, what they point to as in
dentry.d_inode.i_ino (or with arrows, in quotes), and pid, tid, comm (with current_ before them where
arguments are called so). Structs such as file, dentry and filename are shown by their names. Where
the kernel has no BTF, arguments are arg0 to arg7.

OP is one of == != < <= > >= (a shell wants < and > in quotes), or & for a bit in common. VALUE is
a number, one of the names of an enum, or text.

Options:
  -r, --return      what the function returns: ret
  -p, --pid         only in this process
  -n, --name        only in commands of this name
  --help, help      display usage information

Examples:
  btfly trace do_unlinkat
  btfly trace do_unlinkat name if comm == rm
  btfly trace -r vfs_read 'if ret < 0'
  btfly trace sched:sched_switch next_comm next_pid if prev_comm == sh

It runs as an object by btfly run, whose other options are taken, too (btfly run --help).
";

/// Whether arguments are shown, or what is returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Entry,
    Return,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    if taking::is_help(args) {
        let parts = [
            HELP,
            attach_options::HELP,
            #[cfg(feature = "full")]
            super::ring_options::HELP,
            output_options::HELP,
            every::HELP,
        ];
        return output::print(&parts.concat());
    }
    let mut side = Side::Entry;
    let mut only = Vec::new();
    let args = taking::take(args, &mut |given, rest| {
        match given.name {
            "-r" | "--return" => side = Side::Return,
            "-p" | "--pid" => only.push(("current_pid", given.value(rest)?)),
            "-n" | "--name" => only.push(("current_comm", given.value(rest)?)),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let args = trace::joined(&args);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(asked) = Asked::take(NAME, &args)? else {
        return Ok(());
    };
    let text = asked.words().join(" ");
    if text.is_empty() {
        return Err(Failure::usage("the place is missing")
            .with_hint("btfly trace --help says what it can be"));
    }
    let mut words = Words::read(&text).map_err(refused)?;
    for (name, value) in only {
        words.only(name, value);
    }
    let section = match (words.place, side) {
        (Place::Tracepoint { category, name }, Side::Entry) => {
            ["tp/", category, "/", name].concat()
        }
        (Place::Tracepoint { .. }, Side::Return) => {
            return Err(Failure::usage("-r: a tracepoint returns nothing"));
        }
        (Place::Function(function), Side::Entry) => ["kprobe/", function].concat(),
        (Place::Function(function), Side::Return) => ["kretprobe/", function].concat(),
    };
    let plan = plan(&words, side, &common)?;
    let types = Btf::parse(&plan.types).map_err(|error| Failure::other(error.to_string()))?;
    let mut object = trace::object(&plan, &section, types);
    object.set_section(trace::PROGRAM, &section)?;
    asked.work(object, (NAME, &[]), &common, &|_| false)
}

/// What of it this board has.
pub fn here() -> &'static str {
    match Tracefs::find().map(|tracefs| tracefs.has_events(Space::Kernel)) {
        Some(true) => "here",
        Some(false) => "here for tracepoints: there is no file kprobe_events",
        None => "not known: tracefs can't be read (root can)",
    }
}

fn refused(refusal: Refusal) -> Failure {
    Failure::usage(refusal.what).with_hint(refusal.hint)
}

fn plan(words: &Words<'_>, side: Side, common: &Common) -> Result<Plan, Failure> {
    let function = match words.place {
        Place::Function(function) => function,
        Place::Tracepoint { category, name } => {
            return match tracepoint_fields(category, name) {
                Some(fields) => Plan::new(words, &Facts::Record(&fields)).map_err(refused),
                None => absent(words),
            };
        }
    };
    let root = essential_name(function);
    let mut wanted = Wanted::default();
    wanted.root(root, Kind::Func);
    let source = common.kernel()?.types(&wanted);
    let source = source.map_err(|error| Failure::other(error.to_string()))?;
    let facts = match known(&source, root, function, side) {
        Some(facts) => facts,
        None if kallsyms::find(function).is_ok_and(|found| found.exact == 0) => {
            return absent(words);
        }
        None if side == Side::Entry => {
            if words.fields.is_empty() {
                output::say(format_args!(
                    "btfly: the types of {function} are not known: its arguments are arg0 to arg7\n"
                ));
            }
            Facts::ARGUMENTS
        }
        None => Facts::RETURNED,
    };
    Plan::new(words, &facts).map_err(refused)
}

/// Of a place that is not there nothing is asked: whoever attaches says what there is in its stead.
fn absent(words: &Words<'_>) -> Result<Plan, Failure> {
    let words = Words {
        fields: Vec::new(),
        conditions: Vec::new(),
        place: words.place,
    };
    Plan::new(&words, &Facts::Registers(&[])).map_err(refused)
}

/// What the kernel's types say of a function.
fn known<'k>(source: &'k TypeSource, root: &str, function: &str, side: Side) -> Option<Facts<'k>> {
    let types: &dyn Target = &*source.types;
    let mut found = types.candidates(root).iter();
    let header = found.find_map(|id| {
        let header = types.header(*id).ok()?;
        let is_it = types.text(header.name).as_deref() == Some(function);
        (header.kind == Kind::Func && is_it).then_some(header)
    })?;
    let proto = types.header(header.target()).ok()?;
    let arguments = match (side, proto.target()) {
        (Side::Entry, _) => trace::arguments(types, &proto).ok()?,
        (Side::Return, TypeId::VOID) => Vec::new(),
        (Side::Return, ty) => vec![Argument {
            name: "ret".into(),
            ty,
            register: Some(0),
        }],
    };
    Some(Facts::Known(types, arguments))
}
