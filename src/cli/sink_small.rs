//! Where a session's output goes: to standard output, which is waited for.

use std::time::Duration;

use btfly::sys::poll::{Poller, Ready};

use super::Failure;
use super::output::{self, Patience, Written};

/// Standard output.
pub struct Sink;

impl Sink {
    pub fn write(&mut self, bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        output::write(bytes, patience)
    }

    pub fn header(&mut self, bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        output::write(bytes, patience)
    }

    /// Whether nobody sees on standard output that everything is attached.
    pub fn is_elsewhere(&self) -> bool {
        false
    }

    pub fn finish(&mut self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }

    pub fn wait(&self, poller: &Poller, left: Option<Duration>) -> Result<Ready, Failure> {
        poller
            .wait(left)
            .map_err(|e| Failure::other(format!("epoll: {e}")))
    }
}
