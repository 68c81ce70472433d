//! Addresses of the kernel become names. /proc/kallsyms (5 MB, 100,000 lines) is never held: the addresses in
//! hand are sorted, and the table is read once, line by line.

use core::fmt;
use core::ops::RangeInclusive;

use rustix::io;

use crate::sys::{file, kallsyms};

/// The running kernel's own table.
pub const KALLSYMS: &str = "/proc/kallsyms";

/// Bytes behind a symbol that still count as its own. No function is as long: an address beyond is in code
/// that has no symbols.
const LONGEST: u64 = 4 << 20;

/// Kernel addresses have the highest bit set, on every 64-bit machine; those of processes have not.
#[must_use]
pub fn is_kernel(address: u64) -> bool {
    address >> 63 != 0
}

/// The place of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'r> {
    /// The symbol before it or at it.
    pub name: &'r str,
    /// The module that it is in; empty for the kernel itself.
    pub module: &'r str,
    /// Bytes from the symbol.
    pub offset: u64,
}

/// `vfs_read+0x10`, with `[module]` behind it.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name, self.offset)?;
        match self.module {
            "" => Ok(()),
            module => write!(f, " [{module}]"),
        }
    }
}

/// Names of some addresses.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Sorted by address, each once.
    found: Vec<Found>,
    /// Whether some symbol has an address: to those who may not see them the kernel shows zeros.
    shown: bool,
    /// The first and the last symbol of the kernel.
    first: u64,
    last: u64,
}

#[derive(Clone, Debug, Default)]
struct Found {
    address: u64,
    /// Of the nearest symbol that is known; 0 for none.
    symbol: u64,
    name: String,
    module: String,
}

impl Resolved {
    /// Looks for the symbols of `addresses` in the table `path` ([`KALLSYMS`]); those of processes are
    /// passed over. Where there are none of the kernel, the table is not read.
    ///
    /// # Errors
    /// The kernel's, where the table can't be read.
    pub fn read(path: &str, addresses: impl Iterator<Item = u64>) -> io::Result<Resolved> {
        let mut resolved = Resolved::of(addresses);
        if resolved.found.is_empty() {
            resolved.shown = true;
            return Ok(resolved);
        }
        let table = file::open_stream(path)?;
        file::for_each_line(&table, &mut |line| {
            resolved.look(line);
            true
        })?;
        resolved.spread();
        Ok(resolved)
    }

    /// Whether the kernel hides all addresses from this user (`kernel.kptr_restrict`).
    #[must_use]
    pub fn are_hidden(&self) -> bool {
        !self.shown
    }

    /// From the first symbol of the kernel to the last: elsewhere nothing has a name.
    #[must_use]
    pub fn range(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }

    /// Where an address is that was looked for.
    #[must_use]
    pub fn get(&self, address: u64) -> Option<Place<'_>> {
        let at = self.found.binary_search_by_key(&address, |f| f.address);
        let found = self.found.get(at.ok()?)?;
        let offset = address.checked_sub(found.symbol)?;
        let known = found.symbol != 0 && offset < LONGEST;
        known.then_some(Place {
            name: &found.name,
            module: &found.module,
            offset,
        })
    }

    fn of(addresses: impl Iterator<Item = u64>) -> Resolved {
        let mut sorted: Vec<u64> = addresses.filter(|a| is_kernel(*a)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let found = sorted.into_iter().map(|address| Found {
            address,
            ..Found::default()
        });
        Resolved {
            found: found.collect(),
            shown: false,
            first: u64::MAX,
            last: 0,
        }
    }

    /// Takes a line of the table. A symbol is remembered at the first address that is not before it, if it is
    /// nearer than the one there.
    fn look(&mut self, line: &[u8]) {
        // Of most lines nothing but the address is looked at.
        let Some(symbol) = address(line) else {
            return;
        };
        self.shown |= symbol != 0;
        if is_kernel(symbol) {
            self.first = self.first.min(symbol);
            self.last = self.last.max(symbol);
        }
        let at = self.found.partition_point(|f| f.address < symbol);
        let Some(found) = self.found.get_mut(at) else {
            return;
        };
        if symbol <= found.symbol || found.address - symbol >= LONGEST {
            return;
        }
        let Some((_, _, name)) = kallsyms::parse(line) else {
            return;
        };
        found.symbol = symbol;
        found.name.clear();
        found.name.push_str(name);
        found.module.clear();
        let module = line.rsplit(|b| *b == b'\t').next();
        let module = module.and_then(|m| m.strip_prefix(b"[")?.strip_suffix(b"]"));
        let module = module.and_then(|m| core::str::from_utf8(m).ok());
        found.module.push_str(module.unwrap_or_default());
    }

    /// Where no symbol lies between two addresses, the second has that of the first.
    fn spread(&mut self) {
        let mut before = Found::default();
        for found in &mut self.found {
            match found.symbol {
                0 => {
                    found.symbol = before.symbol;
                    found.name.clone_from(&before.name);
                    found.module.clone_from(&before.module);
                }
                _ => before = found.clone(),
            }
        }
    }
}

/// The address at the start of a line, which a 64-bit kernel writes with all its digits.
fn address(line: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(line.get(..16)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "ffff800008000000 T _text\n\
        ffff800008014d30 T do_one\n\
        ffff800008014d30 t do_one_alias\n\
        ffff800008014e00 t do_two\n\
        broken\n\
        ffff80000a000000 t mod_b\t[two]\n\
        ffff800009000000 t mod_a\t[one]\n";

    fn resolved(table: &str, addresses: &[u64]) -> Resolved {
        let mut resolved = Resolved::of(addresses.iter().copied());
        table
            .lines()
            .for_each(|line| resolved.look(line.as_bytes()));
        resolved.spread();
        resolved
    }

    #[test]
    fn each_address_has_the_nearest_symbol_before_it() {
        let cases = [
            (0xffff_8000_0801_4d30, Some(("do_one", "", 0))),
            (0xffff_8000_0801_4d34, Some(("do_one", "", 4))),
            (0xffff_8000_0801_4dff, Some(("do_one", "", 0xcf))),
            (0xffff_8000_0801_4e00, Some(("do_two", "", 0))),
            (0xffff_8000_0900_0010, Some(("mod_a", "one", 0x10))),
            (0xffff_8000_0a00_0001, Some(("mod_b", "two", 1))),
            // Before the first symbol, far behind the last, and in a process.
            (0xffff_0000_0000_0000, None),
            (0xffff_ffff_ffff_ffff, None),
            (0x0000_0055_5555_0000, None),
        ];
        let addresses: Vec<u64> = cases.iter().map(|(address, _)| *address).collect();
        let resolved = resolved(TABLE, &addresses);
        assert!(!resolved.are_hidden());
        let range = 0xffff_8000_0800_0000..=0xffff_8000_0a00_0000;
        assert_eq!(resolved.range(), range);
        let place = resolved.get(0xffff_8000_0900_0010).unwrap();
        assert_eq!(place.to_string(), "mod_a+0x10 [one]");
        for (address, expected) in cases {
            let place = resolved.get(address).map(|p| (p.name, p.module, p.offset));
            assert_eq!(place, expected, "{address:x}");
        }
        assert_eq!(resolved.get(0xffff_8000_0801_4d31), None, "not asked for");
    }

    #[test]
    fn addresses_that_are_all_zero_are_hidden() {
        let table = "0000000000000000 T _text\n0000000000000000 t do_one\n";
        let hidden = resolved(table, &[0xffff_8000_0801_4d34]);
        assert!(hidden.are_hidden());
        assert_eq!(hidden.get(0xffff_8000_0801_4d34), None);
    }

    #[test]
    fn without_an_address_of_the_kernel_no_table_is_read() {
        let nothing = Resolved::read("/nowhere", [4, 0x7fff_0000_0000].into_iter()).unwrap();
        assert!(!nothing.are_hidden());
        assert!(Resolved::read("/nowhere", [u64::MAX].into_iter()).is_err());
    }
}
