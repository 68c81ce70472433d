//! Versions of a library's symbols: `.gnu.version` has a number for each symbol of `.dynsym`, and
//! `.gnu.version_d` their names.
//!
//! Source: the Linux Standard Base, symbol versioning.

use super::elf::{Section, read_struct};
use super::strings::Strings;
use object::LittleEndian as LE;
use object::elf;
use rustix::fd::OwnedFd;

/// Definitions that are looked at; glibc has some forty.
const DEFINITIONS: u32 = 4096;

/// A version that is asked for or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version<'n> {
    pub name: &'n str,
    /// The one that programs are linked to today.
    pub default: bool,
}

impl<'n> Version<'n> {
    /// `name@VERSION`, `name@@VERSION`, or a name alone.
    pub fn split(name: &'n str) -> (&'n str, Option<Version<'n>>) {
        let Some((base, version)) = name.split_once('@') else {
            return (name, None);
        };
        let (version, default) = match version.strip_prefix('@') {
            Some(version) => (version, true),
            None => (version, false),
        };
        let name = version;
        (base, Some(Version { name, default }))
    }

    /// Whether a symbol of version `told` is meant: the default one only where `@@` asks for it.
    pub fn takes(&self, told: Option<Version<'_>>) -> bool {
        told.is_some_and(|told| told.name == self.name && (told.default || !self.default))
    }
}

pub(super) struct Versions<'f> {
    pub file: &'f OwnedFd,
    pub sections: &'f [Section],
}

impl Versions<'_> {
    /// The version of symbol number `index` in a table, and whether it is the default one; `None` where
    /// it has none.
    pub fn of(&self, table: usize, index: u64) -> Option<(String, bool)> {
        let of_table = |s: &&Section| s.kind == elf::SHT_GNU_VERSYM.0 && s.link == table;
        let numbers = self.sections.iter().find(of_table)?;
        let at = index
            .checked_mul(2)
            .filter(|at| *at < numbers.size)
            .and_then(|at| numbers.offset.checked_add(at))?;
        let number: elf::Versym<LE> = read_struct(self.file, at)?;
        let number = number.0.get(LE).0;
        let (hidden, number) = (number & 0x8000 != 0, number & 0x7fff);
        // 0 is local, 1 has no version.
        let name = (number > 1).then(|| self.name(number))??;
        Some((name, !hidden))
    }

    fn name(&self, number: u16) -> Option<String> {
        let definitions = |s: &&Section| s.kind == elf::SHT_GNU_VERDEF.0;
        let section = self.sections.iter().find(definitions)?;
        let strings = self.sections.get(section.link)?;
        let mut at = section.offset;
        for _ in 0..DEFINITIONS {
            let definition: elf::Verdef<LE> = read_struct(self.file, at)?;
            if definition.vd_ndx.get(LE).0 == number {
                let first = at.checked_add(u64::from(definition.vd_aux.get(LE)))?;
                let first: elf::Verdaux<LE> = read_struct(self.file, first)?;
                let mut strings = Strings::new(self.file, strings.offset, strings.size);
                let name = strings.get(u64::from(first.vda_name.get(LE)))?;
                return String::from_utf8(name.to_vec()).ok();
            }
            let next = definition.vd_next.get(LE);
            if next == 0 {
                return None;
            }
            at = at.checked_add(u64::from(next))?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_its_version() {
        for (text, base, version) in [
            ("malloc", "malloc", None),
            ("memcpy@GLIBC_2.17", "memcpy", Some(("GLIBC_2.17", false))),
            ("memcpy@@GLIBC_2.17", "memcpy", Some(("GLIBC_2.17", true))),
            ("x@", "x", Some(("", false))),
        ] {
            let (found, told) = Version::split(text);
            let told = told.map(|v| (v.name, v.default));
            assert_eq!((found, told), (base, version), "{text}");
        }
    }

    #[test]
    fn a_version_is_met_by_its_name_and_two_signs_want_the_default() {
        let version = |name, default| Version { name, default };
        let (old, new) = (version("V1", false), version("V2", true));
        assert!(old.takes(Some(version("V1", true))));
        assert!(old.takes(Some(old)));
        assert!(new.takes(Some(new)));
        assert!(!new.takes(Some(version("V2", false))));
        assert!(!new.takes(Some(old)));
        assert!(!old.takes(None));
    }
}
