//! Whether this board has what a tool needs.

use btfly::load::{self, Options};
use btfly::object::{Hook, Object, Program};
use btfly::target::Kernel;

use super::super::Failure;
use super::places::Places;
use crate::tools::{Tool, Work};

/// The board that this runs on.
pub struct Board {
    kernel: Kernel,
    has_types: bool,
    places: Places,
}

impl Board {
    pub fn new(kernel: Kernel) -> Board {
        Board {
            has_types: kernel.has_types(),
            kernel,
            places: Places::default(),
        }
    }

    /// What a tool needs, and whether it is here: a line each.
    pub fn says(&self, tool: &Tool) -> Result<[String; 2], Failure> {
        let object = Object::parse(tool.object.unpack())?;
        let needs = object.programs.iter().filter(|program| program.autoload);
        let mut places: Vec<&str> = Vec::new();
        for place in needs.clone().filter_map(place) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let needs_line = ["needs: ", &places.join(", ")].concat();
        let missing =
            needs.filter(|program| place(program).is_some() && !self.places.has(&program.hook));
        let missing: Vec<&str> = missing.filter_map(place).collect();
        let here = match missing.is_empty() {
            true => self.loads(tool, &object),
            // Whoever may not look sees nothing.
            false if !self.places.are_known() => {
                "not known here: tracefs can't be read (as root)".into()
            }
            false => ["not here: there is no ", &missing.join(", ")].concat(),
        };
        Ok([needs_line, here])
    }

    /// Whether the kernel takes its programs.
    fn loads(&self, tool: &Tool, object: &Object<'_>) -> String {
        let choose = |program: &Program<'_>| program.autoload || self.is_chosen(tool, program);
        let options = Options {
            choose: &choose,
            ..Options::default()
        };
        match load::load(object, &self.kernel, options) {
            Ok(_) => "here".into(),
            Err(error) => ["not here: ", &Failure::from(error).reason()].concat(),
        }
    }

    /// Whether a program that is marked with `?` is loaded without being asked for.
    fn is_chosen(&self, tool: &Tool, program: &Program<'_>) -> bool {
        match &tool.work {
            Work::Own(_) => !self.has_types,
            Work::Data(data) if data.without_types.contains(&program.name) => !self.has_types,
            Work::Data(data) => {
                let asked = data
                    .options
                    .iter()
                    .flat_map(|option| option.means.split(' '));
                let only_asked = asked.filter_map(|word| word.strip_prefix('+'));
                !only_asked.into_iter().any(|name| name == program.name)
                    && self.places.has(&program.hook)
            }
        }
    }
}

/// Where a program attaches.
fn place<'a>(program: &Program<'a>) -> Option<&'a str> {
    match program.hook {
        Hook::Tracepoint { name, .. } | Hook::RawTracepoint { name } => Some(name),
        Hook::Kprobe { function, .. } | Hook::Kretprobe { function } => Some(function),
        _ => None,
    }
}
