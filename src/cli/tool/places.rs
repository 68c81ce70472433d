//! Which places of programs this kernel has: a tool's programs that are marked with `?` are loaded where
//! theirs is there.

use std::cell::OnceCell;

use btfly::btf::Kind;
use btfly::object::{Hook, Object};
use btfly::sys::kallsyms;
use btfly::sys::tracefs::{Space, Tracefs};
use btfly::target::{Kernel, TypeSource, Wanted};

/// The places of this kernel, looked for when they are asked for.
#[derive(Default)]
pub struct Places {
    tracefs: OnceCell<Option<Tracefs>>,
    /// The functions that are going to be asked for, sorted, and how many of each there are.
    functions: Vec<String>,
    types: OnceCell<Option<TypeSource>>,
    counts: OnceCell<Vec<u8>>,
}

impl Places {
    /// Those of the programs of these objects.
    pub fn of<'o, 'a: 'o>(objects: impl IntoIterator<Item = &'o Object<'a>>) -> Places {
        let programs = objects.into_iter().flat_map(|object| &object.programs);
        let functions = programs.filter_map(|program| function(&program.hook));
        let mut functions: Vec<String> = functions.map(Into::into).collect();
        functions.sort();
        functions.dedup();
        Places {
            functions,
            ..Places::default()
        }
    }

    /// Whether it can be told at all which tracepoints there are.
    pub fn are_known(&self) -> bool {
        self.tracefs().is_some()
    }

    /// Whether there is such a place; `false` for kinds that name none.
    pub fn has(&self, hook: &Hook<'_>) -> bool {
        match hook {
            Hook::Tracepoint { category, name } => self
                .tracefs()
                .is_some_and(|tracefs| tracefs.tracepoint_id(category, name).is_ok()),
            Hook::RawTracepoint { name } => self
                .tracefs()
                .is_some_and(|tracefs| tracefs.find_format(name).is_some()),
            hook => function(hook).is_some_and(|function| self.has_function(function)),
        }
    }

    /// Whether there is one function of this name, and it can be probed.
    fn has_function(&self, name: &str) -> bool {
        let probes = self
            .tracefs()
            .is_some_and(|tracefs| tracefs.has_events(Space::Kernel));
        probes && (self.is_typed(name) || self.is_listed(name))
    }

    /// Whether the kernel's types have it, once. They have most, and are read in a small part of the time that
    /// symbols take.
    fn is_typed(&self, name: &str) -> bool {
        let types = self.types.get_or_init(|| {
            let mut wanted = Wanted::default();
            for function in &self.functions {
                wanted.root(function, Kind::Func);
            }
            Kernel::running().types(&wanted).ok()
        });
        let types = types.as_ref().map(|source| &source.types);
        types.is_some_and(|types| types.candidates(name).len() == 1)
    }

    /// Whether it is among the kernel's symbols, once.
    fn is_listed(&self, name: &str) -> bool {
        // One pass over all of them for all functions.
        let counts = || kallsyms::count(&self.functions).unwrap_or_default();
        let counts = self.counts.get_or_init(counts);
        let index = self.functions.binary_search_by(|other| (**other).cmp(name));
        index.is_ok_and(|index| counts.get(index) == Some(&1))
    }

    fn tracefs(&self) -> Option<&Tracefs> {
        self.tracefs.get_or_init(Tracefs::find).as_ref()
    }
}

fn function<'a>(hook: &Hook<'a>) -> Option<&'a str> {
    match hook {
        Hook::Kprobe { function, .. } | Hook::Kretprobe { function } if !function.is_empty() => {
            Some(function)
        }
        _ => None,
    }
}
