//! Tracepoints by category and name: tracefs knows the number, a perf event does the rest.

use super::link::{Event, Link};
use super::{AttachError, Attacher};
use crate::sys::abi::{PERF_TYPE_TRACEPOINT, PerfEventAttr};
use crate::sys::tracefs::Tracefs;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

impl Attacher<'_> {
    /// Attaches a tracepoint program to `category/name`.
    ///
    /// # Errors
    /// `AttachError`, which names the tracepoint: not there (with names that come near), no
    /// tracefs, no permission.
    pub fn tracepoint(
        &self,
        prog: BorrowedFd<'_>,
        category: &str,
        name: &str,
    ) -> Result<Link, AttachError> {
        let subject = ["tracepoint ", category, "/", name].concat();
        let Some(tracefs) = self.tracefs() else {
            return Err(AttachError::no_tracefs(&subject));
        };
        let id = match tracefs.tracepoint_id(category, name) {
            Ok(id) => id,
            Err(Errno::NOENT) => return Err(missing(tracefs, category, name)),
            Err(errno) => return Err(AttachError::refused(&subject, errno)),
        };
        let attr = PerfEventAttr {
            event_type: PERF_TYPE_TRACEPOINT,
            config: id,
            ..PerfEventAttr::default()
        };
        let fd = self
            .open_event(&attr)
            .map_err(|errno| AttachError::refused(&subject, errno))?;
        self.bind(prog, Event { fd, probe: None }, &subject)
    }
}

fn missing(tracefs: &Tracefs, category: &str, name: &str) -> AttachError {
    if !tracefs.has_category(category) {
        return AttachError::NoCategory {
            category: category.to_owned(),
            name: name.to_owned(),
        };
    }
    let mut near = Near::new(name);
    // Names that can't be listed can't be suggested.
    let _ = tracefs.for_each_tracepoint(category, &mut |other| near.consider(other));
    AttachError::NoTracepoint {
        category: category.to_owned(),
        name: name.to_owned(),
        near: near.join(),
    }
}

const SUGGESTIONS: usize = 3;

/// The names that come nearest to one that is not there, best first.
struct Near<'a> {
    wanted: &'a str,
    best: heapless::Vec<(usize, String), SUGGESTIONS>,
}

impl<'a> Near<'a> {
    fn new(wanted: &'a str) -> Self {
        Near {
            wanted,
            best: heapless::Vec::new(),
        }
    }

    fn consider(&mut self, name: &str) {
        let Some(score) = likeness(self.wanted, name) else {
            return;
        };
        let at = self.best.iter().take_while(|(s, _)| *s >= score).count();
        if at == SUGGESTIONS {
            return;
        }
        if self.best.is_full() {
            self.best.pop();
        }
        // There is room now, so this succeeds.
        let _ = self.best.insert(at, (score, name.to_owned()));
    }

    fn join(&self) -> String {
        let mut text = String::new();
        for (_, name) in &self.best {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(name);
        }
        text
    }
}

/// How near two names are, the greater the nearer; `None` where neither holds the other and less
/// than half of the wanted one is shared at the front.
fn likeness(wanted: &str, name: &str) -> Option<usize> {
    let prefix = wanted
        .bytes()
        .zip(name.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let shorter = name.len().min(wanted.len());
    let holds = shorter >= 4 && (name.contains(wanted) || wanted.contains(name));
    if !holds && prefix * 2 < wanted.len().max(8) {
        return None;
    }
    // Of two names that are equally near, the shorter comes first.
    let bonus = if holds { 10_000 } else { 0 };
    Some(bonus + prefix * 100 + 99_usize.saturating_sub(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_suggested_best_first() {
        let names = [
            "sys_enter_openat2",
            "sys_enter_open_tree",
            "sys_enter_openat",
            "sys_exit_openat",
            "sys_enter_open_by_handle_at",
            "sys_enter_read",
        ];
        let mut near = Near::new("sys_enter_open");
        for name in names {
            near.consider(name);
        }
        assert_eq!(
            near.join(),
            "sys_enter_openat, sys_enter_openat2, sys_enter_open_tree"
        );
    }

    #[test]
    fn a_longer_wish_finds_the_shorter_name() {
        let mut near = Near::new("sched_process_execve");
        for name in ["sched_switch", "sched_process_exec", "sched_process_exit"] {
            near.consider(name);
        }
        assert!(near.join().starts_with("sched_process_exec, "));
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_near() {
        let mut near = Near::new("nonsense");
        for name in ["sched_switch", "sched_wakeup", "n"] {
            near.consider(name);
        }
        // One letter is held by anything; it is no suggestion.
        assert_eq!(near.join(), "");
    }
}
