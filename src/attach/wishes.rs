//! What a user asks for beside what the sections say: cookies, samples, a process.

use super::Sample;
use std::num::NonZeroU32;

/// What to do about a program whose hook is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    /// Nothing is attached then.
    #[default]
    Fail,
    /// The others are attached.
    Skip,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Programs by name, each with what `bpf_get_attach_cookie` is to give it.
    pub cookies: Vec<(String, u64)>,
    /// When programs of perf events run.
    pub sample: Option<Sample>,
    /// The one process that uprobes are for; all of them unless given.
    pub process: Option<NonZeroU32>,
    /// What to do about a program whose hook is not there.
    pub missing: Missing,
}

impl Wishes {
    /// Nothing.
    pub const NONE: Wishes = Wishes {
        cookies: Vec::new(),
        sample: None,
        process: None,
        missing: Missing::Fail,
    };

    /// The cookie of a program; 0 for none.
    #[must_use]
    pub fn cookie(&self, program: &str) -> u64 {
        let found = self.cookies.iter().find(|(name, _)| name == program);
        found.map_or(0, |(_, cookie)| *cookie)
    }
}
