//! What the verifier says when it refuses a program.

use core::fmt;

use rustix::io::Errno;

use crate::sys::bpf::{self, Log, ProgLoad};

const FIRST_LOG: usize = 64 * 1024;
/// The largest log that every kernel takes: those before 5.2 refuse a byte more.
const LARGEST_LOG: usize = 16 * 1024 * 1024 - 1;

/// A refusal, read off the verifier's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The line that says why.
    pub reason: String,
    /// The instruction at which it stopped, counted from the start of the program.
    pub insn: Option<usize>,
    /// The function that the instruction is in.
    pub function: Option<String>,
    /// The source line, where the object has line records.
    pub source: Option<String>,
    /// The whole log.
    pub log: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if let Some(insn) = self.insn {
            write!(f, ", at instruction {insn}")?;
        }
        if let Some(function) = &self.function {
            write!(f, " in {function}")?;
        }
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// Loads the program once more, with a log that grows until all of it fits. `None`: it went well
/// this time, or there was no log.
pub(super) fn ask(load: &ProgLoad<'_>) -> Option<Refusal> {
    let mut size = FIRST_LOG;
    loop {
        let mut buffer = vec![0; size];
        let answer = bpf::prog_load(
            load,
            Some(Log {
                buffer: &mut buffer,
                level: 1,
            }),
        );
        match answer {
            Ok(_) => return None,
            Err(Errno::NOSPC) if size < LARGEST_LOG => size = (size * 4).min(LARGEST_LOG),
            Err(_) => {
                let end = buffer.iter().position(|&b| b == 0).unwrap_or(size);
                buffer.truncate(end);
                return Some(read(String::from_utf8_lossy(&buffer).into_owned()));
            }
        }
    }
}

/// Finds the reason in a log: the first line behind the last instruction, which is a line that
/// starts with a number and a colon; where there is no instruction, the last line that is not a
/// summary. The source is in the last line that starts with `;`.
fn read(log: String) -> Refusal {
    let mut refusal = Refusal::default();
    for line in log.lines() {
        let line = line.trim_ascii();
        let summary = ["processed ", "verification time", "stack depth"];
        let skipped = summary.iter().any(|s| line.starts_with(s)) || is_state(line);
        if line.is_empty() || skipped {
            continue;
        }
        if let Some(source) = line.strip_prefix("; ") {
            refusal.source = Some(source.trim_ascii().into());
        } else if let Some(insn) = line.split_once(':').and_then(|(n, _)| n.parse().ok()) {
            refusal.insn = Some(insn);
            refusal.reason.clear();
        } else if refusal.reason.is_empty() || refusal.insn.is_none() {
            refusal.reason = line.into();
        }
    }
    refusal.log = log;
    refusal
}

/// A line of registers, `R0_w=map_value(…) R10=fp0`, as kernels before 5.18 put behind instructions.
fn is_state(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    first.starts_with('R') && first.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line_before_the_summary() {
        let log = "func#0 @0\n0: R1=ctx() R10=fp0\n; int x = *p; @ a.bpf.c:12\n\
                   0: (61) r0 = *(u32 *)(r2 +0)\nR2 !read_ok\n\
                   processed 1 insns (limit 1000000) max_states_per_insn 0\n";
        let refusal = read(log.into());
        assert_eq!(refusal.reason, "R2 !read_ok");
        assert_eq!(refusal.insn, Some(0));
        assert_eq!(refusal.source.as_deref(), Some("int x = *p; @ a.bpf.c:12"));
    }

    #[test]
    fn registers_behind_the_instruction_are_not_the_reason() {
        let log = "8: (61) r1 = *(u32 *)(r0 +160)\n R0_w=map_value(id=0,off=0,ks=4,vs=32,imm=0) R10=fp0\n\
                   invalid access to map value, value_size=32 off=160 size=4\n\
                   R0 min value is outside of the allowed memory range\nprocessed 9 insns\n";
        let refusal = read(log.into());
        assert!(
            refusal.reason.starts_with("invalid access to map value"),
            "{refusal}"
        );
        assert_eq!(refusal.insn, Some(8));
    }

    #[test]
    fn advice_behind_the_reason_is_not_the_reason() {
        let log = "0: (85) call unknown#195896080\ninvalid func unknown#195896080\n\n\
                   Suggestion: check the helper\nprocessed 1 insns\n";
        assert_eq!(read(log.into()).reason, "invalid func unknown#195896080");
    }

    #[test]
    fn without_an_instruction_the_last_line_is_the_reason() {
        let refusal = read("func#0 @0\nunreachable insn 5\nprocessed 0 insns\n".into());
        assert_eq!(refusal.reason, "unreachable insn 5");
        assert_eq!(refusal.insn, None);
    }

    #[test]
    fn an_empty_log_gives_no_reason() {
        assert_eq!(read(String::new()), Refusal::default());
    }
}
