//! One program on all kernel functions that a pattern matches: by one link where the kernel has such
//! (5.18; arm64: 6.14), else by one kprobe each.
//!
//! Functions are those that the function tracer lists. A kernel without it has only /proc/kallsyms to
//! ask, and not all that is listed there can be probed: those that can't are passed over.

use super::glob;
use super::kprobe::Failure;
use super::link::Link;
use super::{AttachError, Attacher, Probe, ProbeError, Prog};
use crate::object::When;
use crate::sys::abi::{BPF_TRACE_KPROBE_MULTI, BPF_TRACE_KPROBE_SESSION};
use crate::sys::{Feature, bpf_multi, file, kallsyms, rlimit};
use rustix::io::{self, Errno};
use std::ffi::CString;

/// Kprobes that are made one by one: each takes the kernel a while, and a descriptor.
pub(super) const ONE_BY_ONE: usize = 1000;
/// Descriptors that other things need.
const OTHER_FILES: u64 = 256;

const TRACEABLE: &str = "available_filter_functions";
const TRACEABLE_WITH_ADDRESSES: &str = "available_filter_functions_addrs";
const SYMBOLS: &str = "/proc/kallsyms";

/// Functions that a pattern matches.
struct Found {
    names: Vec<String>,
    /// The file that was searched.
    searched: String,
}

impl Attacher<'_> {
    /// Attaches a program to the entry of each kernel function that `pattern` matches, to its return, or
    /// to both.
    ///
    /// # Errors
    /// `AttachError`: none matches, too many for a kernel that takes them one by one, no sessions, no
    /// kprobes, no permission.
    pub fn kprobe_multi(
        &self,
        prog: Prog<'_>,
        pattern: &str,
        when: When,
    ) -> Result<Link, AttachError> {
        let (kind, probe) = match when {
            When::Entry => ("kprobe.multi ", Probe::Entry),
            When::Return => ("kretprobe.multi ", Probe::Return),
            When::Session => ("kprobe.session ", Probe::Entry),
        };
        let subject = [kind, pattern].concat();
        if when == When::Session {
            return self.kprobe_link(prog, pattern, BPF_TRACE_KPROBE_SESSION, probe, &subject);
        }
        match self.features.has(Feature::KprobeMulti) {
            true => self.kprobe_link(prog, pattern, BPF_TRACE_KPROBE_MULTI, probe, &subject),
            false => self.kprobe_each(prog, pattern, probe, &subject),
        }
    }

    fn kprobe_link(
        &self,
        prog: Prog<'_>,
        pattern: &str,
        attach_type: u32,
        probe: Probe,
        subject: &str,
    ) -> Result<Link, AttachError> {
        let refused = |errno| match errno {
            Errno::INVAL | Errno::OPNOTSUPP if attach_type == BPF_TRACE_KPROBE_SESSION => {
                let subject = subject.to_owned();
                ProbeError::NoSession { subject }.into()
            }
            _ => AttachError::refused(subject, errno),
        };
        if !glob::is_pattern(pattern) {
            let name = CString::new(pattern).map_err(|_| refused(Errno::INVAL))?;
            let (fd, cookie) = (prog.fd, prog.cookie);
            return bpf_multi::link_create_kprobe_named(fd, attach_type, probe, &name, cookie)
                .map(Link::bare)
                .map_err(|errno| match errno {
                    Errno::SRCH | Errno::NOENT => {
                        AttachError::of_kprobe(Failure::Errno(Errno::NOENT), subject, pattern)
                    }
                    errno => refused(errno),
                });
        }
        let (addresses, searched) = self.addresses(pattern).map_err(refused)?;
        if addresses.is_empty() {
            return Err(no_match(subject, searched));
        }
        let cookies = cookies(prog, addresses.len());
        let fd = prog.fd;
        bpf_multi::link_create_kprobe_multi(fd, attach_type, probe, &addresses, &cookies)
            .map(Link::bare)
            .map_err(refused)
    }

    fn kprobe_each(
        &self,
        prog: Prog<'_>,
        pattern: &str,
        probe: Probe,
        subject: &str,
    ) -> Result<Link, AttachError> {
        if !glob::is_pattern(pattern) {
            return self.kprobe(prog, pattern, 0, probe);
        }
        let found = self
            .names(pattern)
            .map_err(|errno| AttachError::refused(subject, errno))?;
        if found.names.is_empty() {
            return Err(no_match(subject, found.searched));
        }
        one_by_one(subject, found.names.len())?;
        let mut parts = Vec::with_capacity(found.names.len());
        let mut last = None;
        for name in &found.names {
            match self.kprobe(prog, name, 0, probe) {
                Ok(link) => parts.push(link.slim()),
                Err(
                    error @ (AttachError::NoFunction { .. }
                    | AttachError::NotProbeable { .. }
                    | AttachError::Ambiguous { .. }),
                ) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        match last {
            Some(error) if parts.is_empty() => return Err(error),
            Some(error) => {
                let (made, all) = (parts.len(), found.names.len());
                self.note(format!(
                    "{subject}: {made} of {all} functions; of the others: {error}"
                ));
            }
            None => {}
        }
        Ok(Link::many(parts))
    }

    /// The addresses of the functions that a pattern matches, and what was searched.
    fn addresses(&self, pattern: &str) -> io::Result<(Vec<u64>, String)> {
        let mut addresses = Vec::new();
        if let Some(tracefs) = self.tracefs() {
            let listed = tracefs.for_each_line(TRACEABLE_WITH_ADDRESSES, &mut |line| {
                let mut words = line.split(|b| *b == b' ');
                if let (Some(address), Some(name)) = (words.next(), words.next())
                    && is_wanted(pattern, name)
                {
                    addresses.extend(hex(address));
                }
                true
            });
            if listed.is_ok() {
                let searched = [tracefs.root(), "/", TRACEABLE_WITH_ADDRESSES].concat();
                return Ok((addresses, searched));
            }
        }
        let found = self.names(pattern)?;
        // A name is that of several functions at times, of which one may be traceable: the kernel would
        // refuse all for the sake of one that is not.
        let mut found_at: Vec<(usize, u64)> = Vec::with_capacity(found.names.len());
        for_each_function(&mut |name, address| {
            if let Ok(at) = found
                .names
                .binary_search_by(|known| known.as_str().cmp(name))
            {
                found_at.push((at, address));
            }
        })?;
        found_at.sort_unstable();
        let unique = found_at
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() == 1);
        addresses.extend(unique.flatten().map(|(_, address)| *address));
        Ok((addresses, found.searched))
    }

    /// The names of the functions that a pattern matches, sorted, each once.
    fn names(&self, pattern: &str) -> io::Result<Found> {
        let mut names: Vec<String> = Vec::new();
        let mut take = |name: &[u8]| {
            if is_wanted(pattern, name) {
                names.extend(core::str::from_utf8(name).map(Into::into));
            }
        };
        let listed = self.tracefs().and_then(|tracefs| {
            let listed = tracefs.for_each_line(TRACEABLE, &mut |line| {
                take(line.split(|b| *b == b' ').next().unwrap_or_default());
                true
            });
            listed.ok()?;
            Some([tracefs.root(), "/", TRACEABLE].concat())
        });
        let searched = match listed {
            Some(searched) => searched,
            None => {
                for_each_function(&mut |name, _| take(name.as_bytes()))?;
                SYMBOLS.to_owned()
            }
        };
        names.sort_unstable();
        names.dedup();
        Ok(Found { names, searched })
    }
}

/// As many cookies as there are places, or none.
pub(super) fn cookies(prog: Prog<'_>, places: usize) -> Vec<u64> {
    match prog.cookie {
        0 => Vec::new(),
        cookie => vec![cookie; places],
    }
}

pub(super) fn no_match(subject: &str, searched: String) -> AttachError {
    let subject = subject.to_owned();
    ProbeError::NoMatch { subject, searched }.into()
}

/// Makes room for as many probes as one by one can be, or refuses.
pub(super) fn one_by_one(subject: &str, places: usize) -> Result<(), AttachError> {
    let most = ONE_BY_ONE;
    if places > most {
        let subject = subject.to_owned();
        return Err(ProbeError::TooMany { subject, most }.into());
    }
    // Where the limit stays, the kernel will tell of it.
    let _ = rlimit::raise_files(places as u64 + OTHER_FILES);
    Ok(())
}

/// Whether a listed name is one to be probed. The tracer lists places of functions that are gone, too.
fn is_wanted(pattern: &str, name: &[u8]) -> bool {
    !name.starts_with(b"__ftrace_invalid_address__") && glob::matches(pattern.as_bytes(), name)
}

/// Hands each function of the running kernel and its modules to `each`, with its address, zero where this
/// user may not know it.
fn for_each_function(each: &mut dyn FnMut(&str, u64)) -> io::Result<()> {
    file::for_each_line(&file::open(SYMBOLS)?, &mut |line| {
        if let Some((address, b't' | b'T' | b'w' | b'W', name)) = kallsyms::parse(line) {
            each(name, address);
        }
        true
    })
}

fn hex(text: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(text).ok()?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_gone_match_no_pattern() {
        assert!(is_wanted("vfs_*", b"vfs_read"));
        assert!(!is_wanted("*", b"__ftrace_invalid_address___24"));
    }

    #[test]
    fn more_than_a_thousand_are_not_taken_one_by_one() {
        assert!(one_by_one("kprobe.multi *", ONE_BY_ONE).is_ok());
        let error = one_by_one("kprobe.multi *", ONE_BY_ONE + 1).unwrap_err();
        assert!(error.is_usage());
        assert!(error.to_string().contains("more than 1000"), "{error}");
    }

    #[test]
    fn addresses_are_hexadecimal_with_or_without_a_sign_of_it() {
        assert_eq!(hex(b"ffff800008014d30"), Some(0xffff_8000_0801_4d30));
        assert_eq!(hex(b"0x10"), Some(16));
        assert_eq!(hex(b"x"), None);
    }
}
