//! An object's BTF made ready for the kernel, which wants what only the linker knows.

use super::{Btf, BtfError, Header, Kind, Types};

/// What the ELF knows of a DATASEC and the compiler left open: sizes are 0 and offsets unset there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasecFill {
    /// The section, as both the ELF and the BTF call it.
    pub section: String,
    /// Its size in bytes.
    pub size: u32,
    /// Its variables: name and byte offset.
    pub vars: Vec<(String, u32)>,
}

/// The bytes for BPF_BTF_LOAD: a copy of the object's BTF with every DATASEC's size and variable
/// offsets filled in, variables in the order of their offsets as the kernel's
/// `btf_datasec_check_meta` wants them, and what needs no place in memory (`.ksyms`) laid out
/// one after another.
///
/// # Errors
/// Records that can't be read.
pub fn for_kernel(btf: &Btf<'_>, fills: &[DatasecFill]) -> Result<Vec<u8>, BtfError> {
    let mut out = btf.data().to_vec();
    for id in btf.ids() {
        let header = btf.header(id)?;
        if header.kind == Kind::Datasec {
            fill_datasec(btf, &header, fills, &mut out)?;
        }
        // Static variables are loaded as they are; an extern VAR is refused by the kernel.
        if header.kind == Kind::Var && btf.linkage(&header)? == super::Linkage::Extern {
            put(&mut out, btf.record_at(id)? + Header::LEN, 1)?;
        }
    }
    #[cfg(feature = "full")]
    super::ksyms::hide(btf, &mut out)?;
    Ok(out)
}

fn fill_datasec(
    btf: &Btf<'_>,
    datasec: &Header,
    fills: &[DatasecFill],
    out: &mut [u8],
) -> Result<(), BtfError> {
    let name = btf.str_at(datasec.name).unwrap_or_default();
    let fill = fills.iter().find(|f| f.section == name);
    let mut infos = Vec::new();
    let mut next = 0u32;
    for index in 0..datasec.vlen {
        let mut info = btf.secinfo(datasec, index)?;
        let var = btf.header(info.var)?;
        let var_name = btf.str_at(var.name).unwrap_or_default();
        match fill.and_then(|f| f.vars.iter().find(|(n, _)| n == var_name)) {
            // A linker has filled it in: two variables may have one name.
            _ if fill.is_some() && datasec.size() != 0 => {}
            Some((_, offset)) => info.offset = *offset,
            None if fill.is_none() => {
                info.offset = next;
                info.size = info.size.max(1);
            }
            None => {}
        }
        next = info.offset.saturating_add(info.size);
        infos.push(info);
    }
    infos.sort_by_key(|i| i.offset);
    let end = infos.last().map_or(0, |i| i.offset.saturating_add(i.size));
    let size = match fill {
        // `.maps` has no size of its own: it is never in memory.
        Some(fill) => fill.size.max(end),
        None => datasec.size().max(end),
    };
    let at = btf.record_at(datasec.id)?;
    put(out, at + 8, size)?;
    for (index, info) in infos.iter().enumerate() {
        let entry = at + Header::LEN + index * 12;
        put(out, entry, info.var.0)?;
        put(out, entry + 4, info.offset)?;
        put(out, entry + 8, info.size)?;
    }
    Ok(())
}

pub(super) fn put(out: &mut [u8], at: usize, word: u32) -> Result<(), BtfError> {
    let place = out
        .get_mut(at..at + 4)
        .ok_or(BtfError::Truncated("a type record"))?;
    place.copy_from_slice(&word.to_le_bytes());
    Ok(())
}
