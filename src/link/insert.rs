//! Instructions put in between others: what leads over them, and what is said of them, moves along.

use super::flow::{JA32, function, jump};
use super::{LinkError, Linked};
use crate::object::{Insn, Object, Program};

/// Instructions to be put in front of a slot. What jumps to that slot still jumps to what stands in
/// it now; what calls it as a function comes to the new ones first.
pub(super) struct Insert {
    pub at: usize,
    pub insns: Vec<Insn>,
}

/// Where slots go.
struct Moved {
    /// Each slot in front of which something is put, and how much there is up to it.
    sums: Vec<(usize, usize)>,
}

impl Moved {
    fn new(inserts: &[Insert]) -> Moved {
        let mut sum = 0;
        let sums = inserts.iter().map(|insert| {
            sum += insert.insns.len();
            (insert.at, sum)
        });
        Moved {
            sums: sums.collect(),
        }
    }

    /// Where the instruction of a slot goes.
    fn insn(&self, at: usize) -> usize {
        at.saturating_add(self.before(at.saturating_add(1)))
    }

    /// Where a function goes that starts with a slot.
    fn start(&self, at: usize) -> usize {
        at.saturating_add(self.before(at))
    }

    /// How much is put in front of the slots below `at`.
    fn before(&self, at: usize) -> usize {
        let count = self.sums.partition_point(|(slot, _)| *slot < at);
        let last = count.checked_sub(1).and_then(|last| self.sums.get(last));
        last.map_or(0, |(_, sum)| *sum)
    }
}

impl Linked {
    /// Puts instructions in, given in the order of their slots.
    ///
    /// # Errors
    /// A jump that gets too far for its sixteen bits.
    pub(super) fn insert(
        &mut self,
        object: &Object<'_>,
        program: &Program<'_>,
        inserts: &[Insert],
    ) -> Result<(), LinkError> {
        if inserts.is_empty() {
            return Ok(());
        }
        let too_far = || LinkError::TooFar {
            program: program.name.into(),
        };
        let moved = Moved::new(inserts);
        let mut pending = inserts.iter().peekable();
        let mut out = Vec::with_capacity(self.insns.len() + moved.before(usize::MAX));
        let mut inserted: Vec<usize> = self.inserted.iter().map(|at| moved.insn(*at)).collect();
        for (at, &insn) in self.insns.iter().enumerate() {
            while let Some(insert) = pending.next_if(|insert| insert.at <= at) {
                inserted.extend(out.len()..out.len() + insert.insns.len());
                out.extend_from_slice(&insert.insns);
            }
            let mut insn = insn;
            let here = out.len() as i64 + 1;
            if let Some(distance) = jump(insn)
                && let Some(target) = (at as i64 + 1).checked_add(distance)
                && let Ok(target) = usize::try_from(target)
            {
                let distance = moved.insn(target) as i64 - here;
                if insn.code == JA32 {
                    insn.imm = distance as i32;
                } else {
                    insn.off = i16::try_from(distance).map_err(|_| too_far())?;
                }
            } else if let Some(target) = function(insn, at) {
                insn.imm = (moved.start(target) as i64 - here) as i32;
            }
            out.push(insn);
        }
        self.insns = out;
        inserted.sort_unstable();
        self.inserted = inserted;
        for fixup in &mut self.fixups {
            fixup.insn = moved.insn(fixup.insn);
        }
        for (at, _) in &mut self.of_modules {
            *at = moved.insn(*at);
        }
        let starts: Vec<usize> = self.functions.iter().map(|(_, start)| *start).collect();
        let record = |at: usize| match starts.binary_search(&at) {
            Ok(_) => moved.start(at),
            Err(_) => moved.insn(at),
        };
        let ext = &object.ext;
        move_records(&mut self.func_info, ext.func_info.record_len, &record);
        move_records(&mut self.line_info, ext.line_info.record_len, &record);
        for (_, start) in &mut self.functions {
            *start = moved.start(*start);
        }
        Ok(())
    }
}

/// The first word of each record is the slot that it is about.
fn move_records(records: &mut [u8], len: usize, moved: &dyn Fn(usize) -> usize) {
    for record in records.chunks_exact_mut(len.max(4)) {
        if let Some(slot) = record.first_chunk_mut::<4>() {
            *slot = (moved(u32::from_le_bytes(*slot) as usize) as u32).to_le_bytes();
        }
    }
}
