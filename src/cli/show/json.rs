//! What is shown as JSON: an object on a line for each entry and each histogram.

use btfly::sys::kernel::{Clock, now_ns};
use btfly::value::{Scale, WallClock, escape_json, push_hex, push_unsigned, range_of};

use super::super::format;
use super::names::Pointers;
use super::source::{Row, Side, Source};
use super::stacks::Stacks;

/// Appends `{"time":…,"map":…,"key":…,"value":…}`: with the CPU where values are told apart by it, and
/// with the symbols of pointers and the functions of stacks.
pub fn entry(
    clock: &mut WallClock,
    source: &Source,
    row: &Row,
    stacks: Option<&Stacks>,
    pointers: Option<&Pointers>,
    out: &mut Vec<u8>,
) {
    begin(clock, source, out);
    for (name, side, bytes) in [
        ("key", &source.key, &row.key),
        ("value", &source.value, &row.value),
    ] {
        if matches!(side, Side::Nothing) {
            continue;
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match side {
            Side::Typed(plan) => plan.json(bytes, out),
            Side::Bytes(_) | Side::Nothing => hex(bytes, out),
        }
        if let Some(cpu) = row.cpu.filter(|_| name == "key") {
            out.extend_from_slice(b",\"cpu\":");
            push_unsigned(cpu as u64, out);
        }
    }
    if let Some(pointers) = pointers {
        pointers.json(source, row, out);
    }
    if let Some(stacks) = stacks {
        stacks.json(source, row, out);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends `{"time":…,"map":…,"of":…,"unit":…,"histogram":[[low,high,count],…]}` with the slots that are not
/// empty.
pub fn histogram(
    clock: &mut WallClock,
    source: &Source,
    title: &[u8],
    (slots, scale, unit): (&[u64], Scale, &str),
    out: &mut Vec<u8>,
) {
    begin(clock, source, out);
    for (name, text) in [("of", title), ("unit", unit.as_bytes())] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        escape_json(text, out);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"histogram\":[");
    let filled = slots.iter().enumerate().filter(|(_, count)| **count > 0);
    for (index, (slot, count)) in filled.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let (low, high) = range_of(slot, scale);
        for (before, number) in [(b'[', low), (b',', high), (b',', *count)] {
            out.push(before);
            push_unsigned(number, out);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"]}\n");
}

fn begin(clock: &mut WallClock, source: &Source, out: &mut Vec<u8>) {
    format::begin(clock, now_ns(Clock::Realtime), out);
    out.extend_from_slice(b",\"map\":\"");
    escape_json(source.name.as_bytes(), out);
    out.push(b'"');
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"0x");
    for byte in bytes {
        if *byte < 16 {
            out.push(b'0');
        }
        push_hex(u64::from(*byte), out);
    }
    out.push(b'"');
}
