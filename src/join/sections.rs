//! Sections of one name, one behind the other.

use std::borrow::Cow;

use object::elf::{SHF_ALLOC, SHT_NOBITS, SHT_PROGBITS};

use super::{Input, JoinError, Place};
use crate::elf;

/// A section of the output.
pub(super) struct Section<'a> {
    pub name: &'a str,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// `sh_addralign`.
    pub align: u64,
    /// Empty for NOBITS.
    pub data: Cow<'a, [u8]>,
    /// In bytes, for NOBITS too.
    pub size: u64,
}

impl Section<'_> {
    /// A section that is not loaded, and read by this program.
    pub fn table(name: &'static str, data: Vec<u8>) -> Section<'static> {
        Section {
            name,
            kind: SHT_PROGBITS.0,
            flags: 0,
            align: 4,
            size: data.len() as u64,
            data: Cow::Owned(data),
        }
    }
}

/// Sections of which all must have the same contents, and one is kept.
const ONCE: [&str; 2] = ["license", "version"];

/// What the kernel takes for the GPL (`license_is_gpl_compatible`).
const GPL: [&str; 6] = [
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

/// Bytes in a section, at most: what 32-bit offsets reach, and more than any kernel takes.
const MOST: u64 = i32::MAX as u64;

/// What a loader reads: code and data. The compiler's tables for debuggers and unwinders are not.
fn is_kept(section: &elf::Section<'_>) -> bool {
    let contents = section.kind == SHT_PROGBITS.0 || section.kind == SHT_NOBITS.0;
    // GCC marks neither license nor maps otherwise than data.
    contents && section.flags & SHF_ALLOC.0 != 0 && section.name != ".eh_frame"
}

/// Lays out the sections of all objects, and notes in each object where its own went.
pub(super) fn lay_out<'a>(inputs: &mut [Input<'a>]) -> Result<Vec<Section<'a>>, Box<JoinError>> {
    let mut out: Vec<Section<'a>> = Vec::new();
    let mut license: Option<(&str, &[u8])> = None;
    for input in inputs {
        let mut places = Vec::with_capacity(input.elf.sections.len());
        for section in &input.elf.sections {
            if !is_kept(section) {
                places.push(None);
                continue;
            }
            let place = append(&mut out, section)?;
            places.push(Some(place));
            if section.name != "license" {
                continue;
            }
            let (first, one) = *license.get_or_insert((input.name, section.data));
            let [one, other] = [one, section.data].map(words);
            if one == other {
                continue;
            }
            // What is under the GPL or another license, and what is under the GPL, is together under it.
            if ![&one, &other].iter().all(|l| GPL.contains(&l.as_str())) {
                return Err(JoinError::License {
                    first: first.into(),
                    one,
                    second: input.name.into(),
                    other,
                }
                .into());
            }
            if let Some(license) = out.get_mut(place.section) {
                license.data = Cow::Borrowed(b"GPL\0");
                license.size = 4;
            }
        }
        input.places = places;
    }
    Ok(out)
}

/// A license without its zero.
fn words(license: &[u8]) -> String {
    let text = license.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn append<'a>(
    out: &mut Vec<Section<'a>>,
    section: &elf::Section<'a>,
) -> Result<Place, Box<JoinError>> {
    let align = section.align.clamp(1, 4096).next_power_of_two();
    let Some(at) = out.iter().position(|o| o.name == section.name) else {
        out.push(Section {
            name: section.name,
            kind: section.kind,
            flags: section.flags,
            align,
            data: Cow::Borrowed(section.data),
            size: section.size,
        });
        let section = out.len() - 1;
        return Ok(Place { section, base: 0 });
    };
    let place = |base| Place { section: at, base };
    let Some(known) = out.get_mut(at).filter(|_| !ONCE.contains(&section.name)) else {
        return Ok(place(0));
    };
    let base = known.size.checked_next_multiple_of(align);
    let end = base.and_then(|base| base.checked_add(section.size));
    let (Some(base), Some(end)) = (base, end.filter(|end| *end <= MOST)) else {
        return Err(JoinError::TooLarge("a section has more than 2 GiB").into());
    };
    if known.kind == SHT_PROGBITS.0 || section.kind == SHT_PROGBITS.0 {
        // What one object leaves to be zero, and another does not, is written out.
        known.kind = SHT_PROGBITS.0;
        let data = known.data.to_mut();
        data.resize(base as usize, 0);
        data.extend_from_slice(section.data);
        data.resize(end as usize, 0);
    }
    known.size = end;
    known.flags |= section.flags;
    known.align = known.align.max(align);
    Ok(place(base))
}
