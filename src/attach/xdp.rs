//! XDP: by a link to the interface, in the driver where that can, else in the kernel before anything
//! else sees the packet.

use super::link::Link;
use super::{AttachError, Attacher, HookError};
use crate::near::Near;
use crate::sys::abi::XDP_FLAGS_SKB_MODE;
use crate::sys::{bpf_link, net};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

impl Attacher<'_> {
    /// Attaches the XDP program `name` to a network interface, by its name.
    ///
    /// # Errors
    /// `AttachError`, which names the interface: none given, not there, taken, no links of such programs
    /// in this kernel (5.9), no permission.
    pub fn xdp(
        &self,
        prog: BorrowedFd<'_>,
        name: &str,
        interface: &str,
    ) -> Result<Link, AttachError> {
        if interface.is_empty() {
            let program = name.to_owned();
            return Err(HookError::NoInterface { program }.into());
        }
        let subject = ["xdp ", interface].concat();
        let index = match net::interface_index(interface) {
            Ok(index) => index,
            Err(Errno::NODEV) => {
                let known = known(interface);
                return Err(HookError::NoSuchInterface { subject, known }.into());
            }
            Err(errno) => return Err(AttachError::refused(&subject, errno)),
        };
        let link = self.xdp_link(prog, &subject, index)?;
        if net::is_up(interface) == Some(false) {
            self.note(format!(
                "{subject}: the interface is down, and receives nothing"
            ));
        }
        Ok(link)
    }

    fn xdp_link(
        &self,
        prog: BorrowedFd<'_>,
        subject: &str,
        index: u32,
    ) -> Result<Link, AttachError> {
        let driver = match bpf_link::link_create_xdp(prog, index, 0) {
            Ok(link) => return Ok(Link::bare(link)),
            Err(errno @ (Errno::BUSY | Errno::EXIST)) => {
                let subject = subject.to_owned();
                return Err(HookError::Taken { subject, errno }.into());
            }
            Err(errno @ (Errno::PERM | Errno::ACCESS | Errno::NOMEM | Errno::NODEV)) => {
                return Err(AttachError::refused(subject, errno));
            }
            Err(errno) => errno,
        };
        // A driver refuses for reasons of its own: large frames, no free queues, checksums in hardware.
        match bpf_link::link_create_xdp(prog, index, XDP_FLAGS_SKB_MODE) {
            Ok(link) => {
                self.note(format!(
                    "{subject}: the driver does not take it ({driver}): it runs in the kernel, \
                     more slowly"
                ));
                Ok(Link::bare(link))
            }
            Err(generic) => Err(HookError::Xdp {
                subject: subject.to_owned(),
                driver,
                generic,
            }
            .into()),
        }
    }
}

/// The interfaces whose names come near, or all of them.
fn known(wanted: &str) -> String {
    let names = net::interfaces().unwrap_or_default();
    let mut near = Near::new(wanted);
    for name in &names {
        near.consider(name);
    }
    match near.join() {
        near if near.is_empty() => names.join(", "),
        near => near,
    }
}
