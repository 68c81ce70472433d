//! What a session does beside its rings: something now and then, and something at the end.

use std::time::{Duration, Instant};

use btfly::load::Loaded;
use btfly::sys::Features;

use super::Failure;

/// Somebody who has something to say now and then.
pub trait Ticker {
    /// How often it is asked; `None` for only at the end.
    fn every(&self) -> Option<Duration>;

    /// Whether it has said all that it was to say, and the session ends.
    fn is_over(&self) -> bool {
        false
    }

    /// Appends to `out` what there is to say at this moment.
    fn tick(
        &mut self,
        loaded: &Loaded<'_>,
        features: &Features,
        moment: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure>;
}

/// When a ticker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// While programs run.
    Running,
    /// When all are detached: nothing changes any more.
    End,
}

/// The next moment of a ticker.
pub struct Clock {
    every: Option<Duration>,
    next: Option<Instant>,
}

impl Clock {
    /// Starts now.
    pub fn new(every: Option<Duration>) -> Clock {
        let next = every.and_then(|every| Instant::now().checked_add(every));
        Clock { every, next }
    }

    /// How long until the next moment, but no longer than `most`.
    pub fn wait(&self, most: Option<Duration>) -> Option<Duration> {
        let left = self
            .next
            .map(|next| next.saturating_duration_since(Instant::now()));
        match (left, most) {
            (Some(left), Some(most)) => Some(left.min(most)),
            (left, most) => left.or(most),
        }
    }

    /// Whether the moment has come; then the one after it is waited for. Those that were missed are not
    /// made up for.
    pub fn is_due(&mut self) -> bool {
        let (Some(next), Some(every)) = (self.next, self.every) else {
            return false;
        };
        let now = Instant::now();
        if now < next {
            return false;
        }
        let after = next.checked_add(every);
        self.next = match after {
            Some(after) if after > now => Some(after),
            _ => now.checked_add(every),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_due_once_for_each_moment() {
        let mut clock = Clock::new(Some(Duration::ZERO));
        assert!(clock.is_due());
        assert_eq!(clock.wait(None), Some(Duration::ZERO));
        let mut clock = Clock::new(Some(Duration::from_secs(3600)));
        assert!(!clock.is_due());
        assert!(clock.wait(None) > Some(Duration::from_secs(3000)));
        let second = Duration::from_secs(1);
        assert_eq!(clock.wait(Some(second)), Some(second));
    }

    #[test]
    fn a_clock_without_a_rhythm_is_never_due() {
        let mut clock = Clock::new(None);
        assert!(!clock.is_due());
        assert_eq!(clock.wait(None), None);
        // Too long to be a moment.
        assert_eq!(Clock::new(Some(Duration::MAX)).wait(None), None);
    }
}
