//! `btfly feature`: what this kernel has of BPF, each fact by asking for it.

mod attach;
mod kinds;
mod out;
mod system;

#[cfg(feature = "full")]
pub use attach::{Probes, kprobes};

use btfly::sys::{Feature, permission, rlimit};
use btfly::target::Kernel;
use rustix::io::Errno;

use super::loaded::words;
use super::{Class, Common, Failure, output};
use out::Out;

const HELP: &str = "Usage: btfly feature [SECTION ...] [--json]

Say what this kernel has of BPF: all of it, or these sections.

  system     settings of /proc/sys, lockdown, security modules
  config     the options that the kernel was built with
  programs   types of programs
  maps       types of maps
  helpers    helpers that programs of each type may call
  misc       instructions and sizes of programs
  btf        kinds of types that are taken
  attach     ways to attach programs
  loader     what btfly itself goes by (--without hides it)

full adds helpers that leave a message in the kernel's log when they are asked for. The words of bpftool (feature
probe kernel full) are taken, and its sections have its names in JSON.
";

/// What sections are made of.
struct Asked {
    kernel: Kernel,
    /// Whether helpers are asked for that leave a message.
    full: bool,
}

/// A section: its name, that in JSON, and what it says. Those without a name in JSON go on with the one before.
struct Section {
    name: &'static str,
    json: &'static str,
    tell: fn(&Asked, &mut Out) -> Result<(), Failure>,
    /// Whether it can be told without permission to load.
    free: bool,
}

const fn section(
    name: &'static str,
    json: &'static str,
    tell: fn(&Asked, &mut Out) -> Result<(), Failure>,
    free: bool,
) -> Section {
    Section {
        name,
        json,
        tell,
        free,
    }
}

const SECTIONS: [Section; 9] = [
    section("system", "system_config", system::settings, true),
    section("config", "", system::config, true),
    section("programs", "program_types", kinds::programs, false),
    section("maps", "map_types", kinds::maps, false),
    section("helpers", "helpers", kinds::helpers, false),
    section("misc", "misc", kinds::misc, false),
    section("btf", "btf_kinds", kinds::btf, false),
    section("attach", "attach_kinds", attach::tell, false),
    section("loader", "loader", kinds::loader, false),
];

/// The names of the sections.
pub fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (first, rest) = words(args, common);
    let mut chosen = Vec::new();
    let mut asked = Asked {
        kernel: rest.common.kernel()?,
        full: false,
    };
    for word in first.iter().chain(&rest.words) {
        match *word {
            "--help" | "-h" | "help" => return output::print(HELP),
            "probe" | "kernel" => {}
            "full" => asked.full = true,
            word if sections().any(|name| name == word) => chosen.push(word),
            word => {
                let names: Vec<&str> = sections().collect();
                return Err(Failure::usage(format!("there is no section '{word}'"))
                    .with_hint(["there are ", &names.join(", ")].concat()));
            }
        }
    }
    let is_chosen = |s: &&Section| chosen.is_empty() || chosen.contains(&s.name);
    let mut sections: Vec<&Section> = SECTIONS.iter().filter(is_chosen).collect();
    let answer = match sections.iter().all(|section| section.free) {
        true => Ok(()),
        false => permission::load_programs(),
    };
    match answer {
        Err(Errno::PERM | Errno::ACCESS) => {
            return Err(Failure::new(
                Class::Permission,
                "the kernel can't be asked what it has of BPF: not permitted",
            )
            .with_hint(permission::hint()));
        }
        // Nothing else can be there.
        Err(Errno::NOSYS) => sections.retain(|section| section.free),
        _ => {}
    }
    // Before 5.11 each probe is counted, and freed only some time after it was closed.
    if !asked.kernel.features.has(Feature::MemcgAccounting) {
        let _ = rlimit::raise_memlock();
    }
    let mut out = Out::new(rest.json);
    for section in sections {
        out.section(section.json, section.name);
        (section.tell)(&asked, &mut out)?;
        out.flush()?;
    }
    if chosen.is_empty() {
        out.section("syscall_config", "syscall");
        out.yes(&["have_bpf_syscall"], "bpf(2)", answer != Err(Errno::NOSYS));
    }
    out.end()
}
