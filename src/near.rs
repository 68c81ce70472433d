//! Which of many names come nearest to one that is not there, for messages.

use crate::text::contains;

const SUGGESTIONS: usize = 3;

/// The names that come nearest to one that is not there, best first.
pub(crate) struct Near<'a> {
    wanted: &'a str,
    best: heapless::Vec<(usize, String), SUGGESTIONS>,
}

impl<'a> Near<'a> {
    /// Nothing is near yet.
    pub(crate) fn new(wanted: &'a str) -> Self {
        Near {
            wanted,
            best: heapless::Vec::new(),
        }
    }

    /// Takes a name for one to suggest, if it comes near.
    pub(crate) fn consider(&mut self, name: &str) {
        if let Some(score) = likeness(self.wanted, name) {
            self.offer(score, name);
        }
    }

    /// Takes a text to suggest that is as near as [`likeness`] said.
    pub(crate) fn offer(&mut self, score: usize, text: &str) {
        let at = self.best.iter().take_while(|(s, _)| *s >= score).count();
        if at == SUGGESTIONS {
            return;
        }
        if self.best.is_full() {
            self.best.pop();
        }
        // There is room now, so this succeeds.
        let _ = self.best.insert(at, (score, text.to_owned()));
    }

    /// All of them, with commas between.
    pub(crate) fn join(&self) -> String {
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
pub(crate) fn likeness(wanted: &str, name: &str) -> Option<usize> {
    let prefix = wanted
        .bytes()
        .zip(name.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let shorter = name.len().min(wanted.len());
    // `xdp` is what `xdp_drop` begins with, and no other short name is found in it.
    let rest = wanted.strip_prefix(name).filter(|_| !name.is_empty());
    let begins = rest.is_some_and(|r| !r.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let holds = begins || shorter >= 4 && (contains(name, wanted) || contains(wanted, name));
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
    fn a_short_name_is_suggested_for_what_begins_with_it_and_another_word() {
        for (wanted, name, near) in [
            ("xdp_drop", "xdp", true),
            ("tc1", "tc", false),
            ("xdrop", "xdp", false),
            ("tc/filter", "tc", true),
            ("x", "", false),
        ] {
            assert_eq!(likeness(wanted, name).is_some(), near, "{wanted} {name}");
        }
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
