//! What an object names in the running kernel: the targets of its programs, and its externs. All of it is
//! looked for in one pass over the kernel's types, that of the relocations where these are of the same
//! kernel.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::externs::Externs;
use super::struct_ops::{AskedTables, Tables};
use super::targets::{Aims, Sent, Targets};
use super::{LoadError, Options};
use crate::btf::TypeId;
use crate::object::{Object, Program};
use crate::relocate::Found;
use crate::sys::{abi, bpf};
use crate::target::{Kernel, TypeSource, Wanted};

/// What is to be looked for.
pub(super) struct Asked<'a> {
    aims: Aims<'a>,
    tables: AskedTables<'a>,
    externs: Externs<'a>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Named {
    pub targets: Targets,
    pub tables: Tables,
    /// By extern, as [`Object::externs`].
    pub externs: Vec<Found>,
    /// The modules that externs are of, each with the number by which types tell it.
    holders: Vec<(u32, String)>,
    pub modules: Modules,
}

impl Named {
    /// What is sent with a program.
    ///
    /// # Errors
    /// What it is for is not there.
    pub fn of(&self, program: &Program<'_>) -> Result<Sent<'_>, Box<LoadError>> {
        match program.kind.prog_type == abi::BPF_PROG_TYPE_STRUCT_OPS {
            true => self.tables.of(program, &self.modules),
            false => self.targets.of(program, &self.modules),
        }
    }

    /// The BTF of the module that a type of an extern is of.
    pub fn holder(&self, id: TypeId) -> Option<BorrowedFd<'_>> {
        let (_, module) = self.holders.iter().find(|(of, _)| *of == id.holder())?;
        self.modules.get(module)
    }
}

impl<'a> Asked<'a> {
    pub fn of(object: &'a Object<'a>, options: &Options<'_>) -> Result<Asked<'a>, Box<LoadError>> {
        Ok(Asked {
            aims: Aims::of(object, options.choose)?,
            tables: AskedTables::of(object)?,
            externs: Externs::of(object, options),
        })
    }

    /// Whether nothing is looked for in the kernel's types.
    pub fn is_empty(&self) -> bool {
        self.aims.is_empty() && self.tables.is_empty() && self.externs.are_untyped()
    }

    /// Adds the names to look for.
    pub fn want<'w>(&'w self, wanted: &mut Wanted<'w>) {
        self.aims.want(wanted);
        self.tables.want(wanted);
        self.externs.want(wanted);
    }

    /// Looks for everything: in `source`, where these are the running kernel's own types and
    /// [`want`](Self::want) was asked before they were gathered, or by a pass of its own.
    pub fn find(
        &self,
        object: &Object<'_>,
        options: &Options<'_>,
        source: &TypeSource,
    ) -> Result<Named, Box<LoadError>> {
        let own;
        let types = match () {
            () if self.is_empty() => None,
            () if source.is_running() => Some(&*source.types),
            () => {
                let mut wanted = Wanted::default();
                self.want(&mut wanted);
                own = Kernel::own_types(&wanted)?;
                own.as_ref().map(|own| &*own.types)
            }
        };
        let mut targets = self.aims.find(types)?;
        targets.find_replaced(object, options.choose)?;
        let tables = self.tables.find(object, types)?;
        let externs = self.externs.find(types)?;
        let mut holders: Vec<(u32, String)> = Vec::new();
        for found in &externs {
            if let (Found::Type(id), Some(types)) = (found, types)
                && let Some(module) = types.module(*id)
                && holders.iter().all(|(of, _)| *of != id.holder())
            {
                holders.push((id.holder(), module.into()));
            }
        }
        let holding = holders.iter().map(|(_, module)| &**module);
        let modules = targets.modules().chain(tables.modules()).chain(holding);
        let modules = Modules::open(modules)?;
        Ok(Named {
            targets,
            tables,
            externs,
            holders,
            modules,
        })
    }
}

/// The BTF of some modules, as descriptors.
#[derive(Default)]
pub(super) struct Modules(Vec<(String, OwnedFd)>);

impl Modules {
    /// Opens the BTF of these modules: the kernel gives it by number alone, so all are gone through.
    fn open<'n>(names: impl Iterator<Item = &'n str>) -> Result<Modules, Box<LoadError>> {
        let mut wanted: Vec<&str> = names.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = Modules::default();
        let failed = |errno| match errno {
            Errno::PERM | Errno::ACCESS => LoadError::Permission {
                subject: "opening the BTF of a module".into(),
                errno,
            },
            errno => LoadError::ModuleBtf { errno },
        };
        let mut id = 0;
        while !wanted.is_empty() {
            let Some(next) = bpf::btf_get_next_id(id).map_err(failed)? else {
                break;
            };
            id = next;
            let btf = match bpf::btf_get_fd_by_id(id) {
                // It went away meanwhile.
                Err(Errno::NOENT) => continue,
                opened => opened.map_err(failed)?,
            };
            let name = bpf::btf_name(btf.as_fd()).map_err(failed)?;
            let at = name.and_then(|name| wanted.iter().position(|w| *w == name));
            if let Some(at) = at {
                let name = wanted.swap_remove(at);
                found.0.push((name.into(), btf));
            }
        }
        match wanted.is_empty() {
            true => Ok(found),
            false => Err(failed(Errno::NOENT).into()),
        }
    }

    /// The BTF of this module.
    pub fn get(&self, name: &str) -> Option<BorrowedFd<'_>> {
        let (_, btf) = self.0.iter().find(|(known, _)| known == name)?;
        Some(btf.as_fd())
    }
}
