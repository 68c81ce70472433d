//! Which places of programs this kernel has: a tool's programs that are marked with `?` are loaded where
//! theirs is there.

use std::cell::OnceCell;

use btfly::object::Hook;
use btfly::sys::kallsyms;
use btfly::sys::tracefs::{Space, Tracefs};

/// The places of this kernel, looked for when they are asked for.
#[derive(Default)]
pub struct Places(OnceCell<Option<Tracefs>>);

impl Places {
    fn tracefs(&self) -> Option<&Tracefs> {
        self.0.get_or_init(Tracefs::find).as_ref()
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
            Hook::Kprobe { function, .. } | Hook::Kretprobe { function } => {
                let probes = self.tracefs().is_some_and(|t| t.has_events(Space::Kernel));
                probes && kallsyms::find(function).is_ok_and(|found| found.exact == 1)
            }
            _ => false,
        }
    }
}
