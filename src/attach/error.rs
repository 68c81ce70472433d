//! Why a program could not be attached, and what a person can do about it.

use super::kprobe::Failure;
use crate::sys::{kallsyms, permission};
use rustix::io::Errno;
use thiserror::Error;

/// An attachment that failed. The text says what failed and why; `hint` says what to do.
#[derive(Debug, Error)]
pub enum AttachError {
    /// The kernel has no such function, or none that can be probed by this name.
    #[error("{subject}: this kernel has no function `{function}`")]
    NoFunction {
        /// What was to be attached.
        subject: String,
        /// The function.
        function: String,
        /// Names that the compiler made of it, joined; empty for none.
        clones: String,
        /// Names that come near, joined; empty for none.
        #[cfg(feature = "full")]
        near: String,
    },
    /// Several functions have that name, and the kernel (6.6) doesn't choose.
    #[error("{subject}: this kernel has more than one function `{function}`")]
    Ambiguous {
        /// What was to be attached.
        subject: String,
        /// The function.
        function: String,
    },
    /// The function is there, but the kernel allows no probe in that place.
    #[error("{subject}: the kernel allows no probe there ({errno})")]
    NotProbeable {
        /// What was to be attached.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel was built without kprobes.
    #[error("{subject}: this kernel has no kprobes")]
    NoKprobes {
        /// What was to be attached.
        subject: String,
    },
    /// The system call is not there under any of the names that kernels give it.
    #[error("ksyscall {name}: this kernel has no system call `{name}`")]
    NoSystemCall {
        /// The system call.
        name: String,
        /// The function that was tried first.
        first: String,
    },
    /// There is no such tracepoint in a category that is there.
    #[error("tracepoint {category}/{name}: this kernel has no such tracepoint")]
    NoTracepoint {
        /// The category.
        category: String,
        /// The tracepoint.
        name: String,
        /// Names that come near, joined; empty for none.
        near: String,
    },
    /// There is no such category of tracepoints.
    #[error("tracepoint {category}/{name}: this kernel has no tracepoints in `{category}`")]
    NoCategory {
        /// The category.
        category: String,
        /// The tracepoint.
        name: String,
    },
    /// There is no such raw tracepoint.
    #[error("raw tracepoint {name}: this kernel has no such tracepoint")]
    NoRawTracepoint {
        /// The tracepoint.
        name: String,
    },
    /// Tracefs is not mounted, and there is no other way.
    #[error("{subject}: tracefs is not mounted")]
    NoTracefs {
        /// What was to be attached.
        subject: String,
    },
    /// The kernel was built without perf events.
    #[error("{subject}: this kernel has no perf events")]
    NoPerfEvents {
        /// What was to be attached.
        subject: String,
    },
    /// What is said of tracing programs, iterators, XDP, cgroups and runs.
    #[cfg(feature = "full")]
    #[error(transparent)]
    Hook(#[from] super::HookError),
    /// What is said of samples.
    #[error(transparent)]
    Sample(#[from] super::SampleError),
    /// What is said of uprobes, of attachments to many places and of cookies.
    #[cfg(feature = "full")]
    #[error(transparent)]
    Probe(#[from] super::ProbeError),
    /// A kind of program that is not attached here.
    #[cfg(feature = "full")]
    #[error("program {program}: attaching the kind {kind} is not supported yet")]
    NotYet {
        /// The program.
        program: String,
        /// Its kind, as its section calls it.
        kind: &'static str,
    },
    /// The kernel says that it is not allowed.
    #[error("{subject}: not permitted ({errno})")]
    Permission {
        /// What was to be attached.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refuses for another reason.
    #[error("{subject}: the kernel refuses ({errno})")]
    Refused {
        /// What was to be attached.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

impl AttachError {
    /// Whether a permission is what lacks (exit code 4).
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, AttachError::Permission { .. })
    }

    /// Whether the hook is not there: what `--skip-missing` passes over.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            AttachError::NoFunction { .. }
            | AttachError::NoKprobes { .. }
            | AttachError::NoSystemCall { .. }
            | AttachError::NoTracepoint { .. }
            | AttachError::NoCategory { .. }
            | AttachError::NoRawTracepoint { .. }
            | AttachError::NoPerfEvents { .. } => true,
            #[cfg(feature = "full")]
            AttachError::Probe(error) => error.is_absent(),
            _ => false,
        }
    }

    /// Whether something was not said that must be, or makes no sense (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            AttachError::Sample(error) => !error.is_missing(),
            #[cfg(feature = "full")]
            AttachError::Hook(error) => error.is_usage(),
            #[cfg(feature = "full")]
            AttachError::Probe(error) => error.is_usage(),
            _ => false,
        }
    }

    /// Whether this kernel lacks what was asked for (exit code 3).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            AttachError::Permission { .. } | AttachError::Refused { .. } => false,
            AttachError::Sample(error) => error.is_missing(),
            #[cfg(feature = "full")]
            AttachError::Hook(error) => error.is_missing(),
            #[cfg(feature = "full")]
            AttachError::Probe(error) => error.is_missing(),
            _ => true,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            #[cfg(feature = "full")]
            AttachError::NoFunction { clones, near, .. }
                if clones.is_empty() && !near.is_empty() =>
            {
                let inlined = "; it may be inlined, or in a module that is not loaded";
                ["there is ", near, inlined].concat()
            }
            AttachError::NoFunction { clones, .. } if clones.is_empty() => {
                "it may be inlined, in a module that is not loaded, or named otherwise: \
                 look in /proc/kallsyms"
                    .to_owned()
            }
            AttachError::NoFunction { clones, .. } => {
                ["the compiler made variants of it: ", clones].concat()
            }
            AttachError::Ambiguous { .. } => {
                "attach to one of its callers, or to a tracepoint".to_owned()
            }
            AttachError::NotProbeable { .. } => {
                "functions that probing itself needs are excluded \
                 (see /sys/kernel/debug/kprobes/blacklist), and an offset must be that of an instruction"
                    .to_owned()
            }
            AttachError::NoKprobes { .. } => {
                "it needs CONFIG_KPROBE_EVENTS; tracepoints work without".to_owned()
            }
            AttachError::NoSystemCall { first, .. } => [
                "not every machine has every call (arm64 has openat, no open); \
                 tried first as the function ",
                first,
            ]
            .concat(),
            AttachError::NoTracepoint { near, .. } if near.is_empty() => return None,
            AttachError::NoTracepoint { near, .. } => ["there is ", near].concat(),
            AttachError::NoCategory { category, .. } if category == "syscalls" => {
                "it needs CONFIG_FTRACE_SYSCALLS".to_owned()
            }
            AttachError::NoCategory { .. } => {
                "it may belong to a module that is not loaded, or to an option of the kernel \
                 that is off"
                    .to_owned()
            }
            AttachError::NoRawTracepoint { .. } => {
                "a raw tracepoint is named without its category".to_owned()
            }
            AttachError::NoTracefs { .. } => {
                "mount -t tracefs tracefs /sys/kernel/tracing".to_owned()
            }
            AttachError::NoPerfEvents { .. } => {
                "it needs CONFIG_PERF_EVENTS; raw tracepoints work without".to_owned()
            }
            AttachError::Permission { .. } => permission::hint(),
            AttachError::Sample(error) => error.hint().to_owned(),
            #[cfg(feature = "full")]
            AttachError::Hook(error) => return error.hint(),
            #[cfg(feature = "full")]
            AttachError::Probe(error) => return error.hint(),
            #[cfg(feature = "full")]
            AttachError::NotYet { .. } => return None,
            AttachError::Refused { .. } => return None,
        };
        Some(text)
    }

    /// Sorts an answer of the kernel that says nothing about the name that was asked for.
    pub(super) fn refused(subject: &str, errno: Errno) -> Self {
        let subject = subject.to_owned();
        match errno {
            Errno::PERM | Errno::ACCESS => AttachError::Permission { subject, errno },
            Errno::NOSYS => AttachError::NoPerfEvents { subject },
            _ => AttachError::Refused { subject, errno },
        }
    }

    /// No tracefs: not mounted, or behind a folder that only root may enter.
    pub(super) fn no_tracefs(subject: &str) -> Self {
        let subject = subject.to_owned();
        if rustix::process::geteuid().is_root() {
            return AttachError::NoTracefs { subject };
        }
        AttachError::Permission {
            subject,
            errno: Errno::ACCESS,
        }
    }

    /// Tells a kprobe's failure, asking /proc/kallsyms where the answer means two things: a missing
    /// function is ENOENT or EINVAL by version and kind, and EINVAL is an excluded one, too.
    pub(super) fn of_kprobe(failure: Failure, subject: &str, function: &str) -> Self {
        let errno = match failure {
            Failure::NoKprobes => {
                return AttachError::NoKprobes {
                    subject: subject.to_owned(),
                };
            }
            Failure::NoTracefs => return AttachError::no_tracefs(subject),
            Failure::Errno(errno) => errno,
        };
        match errno {
            Errno::ADDRNOTAVAIL => AttachError::Ambiguous {
                subject: subject.to_owned(),
                function: function.to_owned(),
            },
            Errno::NOENT | Errno::INVAL | Errno::OPNOTSUPP | Errno::ILSEQ => {
                let symbols = kallsyms::find(function).unwrap_or_default();
                let (subject, function) = (subject.to_owned(), function.to_owned());
                // By tracefs the newest kernels answer EINVAL to a name that is there twice.
                if symbols.exact > 1 && errno == Errno::INVAL {
                    return AttachError::Ambiguous { subject, function };
                }
                if symbols.exact > 0 && errno != Errno::NOENT {
                    return AttachError::NotProbeable { subject, errno };
                }
                AttachError::NoFunction {
                    subject,
                    function,
                    clones: symbols.clones.join(", "),
                    #[cfg(feature = "full")]
                    near: symbols.near,
                }
            }
            _ => AttachError::refused(subject, errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_the_kernel_has_its_class() {
        let cases = [
            (Errno::PERM, true, false),
            (Errno::ACCESS, true, false),
            (Errno::NOSYS, false, true),
            (Errno::NOMEM, false, false),
        ];
        for (errno, permission, missing) in cases {
            let error = AttachError::refused("tracepoint a/b", errno);
            assert_eq!(error.is_permission(), permission, "{errno}");
            assert_eq!(error.is_missing(), missing, "{errno}");
            assert!(error.to_string().starts_with("tracepoint a/b: "), "{error}");
        }
    }

    #[test]
    fn an_unknown_function_is_told_by_its_name() {
        let failure = Failure::Errno(Errno::INVAL);
        let error = AttachError::of_kprobe(failure, "kretprobe no_such_fn", "no_such_fn");
        let text = "kretprobe no_such_fn: this kernel has no function `no_such_fn`";
        assert_eq!(error.to_string(), text);
        assert!(error.is_missing());
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_name_that_several_functions_have_is_told_apart_from_none() {
        let failure = Failure::Errno(Errno::ADDRNOTAVAIL);
        let error = AttachError::of_kprobe(failure, "kprobe copy", "copy");
        assert!(error.to_string().contains("more than one function"));
    }
}
