//! The braces of a struct or union, and what fills the holes between its members.

use super::c::CHeader;
use super::conflicts::identifier;
use super::decimal;
use super::layout::Layout;
use crate::btf::{BtfError, Header, Kind, Member, StrOffset};

/// Lines of filling before one array is better.
const MAX_LINES: u64 = 32;

impl CHeader<'_> {
    /// Appends a struct or union with its members.
    pub(super) fn composite(&mut self, of: &Header, level: usize) -> Result<(), BtfError> {
        let layout = self.aligns.layout(of)?;
        match (of.name, of.kind) {
            (StrOffset(0), Kind::Union) => self.push("union"),
            (StrOffset(0), _) => self.push("struct"),
            _ => self.tag(of)?,
        }
        self.push(" {");
        let mut name = Vec::new();
        // Bits: where the last member ended, and the largest of all.
        let (mut at, mut largest) = (0, 0);
        for index in 0..of.vlen {
            self.tick(of.id)?;
            let member = self.types.member(of, index)?;
            let place = self.aligns.place(of, &member)?;
            if of.kind == Kind::Struct && layout.natural(at, &place) < place.offset {
                self.fill(layout, at, place.offset, level + 1);
            }
            identifier(self.types, member.name, &mut name)?;
            self.line(level + 1);
            match self.unnamed(&member)? {
                Some(inner) => self.composite(&inner, level + 1)?,
                None => self.declaration(member.ty, &name, level + 1)?,
            }
            let len = match place.width {
                Some(width) => {
                    self.push(": ");
                    decimal(width.into(), &mut self.out);
                    width.into()
                }
                None => place.size,
            };
            self.push(";");
            at = place.offset.saturating_add(len);
            largest = largest.max(at);
        }
        let size = u64::from(of.size()) * 8;
        let end = match of.kind {
            Kind::Union => largest,
            _ => at,
        };
        if layout.natural_end(end) < size {
            match of.kind {
                Kind::Struct if of.vlen > 0 => self.fill(layout, end, size, level + 1),
                _ => self.array(0, size / 8, level + 1),
            }
        }
        if of.vlen > 0 || size > 0 {
            self.line(level);
        }
        self.push("}");
        if layout.packed {
            self.push(" __attribute__((packed))");
        }
        Ok(())
    }

    /// The struct that a member without a name is, where it has a name itself. Only GCC's
    /// -fms-extensions, which the kernel uses from 6.19 on, knows such members: for others it is
    /// written without its name.
    fn unnamed(&self, member: &Member) -> Result<Option<Header>, BtfError> {
        if member.name != StrOffset(0) {
            return Ok(None);
        }
        let inner = self.types.peel(member.ty)?;
        let is_named = inner.kind.is_composite() && inner.name != StrOffset(0);
        Ok(is_named.then_some(Header {
            name: StrOffset(0),
            ..inner
        }))
    }

    /// Fills the bits from `at` to `to`.
    fn fill(&mut self, layout: Layout, at: u64, to: u64, level: usize) {
        let mut at = at;
        let mut lines = 0;
        while at < to {
            if lines == MAX_LINES && at.is_multiple_of(8) && to.is_multiple_of(8) {
                return self.array(at / 8, (to - at) / 8, level);
            }
            let (ty, bits) = layout.filling(at, to);
            self.line(level);
            self.push(ty);
            self.push(": ");
            decimal(bits, &mut self.out);
            self.push(";");
            at += bits;
            lines += 1;
        }
    }

    /// Fills so many bytes at once. No member can be so called twice, for each has its own place.
    fn array(&mut self, at: u64, len: u64, level: usize) {
        self.line(level);
        self.push("char ___pad");
        decimal(at, &mut self.out);
        self.push("[");
        decimal(len, &mut self.out);
        self.push("];");
    }

    /// The name of an int or float, or where a compiler does not know it, that of one of its size.
    pub(super) fn builtin(&mut self, header: &Header) -> Result<(), BtfError> {
        const WORDS: [&[u8]; 11] = [
            b"signed",
            b"unsigned",
            b"char",
            b"short",
            b"int",
            b"long",
            b"_Bool",
            b"__int128",
            b"float",
            b"double",
            b"",
        ];
        let mut name = Vec::new();
        if header.name != StrOffset(0) {
            self.types.text(header.name, &mut name)?;
        }
        let is_known = |word: &[u8]| WORDS.contains(&word);
        // Not every target has a `long double` of 16 bytes.
        let is_wide = name.starts_with(b"long double");
        if !name.is_empty() && name.split(|&b| b == b' ').all(is_known) && !is_wide {
            self.out.extend_from_slice(&name);
            return Ok(());
        }
        let signed = header.kind == Kind::Int && self.types.int(header)?.signed;
        if !signed {
            self.push("unsigned ");
        }
        self.push(match header.size() {
            1 if signed => "signed char",
            1 => "char",
            2 => "short",
            4 => "int",
            8 => "long long",
            16 => "__int128",
            _ => return Err(BtfError::NoSize(header.id)),
        });
        Ok(())
    }
}
