//! Where a session's output goes: to standard output, which is waited for.

use std::time::{Duration, Instant};

use btfly::sys::poll::{Poller, Ready};
use btfly::sys::signals::StopSignals;

use super::Failure;
use super::output::{self, Patience, Written};

/// Bytes of a long text that are written at once.
const LONG_PIECE: usize = 64 * 1024;

/// Standard output.
pub struct Sink;

impl Sink {
    pub fn write(&mut self, bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        output::write(bytes, patience)
    }

    pub fn header(&mut self, bytes: &[u8], patience: Patience<'_>) -> Result<Written, Failure> {
        output::write(bytes, patience)
    }

    /// Writes a text that may be long. Its reader has a `moment` for each piece.
    pub fn write_patiently(
        &mut self,
        text: &[u8],
        signals: &StopSignals,
        moment: Duration,
    ) -> Result<Written, Failure> {
        for piece in text.chunks(LONG_PIECE) {
            let patience = Patience {
                signals: Some(signals),
                end: Instant::now().checked_add(moment),
            };
            let written = output::write(piece, patience)?;
            if written != Written::All {
                return Ok(written);
            }
        }
        Ok(Written::All)
    }

    /// Whether the reader has not taken all that it was given: it is waited for.
    pub fn is_behind(&self) -> bool {
        false
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
