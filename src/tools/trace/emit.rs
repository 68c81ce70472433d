//! A plan becomes instructions: one straight way, without loops, which every verifier follows.
//!
//! r6 is the context, r7 the event, r8 where the way to a value has led. What is only read where the filter lets
//! an event pass is read behind it.

use btfly::object::Insn;

use super::fetch::{End, Fetch, Start, Value};
use super::plan::{Plan, Test, Wanted};
use super::words::Op;

/// The maps, in the order in which the object has them.
pub const EVENTS: usize = 0;
pub const SCRATCH: usize = 1;

/// Helpers by their numbers, as in the kernel's `include/uapi/linux/bpf.h`.
mod helper {
    pub const MAP_LOOKUP_ELEM: i32 = 1;
    pub const GET_CURRENT_PID_TGID: i32 = 14;
    pub const GET_CURRENT_COMM: i32 = 16;
    pub const PERF_EVENT_OUTPUT: i32 = 25;
    pub const PROBE_READ_USER: i32 = 112;
    pub const PROBE_READ_KERNEL: i32 = 113;
    pub const PROBE_READ_USER_STR: i32 = 114;
    pub const PROBE_READ_KERNEL_STR: i32 = 115;
}

/// Operation codes, as in `include/uapi/linux/bpf_common.h` and `bpf.h`.
mod code {
    pub const MOV: u8 = 0xb7;
    pub const MOV_REG: u8 = 0xbf;
    pub const MOV32: u8 = 0xb4;
    pub const ADD: u8 = 0x07;
    pub const ADD_REG: u8 = 0x0f;
    pub const AND: u8 = 0x57;
    pub const AND_REG: u8 = 0x5f;
    pub const LSH: u8 = 0x67;
    pub const RSH: u8 = 0x77;
    pub const ARSH: u8 = 0xc7;
    pub const LD_IMM64: u8 = 0x18;
    pub const LDX_DW: u8 = 0x79;
    pub const LDX_W: u8 = 0x61;
    pub const ST_DW: u8 = 0x7a;
    pub const ST_W: u8 = 0x62;
    pub const STX_DW: u8 = 0x7b;
    pub const STX_W: u8 = 0x63;
    pub const JA: u8 = 0x05;
    /// Added to a jump: with a register in the place of the number.
    pub const REG: u8 = 0x08;
    pub const JEQ: u8 = 0x15;
    pub const JGT: u8 = 0x25;
    pub const JGE: u8 = 0x35;
    pub const JSET: u8 = 0x45;
    pub const JNE: u8 = 0x55;
    pub const JSGT: u8 = 0x65;
    pub const JSGE: u8 = 0x75;
    pub const JLT: u8 = 0xa5;
    pub const JLE: u8 = 0xb5;
    pub const JSLT: u8 = 0xc5;
    pub const JSLE: u8 = 0xd5;
    pub const CALL: u8 = 0x85;
    pub const EXIT: u8 = 0x95;
}

/// Where on the stack a pointer is read to, and the key of the scratch value.
const POINTER: i16 = -16;
const KEY: i16 = -4;

/// Whose memory an address is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// The kernel's, for certain.
    Kernel,
    /// As bit 55 says, which tags above it leave alone.
    Either,
}

/// Instructions, and those of them that load a map: which.
#[derive(Debug, Default)]
pub struct Emitted {
    pub insns: Vec<Insn>,
    pub maps: Vec<(usize, usize)>,
    /// Jumps to the end.
    exits: Vec<usize>,
}

/// The instructions of a plan.
pub fn code(plan: &Plan) -> Emitted {
    let mut out = Emitted::default();
    out.reg(code::MOV_REG, 6, 1);
    out.op(code::ST_W, 10, KEY, 0);
    out.map(1, SCRATCH);
    out.reg(code::MOV_REG, 2, 10);
    out.op(code::ADD, 2, 0, i32::from(KEY));
    out.call(helper::MAP_LOOKUP_ELEM);
    out.leave(code::JEQ, 0, 0);
    out.reg(code::MOV_REG, 7, 0);
    let mut done = vec![false; plan.items.len()];
    let mut fetch = |out: &mut Emitted, index: usize| {
        if let (Some(item), Some(done)) = (plan.items.get(index), done.get_mut(index))
            && !*done
        {
            *done = true;
            out.fetch(&item.fetch, item.at as i16);
        }
    };
    for test in &plan.tests {
        fetch(&mut out, test.item);
        if let Some(item) = plan.items.get(test.item) {
            out.test(test, item.fetch.value, item.at as i16);
        }
    }
    (0..plan.shown).for_each(|index| fetch(&mut out, index));
    out.reg(code::MOV_REG, 1, 6);
    out.map(2, EVENTS);
    // BPF_F_CURRENT_CPU: the lower half alone.
    out.op(code::MOV32, 3, 0, -1);
    out.reg(code::MOV_REG, 4, 7);
    out.op(code::MOV, 5, 0, plan.sent as i32);
    out.call(helper::PERF_EVENT_OUTPUT);
    out.end();
    out
}

impl Emitted {
    fn op(&mut self, code: u8, dst: u8, off: i16, imm: i32) {
        let regs = dst;
        self.insns.push(Insn {
            code,
            regs,
            off,
            imm,
        });
    }

    fn reg(&mut self, code: u8, dst: u8, src: u8) {
        self.memory(code, dst, src, 0);
    }

    fn memory(&mut self, code: u8, dst: u8, src: u8, off: i16) {
        let regs = dst | src << 4;
        self.insns.push(Insn {
            code,
            regs,
            off,
            imm: 0,
        });
    }

    fn call(&mut self, helper: i32) {
        self.op(code::CALL, 0, 0, helper);
    }

    /// Loads a number of 64 bits.
    fn long(&mut self, dst: u8, number: u64) {
        self.op(code::LD_IMM64, dst, 0, number as i32);
        self.op(0, 0, 0, (number >> 32) as i32);
    }

    fn map(&mut self, dst: u8, map: usize) {
        self.maps.push((self.insns.len(), map));
        self.long(dst, 0);
    }

    /// Ends without an event where a register is to a number as `jump` says.
    fn leave(&mut self, jump: u8, dst: u8, imm: i32) {
        self.exits.push(self.insns.len());
        self.op(jump, dst, 0, imm);
    }

    fn end(&mut self) {
        let end = self.insns.len();
        for &at in &self.exits {
            if let Some(insn) = self.insns.get_mut(at) {
                insn.off = (end - at - 1) as i16;
            }
        }
        self.op(code::MOV, 0, 0, 0);
        self.op(code::EXIT, 0, 0, 0);
    }

    /// Puts a value into the event, `at` bytes from its start.
    fn fetch(&mut self, fetch: &Fetch, at: i16) {
        let size = fetch.value.size();
        let mut memory = Memory::Kernel;
        match (fetch.start, fetch.end) {
            (Start::Pid | Start::Tid, _) => {
                self.call(helper::GET_CURRENT_PID_TGID);
                if fetch.start == Start::Pid {
                    self.op(code::RSH, 0, 0, 32);
                }
                self.memory(code::STX_W, 7, 0, at);
                return;
            }
            (Start::Comm, _) => {
                self.place(at);
                self.op(code::MOV, 2, 0, size as i32);
                self.call(helper::GET_CURRENT_COMM);
                return;
            }
            (Start::Context(from), End::Here) => {
                self.memory(sized(code::LDX_DW, size), 0, 6, from as i16);
                self.memory(sized(code::STX_DW, size), 7, 0, at);
                return;
            }
            (Start::Context(from), _) => {
                self.memory(code::LDX_DW, 8, 6, from as i16);
                memory = Memory::Either;
            }
            (Start::Record(from), _) => {
                self.reg(code::MOV_REG, 8, 6);
                self.op(code::ADD, 8, 0, from as i32);
            }
            (Start::Told(from) | Start::ToldBehind(from), _) => {
                self.memory(code::LDX_W, 1, 6, from as i16);
                self.op(code::AND, 1, 0, 0xffff);
                self.reg(code::MOV_REG, 8, 6);
                self.reg(code::ADD_REG, 8, 1);
                if let Start::ToldBehind(_) = fetch.start {
                    self.op(code::ADD, 8, 0, from as i32 + 4);
                }
            }
        }
        for step in &fetch.steps {
            self.stack();
            self.read(*step, 8, memory, false);
            self.memory(code::LDX_DW, 8, 10, POINTER);
            memory = Memory::Either;
        }
        match fetch.end {
            End::Bits {
                at: from,
                size,
                first,
                width,
            } => {
                self.op(code::ST_DW, 10, POINTER, 0);
                self.stack();
                self.read(from, size, memory, false);
                self.memory(code::LDX_DW, 0, 10, POINTER);
                self.op(code::LSH, 0, 0, (64 - first - width) as i32);
                let right = match fetch.value {
                    Value::Number { signed: true, .. } => code::ARSH,
                    _ => code::RSH,
                };
                self.op(right, 0, 0, (64 - width) as i32);
                self.memory(code::STX_DW, 7, 0, at);
            }
            End::Memory(from) => {
                self.place(at);
                self.read(from, size, memory, matches!(fetch.value, Value::Text(_)));
            }
            End::Here => {}
        }
    }

    /// r1: a place in the event.
    fn place(&mut self, at: i16) {
        self.reg(code::MOV_REG, 1, 7);
        self.op(code::ADD, 1, 0, at.into());
    }

    /// r1: the place on the stack.
    fn stack(&mut self) {
        self.reg(code::MOV_REG, 1, 10);
        self.op(code::ADD, 1, 0, POINTER.into());
    }

    /// Reads to r1 from r8 on. What can't be read is zero.
    fn read(&mut self, from: u32, size: u32, memory: Memory, text: bool) {
        self.op(code::MOV, 2, 0, size as i32);
        self.reg(code::MOV_REG, 3, 8);
        if from != 0 {
            self.op(code::ADD, 3, 0, from as i32);
        }
        let (kernel, user) = match text {
            true => (helper::PROBE_READ_KERNEL_STR, helper::PROBE_READ_USER_STR),
            false => (helper::PROBE_READ_KERNEL, helper::PROBE_READ_USER),
        };
        if memory == Memory::Either {
            self.reg(code::MOV_REG, 4, 3);
            self.op(code::LSH, 4, 0, 8);
            self.op(code::JSGE, 4, 2, 0);
        }
        self.call(kernel);
        if memory == Memory::Either {
            self.op(code::JA, 0, 1, 0);
            self.call(user);
        }
    }

    /// Ends where a value that was fetched is not as it is to be.
    fn test(&mut self, test: &Test, value: Value, at: i16) {
        match (&test.wanted, value) {
            (Wanted::Text(text), _) => self.test_text(text, test.op, at),
            (Wanted::Number(wanted), Value::Number { size, signed }) => {
                self.memory(sized(code::LDX_DW, size), 0, 7, at);
                if signed && size < 8 {
                    let shift = 64 - 8 * size as i32;
                    self.op(code::LSH, 0, 0, shift);
                    self.op(code::ARSH, 0, 0, shift);
                }
                self.test_number(*wanted, test.op, signed);
            }
            _ => {}
        }
    }

    fn test_number(&mut self, wanted: u64, op: Op, signed: bool) {
        let jump = match (op, signed) {
            (Op::Equal, _) => code::JNE,
            (Op::Other, _) => code::JEQ,
            (Op::Less, false) => code::JGE,
            (Op::Less, true) => code::JSGE,
            (Op::AtMost, false) => code::JGT,
            (Op::AtMost, true) => code::JSGT,
            (Op::Greater, false) => code::JLE,
            (Op::Greater, true) => code::JSLE,
            (Op::AtLeast, false) => code::JLT,
            (Op::AtLeast, true) => code::JSLT,
            (Op::Common, _) => code::JSET,
        };
        self.long(1, wanted);
        if op == Op::Common {
            // There is no jump for bits that are not there.
            self.memory(jump | code::REG, 0, 1, 1);
            return self.leave(code::JA, 0, 0);
        }
        self.exits.push(self.insns.len());
        self.reg(jump | code::REG, 0, 1);
    }

    /// Compares text and the NUL behind it, eight bytes at a time.
    fn test_text(&mut self, text: &[u8], op: Op, at: i16) {
        let mut differs = Vec::new();
        for (index, piece) in (0..).zip(text.chunks(8)) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(piece) {
                *to = *from;
            }
            self.memory(code::LDX_DW, 0, 7, at + 8 * index);
            if piece.len() < 8 {
                self.long(1, u64::MAX >> (64 - 8 * piece.len()));
                self.reg(code::AND_REG, 0, 1);
            }
            self.long(1, u64::from_le_bytes(word));
            differs.push(self.insns.len());
            self.reg(code::JNE | code::REG, 0, 1);
        }
        match op {
            Op::Other => {
                self.leave(code::JA, 0, 0);
                let here = self.insns.len();
                for at in differs {
                    if let Some(insn) = self.insns.get_mut(at) {
                        insn.off = (here - at - 1) as i16;
                    }
                }
            }
            _ => self.exits.extend(differs),
        }
    }
}

/// A load or store of so many bytes.
fn sized(code: u8, size: u32) -> u8 {
    let bits = match size {
        1 => 0x10,
        2 => 0x08,
        4 => 0x00,
        _ => 0x18,
    };
    code & !0x18 | bits
}
