//! Types of kernel modules: split BTF, whose numbers and names go on where vmlinux's end.
//!
//! A module is asked only for what vmlinux does not have, and forgotten where it has none of that.
//! The numbers of two modules overlap: here each type and name of a module carries the module's
//! place in the upper eight bits, which no number of the kernel's own uses (`BTF_MAX_TYPE`,
//! `BTF_MAX_NAME_OFFSET`), and the references inside records are translated as they are read.

use rustix::fd::OwnedFd;

use crate::btf::{BtfError, Header, StrOffset, TypeId, Types, Word, word};
use crate::relocate::Target;
use crate::sys::file;
use crate::target::names::kind_bit;
use crate::target::source::{Source, Strings};
use crate::target::{Wanted, WindowedBtf};

/// Where the kernel shows its modules' BTF, each under the module's name, and its own.
const FOLDER: &str = "/sys/kernel/btf";

/// Modules that are kept: each costs some 20 KiB.
const MAX_MODULES: usize = 8;

const TAG: u32 = 24;
const NUMBER: u32 = (1 << TAG) - 1;

/// The kernel's types with those of some modules.
pub(super) struct WithModules<'s> {
    vmlinux: WindowedBtf<'s>,
    modules: Vec<(Box<str>, WindowedBtf<'s>)>,
    /// Numbers from here on are a module's.
    types: u32,
    /// Name offsets from here on are a module's.
    strings: u32,
    candidates: Vec<(Box<str>, Vec<TypeId>)>,
}

/// The names that `vmlinux` has no type for, with a bit for each kind that is missing.
fn missing<'a>(vmlinux: &WindowedBtf<'_>, wanted: &Wanted<'a>) -> Vec<(&'a str, u32)> {
    let lacks = |(name, kinds): (&'a str, u32)| {
        let there = vmlinux
            .candidates(name)
            .iter()
            .filter_map(|&id| vmlinux.header(id).ok());
        let lacking = there.fold(kinds, |kinds, header| kinds & !kind_bit(header.kind));
        (lacking != 0).then_some((name, lacking))
    };
    wanted.roots().filter_map(lacks).collect()
}

/// Adds the types of the running kernel's modules to `vmlinux`, where it lacks some that are wanted.
pub(in crate::target) fn add(
    vmlinux: WindowedBtf<'static>,
    wanted: &Wanted<'_>,
) -> Box<dyn Target> {
    let missing = missing(&vmlinux, wanted);
    let asked = !missing.is_empty() || wanted.names_modules();
    let Some(folder) = file::open(FOLDER).ok().filter(|_| asked) else {
        return Box::new(vmlinux);
    };
    // A module that goes away meanwhile has no types to give.
    let names = names(&folder);
    let sources = names.iter().filter_map(|name| {
        let file = file::open([FOLDER, "/", name].concat()).ok()?;
        let len = file::size(&file).ok()?;
        Some((&**name, Source::File { file, at: 0 }, len))
    });
    let types = WithModules::new(vmlinux, wanted, &missing, sources);
    Box::new(types)
}

/// The modules with BTF that are loaded, sorted. A folder that can't be read has none.
fn names(folder: &OwnedFd) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let _ = file::for_each_entry(folder, &mut |name| {
        if name != "vmlinux" {
            names.push(name.into());
        }
    });
    names.sort();
    names
}

/// How many modules have BTF; `None`: the kernel shows none at all.
pub(super) fn count() -> Option<usize> {
    let folder = file::open(FOLDER).ok()?;
    Some(names(&folder).len())
}

impl<'s> WithModules<'s> {
    fn new<'n>(
        mut vmlinux: WindowedBtf<'s>,
        wanted: &Wanted<'_>,
        missing: &[(&str, u32)],
        sources: impl Iterator<Item = (&'n str, Source<'s>, u64)>,
    ) -> WithModules<'s> {
        let mut all = WithModules {
            types: vmlinux.len().saturating_add(1),
            strings: vmlinux.names_for_split().1,
            candidates: vmlinux.take_candidates(),
            vmlinux,
            modules: Vec::new(),
        };
        // Nothing of the kernel's own has numbers so large; a stranger's BTF may.
        if all.types > NUMBER || all.strings > NUMBER {
            return all;
        }
        for (name, source, len) in sources {
            if all.modules.len() == MAX_MODULES {
                break;
            }
            let names = all.vmlinux.names_for_split();
            let module = WindowedBtf::gather_behind(source, len, wanted, Strings::Apart, names);
            if let Ok(module) = module {
                all.consider(name, module, wanted, missing);
            }
        }
        all
    }

    /// Keeps a module that has some of what is missing, or of what is wanted of it alone.
    fn consider(
        &mut self,
        of: &str,
        mut module: WindowedBtf<'s>,
        wanted: &Wanted<'_>,
        missing: &[(&str, u32)],
    ) {
        let tag = (self.modules.len() as u32 + 1) << TAG;
        let mut kept = false;
        for (name, ids) in module.take_candidates() {
            let lacking = missing.iter().find(|(missing, _)| **missing == *name);
            let kinds = lacking.map_or(0, |(_, kinds)| *kinds) | wanted.kinds_of_module(of, &name);
            let Some((_, known)) = self.candidates.iter_mut().find(|(n, _)| *n == name) else {
                continue;
            };
            for id in ids {
                let kind = module.header(id).map_or(0, |header| kind_bit(header.kind));
                if kind & kinds != 0 {
                    known.push(TypeId((id.0 + self.types - 1) | tag));
                    kept = true;
                }
            }
        }
        if kept {
            module.shrink();
            self.modules.push((of.into(), module));
        }
    }

    fn of(&self, number: u32) -> Option<(&str, &WindowedBtf<'s>)> {
        let place = (number >> TAG).checked_sub(1)? as usize;
        self.modules
            .get(place)
            .map(|(name, module)| (&**name, module))
    }

    /// Words of a module's record, from word `first` on, as they are known here.
    fn translate(&self, id: TypeId, header: &Header, first: usize, out: &mut [u8]) {
        for (index, bytes) in (first..).zip(out.chunks_exact_mut(4)) {
            let end = match word(header.kind, index) {
                Word::Plain => continue,
                Word::Name => self.strings,
                Word::Type => self.types,
            };
            let mut number = [0; 4];
            number.copy_from_slice(bytes);
            let number = u32::from_le_bytes(number);
            if number >= end {
                let number = (number & NUMBER) | (id.0 & !NUMBER);
                bytes.copy_from_slice(&number.to_le_bytes());
            }
        }
    }
}

impl Types for WithModules<'_> {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let Some((_, module)) = self.of(id.0) else {
            return self.vmlinux.read(id, at, out);
        };
        let own = id.number().checked_sub(self.types - 1).map(TypeId);
        let own = own.ok_or(BtfError::NoSuchType(id))?;
        module.read(own, at, out)?;
        self.translate(id, &module.header(own)?, at / 4, out);
        Ok(())
    }

    fn name(&self, offset: StrOffset) -> Option<&str> {
        match self.of(offset.0) {
            Some((_, module)) => module.name(StrOffset(offset.0 & NUMBER)),
            None => self.vmlinux.name(offset),
        }
    }
}

impl Target for WithModules<'_> {
    fn candidates(&self, essential: &str) -> &[TypeId] {
        let found = self
            .candidates
            .iter()
            .find(|(name, _)| **name == *essential);
        found.map_or(&[], |(_, ids)| ids)
    }

    fn module(&self, id: TypeId) -> Option<&str> {
        self.of(id.0).map(|(name, _)| name)
    }

    fn text(&self, offset: StrOffset) -> Option<String> {
        match self.of(offset.0) {
            Some((_, module)) => {
                let own = (offset.0 & NUMBER).checked_sub(self.strings)?;
                module.text(StrOffset(own))
            }
            None => self.vmlinux.text(offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Kind;
    use crate::btf::testing::Builder;

    fn wanted() -> Wanted<'static> {
        let mut wanted = Wanted::default();
        wanted.root("nf_conn", Kind::Struct);
        wanted.root("task_struct", Kind::Struct);
        wanted.root("gone", Kind::Struct);
        for name in ["mark", "pid", "zone"] {
            wanted.name(name);
        }
        wanted
    }

    #[test]
    fn a_module_gives_what_vmlinux_lacks_and_its_references_lead_where_they_should() {
        let mut base = Builder::new();
        let int = base.int("int", 4, true);
        base.fwd_struct("nf_conn");
        base.structure("task_struct", 8, &[("pid", int, 4)]);
        let mut modules = Vec::new();
        for offset in [0, 8] {
            let mut module = Builder::split(&base);
            let mark = module.typedef("mark_t", int);
            module.structure("task_struct", 8, &[("pid", int, 0)]);
            let zone = module.structure("zone", 4, &[("mark", mark, 0)]);
            module.structure("nf_conn", 16, &[("zone", zone, offset), ("pid", int, 12)]);
            modules.push(module.bytes());
        }
        let base = base.bytes();
        let wanted = wanted();
        let len = base.len() as u64;
        let vmlinux = WindowedBtf::gather(Source::Memory(&base), len, &wanted).unwrap();
        let missing = missing(&vmlinux, &wanted);
        let expected = kind_bit(Kind::Struct);
        assert_eq!(missing, [("gone", expected), ("nf_conn", expected)]);

        let sources = modules.iter().zip(["first", "second"]);
        let sources = sources.map(|(m, name)| (name, Source::Memory(m), m.len() as u64));
        let all = WithModules::new(vmlinux, &wanted, &missing, sources);
        assert_eq!(all.candidates("task_struct"), [TypeId(3)]);
        assert!(all.candidates("gone").is_empty());
        // The forward declaration of vmlinux, then the struct of each module.
        let found = all.candidates("nf_conn");
        assert_eq!(
            found.iter().map(|id| id.number()).collect::<Vec<_>>(),
            [2, 7, 7]
        );
        let of: Vec<_> = found.iter().map(|&id| all.module(id)).collect();
        assert_eq!(of, [None, Some("first"), Some("second")]);
        for (&id, offset) in found[1..].iter().zip([0, 64]) {
            let header = all.header(id).unwrap();
            assert_eq!(
                (all.name(header.name), header.size()),
                (Some("nf_conn"), 16)
            );
            let zone = all.member(&header, 0).unwrap();
            assert_eq!((all.name(zone.name), zone.offset.0), (Some("zone"), offset));
            let zone = all.header(zone.ty).unwrap();
            let mark = all.member(&zone, 0).unwrap();
            assert_eq!(all.name(mark.name), Some("mark"));
            assert_eq!(all.peel(mark.ty).unwrap().id, int);
            // Names that nobody asked for, of the module and of vmlinux.
            let text = |id| all.text(all.header(id).unwrap().name);
            assert_eq!(text(mark.ty).as_deref(), Some("mark_t"));
            assert_eq!(text(int).as_deref(), Some("int"));
            // A name that only vmlinux stores.
            let pid = all.member(&header, 1).unwrap();
            assert_eq!((all.name(pid.name), pid.ty), (Some("pid"), int));
        }
    }

    #[test]
    fn a_module_without_what_is_missing_or_damaged_is_not_kept() {
        let mut base = Builder::new();
        let int = base.int("int", 4, true);
        let mut module = Builder::split(&base);
        module.structure("other", 4, &[("pid", int, 0)]);
        let (base, module) = (base.bytes(), module.bytes());
        let wanted = wanted();
        let vmlinux =
            WindowedBtf::gather(Source::Memory(&base), base.len() as u64, &wanted).unwrap();
        let missing = missing(&vmlinux, &wanted);
        let sources = [&module[..], &module[..30], b""].into_iter();
        let sources = sources.map(|m| ("some", Source::Memory(m), m.len() as u64));
        let all = WithModules::new(vmlinux, &wanted, &missing, sources);
        assert!(all.modules.is_empty());
    }
}
