//! Records of functions, lines and relocations of all objects, in one `.BTF.ext`.

use super::{Input, JoinError};
use crate::btf::ExtRecords;

/// What a word behind the offset of a record is.
#[derive(Clone, Copy)]
enum Field {
    Type,
    Name,
    Plain,
}

const FUNC_INFO: &[Field] = &[Field::Type];
const LINE_INFO: &[Field] = &[Field::Name, Field::Name, Field::Plain];
const CORE_RELOS: &[Field] = &[Field::Type, Field::Name, Field::Plain];

/// The bytes of the section.
pub(super) fn merge(inputs: &[Input<'_>]) -> Result<Vec<u8>, Box<JoinError>> {
    let tables = [
        table(inputs, &|i| &i.ext.func_info, FUNC_INFO)?,
        table(inputs, &|i| &i.ext.line_info, LINE_INFO)?,
        table(inputs, &|i| &i.ext.core_relos, CORE_RELOS)?,
    ];
    const HEADER: u32 = 32;
    let mut out = Vec::new();
    put(&mut out, 0x0001_eb9f);
    put(&mut out, HEADER);
    let mut at = 0u32;
    for table in &tables {
        put(&mut out, at);
        put(&mut out, table.len() as u32);
        at = u32::try_from(table.len())
            .ok()
            .and_then(|len| at.checked_add(len))
            .ok_or(JoinError::TooLarge("the section .BTF.ext"))?;
    }
    for table in tables {
        out.extend(table);
    }
    Ok(out)
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_le_bytes());
}

/// One of the three tables, in records as long as the longest of any object: more words are zero where
/// an older compiler wrote none.
fn table<'t, 'a: 't>(
    inputs: &'t [Input<'a>],
    of: &dyn Fn(&'t Input<'a>) -> &'t ExtRecords<'a>,
    fields: &[Field],
) -> Result<Vec<u8>, Box<JoinError>> {
    let len = inputs.iter().map(|input| of(input).record_len).max();
    let len = len.unwrap_or_default();
    let mut out = Vec::new();
    if len == 0 {
        return Ok(out);
    }
    put(&mut out, len as u32);
    for input in inputs {
        let (Some(btf), records) = (&input.btf, of(input)) else {
            continue;
        };
        for section in &records.sections {
            let name = btf.str_at(section.section).unwrap_or_default();
            let Some(place) = input.place_of(name) else {
                continue;
            };
            let records = section.records.chunks_exact(records.record_len.max(1));
            put(&mut out, shift(section.section.0, input.names)?);
            put(&mut out, records.len() as u32);
            for record in records {
                let end = out.len() + len;
                append(input, record, place.base, fields, &mut out)?;
                out.resize(end, 0);
            }
        }
    }
    Ok(out)
}

fn append(
    input: &Input<'_>,
    record: &[u8],
    base: u64,
    fields: &[Field],
    out: &mut Vec<u8>,
) -> Result<(), Box<JoinError>> {
    let (words, _) = record.as_chunks::<4>();
    for (index, word) in words.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        let field = index.checked_sub(1).map(|index| fields.get(index));
        let word = match field {
            None => word
                .checked_add(base as u32)
                .ok_or(JoinError::TooLarge("a section"))?,
            Some(Some(Field::Type)) => input.types.get(word as usize).copied().unwrap_or(0),
            Some(Some(Field::Name)) => shift(word, input.names)?,
            Some(Some(Field::Plain) | None) => word,
        };
        put(out, word);
    }
    Ok(())
}

/// A name's new offset. The empty name stays the first.
pub(super) fn shift(name: u32, by: u32) -> Result<u32, Box<JoinError>> {
    match name {
        0 => Ok(0),
        _ => name
            .checked_add(by)
            .ok_or_else(|| Box::new(JoinError::TooLarge("names of types"))),
    }
}
