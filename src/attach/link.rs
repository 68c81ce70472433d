//! What holds a program to its hook.

#[cfg(feature = "full")]
use super::cgroup::Attachment;
use super::tracefs_probe::TracefsProbe;
use crate::sys::perf;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// An attachment. Dropping it detaches the program and removes whatever was made for it.
#[must_use = "dropping a link detaches its program"]
pub struct Link {
    // Fields are dropped in this order: the link lets go of the event, the event of the probe.
    link: Option<OwnedFd>,
    event: Option<OwnedFd>,
    probe: Option<TracefsProbe>,
    #[cfg(feature = "full")]
    cgroup: Option<Attachment>,
    /// The parts of an attachment to many places.
    parts: Vec<Link>,
}

impl Link {
    /// A BPF link that stands for itself.
    pub(super) fn bare(link: OwnedFd) -> Self {
        Link {
            link: Some(link),
            event: None,
            probe: None,
            #[cfg(feature = "full")]
            cgroup: None,
            parts: Vec::new(),
        }
    }

    /// A cgroup that holds the program without a link.
    #[cfg(feature = "full")]
    pub(super) fn of_cgroup(attachment: Attachment) -> Self {
        Link {
            link: None,
            event: None,
            probe: None,
            cgroup: Some(attachment),
            parts: Vec::new(),
        }
    }

    /// A perf event that holds the program, with the BPF link between them where there is one.
    pub(super) fn of_event(link: Option<OwnedFd>, event: Event) -> Self {
        Link {
            link,
            event: Some(event.fd),
            probe: event.probe,
            #[cfg(feature = "full")]
            cgroup: None,
            parts: Vec::new(),
        }
    }

    /// Attachments that are let go together.
    pub(super) fn many(parts: Vec<Link>) -> Self {
        Link {
            link: None,
            event: None,
            probe: None,
            #[cfg(feature = "full")]
            cgroup: None,
            parts,
        }
    }

    /// Closes the event where a link holds it anyway: many attachments need many descriptors.
    pub(super) fn slim(mut self) -> Self {
        if self.link.is_some() {
            self.event = None;
        }
        self
    }

    /// The BPF link, where the attachment is one and nothing else: it can be pinned.
    pub fn bpf_link(&self) -> Option<BorrowedFd<'_>> {
        self.link
            .as_ref()
            .filter(|_| self.probe.is_none())
            .map(AsFd::as_fd)
    }

    /// The BPF links to pin, one for each place that it is attached to.
    ///
    /// # Errors
    /// Why there are none.
    pub fn bpf_links(&self) -> Result<Vec<BorrowedFd<'_>>, &'static str> {
        if !self.parts.is_empty() {
            let parts = self.parts.iter().map(Link::bpf_links);
            return Ok(parts.collect::<Result<Vec<_>, _>>()?.concat());
        }
        if self.probe.is_some() {
            return Err("its probe in tracefs goes with the process that made it");
        }
        #[cfg(feature = "full")]
        if self.cgroup.is_some() {
            return Err("this kernel has no links of cgroups, which those from 5.7 on have");
        }
        match self.bpf_link() {
            Some(link) => Ok(vec![link]),
            None => Err("this kernel has no links of perf events, which those from 5.15 on have"),
        }
    }

    /// Lets go of the attachment without detaching: for a link that was pinned.
    pub fn leave(mut self) {
        #[cfg(feature = "full")]
        std::mem::forget(self.cgroup.take());
        self.event = None;
        for part in std::mem::take(&mut self.parts) {
            part.leave();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(event) = &self.event {
            // Closing follows, which detaches even where this fails.
            let _ = perf::disable(event.as_fd());
        }
    }
}

/// An open perf event, and the probe that was made in tracefs for it, if any.
pub(super) struct Event {
    pub(super) fd: OwnedFd,
    pub(super) probe: Option<TracefsProbe>,
}
