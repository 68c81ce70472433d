//! What is run once, when everything else is attached: iterators, whose text goes to standard output as
//! it is, and syscall programs, whose return values are printed.

use btfly::attach::Reading;
use btfly::load::{Attached, Loaded};
use btfly::object::Hook;

use super::Failure;
use super::output::{self, Patience, Written};
use super::sink::Sink;

/// Bytes of an iterator's text that are held at once.
const PIECE: usize = 16 * 1024;

/// Whether there is any such program.
pub fn has_runs(loaded: &Loaded<'_>) -> bool {
    loaded.programs.iter().any(|p| p.hook == Hook::Syscall)
}

/// Runs each, in the object's order.
pub fn run(
    loaded: &Loaded<'_>,
    attached: &Attached,
    sink: &mut Sink,
    patience: Patience<'_>,
) -> Result<Written, Failure> {
    for (at, program) in loaded.programs.iter().enumerate() {
        let written = match program.hook {
            Hook::Iter { target, .. } => {
                let link = attached.links.iter().find(|(of, _)| *of == at);
                match link {
                    Some((_, link)) => copy(Reading::of(link, target)?, sink, patience)?,
                    None => Written::All,
                }
            }
            Hook::Syscall => {
                let returned = program.run()?.cast_signed();
                let text = format!("{} returned {returned}\n", output::plain(&program.name));
                sink.write_all(text.as_bytes(), patience)?
            }
            _ => Written::All,
        };
        if written != Written::All {
            return Ok(written);
        }
    }
    Ok(Written::All)
}

fn copy(mut reading: Reading, sink: &mut Sink, patience: Patience<'_>) -> Result<Written, Failure> {
    let mut buffer = vec![0; PIECE];
    loop {
        let len = reading.next(&mut buffer)?;
        let text = buffer.get(..len).unwrap_or_default();
        if text.is_empty() {
            return Ok(Written::All);
        }
        let written = sink.write_all(text, patience)?;
        if written != Written::All {
            return Ok(written);
        }
    }
}
