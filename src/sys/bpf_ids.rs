//! What is loaded, by id: listing, opening, asking.

use super::abi::{
    BPF_BTF_GET_FD_BY_ID, BPF_BTF_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, BPF_LINK_GET_NEXT_ID,
    BPF_MAP_GET_FD_BY_ID, BPF_MAP_GET_NEXT_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_GET_FD_BY_ID,
    BPF_PROG_GET_NEXT_ID, BtfInfo, IdAttr, InfoAttr, LinkInfo, MapInfo, ProgInfo,
};
use super::bpf_call::{call, call_for_fd, length, number};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};
use std::mem::size_of;

/// # Safety
/// `I` is one of the kernel's info structs for this kind of descriptor, all integers, and any
/// address in it is valid for writing.
pub(super) unsafe fn info<I: Copy>(fd: BorrowedFd<'_>, answer: &mut I) -> io::Result<()> {
    let mut attr = InfoAttr {
        bpf_fd: number(fd),
        info_len: length(size_of::<I>())?,
        info: std::ptr::from_mut(answer) as u64,
    };
    // Safety: the kernel writes at most `info_len` bytes, which `answer` has.
    unsafe { call(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }.map(drop)
}

/// What the kernel says about a program (`BPF_OBJ_GET_INFO_BY_FD`).
///
/// # Errors
/// The kernel's.
pub fn prog_info(prog: BorrowedFd<'_>) -> io::Result<ProgInfo> {
    let mut answer = ProgInfo::default();
    // Safety: the struct's addresses are all zero, so no tables are written.
    unsafe { info(prog, &mut answer) }?;
    Ok(answer)
}

/// The instructions of a program as the verifier left them, 8 bytes each; none where the caller may
/// not see them.
///
/// # Errors
/// The kernel's.
pub fn prog_insns(prog: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let len = prog_info(prog)?.xlated_prog_len;
    let mut insns = vec![0; len as usize];
    let mut answer = ProgInfo {
        xlated_prog_len: len,
        xlated_prog_insns: insns.as_mut_ptr() as u64,
        ..ProgInfo::default()
    };
    // Safety: the kernel writes at most the bytes that it is told of, which `insns` has; the other
    // addresses are zero.
    unsafe { info(prog, &mut answer) }?;
    insns.truncate(answer.xlated_prog_len as usize);
    Ok(insns)
}

/// What the kernel says about a map (`BPF_OBJ_GET_INFO_BY_FD`; /proc/self/fdinfo where it does not
/// answer that question, which it does from 4.13 on).
///
/// # Errors
/// The kernel's.
pub fn map_info(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
    let mut answer = MapInfo::default();
    // Safety: the struct holds no address.
    match unsafe { info(map, &mut answer) } {
        Err(Errno::INVAL) => super::map_fdinfo::map_fdinfo(map),
        told => told.map(|()| answer),
    }
}

/// What the kernel says about a BTF object (`BPF_OBJ_GET_INFO_BY_FD`); its bytes are not asked for.
///
/// # Errors
/// The kernel's.
pub fn btf_info(btf: BorrowedFd<'_>) -> io::Result<BtfInfo> {
    let mut answer = BtfInfo::default();
    // Safety: the struct's addresses are zero, so neither bytes nor name are written.
    unsafe { info(btf, &mut answer) }?;
    Ok(answer)
}

/// What a BTF object of the kernel itself is called: `vmlinux`, or as its module (5.11). `None`: it is
/// a program's.
///
/// # Errors
/// The kernel's.
pub fn btf_name(btf: BorrowedFd<'_>) -> io::Result<Option<String>> {
    // As long as the name of a module may be (MODULE_NAME_LEN).
    let mut name = [0u8; 64];
    let mut answer = BtfInfo {
        name: name.as_mut_ptr() as u64,
        name_len: length(name.len())?,
        ..BtfInfo::default()
    };
    // Safety: the kernel writes at most the bytes that it is told of, which `name` has; the other
    // address is zero.
    match unsafe { info(btf, &mut answer) } {
        // Before 5.11 there are no names, and only BTF of programs.
        Err(Errno::TOOBIG) => return Ok(None),
        told => told?,
    }
    if answer.kernel_btf == 0 {
        return Ok(None);
    }
    let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let name = name.get(..end).unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(name).into_owned()))
}

/// The bytes of a BTF object, which must have at most `most`.
///
/// # Errors
/// The kernel's; `EFBIG` where it is larger.
pub fn btf_bytes(btf: BorrowedFd<'_>, most: usize) -> io::Result<Vec<u8>> {
    let len = btf_info(btf)?.btf_size;
    if len as usize > most {
        return Err(Errno::FBIG);
    }
    let mut bytes = vec![0; len as usize];
    let mut answer = BtfInfo {
        btf: bytes.as_mut_ptr() as u64,
        btf_size: len,
        ..BtfInfo::default()
    };
    // Safety: the kernel writes at most the bytes that it is told of, which `bytes` has; the address
    // of the name is zero.
    unsafe { info(btf, &mut answer) }?;
    Ok(bytes)
}

/// What the kernel says about a link (`BPF_OBJ_GET_INFO_BY_FD`, 5.8).
///
/// # Errors
/// The kernel's.
pub fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    let mut answer = LinkInfo::default();
    // Safety: the struct holds no address.
    unsafe { info(link, &mut answer) }?;
    Ok(answer)
}

/// `None` at the end of the list.
fn next_id(command: u32, after: u32) -> io::Result<Option<u32>> {
    let mut attr = IdAttr {
        id: after,
        ..IdAttr::default()
    };
    // Safety: the struct holds no address.
    match unsafe { call(command, &mut attr) } {
        Ok(_) => Ok(Some(attr.next_id)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn fd_by_id(command: u32, id: u32) -> io::Result<OwnedFd> {
    let mut attr = IdAttr {
        id,
        ..IdAttr::default()
    };
    // Safety: the struct holds no address.
    unsafe { call_for_fd(command, &mut attr) }
}

/// The id of the program after this id (0 for the first), `None` after the last.
///
/// # Errors
/// The kernel's.
pub fn prog_get_next_id(after: u32) -> io::Result<Option<u32>> {
    next_id(BPF_PROG_GET_NEXT_ID, after)
}

/// The id of the map after this id (0 for the first), `None` after the last.
///
/// # Errors
/// The kernel's.
pub fn map_get_next_id(after: u32) -> io::Result<Option<u32>> {
    next_id(BPF_MAP_GET_NEXT_ID, after)
}

/// The id of the BTF object after this id (0 for the first), `None` after the last (5.1).
///
/// # Errors
/// The kernel's.
pub fn btf_get_next_id(after: u32) -> io::Result<Option<u32>> {
    next_id(BPF_BTF_GET_NEXT_ID, after)
}

/// The id of the link after this id (0 for the first), `None` after the last (5.8).
///
/// # Errors
/// The kernel's.
pub fn link_get_next_id(after: u32) -> io::Result<Option<u32>> {
    next_id(BPF_LINK_GET_NEXT_ID, after)
}

/// The program with this id.
///
/// # Errors
/// The kernel's: `ENOENT` where it is gone.
pub fn prog_get_fd_by_id(id: u32) -> io::Result<OwnedFd> {
    fd_by_id(BPF_PROG_GET_FD_BY_ID, id)
}

/// The map with this id.
///
/// # Errors
/// The kernel's: `ENOENT` where it is gone.
pub fn map_get_fd_by_id(id: u32) -> io::Result<OwnedFd> {
    fd_by_id(BPF_MAP_GET_FD_BY_ID, id)
}

/// The BTF object with this id.
///
/// # Errors
/// The kernel's: `ENOENT` where it is gone.
pub fn btf_get_fd_by_id(id: u32) -> io::Result<OwnedFd> {
    fd_by_id(BPF_BTF_GET_FD_BY_ID, id)
}

/// The link with this id (5.8).
///
/// # Errors
/// The kernel's: `ENOENT` where it is gone.
pub fn link_get_fd_by_id(id: u32) -> io::Result<OwnedFd> {
    fd_by_id(BPF_LINK_GET_FD_BY_ID, id)
}
