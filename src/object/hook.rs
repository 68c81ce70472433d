//! What a section name says: the kind of program and where it attaches.

use crate::sys::abi;

/// A kind of program, as BPF_PROG_LOAD wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramKind {
    /// `BPF_PROG_TYPE_…`.
    pub prog_type: u32,
    /// The attach type that must be known at load, if any.
    pub expected_attach_type: Option<u32>,
    /// Kernels that know no attach types load it all the same, without.
    pub attach_type_optional: bool,
    /// `BPF_F_…` of program loading.
    pub prog_flags: u32,
    /// Attached to a function or type in the kernel's BTF, which must be named at load.
    pub attach_btf: bool,
}

impl ProgramKind {
    /// No kind that is known: the kernel has none of type 0.
    pub const UNKNOWN: ProgramKind = ProgramKind {
        prog_type: abi::BPF_PROG_TYPE_UNSPEC,
        expected_attach_type: None,
        attach_type_optional: false,
        prog_flags: 0,
        attach_btf: false,
    };
}

/// Where a program attaches, as its section name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook<'a> {
    /// Entry of a kernel function, or `offset` bytes into it.
    Kprobe {
        /// The function.
        function: &'a str,
        /// Bytes from its start.
        offset: u64,
    },
    /// Return of a kernel function.
    Kretprobe {
        /// The function.
        function: &'a str,
    },
    /// Entry of a system call, by the name that people know.
    Ksyscall {
        /// Such as `execve`.
        name: &'a str,
    },
    /// Return of a system call.
    Kretsyscall {
        /// Such as `execve`.
        name: &'a str,
    },
    /// A tracepoint, by its tracefs folder.
    Tracepoint {
        /// Such as `sched`.
        category: &'a str,
        /// Such as `sched_switch`.
        name: &'a str,
    },
    /// A tracepoint with its arguments as the kernel passes them.
    RawTracepoint {
        /// Such as `sched_switch`.
        name: &'a str,
    },
    /// The section names a kind and no target: loaded, not attached.
    None,
    /// A kind that is loaded and can't be attached yet.
    #[cfg(feature = "full")]
    Other {
        /// What the section calls it, such as `fentry.s`.
        kind: &'static str,
        /// Such as `do_exit`; empty if the section names none.
        place: &'a str,
    },
    /// The section's name says no kind that is known.
    Unknown,
}

/// The section names that are known, for messages.
pub const KNOWN_SECTIONS: &str = "kprobe/FUNCTION, kretprobe/FUNCTION, ksyscall/NAME, \
     kretsyscall/NAME, tracepoint/CATEGORY/NAME (or tp/), raw_tracepoint/NAME (or raw_tp/)";

type Parse = for<'a> fn(&'a str) -> Result<Hook<'a>, &'static str>;

/// The kinds that can be attached: prefix, program type, how the rest of the name is read.
const SECTIONS: &[(&str, u32, Parse)] = &[
    ("kprobe", abi::BPF_PROG_TYPE_KPROBE, kprobe),
    ("kretprobe", abi::BPF_PROG_TYPE_KPROBE, kretprobe),
    ("ksyscall", abi::BPF_PROG_TYPE_KPROBE, ksyscall),
    ("kretsyscall", abi::BPF_PROG_TYPE_KPROBE, kretsyscall),
    ("tracepoint", abi::BPF_PROG_TYPE_TRACEPOINT, tracepoint),
    ("tp", abi::BPF_PROG_TYPE_TRACEPOINT, tracepoint),
    ("raw_tracepoint", abi::BPF_PROG_TYPE_RAW_TRACEPOINT, raw),
    ("raw_tp", abi::BPF_PROG_TYPE_RAW_TRACEPOINT, raw),
];

/// Reads a section name, its `?` already taken off.
///
/// # Errors
/// A known kind with a target that can't be read: the reason.
pub(super) fn parse(section: &str) -> Result<(ProgramKind, Hook<'_>), &'static str> {
    let (prefix, target) = match section.split_once('/') {
        Some((prefix, target)) => (prefix, Some(target)),
        None => (section, None),
    };
    let Some((_, prog_type, parse)) = SECTIONS.iter().find(|(name, ..)| *name == prefix) else {
        return other(section);
    };
    let kind = ProgramKind {
        prog_type: *prog_type,
        ..ProgramKind::UNKNOWN
    };
    let hook = match target {
        None => Ok(Hook::None),
        Some("") => Err(NO_PLACE),
        Some(target) => parse(target),
    };
    hook.map(|hook| (kind, hook))
}

const NO_PLACE: &str = "a place must follow the slash";

#[cfg(feature = "full")]
fn other(section: &str) -> Result<(ProgramKind, Hook<'_>), &'static str> {
    match super::kinds::find(section) {
        None => Ok((ProgramKind::UNKNOWN, Hook::Unknown)),
        Some((_, _, Some(""))) => Err(NO_PLACE),
        Some((kind, program, place)) => {
            let place = place.unwrap_or_default();
            Ok((program, Hook::Other { kind, place }))
        }
    }
}

#[cfg(not(feature = "full"))]
fn other(_: &str) -> Result<(ProgramKind, Hook<'_>), &'static str> {
    Ok((ProgramKind::UNKNOWN, Hook::Unknown))
}

fn kprobe(target: &str) -> Result<Hook<'_>, &'static str> {
    let (function, offset) = match target.split_once('+') {
        Some((function, offset)) => (function, number(offset).ok_or("the offset is no number")?),
        None => (target, 0),
    };
    Ok(Hook::Kprobe { function, offset })
}

fn kretprobe(target: &str) -> Result<Hook<'_>, &'static str> {
    match target.contains('+') {
        true => Err("a kretprobe has no offset"),
        false => Ok(Hook::Kretprobe { function: target }),
    }
}

fn ksyscall(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Ksyscall { name })
}

fn kretsyscall(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Kretsyscall { name })
}

fn tracepoint(target: &str) -> Result<Hook<'_>, &'static str> {
    match target.split_once('/') {
        Some((category, name)) if !category.is_empty() && !name.is_empty() => {
            Ok(Hook::Tracepoint { category, name })
        }
        _ => Err("a tracepoint is written CATEGORY/NAME"),
    }
}

fn raw(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::RawTracepoint { name })
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_section_name_says_its_hook() {
        let cases = [
            (
                "kprobe/do_exit",
                Hook::Kprobe {
                    function: "do_exit",
                    offset: 0,
                },
            ),
            (
                "kprobe/do_exit+0x10",
                Hook::Kprobe {
                    function: "do_exit",
                    offset: 16,
                },
            ),
            (
                "kretprobe/do_exit",
                Hook::Kretprobe {
                    function: "do_exit",
                },
            ),
            ("ksyscall/execve", Hook::Ksyscall { name: "execve" }),
            ("kretsyscall/execve", Hook::Kretsyscall { name: "execve" }),
            (
                "tp/a/b",
                Hook::Tracepoint {
                    category: "a",
                    name: "b",
                },
            ),
            (
                "tracepoint/a/b",
                Hook::Tracepoint {
                    category: "a",
                    name: "b",
                },
            ),
            ("raw_tp/b", Hook::RawTracepoint { name: "b" }),
            ("raw_tracepoint/b", Hook::RawTracepoint { name: "b" }),
            ("kprobe", Hook::None),
        ];
        for (section, expected) in cases {
            let (_, hook) = parse(section).expect(section);
            assert_eq!(hook, expected, "{section}");
        }
    }

    #[test]
    fn a_name_that_is_no_kind_is_unknown_and_a_bad_target_is_an_error() {
        for section in ["kprobes/x", "no_such_kind/x", ".text2", "tpx/a/b"] {
            let unknown = (ProgramKind::UNKNOWN, Hook::Unknown);
            assert_eq!(parse(section), Ok(unknown), "{section}");
        }
        for section in [
            "kprobe/",
            "kprobe/x+y",
            "kretprobe/x+1",
            "tp/only_one",
            "tp//b",
        ] {
            assert!(parse(section).is_err(), "{section}");
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn kinds_that_can_not_be_attached_yet_are_known_by_name_and_place() {
        let (kind, hook) = parse("fexit.s/do_exit").unwrap();
        let (name, place) = ("fexit.s", "do_exit");
        assert_eq!(hook, Hook::Other { kind: name, place });
        assert_eq!(kind.expected_attach_type, Some(abi::BPF_TRACE_FEXIT));
        let (_, hook) = parse("perf_event").unwrap();
        let (name, place) = ("perf_event", "");
        assert_eq!(hook, Hook::Other { kind: name, place });
        assert!(parse("fentry/").is_err());
    }
}
