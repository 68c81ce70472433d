//! `.BTF.ext`: which function and source line each instruction belongs to, and what to relocate.

use super::{Btf, BtfError, StrOffset, TypeId};

/// What a CO-RE relocation asks, numbered as in the kernel's `enum bpf_core_relo_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum RelocationKind {
    /// Byte offset of a field.
    FieldByteOffset = 0,
    /// Size of a field in bytes.
    FieldByteSize = 1,
    /// 1 if the field is there.
    FieldExists = 2,
    /// 1 if the field is signed.
    FieldSigned = 3,
    /// Left shift that brings a bitfield to the top of 64 bits.
    FieldLshiftU64 = 4,
    /// Right shift that brings it down again.
    FieldRshiftU64 = 5,
    /// The type's number in the object.
    TypeIdLocal = 6,
    /// The type's number in the kernel.
    TypeIdTarget = 7,
    /// 1 if the type is there.
    TypeExists = 8,
    /// Size of the type in bytes.
    TypeSize = 9,
    /// 1 if the enumerator is there.
    EnumvalExists = 10,
    /// The enumerator's value.
    EnumvalValue = 11,
    /// 1 if a type is there that matches in every part.
    TypeMatches = 12,
}

impl RelocationKind {
    /// From the number in the record.
    pub fn from_number(number: u32) -> Option<RelocationKind> {
        use RelocationKind::*;
        const ALL: [RelocationKind; 13] = [
            FieldByteOffset,
            FieldByteSize,
            FieldExists,
            FieldSigned,
            FieldLshiftU64,
            FieldRshiftU64,
            TypeIdLocal,
            TypeIdTarget,
            TypeExists,
            TypeSize,
            EnumvalExists,
            EnumvalValue,
            TypeMatches,
        ];
        ALL.get(number as usize).copied()
    }

    /// The name that loaders print.
    pub fn name(self) -> &'static str {
        use RelocationKind::*;
        match self {
            FieldByteOffset => "byte_off",
            FieldByteSize => "byte_sz",
            FieldExists => "field_exists",
            FieldSigned => "signed",
            FieldLshiftU64 => "lshift_u64",
            FieldRshiftU64 => "rshift_u64",
            TypeIdLocal => "local_type_id",
            TypeIdTarget => "target_type_id",
            TypeExists => "type_exists",
            TypeSize => "type_size",
            EnumvalExists => "enumval_exists",
            EnumvalValue => "enumval_value",
            TypeMatches => "type_matches",
        }
    }

    /// About a member of a struct or union.
    pub fn is_field(self) -> bool {
        (self as u32) <= RelocationKind::FieldRshiftU64 as u32
    }

    /// About an enumerator.
    pub fn is_enumval(self) -> bool {
        matches!(
            self,
            RelocationKind::EnumvalExists | RelocationKind::EnumvalValue
        )
    }
}

/// One CO-RE relocation record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRelo {
    /// Byte of the instruction in its section.
    pub insn_offset: u32,
    /// The root type, in the object's BTF.
    pub type_id: TypeId,
    /// The access string, such as `0:1:2`.
    pub access: StrOffset,
    /// What is asked.
    pub kind: RelocationKind,
}

/// The records of one kind for one ELF section.
#[derive(Clone, Copy, Debug)]
pub struct ExtSection<'a> {
    /// The ELF section's name.
    pub section: StrOffset,
    /// The records, one after another, each as long as [`ExtRecords::record_len`] says.
    pub records: &'a [u8],
}

/// All records of one kind: func_info, line_info or core relocations.
#[derive(Clone, Debug, Default)]
pub struct ExtRecords<'a> {
    /// Bytes of one record. The first word of each is the instruction's byte offset.
    pub record_len: usize,
    /// The records by ELF section.
    pub sections: Vec<ExtSection<'a>>,
}

impl<'a> ExtRecords<'a> {
    /// Reads one table; `smallest` is the record length of the first version of the format.
    fn parse(table: &'a [u8], smallest: usize) -> Result<ExtRecords<'a>, BtfError> {
        if table.is_empty() {
            return Ok(ExtRecords::default());
        }
        let (record_len, mut rest) = take_word(table)?;
        let record_len = record_len as usize;
        if record_len < smallest || !record_len.is_multiple_of(4) || record_len > 4096 {
            return Err(BtfError::Ext("a record length that can't be"));
        }
        let mut sections = Vec::new();
        while !rest.is_empty() {
            let (section, after) = take_word(rest)?;
            let (count, after) = take_word(after)?;
            let len = (count as usize)
                .checked_mul(record_len)
                .filter(|&len| count != 0 && len <= after.len())
                .ok_or(BtfError::Ext("a table is longer than its section"))?;
            let (records, after) = after.split_at(len);
            sections.push(ExtSection {
                section: StrOffset(section),
                records,
            });
            rest = after;
        }
        Ok(ExtRecords {
            record_len,
            sections,
        })
    }

    /// The records of the ELF section called `name`, whole, in file order.
    pub fn of<'s>(
        &'s self,
        btf: &'s Btf<'a>,
        name: &'s str,
    ) -> impl Iterator<Item = &'a [u8]> + 's {
        self.sections
            .iter()
            .filter(move |s| btf.str_at(s.section) == Some(name))
            .flat_map(|s| s.records.chunks_exact(self.record_len.max(1)))
    }
}

/// A whole `.BTF.ext`.
#[derive(Clone, Debug, Default)]
pub struct BtfExt<'a> {
    /// `bpf_func_info` records: instruction offset, FUNC type.
    pub func_info: ExtRecords<'a>,
    /// `bpf_line_info` records: instruction offset, file, line text, line and column.
    pub line_info: ExtRecords<'a>,
    /// `bpf_core_relo` records; none where the compiler wrote none.
    pub core_relos: ExtRecords<'a>,
}

impl<'a> BtfExt<'a> {
    /// Reads a `.BTF.ext` section.
    ///
    /// # Errors
    /// Another magic number or version, a table outside the section, records of an odd length.
    pub fn parse(data: &'a [u8]) -> Result<BtfExt<'a>, BtfError> {
        let (first, _) = take_word(data)?;
        match first as u16 {
            0xeb9f => {}
            0x9feb => return Err(BtfError::BigEndian),
            other => return Err(BtfError::Magic(other)),
        }
        if (first >> 16) as u8 != 1 {
            return Err(BtfError::Ext("its version is not 1"));
        }
        let header_len = word_at(data, 4)? as usize;
        let body = data
            .get(header_len..)
            .filter(|_| header_len >= 24)
            .ok_or(BtfError::Ext("a header length that can't be"))?;
        let table = |at: usize| -> Result<&'a [u8], BtfError> {
            let (offset, len) = (word_at(data, at)? as usize, word_at(data, at + 4)? as usize);
            let end = offset.checked_add(len);
            end.and_then(|end| body.get(offset..end))
                .ok_or(BtfError::Ext("a table lies outside the section"))
        };
        Ok(BtfExt {
            func_info: ExtRecords::parse(table(8)?, 8)?,
            line_info: ExtRecords::parse(table(16)?, 16)?,
            // The core relocations came with a longer header.
            core_relos: match header_len >= 32 {
                true => ExtRecords::parse(table(24)?, 16)?,
                false => ExtRecords::default(),
            },
        })
    }
}

impl CoreRelo {
    /// Reads one record.
    pub fn parse(record: &[u8]) -> Result<CoreRelo, BtfError> {
        let kind = RelocationKind::from_number(word_at(record, 12)?)
            .ok_or(BtfError::Ext("a core relocation of an unknown kind"))?;
        Ok(CoreRelo {
            insn_offset: word_at(record, 0)?,
            type_id: TypeId(word_at(record, 4)?),
            access: StrOffset(word_at(record, 8)?),
            kind,
        })
    }
}

fn word_at(data: &[u8], at: usize) -> Result<u32, BtfError> {
    let bytes = data
        .get(at..at.saturating_add(4))
        .and_then(|b| <[u8; 4]>::try_from(b).ok());
    Ok(u32::from_le_bytes(
        bytes.ok_or(BtfError::Ext("it is cut off"))?,
    ))
}

fn take_word(data: &[u8]) -> Result<(u32, &[u8]), BtfError> {
    let word = word_at(data, 0)?;
    Ok((word, data.get(4..).unwrap_or_default()))
}
