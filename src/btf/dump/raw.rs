//! One type in the notation of `bpftool btf dump`: a line, and one more for each thing in it.

use super::{Whole, decimal, signed};
use crate::btf::{BtfError, Header, IntEncoding, Kind, Linkage, StrOffset, TypeId};

const CUT: BtfError = BtfError::Truncated("a type record");

/// Writes type `id`, each line with its end. `room` is for the record and is used again and again.
///
/// # Errors
/// A record that does not exist or could not be read. What it refers to is not looked at, but for the
/// variables of a section, whose names stand behind them.
pub fn write_raw(
    types: &dyn Whole,
    id: TypeId,
    room: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), BtfError> {
    let header = types.record(id, room)?;
    let mut raw = Raw { types, out };
    raw.out.push(b'[');
    decimal(id.0.into(), raw.out);
    raw.text(&["] ", name(header.kind), " '"]);
    raw.name(header.name)?;
    raw.text(&["'"]);
    raw.body(&header, room.get(Header::LEN..).unwrap_or_default())?;
    raw.text(&["\n"]);
    Ok(())
}

/// What a kind is called.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Void => "UNKNOWN",
        Kind::Int => "INT",
        Kind::Ptr => "PTR",
        Kind::Array => "ARRAY",
        Kind::Struct => "STRUCT",
        Kind::Union => "UNION",
        Kind::Enum => "ENUM",
        Kind::Fwd => "FWD",
        Kind::Typedef => "TYPEDEF",
        Kind::Volatile => "VOLATILE",
        Kind::Const => "CONST",
        Kind::Restrict => "RESTRICT",
        Kind::Func => "FUNC",
        Kind::FuncProto => "FUNC_PROTO",
        Kind::Var => "VAR",
        Kind::Datasec => "DATASEC",
        Kind::Float => "FLOAT",
        Kind::DeclTag => "DECL_TAG",
        Kind::TypeTag => "TYPE_TAG",
        Kind::Enum64 => "ENUM64",
    }
}

struct Raw<'r> {
    types: &'r dyn Whole,
    out: &'r mut Vec<u8>,
}

impl Raw<'_> {
    fn text(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn number(&mut self, label: &str, number: u32) {
        self.text(&[label]);
        decimal(number.into(), self.out);
    }

    fn name(&mut self, name: StrOffset) -> Result<(), BtfError> {
        if name == StrOffset(0) {
            self.text(&["(anon)"]);
            return Ok(());
        }
        let from = self.out.len();
        match self.types.text(name, self.out) {
            Err(BtfError::NoSuchName(_)) => self.text(&["(invalid)"]),
            done => done?,
        }
        // A stranger's name must not act on a terminal, or pass for a line of its own.
        for byte in self.out.iter_mut().skip(from) {
            if byte.is_ascii_control() {
                *byte = b'?';
            }
        }
        Ok(())
    }

    fn body(&mut self, header: &Header, body: &[u8]) -> Result<(), BtfError> {
        let word = |index: usize| {
            body.as_chunks()
                .0
                .get(index)
                .map(|w| u32::from_le_bytes(*w))
        };
        match header.kind {
            Kind::Int => {
                let int = IntEncoding::parse(word(0).ok_or(CUT)?.to_le_bytes());
                self.number(" size=", header.size());
                self.number(" bits_offset=", int.bit_offset);
                self.number(" nr_bits=", int.bits);
                let encoding = match (int.signed, int.char, int.bool) {
                    _ if word(0).is_some_and(|word| word >> 27 & 1 != 0) => "UNKN",
                    (false, false, false) => "(none)",
                    (true, false, false) => "SIGNED",
                    (false, true, false) => "CHAR",
                    (false, false, true) => "BOOL",
                    _ => "UNKN",
                };
                self.text(&[" encoding=", encoding]);
            }
            Kind::Ptr
            | Kind::Const
            | Kind::Volatile
            | Kind::Restrict
            | Kind::Typedef
            | Kind::TypeTag => self.number(" type_id=", header.target().0),
            Kind::Array => {
                self.number(" type_id=", word(0).ok_or(CUT)?);
                self.number(" index_type_id=", word(1).ok_or(CUT)?);
                self.number(" nr_elems=", word(2).ok_or(CUT)?);
            }
            Kind::Struct | Kind::Union => self.members(header, body)?,
            Kind::Enum | Kind::Enum64 => self.enumerators(header, body)?,
            Kind::Fwd => self.text(&[
                " fwd_kind=",
                match header.flag {
                    true => "union",
                    false => "struct",
                },
            ]),
            Kind::Func => {
                self.number(" type_id=", header.target().0);
                self.text(&[" linkage=", linkage(header.vlen)]);
            }
            Kind::FuncProto => {
                self.number(" ret_type_id=", header.target().0);
                self.number(" vlen=", header.vlen);
                for [name, ty] in entries(body) {
                    self.entry(name)?;
                    self.number(" type_id=", ty);
                }
            }
            Kind::Var => {
                self.number(" type_id=", header.target().0);
                self.text(&[", linkage=", linkage(word(0).ok_or(CUT)?)]);
            }
            Kind::Datasec => self.variables(header, body)?,
            Kind::Float => self.number(" size=", header.size()),
            Kind::DeclTag => {
                self.number(" type_id=", header.target().0);
                self.text(&[" component_idx="]);
                signed((word(0).ok_or(CUT)? as i32).into(), self.out);
            }
            Kind::Void => {}
        }
        Ok(())
    }

    /// The start of the line of something inside.
    fn entry(&mut self, name: u32) -> Result<(), BtfError> {
        self.text(&["\n\t'"]);
        self.name(StrOffset(name))?;
        self.text(&["'"]);
        Ok(())
    }

    fn members(&mut self, header: &Header, body: &[u8]) -> Result<(), BtfError> {
        self.number(" size=", header.size());
        self.number(" vlen=", header.vlen);
        for [name, ty, offset] in entries(body) {
            let (offset, bits) = match header.flag {
                true => (offset & 0x00ff_ffff, offset >> 24),
                false => (offset, 0),
            };
            self.entry(name)?;
            self.number(" type_id=", ty);
            self.number(" bits_offset=", offset);
            if bits != 0 {
                self.number(" bitfield_size=", bits);
            }
        }
        Ok(())
    }

    fn enumerators(&mut self, header: &Header, body: &[u8]) -> Result<(), BtfError> {
        let encoding = match header.flag {
            true => "SIGNED",
            false => "UNSIGNED",
        };
        self.text(&[" encoding=", encoding]);
        self.number(" size=", header.size());
        self.number(" vlen=", header.vlen);
        if header.kind == Kind::Enum {
            for [name, value] in entries(body) {
                self.entry(name)?;
                self.text(&[" val="]);
                match header.flag {
                    true => signed((value as i32).into(), self.out),
                    false => decimal(value.into(), self.out),
                }
            }
            return Ok(());
        }
        for [name, low, high] in entries(body) {
            let value = u64::from(high) << 32 | u64::from(low);
            self.entry(name)?;
            self.text(&[" val="]);
            match header.flag {
                true => signed(value as i64, self.out),
                false => decimal(value, self.out),
            }
            self.text(&[match header.flag {
                true => "LL",
                false => "ULL",
            }]);
        }
        Ok(())
    }

    fn variables(&mut self, header: &Header, body: &[u8]) -> Result<(), BtfError> {
        self.number(" size=", header.size());
        self.number(" vlen=", header.vlen);
        for [ty, offset, size] in entries(body) {
            self.number("\n\ttype_id=", ty);
            self.number(" offset=", offset);
            self.number(" size=", size);
            if TypeId(ty) < self.types.end() {
                let of = self.types.header(TypeId(ty))?;
                self.text(&[" (", name(of.kind), " '"]);
                self.name(of.name)?;
                self.text(&["')"]);
            }
        }
        Ok(())
    }
}

/// The entries of a record, each of so many words.
fn entries<const WORDS: usize>(body: &[u8]) -> impl Iterator<Item = [u32; WORDS]> {
    body.chunks_exact(4 * WORDS).map(|entry| {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(entry.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    })
}

fn linkage(number: u32) -> &'static str {
    match Linkage::from_number(number) {
        Some(Linkage::Static) => "static",
        Some(Linkage::Global) => "global",
        Some(Linkage::Extern) => "extern",
        None => "(unknown)",
    }
}
