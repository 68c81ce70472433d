//! The one way into bpf(2): argument structs, each passed only up to its last byte that is not zero.

use super::abi::{
    BPF_OBJ_NAME_LEN, BtfLoadAttr, IdAttr, InfoAttr, IterCreateAttr, LinkCreateAttr,
    LinkCreateIterAttr, LinkCreatePerfAttr, LinkCreateTracingAttr, MapCreateAttr, MapElemAttr,
    ObjAttr, ProgAttachAttr, ProgLoadAttr, ProgTestRunAttr, RawTracepointAttr,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{self, Errno};
use std::mem::size_of;

/// An argument struct: plain integers without implicit padding.
///
/// # Safety
/// The type is `repr(C)`, made of integers and arrays of bytes only, and every byte of it belongs
/// to a field, so that it may be read as bytes.
pub(super) unsafe trait Attr: Copy {}

// Safety: `sys::abi` gives each of these explicit padding, and its static assertions hold the
// sizes to the sum of the fields.
unsafe impl Attr for MapCreateAttr {}
// Safety: as above.
unsafe impl Attr for MapElemAttr {}
// Safety: as above.
unsafe impl Attr for super::abi::MapBatchAttr {}
// Safety: as above.
unsafe impl Attr for super::abi::TaskFdAttr {}
// Safety: as above.
unsafe impl Attr for ProgLoadAttr {}
// Safety: as above.
unsafe impl Attr for ProgTestRunAttr {}
// Safety: as above.
unsafe impl Attr for IdAttr {}
// Safety: as above.
unsafe impl Attr for InfoAttr {}
// Safety: as above.
unsafe impl Attr for ObjAttr {}
// Safety: as above.
unsafe impl Attr for RawTracepointAttr {}
// Safety: as above.
unsafe impl Attr for BtfLoadAttr {}
// Safety: as above.
unsafe impl Attr for LinkCreatePerfAttr {}
// Safety: as above.
unsafe impl Attr for super::abi::LinkCreateMultiKprobeAttr {}
// Safety: as above.
unsafe impl Attr for super::abi::LinkCreateMultiUprobeAttr {}
// Safety: as above.
unsafe impl Attr for LinkCreateAttr {}
// Safety: as above.
unsafe impl Attr for LinkCreateTracingAttr {}
// Safety: as above.
unsafe impl Attr for LinkCreateIterAttr {}
// Safety: as above.
unsafe impl Attr for IterCreateAttr {}
// Safety: as above.
unsafe impl Attr for ProgAttachAttr {}

/// Where the bytes are; zero for none, which some commands insist on.
pub(super) fn address(bytes: &[u8]) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    bytes.as_ptr() as u64
}

pub(super) fn length(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| Errno::TOOBIG)
}

pub(super) fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// Bytes up to the last one that is not zero, in whole words.
fn used_size(bytes: &[u8]) -> usize {
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    used.next_multiple_of(4).min(bytes.len())
}

/// How much of an argument struct is passed.
pub(super) fn used<A: Attr>(attr: &A) -> usize {
    let start = std::ptr::from_ref(attr).cast::<u8>();
    // Safety: an `Attr` may be read as bytes, and it lives in its reference.
    used_size(unsafe { std::slice::from_raw_parts(start, size_of::<A>()) })
}

/// A name as the kernel stores it; what does not fit is the caller's mistake and `EINVAL`.
pub(super) fn object_name(name: &str) -> io::Result<[u8; BPF_OBJ_NAME_LEN]> {
    let mut out = [0; BPF_OBJ_NAME_LEN];
    match out.get_mut(..name.len()) {
        Some(front) if name.len() < BPF_OBJ_NAME_LEN => front.copy_from_slice(name.as_bytes()),
        _ => return Err(Errno::INVAL),
    }
    Ok(out)
}

/// # Safety
/// Every address in the struct is valid for what `command` does with it, for as long as the call
/// takes.
pub(super) unsafe fn call<A: Attr>(command: u32, attr: &mut A) -> io::Result<u32> {
    let size = used(attr);
    let start = std::ptr::from_mut(attr).cast::<u8>();
    // Safety: the caller vouches for the addresses inside; the struct itself is whole and mutable,
    // whatever size is passed, so an answer that the kernel writes into it has room.
    unsafe { syscall(command, start, size) }
}

/// # Safety
/// As for `call`; `attr` points to a whole argument struct of that command.
unsafe fn syscall(command: u32, attr: *mut u8, size: usize) -> io::Result<u32> {
    // Safety: see above.
    super::perf::answer(unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) })
}

/// # Safety
/// As for `call`, and `command` is one that answers a new descriptor.
pub(super) unsafe fn call_for_fd<A: Attr>(command: u32, attr: &mut A) -> io::Result<OwnedFd> {
    // Safety: the caller's.
    let fd = unsafe { call(command, attr) }?;
    // Safety: the kernel just made this descriptor for us, close-on-exec, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.cast_signed()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_used_front_of_a_struct_is_passed() {
        let cases: [(&[u8], usize); 5] = [
            (&[0; 16], 0),
            (&[1, 0, 0, 0, 0, 0, 0, 0], 4),
            (&[0, 0, 0, 0, 0, 1, 0, 0], 8),
            (&[0, 0, 0, 0, 0, 0, 0, 9], 8),
            (&[5, 0, 0], 3),
        ];
        for (bytes, size) in cases {
            assert_eq!(used_size(bytes), size, "{bytes:?}");
        }
    }

    #[test]
    fn a_name_leaves_room_for_its_zero() {
        assert_eq!(object_name("").unwrap(), [0; 16]);
        let name = object_name("fifteen_letters").unwrap();
        assert_eq!(&name, b"fifteen_letters\0");
        assert_eq!(object_name("sixteen_letters_"), Err(Errno::INVAL));
    }
}
