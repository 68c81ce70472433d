//! Things inside other files: BPF objects in the programs that embed them, BTF in kernel images.

const EM_BPF: u16 = 247;
const BTF_HEADER: usize = 24;

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Every BPF object in a file, in order. An object ends with its section headers, as LLVM writes it.
pub fn objects(file: &[u8]) -> Vec<&[u8]> {
    let magic = b"\x7fELF\x02\x01\x01";
    let starts = (0..file.len()).filter(|at| file[*at] == 0x7f && file[*at..].starts_with(magic));
    starts.filter_map(|at| object(&file[at..])).collect()
}

fn object(bytes: &[u8]) -> Option<&[u8]> {
    if half(bytes, 18)? != EM_BPF {
        return None;
    }
    let headers = usize::from(half(bytes, 58)?) * usize::from(half(bytes, 60)?);
    let end = usize::try_from(long(bytes, 40)?)
        .ok()?
        .checked_add(headers)?;
    bytes.get(..end)
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
