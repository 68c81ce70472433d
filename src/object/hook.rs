//! What a section name says: the kind of program and where it attaches.

use crate::sys::abi;

/// A kind of program, as BPF_PROG_LOAD wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramKind {
    /// What a section calls it, such as `kprobe` or `fentry.s`.
    pub name: &'static str,
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
        name: "",
        prog_type: abi::BPF_PROG_TYPE_UNSPEC,
        expected_attach_type: None,
        attach_type_optional: false,
        prog_flags: 0,
        attach_btf: false,
    };
}

/// On which side of a function a probe is.
#[cfg(feature = "full")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Its entry.
    Entry,
    /// Its return.
    Return,
    /// Both: the program decides at the entry whether it is called at the return, too.
    Session,
}

/// A program that is loaded already.
#[cfg(feature = "full")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramRef<'a> {
    /// Not given yet.
    Unknown,
    /// By its id.
    Id(u32),
    /// By its name in a BPF file system.
    Pinned(&'a str),
}

/// Where a program attaches, as its section name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// All kernel functions that a pattern matches, at once.
    #[cfg(feature = "full")]
    KprobeMulti {
        /// Names, `*` and `?` standing for any letters and for one.
        pattern: &'a str,
        /// On which side of the functions.
        when: When,
    },
    /// A place in a program or library of user space.
    #[cfg(feature = "full")]
    Uprobe {
        /// `PATH:FUNCTION`, with `+OFFSET` where it is not the start.
        place: &'a str,
        /// On which side of the function.
        when: When,
    },
    /// All functions of a program or library that a pattern matches, at once.
    #[cfg(feature = "full")]
    UprobeMulti {
        /// `PATH:PATTERN`.
        place: &'a str,
        /// On which side of the functions.
        when: When,
    },
    /// A tracepoint whose arguments are typed by the kernel's BTF.
    #[cfg(feature = "full")]
    TpBtf {
        /// Such as `sched_switch`.
        name: &'a str,
    },
    /// A kernel function whose arguments are typed by the kernel's BTF: fentry, fexit, fmod_ret,
    /// fsession, as the kind says.
    #[cfg(feature = "full")]
    Tracing {
        /// The function, in the kernel or in a module.
        function: &'a str,
    },
    /// A decision of the Linux security modules.
    #[cfg(feature = "full")]
    Lsm {
        /// Such as `file_open`.
        hook: &'a str,
    },
    /// The same, for the processes of a cgroup.
    #[cfg(feature = "full")]
    LsmCgroup {
        /// Such as `socket_create`.
        hook: &'a str,
        /// The cgroup's folder; empty until it is given.
        path: &'a str,
    },
    /// Run for each object of a sort, when the iterator is read.
    #[cfg(feature = "full")]
    Iter {
        /// Such as `task`.
        target: &'a str,
        /// The map of the object whose elements it goes through; empty for none.
        map: &'a str,
    },
    /// A function of a program that is loaded.
    #[cfg(feature = "full")]
    Freplace {
        /// The function.
        function: &'a str,
        /// Whose.
        of: ProgramRef<'a>,
    },
    /// Not attached: run, once.
    #[cfg(feature = "full")]
    Syscall,
    /// What a network interface receives.
    #[cfg(feature = "full")]
    Xdp {
        /// The interface's name; empty until it is given.
        interface: &'a str,
    },
    /// What the processes of a cgroup do.
    #[cfg(feature = "full")]
    Cgroup {
        /// `BPF_CGROUP_…`.
        attach_type: u32,
        /// The cgroup's folder; empty until it is given.
        path: &'a str,
    },
    /// A perf event.
    PerfEvent,
    /// A kind that is loaded and can't be attached yet.
    #[cfg(feature = "full")]
    Other {
        /// What the section calls it, such as `fentry.s`.
        kind: &'static str,
        /// Such as `do_exit`; empty if the section names none.
        place: &'a str,
    },
    /// The section says a kind and a place that can't be read: loaded, not attached.
    #[cfg(feature = "full")]
    Unreadable {
        /// What is wrong with the place.
        why: &'static str,
    },
    /// The section's name says no kind that is known.
    Unknown,
}

/// The section names that are known, for messages.
pub const KNOWN_SECTIONS: &str = "kprobe/FUNCTION, kretprobe/FUNCTION, ksyscall/NAME, \
     kretsyscall/NAME, tracepoint/CATEGORY/NAME (or tp/), raw_tracepoint/NAME (or raw_tp/)";

/// Reads a section name, its `?` already taken off.
///
/// # Errors
/// A known kind with a place that can't be read: the reason.
pub(super) fn parse(section: &str) -> Result<(ProgramKind, Hook<'_>), &'static str> {
    match super::kinds::find(section) {
        // libbpf reads `kprobe/` as it does `kprobe`: a kind without a place.
        Some((kind, place)) => Ok((kind.kind, kind.hook(place.filter(|p| !p.is_empty()))?)),
        None => Ok((ProgramKind::UNKNOWN, Hook::Unknown)),
    }
}

/// The same, of an object that others load: a place that can't be read is told to whoever attaches.
#[cfg(feature = "full")]
pub(super) fn parse_leniently(section: &str) -> (ProgramKind, Hook<'_>) {
    match super::kinds::find(section) {
        Some((kind, place)) => {
            let unreadable = |why| Hook::Unreadable { why };
            (kind.kind, kind.hook(place).unwrap_or_else(unreadable))
        }
        None => (ProgramKind::UNKNOWN, Hook::Unknown),
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
            ("kprobe/", Hook::None),
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
        for section in ["kprobe/x+y", "kretprobe/x+1", "tp/only_one", "tp//b"] {
            assert!(parse(section).is_err(), "{section}");
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_place_that_can_not_be_read_is_left_to_whoever_attaches() {
        for (section, kind) in [("tp/only_one", "tp"), ("kretprobe/x+1", "kretprobe")] {
            let (found, hook) = parse_leniently(section);
            assert_eq!(found.name, kind);
            assert!(
                matches!(hook, Hook::Unreadable { .. }),
                "{section}: {hook:?}"
            );
        }
        let fine = parse_leniently("kprobe/do_exit");
        assert_eq!(Ok(fine), parse("kprobe/do_exit"));
        assert_eq!(parse_leniently("x"), (ProgramKind::UNKNOWN, Hook::Unknown));
    }

    #[cfg(feature = "full")]
    #[test]
    fn kinds_that_can_not_be_attached_yet_are_known_by_name_and_place() {
        for (section, kind, place) in [
            ("tc", "tc", ""),
            ("tcx/ingress", "tcx/ingress", ""),
            ("usdt/libc:a:b", "usdt", "libc:a:b"),
            ("struct_ops.s/init", "struct_ops.s", "init"),
            ("fentry.multi/tcp_*", "fentry.multi", "tcp_*"),
        ] {
            let (found, hook) = parse(section).unwrap();
            assert_eq!(hook, Hook::Other { kind, place }, "{section}");
            assert_eq!(found.name, kind, "{section}");
        }
    }
}
