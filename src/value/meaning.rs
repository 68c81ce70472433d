//! Numbers and bytes that mean something to people: addresses, ports, times, devices. Their typedef tells,
//! or a struct that is known to every kernel, or (where those leave it open) the name of the field.

use crate::text::contains;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::io::Write;

use super::names::Names;
use super::number::{mask, push_signed, push_unsigned, sign_extend};
use super::plan::{Node, Planner, Scalar, Shape};
use super::render::{Style, quoted_unless};
use super::room::Room;
use crate::btf::{Header, Kind, TypeId};

/// What a number of at most 64 bits means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An IPv4 address, in network order.
    Address,
    /// A number in network order.
    Network,
    /// Nanoseconds.
    Time,
    /// A device of the kernel's `dev_t`: 12 bits of major number, 20 of minor.
    Device,
    /// An error, a signal or a system call.
    Named(Names),
}

/// Bits of the minor number in the kernel's `dev_t`.
const MINOR_BITS: u32 = 20;

/// Units of time in nanoseconds, the largest first, and the digits that a fraction of one has.
const UNITS: [(&str, u64, usize); 4] = [
    ("s", 1_000_000_000, 9),
    ("ms", 1_000_000, 6),
    ("us", 1000, 3),
    ("ns", 1, 0),
];

impl Planner<'_> {
    /// The node of a type with what it means; `name` is that of the field, or empty.
    pub(super) fn meant(&mut self, id: TypeId, name: &str, node: Node) -> Node {
        let Ok(of) = self.types.peel(id) else {
            return node;
        };
        let shape = match (node.shape, of.kind) {
            (Shape::Scalar(Scalar::Unsigned), _) => self.number(id, name, node),
            (Shape::Scalar(Scalar::Signed), _) => {
                let named = self.typedefs(id, |t| Names::of(t, node.size).map(Meaning::Named));
                named.map(|meaning| Shape::Scalar(Scalar::Meant(meaning)))
            }
            (Shape::Composite { .. }, Kind::Struct) => {
                match (self.types.name(of.name), node.size) {
                    (Some("in_addr"), 4) => Some(Shape::Scalar(Scalar::Meant(Meaning::Address))),
                    (Some("in6_addr"), 16) => Some(Shape::Address { either: false }),
                    _ => None,
                }
            }
            (Shape::Bytes, Kind::Array) if node.size == 16 && is_address(name) => {
                // The kernel's tracepoints have those of IPv4 sockets in this form, too.
                let either = !contains(name, "v6");
                Some(Shape::Address { either })
            }
            (Shape::Array { element, .. } | Shape::RestArray { element }, Kind::Array) => {
                self.elements_meant(&of, name, element);
                None
            }
            _ => None,
        };
        Node {
            shape: shape.unwrap_or(node.shape),
            ..node
        }
    }

    fn elements_meant(&mut self, of: &Header, name: &str, element: u32) {
        let index = element as usize;
        let (Ok(array), Some(node)) = (self.types.array(of), self.elements.get(index).copied())
        else {
            return;
        };
        let node = self.meant(array.element, name, node);
        if let Some(place) = self.elements.get_mut(index) {
            *place = node;
        }
    }

    fn number(&self, id: TypeId, name: &str, node: Node) -> Option<Shape> {
        let typed = self.typedefs(id, |typedef| match (typedef, node.size) {
            ("__be32" | "be32", 4) if is_address(name) => Some(Meaning::Address),
            ("in_addr_t", 4) => Some(Meaning::Address),
            ("__be16" | "be16", 2) | ("__be32" | "be32", 4) | ("__be64" | "be64", 8) => {
                Some(Meaning::Network)
            }
            ("dev_t" | "__kernel_dev_t", 4) => Some(Meaning::Device),
            _ => Names::of(typedef, node.size).map(Meaning::Named),
        });
        let named = || match node.size {
            // Of a plain number only both words together say that it is one.
            4 if contains(name, "addr") && contains(name, "v4") => Some(Meaning::Address),
            8 if name == "ns" || name.ends_with("_ns") => Some(Meaning::Time),
            _ => None,
        };
        let meaning = typed.or_else(named)?;
        Some(Shape::Scalar(Scalar::Meant(meaning)))
    }

    /// What `find` finds in the names of the typedefs that lead to a type.
    fn typedefs(&self, id: TypeId, find: impl Fn(&str) -> Option<Meaning>) -> Option<Meaning> {
        const MOST: usize = 32;
        let mut header = self.types.header(id).ok()?;
        for _ in 0..MOST {
            if !header.kind.is_modifier() {
                return None;
            }
            if header.kind == Kind::Typedef
                && let Some(found) = self.types.name(header.name).and_then(&find)
            {
                return Some(found);
            }
            header = self.types.header(header.target()).ok()?;
        }
        None
    }
}

/// Whether a field's name says that it is an address: `saddr`, `daddr_v6`, `src_ip`, `ip4`.
fn is_address(name: &str) -> bool {
    let is_ip = |word: &str| word.starts_with("ip") || word.ends_with("ip");
    contains(name, "addr") || name.split('_').any(is_ip)
}

/// A number in network order as this machine has it, and back.
pub(super) fn swapped(raw: u64, bits: u32) -> u64 {
    raw.swap_bytes() >> 64u32.saturating_sub(bits).min(63)
}

impl Meaning {
    pub(super) fn write(self, raw: u64, bits: u32, style: Style, out: &mut Vec<u8>) {
        match self {
            Meaning::Network => push_unsigned(swapped(raw, bits), out),
            // For machines the name of the field says the unit, and the number is exact.
            Meaning::Time if matches!(style, Style::Json | Style::Csv) => push_unsigned(raw, out),
            Meaning::Time => push_time(raw, out),
            Meaning::Address => quoted_unless(false, style, out, |out| {
                for (index, byte) in raw.to_le_bytes().iter().take(4).enumerate() {
                    if index > 0 {
                        out.push(b'.');
                    }
                    push_unsigned(u64::from(*byte), out);
                }
            }),
            Meaning::Named(names) => {
                let number = sign_extend(raw, bits);
                match names.name(number) {
                    Some((prefix, name)) => quoted_unless(false, style, out, |out| {
                        out.extend_from_slice(prefix.as_bytes());
                        out.extend_from_slice(name.as_bytes());
                    }),
                    None => push_signed(number, out),
                }
            }
            Meaning::Device => quoted_unless(false, style, out, |out| {
                push_unsigned(raw >> MINOR_BITS, out);
                out.push(b':');
                push_unsigned(raw & ((1 << MINOR_BITS) - 1), out);
            }),
        }
    }

    /// The bits of what a person wrote, of `bits` bits; `None` where it is to be read as a number, which
    /// [`Meaning::of_number`] takes.
    pub(super) fn parse(self, word: &str, bits: u32) -> Option<u64> {
        match self {
            Meaning::Address | Meaning::Network if bits == 32 => {
                let address: Ipv4Addr = word.parse().ok()?;
                Some(u64::from(u32::from_le_bytes(address.octets())))
            }
            Meaning::Time => parse_time(word),
            Meaning::Named(names) => Some(names.number(word)? as u64 & mask(bits)),
            Meaning::Device => {
                let (major, minor) = word.split_once(':')?;
                let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
                let fits = major < 1 << (32 - MINOR_BITS) && minor < 1 << MINOR_BITS;
                fits.then_some(major << MINOR_BITS | minor)
            }
            _ => None,
        }
    }

    /// The bits of a number that a person wrote.
    pub(super) fn of_number(self, number: u64, bits: u32) -> u64 {
        match self {
            Meaning::Address | Meaning::Network => swapped(number, bits),
            Meaning::Time | Meaning::Device | Meaning::Named(_) => number,
        }
    }

    /// What is expected of a person.
    pub(super) fn form(self) -> &'static str {
        match self {
            Meaning::Address => "an address such as 192.168.1.1, or a number",
            Meaning::Network => "a number (42, 0x2a)",
            Meaning::Time => "a time such as 1.5ms or 2s, or a number of nanoseconds",
            Meaning::Device => "a device as MAJOR:MINOR, or a number",
            Meaning::Named(Names::Error) => "an error such as ENOENT, or a number",
            Meaning::Named(Names::Signal) => "a signal such as SIGTERM, or a number",
            Meaning::Named(Names::Syscall) => "a system call such as openat, or a number",
        }
    }

    /// Characters that usual values take.
    pub(super) fn width(self, size: usize) -> usize {
        match (self, size) {
            (Meaning::Address, _) => 15,
            (Meaning::Network, 2) => 5,
            (Meaning::Network, 4) => 10,
            (Meaning::Network, _) => 16,
            (Meaning::Time, _) => 12,
            (Meaning::Device, _) => 7,
            (Meaning::Named(names), _) => names.width(),
        }
    }
}

/// Appends nanoseconds in the largest unit that there is one of, exactly.
pub(super) fn push_time(ns: u64, out: &mut Vec<u8>) {
    Room::new(out).time(ns);
}

/// A time in the largest unit that there is one of.
pub(super) struct TimeParts {
    pub whole: u64,
    /// What is behind the point, without zeros at its end, and of how many digits it is.
    pub fraction: u64,
    pub digits: usize,
    pub unit: &'static str,
}

impl TimeParts {
    pub fn of(ns: u64) -> TimeParts {
        let largest = UNITS.iter().find(|(_, unit, _)| ns >= *unit);
        let (name, unit, mut digits) = *largest.unwrap_or(&("ns", 1, 0));
        let mut fraction = ns % unit;
        while digits > 0 && fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        TimeParts {
            whole: ns / unit,
            fraction,
            digits,
            unit: name,
        }
    }
}

/// Nanoseconds of a time with its unit.
fn parse_time(word: &str) -> Option<u64> {
    let start = word.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, name) = word.split_at(start);
    let (_, unit, digits) = UNITS.iter().find(|(unit, _, _)| *unit == name)?;
    let (whole, fraction) = number
        .trim_ascii_end()
        .split_once('.')
        .unwrap_or((number.trim_ascii_end(), ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || fraction.len() > *digits {
        return None;
    }
    let missing = u32::try_from(digits - fraction.len()).ok()?;
    let fraction: u64 = match fraction {
        "" => 0,
        fraction => fraction
            .parse::<u64>()
            .ok()?
            .checked_mul(10u64.checked_pow(missing)?)?,
    };
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(*unit)?
        .checked_add(fraction)
}

/// Appends an IPv6 address, one of IPv4 in it as such where `either` may be meant; what is cut off of it is
/// not shown at all.
pub(super) fn push_address(
    bytes: &[u8],
    either: bool,
    style: Style,
    out: &mut Vec<u8>,
) -> Option<()> {
    let octets: [u8; 16] = bytes.try_into().ok()?;
    let address = Ipv6Addr::from(octets);
    quoted_unless(false, style, out, |out| {
        // A vector takes all that is written.
        let _ = match address.to_ipv4_mapped().filter(|_| either) {
            Some(four) => write!(out, "{four}"),
            None => write!(out, "{address}"),
        };
    });
    Some(())
}

/// The bytes of an IPv6 address, or of an IPv4 address as one.
pub(super) fn parse_address(word: &str) -> Option<[u8; 16]> {
    let six = word.parse::<Ipv6Addr>();
    let four = || word.parse::<Ipv4Addr>().map(|four| four.to_ipv6_mapped());
    six.or_else(|_| four()).ok().map(|address| address.octets())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_and_read_back() {
        for (ns, text) in [
            (0, "0ns"),
            (417, "417ns"),
            (1000, "1us"),
            (1001, "1.001us"),
            (1_234_567, "1.234567ms"),
            (2_500_000_000, "2.5s"),
            (u64::MAX, "18446744073.709551615s"),
        ] {
            let mut out = Vec::new();
            push_time(ns, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(parse_time(text), Some(ns), "{text}");
        }
        for wrong in [
            "1",
            "ms",
            "1.ms2",
            "1.0000001ms",
            "1h",
            "-1s",
            "99999999999s",
            ".5s",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
        assert_eq!(parse_time("1.50 ms"), Some(1_500_000));
    }

    #[test]
    fn names_of_addresses_are_known() {
        for name in ["saddr", "daddr_v6", "src_ip", "ip", "ip4", "addr", "dstip"] {
            assert!(is_address(name), "{name}");
        }
        for name in ["", "seq", "mask", "port", "sip_call"] {
            assert_eq!(is_address(name), name == "sip_call", "{name}");
        }
    }
}
