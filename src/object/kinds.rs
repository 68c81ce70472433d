//! The section names: from a name to what BPF_PROG_LOAD wants and to how the rest of it is read.
//! Each stands once: here those that every build attaches, in `more_kinds` all others.

use super::{Hook, ProgramKind, places};
#[cfg(feature = "full")]
use crate::near::{Near, likeness};
use crate::sys::abi::*;

/// How a place is read.
pub(super) type Read = for<'a> fn(&'a str) -> Result<Hook<'a>, &'static str>;

/// What stands behind the name of a kind.
#[derive(Clone, Copy)]
pub(super) enum Reads {
    /// Nothing: the name says it all.
    Nothing(Hook<'static>),
    /// Nothing, of a kind that is not attached yet.
    #[cfg(feature = "full")]
    NothingOther,
    /// Nothing, or a slash and a place, of a kind that is not attached yet.
    #[cfg(feature = "full")]
    Other,
    /// Nothing, or a slash and a place.
    Place(Read),
}

/// A kind of program by its name.
pub(super) struct Kind {
    pub kind: ProgramKind,
    pub reads: Reads,
}

/// A kind without an attach type, and without a place.
#[cfg(feature = "full")]
pub(super) const fn kind(name: &'static str, prog_type: u32) -> Kind {
    Kind {
        kind: kind_of(name, prog_type),
        reads: Reads::NothingOther,
    }
}

#[cfg(feature = "full")]
pub(super) const fn probe(name: &'static str) -> Kind {
    kind(name, BPF_PROG_TYPE_KPROBE)
}

impl Kind {
    /// With a place behind a slash.
    #[cfg(feature = "full")]
    pub(super) const fn at(mut self, read: Read) -> Kind {
        self.reads = Reads::Place(read);
        self
    }
}

const fn traced(name: &'static str, prog_type: u32, read: Read) -> Kind {
    Kind {
        kind: kind_of(name, prog_type),
        reads: Reads::Place(read),
    }
}

const fn kind_of(name: &'static str, prog_type: u32) -> ProgramKind {
    ProgramKind {
        name,
        prog_type,
        ..ProgramKind::UNKNOWN
    }
}

#[rustfmt::skip]
static TRACED: [Kind; 9] = [
    traced("kprobe", BPF_PROG_TYPE_KPROBE, places::kprobe),
    traced("kretprobe", BPF_PROG_TYPE_KPROBE, places::kretprobe),
    traced("ksyscall", BPF_PROG_TYPE_KPROBE, places::ksyscall),
    traced("kretsyscall", BPF_PROG_TYPE_KPROBE, places::kretsyscall),
    traced("tracepoint", BPF_PROG_TYPE_TRACEPOINT, places::tracepoint),
    traced("tp", BPF_PROG_TYPE_TRACEPOINT, places::tracepoint),
    traced("raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, places::raw_tracepoint),
    traced("raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, places::raw_tracepoint),
    Kind { kind: kind_of("perf_event", BPF_PROG_TYPE_PERF_EVENT), reads: Reads::Nothing(Hook::PerfEvent) },
];

/// All kinds that this build knows.
pub(super) fn all() -> impl Iterator<Item = &'static Kind> {
    let all = TRACED.iter();
    #[cfg(feature = "full")]
    let all = all.chain(super::more_kinds::MORE);
    all
}

/// Takes a section name apart, its `?` already taken off: its kind, and its place. `None` if no kind
/// is called so.
pub(super) fn find(section: &str) -> Option<(&'static Kind, Option<&str>)> {
    all().find_map(|kind| {
        let rest = section.strip_prefix(kind.kind.name)?;
        match rest.strip_prefix('/') {
            Some(place) if kind.takes_place() => Some((kind, Some(place))),
            None if rest.is_empty() => Some((kind, None)),
            _ => None,
        }
    })
}

/// Section names that come near to one that says no kind, joined.
#[cfg(feature = "full")]
pub(super) fn near(section: &str) -> String {
    let (head, place) = match section.split_once('/') {
        Some((head, place)) => (head, Some(place)),
        None => (section, None),
    };
    let mut near = Near::new(section);
    for kind in all() {
        let name = kind.kind.name;
        let wanted = if name.contains('/') { section } else { head };
        let Some(score) = likeness(wanted, name) else {
            continue;
        };
        match place.filter(|_| kind.takes_place()) {
            Some(place) => near.offer(score, &[name, "/", place].concat()),
            None => near.offer(score, name),
        }
    }
    near.join()
}

impl Kind {
    /// Whether a place may follow the name.
    pub(super) fn takes_place(&self) -> bool {
        match self.reads {
            Reads::Place(_) => true,
            #[cfg(feature = "full")]
            Reads::Other => true,
            Reads::Nothing(_) => false,
            #[cfg(feature = "full")]
            Reads::NothingOther => false,
        }
    }

    /// Where a program of this kind attaches.
    pub(super) fn hook<'a>(&self, place: Option<&'a str>) -> Result<Hook<'a>, &'static str> {
        if place == Some("") {
            return Err("a place must follow the slash");
        }
        match (&self.reads, place) {
            (Reads::Place(read), Some(place)) => read(place),
            (Reads::Place(_), None) => Ok(Hook::None),
            (Reads::Nothing(hook), _) => Ok(*hook),
            #[cfg(feature = "full")]
            (Reads::Other | Reads::NothingOther, _) => Ok(Hook::Other {
                kind: self.kind.name,
                place: place.unwrap_or_default(),
            }),
        }
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_whole_name_and_takes_a_place_only_where_it_has_one() {
        let found = |section| {
            let (kind, place) = find(section)?;
            Some((kind.kind.name, kind.kind.prog_type, place))
        };
        let (tracing, kprobe) = (BPF_PROG_TYPE_TRACING, BPF_PROG_TYPE_KPROBE);
        for (section, expected) in [
            ("fentry", Some(("fentry", tracing, None))),
            ("fentry/do_exit", Some(("fentry", tracing, Some("do_exit")))),
            ("fentry/", Some(("fentry", tracing, Some("")))),
            ("fentry.s/x", Some(("fentry.s", tracing, Some("x")))),
            (
                "uprobe/libc.so:f",
                Some(("uprobe", kprobe, Some("libc.so:f"))),
            ),
            ("xdp/devmap", Some(("xdp/devmap", BPF_PROG_TYPE_XDP, None))),
            (
                "tc/ingress",
                Some(("tc/ingress", BPF_PROG_TYPE_SCHED_CLS, None)),
            ),
            ("xdp/eth0", None),
            ("xdp.frags/x", None),
            ("cgroup/skb/x", None),
            ("fentryx", None),
            ("fent", None),
            ("", None),
        ] {
            assert_eq!(found(section), expected, "{section}");
        }
    }

    #[test]
    fn kinds_have_the_types_and_flags_that_the_kernel_wants() {
        let kind = |section| find(section).unwrap().0.kind;
        assert_eq!(kind("xdp").expected_attach_type, Some(BPF_XDP));
        assert!(kind("xdp").attach_type_optional);
        assert_eq!(kind("xdp.frags").prog_flags, BPF_F_XDP_HAS_FRAGS);
        assert_eq!(kind("syscall").prog_flags, BPF_F_SLEEPABLE);
        assert_eq!(kind("cgroup/skb").expected_attach_type, None);
        let lsm = kind("lsm.s/file_open");
        assert_eq!(lsm.expected_attach_type, Some(BPF_LSM_MAC));
        assert!(lsm.attach_btf && !lsm.attach_type_optional);
        assert_eq!(lsm.prog_flags, BPF_F_SLEEPABLE);
        assert!(!kind("fentry.multi/x*").attach_btf);
    }

    #[test]
    fn the_kinds_that_come_near_are_told_for_a_name_that_is_none() {
        for (section, expected) in [
            ("kprobes/x", "kprobe/x, kprobe.multi/x, kprobe.session/x"),
            ("xdp_drop", "xdp"),
            ("classifier_a", "classifier"),
            ("fentries/do_exit", "fentry/do_exit"),
            ("cgroup_skb/in", "cgroup_skb/ingress, cgroup_skb/egress"),
            ("no_such_kind/x", ""),
        ] {
            let near = near(section);
            assert!(near.starts_with(expected), "{section}: {near}");
            assert_eq!(near.is_empty(), expected.is_empty(), "{section}: {near}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let names: Vec<&str> = all().map(|kind| kind.kind.name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
    }
}
