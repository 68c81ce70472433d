//! A kernel's symbol table in a file, as /proc/kallsyms shows it.

use crate::sys::{file, kallsyms};
use crate::target::TargetError;

/// What a kernel's symbol table has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Nothing.
    None,
    /// One address.
    One(u64),
    /// More than one.
    Several,
}

/// Lines looked at for a first symbol, and bytes in a line: a file of another kind may have no end.
const FRONT: u32 = 64;
const LONGEST: usize = 4095;

/// The addresses of some symbols.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Sorted by name.
    found: Vec<(String, Address)>,
    /// Whether some symbol has an address: to those who may not see them the kernel shows zeros.
    shown: bool,
}

impl Symbols {
    /// Looks for `names` in the file `path`. Nothing else of it is held in memory.
    ///
    /// # Errors
    /// A file that can't be read, or has not one symbol in it.
    pub fn read<'n>(
        path: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Symbols, TargetError> {
        let failed = |error| TargetError::File {
            path: path.into(),
            error,
        };
        let mut found: Vec<(String, Address)> =
            names.map(|name| (name.into(), Address::None)).collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.dedup_by(|(a, _), (b, _)| a == b);
        let mut symbols = Symbols {
            found,
            shown: false,
        };
        let (mut any, mut front) = (false, 0);
        let file = file::open_stream(path).map_err(failed)?;
        let each = &mut |line: &[u8]| {
            any |= symbols.look(line);
            front += 1;
            (any || front < FRONT) && line.len() <= LONGEST
        };
        file::for_each_line(&file, each).map_err(failed)?;
        match any {
            true => Ok(symbols),
            false => Err(TargetError::Facts {
                path: path.into(),
                what: "not one symbol in it; each line is ADDRESS TYPE NAME, as in /proc/kallsyms",
            }),
        }
    }

    /// Whether the kernel hides all addresses from this user.
    pub fn are_hidden(&self) -> bool {
        !self.shown
    }

    /// What is known of a name that was looked for.
    pub fn get(&self, name: &str) -> Address {
        let at = self
            .found
            .binary_search_by(|(known, _)| (**known).cmp(name));
        at.ok()
            .and_then(|at| self.found.get(at))
            .map_or(Address::None, |(_, address)| *address)
    }

    /// Takes a line of the table; `false` if it is none.
    fn look(&mut self, line: &[u8]) -> bool {
        let Some((address, kind, name)) = kallsyms::parse(line) else {
            return false;
        };
        self.shown |= address != 0;
        // Link-time optimisation by clang renames static data: `name.llvm.1234`.
        let name = match name.split_once(".llvm.") {
            Some((plain, _)) if kind == b'd' => plain,
            _ => name,
        };
        let at = self
            .found
            .binary_search_by(|(known, _)| (**known).cmp(name));
        if let Some((_, known)) = at.ok().and_then(|at| self.found.get_mut(at)) {
            *known = match *known {
                Address::None => Address::One(address),
                Address::One(other) if other == address => Address::One(other),
                _ => Address::Several,
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, names: &[&str]) -> Result<Symbols, TargetError> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("btfly-symbols-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        let symbols = Symbols::read(path.to_str().unwrap(), names.iter().copied());
        std::fs::remove_file(path).unwrap();
        symbols
    }

    #[test]
    fn each_name_has_one_address_or_several_or_none() {
        let text = "ffff800008000000 T _text\n\
                    ffff80000a1b2c40 D init_task\n\
                    ffff80000a1b2c40 D init_task\n\
                    ffff800008014d30 t copy\n\
                    ffff800008014d40 t copy\t[module]\n\
                    ffff800008014d50 d table.llvm.123456\n\
                    ffff800008014d60 t code.llvm.123456\n\
                    broken\n";
        let names = ["init_task", "copy", "table", "code", "gone", "init_task"];
        let symbols = read(text, &names).unwrap();
        assert_eq!(
            symbols.get("init_task"),
            Address::One(0xffff_8000_0a1b_2c40)
        );
        assert_eq!(symbols.get("copy"), Address::Several);
        assert_eq!(symbols.get("table"), Address::One(0xffff_8000_0801_4d50));
        for gone in ["code", "gone", "_text", ""] {
            assert_eq!(symbols.get(gone), Address::None, "{gone}");
        }
    }

    #[test]
    fn addresses_that_are_all_zero_are_hidden() {
        let hidden = "0000000000000000 T _text\n0000000000000000 D init_task\n";
        assert!(read(hidden, &["init_task"]).unwrap().are_hidden());
        let shown = "0000000000000000 A first\nffff80000a1b2c40 D init_task\n";
        assert!(!read(shown, &["first"]).unwrap().are_hidden());
    }

    #[test]
    fn a_file_that_is_no_symbol_table_is_refused() {
        for text in ["", "CONFIG_HZ=250\n", "zzzz T _text\n"] {
            let error = read(text, &["_text"]).unwrap_err();
            assert!(error.to_string().contains("not one symbol"), "{error}");
        }
    }
}
