//! Programs that run by the clock or by what a CPU counts: one perf event on each CPU.
//!
//! An event is opened on each CPU that runs at that moment. A CPU that comes online later has none.

use super::link::{Event, Link};
use super::{AttachError, Attacher, Prog};
use crate::sys::abi::{
    PERF_ATTR_FREQ, PERF_COUNT_SW_CPU_CLOCK, PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE, PerfEventAttr,
};
use crate::sys::{cpus, perf};
use rustix::io::Errno;
use thiserror::Error;

/// What is counted, under the names that perf(1) gives it; where there are two, the usual one first.
static CLOCK: [Counter; 1] = [("cpu-clock", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK)];

/// The same of a full build.
#[cfg(feature = "full")]
#[rustfmt::skip]
static MORE: &[Counter] = &[
    ("task-clock", "", PERF_TYPE_SOFTWARE, 1),
    ("page-faults", "faults", PERF_TYPE_SOFTWARE, 2),
    ("context-switches", "cs", PERF_TYPE_SOFTWARE, 3),
    ("cpu-migrations", "migrations", PERF_TYPE_SOFTWARE, 4),
    ("minor-faults", "", PERF_TYPE_SOFTWARE, 5),
    ("major-faults", "", PERF_TYPE_SOFTWARE, 6),
    ("alignment-faults", "", PERF_TYPE_SOFTWARE, 7),
    ("emulation-faults", "", PERF_TYPE_SOFTWARE, 8),
    ("cycles", "cpu-cycles", PERF_TYPE_HARDWARE, 0),
    ("instructions", "", PERF_TYPE_HARDWARE, 1),
    ("cache-references", "", PERF_TYPE_HARDWARE, 2),
    ("cache-misses", "", PERF_TYPE_HARDWARE, 3),
    ("branches", "branch-instructions", PERF_TYPE_HARDWARE, 4),
    ("branch-misses", "", PERF_TYPE_HARDWARE, 5),
    ("bus-cycles", "", PERF_TYPE_HARDWARE, 6),
    ("stalled-cycles-frontend", "", PERF_TYPE_HARDWARE, 7),
    ("stalled-cycles-backend", "", PERF_TYPE_HARDWARE, 8),
    ("ref-cycles", "", PERF_TYPE_HARDWARE, 9),
];

/// Why a sample can't be had. The text says what failed and why; `hint` says what to do.
#[derive(Debug, Error)]
pub enum SampleError {
    /// A program of perf events, and nobody said which.
    #[error("program {program}: it runs by a perf event, and --sample does not say which")]
    NotSaid {
        /// The program.
        program: String,
    },
    /// The machine counts no such thing.
    #[error("{subject}: this machine does not count {counter}")]
    NoCounter {
        /// What was to be attached.
        subject: String,
        /// What was to be counted.
        counter: &'static str,
    },
    /// More samples a second than the kernel allows.
    #[error("{subject}: more a second than this kernel allows")]
    TooOften {
        /// What was to be attached.
        subject: String,
    },
}

impl SampleError {
    /// Whether this machine lacks what was asked for; else it makes no sense.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, SampleError::NoCounter { .. })
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            SampleError::NotSaid { .. } => {
                "--sample 99hz, for 99 times a second on each CPU, or --sample COUNTER:N"
            }
            SampleError::NoCounter { .. } => {
                "cpu-clock works everywhere: --sample 99hz, or --sample cpu-clock:NANOSECONDS"
            }
            SampleError::TooOften { .. } => {
                "fewer, or raise the limit: sysctl kernel.perf_event_max_sample_rate"
            }
        }
    }
}

/// Both names, the type of event, and its number.
type Counter = (&'static str, &'static str, u32, u64);

/// All that this build counts.
fn counters() -> impl Iterator<Item = &'static Counter> {
    let all = CLOCK.iter();
    #[cfg(feature = "full")]
    let all = all.chain(MORE);
    all
}

/// When a program of a perf event runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    counter: &'static str,
    event_type: u32,
    config: u64,
    every: Every,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    /// After so many of what is counted; nanoseconds where that is a clock.
    Count(u64),
    /// So many times a second.
    Hertz(u64),
}

impl Sample {
    /// Reads `99hz` (of the CPU's clock), `cycles:1000000` or `cycles:99hz`.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn parse(text: &str) -> Result<Sample, String> {
        let (name, every) = text.split_once(':').unwrap_or(("cpu-clock", text));
        let named = |(first, second, ..): &&Counter| {
            *first == name || (!second.is_empty() && *second == name)
        };
        let Some((counter, _, event_type, config)) = counters().find(named) else {
            let known: Vec<&str> = counters().map(|(name, ..)| *name).collect();
            return Err(format!(
                "there is no counter '{name}'; those known are {}",
                known.join(", ")
            ));
        };
        let hertz = every
            .strip_suffix("hz")
            .or_else(|| every.strip_suffix("Hz"));
        let number: Option<u64> = hertz.unwrap_or(every).parse().ok();
        let Some(number) = number.filter(|n| *n > 0) else {
            return Err("it is written 99hz, COUNTER:N or COUNTER:Nhz".into());
        };
        if hertz.is_none() && !text.contains(':') {
            return Err(format!("{number} of what? {number}hz, or COUNTER:{number}"));
        }
        Ok(Sample {
            counter,
            event_type: *event_type,
            config: *config,
            every: match hertz {
                Some(_) => Every::Hertz(number),
                None => Every::Count(number),
            },
        })
    }

    fn attr(&self) -> PerfEventAttr {
        let (sample_period, flags) = match self.every {
            Every::Count(count) => (count, 0),
            Every::Hertz(hertz) => (hertz, PERF_ATTR_FREQ),
        };
        PerfEventAttr {
            event_type: self.event_type,
            config: self.config,
            sample_period,
            flags,
            ..PerfEventAttr::default()
        }
    }

    /// What a refusal to open such an event means.
    fn refused(&self, subject: String, errno: Errno) -> AttachError {
        let counter = self.counter;
        match errno {
            Errno::NOENT | Errno::OPNOTSUPP | Errno::NODEV
                if self.event_type == PERF_TYPE_HARDWARE =>
            {
                SampleError::NoCounter { subject, counter }.into()
            }
            Errno::INVAL if matches!(self.every, Every::Hertz(_)) => {
                SampleError::TooOften { subject }.into()
            }
            _ => AttachError::refused(&subject, errno),
        }
    }
}

impl Attacher<'_> {
    /// Attaches a perf event program, of the name `program`, to an event on each online CPU, as the
    /// wishes say.
    ///
    /// # Errors
    /// `AttachError`: nobody said when, no such counter on this machine, too often, no permission.
    pub fn sample(&self, prog: Prog<'_>, program: &str) -> Result<Link, AttachError> {
        let Some(sample) = &self.wishes.sample else {
            let program = program.to_owned();
            return Err(SampleError::NotSaid { program }.into());
        };
        let subject = [program, ": samples of ", sample.counter].concat();
        let attr = sample.attr();
        let online = cpus::online().map_err(|errno| AttachError::refused(&subject, errno))?;
        let mut parts = Vec::with_capacity(online.count());
        for cpu in online.iter() {
            match perf::open_on_cpu(&attr, cpu) {
                Ok(fd) => {
                    let event = Event { fd, probe: None };
                    parts.push(self.bind(prog, event, &subject)?.slim());
                }
                // Gone since the list was read; without any CPU it is the counter.
                Err(Errno::NODEV) if cpu != online.first().unwrap_or(cpu) => {}
                Err(errno) => return Err(sample.refused(subject, errno)),
            }
        }
        Ok(Link::many(parts))
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_rate_or_a_counter_with_its_step() {
        for (text, counter, period, flags) in [
            ("99hz", "cpu-clock", 99, PERF_ATTR_FREQ),
            ("49Hz", "cpu-clock", 49, PERF_ATTR_FREQ),
            ("cpu-clock:1000000", "cpu-clock", 1_000_000, 0),
            ("cycles:5000", "cycles", 5000, 0),
            ("cpu-cycles:5000", "cycles", 5000, 0),
            ("instructions:99hz", "instructions", 99, PERF_ATTR_FREQ),
            ("faults:1", "page-faults", 1, 0),
            ("cs:10", "context-switches", 10, 0),
        ] {
            let sample = Sample::parse(text).expect(text);
            assert_eq!(sample.counter, counter, "{text}");
            let attr = sample.attr();
            assert_eq!((attr.sample_period, attr.flags), (period, flags), "{text}");
        }
    }

    #[test]
    fn other_words_are_told_how_it_is_written() {
        for (text, words) in [
            ("99", "99hz"),
            ("0hz", "written"),
            ("hz", "written"),
            ("", "written"),
            ("cycles", "written"),
            ("cycles:", "written"),
            ("cycles:-1", "written"),
            ("cycles:0", "written"),
            ("cycels:1", "cycles"),
            (":5", "no counter ''"),
        ] {
            let why = Sample::parse(text).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
