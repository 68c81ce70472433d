//! The kernel's symbols, streamed: /proc/kallsyms is never held in memory.
//!
//! Source: the kernel's `kernel/kallsyms.c`: a line is `address type name[\t[module]]`.

use super::file;
use rustix::io;

/// What looking for a function found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Symbols of just that name: 0, 1, or 2 for more than one.
    pub exact: u8,
    /// Names that the compiler made of it (`name.isra.0`, `name.constprop.0`), three at most.
    pub clones: heapless::Vec<String, 3>,
    /// Functions whose names come near, joined; empty for none.
    #[cfg(feature = "full")]
    pub near: String,
}

/// Looks for a function in the running kernel, modules among it. This reads some megabytes: only
/// worth it where an error is to be explained.
///
/// # Errors
/// The kernel's, where procfs is not there.
pub fn find(function: &str) -> io::Result<Lookup> {
    let symbols = file::open("/proc/kallsyms")?;
    let mut found = Lookup::default();
    #[cfg(feature = "full")]
    let mut near = crate::near::Near::new(function);
    file::for_each_line(&symbols, &mut |line| {
        look(line, function, &mut found);
        #[cfg(feature = "full")]
        if let Some((_, b't' | b'T', name)) = parse(line)
            && found.exact == 0
        {
            near.consider(name);
        }
        found.exact < 2
    })?;
    #[cfg(feature = "full")]
    if found.exact == 0 {
        found.near = near.join();
    }
    Ok(found)
}

/// How many symbols there are of each of these names, which are sorted; 2 for more than one. This reads some
/// megabytes.
///
/// # Errors
/// The kernel's, where procfs is not there.
pub fn count(names: &[String]) -> io::Result<Vec<u8>> {
    let mut counts = vec![0u8; names.len()];
    if names.is_empty() {
        return Ok(counts);
    }
    let symbols = file::open("/proc/kallsyms")?;
    file::for_each_line(&symbols, &mut |line| {
        count_in(line, names, &mut counts);
        true
    })?;
    Ok(counts)
}

/// Where a symbol is, the first of its name; `None` where there is none, or addresses are hidden. This reads
/// some megabytes.
///
/// # Errors
/// The kernel's, where procfs is not there.
pub fn address_of(name: &str) -> io::Result<Option<u64>> {
    let symbols = file::open("/proc/kallsyms")?;
    let mut found = None;
    file::for_each_line(&symbols, &mut |line| {
        // Most lines are not worth reading.
        if name_of(line) == Some(name.as_bytes()) {
            found = parse(line).map(|(address, ..)| address);
        }
        found.is_none()
    })?;
    Ok(found.filter(|address| *address != 0))
}

/// The symbols at these addresses, which are sorted, the first of each. This reads some megabytes.
///
/// # Errors
/// The kernel's, where procfs is not there.
pub fn at(addresses: &[u64]) -> io::Result<Vec<(u64, String)>> {
    let symbols = file::open("/proc/kallsyms")?;
    let mut found: Vec<Option<String>> = vec![None; addresses.len()];
    file::for_each_line(&symbols, &mut |line| {
        if let Some((address, _, name)) = parse(line)
            && let Ok(index) = addresses.binary_search(&address)
            && let Some(place) = found.get_mut(index)
            && place.is_none()
        {
            *place = Some(name.into());
        }
        true
    })?;
    let found = addresses.iter().zip(found);
    Ok(found
        .filter_map(|(address, name)| Some((*address, name?)))
        .collect())
}

fn count_in(line: &[u8], names: &[String], counts: &mut [u8]) {
    let index = name_of(line).map(|name| names.binary_search_by(|n| n.as_bytes().cmp(name)));
    if let Some(Ok(index)) = index
        && let Some(count) = counts.get_mut(index)
    {
        *count = (*count + 1).min(2);
    }
}

fn look(line: &[u8], function: &str, found: &mut Lookup) {
    let Some(name) = name_of(line) else {
        return;
    };
    let Some(rest) = name.strip_prefix(function.as_bytes()) else {
        return;
    };
    if rest.is_empty() {
        found.exact = (found.exact + 1).min(2);
        return;
    }
    if rest.starts_with(b".") && !found.clones.is_full() {
        let clone = String::from_utf8_lossy(name).into_owned();
        // Not full, so the push succeeds.
        let _ = found.clones.push(clone);
    }
}

/// The parts of a line: address, type, name. `None`: it is none of a symbol table.
pub fn parse(line: &[u8]) -> Option<(u64, u8, &str)> {
    let mut parts = core::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let address = u64::from_str_radix(parts.next()?, 16).ok()?;
    let &[kind] = parts.next()?.as_bytes() else {
        return None;
    };
    Some((address, kind, parts.next()?))
}

fn name_of(line: &[u8]) -> Option<&[u8]> {
    let name = line.split(|b| *b == b' ').nth(2)?;
    name.split(|b| *b == b'\t').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_in_one_pass() {
        let names = ["a".to_owned(), "b".into(), "c".into()];
        let mut counts = [0; 3];
        for line in ["00 T b", "00 t c\t[m]", "00 t c", "00 t c", "00 t cc", "x"] {
            count_in(line.as_bytes(), &names, &mut counts);
        }
        assert_eq!(counts, [0, 1, 2]);
    }

    #[test]
    fn a_name_is_found_whole_and_its_clones_are_told() {
        let mut found = Lookup::default();
        for line in [
            "ffff800008014d30 T do_exit_group",
            "ffff800008014d38 t do_exit.isra.0",
            "ffff800008014d40 t do_exit.constprop.1\t[mod]",
            "ffff800008014d48 t xdo_exit",
            "broken",
        ] {
            look(line.as_bytes(), "do_exit", &mut found);
        }
        assert_eq!(found.exact, 0);
        assert_eq!(found.clones, ["do_exit.isra.0", "do_exit.constprop.1"]);
        look(b"0000000000000000 T do_exit\t[m]", "do_exit", &mut found);
        assert_eq!(found.exact, 1);
        for _ in 0..2 {
            look(b"0000000000000000 t do_exit", "do_exit", &mut found);
        }
        assert_eq!(found.exact, 2);
    }
}
