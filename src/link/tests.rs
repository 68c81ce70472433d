//! What old kernels get in the place of global data computes the same: programs are run before and
//! after, by a small interpreter.

use super::flow::{ADD64_K, MOV64_X, next};
use super::{Fixup, LinkError, Linked, fold, link, look_up};
use crate::object::{Insn, Object, op};
use crate::relocate::Fitted;

const HELLO: &[u8] = include_bytes!("../../prebuilt/arm64/hello.bpf.o");

const LDX_B: u8 = 0x71;
const LDX_H: u8 = 0x69;
const LDX_W: u8 = 0x61;
const LDX_DW: u8 = 0x79;
const LDX_SW: u8 = 0x81;
const LDX_SB: u8 = 0x91;
const STX_DW: u8 = 0x7b;
const STX_W: u8 = 0x63;
const MOV64_K: u8 = 0xb7;
const ADD64_X: u8 = 0x0f;
const AND64_K: u8 = 0x57;
const JEQ_K: u8 = 0x15;
const JNE_K: u8 = 0x55;
const EXIT: u8 = 0x95;

/// Two maps: read-only memory, and memory to write.
const RODATA: usize = 0;
const DATA: usize = 1;

fn insn(code: u8, to: u8, from: u8, off: i16, imm: i32) -> Insn {
    Insn {
        code,
        regs: to | from << 4,
        off,
        imm,
    }
}

/// A program in the making.
#[derive(Default)]
struct Maker(Linked);

impl Maker {
    fn new() -> Maker {
        let mut maker = Maker::default();
        maker.function();
        maker
    }

    /// A function begins here.
    fn function(&mut self) -> &mut Maker {
        let position = self.0.functions.len();
        self.0.functions.push((position, self.0.insns.len()));
        self
    }

    fn put(&mut self, code: u8, to: u8, from: u8, off: i16, imm: i32) -> &mut Maker {
        self.0.insns.push(insn(code, to, from, off, imm));
        self
    }

    /// The address of a byte of data.
    fn address(&mut self, to: u8, map: usize, offset: u32) -> &mut Maker {
        self.0.fixups.push(Fixup {
            insn: self.0.insns.len(),
            map,
            offset: Some(offset),
        });
        self.put(op::LD_IMM64, to, op::PSEUDO_MAP_VALUE, 0, 0)
            .put(0, 0, 0, 0, offset as i32)
    }

    /// A call of the function that starts with slot `target`.
    fn call(&mut self, target: usize) -> &mut Maker {
        let distance = target as i32 - self.0.insns.len() as i32 - 1;
        self.put(op::CALL, 0, op::PSEUDO_CALL, 0, distance)
    }
}

/// What is at these addresses; the rest is nowhere.
const STACK_TOP: u64 = 0x1_0000;
const MAP_BASE: [u64; 2] = [0x10_0000, 0x20_0000];

/// Runs programs.
struct Machine {
    maps: [Vec<u8>; 2],
    stacks: Vec<Vec<u8>>,
    steps: usize,
}

impl Machine {
    fn new(rodata: &[u8]) -> Machine {
        Machine {
            maps: [rodata.to_vec(), (100..164).collect()],
            stacks: Vec::new(),
            steps: 0,
        }
    }

    fn memory(&mut self, address: u64, size: usize) -> &mut [u8] {
        for (map, base) in self.maps.iter_mut().zip(MAP_BASE) {
            let offset = address.wrapping_sub(base) as usize;
            if let Some(place) = map.get_mut(offset..offset.saturating_add(size)) {
                return place;
            }
        }
        let below = STACK_TOP - address;
        let depth = (below / 0x1000) as usize;
        let at = 512 - (below as usize % 0x1000);
        &mut self.stacks[depth][at..at + size]
    }

    /// The result of the function that starts with slot `at`.
    fn run(&mut self, linked: &Linked, mut at: usize, arguments: [u64; 5]) -> u64 {
        let mut registers = [0u64; 11];
        // What a call left in the registers that it may change.
        registers[1..6].copy_from_slice(&arguments);
        registers[10] = STACK_TOP - 0x1000 * self.stacks.len() as u64;
        self.stacks.push(vec![0; 512]);
        loop {
            self.steps += 1;
            assert!(self.steps < 10_000, "it does not end");
            let insn = linked.insns[at];
            let (to, from) = (usize::from(insn.regs & 0xf), usize::from(insn.src()));
            let address = |register: usize| registers[register].wrapping_add(insn.off as u64);
            let mut jump = false;
            match insn.code {
                op::LD_IMM64 => {
                    let high = linked.insns[at + 1].imm;
                    let fixup = linked.fixups.iter().find(|f| f.insn == at);
                    registers[to] = match (fixup, insn.src()) {
                        (Some(fixup), op::PSEUDO_MAP_VALUE) => {
                            MAP_BASE[fixup.map] + u64::from(fixup.offset.unwrap())
                        }
                        (Some(fixup), op::PSEUDO_MAP_FD) => fixup.map as u64,
                        _ => u64::from(insn.imm as u32) | (high as u64) << 32,
                    };
                    at += 1;
                }
                LDX_B | LDX_H | LDX_W | LDX_DW | LDX_SW | LDX_SB => {
                    let size = [4, 2, 1, 8][usize::from(insn.code >> 3 & 3)];
                    let mut word = [0; 8];
                    word[..size].copy_from_slice(self.memory(address(from), size));
                    let value = u64::from_le_bytes(word);
                    registers[to] = match insn.code {
                        LDX_SW => value as i32 as u64,
                        LDX_SB => value as i8 as u64,
                        _ => value,
                    };
                }
                STX_DW | STX_W | 0x7a => {
                    let size = if insn.code == STX_W { 4 } else { 8 };
                    let value = match insn.code {
                        0x7a => insn.imm as u64,
                        _ => registers[from],
                    };
                    self.memory(address(to), size)
                        .copy_from_slice(&value.to_le_bytes()[..size]);
                }
                MOV64_K => registers[to] = insn.imm as u64,
                0xb4 => registers[to] = u64::from(insn.imm as u32),
                MOV64_X => registers[to] = registers[from],
                ADD64_K => registers[to] = registers[to].wrapping_add(insn.imm as u64),
                ADD64_X => registers[to] = registers[to].wrapping_add(registers[from]),
                AND64_K => registers[to] &= insn.imm as u64,
                JEQ_K => jump = registers[to] == insn.imm as u64,
                JNE_K => jump = registers[to] != insn.imm as u64,
                0x05 => jump = true,
                op::CALL => {
                    let result = match insn.src() {
                        op::PSEUDO_CALL => {
                            let target = (at as i32 + 1 + insn.imm) as usize;
                            let arguments = registers[1..6].try_into().unwrap();
                            self.run(linked, target, arguments)
                        }
                        // bpf_map_lookup_elem, of key 0.
                        _ if insn.imm == 1 => {
                            let key = self.memory(registers[2], 4).to_vec();
                            assert_eq!(key, [0; 4]);
                            MAP_BASE[registers[1] as usize]
                        }
                        // Any helper that reads one argument.
                        _ => registers[1] ^ 0x55,
                    };
                    registers[..6].fill(0xdead);
                    registers[0] = result;
                }
                EXIT => {
                    self.stacks.pop();
                    return registers[0];
                }
                other => panic!("instruction {other:#x} at {at}"),
            }
            at = match jump {
                true => (at as i64 + 1 + i64::from(insn.off)) as usize,
                false => at + 1,
            };
        }
    }
}

fn rodata() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..64).collect();
    bytes[8..16].copy_from_slice(&0xfedc_ba98_7654_3210u64.to_le_bytes());
    bytes[16..20].copy_from_slice(&(-5i32).to_le_bytes());
    bytes[24..32].copy_from_slice(&0xffff_ffffu64.to_le_bytes());
    bytes[32..40].copy_from_slice(&(-1i64).to_le_bytes());
    bytes
}

/// The program as a kernel without global data gets it.
fn without_data(linked: &Linked) -> Result<Linked, LinkError> {
    let object = Object::parse(HELLO).unwrap();
    let program = &object.programs[0];
    let mut out = Linked {
        insns: linked.insns.clone(),
        fixups: linked.fixups.clone(),
        functions: linked.functions.clone(),
        ..Linked::default()
    };
    fold(&object, program, &mut out, &[Some(rodata()), None])?;
    look_up(&object, program, &mut out)?;
    Ok(out)
}

/// Checks that the program computes the same, and gives what it became.
#[track_caller]
fn same(linked: &Linked) -> Linked {
    let out = without_data(linked).unwrap();
    assert!(out.fixups.iter().all(|f| f.offset.is_none()), "{out:#?}");
    let arguments = [11, 12, 13, 14, 15];
    let mut before = Machine::new(&rodata());
    let mut after = Machine::new(&rodata());
    let expected = before.run(linked, 0, arguments);
    assert_eq!(after.run(&out, 0, arguments), expected, "{out:#?}");
    assert_eq!(before.maps, after.maps, "{out:#?}");
    out
}

#[test]
fn a_load_of_each_size_becomes_a_constant_and_its_address_nothing() {
    for (code, offset, slots) in [
        (LDX_B, 3, 4),
        (LDX_H, 2, 4),
        (LDX_W, 16, 4),
        (LDX_SW, 16, 4),
        (LDX_SB, 11, 4),
        (LDX_DW, 24, 4),
        (LDX_DW, 32, 4),
        (LDX_DW, 8, 5),
    ] {
        let mut maker = Maker::new();
        maker
            .address(1, RODATA, 0)
            .put(code, 0, 1, offset, 0)
            .put(EXIT, 0, 0, 0, 0);
        let out = same(&maker.0);
        assert!(out.fixups.is_empty(), "{out:#?}");
        assert_eq!(out.insns.len(), slots, "{code:#x} at {offset}");
    }
}

#[test]
fn addresses_are_followed_through_moves_sums_and_joins() {
    let mut maker = Maker::new();
    maker
        .address(6, RODATA, 4)
        .put(MOV64_X, 7, 6, 0, 0)
        .put(ADD64_K, 7, 0, 0, 12)
        .put(JEQ_K, 1, 0, 2, 11)
        .address(7, RODATA, 16)
        // Both ways lead to byte 16.
        .put(LDX_SW, 8, 7, 0, 0)
        .put(op::CALL, 0, 0, 0, 5)
        .put(LDX_B, 0, 6, 1, 0)
        .put(ADD64_X, 0, 8, 0, 0)
        .put(EXIT, 0, 0, 0, 0);
    let out = same(&maker.0);
    assert!(out.fixups.is_empty(), "{out:#?}");
}

#[test]
fn where_ways_bring_different_addresses_nothing_is_folded() {
    let mut maker = Maker::new();
    maker
        .address(7, RODATA, 4)
        .put(JEQ_K, 1, 0, 2, 11)
        .address(7, RODATA, 16)
        .put(LDX_W, 0, 7, 0, 0)
        .put(EXIT, 0, 0, 0, 0);
    let out = same(&maker.0);
    assert_eq!(out.fixups.len(), 1, "{out:#?}");
}

#[test]
fn a_loop_that_moves_its_pointer_looks_its_data_up() {
    let mut maker = Maker::new();
    maker
        .put(MOV64_K, 0, 0, 0, 0)
        .put(MOV64_K, 3, 0, 0, 4)
        .address(2, RODATA, 40)
        .put(LDX_B, 4, 2, 0, 0)
        .put(ADD64_X, 0, 4, 0, 0)
        .put(ADD64_K, 2, 0, 0, 1)
        .put(ADD64_K, 3, 0, 0, -1)
        .put(JNE_K, 3, 0, -5, 0)
        .put(EXIT, 0, 0, 0, 0);
    let out = same(&maker.0);
    assert_eq!(out.fixups.len(), 1, "{out:#?}");
    assert_eq!(out.fixups[0].map, RODATA);
}

#[test]
fn data_is_written_by_way_of_lookups_in_every_function_and_arguments_survive() {
    let mut maker = Maker::new();
    // main: f(r1, 2, 3, 4, &rodata[8]) + data[0]
    maker
        .put(STX_DW, 10, 1, -8, 0)
        .put(MOV64_K, 2, 0, 0, 2)
        .put(MOV64_K, 3, 0, 0, 3)
        .put(MOV64_K, 4, 0, 0, 4)
        .address(5, RODATA, 8)
        .put(MOV64_X, 9, 1, 0, 0)
        .call(13)
        .address(2, DATA, 0)
        .put(LDX_DW, 2, 2, 0, 0)
        .put(ADD64_X, 0, 2, 0, 0)
        .put(EXIT, 0, 0, 0, 0);
    assert_eq!(maker.0.insns.len(), 13);
    maker
        .function()
        .put(LDX_DW, 0, 5, 0, 0)
        .put(ADD64_X, 0, 1, 0, 0)
        .put(ADD64_X, 0, 2, 0, 0)
        .put(ADD64_X, 0, 3, 0, 0)
        .put(ADD64_X, 0, 4, 0, 0)
        .address(5, DATA, 16)
        .put(STX_DW, 5, 0, 8, 0)
        .address(5, RODATA, 8)
        .put(LDX_W, 5, 5, 0, 0)
        .put(EXIT, 0, 0, 0, 0);
    let out = same(&maker.0);
    // Two maps in main, and one in the other function, where the constant is folded.
    assert_eq!(out.fixups.len(), 3, "{out:#?}");
}

#[test]
fn an_address_that_a_helper_gets_is_looked_up_and_one_that_it_does_not_is_none() {
    // Number 17 takes three arguments, number 5 none.
    for (helper, lookups) in [(17, 1), (5, 0)] {
        let mut maker = Maker::new();
        maker
            .address(1, RODATA, 8)
            .put(LDX_B, 6, 1, 0, 0)
            .put(op::CALL, 0, 0, 0, helper)
            .put(MOV64_X, 0, 6, 0, 0)
            .put(EXIT, 0, 0, 0, 0);
        assert_eq!(same(&maker.0).fixups.len(), lookups, "helper {helper}");
    }
}

#[test]
fn a_stack_that_is_full_is_told_with_the_variables() {
    let mut maker = Maker::new();
    maker
        .put(STX_DW, 10, 1, -512, 0)
        .address(1, DATA, 0)
        .put(STX_DW, 1, 1, 0, 0)
        .put(EXIT, 0, 0, 0, 0);
    let error = without_data(&maker.0).unwrap_err();
    assert!(matches!(error, LinkError::NoRoom { .. }), "{error}");
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

#[test]
fn programs_of_all_sorts_compute_the_same_without_global_data() {
    for seed in 0..1000 {
        let mut numbers = Numbers(seed);
        let mut maker = Maker::new();
        // r6 and r7 always hold addresses, r8 and r9 numbers.
        maker.address(6, RODATA, 0).address(7, DATA, 0);
        maker.put(MOV64_X, 8, 1, 0, 0).put(MOV64_K, 9, 0, 0, 9);
        let mut open_jumps: Vec<(usize, usize)> = Vec::new();
        for _ in 0..numbers.below(40) {
            let at = maker.0.insns.len();
            let pointer = 6 + numbers.below(2) as u8;
            let number = 8 + numbers.below(2) as u8;
            match numbers.below(8) {
                0 => maker.address(pointer, numbers.below(2) as usize, numbers.below(32) as u32),
                1 => maker.put(MOV64_X, 6, 7, 0, 0),
                2 => maker.put(MOV64_X, 7, 6, 0, 0),
                3 => {
                    let codes = [LDX_B, LDX_H, LDX_W, LDX_DW, LDX_SW];
                    let code = codes[numbers.below(5) as usize];
                    maker.put(code, number, pointer, numbers.below(8) as i16, 0)
                }
                4 => maker.put(STX_W, 10, number, -4 - 4 * numbers.below(8) as i16, 0),
                5 => maker.put(op::CALL, 0, 0, 0, 5),
                6 => maker.put(ADD64_X, 8, 9, 0, 0),
                _ => {
                    open_jumps.push((at, numbers.below(6) as usize));
                    maker.put(JEQ_K, number, 0, 0, numbers.below(12) as i32)
                }
            };
            // What jumps leads over some steps.
            for (jump, left) in &mut open_jumps {
                if *left == 0 && maker.0.insns[*jump].off == 0 {
                    let here = maker.0.insns.len();
                    maker.0.insns[*jump].off = (here - *jump - 1) as i16;
                }
                *left = left.saturating_sub(1);
            }
        }
        maker
            .put(MOV64_X, 0, 8, 0, 0)
            .put(ADD64_X, 0, 9, 0, 0)
            .put(EXIT, 0, 0, 0, 0);
        same(&maker.0);
    }
}

#[test]
fn whatever_is_in_a_program_nothing_panics() {
    let object = Object::parse(HELLO).unwrap();
    for seed in 0..3000 {
        let mut numbers = Numbers(seed);
        let count = numbers.below(24);
        let insns = (0..count).map(|_| {
            let code = match numbers.below(3) {
                0 => numbers.below(256) as u8,
                1 => op::LD_IMM64,
                _ => LDX_DW,
            };
            let off = numbers.below(24) as i16 - 12;
            insn(
                code,
                numbers.below(16) as u8,
                numbers.below(16) as u8,
                off,
                off.into(),
            )
        });
        let mut linked = Linked {
            insns: insns.collect(),
            functions: vec![(0, 0), (1, numbers.below(24) as usize)],
            ..Linked::default()
        };
        for at in 0..count as usize {
            if linked.insns[at].is_ld_imm64() {
                linked.fixups.push(Fixup {
                    insn: at,
                    map: numbers.below(3) as usize,
                    offset: Some(numbers.below(80) as u32),
                });
            }
        }
        let program = &object.programs[0];
        let _ = fold(&object, program, &mut linked, &[Some(rodata()), None]);
        let _ = look_up(&object, program, &mut linked);
    }
}

/// Whether some way through the program comes back to where it was.
fn has_loop(linked: &Linked) -> bool {
    // Where a walk is: each slot with the ways that are left from it.
    let mut state = vec![0u8; linked.insns.len()];
    let ways = |at: usize| -> Vec<usize> {
        let next = next(linked.insns[at], at);
        [next.behind, next.jump].into_iter().flatten().collect()
    };
    for (_, start) in &linked.functions {
        let mut walk = vec![(*start, ways(*start))];
        while let Some((at, left)) = walk.last_mut() {
            state[*at] = 1;
            match left.pop() {
                Some(to) if state[to] == 1 => return true,
                Some(to) if state[to] == 0 => {
                    let ways = ways(to);
                    walk.push((to, ways));
                }
                Some(_) => {}
                None => {
                    state[*at] = 2;
                    walk.pop();
                }
            }
        }
    }
    false
}

#[test]
fn what_is_shipped_has_no_loops_which_kernels_before_5_3_refuse() {
    let exec = include_bytes!("../../prebuilt/arm64/exec.bpf.o");
    for bytes in [&exec[..], HELLO] {
        let object = Object::parse(bytes).unwrap();
        let fitted = Fitted::compiled(&object);
        for program in &object.programs {
            let linked = link(&object, &fitted, program).unwrap();
            assert!(!has_loop(&linked), "{} has a loop", program.name);
            assert!(linked.insns.len() <= 4096, "{} is too long", program.name);
        }
    }
    // The walk does find one.
    let mut maker = Maker::new();
    maker
        .put(ADD64_K, 1, 0, 0, -1)
        .put(JNE_K, 1, 0, -2, 0)
        .put(EXIT, 0, 0, 0, 0);
    assert!(has_loop(&maker.0));
}
