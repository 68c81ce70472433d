//! What is in a map: all of it, one entry, or what stands first in a queue.

use std::fmt::Write;

use btfly::load::{for_each_entry, is_walkable};
use btfly::sys::abi::{
    BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_PROG_ARRAY,
};
use btfly::value::Plan;
use rustix::fd::AsFd;
use rustix::io::Errno;

use super::super::loaded::{MAPS, Words, find, find_one, hex, hex_list, no_more, refused};
use super::super::output::{self, Patience, Written};
use super::super::{Class, Failure};
use super::data;
use super::layout::Layout;

/// An entry, or what stands in its place.
enum Found<'v> {
    Value(&'v [u8]),
    /// Why there is nothing to be read.
    Nothing(Errno),
}

/// `dump MAP`.
pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    let (found, rest) = find(&MAPS, &words.words)?;
    no_more("map", rest)?;
    for map in found {
        dump(&Layout::of(map.as_fd())?, words)?;
    }
    Ok(())
}

fn dump(layout: &Layout<'_>, words: &Words<'_>) -> Result<(), Failure> {
    let json = words.json;
    let mut listing = Listing {
        layout,
        json,
        text: String::from(if json { "[" } else { "" }),
        count: 0,
        open: true,
    };
    if is_walkable(layout.info.map_type) {
        let kernel = words.common.kernel()?;
        let mut written = Ok(());
        let walked = for_each_entry(
            &layout.elements,
            layout.info.map_type,
            &kernel.features,
            &mut |key, value| {
                if written.is_ok() {
                    written = listing.entry(key, Found::Value(value));
                }
                written.is_ok() && listing.open
            },
        );
        written?;
        let whole = walked.map_err(|error| refused("the entries of this map", error))?;
        if !whole {
            output::say(format_args!(
                "btfly: the map changed faster than it could be read: entries may be missing\n"
            ));
        }
    } else {
        listing.step_by_step()?;
    }
    listing.end()
}

/// Entries on their way to the output.
struct Listing<'l, 'm> {
    layout: &'l Layout<'m>,
    json: bool,
    text: String,
    count: usize,
    open: bool,
}

impl Listing<'_, '_> {
    fn entry(&mut self, key: &[u8], found: Found<'_>) -> Result<(), Failure> {
        if self.json && self.text != "[" {
            self.text.push(',');
        }
        self.count += usize::from(matches!(found, Found::Value(_)));
        write_entry(self.layout, key, &found, self.json, &mut self.text);
        if self.text.len() >= 8192 {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.open {
            let written = output::write(self.text.as_bytes(), Patience::default())?;
            self.open = written == Written::All;
        }
        self.text.clear();
        Ok(())
    }

    /// From key to key, for maps whose entries may not be readable: sockets, devices, other maps.
    fn step_by_step(&mut self) -> Result<(), Failure> {
        let elements = &self.layout.elements;
        let failed = |error| match error {
            Errno::INVAL | Errno::OPNOTSUPP => not_a_table(),
            error if error.raw_os_error() == 524 => not_a_table(),
            error => refused("the entries of this map", error),
        };
        let mut key: Option<Vec<u8>> = None;
        let mut next = vec![0; elements.key_len()];
        let mut value = vec![0; elements.value_len()];
        let steps = u64::from(elements.max_entries())
            .saturating_mul(4)
            .saturating_add(1024);
        for _ in 0..steps {
            if next.is_empty() {
                return Err(not_a_table());
            }
            if !elements
                .next_key(key.as_deref(), &mut next)
                .map_err(failed)?
            {
                break;
            }
            let found = match elements.lookup(&next, &mut value) {
                Ok(true) => Found::Value(&value),
                Ok(false) => Found::Nothing(Errno::NOENT),
                Err(error) => Found::Nothing(error),
            };
            // A place without a program or map is no entry.
            if !(holds(self.layout) && matches!(found, Found::Nothing(Errno::NOENT))) {
                self.entry(&next, found)?;
            }
            key = Some(next.clone());
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), Failure> {
        match self.json {
            true => self.text.push_str("]\n"),
            false => {
                let word = if self.count == 1 {
                    "element"
                } else {
                    "elements"
                };
                let _ = writeln!(self.text, "Found {} {word}", self.count);
            }
        }
        self.flush()
    }
}

/// Whether it is a map of programs or of maps.
fn holds(layout: &Layout<'_>) -> bool {
    layout.info.map_type == BPF_MAP_TYPE_PROG_ARRAY || holds_maps(layout)
}

fn holds_maps(layout: &Layout<'_>) -> bool {
    matches!(
        layout.info.map_type,
        BPF_MAP_TYPE_ARRAY_OF_MAPS | BPF_MAP_TYPE_HASH_OF_MAPS
    )
}

fn not_a_table() -> Failure {
    Failure::new(Class::Other, "this map has no keys to go through").with_hint(
        "btfly map peek shows what is first in a queue or stack; a ring is read by btfly run",
    )
}

fn json_bytes(bytes: &[u8], out: &mut String) {
    out.push_str(&hex_list(bytes));
}

/// Bytes by their type, where it is known; else by two digits each.
fn shown(plan: Option<&Plan>, bytes: &[u8]) -> String {
    let Some(plan) = plan else {
        return hex(bytes, " ");
    };
    let mut out = Vec::new();
    plan.tree(bytes, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn json_of(plan: &Plan, bytes: &[u8], out: &mut String) {
    let mut text = Vec::new();
    plan.json(bytes, &mut text);
    out.push_str(&String::from_utf8_lossy(&text));
}

fn write_entry(layout: &Layout<'_>, key: &[u8], found: &Found<'_>, json: bool, out: &mut String) {
    if json {
        return json_entry(layout, key, found, out);
    }
    if !key.is_empty() {
        let _ = write!(out, "key: {}  ", shown(layout.key.as_ref(), key));
    }
    let value = match found {
        Found::Value(value) => value,
        Found::Nothing(Errno::NOENT) => return out.push_str("value: <no entry>\n"),
        Found::Nothing(error) => {
            let _ = writeln!(out, "value: <{}>", reason(*error));
            return;
        }
    };
    match layout.stride() {
        None => {
            let _ = writeln!(out, "value: {}", shown(layout.value.as_ref(), value));
        }
        Some(_) => {
            out.push('\n');
            for (cpu, part) in layout.parts(value).enumerate() {
                let shown = shown(layout.value.as_ref(), part);
                let _ = writeln!(out, "value (CPU {cpu}): {shown}");
            }
        }
    }
}

fn reason(error: Errno) -> String {
    match error.raw_os_error() {
        524 => "it can't be read".into(),
        _ => error.to_string(),
    }
}

fn json_entry(layout: &Layout<'_>, key: &[u8], found: &Found<'_>, out: &mut String) {
    out.push('{');
    if !key.is_empty() {
        out.push_str("\"key\":");
        json_bytes(key, out);
        out.push(',');
    }
    let value = match found {
        Found::Value(value) => value,
        Found::Nothing(error) => {
            let _ = write!(out, "\"value\":{{\"error\":\"{}\"}}}}", reason(*error));
            return;
        }
    };
    let per_cpu = layout.stride().is_some();
    let parts = |one: &mut dyn FnMut(&[u8], &mut String), out: &mut String| {
        if !per_cpu {
            out.push_str("\"value\":");
            return one(value, out);
        }
        out.push_str("\"values\":[");
        for (cpu, part) in layout.parts(value).enumerate() {
            let before = if cpu == 0 { "" } else { "," };
            let _ = write!(out, "{before}{{\"cpu\":{cpu},\"value\":");
            one(part, out);
            out.push('}');
        }
        out.push(']');
    };
    if let (true, Some(id)) = (holds_maps(layout), value.first_chunk()) {
        let _ = write!(out, "\"inner_map_id\":{},", u32::from_ne_bytes(*id));
    }
    parts(&mut |part, out| json_bytes(part, out), out);
    if let Some(plan) = &layout.value {
        out.push_str(",\"formatted\":{");
        if !key.is_empty() {
            out.push_str("\"key\":");
            match &layout.key {
                Some(plan) => json_of(plan, key, out),
                None => json_bytes(key, out),
            }
            out.push(',');
        }
        parts(&mut |part, out| json_of(plan, part, out), out);
        out.push('}');
    }
    out.push('}');
}

/// One entry, as the answer to a question.
fn answer(layout: &Layout<'_>, key: &[u8], value: &[u8], json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    write_entry(layout, key, &Found::Value(value), json, &mut text);
    text.push_str(if json { "\n" } else { "" });
    output::print(&text)
}

/// `lookup MAP key DATA`.
pub fn lookup(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    let layout = Layout::of(map.as_fd())?;
    let ["key" | "--key", key @ ..] = rest else {
        return Err(Failure::usage("lookup: of which key?")
            .with_hint("btfly map lookup MAP key hex 01 00 …, or a number"));
    };
    let key = data::read("key", key, layout.elements.key_len(), layout.key.as_ref())?;
    let mut value = vec![0; layout.elements.value_len()];
    let there = layout.elements.lookup(&key, &mut value);
    match there.map_err(unreadable)? {
        true => answer(&layout, &key, &value, words.json),
        false => Err(no_such_key()),
    }
}

fn unreadable(error: Errno) -> Failure {
    match error.raw_os_error() {
        524 => Failure::new(Class::Other, "the values of such a map can't be read"),
        _ if error == Errno::PERM => refused("reading this map", error)
            .with_hint("run it as root; a map may also be closed to user space (BPF_F_WRONLY)"),
        _ => refused("reading this map", error),
    }
}

pub fn no_such_key() -> Failure {
    Failure::new(Class::Missing, "the map has no entry with this key")
}

/// `peek MAP`.
pub fn peek(words: &Words<'_>) -> Result<(), Failure> {
    first(words, |layout, value| layout.elements.lookup(&[], value))
}

/// `pop MAP`.
pub fn pop(words: &Words<'_>) -> Result<(), Failure> {
    first(words, |layout, value| layout.elements.take(&[], value))
}

/// `getnext MAP [key DATA]`.
pub fn getnext(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    let layout = Layout::of(map.as_fd())?;
    let len = layout.elements.key_len();
    let key = match rest {
        [] => None,
        ["key" | "--key", key @ ..] => Some(data::read("key", key, len, layout.key.as_ref())?),
        [word, ..] => return no_more("map", &[word]),
    };
    let mut next = vec![0; len];
    let there = match len {
        0 => return Err(not_a_table()),
        _ => layout.elements.next_key(key.as_deref(), &mut next),
    };
    match there {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Err(not_a_table()),
        Err(error) if error.raw_os_error() == 524 => return Err(not_a_table()),
        Err(error) => return Err(unreadable(error)),
        Ok(false) => return Err(Failure::new(Class::Missing, "there is no key behind it")),
        Ok(true) => {}
    }
    let mut text = String::new();
    if words.json {
        text.push_str("{\"key\":");
        match &key {
            Some(key) => json_bytes(key, &mut text),
            None => text.push_str("null"),
        }
        text.push_str(",\"next_key\":");
        json_bytes(&next, &mut text);
        text.push_str("}\n");
    } else {
        if let Some(key) = &key {
            let _ = write!(text, "key: {}  ", shown(layout.key.as_ref(), key));
        }
        let _ = writeln!(text, "next key: {}", shown(layout.key.as_ref(), &next));
    }
    output::print(&text)
}

fn first(
    words: &Words<'_>,
    read: fn(&Layout<'_>, &mut [u8]) -> rustix::io::Result<bool>,
) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    no_more("map", rest)?;
    let layout = Layout::of(map.as_fd())?;
    let mut value = vec![0; layout.elements.value_len()];
    if layout.elements.key_len() > 0 {
        return Err(
            Failure::usage("this map has keys, and none of them is first").with_hint(
                "peek, pop and push are for queues and stacks; btfly map dump shows all",
            ),
        );
    }
    match read(&layout, &mut value).map_err(unreadable)? {
        true => answer(&layout, &[], &value, words.json),
        false => Err(Failure::new(Class::Missing, "there is nothing in it")),
    }
}
