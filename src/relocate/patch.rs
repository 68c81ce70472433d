//! Writing an answer into an instruction.

use core::fmt;

use super::resolve::Resolution;
use super::{Answer, RelocateError};
use crate::object::{Insn, op};

/// The helper number of a poisoned call, which no kernel has. Loaders use the same one, so that
/// people find it.
pub const POISON: i32 = 195_896_080;

const MODE_MASK: u8 = 0xe0;

/// What was done to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// The immediate of an arithmetic instruction.
    Immediate {
        /// Before.
        old: u64,
        /// After.
        new: u64,
    },
    /// The offset of a load or store.
    Offset {
        /// Before.
        old: u64,
        /// After.
        new: u64,
        /// Width in bytes before and after, where it changed.
        width: Option<(u32, u32)>,
    },
    /// The constant of a sixteen-byte load.
    Constant {
        /// Before.
        old: u64,
        /// After.
        new: u64,
    },
    /// The instruction became a call that the verifier refuses.
    Poisoned,
}

impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Patch::Immediate { old, new } => write!(f, "(ALU/ALU64) imm {old} -> {new}"),
            Patch::Offset { old, new, width } => {
                write!(f, "(LDX/ST/STX) off {old} -> {new}")?;
                match width {
                    Some((old, new)) => write!(f, ", {old} -> {new} bytes"),
                    None => Ok(()),
                }
            }
            Patch::Constant { old, new } => write!(f, "(LDIMM64) imm64 {old} -> {new}"),
            Patch::Poisoned => write!(f, "poisoned: invalid if it is reached"),
        }
    }
}

/// Writes the answer of `resolution` into instruction `at` of `insns`.
///
/// # Errors
/// An instruction that can't hold an answer, or does not hold what was compiled in.
pub fn patch(
    insns: &mut [Insn],
    at: usize,
    resolution: &Resolution,
) -> Result<Patch, RelocateError> {
    let rest = insns.get_mut(at..).unwrap_or_default();
    let Some((insn, after)) = rest.split_first_mut() else {
        return Err(RelocateError::Instruction(0));
    };
    let Answer::Value(value) = resolution.answer else {
        return poison(insn, after);
    };
    let (old, new) = (resolution.compiled.number, value.number);
    let expect = |found: u64| match !resolution.compiled.checked || found == old {
        true => Ok(()),
        false => Err(RelocateError::Unexpected {
            found,
            expected: old,
        }),
    };
    match insn.class() {
        op::ALU | op::ALU64 if insn.code & op::SRC_X == 0 => {
            // A 32-bit immediate stands for a number that was extended by its sign or by zeros.
            let signed = i64::from(insn.imm) as u64;
            let old = if signed == old {
                old
            } else {
                u64::from(insn.imm as u32)
            };
            expect(old)?;
            insn.imm = new as u32 as i32;
            Ok(Patch::Immediate { old, new })
        }
        op::LDX | op::ST | op::STX => {
            let old = insn.off as u64;
            expect(old)?;
            let off = i16::try_from(new).map_err(|_| RelocateError::Range(new))?;
            if !resolution.resizable {
                return poison(insn, after);
            }
            let width = match (resolution.compiled.field, value.field) {
                (Some((old, _)), Some((new, _))) if old != new => Some((old, new)),
                _ => None,
            };
            if let Some((old, new)) = width {
                resize(insn, old, new)?;
            }
            insn.off = off;
            Ok(Patch::Offset { old, new, width })
        }
        op::LD if insn.is_ld_imm64() && insn.src() == 0 && insn.off == 0 => {
            let high = after.first_mut();
            let high = high.filter(|i| (i.code, i.regs, i.off) == (0, 0, 0));
            let high = high.ok_or(RelocateError::Instruction(insn.code))?;
            let found = u64::from(high.imm as u32) << 32 | u64::from(insn.imm as u32);
            // Of an unsigned enumerator past 2^31, compilers load the four bytes without a sign.
            let unsigned = |n: u64| {
                if n >> 31 == 0x1_ffff_ffff {
                    n & 0xffff_ffff
                } else {
                    n
                }
            };
            let (old, new) = match found != old && found == unsigned(old) {
                true => (found, unsigned(new)),
                false => (old, new),
            };
            if old != found {
                expect(found)?;
            }
            insn.imm = new as u32 as i32;
            high.imm = (new >> 32) as u32 as i32;
            Ok(Patch::Constant { old: found, new })
        }
        _ => Err(RelocateError::Instruction(insn.code)),
    }
}

fn resize(insn: &mut Insn, old: u32, new: u32) -> Result<(), RelocateError> {
    let width = match insn.code & op::SIZE_MASK {
        op::SIZE_W => 4,
        op::SIZE_H => 2,
        op::SIZE_B => 1,
        _ => 8,
    };
    if width != old {
        return Err(RelocateError::Unexpected {
            found: u64::from(width),
            expected: u64::from(old),
        });
    }
    let size = match new {
        1 => op::SIZE_B,
        2 => op::SIZE_H,
        4 => op::SIZE_W,
        8 => op::SIZE_DW,
        other => return Err(RelocateError::Range(u64::from(other))),
    };
    insn.code = insn.code & MODE_MASK | size | insn.class();
    Ok(())
}

/// Both halves of a sixteen-byte load are poisoned, or the verifier would complain of the second.
fn poison(insn: &mut Insn, after: &mut [Insn]) -> Result<Patch, RelocateError> {
    const CALL: Insn = Insn {
        code: op::CALL,
        regs: 0,
        off: 0,
        imm: POISON,
    };
    if insn.is_ld_imm64()
        && let Some(second) = after.first_mut()
    {
        *second = CALL;
    }
    *insn = CALL;
    Ok(Patch::Poisoned)
}
