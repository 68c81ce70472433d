//! Instructions as the kernel's verifier and bpftool write them: `(79) r2 = *(u64 *)(r1 +8)`.
//!
//! Source: what `kernel/bpf/disasm.c` prints, which scripts and people read.

use std::fmt::{self, Write};

use super::insn::{Insn, op};

/// What is known of numbers in instructions.
pub trait Names {
    /// What the sixteen-byte load of this number is called, such as `map[id:7]`; `None`: by the number.
    fn load(&self, insn: Insn, next: Insn) -> Option<String>;
    /// What a call calls: of a function of the program all that is behind `pc`, of another its name; `None`: not
    /// known.
    fn call(&self, insn: Insn) -> Option<String>;
}

/// By the top four bits of the code.
const ALU: [&str; 16] = [
    "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian", "",
    "",
];
/// As above.
const JUMPS: [&str; 16] = [
    "jmp", "==", ">", ">=", "&", "!=", "s>", "s>=", "call", "exit", "<", "<=", "s<", "s<=",
    "may_goto", "",
];
/// By the two bits of the size.
const SIZES: [&str; 4] = ["32", "16", "8", "64"];

const CLASSES: [&str; 8] = ["ld", "ldx", "st", "stx", "alu", "jmp", "jmp32", "alu64"];

// How memory is meant: the top three bits of the code of a load or a store.
const IMM: u8 = 0x00;
const ABS: u8 = 0x20;
const IND: u8 = 0x40;
const MEM: u8 = 0x60;
const MEMSX: u8 = 0x80;
const ATOMIC: u8 = 0xc0;

// What an atomic store does: its immediate.
const FETCH: i32 = 1;
const XCHG: i32 = 0xe1;
const CMPXCHG: i32 = 0xf1;
const LOAD_ACQUIRE: i32 = 0x100;
const STORE_RELEASE: i32 = 0x110;

// Operations of arithmetic, and what an odd offset makes of a move.
const DIV: u8 = 0x30;
const NEG: u8 = 0x80;
const MOD: u8 = 0x90;
const MOV: u8 = 0xb0;
const END: u8 = 0xd0;
const PERCPU: i16 = -1;
const ADDRESS_SPACE: i16 = 1;

/// Appends an instruction, of which `next` is the second half where it has one, without a line end.
pub fn write(insn: Insn, next: Insn, names: &dyn Names, out: &mut String) {
    // A String takes everything.
    let _ = parts(insn, next, names, out);
}

fn at<'t>(table: &[&'t str], index: u8) -> &'t str {
    table.get(usize::from(index)).copied().unwrap_or_default()
}

fn parts(insn: Insn, next: Insn, names: &dyn Names, out: &mut String) -> fmt::Result {
    let (code, off, imm) = (insn.code, insn.off, insn.imm);
    let (dst, src) = (insn.regs & 15, insn.src());
    let size = at(&SIZES, code >> 3 & 3);
    let by_register = code & op::SRC_X != 0;
    let mode = code & 0xe0;
    match insn.class() {
        op::ALU | op::ALU64 => arithmetic(insn, out),
        op::STX if mode == MEM => {
            write!(out, "({code:02x}) *(u{size} *)(r{dst} {off:+}) = r{src}")
        }
        op::STX if mode == ATOMIC => atomic(insn, size, out),
        op::STX => write!(out, "BUG_{code:02x}"),
        op::ST if mode == MEM => {
            write!(out, "({code:02x}) *(u{size} *)(r{dst} {off:+}) = {imm}")
        }
        op::ST if mode == ATOMIC => write!(out, "({code:02x}) nospec"),
        op::ST => write!(out, "BUG_st_{code:02x}"),
        op::LDX if mode == MEM || mode == MEMSX => {
            let sign = if mode == MEM { 'u' } else { 's' };
            write!(
                out,
                "({code:02x}) r{dst} = *({sign}{size} *)(r{src} {off:+})"
            )
        }
        op::LDX => write!(out, "BUG_ldx_{code:02x}"),
        op::LD if mode == ABS => write!(out, "({code:02x}) r0 = *(u{size} *)skb[{imm}]"),
        op::LD if mode == IND => {
            write!(out, "({code:02x}) r0 = *(u{size} *)skb[r{src} + {imm}]")
        }
        op::LD if mode == IMM && code == op::LD_IMM64 => {
            let whole = u64::from(next.imm.cast_unsigned()) << 32 | u64::from(imm.cast_unsigned());
            match names.load(insn, next) {
                Some(name) => write!(out, "({code:02x}) r{dst} = {name}"),
                None => write!(out, "({code:02x}) r{dst} = {whole:#x}"),
            }
        }
        op::LD => write!(out, "BUG_ld_{code:02x}"),
        class => {
            let (letter, long) = if class == op::JMP32 {
                ('w', true)
            } else {
                ('r', false)
            };
            let jump = at(&JUMPS, code >> 4);
            match code >> 4 {
                8 => {
                    let name = names.call(insn);
                    match (src, name) {
                        (op::PSEUDO_CALL, Some(name)) => write!(out, "({code:02x}) call pc{name}"),
                        (op::PSEUDO_CALL, None) => write!(out, "({code:02x}) call pc{imm:+}"),
                        (op::PSEUDO_KFUNC_CALL, None) => {
                            write!(out, "({code:02x}) call kernel-function#{imm}")
                        }
                        (_, Some(name)) => write!(out, "({code:02x}) call {name}#{imm}"),
                        (_, None) => write!(out, "({code:02x}) call unknown#{imm}"),
                    }
                }
                0 if long => write!(out, "({code:02x}) gotol pc{imm:+}"),
                0 => write!(out, "({code:02x}) goto pc{off:+}"),
                14 => write!(out, "({code:02x}) may_goto pc{off:+}"),
                9 if !long => write!(out, "({code:02x}) exit"),
                15 => write!(out, "({code:02x}) {}", at(&CLASSES, class)),
                _ if by_register => write!(
                    out,
                    "({code:02x}) if {letter}{dst} {jump} {letter}{src} goto pc{off:+}"
                ),
                _ => write!(
                    out,
                    "({code:02x}) if {letter}{dst} {jump} {imm:#x} goto pc{off:+}"
                ),
            }
        }
    }
}

fn arithmetic(insn: Insn, out: &mut String) -> fmt::Result {
    let (code, off, imm) = (insn.code, insn.off, insn.imm);
    let (dst, src) = (insn.regs & 15, insn.src());
    let letter = if insn.class() == op::ALU { 'w' } else { 'r' };
    let by_register = code & op::SRC_X != 0;
    let operation = code & 0xf0;
    write!(out, "({code:02x}) ")?;
    match operation {
        END if letter == 'r' => return write!(out, "r{dst} = bswap{imm} r{dst}"),
        END => {
            let order = if by_register { "be" } else { "le" };
            return write!(out, "r{dst} = {order}{imm} r{dst}");
        }
        NEG => return write!(out, "{letter}{dst} = -{letter}{dst}"),
        MOV if by_register && letter == 'r' && off == ADDRESS_SPACE => {
            let (to, from) = (imm.cast_unsigned() >> 16, imm & 0xffff);
            return write!(out, "r{dst} = addr_space_cast(r{src}, {to}, {from})");
        }
        MOV if by_register && letter == 'r' && off == PERCPU => {
            return write!(out, "r{dst} = &(void __percpu *)(r{src})");
        }
        _ => {}
    }
    let (sign, widened) = match (operation, off) {
        (DIV | MOD, 1) => ("s", ""),
        (MOV, 8) if by_register => ("", "(s8)"),
        (MOV, 16) if by_register => ("", "(s16)"),
        (MOV, 32) if by_register => ("", "(s32)"),
        _ => ("", ""),
    };
    let does = at(&ALU, code >> 4);
    match by_register {
        true => write!(out, "{letter}{dst} {sign}{does} {widened}{letter}{src}"),
        false => write!(out, "{letter}{dst} {sign}{does} {imm}"),
    }
}

fn atomic(insn: Insn, size: &str, out: &mut String) -> fmt::Result {
    let (code, off, imm) = (insn.code, insn.off, insn.imm);
    let (dst, src) = (insn.regs & 15, insn.src());
    let wide = if size == "64" { "64" } else { "" };
    let place = |register: u8| format!("(u{size} *)(r{register} {off:+})");
    let does = match imm & !FETCH {
        0x00 => "add",
        0x50 => "and",
        0x40 => "or",
        0xa0 => "xor",
        _ => "",
    };
    let signs = at(&ALU, (imm >> 4 & 15) as u8);
    let to = place(dst);
    match imm {
        CMPXCHG => write!(
            out,
            "({code:02x}) r0 = atomic{wide}_cmpxchg({to}, r0, r{src})"
        ),
        XCHG => write!(out, "({code:02x}) r{src} = atomic{wide}_xchg({to}, r{src})"),
        LOAD_ACQUIRE => write!(out, "({code:02x}) r{dst} = load_acquire({})", place(src)),
        STORE_RELEASE => write!(out, "({code:02x}) store_release({to}, r{src})"),
        _ if does.is_empty() => write!(out, "BUG_{code:02x}"),
        _ if imm & FETCH != 0 => {
            write!(
                out,
                "({code:02x}) r{src} = atomic{wide}_fetch_{does}({to}, r{src})"
            )
        }
        _ => write!(out, "({code:02x}) lock *{to} {signs} r{src}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some7;

    impl Names for Some7 {
        fn load(&self, insn: Insn, _: Insn) -> Option<String> {
            (insn.src() == op::PSEUDO_MAP_FD).then(|| format!("map[id:{}]", insn.imm))
        }

        fn call(&self, insn: Insn) -> Option<String> {
            match insn.src() {
                op::PSEUDO_CALL => Some("+7#bpf_prog_f".into()),
                0 if insn.imm == 5 => Some("bpf_five".into()),
                _ => None,
            }
        }
    }

    /// Code, destination and source, offset, immediate.
    type Case = (u8, u8, u8, i16, i32, &'static str);

    #[rustfmt::skip]
    const CASES: &[Case] = &[
        (0x79, 2, 1, 8, 0, "(79) r2 = *(u64 *)(r1 +8)"),
        (0x81, 2, 1, -8, 0, "(81) r2 = *(s32 *)(r1 -8)"),
        (0x63, 10, 1, -4, 0, "(63) *(u32 *)(r10 -4) = r1"),
        (0x72, 10, 0, -1, -9, "(72) *(u8 *)(r10 -1) = -9"),
        (0xb7, 1, 0, 0, -3, "(b7) r1 = -3"),
        (0xb4, 1, 0, 0, 3, "(b4) w1 = 3"),
        (0xbf, 1, 2, 0, 0, "(bf) r1 = r2"),
        (0xbf, 1, 2, 8, 0, "(bf) r1 = (s8)r2"),
        (0xbc, 1, 2, 16, 0, "(bc) w1 = (s16)w2"),
        (0xbf, 1, 2, 1, 1 << 16, "(bf) r1 = addr_space_cast(r2, 1, 0)"),
        (0xbf, 0, 0, -1, 0, "(bf) r0 = &(void __percpu *)(r0)"),
        (0x0f, 1, 2, 0, 0, "(0f) r1 += r2"),
        (0x37, 1, 0, 1, 5, "(37) r1 s/= 5"),
        (0x97, 1, 0, 0, 5, "(97) r1 %= 5"),
        (0x87, 1, 0, 0, 0, "(87) r1 = -r1"),
        (0xdc, 1, 0, 0, 16, "(dc) r1 = be16 r1"),
        (0xd4, 1, 0, 0, 64, "(d4) r1 = le64 r1"),
        (0xd7, 1, 0, 0, 32, "(d7) r1 = bswap32 r1"),
        (0xc7, 1, 0, 0, 63, "(c7) r1 s>>= 63"),
        (0xdb, 0, 1, 0, 0x00, "(db) lock *(u64 *)(r0 +0) += r1"),
        (0xc3, 0, 1, 4, 0x51, "(c3) r1 = atomic_fetch_and((u32 *)(r0 +4), r1)"),
        (0xdb, 3, 1, 0, 0xf1, "(db) r0 = atomic64_cmpxchg((u64 *)(r3 +0), r0, r1)"),
        (0xdb, 3, 1, 0, 0xe1, "(db) r1 = atomic64_xchg((u64 *)(r3 +0), r1)"),
        (0xdb, 3, 1, 0, 0x100, "(db) r3 = load_acquire((u64 *)(r1 +0))"),
        (0xdb, 3, 1, 0, 0x110, "(db) store_release((u64 *)(r3 +0), r1)"),
        (0xdb, 3, 1, 0, 0x77, "BUG_db"),
        (0x15, 0, 0, 2, 0, "(15) if r0 == 0x0 goto pc+2"),
        (0x16, 0, 0, -2, -1, "(16) if w0 == 0xffffffff goto pc-2"),
        (0x2d, 1, 2, 3, 0, "(2d) if r1 > r2 goto pc+3"),
        (0xc5, 1, 0, 3, 8, "(c5) if r1 s< 0x8 goto pc+3"),
        (0x45, 1, 0, 3, 8, "(45) if r1 & 0x8 goto pc+3"),
        (0x05, 0, 0, 9, 0, "(05) goto pc+9"),
        (0x06, 0, 0, 0, 9, "(06) gotol pc+9"),
        (0xe5, 0, 0, 4, 0, "(e5) may_goto pc+4"),
        (0x95, 0, 0, 0, 0, "(95) exit"),
        (0x85, 0, 0, 0, 5, "(85) call bpf_five#5"),
        (0x85, 0, 0, 0, 6, "(85) call unknown#6"),
        (0x85, 0, 1, 0, 6, "(85) call pc+7#bpf_prog_f"),
        (0x85, 0, 2, 0, 6, "(85) call kernel-function#6"),
        (0x18, 1, 1, 0, 7, "(18) r1 = map[id:7]"),
        (0x18, 1, 0, 0, 7, "(18) r1 = 0x200000007"),
        (0x30, 0, 0, 0, 12, "(30) r0 = *(u8 *)skb[12]"),
        (0x48, 0, 3, 0, 12, "(48) r0 = *(u16 *)skb[r3 + 12]"),
        (0x00, 0, 0, 0, 0, "BUG_ld_00"),
        (0xc2, 0, 0, 0, 0, "(c2) nospec"),
    ];

    #[test]
    fn instructions_are_written_as_the_kernel_writes_them() {
        let next = Insn {
            imm: 2,
            ..Insn::default()
        };
        for &(code, dst, src, off, imm, expected) in CASES {
            let regs = src << 4 | dst;
            let mut text = String::new();
            let insn = Insn {
                code,
                regs,
                off,
                imm,
            };
            write(insn, next, &Some7, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn every_code_is_some_text() {
        for code in 0..=255u8 {
            for imm in [0, 1, -1, 0xf1, i32::MAX] {
                let insn = Insn {
                    code,
                    regs: 0xff,
                    off: -1,
                    imm,
                };
                let mut text = String::new();
                write(insn, insn, &Some7, &mut text);
                assert!(!text.is_empty() && !text.contains('\n'), "{code:#x}");
            }
        }
    }
}
