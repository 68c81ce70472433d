//! One program out of many functions: subprograms appended, calls aimed, references noted.
//!
//! The entry function comes first. Every function that it calls, or whose address it takes, is
//! appended once, in the order in which the calls are met, depth first. Function and line records
//! follow their instructions. What only a running kernel can give (the descriptor of a map) is
//! noted as a [`Fixup`].

mod error;
#[cfg_attr(not(feature = "full"), path = "no_externs.rs")]
mod externs;
#[cfg(feature = "full")]
mod failures;
#[cfg(feature = "full")]
mod flow;
#[cfg(feature = "full")]
mod fold;
#[cfg(feature = "full")]
mod insert;
#[cfg(feature = "full")]
mod lookup;
mod records;
#[cfg(all(test, feature = "full"))]
mod tests;

pub use error::LinkError;
#[cfg(feature = "full")]
pub use externs::{POISON_KFUNC, POISON_MAP};
#[cfg(feature = "full")]
pub use failures::count_failures;
#[cfg(feature = "full")]
pub use fold::fold;
#[cfg(feature = "full")]
pub use lookup::look_up;

pub use records::{FUNC_RECORD, LINE_RECORD};

#[cfg(feature = "full")]
use crate::btf::TypeId;
use crate::object::{Code, Function, Insn, Object, Program, Referent, op};
use crate::relocate::{Fitted, POISON};

/// The most instructions in one program that the kernel's verifier takes (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_INSNS: usize = 1_000_000;

/// A program as the kernel wants it, but for descriptors.
#[derive(Debug, Default)]
#[cfg_attr(feature = "full", derive(Clone))]
pub struct Linked {
    /// Its instructions.
    pub insns: Vec<Insn>,
    /// Where the descriptors of maps belong.
    pub fixups: Vec<Fixup>,
    /// Where what a module has is meant, which only a descriptor tells: the instruction, and the type.
    #[cfg(feature = "full")]
    pub of_modules: Vec<(usize, TypeId)>,
    /// Its functions in order: index in [`Object::functions`], first instruction.
    pub functions: Vec<(usize, usize)>,
    /// `bpf_func_info` records of [`FUNC_RECORD`] bytes.
    pub func_info: Vec<u8>,
    /// `bpf_line_info` records of [`LINE_RECORD`] bytes.
    pub line_info: Vec<u8>,
    /// Slots that the object does not have, in order: what old kernels need, and what counts.
    pub inserted: Vec<usize>,
}

/// A sixteen-byte load that wants a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixup {
    /// Its first slot.
    pub insn: usize,
    /// Index in [`Object::maps`]; the one behind the last stands for counters.
    pub map: usize,
    /// For the address of a byte in the map's value, which one; `None` for the map itself.
    pub offset: Option<u32>,
}

/// A place in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Index in [`Object::functions`].
    pub function: usize,
    /// Index in [`Object::code`].
    pub code: usize,
    /// Slot in that section.
    pub slot: usize,
}

impl Linked {
    /// Where instruction `insn` was compiled.
    pub fn origin(&self, object: &Object<'_>, insn: usize) -> Option<Origin> {
        let after = self.functions.partition_point(|(_, start)| *start <= insn);
        let (function, start) = *self.functions.get(after.checked_sub(1)?)?;
        let of = object.functions.get(function)?;
        let inserted = |at: usize| self.inserted.partition_point(|inserted| *inserted < at);
        let added = inserted(insn) - inserted(start);
        Some(Origin {
            function,
            code: of.code,
            slot: of.start + (insn - start - added),
        })
    }
}

/// Puts `program` together from the fitted instructions of `object`.
///
/// # Errors
/// Calls to what is not in the object, or a program larger than any kernel takes.
pub fn link(
    object: &Object<'_>,
    fitted: &Fitted,
    program: &Program<'_>,
) -> Result<Linked, LinkError> {
    let mut linker = Linker {
        object,
        fitted,
        program,
        out: Linked::default(),
    };
    linker.append(program.function)?;
    linker.follow(0)?;
    #[cfg(feature = "full")]
    if let Some(callback) = program.exception_callback
        && linker.out.functions.iter().all(|(f, _)| *f != callback)
    {
        // Nothing calls it: the kernel finds it by the program's tag.
        linker.append(callback)?;
        linker.follow(linker.out.functions.len() - 1)?;
    }
    records::attach(object, &mut linker.out);
    Ok(linker.out)
}

struct Linker<'l> {
    object: &'l Object<'l>,
    fitted: &'l Fitted,
    program: &'l Program<'l>,
    out: Linked,
}

impl Linker<'_> {
    fn function(&self, index: usize) -> Result<(&Function<'_>, &Code<'_>), LinkError> {
        let function = self.object.functions.get(index);
        let code = function.and_then(|f| self.object.code.get(f.code));
        function.zip(code).ok_or(LinkError::Lost)
    }

    fn append(&mut self, index: usize) -> Result<(), LinkError> {
        let (function, _) = self.function(index)?;
        let insns = self.fitted.code.get(function.code);
        let range = function.start..function.start + function.len;
        let insns = insns.and_then(|i| i.get(range)).ok_or(LinkError::Lost)?;
        let start = self.out.insns.len();
        if start + insns.len() > MAX_INSNS {
            return Err(LinkError::TooLarge {
                program: self.program.name.into(),
            });
        }
        self.out.insns.extend_from_slice(insns);
        self.out.functions.push((index, start));
        Ok(())
    }

    /// Appends what the function at position `first` calls, and what that calls.
    fn follow(&mut self, first: usize) -> Result<(), LinkError> {
        // Functions that are being gone through: which, and how far.
        let mut stack = vec![(first, 0usize)];
        while let Some((position, offset)) = stack.pop() {
            if let Some((at, called)) = self.next_call(position, offset)? {
                stack.push((position, at + 1));
                let known = self.out.functions.iter().position(|(f, _)| *f == called);
                let target = match known {
                    Some(known) => known,
                    None => {
                        self.append(called)?;
                        stack.push((self.out.functions.len() - 1, 0));
                        self.out.functions.len() - 1
                    }
                };
                self.aim(position, at, target);
            }
        }
        Ok(())
    }

    /// The next instruction of the function at `position`, from `offset` on, that refers to
    /// another function; references to maps are noted on the way.
    fn next_call(
        &mut self,
        position: usize,
        offset: usize,
    ) -> Result<Option<(usize, usize)>, LinkError> {
        let Some(&(index, start)) = self.out.functions.get(position) else {
            return Ok(None);
        };
        let object = self.object;
        let function = object.functions.get(index).ok_or(LinkError::Lost)?;
        let code = object.code.get(function.code).ok_or(LinkError::Lost)?;
        for at in offset..function.len {
            let slot = function.start + at;
            let Some(insn) = self.out.insns.get_mut(start + at) else {
                break;
            };
            match code.reference(slot) {
                // A relocation may have poisoned what referred to something.
                Some(_) if !insn.is_ld_imm64() && insn.imm == POISON => {}
                Some(Referent::Map(map)) => {
                    *insn = insn.with_src(op::PSEUDO_MAP_FD);
                    self.out.fixups.push(Fixup {
                        insn: start + at,
                        map,
                        offset: None,
                    });
                }
                Some(Referent::Data { map, offset }) => {
                    *insn = insn.with_src(op::PSEUDO_MAP_VALUE);
                    self.out.fixups.push(Fixup {
                        insn: start + at,
                        map,
                        offset: Some(offset),
                    });
                    if let Some(second) = self.out.insns.get_mut(start + at + 1) {
                        second.imm = offset as i32;
                    }
                }
                Some(Referent::Call(called) | Referent::Address(called)) => {
                    return Ok(Some((at, called)));
                }
                Some(Referent::Extern { name }) => {
                    #[cfg(feature = "full")]
                    if let Some(id) = externs::of_module(object, self.fitted, name) {
                        self.out.of_modules.push((start + at, id));
                    }
                    let rest = self.out.insns.get_mut(start + at..).unwrap_or_default();
                    if !externs::write(object, self.fitted, name, rest) {
                        return Err(LinkError::Extern {
                            program: self.program.name.into(),
                            function: function.name.into(),
                            insn: at,
                            name: name.into(),
                        });
                    }
                }
                None if insn.is_local_call() => {
                    let target = slot as i64 + 1 + i64::from(insn.imm);
                    let called = object
                        .functions
                        .iter()
                        .position(|f| f.code == function.code && f.start as i64 == target);
                    let called = called.ok_or_else(|| LinkError::NoFunction {
                        program: self.program.name.into(),
                        function: function.name.into(),
                        insn: at,
                    })?;
                    return Ok(Some((at, called)));
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// Points instruction `at` of the function at `position` to the start of the function at
    /// `target`: the distance from the next instruction, in slots.
    fn aim(&mut self, position: usize, at: usize, target: usize) {
        let start = |p: usize| self.out.functions.get(p).map_or(0, |(_, start)| *start);
        let from = start(position) + at;
        let distance = start(target) as i64 - from as i64 - 1;
        if let Some(insn) = self.out.insns.get_mut(from) {
            // Fits: a program has at most a million instructions.
            insn.imm = distance as i32;
            if insn.is_ld_imm64() {
                *insn = insn.with_src(op::PSEUDO_FUNC);
            }
        }
    }
}
