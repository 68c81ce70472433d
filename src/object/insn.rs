//! One BPF instruction: eight bytes, or the first or second half of a sixteen-byte load.

/// Parts of the operation code, as in `include/uapi/linux/bpf_common.h` and `bpf.h`.
pub mod op {
    #![allow(missing_docs)]
    pub const LD: u8 = 0x00;
    pub const LDX: u8 = 0x01;
    pub const ST: u8 = 0x02;
    pub const STX: u8 = 0x03;
    pub const ALU: u8 = 0x04;
    pub const JMP: u8 = 0x05;
    pub const JMP32: u8 = 0x06;
    pub const ALU64: u8 = 0x07;
    /// The second operand is a register.
    pub const SRC_X: u8 = 0x08;
    pub const SIZE_W: u8 = 0x00;
    pub const SIZE_H: u8 = 0x08;
    pub const SIZE_B: u8 = 0x10;
    pub const SIZE_DW: u8 = 0x18;
    pub const SIZE_MASK: u8 = 0x18;
    /// JMP | CALL.
    pub const CALL: u8 = 0x85;
    /// LD | IMM | DW: the sixteen-byte load of a constant.
    pub const LD_IMM64: u8 = 0x18;
    /// Source registers that tell what the constant of a sixteen-byte load stands for.
    pub const PSEUDO_MAP_FD: u8 = 1;
    pub const PSEUDO_MAP_VALUE: u8 = 2;
    pub const PSEUDO_BTF_ID: u8 = 3;
    pub const PSEUDO_FUNC: u8 = 4;
    pub const PSEUDO_MAP_IDX_VALUE: u8 = 6;
    /// Source registers of calls: a function of the program, or one of the kernel.
    pub const PSEUDO_CALL: u8 = 1;
    pub const PSEUDO_KFUNC_CALL: u8 = 2;
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Insn {
    /// Operation code.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub regs: u8,
    /// Signed offset: jumps in instructions, memory in bytes.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

impl Insn {
    /// Bytes of one instruction slot.
    pub const LEN: usize = 8;

    /// From the bytes of an object.
    pub fn parse(b: [u8; 8]) -> Insn {
        Insn {
            code: b[0],
            regs: b[1],
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// To the bytes that the kernel reads.
    pub fn bytes(self) -> [u8; 8] {
        let off = self.off.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        [
            self.code, self.regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3],
        ]
    }

    /// The class: the low three bits of the code.
    pub fn class(self) -> u8 {
        self.code & 7
    }

    /// The source register.
    pub fn src(self) -> u8 {
        self.regs >> 4
    }

    /// The same with another source register.
    pub fn with_src(self, src: u8) -> Insn {
        Insn {
            regs: self.regs & 0xf | src << 4,
            ..self
        }
    }

    /// The first half of a sixteen-byte load.
    pub fn is_ld_imm64(self) -> bool {
        self.code == op::LD_IMM64
    }

    /// A call of a function of the program itself.
    pub fn is_local_call(self) -> bool {
        self.code == op::CALL && self.src() == op::PSEUDO_CALL
    }
}
