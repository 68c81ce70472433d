//! From a hook to whoever attaches it.

use rustix::fd::AsFd;

use super::{Loaded, LoadedProgram};
use crate::attach::{AttachError, Attacher, Link, Probe};
use crate::object::Hook;
use crate::target::Kernel;

impl Loaded<'_> {
    /// Attaches every program where its section says. Dropping the links detaches them.
    ///
    /// # Errors
    /// The first program that can't be attached; the others are detached again.
    pub fn attach(&self, kernel: &Kernel) -> Result<Vec<Link>, AttachError> {
        let attacher = Attacher::new(&kernel.features);
        let mut links = Vec::new();
        for program in &self.programs {
            if let Some(link) = program.attach(&attacher)? {
                links.push(link);
            }
        }
        Ok(links)
    }
}

impl LoadedProgram<'_> {
    /// Attaches this program where its section says; `None` if it names no place.
    ///
    /// # Errors
    /// [`AttachError`], which names the place.
    pub fn attach(&self, attacher: &Attacher<'_>) -> Result<Option<Link>, AttachError> {
        let fd = self.fd.as_fd();
        let link = match self.hook {
            Hook::Kprobe { function, offset } => {
                attacher.kprobe(fd, function, offset, Probe::Entry)
            }
            Hook::Kretprobe { function } => attacher.kprobe(fd, function, 0, Probe::Return),
            Hook::Ksyscall { name } => attacher.ksyscall(fd, name, Probe::Entry),
            Hook::Kretsyscall { name } => attacher.ksyscall(fd, name, Probe::Return),
            Hook::Tracepoint { category, name } => attacher.tracepoint(fd, category, name),
            Hook::RawTracepoint { name } => attacher.raw_tracepoint(fd, name),
            Hook::None | Hook::Unknown => return Ok(None),
            #[cfg(feature = "full")]
            _ => {
                return Err(AttachError::NotYet {
                    program: self.name.clone(),
                    kind: self.kind.name,
                });
            }
        };
        link.map(Some)
    }
}

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
        let error = program.attach(&Attacher::new(&features)).err().unwrap();
        let told = "program watch: attaching the kind tcx/ingress is not supported yet";
        assert_eq!(error.to_string(), told);
        assert!(error.is_missing());
    }
}
