//! What instructions of a program mean that modules have, or that the kernel does not have.

use rustix::fd::{AsRawFd, RawFd};

use super::LoadError;
use super::program::Loader;
use super::verifier::Refusal;
use crate::link::{Linked, POISON_KFUNC};
use crate::object::{Insn, Program, op};

impl Loader<'_, '_> {
    /// Writes whose types are meant where they are a module's: a call names a place in `table`, a load
    /// has the descriptor itself.
    pub(super) fn name_modules(&self, linked: &Linked, insns: &mut [Insn], table: &mut Vec<RawFd>) {
        for &(at, id) in &linked.of_modules {
            let holder = self.relocated.named.holder(id);
            let (Some(fd), Some(rest)) = (holder.map(|fd| fd.as_raw_fd()), insns.get_mut(at..))
            else {
                continue;
            };
            match rest {
                [call, ..] if call.code == op::CALL => {
                    if table.is_empty() {
                        // The first place stands for the kernel proper.
                        table.push(0);
                    }
                    let known = table.iter().skip(1).position(|known| *known == fd);
                    let place = known.map_or(table.len(), |known| known + 1);
                    if place == table.len() {
                        table.push(fd);
                    }
                    // Of modules fewer are held than the field has numbers for.
                    call.off = place as i16;
                }
                [_, second, ..] => second.imm = fd,
                _ => {}
            }
        }
    }

    /// The kernel function whose call the verifier came to and which is not there.
    pub(super) fn missing_function(
        &self,
        program: &Program<'_>,
        linked: &Linked,
        refusal: &Refusal,
    ) -> Option<LoadError> {
        let insn = refusal.insn?;
        let call = linked.insns.get(insn).filter(|i| i.code == op::CALL)?;
        let number = call.imm.checked_sub(POISON_KFUNC)?;
        let missing = self.object.externs.get(usize::try_from(number).ok()?)?;
        let origin = linked.origin(self.object, insn)?;
        Some(LoadError::MissingFunction {
            program: program.name.into(),
            place: self.place_of(origin.code, origin.slot),
            function: missing.name.into(),
        })
    }
}
