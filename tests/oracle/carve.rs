//! The BTF inside a kernel image.

const BTF_HEADER: usize = 24;

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

/// The largest BTF in a kernel image. Its header is one whose parts follow each other and whose
/// strings begin and end with a zero byte.
pub fn btf(image: &[u8]) -> Option<&[u8]> {
    let starts = (0..image.len()).step_by(4);
    let found = starts.filter_map(|at| btf_at(&image[at..]));
    found.max_by_key(|btf| btf.len())
}

fn btf_at(bytes: &[u8]) -> Option<&[u8]> {
    // Magic, version 1, no flags.
    if !bytes.starts_with(&[0x9f, 0xeb, 1, 0]) || word(bytes, 4)? != BTF_HEADER {
        return None;
    }
    let [types, types_len, strings, strings_len] =
        [8, 12, 16, 20].map(|at| word(bytes, at).unwrap_or_default());
    if types != 0 || strings != types_len || types_len == 0 || strings_len == 0 {
        return None;
    }
    let whole = bytes.get(..BTF_HEADER + types_len + strings_len)?;
    let strings = &whole[BTF_HEADER + types_len..];
    (strings.first() == Some(&0) && strings.last() == Some(&0)).then_some(whole)
}
