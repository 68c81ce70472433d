//! How a failure is told and what the exit code says of it.

use btfly::attach::AttachError;
use btfly::load::PinError;
use btfly::load::{LoadError, VerifierLog};
use btfly::object::ObjectError;
#[cfg(feature = "full")]
use btfly::relocate::ExternError;
use btfly::ring::RingError;

use super::output::{plain, say};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// The command line is wrong.
    Usage = 1,
    /// The object is missing, damaged, or not one.
    BadObject = 2,
    /// The kernel lacks something.
    Missing = 3,
    /// Not permitted.
    Permission = 4,
    /// The verifier refused.
    Verifier = 5,
    /// Anything else.
    Other = 6,
}

/// What went wrong, and what to do: at most three lines. One pointer, for it is handed up through every
/// function of the command line.
#[derive(Debug)]
pub struct Failure(Box<Told>);

#[derive(Debug)]
struct Told {
    class: Class,
    what: String,
    why: Option<String>,
    hint: Option<String>,
    /// The verifier's log, for `-v`.
    log: Option<VerifierLog>,
}

impl Failure {
    pub fn new(class: Class, what: impl Into<String>) -> Failure {
        Failure::with(class, what.into(), None)
    }

    pub fn usage(what: impl Into<String>) -> Failure {
        Failure::new(Class::Usage, what)
    }

    pub fn other(what: impl Into<String>) -> Failure {
        Failure::new(Class::Other, what)
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same, with this hint where there is none.
    pub fn or_hint(mut self, hint: String) -> Failure {
        self.0.hint.get_or_insert(hint);
        self
    }

    /// What the exit code says.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// What the user has read already: only the exit code is left to say.
    pub fn told(class: Class) -> Failure {
        Failure::new(class, "")
    }

    /// The same, said of a file.
    pub fn of_file(mut self, path: &str) -> Failure {
        self.0.what = [path, ": ", &self.0.what].concat();
        self
    }

    /// Adds the verifier's log to what is printed.
    pub fn print_log(&self) {
        let Some(log) = &self.0.log else {
            return;
        };
        #[cfg(feature = "full")]
        if let Err(error) = log.for_each_piece(&mut |piece| say(format_args!("{piece}"))) {
            say(format_args!("the rest of the verifier's log: {error}\n"));
        }
        #[cfg(not(feature = "full"))]
        say(format_args!("{}", log.text));
    }

    /// What went wrong, in one line.
    pub fn reason(&self) -> String {
        plain(&self.0.what)
    }

    pub fn print(&self) {
        if self.0.what.is_empty() {
            return;
        }
        say(format_args!("btfly: {}\n", plain(&self.0.what)));
        if let Some(why) = &self.0.why {
            say(format_args!("  why: {}\n", plain(why)));
        }
        if let Some(hint) = &self.0.hint {
            say(format_args!("  try: {}\n", plain(hint)));
        }
    }

    fn with(class: Class, what: String, hint: Option<String>) -> Failure {
        Failure(Box::new(Told {
            class,
            what,
            why: None,
            hint,
            log: None,
        }))
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Failure {
        Failure::with(Class::BadObject, error.to_string(), error.hint())
    }
}

impl From<Box<LoadError>> for Failure {
    fn from(error: Box<LoadError>) -> Failure {
        let class = match &*error {
            LoadError::Object(_)
            | LoadError::Link(_)
            | LoadError::Btf(_)
            | LoadError::Relocation(_)
            | LoadError::License => Class::BadObject,
            LoadError::Missing { .. }
            | LoadError::NoKernelBtf { .. }
            | LoadError::NoKernelRelocation
            | LoadError::Program { .. }
            | LoadError::Unsupported { .. } => Class::Missing,
            #[cfg(not(feature = "full"))]
            LoadError::Kconfig(_) => Class::Missing,
            #[cfg(feature = "full")]
            LoadError::NoPlace { .. } => Class::Usage,
            #[cfg(feature = "full")]
            LoadError::Extern(ExternError::Undescribed(_)) => Class::BadObject,
            #[cfg(feature = "full")]
            LoadError::Extern(_)
            | LoadError::NoSuchKind { .. }
            | LoadError::TooManyInsns { .. }
            | LoadError::ConfigNotSet(_)
            | LoadError::NoConfig(_)
            | LoadError::ExternNeedsBtf(_)
            | LoadError::MissingFunction { .. } => Class::Missing,
            #[cfg(feature = "full")]
            LoadError::SymbolsHidden(_) => Class::Permission,
            #[cfg(feature = "full")]
            LoadError::NoTarget { .. }
            | LoadError::NeedsOwnBtf { .. }
            | LoadError::NoSuchFunction { .. } => Class::Missing,
            #[cfg(feature = "full")]
            LoadError::TargetProgram { .. } | LoadError::ModuleBtf { .. } => Class::Other,
            LoadError::Maps(error) => match () {
                () if error.is_usage() => Class::Usage,
                () if error.is_object() => Class::BadObject,
                () if error.is_permission() => Class::Permission,
                () if error.is_missing() => Class::Missing,
                () => Class::Other,
            },
            LoadError::Map { errno, .. } if *errno == rustix::io::Errno::NOMEM => Class::Other,
            LoadError::Map { .. } => Class::Missing,
            LoadError::Verifier { .. } => Class::Verifier,
            LoadError::Permission { .. } => Class::Permission,
            LoadError::Target(_) | LoadError::Contents { .. } => Class::Other,
        };
        let mut failure = Failure::with(class, error.to_string(), error.hint());
        #[cfg(feature = "full")]
        {
            failure.0.why = error.why();
        }
        if let LoadError::Verifier { refusal, .. } = *error {
            failure.0.log = Some(refusal.log);
        }
        failure
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Failure {
        let class = match () {
            () if error.is_usage() => Class::Usage,
            () if error.is_permission() => Class::Permission,
            () if error.is_missing() => Class::Missing,
            () => Class::Other,
        };
        Failure::with(class, error.to_string(), error.hint())
    }
}

impl From<PinError> for Failure {
    fn from(error: PinError) -> Failure {
        let class = match () {
            () if error.is_permission() => Class::Permission,
            () if error.is_missing() => Class::Missing,
            () if error.is_usage() => Class::Usage,
            () => Class::Other,
        };
        Failure::with(class, error.to_string(), error.hint())
    }
}

impl From<RingError> for Failure {
    fn from(error: RingError) -> Failure {
        let class = match () {
            () if error.is_permission() => Class::Permission,
            () if error.is_missing() => Class::Missing,
            () => Class::Other,
        };
        Failure::with(class, error.to_string(), error.hint())
    }
}
