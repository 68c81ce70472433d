//! One program on all functions of a program or library that a pattern matches: by one link where the
//! kernel has such (6.6), else by one uprobe each.

use super::binary::{Binary, path_of};
use super::kprobe_multi::{cookies, no_match, one_by_one};
use super::link::Link;
use super::uprobe::{bad_place, split};
use super::{AttachError, Attacher, Probe, ProbeError, Prog, glob};
use crate::object::When;
use crate::sys::abi::{BPF_TRACE_UPROBE_MULTI, BPF_TRACE_UPROBE_SESSION};
use crate::sys::{Feature, bpf_multi};
use rustix::io::Errno;
use std::ffi::CString;
use std::num::NonZeroU32;

impl Attacher<'_> {
    /// Attaches a program to the entry of each function that matches, to its return, or to both. The
    /// place is `PATH:PATTERN`.
    ///
    /// # Errors
    /// `AttachError`: no such file, no ELF file, none matches, too many for a kernel that takes them one
    /// by one, no sessions, no uprobes, no permission.
    pub fn uprobe_multi(
        &self,
        prog: Prog<'_>,
        place: &str,
        when: When,
    ) -> Result<Link, AttachError> {
        let (kind, probe) = match when {
            When::Entry => ("uprobe.multi ", Probe::Entry),
            When::Return => ("uretprobe.multi ", Probe::Return),
            When::Session => ("uprobe.session ", Probe::Entry),
        };
        let subject = [kind, place].concat();
        let (name, pattern) = split(place).map_err(|why| bad_place(&subject, why))?;
        let of_binary = |error| ProbeError::Binary {
            subject: subject.clone(),
            error,
        };
        let path = path_of(name).map_err(of_binary)?;
        let binary = Binary::open(&path).map_err(of_binary)?;
        let offsets = match glob::is_pattern(pattern) {
            true => binary.matching(pattern).map_err(of_binary)?,
            false => vec![binary.function(pattern).map_err(of_binary)?],
        };
        if offsets.is_empty() {
            return Err(no_match(
                &subject,
                ["the functions of ", binary.path()].concat(),
            ));
        }
        let attach_type = match when {
            When::Session => BPF_TRACE_UPROBE_SESSION,
            _ if self.features.has(Feature::UprobeMulti) => BPF_TRACE_UPROBE_MULTI,
            _ => return self.uprobe_each(prog, &path, &offsets, probe, &subject),
        };
        let file = CString::new(path).map_err(|_| AttachError::refused(&subject, Errno::INVAL))?;
        let cookies = cookies(prog, offsets.len());
        let process = self.wishes.process.map_or(0, NonZeroU32::get);
        match bpf_multi::link_create_uprobe_multi(
            prog.fd,
            attach_type,
            probe,
            &file,
            &offsets,
            &cookies,
            process,
        ) {
            Ok(link) => Ok(Link::bare(link)),
            Err(Errno::INVAL | Errno::OPNOTSUPP) if when == When::Session => {
                Err(ProbeError::NoSession { subject }.into())
            }
            Err(errno) => Err(self.uprobe_refused(&subject, errno)),
        }
    }

    fn uprobe_each(
        &self,
        prog: Prog<'_>,
        path: &str,
        offsets: &[u64],
        probe: Probe,
        subject: &str,
    ) -> Result<Link, AttachError> {
        one_by_one(subject, offsets.len())?;
        let mut parts = Vec::with_capacity(offsets.len());
        for offset in offsets {
            let link = self.uprobe_at(prog, path, *offset, probe, subject)?;
            parts.push(link.slim());
        }
        Ok(Link::many(parts))
    }
}
