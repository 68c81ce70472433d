//! The command line: which command, and what becomes of its failure.

mod attach_options;
mod btf;
#[cfg(feature = "full")]
mod btf_files;
#[cfg(feature = "full")]
mod check;
mod common;
mod completions;
#[cfg(feature = "full")]
mod count;
#[cfg(feature = "full")]
mod declared;
#[cfg(feature = "full")]
mod doctor;
#[cfg_attr(not(feature = "full"), path = "events_small.rs")]
mod events;
mod extract;
mod failure;
mod feature;
mod format;
mod link;
mod list;
mod load;
mod loaded;
mod loading;
#[cfg(feature = "full")]
mod log_file;
#[cfg(feature = "full")]
mod losses;
mod map;
mod maps;
mod objects;
#[cfg(feature = "full")]
mod once;
mod output;
mod output_options;
mod perf;
mod prog;
#[cfg(feature = "full")]
mod ring_options;
#[cfg_attr(not(feature = "full"), path = "plain_rings.rs")]
mod rings;
#[cfg_attr(not(feature = "full"), path = "asked_small.rs")]
mod run;
mod session;
mod show;
#[cfg_attr(not(feature = "full"), path = "sink_small.rs")]
mod sink;
#[cfg(feature = "full")]
mod status;
mod taking;
mod ticker;
mod tool;
mod trace;
mod unload;

use common::Common;
use failure::{Class, Failure};

use std::ffi::OsString;

use crate::tools;

/// A command that is not a tool: its name, one line about it, and what it does with its arguments.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[&str], Common) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        about: "load any BPF object, attach it, and print its events in named columns",
        run: run::run,
    },
    Command {
        name: "load",
        about: "load --pin: leave an object loaded; load --dry-run: whether it loads here",
        run: load::run,
    },
    Command {
        name: "unload",
        about: "remove what load --pin left",
        run: unload::run,
    },
    Command {
        name: "btf",
        about: match cfg!(feature = "full") {
            true => "print types of a kernel, or pick out of its BTF what some objects need",
            false => "list BTF, print its types, and say what differs between two kernels",
        },
        run: btf::run,
    },
    Command {
        name: "prog",
        about: "list and dump the programs that are loaded, load, run and detach them",
        run: prog::run,
    },
    Command {
        name: "map",
        about: "list the maps that are loaded, show and change what is in them, make some",
        run: map::run,
    },
    Command {
        name: "link",
        about: "list and detach what attaches programs",
        run: link::run,
    },
    Command {
        name: "perf",
        about: "list which process has which program at which probe or tracepoint",
        run: perf::run,
    },
    Command {
        name: "feature",
        about: "list what this kernel has of BPF: types of programs and maps, helpers, settings",
        run: feature::run,
    },
    #[cfg(feature = "full")]
    Command {
        name: "doctor",
        about: "say which sources of types this board has, and what to do where one is missing",
        run: doctor::run,
    },
    #[cfg(feature = "full")]
    Command {
        name: "check",
        about: "say what becomes of objects on other kernels, without root and without them",
        run: check::run,
    },
    Command {
        name: "completions",
        about: "print what makes bash, zsh or ash complete commands, options and names",
        run: completions::run,
    },
    Command {
        name: "list",
        about: "list the tools that are built in",
        run: list::run,
    },
    Command {
        name: "extract",
        about: "write the object of a tool into a file",
        run: extract::run,
    },
];

/// The tool that is made of what is asked for.
const TRACE: Command = Command {
    name: "trace",
    about: "what a function of the kernel is called with, or a tracepoint tells",
    run: trace::run,
};

/// What is told where there is no such command.
const UNKNOWN: &str = match cfg!(feature = "full") {
    true => "btfly without arguments lists the commands",
    false => {
        "btfly without arguments lists the commands; check and doctor are in the build made with \
         cross/build --full"
    }
};

/// Runs the command in `args`, and prints what went wrong in at most three lines.
/// Returns the status.
pub fn main(args: impl Iterator<Item = OsString>) -> u8 {
    let result = text(args).and_then(dispatch);
    let Err(failure) = result else {
        return 0;
    };
    failure.print();
    failure.class() as u8
}

fn text(args: impl Iterator<Item = OsString>) -> Result<Vec<String>, Failure> {
    args.map(|arg| {
        arg.into_string().map_err(|arg| {
            let arg = arg.to_string_lossy();
            Failure::usage(format!("the argument '{arg}' is not UTF-8"))
        })
    })
    .collect()
}

fn dispatch(args: Vec<String>) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        return output::print(&help());
    };
    match name.as_str() {
        "help" | "-h" | "--help" if rest.is_empty() => return output::print(&help()),
        "help" if rest == ["help"] => return output::print(&help()),
        "help" => {
            // `btfly help exec` is `btfly exec --help`.
            let mut args = rest.to_vec();
            args.push("--help".into());
            return dispatch(args);
        }
        "-V" | "--version" | "version" => {
            return output::print(concat!("btfly ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        _ => {}
    }
    let mut rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    if rest == ["-h"] {
        rest = vec!["--help"];
    }
    // Tools come last: to find that there is none of a name, all are unpacked.
    let mut commands = COMMANDS.iter().chain([&TRACE]);
    if let Some(command) = commands.find(|command| command.name == name) {
        let (rest, common) = Common::take(&rest)?;
        return (command.run)(&rest, common);
    }
    match tools::find(name) {
        Some(tool) => {
            let (rest, common) = Common::take(&rest)?;
            tool::run(tool, &rest, &common)
        }
        None => Err(Failure::usage(format!("there is no command '{name}'")).with_hint(UNKNOWN)),
    }
}

/// What is said of options that this build may lack.
const MORE: &str = match cfg!(feature = "full") {
    true => "",
    false => "; a build made with cross/build --full takes more",
};

/// An argument that a command does not take.
fn no_more(name: &str, arg: &str) -> Failure {
    Failure::usage(["no such argument: ", arg].concat())
        .with_hint(["btfly ", name, " --help says what it takes"].concat())
}

/// The same, where another build may take it.
fn no_more_here(name: &str, arg: &str) -> Failure {
    Failure::usage(["no such argument: ", arg].concat())
        .with_hint(["btfly ", name, " --help says what it takes", MORE].concat())
}

/// Parses the arguments of command `name` by argh. Its help goes to stdout, with the options that
/// every command has; what it refuses is a usage error.
#[cfg(feature = "full")]
fn parse<T: argh::FromArgs>(name: &str, args: &[&str]) -> Result<Option<T>, Failure> {
    match T::from_args(&["btfly", name], args) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(exit) => early_exit(name, &exit).map(|()| None),
    }
}

/// What argh does not know of the options of a command.
#[cfg(feature = "full")]
fn more_help(name: &str) -> [&'static str; 3] {
    match name {
        "run" => [attach_options::HELP, show::HELP, ring_options::HELP],
        _ => [""; 3],
    }
}

/// What argh does not know of the options of `run` and the tools.
#[cfg(feature = "full")]
fn output_help(name: &str) -> &'static str {
    match name {
        _ if name == "run" || tools::find(name).is_some() => output_options::HELP,
        _ => "",
    }
}

/// What argh has to say instead of options: help, or what is wrong.
#[cfg(feature = "full")]
fn early_exit(name: &str, exit: &argh::EarlyExit) -> Result<(), Failure> {
    match exit.status {
        Ok(()) => output::print(
            &[
                exit.output.as_str(),
                &more_help(name).concat(),
                output_help(name),
                common::HELP,
            ]
            .concat(),
        ),
        Err(()) => {
            let why = exit.output.lines().filter(|l| !l.is_empty());
            let why: Vec<&str> = why.take_while(|l| !l.starts_with("Run ")).collect();
            Err(Failure::usage(why.join(" "))
                .with_hint(format!("btfly {name} --help lists the options")))
        }
    }
}

fn help() -> String {
    let any = ", and objects of yours";
    let usage = ".\n\nUsage: btfly TOOL [options]\n       btfly COMMAND [arguments]\n\nTools:\n";
    let runs = "btfly runs eBPF programs on this machine: those built in";
    let mut text = [runs, any, usage].concat();
    for tool in tools::all() {
        line(&mut text, tool.name, tool.about);
    }
    line(&mut text, TRACE.name, TRACE.about);
    text.push_str("\nCommands:\n");
    for command in COMMANDS {
        line(&mut text, command.name, command.about);
    }
    line(
        &mut text,
        "help",
        "this text; `btfly help exec` that of a tool",
    );
    text.push_str(
        "\nExamples:\n  btfly exec                      watch programs start, until Ctrl-C\n",
    );
    text.push_str("  btfly run my.bpf.o              an object of yours\n");
    text.push_str("\nbtfly --version prints the version. Loading needs root.\n");
    text
}

fn line(text: &mut String, name: &str, about: &str) {
    line_of(text, "  ", name, about);
}

fn line_of(text: &mut String, before: &str, name: &str, about: &str) {
    // The longest name has twelve letters.
    const WIDTH: usize = 13;
    text.push_str(before);
    text.push_str(name);
    text.extend(std::iter::repeat_n(' ', WIDTH.saturating_sub(name.len())));
    text.push_str(about);
    text.push('\n');
}
