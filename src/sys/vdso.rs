//! The version code in the vDSO's ELF note, which every process has mapped: it needs no file, and
//! no distribution rewrites it.
//!
//! Source: getauxval(3), the kernel's `arch/arm64/kernel/vdso/note.S`.

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const NOTE_NAME: &[u8] = b"Linux\0";
const PHDR_SIZE: usize = 56;
const MAX_PHDRS: usize = 16;
/// vDSOs are two to four pages of code; none is near this.
const MAX_IMAGE: usize = 256 * 1024;

/// `LINUX_VERSION_CODE` of the running kernel; `None` without a vDSO or a note in it.
pub(super) fn version_code() -> Option<u32> {
    let image = image()?;
    note(image)
}

/// This process's vDSO.
fn image() -> Option<&'static [u8]> {
    // Safety: getauxval only looks up a number.
    let start = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    let start = std::ptr::with_exposed_provenance::<u8>(usize::try_from(start).ok()?);
    if start.is_null() {
        return None;
    }
    // Safety: the kernel mapped the image at that address for the life of the process, read-only,
    // at least one page of it; nobody writes it.
    let front: &'static [u8] = unsafe { std::slice::from_raw_parts(start, 4096) };
    let len = loaded_len(front)?;
    // Safety: as above; its PT_LOAD header, written by the kernel, says that this much is mapped.
    Some(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Bytes that the image's load headers cover.
fn loaded_len(front: &[u8]) -> Option<usize> {
    let mut len = None;
    for header in program_headers(front)? {
        if u32_at(header, 0)? == PT_LOAD {
            let end = u64_at(header, 8)?.checked_add(u64_at(header, 32)?)?;
            let end = usize::try_from(end).ok()?;
            len = Some(len.unwrap_or(0).max(end));
        }
    }
    len.filter(|len| *len <= MAX_IMAGE)
}

fn program_headers(image: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    if image.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let start = usize::try_from(u64_at(image, 32)?).ok()?;
    let size = usize::from(u16_at(image, 54)?);
    let count = usize::from(u16_at(image, 56)?);
    if size != PHDR_SIZE || count > MAX_PHDRS {
        return None;
    }
    let table = image.get(start..start.checked_add(size.checked_mul(count)?)?)?;
    Some(table.chunks_exact(PHDR_SIZE))
}

/// The version code in a whole image.
fn note(image: &[u8]) -> Option<u32> {
    for header in program_headers(image)? {
        if u32_at(header, 0)? != PT_NOTE {
            continue;
        }
        let start = usize::try_from(u64_at(header, 8)?).ok()?;
        let len = usize::try_from(u64_at(header, 32)?).ok()?;
        let notes = image.get(start..start.checked_add(len)?)?;
        if let Some(code) = linux_note(notes) {
            return Some(code);
        }
    }
    None
}

/// Walks notes: name length, description length, type, then both padded to 4 bytes.
fn linux_note(mut notes: &[u8]) -> Option<u32> {
    loop {
        let name_len = usize::try_from(u32_at(notes, 0)?).ok()?;
        let desc_len = usize::try_from(u32_at(notes, 4)?).ok()?;
        let kind = u32_at(notes, 8)?;
        let name_end = name_len.checked_add(12)?;
        let desc = name_end.checked_next_multiple_of(4)?;
        if notes.get(12..name_end)? == NOTE_NAME && kind == 0 && desc_len == 4 {
            return u32_at(notes, desc);
        }
        let next = desc.checked_add(desc_len.checked_next_multiple_of(4)?)?;
        notes = notes.get(next..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_note(name: &[u8], kind: u32, desc: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [name.len() as u32, desc.len() as u32, kind] {
            note.extend_from_slice(&number.to_le_bytes());
        }
        for part in [name, desc] {
            note.extend_from_slice(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    #[test]
    fn the_linux_note_is_found_behind_others() {
        let code = (6 << 16) | (12 << 8) | 41_u32;
        let mut notes = one_note(b"GNU\0", 3, &[0xaa; 20]);
        notes.extend(one_note(b"Linux\0", 0x100, &[0; 4]));
        notes.extend(one_note(b"Linux\0", 0, &code.to_le_bytes()));
        assert_eq!(linux_note(&notes), Some(code));
        for len in 0..notes.len() {
            assert_eq!(linux_note(&notes[..len]), None, "cut at {len}");
        }
    }

    #[test]
    fn absurd_lengths_end_the_walk() {
        let mut notes = one_note(b"Linux\0", 0, &[1; 4]);
        notes[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(linux_note(&notes), None);
        notes[0..4].copy_from_slice(&1_u32.to_le_bytes());
        notes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(linux_note(&notes), None);
    }

    #[test]
    fn this_process_has_a_vdso_that_agrees_with_its_release() {
        let Some(code) = version_code() else {
            // Emulators and old kernels have none.
            return;
        };
        let release = super::super::kernel::Version::parse(&super::super::kernel::release());
        assert_eq!(code >> 16, release.unwrap().major);
    }

    #[test]
    fn every_truncation_of_the_image_is_survived() {
        let Some(image) = image() else { return };
        for len in 0..image.len() {
            let _ = note(&image[..len]);
            let _ = loaded_len(&image[..len]);
        }
    }
}
