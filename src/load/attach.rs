//! From a hook to whoever attaches it.

use rustix::fd::AsFd;

use super::{Loaded, LoadedMap, LoadedProgram};
use crate::attach::{AttachError, Attacher, Link, Missing, Probe};
#[cfg(feature = "full")]
use crate::attach::{HookError, IterProgram, OfCgroup, Prog, Traced};
use crate::object::Hook;
#[cfg(feature = "full")]
use crate::object::When;
use crate::target::Kernel;

/// What came of attaching.
#[derive(Default)]
pub struct Attached {
    /// The links, each with the index of its program in [`Loaded::programs`].
    pub links: Vec<(usize, Link)>,
    /// What a user should know: kinds that are not attached yet, programs whose hooks are not there and
    /// may be missing, programs that run elsewhere than one may think, or never.
    pub notes: Vec<String>,
}

impl Attached {
    /// How many programs are attached to something that happens: all but iterators, which run when they
    /// are read.
    pub fn lasting(&self, loaded: &Loaded<'_>) -> usize {
        #[cfg(feature = "full")]
        let lasts = |at: usize| {
            let hook = loaded.programs.get(at).map(|p| p.hook);
            !matches!(hook, Some(Hook::Iter { .. }))
        };
        #[cfg(not(feature = "full"))]
        let lasts = |at: usize| at < loaded.programs.len();
        self.links.iter().filter(|(at, _)| lasts(*at)).count()
    }
}

impl Loaded<'_> {
    /// Attaches every program where its section says. Dropping the links detaches them.
    ///
    /// # Errors
    /// The first program that can't be attached; the others are detached again.
    pub fn attach(&self, kernel: &Kernel) -> Result<Vec<Link>, AttachError> {
        let attached = self.attach_by(&Attacher::new(&kernel.features))?;
        Ok(attached.links.into_iter().map(|(_, link)| link).collect())
    }

    /// The same, with which link is whose. Kinds of programs that are not attached yet are passed over
    /// where any other is attached, or runs without; so are, where the attacher's wishes say so, programs
    /// whose hooks are not there.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn attach_by(&self, attacher: &Attacher<'_>) -> Result<Attached, AttachError> {
        let (mut links, mut left) = (Vec::new(), Vec::new());
        // Whether something runs without being attached.
        let mut runs = false;
        for (at, program) in self.programs.iter().enumerate() {
            match program.attach(attacher, &self.maps) {
                Ok(link) => links.extend(link.map(|link| (at, link))),
                #[cfg(feature = "full")]
                Err(error @ AttachError::NotYet { .. }) => left.push((program, error)),
                Err(error) if error.is_absent() && attacher.wishes().missing == Missing::Skip => {
                    left.push((program, error));
                }
                Err(error) => return Err(error),
            }
            runs |= program.is_run();
        }
        if links.is_empty() && !runs && !left.is_empty() {
            return Err(left.swap_remove(0).1);
        }
        let mut notes = attacher.take_notes();
        notes.extend(left.iter().map(|(program, error)| match error {
            #[cfg(feature = "full")]
            AttachError::NotYet { .. } => error.to_string(),
            _ => ["skipped: ", &program.name, ": ", &error.to_string()].concat(),
        }));
        Ok(Attached { links, notes })
    }
}

impl LoadedProgram<'_> {
    /// Whether it is run, and not attached.
    fn is_run(&self) -> bool {
        #[cfg(feature = "full")]
        return self.hook == Hook::Syscall;
        #[cfg(not(feature = "full"))]
        false
    }

    /// Attaches this program where its section says; `None` if it names no place, or is run instead.
    /// `maps` are those that were loaded with it.
    ///
    /// # Errors
    /// [`AttachError`], which names the place.
    pub fn attach(
        &self,
        attacher: &Attacher<'_>,
        maps: &[LoadedMap],
    ) -> Result<Option<Link>, AttachError> {
        let prog = attacher.prog(&self.name, self.fd.as_fd());
        let link = match self.hook {
            Hook::Kprobe { function, offset } => {
                attacher.kprobe(prog, function, offset, Probe::Entry)
            }
            Hook::Kretprobe { function } => attacher.kprobe(prog, function, 0, Probe::Return),
            Hook::Ksyscall { name } => attacher.ksyscall(prog, name, Probe::Entry),
            Hook::Kretsyscall { name } => attacher.ksyscall(prog, name, Probe::Return),
            Hook::Tracepoint { category, name } => attacher.tracepoint(prog, category, name),
            Hook::RawTracepoint { name } => attacher.raw_tracepoint(prog, name),
            Hook::PerfEvent => attacher.sample(prog, &self.name),
            Hook::None | Hook::Unknown => return Ok(None),
            #[cfg(feature = "full")]
            _ => return self.attach_more(attacher, maps),
        };
        let _ = maps;
        link.map(Some)
    }
}

/// The kinds that only a full build attaches.
#[cfg(feature = "full")]
impl LoadedProgram<'_> {
    fn attach_more(
        &self,
        attacher: &Attacher<'_>,
        maps: &[LoadedMap],
    ) -> Result<Option<Link>, AttachError> {
        let (fd, name) = (self.fd.as_fd(), self.name.as_str());
        let prog = attacher.prog(name, fd);
        let link = match self.hook {
            Hook::Syscall => return Ok(None),
            Hook::Unreadable { why } => {
                let program = self.name.clone();
                return Err(HookError::BadPlace { program, why }.into());
            }
            Hook::KprobeMulti { pattern, when } => attacher.kprobe_multi(prog, pattern, when),
            Hook::Uprobe { place, when } => {
                let probe = match when {
                    When::Return => Probe::Return,
                    When::Entry | When::Session => Probe::Entry,
                };
                attacher.uprobe(prog, place, probe)
            }
            Hook::UprobeMulti { place, when } => attacher.uprobe_multi(prog, place, when),
            Hook::TpBtf { name } => attacher.tracing(self.traced(prog, name)),
            Hook::Tracing { function } | Hook::Freplace { function, .. } => {
                attacher.tracing(self.traced(prog, function))
            }
            Hook::Lsm { hook } => attacher.lsm(self.traced(prog, hook)),
            Hook::LsmCgroup { path, .. } => attacher.cgroup(self.of_cgroup(path)),
            Hook::Cgroup { path, attach_type } => attacher.cgroup(OfCgroup {
                attach_type,
                ..self.of_cgroup(path)
            }),
            Hook::Iter { target, map } => {
                let found = maps.iter().find(|m| m.name == map);
                if found.is_none() && !map.is_empty() {
                    return Err(HookError::NoSuchMap {
                        subject: ["iter ", target].concat(),
                        map: map.to_owned(),
                    }
                    .into());
                }
                attacher.iterator(IterProgram {
                    prog: fd,
                    name,
                    target,
                    map: found.map(|m| m.fd.as_fd()),
                })
            }
            Hook::Xdp { interface } => attacher.xdp(fd, name, interface),
            _ => {
                return Err(AttachError::NotYet {
                    program: self.name.clone(),
                    kind: self.kind.name,
                });
            }
        };
        link.map(Some)
    }

    fn traced<'p>(&self, prog: Prog<'p>, place: &'p str) -> Traced<'p> {
        Traced {
            prog: prog.fd,
            kind: self.kind.name,
            place,
            attach_type: self.kind.expected_attach_type.unwrap_or_default(),
            cookie: prog.cookie,
        }
    }

    fn of_cgroup<'p>(&'p self, folder: &'p str) -> OfCgroup<'p> {
        OfCgroup {
            prog: self.fd.as_fd(),
            name: &self.name,
            kind: self.kind.name,
            attach_type: self.kind.expected_attach_type.unwrap_or_default(),
            folder,
        }
    }

    /// Runs a syscall program once, and says what it returned. Its context is as large as one can be, and
    /// all zero.
    ///
    /// # Errors
    /// [`AttachError`]: the kernel does not run it, no permission.
    pub fn run(&self) -> Result<u32, AttachError> {
        let mut context = vec![0; LARGEST_CONTEXT];
        let ran = crate::sys::bpf_link::prog_run(self.fd.as_fd(), &mut context);
        ran.map_err(|errno| {
            let program = self.name.clone();
            HookError::Run { program, errno }.into()
        })
    }
}

/// Bytes of a syscall program's context at most (the kernel's `U16_MAX`).
#[cfg(feature = "full")]
const LARGEST_CONTEXT: usize = 65535;

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;
    use crate::object::ProgramKind;
    use crate::sys::Features;

    #[test]
    fn a_kind_that_can_not_be_attached_is_refused_by_name() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let (kind, place) = ("tcx/ingress", "");
        let program = LoadedProgram {
            name: "watch".into(),
            kind: ProgramKind {
                name: kind,
                ..ProgramKind::UNKNOWN
            },
            hook: Hook::Other { kind, place },
            fd: null.into(),
        };
        let features = Features::new();
        let error = program
            .attach(&Attacher::new(&features), &[])
            .err()
            .unwrap();
        let told = "program watch: attaching the kind tcx/ingress is not supported yet";
        assert_eq!(error.to_string(), told);
        assert!(error.is_missing());
    }
}
