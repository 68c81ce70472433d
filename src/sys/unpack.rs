//! The first instructions of a binary that `cross/pack` packed: constants and data are put where the linker
//! placed them, and the C library's start follows.
//!
//! Nothing here may use a constant or a variable: they are not there yet.

/// What is packed, bit by bit and byte by byte.
struct Packed {
    at: *const u8,
    /// Bits that were taken and not used yet, above them a one; 1 where there are none.
    bits: u32,
}

impl Packed {
    /// # Safety
    /// A byte is left.
    #[inline(always)]
    unsafe fn byte(&mut self) -> u8 {
        // Safety: as the caller says.
        unsafe {
            let byte = *self.at;
            self.at = self.at.add(1);
            byte
        }
    }

    /// # Safety
    /// A bit is left.
    #[inline(always)]
    unsafe fn bit(&mut self) -> usize {
        if self.bits == 1 {
            // Safety: where no bit is at hand, the next byte has some.
            self.bits = u32::from(unsafe { self.byte() }) | 0x100;
        }
        let bit = self.bits & 1;
        self.bits >>= 1;
        bit as usize
    }

    /// A number from 1 on: after each 0 comes a bit of it, and a 1 ends it.
    ///
    /// # Safety
    /// A number is left.
    #[inline(always)]
    unsafe fn number(&mut self) -> usize {
        let mut number = 1;
        // Safety: as the caller says.
        while unsafe { self.bit() } == 0 {
            number = number << 1 | unsafe { self.bit() };
        }
        number
    }
}

/// Unpacks what `cross/pack` packed from `packed` on to all bytes from `at` to `end`; returns where that ends.
///
/// # Safety
/// It is the packed form of as many bytes, and nobody else uses them.
#[cfg_attr(hot_loops, optimize(speed))]
pub unsafe extern "C" fn unpack(packed: *const u8, mut at: *mut u8, end: *mut u8) -> *const u8 {
    let mut packed = Packed {
        at: packed,
        bits: 1,
    };
    let mut distance = 0;
    // Safety: what was packed tells of as many bytes as there is room for, and of none before the first.
    unsafe {
        while at != end {
            // Bytes as they are come first and after each 0.
            for _ in 0..packed.number() {
                *at = packed.byte();
                at = at.add(1);
            }
            if at == end {
                break;
            }
            // Then such as were there before: as far back as the last ones were, or elsewhere.
            let mut elsewhere = packed.bit();
            loop {
                let mut len = 0;
                if elsewhere == 1 {
                    distance = (packed.number() - 1) << 8;
                    distance += usize::from(packed.byte()) + 1;
                    len = 1;
                }
                len += packed.number();
                for _ in 0..len {
                    *at = *at.sub(distance);
                    at = at.add(1);
                }
                if at == end {
                    break;
                }
                elsewhere = packed.bit();
                if elsewhere == 0 {
                    break;
                }
            }
        }
    }
    packed.at
}

/// Takes back what `absolute` of `cross/pack` did: branches, calls and addresses in code were made to tell where they
/// lead from the start of memory, by which those to one place are alike, and the highest byte of an instruction comes
/// first. `bytes` belong at `start`, and begin with the length of the code.
#[cfg_attr(not(packed), allow(dead_code))]
pub fn restore(bytes: &mut [u8], start: usize) {
    let (words, _) = bytes.as_chunks_mut::<4>();
    let Some((first, words)) = words.split_first_mut() else {
        return;
    };
    let code = u32::from_le_bytes(*first) as usize / 4;
    for (word, at) in words.iter_mut().take(code).zip((start + 4..).step_by(4)) {
        let at = at as u32;
        let insn = u32::from_be_bytes(*word);
        *word = match insn >> 24 {
            // b and bl, 26 bits of words
            0x14..=0x17 | 0x94..=0x97 => {
                insn & 0xfc00_0000 | insn.wrapping_sub(at / 4) & 0x03ff_ffff
            }
            // adr, 21 bits of bytes, the two lowest apart
            op if op & 0x9f == 0x10 => {
                let place = (insn >> 3 & 0x1f_fffc | insn >> 29 & 3).wrapping_sub(at);
                insn & 0x9f00_001f | (place & 3) << 29 | (place >> 2 & 0x7_ffff) << 5
            }
            _ => insn,
        }
        .to_le_bytes();
    }
}

/// Where constants and data are, and what is packed, `cross/packed.ld` says.
#[cfg(packed)]
core::arch::global_asm!(
    ".section .text.btfly_unpack, \"ax\"",
    ".globl btfly_unpack",
    "btfly_unpack:",
    "adrp x0, btfly_packed",
    "add x0, x0, :lo12:btfly_packed",
    "adrp x1, btfly_constants",
    "adrp x2, btfly_constants_end",
    "add x2, x2, :lo12:btfly_constants_end",
    "bl {unpack}",
    "adrp x1, btfly_data",
    "adrp x2, btfly_data_end",
    "add x2, x2, :lo12:btfly_data_end",
    "bl {unpack}",
    // What is behind it is for `cold.rs`.
    "adrp x1, btfly_cold_packed",
    "str x0, [x1, :lo12:btfly_cold_packed]",
    // Constants stay what they are: mprotect(2), to read only.
    "adrp x0, btfly_constants",
    "adrp x1, btfly_constants_end",
    "add x1, x1, :lo12:btfly_constants_end",
    "sub x1, x1, x0",
    "mov x2, #1",
    "mov x8, #226",
    "svc #0",
    "b _start",
    ".section .data.btfly_cold_packed, \"aw\"",
    ".globl btfly_cold_packed",
    ".balign 8",
    "btfly_cold_packed:",
    ".quad 0",
    unpack = sym unpack,
);
