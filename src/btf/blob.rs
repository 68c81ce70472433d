//! BTF that is in memory, borrowed from whoever holds the bytes.

use super::{BtfError, Kind, StrOffset, TypeId, Types, record_len};

/// Where the two parts of a BTF lie, read from its header. Offsets and lengths in bytes from the
/// first byte of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The first type record.
    pub types_at: usize,
    /// Bytes of type records.
    pub types_len: usize,
    /// The first name, which is the empty one.
    pub strings_at: usize,
    /// Bytes of names.
    pub strings_len: usize,
}

impl Layout {
    /// Bytes of header that [`Layout::parse`] wants to see.
    pub const HEADER: usize = 24;

    /// Reads a header. `total` is the length of the whole BTF in bytes.
    pub fn parse(header: &[u8], total: usize) -> Result<Layout, BtfError> {
        let word = |at: usize| -> Result<usize, BtfError> {
            let bytes = header
                .get(at..at + 4)
                .and_then(|b| <[u8; 4]>::try_from(b).ok());
            let bytes = bytes.ok_or(BtfError::Truncated("the header"))?;
            Ok(u32::from_le_bytes(bytes) as usize)
        };
        let first = word(0)?;
        match first as u16 {
            0xeb9f => {}
            0x9feb => return Err(BtfError::BigEndian),
            other => return Err(BtfError::Magic(other)),
        }
        if (first >> 16) as u8 != 1 {
            return Err(BtfError::Header("its version is not 1"));
        }
        let header_len = word(4)?;
        if header_len < Layout::HEADER {
            return Err(BtfError::Header("its length is below 24 bytes"));
        }
        let place = |offset: usize, len: usize, what: &'static str| {
            let at = header_len
                .checked_add(offset)
                .ok_or(BtfError::Truncated(what))?;
            match at.checked_add(len) {
                Some(end) if end <= total => Ok(at),
                _ => Err(BtfError::Truncated(what)),
            }
        };
        let (types_len, strings_len) = (word(12)?, word(20)?);
        Ok(Layout {
            types_at: place(word(8)?, types_len, "the type section")?,
            types_len,
            strings_at: place(word(16)?, strings_len, "the string section")?,
            strings_len,
        })
    }
}

/// BTF in memory: the bytes as they came, and where each record starts.
///
/// Costs four bytes per type beside the bytes, which stay with their owner.
#[derive(Clone, Debug)]
pub struct Btf<'a> {
    data: &'a [u8],
    layout: Layout,
    /// Start of each record in the type section; record `i` is type `i + 1`.
    starts: Vec<u32>,
}

impl<'a> Btf<'a> {
    /// Reads a whole `.BTF`. Records are walked once; their contents are checked when they are read.
    ///
    /// # Errors
    /// A header, record or name table that is not what it says, each with its place.
    pub fn parse(data: &'a [u8]) -> Result<Btf<'a>, BtfError> {
        let layout = Layout::parse(data, data.len())?;
        let mut btf = Btf {
            data,
            layout,
            starts: Vec::new(),
        };
        let strings = btf.strings();
        if strings.first() != Some(&0) || strings.last() != Some(&0) {
            return Err(BtfError::Header(
                "its string section does not start and end with a NUL",
            ));
        }
        let types = btf.type_bytes();
        let mut at = 0;
        while at < types.len() {
            let id = TypeId(btf.starts.len() as u32 + 1);
            let info = types
                .get(at + 4..at + 8)
                .and_then(|b| <[u8; 4]>::try_from(b).ok());
            let info = u32::from_le_bytes(info.ok_or(BtfError::Truncated("the last type record"))?);
            let number = (info >> 24) as u8 & 0x1f;
            let len = match record_len(info) {
                Some(len) if number != Kind::Void as u8 => len,
                _ => return Err(BtfError::UnknownKind { id, kind: number }),
            };
            if types.len() - at < len {
                return Err(BtfError::Truncated("the last type record"));
            }
            btf.starts.push(at as u32);
            at += len;
        }
        Ok(btf)
    }

    /// The bytes as they came, header first.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Where the parts of [`Btf::data`] lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How many records there are; the last one's number.
    pub fn len(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Whether there is no record at all.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Every type number in order.
    pub fn ids(&self) -> impl Iterator<Item = TypeId> + use<> {
        (1..=self.len()).map(TypeId)
    }

    /// The first type of this kind and exact name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        self.ids().find(|&id| {
            self.header(id)
                .is_ok_and(|h| h.kind == kind && self.name(h.name) == Some(name))
        })
    }

    /// The string section.
    pub fn strings(&self) -> &'a [u8] {
        let Layout {
            strings_at,
            strings_len,
            ..
        } = self.layout;
        self.data
            .get(strings_at..strings_at + strings_len)
            .unwrap_or_default()
    }

    /// Byte of [`Btf::data`] at which record `id` starts.
    pub fn record_at(&self, id: TypeId) -> Result<usize, BtfError> {
        let index = (id.0 as usize)
            .checked_sub(1)
            .ok_or(BtfError::NoSuchType(id))?;
        let start = self.starts.get(index).ok_or(BtfError::NoSuchType(id))?;
        Ok(self.layout.types_at + *start as usize)
    }

    /// The name at `offset`, with the lifetime of the bytes.
    pub fn str_at(&self, offset: StrOffset) -> Option<&'a str> {
        let rest = self.strings().get(offset.0 as usize..)?;
        let end = rest.iter().position(|&b| b == 0)?;
        core::str::from_utf8(rest.get(..end)?).ok()
    }

    fn type_bytes(&self) -> &'a [u8] {
        let Layout {
            types_at,
            types_len,
            ..
        } = self.layout;
        self.data
            .get(types_at..types_at + types_len)
            .unwrap_or_default()
    }
}

impl Types for Btf<'_> {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, at: usize, out: &mut [u8]) -> Result<(), BtfError> {
        let start = self.record_at(id)?;
        let end = match self.starts.get(id.0 as usize) {
            Some(next) => self.layout.types_at + *next as usize,
            None => self.layout.types_at + self.layout.types_len,
        };
        let record = self.data.get(start..end);
        let wanted = record.and_then(|r| r.get(at..at.checked_add(out.len())?));
        out.copy_from_slice(wanted.ok_or(BtfError::Truncated("a type record"))?);
        Ok(())
    }

    fn name(&self, offset: StrOffset) -> Option<&str> {
        self.str_at(offset)
    }
}
