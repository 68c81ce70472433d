//! Loads a program once more, with a log that grows until all of it fits.

use rustix::io::Errno;

use super::{Answer, KeepLog, VerifierLog};
use crate::sys::Features;
use crate::sys::bpf::{self, Log, ProgLoad};

const FIRST_LOG: usize = 64 * 1024;
/// The largest log that every kernel takes: those before 5.2 refuse a byte more.
const LARGEST_LOG: usize = 16 * 1024 * 1024 - 1;

pub(in crate::load) fn ask(load: &ProgLoad<'_>, _: &Features, _: KeepLog) -> Answer {
    let mut size = FIRST_LOG;
    loop {
        let mut buffer = vec![0; size];
        let log = Log {
            buffer: &mut buffer,
            level: 1,
        };
        let answer = bpf::prog_load(load, Some(log));
        if matches!(answer, Err(Errno::NOSPC)) && size < LARGEST_LOG {
            size = (size * 4).min(LARGEST_LOG);
            continue;
        }
        let end = buffer.iter().position(|&b| b == 0).unwrap_or(size);
        buffer.truncate(end);
        let text = String::from_utf8_lossy(&buffer).into_owned();
        return Answer::of(answer, VerifierLog { text, cut: false });
    }
}
