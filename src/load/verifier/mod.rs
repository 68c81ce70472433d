//! What the verifier says when it refuses a program.

#[cfg_attr(not(feature = "full"), path = "ask_small.rs")]
mod ask;
mod log;
#[cfg(feature = "full")]
mod reasons;
#[cfg(feature = "full")]
mod window;

use core::fmt;

use rustix::fd::OwnedFd;
#[cfg(feature = "full")]
use rustix::io;
use rustix::io::Errno;

pub(super) use ask::ask;
#[cfg(feature = "full")]
pub(super) use reasons::words;

/// A refusal, read off the verifier's log.
#[derive(Debug, Default)]
pub struct Refusal {
    /// The line that says why.
    pub reason: String,
    /// The instruction at which it stopped, counted from the start of the program.
    pub insn: Option<usize>,
    /// The function in the object, the instruction in that function, and the source file and line
    /// where they are known.
    pub place: Option<String>,
    /// The text of the source line, where the object has line records.
    pub source: Option<String>,
    /// The log itself.
    pub log: VerifierLog,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match (&self.place, self.insn) {
            (Some(place), _) => write!(f, ", at {place}"),
            (None, Some(insn)) => write!(f, ", at instruction {insn}"),
            (None, None) => Ok(()),
        }
    }
}

impl Refusal {
    fn of(log: VerifierLog) -> Refusal {
        let log::Told {
            reason,
            insn,
            source,
        } = log::read(&log.text);
        Refusal {
            reason,
            insn,
            place: None,
            source,
            log,
        }
    }
}

/// A verifier's log, which may be longer than what is kept of it.
#[derive(Debug, Default)]
pub struct VerifierLog {
    /// The log, or its end where it is long.
    pub text: String,
    /// Whether that is not all of it.
    pub cut: bool,
    /// All of it, where that was asked for ([`KeepLog::Whole`]) and it is long.
    #[cfg(feature = "full")]
    pub(super) file: Option<OwnedFd>,
}

#[cfg(feature = "full")]
impl VerifierLog {
    /// Hands over the whole log in pieces of whole lines; where it was not kept whole, its end.
    ///
    /// # Errors
    /// The kernel's, in reading the file that it is kept in.
    pub fn for_each_piece(&self, piece: &mut dyn FnMut(&str)) -> io::Result<()> {
        match &self.file {
            Some(file) => window::for_each_piece(file, piece),
            None => {
                piece(&self.text);
                Ok(())
            }
        }
    }
}

/// How much of a verifier's log is kept where it refuses a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum KeepLog {
    /// Its end, which says why.
    #[default]
    End,
    /// All of it: a log that is long goes to a file without a name in `$TMPDIR`, or in /tmp.
    Whole,
}

/// What came of loading a program with a log.
pub(super) enum Answer {
    /// It went well this time.
    Loaded(OwnedFd),
    /// The verifier refuses.
    Refused(Refusal),
    /// The kernel refuses before the verifier says a word.
    Silent(Errno),
}

impl Answer {
    fn of(answer: rustix::io::Result<OwnedFd>, log: VerifierLog) -> Answer {
        match answer {
            Ok(fd) => Answer::Loaded(fd),
            Err(errno) if log.text.is_empty() => Answer::Silent(errno),
            Err(_) => Answer::Refused(Refusal::of(log)),
        }
    }
}
