//! What tracing programs are loaded for: a function or type in the BTF of the kernel, of a module, or
//! of another program, which is sent by its number.
//!
//! Source: the kernel's `bpf_check_attach_target()` and `check_attach_btf_id()`.

use std::collections::BTreeMap;
use std::ffi::CString;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::{LoadError, named::Modules};
use crate::btf::{Btf, Kind, TypeId, Types, essential_name};
use crate::object::{Hook, Object, Program, ProgramRef};
use crate::relocate::{Choose, Target};
use crate::sys::{abi, bpf, bpf_pin};
use crate::target::Wanted;

/// The largest BTF of a program that is read: it is held in memory.
const LARGEST_BTF: usize = 16 << 20;

/// What the kernel must have for a program.
struct Aim<'a> {
    kind: Kind,
    module: Option<&'a str>,
    /// What its record is called.
    name: String,
}

/// What the kernel must have for the chosen programs, each by the number of its function.
pub(super) struct Aims<'a>(Vec<(usize, Aim<'a>)>);

/// What was found for a program.
enum Found {
    /// This number, in the BTF of a module where one is named.
    Kernel(TypeId, Option<String>),
    /// This number, in the BTF of another program.
    Program(TypeId, OwnedFd),
    /// Why not.
    Not(Absence),
}

/// What is not there.
#[derive(Clone, Copy)]
enum Absence {
    /// The kernel's BTF.
    Btf,
    /// The name in it.
    Name,
}

/// What the chosen programs are loaded for.
#[derive(Default)]
pub(super) struct Targets(BTreeMap<usize, Found>);

/// What goes along with a program.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent<'t> {
    /// The number; 0 for none.
    pub id: u32,
    /// Whose number it is, where that is not the kernel proper.
    pub of: Option<BorrowedFd<'t>>,
    /// Which member of that struct, for a program of a table of functions.
    pub member: Option<u32>,
}

/// The place that a program's section names, or a user in its stead.
fn place<'p>(program: &'p Program<'_>) -> Option<&'p str> {
    match &program.hook {
        Hook::TpBtf { name } => Some(name),
        Hook::Tracing { function } | Hook::Freplace { function, .. } => Some(function),
        Hook::Lsm { hook } | Hook::LsmCgroup { hook, .. } => Some(hook),
        Hook::Iter { target, .. } => Some(target),
        _ => None,
    }
}

/// What to call a place of such a program, what stands before its name in the kernel's BTF, and of
/// which kind it is there.
fn form(program: &Program<'_>) -> (&'static str, &'static str, Kind) {
    let kind = &program.kind;
    match (kind.prog_type, kind.expected_attach_type) {
        (abi::BPF_PROG_TYPE_LSM, _) => ("LSM hook", "bpf_lsm_", Kind::Func),
        (abi::BPF_PROG_TYPE_TRACING, Some(abi::BPF_TRACE_RAW_TP)) => {
            ("tracepoint", "btf_trace_", Kind::Typedef)
        }
        (abi::BPF_PROG_TYPE_TRACING, Some(abi::BPF_TRACE_ITER)) => {
            ("iterator", "bpf_iter_", Kind::Func)
        }
        _ => ("function", "", Kind::Func),
    }
}

impl<'a> Aims<'a> {
    /// What the chosen programs of `object` are for.
    ///
    /// # Errors
    /// A program that names no place.
    pub fn of(object: &'a Object<'_>, choose: Choose<'_>) -> Result<Aims<'a>, Box<LoadError>> {
        let mut aims = Vec::new();
        let chosen = object.programs.iter().filter(|p| choose(p));
        // What an operation of the kernel is for is said by its map.
        let chosen = chosen.filter(|p| p.kind.prog_type != abi::BPF_PROG_TYPE_STRUCT_OPS);
        for program in chosen.filter(|p| p.kind.attach_btf) {
            let (mut noun, prefix, kind) = form(program);
            let place = match &program.hook {
                Hook::Freplace { of, .. } if *of != ProgramRef::Unknown => continue,
                _ if program.kind.prog_type == abi::BPF_PROG_TYPE_EXT => {
                    noun = "program";
                    None
                }
                _ => place(program),
            };
            let Some(place) = place else {
                return Err(LoadError::NoPlace {
                    program: program.name.into(),
                    kind: program.kind.name,
                    noun,
                }
                .into());
            };
            let (module, place) = match place.split_once(':') {
                // Of a module's own hooks and iterators there are none.
                Some((module, place)) if noun != "LSM hook" && noun != "iterator" => {
                    (Some(module).filter(|module| *module != "vmlinux"), place)
                }
                _ => (None, place),
            };
            let aim = Aim {
                kind,
                module,
                name: [prefix, place].concat(),
            };
            aims.push((program.function, aim));
        }
        Ok(Aims(aims))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the names to look for.
    pub fn want<'w>(&'w self, wanted: &mut Wanted<'w>) {
        for (_, aim) in &self.0 {
            let essential = essential_name(&aim.name);
            match aim.module {
                Some(module) => wanted.of_module(module, essential, aim.kind),
                None => wanted.root(essential, aim.kind),
            }
            wanted.name(&aim.name);
        }
    }

    /// Looks for each in the kernel's own types; `None`: it has none.
    pub fn find(&self, types: Option<&dyn Target>) -> Result<Targets, Box<LoadError>> {
        let mut targets = Targets::default();
        for (function, aim) in &self.0 {
            let found = match types {
                None => Found::Not(Absence::Btf),
                Some(types) => match aim.find(types) {
                    Some(id) => Found::Kernel(id, types.module(id).map(Into::into)),
                    None => Found::Not(Absence::Name),
                },
            };
            targets.0.insert(*function, found);
        }
        Ok(targets)
    }
}

impl Aim<'_> {
    /// The first that is called so: the kernel proper comes before its modules.
    fn find(&self, types: &dyn Target) -> Option<TypeId> {
        let candidates = types.candidates(essential_name(&self.name)).iter();
        let mut right = candidates.copied().filter(|&id| {
            let is_it = types.header(id).is_ok_and(|header| {
                header.kind == self.kind && types.name(header.name) == Some(&self.name)
            });
            is_it && (self.module.is_none() || types.module(id) == self.module)
        });
        right.next()
    }
}

impl Targets {
    /// Looks for the functions of loaded programs that are to be replaced.
    pub fn find_replaced(
        &mut self,
        object: &Object<'_>,
        choose: Choose<'_>,
    ) -> Result<(), Box<LoadError>> {
        for program in object.programs.iter().filter(|p| choose(p)) {
            if let Hook::Freplace { function, of } = &program.hook
                && *of != ProgramRef::Unknown
            {
                let found = of_program(program.name, function, *of)?;
                self.0.insert(program.function, found);
            }
        }
        Ok(())
    }

    /// The modules whose BTF must be named by descriptors.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|found| match found {
            Found::Kernel(_, module) => module.as_deref(),
            _ => None,
        })
    }

    /// What is sent with a program.
    ///
    /// # Errors
    /// What it is for is not there.
    pub fn of<'t>(
        &'t self,
        program: &Program<'_>,
        modules: &'t Modules,
    ) -> Result<Sent<'t>, Box<LoadError>> {
        Ok(match self.0.get(&program.function) {
            None => Sent::default(),
            Some(Found::Kernel(id, module)) => Sent {
                id: id.number(),
                of: module.as_deref().and_then(|module| modules.get(module)),
                member: None,
            },
            Some(Found::Program(id, fd)) => Sent {
                id: id.number(),
                of: Some(fd.as_fd()),
                member: None,
            },
            Some(Found::Not(absence)) => return Err(absence.error(program).into()),
        })
    }
}

/// A function of the loaded program `of`, by that program's own BTF.
fn of_program(program: &str, function: &str, of: ProgramRef<'_>) -> Result<Found, Box<LoadError>> {
    let failed = |errno| LoadError::TargetProgram {
        program: program.into(),
        errno,
    };
    let none = || LoadError::NoSuchFunction {
        program: program.into(),
        function: function.into(),
    };
    let target = match of {
        ProgramRef::Id(id) => bpf::prog_get_fd_by_id(id),
        ProgramRef::Pinned(path) => CString::new(path)
            .map_err(|_| Errno::INVAL)
            .and_then(|path| bpf_pin::obj_get(&path)),
        ProgramRef::Unknown => Err(Errno::NOENT),
    };
    let target = target.map_err(failed)?;
    let info = bpf::prog_info(target.as_fd()).map_err(failed)?;
    if info.btf_id == 0 {
        return Err(none().into());
    }
    let btf = bpf::btf_get_fd_by_id(info.btf_id).map_err(failed)?;
    let bytes = bpf::btf_bytes(btf.as_fd(), LARGEST_BTF).map_err(failed)?;
    let btf = Btf::parse(&bytes).map_err(|_| none())?;
    let id = match function {
        "" => entry(&btf, &info.name),
        function => btf.find(Kind::Func, function),
    };
    let id = id.ok_or_else(none)?;
    Ok(Found::Program(id, target))
}

/// The function that a program starts with: the program is called so, as far as its name goes.
fn entry(btf: &Btf<'_>, name: &[u8]) -> Option<TypeId> {
    let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let name = name.get(..end).filter(|name| !name.is_empty())?;
    let cut = end + 1 >= abi::BPF_OBJ_NAME_LEN;
    btf.ids().find(|&id| {
        let header = btf.header(id).ok().filter(|h| h.kind == Kind::Func);
        let func = header.and_then(|header| btf.str_at(header.name));
        func.is_some_and(|func| match cut {
            true => func.as_bytes().starts_with(name),
            false => func.as_bytes() == name,
        })
    })
}

impl Absence {
    fn error(self, program: &Program<'_>) -> LoadError {
        let name = program.name.into();
        match self {
            Absence::Btf => LoadError::NeedsOwnBtf {
                program: name,
                kind: program.kind.name,
            },
            Absence::Name => LoadError::NoTarget {
                program: name,
                noun: form(program).0,
                place: place(program).unwrap_or_default().into(),
            },
        }
    }
}
