//! Fields of events that are pointers into the kernel, by the names of what they point to.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use btfly::target::{KALLSYMS, Resolved, is_kernel};
use btfly::value::{Fields, Plan, column};

use super::super::output::say;

/// Names that are remembered at most.
const MOST: usize = 4096;
/// The kernel's table of symbols is long. Reading it takes no more than this part of the time.
const PART: u32 = 20;

/// What is known of addresses.
#[derive(Default)]
pub struct Symbols {
    /// `None` for one that has no name.
    known: BTreeMap<u64, Option<String>>,
    /// Where symbols are: beyond are stacks and memory, which every event has others of.
    range: Option<RangeInclusive<u64>>,
    /// When the table may be read again; never where the kernel hides it.
    next: Option<Instant>,
    hidden: bool,
}

impl Symbols {
    /// The name of an address with the bytes from its start: `vfs_read+0x10`.
    pub fn name(&mut self, address: u64) -> Option<&str> {
        if !is_kernel(address) || self.hidden {
            return None;
        }
        if !self.known.contains_key(&address) && self.may_look(address) {
            self.look(address);
        }
        self.known.get(&address)?.as_deref()
    }

    fn may_look(&self, address: u64) -> bool {
        let inside = |range: &RangeInclusive<u64>| range.contains(&address);
        self.range.as_ref().is_none_or(inside)
            && self.next.is_none_or(|next| Instant::now() >= next)
    }

    fn look(&mut self, address: u64) {
        let begun = Instant::now();
        let found = match Resolved::read(KALLSYMS, std::iter::once(address)) {
            Ok(found) if !found.are_hidden() => found,
            Ok(_) => {
                return self.hide("the kernel hides its symbols (kernel.kptr_restrict)".into());
            }
            Err(errno) => return self.hide(format!("{KALLSYMS}: {errno}")),
        };
        let took = begun.elapsed().max(Duration::from_millis(1));
        self.next = Instant::now().checked_add(took.saturating_mul(PART));
        self.range = Some(found.range());
        let name = found.get(address).map(|place| place.to_string());
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(address, name);
    }

    fn hide(&mut self, why: String) {
        self.hidden = true;
        say(format_args!("btfly: {why}: addresses are in hex\n"));
    }

    /// Appends a record as a row: pointers that have a name by that.
    pub fn row(&mut self, plan: &Plan, record: &[u8], out: &mut Vec<u8>) {
        for field in plan.fields() {
            let address = field.is_pointer().then(|| field.number(record)).flatten();
            match address.and_then(|address| self.name(address)) {
                Some(name) => column(name.as_bytes(), field.width, out),
                None => plan.cell(&field, record, out),
            }
        }
        while out.last() == Some(&b' ') {
            out.pop();
        }
    }

    /// Adds the names to the fields of a record.
    pub fn fields(&mut self, plan: &Plan, record: &[u8], to: &mut Fields<'_>) {
        let mut named: Vec<(&str, String)> = Vec::new();
        for field in plan.fields().filter(|field| field.is_pointer()) {
            let address = field.number(record);
            if let Some(name) = address.and_then(|address| self.name(address)) {
                named.push((field.name, name.to_owned()));
            }
        }
        to.symbols(&named);
    }
}
