//! One program into the kernel.

use crate::text::contains;
use std::ffi::CString;

use rustix::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use rustix::io::Errno;

#[cfg(feature = "full")]
use super::contexts::context;
use super::old::Old;
use super::old_helpers::read_by_first_helpers;
use super::relocations::Relocated;
use super::verifier::{self, Answer, KeepLog, Refusal};
use super::{LoadError, LoadedMap, Memlock, map::kernel_name};
use crate::btf::{Btf, CoreRelo};
#[cfg(feature = "full")]
use crate::btf::{Retyped, rename};
use crate::link::{self, FUNC_RECORD, LINE_RECORD, Linked};
use crate::object::{Hook, Insn, Object, Program, ProgramKind};
use crate::relocate::{POISON, describe, root_name};
#[cfg(feature = "full")]
use crate::sys::abi;
use crate::sys::bpf::{self, Records};
use crate::sys::{Feature, kernel as sys_kernel};

/// A program in the kernel. Dropping it lets it go, once nothing is attached to it.
#[derive(Debug)]
pub struct LoadedProgram<'a> {
    /// Its function's name.
    pub name: String,
    /// Its kind.
    pub kind: ProgramKind,
    /// Where its section says to attach it.
    pub hook: Hook<'a>,
    /// Its descriptor.
    pub fd: OwnedFd,
}

/// When the verifier is asked for its log, which costs a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Where a program was refused.
    WhereRefused,
    /// Never: what is refused is tried again in another way.
    Never,
    /// At once of this function, which is known to be refused; of others where they are.
    Of(usize),
}

/// What every kernel takes of anybody (`BPF_MAXINSNS`).
#[cfg(feature = "full")]
const FEW: usize = 4096;

/// The kernel's answer, without a word from the verifier.
#[cfg_attr(not(feature = "full"), expect(unused_variables))]
fn silent(program: &Program<'_>, linked: &Linked, errno: Errno) -> LoadError {
    match errno {
        #[cfg(feature = "full")]
        Errno::TOOBIG if linked.insns.len() > FEW => LoadError::TooManyInsns {
            program: program.name.into(),
            insns: linked.insns.len(),
        },
        Errno::PERM | Errno::ACCESS => LoadError::Permission {
            subject: format!("loading program {}", program.name),
            errno,
        },
        _ => LoadError::Program {
            program: program.name.into(),
            errno,
        },
    }
}

pub(super) struct Loader<'l, 'a> {
    pub(super) object: &'l Object<'a>,
    pub(super) relocated: &'l Relocated,
    old: &'l Old,
    btf: Option<&'l OwnedFd>,
    maps: &'l [LoadedMap],
    memlock: &'l Memlock<'l>,
    license: CString,
    version: u32,
    asking: Asking,
    keep: KeepLog,
    #[cfg(feature = "full")]
    retyped: &'l [Retyped],
    #[cfg(feature = "full")]
    counters: Option<&'l super::failures::Counters>,
}

impl<'l, 'a> Loader<'l, 'a> {
    pub fn new(
        object: &'l Object<'a>,
        relocated: &'l Relocated,
        old: &'l Old,
        btf: Option<&'l OwnedFd>,
        maps: &'l [LoadedMap],
        memlock: &'l Memlock<'l>,
    ) -> Result<Loader<'l, 'a>, Box<LoadError>> {
        Ok(Loader {
            object,
            relocated,
            old,
            btf,
            maps,
            memlock,
            license: CString::new(object.license).map_err(|_| LoadError::License)?,
            version: sys_kernel::version_code(),
            asking: Asking::WhereRefused,
            keep: KeepLog::End,
            #[cfg(feature = "full")]
            retyped: &[],
            #[cfg(feature = "full")]
            counters: None,
        })
    }

    /// The same, with functions that are other records of the BTF for some kinds of programs.
    #[cfg(feature = "full")]
    pub fn retyping(self, retyped: &'l [Retyped]) -> Self {
        Loader { retyped, ..self }
    }

    /// The same, with counters of what BPF rings have no room for.
    #[cfg(feature = "full")]
    pub fn counting(self, counters: Option<&'l super::failures::Counters>) -> Self {
        if let Some(counters) = counters {
            counters.again();
        }
        Loader { counters, ..self }
    }

    /// The same, with when the verifier is asked for its log, and how much of it is kept.
    pub fn asking(self, asking: Asking, keep: KeepLog) -> Self {
        Loader {
            asking,
            keep,
            ..self
        }
    }

    pub fn load(&self, program: &Program<'a>) -> Result<LoadedProgram<'a>, Box<LoadError>> {
        let loaded = self.load_whole(program);
        #[cfg(feature = "full")]
        if loaded.is_err() && program.exception_callback.is_some() {
            // Kernels before 6.7 take no function that nothing calls; where programs can throw, they
            // insist on the callback.
            let without = Program {
                exception_callback: None,
                ..program.clone()
            };
            return self.load_whole(&without).or(loaded);
        }
        loaded
    }

    fn load_whole(&self, program: &Program<'a>) -> Result<LoadedProgram<'a>, Box<LoadError>> {
        let mut linked = link::link(self.object, &self.relocated.fitted, program)?;
        #[cfg(feature = "full")]
        rename(
            &mut linked.func_info,
            self.retyped,
            context(program.kind.prog_type),
        );
        if !self.relocated.by_kernel {
            self.old.adapt(self.object, program, &mut linked)?;
        }
        if self.lacks(Feature::ProbeReadKernel) {
            read_by_first_helpers(&mut linked);
        }
        #[cfg(feature = "full")]
        if let Some(counters) = self.counters
            && self.asking != Asking::Of(program.function)
            && let Some(counting) = counters.added(self.object, program, &linked)
        {
            // What the verifier says is to be about the program's own instructions.
            let loaded = self.load_linked(program, counting, Asking::Never);
            if loaded.is_ok() {
                return loaded;
            }
            let loaded = self.load_linked(program, linked, self.asking)?;
            counters.give_up(program);
            return Ok(loaded);
        }
        self.load_linked(program, linked, self.asking)
    }

    /// Whether the kernel is known not to have a feature. Nothing is probed.
    fn lacks(&self, feature: Feature) -> bool {
        self.memlock.features.known(feature) == Some(false)
    }

    /// Whether the kernel turns out not to have a feature of which nothing was known.
    fn turns_out_to_lack(&self, feature: Feature) -> bool {
        let features = self.memlock.features;
        features.known(feature).is_none() && !features.has(feature)
    }

    fn load_linked(
        &self,
        program: &Program<'a>,
        mut linked: Linked,
        asking: Asking,
    ) -> Result<LoadedProgram<'a>, Box<LoadError>> {
        let (bytes, descriptors) = self.finish(&linked);
        let name = kernel_name(program.name);
        let core_relos = match self.relocated.by_kernel {
            true => linked.core_relos(self.object),
            false => Vec::new(),
        };
        #[cfg(feature = "full")]
        let target = self.relocated.named.of(program)?;
        #[cfg(feature = "full")]
        let member = target.member;
        #[cfg(not(feature = "full"))]
        let member = None;
        let load = bpf::ProgLoad {
            #[cfg(feature = "full")]
            attach_btf_id: target.id,
            #[cfg(feature = "full")]
            attach_to: target.of,
            prog_type: program.kind.prog_type,
            expected_attach_type: member.or_else(|| self.attach_type(program)),
            prog_flags: program.kind.prog_flags,
            insns: &bytes,
            fd_array: &descriptors,
            license: &self.license,
            kern_version: self.version,
            name: match self.lacks(Feature::ObjectNames) {
                true => "",
                false => &name,
            },
            btf: self
                .btf
                .map(AsFd::as_fd)
                .filter(|_| !linked.func_info.is_empty() && !self.lacks(Feature::BtfFunc)),
            func_info: Records {
                bytes: &linked.func_info,
                record_size: FUNC_RECORD as u32,
            },
            line_info: Records {
                bytes: &linked.line_info,
                record_size: LINE_RECORD as u32,
            },
            core_relos: Records {
                bytes: &core_relos,
                record_size: 16,
            },
            ..bpf::ProgLoad::default()
        };
        let loaded = |fd| LoadedProgram {
            name: program.name.into(),
            kind: program.kind,
            hook: program.hook,
            fd,
        };
        let known_to_fail = asking == Asking::Of(program.function);
        let errno = match known_to_fail {
            false => match self.memlock.retry(|| bpf::prog_load(&load, None)) {
                Ok(fd) => return Ok(loaded(fd)),
                Err(errno) => errno,
            },
            true => Errno::INVAL,
        };
        if errno == Errno::TOOBIG && self.turns_out_to_lack(Feature::ObjectNames) {
            return self.load_linked(program, linked, asking);
        }
        if asking == Asking::Never {
            return Err(silent(program, &linked, errno).into());
        }
        // Why: asked again, this time with a log.
        let error = match verifier::ask(&load, self.memlock.features, self.keep) {
            Answer::Loaded(fd) => return Ok(loaded(fd)),
            #[cfg(feature = "full")]
            Answer::Silent(errno) => super::since::is_unknown(program, &load, errno)
                .unwrap_or_else(|| silent(program, &linked, errno)),
            #[cfg(not(feature = "full"))]
            Answer::Silent(errno) => silent(program, &linked, errno),
            Answer::Refused(refusal) => self.refused(program, &linked, refusal),
        };
        // Rather than ask every kernel, which most would say yes to.
        if self.turns_out_to_lack(Feature::ProbeReadKernel) && read_by_first_helpers(&mut linked) {
            return self.load_linked(program, linked, asking);
        }
        Err(error.into())
    }

    /// The attach type to send, if any.
    fn attach_type(&self, program: &Program<'_>) -> Option<u32> {
        // The kinds of a slim build have none.
        if cfg!(not(feature = "full")) {
            return None;
        }
        let features = self.memlock.features;
        let known = || features.has(Feature::ExpectedAttachType);
        let kind = &program.kind;
        kind.expected_attach_type
            .filter(|_| !kind.attach_type_optional || known())
            .filter(|attach_type| one_by_one(*attach_type).is_none_or(|link| features.has(link)))
    }

    /// The instructions with the descriptors of maps and of modules' BTF in them, and those
    /// descriptors that they name by a place in a table.
    fn finish(&self, linked: &Linked) -> (Vec<u8>, Vec<RawFd>) {
        let mut insns = linked.insns.clone();
        for fixup in &linked.fixups {
            #[cfg(feature = "full")]
            let counters = self.counters.map(super::failures::Counters::fd);
            #[cfg(not(feature = "full"))]
            let counters = None;
            let map = self.maps.get(fixup.map).map(|map| map.fd.as_raw_fd());
            if let (Some(first), Some(fd)) = (insns.get_mut(fixup.insn), map.or(counters)) {
                first.imm = fd;
            }
        }
        #[cfg_attr(not(feature = "full"), expect(unused_mut))]
        let mut table = Vec::new();
        #[cfg(feature = "full")]
        self.name_modules(linked, &mut insns, &mut table);
        let bytes = insns.iter().flat_map(|insn| Insn::bytes(*insn)).collect();
        (bytes, table)
    }

    /// What the verifier's refusal means.
    fn refused(&self, program: &Program<'_>, linked: &Linked, refusal: Refusal) -> LoadError {
        #[cfg(feature = "full")]
        if let Some(error) = super::since::is_too_new(program, &refusal)
            .or_else(|| self.missing_function(program, linked, &refusal))
        {
            return error;
        }
        match refusal
            .insn
            .filter(|insn| self.is_poison(linked, *insn, &refusal))
            .and_then(|insn| self.poisoned(program, linked, insn))
        {
            Some(error) => error,
            None => LoadError::Verifier {
                program: program.name.into(),
                refusal: Box::new(self.place(linked, refusal)),
            },
        }
    }

    /// Says in which function and source line the verifier stopped.
    fn place(&self, linked: &Linked, mut refusal: Refusal) -> Refusal {
        let Some(at) = refusal.insn.and_then(|i| linked.origin(self.object, i)) else {
            return refusal;
        };
        refusal.place = Some(self.place_of(at.code, at.slot));
        #[cfg(feature = "full")]
        if let Some(text) = self.object.source_text(at.code, at.slot) {
            refusal.source = Some(text.into());
        }
        refusal
    }

    /// Whether the verifier stopped at an instruction that a relocation poisoned: here, or in the
    /// kernel, which uses the same number.
    fn is_poison(&self, linked: &Linked, insn: usize, refusal: &Refusal) -> bool {
        match self.relocated.by_kernel {
            true => contains(&refusal.reason, &POISON.to_string()),
            false => linked.insns.get(insn).is_some_and(|i| i.imm == POISON),
        }
    }

    /// What a poisoned instruction needed.
    fn poisoned(&self, program: &Program<'_>, linked: &Linked, insn: usize) -> Option<LoadError> {
        let origin = linked.origin(self.object, insn)?;
        let code = self.object.code.get(origin.code)?;
        let here = |r: &&CoreRelo| r.insn_offset as usize / 8 == origin.slot;
        let relo = code.relocations.iter().find(here)?;
        let btf = self.object.btf.as_ref()?;
        let known = !self.is_unknown(btf, relo);
        Some(match &self.relocated.from {
            Some(from) if known => LoadError::Missing {
                program: program.name.into(),
                place: self.place_of(origin.code, origin.slot),
                what: describe(btf, relo),
                from: from.clone(),
            },
            _ => LoadError::NoKernelBtf {
                program: program.name.into(),
                types: self.types_needed(linked),
            },
        })
    }

    /// A slot of a section in words.
    pub(super) fn place_of(&self, code: usize, slot: usize) -> String {
        let (function, insn) = self.object.place(code, slot);
        match self.object.source_line(code, slot) {
            Some(line) => format!("{function}, instruction {insn} ({line})"),
            None => format!("{function}, instruction {insn}"),
        }
    }

    /// Whether the type that a relocation starts from is not known here.
    fn is_unknown(&self, btf: &Btf<'_>, relo: &CoreRelo) -> bool {
        // A build that knows no types but those of a BTF knows all or none.
        if cfg!(not(feature = "full")) {
            return self.relocated.from.is_none();
        }
        let name = root_name(btf, relo);
        self.relocated.unknown.iter().any(|unknown| unknown == name)
    }

    /// The unknown types whose fields the program was compiled to read, each once.
    fn types_needed(&self, linked: &Linked) -> String {
        let mut names: Vec<String> = Vec::new();
        for &(function, _) in &linked.functions {
            let Some(function) = self.object.functions.get(function) else {
                continue;
            };
            let slots = function.start..function.start + function.len;
            let relos = self.object.code.get(function.code).map(|c| &c.relocations);
            for relo in relos.into_iter().flatten() {
                if !slots.contains(&(relo.insn_offset as usize / 8)) {
                    continue;
                }
                let Some(btf) = self
                    .object
                    .btf
                    .as_ref()
                    .filter(|btf| self.is_unknown(btf, relo))
                else {
                    continue;
                };
                let name = crate::relocate::type_name(btf, relo.type_id);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.join(", ")
    }
}

/// The feature without which a program of this attach type is attached to its places one by one, and must
/// not be loaded for all at once.
#[cfg(feature = "full")]
fn one_by_one(attach_type: u32) -> Option<Feature> {
    match attach_type {
        abi::BPF_TRACE_KPROBE_MULTI => Some(Feature::KprobeMulti),
        abi::BPF_TRACE_UPROBE_MULTI => Some(Feature::UprobeMulti),
        _ => None,
    }
}

#[cfg(not(feature = "full"))]
fn one_by_one(_: u32) -> Option<Feature> {
    None
}
