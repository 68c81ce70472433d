//! Addresses as people read them, and fields that are addresses.

use btfly::target::{KALLSYMS, Resolved, is_kernel};
use btfly::value::{escape, escape_json, push_hex};

use super::super::output::say;
use super::source::{Row, Side, Source};

/// Names of the addresses in hand.
#[derive(Default)]
pub struct Names {
    found: Resolved,
    /// Whether it was said that names are hidden.
    told: bool,
}

impl Names {
    /// Looks for the names of all that will be asked for, in one pass.
    pub fn read(&mut self, addresses: impl Iterator<Item = u64>) {
        let what = match Resolved::read(KALLSYMS, addresses) {
            Ok(found) => {
                self.found = found;
                match self.found.are_hidden() {
                    true => "the kernel hides its symbols (kernel.kptr_restrict)".into(),
                    false => return,
                }
            }
            Err(errno) => format!("{KALLSYMS}: {errno}"),
        };
        if !std::mem::replace(&mut self.told, true) {
            say(format_args!("btfly: {what}: addresses are in hex\n"));
        }
    }

    /// Appends the function or variable of an address; the address itself where there is none.
    pub fn name(&self, address: u64, out: &mut Vec<u8>) {
        match self.found.get(address) {
            Some(place) => escape(place.name.as_bytes(), out),
            None => {
                out.extend_from_slice(b"0x");
                push_hex(address, out);
            }
        }
    }

    /// The same with the bytes from its start, and its module.
    pub fn place(&self, address: u64, out: &mut Vec<u8>) {
        self.name(address, out);
        if let Some(place) = self.found.get(address) {
            out.extend_from_slice(b"+0x");
            push_hex(place.offset, out);
            if !place.module.is_empty() {
                out.extend_from_slice(b" [");
                escape(place.module.as_bytes(), out);
                out.push(b']');
            }
        }
    }

    /// Appends a place as a string of JSON.
    pub fn json(&self, address: u64, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.place(address, &mut text);
        out.push(b'"');
        escape_json(&text, out);
        out.push(b'"');
    }
}

/// Fields of keys and values that are pointers.
pub struct Pointers {
    key: Vec<String>,
    value: Vec<String>,
    names: Names,
}

impl Pointers {
    /// `None`: nothing that is shown is a pointer.
    pub fn find(source: &Source) -> Option<Pointers> {
        let fields = |side: &Side| match side {
            Side::Typed(plan) => {
                let found = plan.fields().filter(|field| field.is_pointer());
                found.map(|field| field.name.into()).collect()
            }
            _ => Vec::new(),
        };
        let pointers = Pointers {
            key: fields(&source.key),
            value: fields(&source.value),
            names: Names::default(),
        };
        let none = pointers.key.is_empty() && pointers.value.is_empty();
        (!none).then_some(pointers)
    }

    /// Looks for the names of what these rows point to.
    pub fn read(&mut self, source: &Source, rows: &[Row]) {
        let all = rows.iter().flat_map(|row| self.addresses(source, row));
        let all: Vec<u64> = all.map(|(_, address)| address).collect();
        self.names.read(all.into_iter());
    }

    /// Appends a line for each pointer of a row to the kernel.
    pub fn show(&self, source: &Source, row: &Row, out: &mut Vec<u8>) {
        for (field, address) in self.addresses(source, row) {
            out.extend_from_slice(b"    ");
            escape(field.as_bytes(), out);
            out.extend_from_slice(b": ");
            self.names.place(address, out);
            out.push(b'\n');
        }
    }

    /// Appends `,"symbols":{"FIELD":"name+0x10",…}`.
    pub fn json(&self, source: &Source, row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"symbols\":{");
        for (index, (field, address)) in self.addresses(source, row).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.push(b'"');
            escape_json(field.as_bytes(), out);
            out.extend_from_slice(b"\":");
            self.names.json(address, out);
        }
        out.push(b'}');
    }

    fn addresses<'s>(
        &'s self,
        source: &'s Source,
        row: &'s Row,
    ) -> impl Iterator<Item = (&'s str, u64)> {
        let key = self.key.iter().map(|name| (name, &source.key, &row.key));
        let value = self
            .value
            .iter()
            .map(|name| (name, &source.value, &row.value));
        key.chain(value).filter_map(|(name, side, bytes)| {
            let Side::Typed(plan) = side else {
                return None;
            };
            let address = plan.field(name)?.number(bytes)?;
            is_kernel(address).then_some((name.as_str(), address))
        })
    }
}
