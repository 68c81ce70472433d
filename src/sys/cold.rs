//! Code that few commands ask for, and its constants: `cross/link` puts them into a segment of their own and
//! `cross/pack` packs that, so that nothing is mapped where they belong. The first access faults, which unpacks all of
//! it and goes on.

use core::ffi::{c_int, c_void};
use core::ptr::{self, null_mut};

use super::lzma::Unpacker;
use super::unpack::restore;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

unsafe extern "C" {
    /// Where it belongs, and where that ends.
    static btfly_cold: u8;
    static btfly_cold_end: u8;
    /// Where it is packed: behind what the first instructions unpacked. They leave the address here.
    static btfly_cold_packed: *const u8;
}

/// A policy of the kernel may refuse it.
const REFUSED: &[u8] = b"btfly: no memory can be had for the code of this command, or none that is executable\n  \
    try: free some; let SELinux allow execmem; or take the build made with cross/build --plain, which unpacks nothing\n";

/// The exit code where something is not permitted.
const PERMISSION: c_int = 4;

/// Has it be unpacked where it is first used.
pub fn unpack_when_used() {
    // Safety: all zero is a valid value.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // Safety: the handler is of the form that its flags tell.
    unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, null_mut()) };
}

/// Where it belongs, and its length.
fn place() -> (*mut u8, usize) {
    let (start, end) = (&raw const btfly_cold, &raw const btfly_cold_end);
    (start.cast_mut(), end.addr() - start.addr())
}

/// The fault of an instruction: it happens where the program stands, never in the midst of the heap, whose code is in
/// place from the start.
unsafe extern "C" fn on_fault(_: c_int, info: *const libc::siginfo_t, _: *mut c_void) {
    // From now on a fault is what it is elsewhere.
    // Safety: it takes no handler.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    // Safety: the kernel fills it for this signal.
    let at = unsafe { (*info).si_addr() }.addr();
    let (start, len) = place();
    if !(start.addr()..start.addr() + len).contains(&at) {
        return;
    }
    if unpack(start, len).is_none() {
        // Safety: the bytes are there. What becomes of them is the same whether they are written or not.
        unsafe {
            libc::write(2, REFUSED.as_ptr().cast(), REFUSED.len());
            libc::_exit(PERMISSION);
        }
    }
}

fn unpack(start: *mut u8, len: usize) -> Option<()> {
    let (access, flags) = (
        ProtFlags::READ | ProtFlags::WRITE,
        MapFlags::PRIVATE | MapFlags::FIXED,
    );
    // Safety: the linker keeps this place for nothing else.
    unsafe { mmap_anonymous(start.cast(), len, access, flags) }.ok()?;
    // Safety: `cross/pack` put its length there, and as many bytes.
    let packed = unsafe {
        let at = ptr::read(&raw const btfly_cold_packed);
        let len = u32::from_le_bytes(ptr::read(at.cast()));
        core::slice::from_raw_parts(at.add(4), len as usize)
    };
    // Safety: the mapping was just made, and nobody else knows it.
    let bytes = unsafe { core::slice::from_raw_parts_mut(start, len) };
    Unpacker::new(packed)?.unpack(bytes, len)?;
    restore(bytes, start.addr());
    clean(start, len);
    let access = MprotectFlags::READ | MprotectFlags::EXEC;
    // Safety: nobody writes there any more.
    unsafe { mprotect(start.cast(), len, access) }.ok()
}

/// Has the machine fetch the instructions that were written, not what it may have fetched there before.
fn clean(start: *const u8, len: usize) {
    // Safety: these instructions are for every program, and change no memory.
    unsafe {
        let kinds: usize;
        core::arch::asm!("mrs {}, ctr_el0", out(reg) kinds);
        let lines =
            |shift: usize| (start.addr()..start.addr() + len).step_by(4 << (kinds >> shift & 15));
        for line in lines(16) {
            core::arch::asm!("dc cvau, {}", in(reg) line);
        }
        core::arch::asm!("dsb ish");
        for line in lines(0) {
            core::arch::asm!("ic ivau, {}", in(reg) line);
        }
        core::arch::asm!("dsb ish", "isb");
    }
}
