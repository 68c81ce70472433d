//! Whether this board has what a tool needs. Nothing is loaded for that.

use btfly::btf::RelocationKind;
use btfly::object::{Hook, Object, Program};
use btfly::relocate::{Patch, RelocationReport, fit, names_wanted, root_name};
use btfly::target::Kernel;

use super::super::Failure;
use super::places::Places;
use crate::tools::{Tool, Work};

/// The board that this runs on, and the tools that are asked about.
pub struct Board {
    kernel: Kernel,
    has_types: bool,
    tools: Vec<(&'static Tool, Object<'static>)>,
    places: Places,
}

impl Board {
    pub fn new(kernel: Kernel, tools: &'static [Tool]) -> Result<Board, Failure> {
        let objects = tools.iter().map(|tool| {
            let object = Object::parse(tool.object.unpack())?;
            Ok((tool, object))
        });
        let tools = objects.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Board {
            has_types: kernel.has_types(),
            kernel,
            places: Places::of(tools.iter().map(|(_, object)| object)),
            tools,
        })
    }

    /// Each tool, what it needs, and whether it is here.
    pub fn tools(&self) -> impl Iterator<Item = (&'static Tool, String, String)> {
        self.tools.iter().map(|(tool, object)| {
            let needs = object.programs.iter().filter(|program| program.autoload);
            let mut places = Vec::new();
            for place in needs
                .clone()
                .map(|program| place(program).unwrap_or(kind(program)))
            {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
            let there = |program: &&Program<'_>| !self.places.has(&program.hook);
            let missing = needs.filter(|program| place(program).is_some());
            let mut missing: Vec<&str> = missing.filter(there).filter_map(place).collect();
            // A function is probed where it begins and where it ends.
            missing.dedup();
            let here = match missing.is_empty() {
                true => self.fits(tool, object),
                // Whoever may not look sees nothing.
                false if !self.places.are_known() => {
                    "not known: tracefs can't be read (root can)".into()
                }
                false => ["not here: there is no ", &missing.join(", ")].concat(),
            };
            (*tool, ["needs: ", &places.join(", ")].concat(), here)
        })
    }

    /// Whether the kernel's types are known as far as its programs read them. A tool that asks whether they
    /// are has another way where they are not.
    fn fits(&self, tool: &Tool, object: &Object<'_>) -> String {
        let choose = |program: &Program<'_>| program.autoload || self.is_chosen(tool, program);
        let mut asks = false;
        let mut missing: Vec<String> = Vec::new();
        let mut each = |made: RelocationReport<'_>| {
            use RelocationKind::*;
            asks |= matches!(made.relo.kind, FieldExists | TypeExists | EnumvalExists);
            let name = root_name(made.local, made.relo);
            if made.patch == Patch::Poisoned && !missing.iter().any(|m| m == name) {
                missing.push(name.into());
            }
        };
        let fitted = names_wanted(object, &choose).map_err(|error| error.to_string());
        let fitted = fitted.and_then(|wanted| {
            let types = self.kernel.types(&wanted).map_err(|e| e.to_string())?;
            let fitted = fit(object, &*types.types, &choose, Some(&mut each));
            fitted.map(drop).map_err(|error| error.to_string())
        });
        match fitted {
            Err(why) => ["not here: ", &why].concat(),
            Ok(()) if missing.is_empty() || asks => "here".into(),
            Ok(()) => {
                let names = missing.join(", ");
                ["not here without BTF: it reads ", &names].concat()
            }
        }
    }

    /// Whether a program that is marked with `?` is loaded without being asked for.
    fn is_chosen(&self, tool: &Tool, program: &Program<'_>) -> bool {
        match &tool.work {
            Work::Own(_) => !self.has_types,
            Work::Data(data)
                if data
                    .without_types
                    .split(' ')
                    .any(|name| name == program.name) =>
            {
                !self.has_types
            }
            Work::Data(data) => {
                let asked = data.options.iter().flat_map(|o| o.means.split(' '));
                let mut only_asked = asked.filter_map(|word| word.strip_prefix('+'));
                !only_asked.any(|name| name == program.name) && self.places.has(&program.hook)
            }
        }
    }
}

/// What a program needs that attaches where it is told to.
fn kind(program: &Program<'_>) -> &'static str {
    match program.hook {
        Hook::Kprobe { .. } | Hook::Kretprobe { .. } => "kprobes",
        Hook::PerfEvent => "perf events",
        _ => program.kind.name,
    }
}

/// Where a program attaches.
fn place<'a>(program: &Program<'a>) -> Option<&'a str> {
    match program.hook {
        Hook::Tracepoint { name, .. } | Hook::RawTracepoint { name } => Some(name),
        Hook::Kprobe { function, .. } | Hook::Kretprobe { function } => Some(function),
        _ => None,
    }
    .filter(|place| !place.is_empty())
}
