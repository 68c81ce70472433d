//! The instructions of a program in the kernel, without what differs from one load to the next.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io;

use btfly::sys::bpf;

/// `BPF_LD | BPF_IMM | BPF_DW`, which takes two slots.
const LOAD_64: u8 = 0x18;

/// What the source register of such a load says that its immediate is.
const MAP: u8 = 1;
const MAP_VALUE: u8 = 2;
const FUNCTION: u8 = 4;

/// One line a slot. Ids of maps become what the map is, addresses in the kernel are left out.
pub fn listing(prog: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let bytes = bpf::prog_insns(prog)?;
    let mut lines = Vec::new();
    let mut slots = bytes.chunks_exact(8);
    while let Some(slot) = slots.next() {
        let number = u64::from_le_bytes(slot.try_into().unwrap_or_default());
        let (code, source) = (slot[0], slot[1] >> 4);
        if code != LOAD_64 {
            lines.push(format!("{number:016x}"));
            continue;
        }
        let head = number & 0xffff_ffff;
        let second = slots.next().unwrap_or(&[0; 8]);
        let second = u64::from_le_bytes(second.try_into().unwrap_or_default());
        let id = (number >> 32) as u32;
        let value = u64::from(id) | second & 0xffff_ffff_0000_0000;
        lines.push(match source {
            MAP => format!("{head:08x} {}", map(id)),
            MAP_VALUE => format!("{head:08x} {} + {}", map(id), second >> 32),
            FUNCTION => format!("{head:08x} function"),
            _ if value >> 48 == 0xffff => format!("{head:08x} address"),
            _ => format!("{head:08x} {value:#x}"),
        });
        lines.push(format!("{:08x}", second & 0xffff_ffff));
    }
    Ok(lines)
}

/// A map as both sides make it: its name and its sizes. Before the dot stands the object's name, as much
/// of it as had room.
fn map(id: u32) -> String {
    let info = bpf::map_get_fd_by_id(id).and_then(|fd| bpf::map_info(fd.as_fd()));
    let Ok(info) = info else {
        return "no map".into();
    };
    let end = info.name.iter().position(|&b| b == 0);
    let name = &info.name[..end.unwrap_or(info.name.len())];
    let name = String::from_utf8_lossy(name);
    let name = match name.find('.') {
        Some(at) => name[at..].chars().take(6).collect(),
        None => name.into_owned(),
    };
    let sizes = (
        info.map_type,
        info.key_size,
        info.value_size,
        info.max_entries,
    );
    format!("map {name} {sizes:?}")
}
