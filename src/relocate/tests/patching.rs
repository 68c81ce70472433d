//! What an answer does to an instruction.

use super::*;
use crate::object::{Insn, op};
use crate::relocate::{POISON, Patch, Spec, Value, patch};
use RelocationKind::*;

/// An answer as it comes out of [`resolve`]: compiled in, found, and the field sizes of both.
fn answer(compiled: u64, found: Option<u64>) -> Resolution {
    let value = |number| Value {
        number,
        field: None,
        checked: true,
    };
    Resolution {
        local: Spec::new(TypeId::VOID),
        compiled: value(compiled),
        answer: found.map_or(Answer::Poison, |n| Answer::Value(value(n))),
        resizable: true,
        candidates: Vec::new(),
    }
}

fn insn(code: u8, off: i16, imm: i32) -> Insn {
    Insn {
        code,
        regs: 0x21,
        off,
        imm,
    }
}

const MOV: u8 = op::ALU64 | 0xb0;
const ADD32: u8 = op::ALU;
const LDXW: u8 = op::LDX | op::SIZE_W | 0x60;
const LDXDW: u8 = op::LDX | op::SIZE_DW | 0x60;
const STXH: u8 = op::STX | op::SIZE_H | 0x60;
const STB: u8 = op::ST | op::SIZE_B | 0x60;
const LD64: Insn = Insn {
    code: op::LD_IMM64,
    regs: 1,
    off: 0,
    imm: 5,
};
const HIGH: Insn = Insn {
    code: 0,
    regs: 0,
    off: 0,
    imm: 1,
};
const CALL: Insn = Insn {
    code: op::CALL,
    regs: 0,
    off: 0,
    imm: POISON,
};

#[test]
fn each_form_of_instruction_takes_the_value_where_it_has_its_number() {
    for (code, before, after) in [
        (MOV, (3, 16), (3, 40)),
        (ADD32, (3, 16), (3, 40)),
        (LDXW, (16, 3), (40, 3)),
        (LDXDW, (16, 3), (40, 3)),
        (STXH, (16, 3), (40, 3)),
        (STB, (16, 3), (40, 3)),
    ] {
        let mut insns = [insn(0xff, 0, 0), insn(code, before.0, before.1)];
        patch(&mut insns, 1, &answer(16, Some(40))).unwrap();
        assert_eq!(
            insns,
            [insn(0xff, 0, 0), insn(code, after.0, after.1)],
            "{code:#x}"
        );
        patch(&mut insns, 1, &answer(40, None)).unwrap();
        assert_eq!(insns, [insn(0xff, 0, 0), CALL], "{code:#x}");
    }
    let mut insns = [LD64, HIGH];
    let done = patch(&mut insns, 0, &answer(1 << 32 | 5, Some(u64::MAX - 1))).unwrap();
    assert_eq!(
        done.to_string(),
        "(LDIMM64) imm64 4294967301 -> 18446744073709551614"
    );
    assert_eq!(insns, [Insn { imm: -2, ..LD64 }, Insn { imm: -1, ..HIGH }]);
    assert_eq!(patch(&mut insns, 0, &answer(0, None)), Ok(Patch::Poisoned));
    assert_eq!(insns, [CALL, CALL]);
}

#[test]
fn what_is_done_reads_as_people_know_it() {
    for (code, told) in [
        (MOV, "(ALU/ALU64) imm 16 -> 40"),
        (LDXW, "(LDX/ST/STX) off 16 -> 40"),
    ] {
        let done = patch(&mut [insn(code, 16, 16)], 0, &answer(16, Some(40))).unwrap();
        assert_eq!(done.to_string(), told);
    }
}

#[test]
fn an_instruction_that_does_not_hold_what_was_compiled_in_is_an_error() {
    for (mut insns, found) in [
        ([insn(MOV, 0, 17), HIGH], 17),
        ([insn(MOV, 0, -1), HIGH], 0xffff_ffff),
        ([insn(LDXW, 17, 16), HIGH], 17),
        ([insn(STB, -16, 16), HIGH], -16i64 as u64),
        ([LD64, HIGH], 1 << 32 | 5),
    ] {
        let before = insns;
        let expected = 16;
        let error = patch(&mut insns, 0, &answer(16, Some(40))).unwrap_err();
        assert_eq!(error, RelocateError::Unexpected { found, expected });
        assert_eq!(insns, before, "nothing is changed");
        // Poison asks for nothing.
        patch(&mut insns, 0, &answer(16, None)).unwrap();
        assert_eq!(insns[0], CALL);
    }
}

#[test]
fn a_negative_value_fits_an_immediate_by_its_sign() {
    let mut insns = [insn(MOV, 0, -1)];
    patch(&mut insns, 0, &answer(u64::MAX, Some(-7i64 as u64))).unwrap();
    assert_eq!(insns[0].imm, -7);
}

#[test]
fn an_unsigned_enumerator_keeps_the_form_that_was_compiled() {
    // The object's types give 0x80000000 with its sign, as every loader reads it.
    let old = 0x8000_0000u32 as i32 as u64;
    for (new, low, high) in [
        (0xc000_0000u32 as i32 as u64, 0xc000_0000u32 as i32, 0),
        (5, 5, 0),
        (7 << 32 | 5, 5, 7),
    ] {
        let mut insns = [
            Insn {
                imm: i32::MIN,
                ..LD64
            },
            Insn { imm: 0, ..HIGH },
        ];
        patch(&mut insns, 0, &answer(old, Some(new))).unwrap();
        assert_eq!((insns[0].imm, insns[1].imm), (low, high));
    }
    let mut signed = [
        Insn {
            imm: i32::MIN,
            ..LD64
        },
        Insn { imm: -1, ..HIGH },
    ];
    patch(&mut signed, 0, &answer(old, Some(-3i64 as u64))).unwrap();
    assert_eq!((signed[0].imm, signed[1].imm), (-3, -1));
}

#[test]
fn the_compiled_value_counts_only_where_compilers_agree_on_it() {
    // A bitfield in the object is not checked; a plain field is, whatever the kernel has.
    let mut local = Builder::new();
    let unsigned = local.int("unsigned int", 4, false);
    let root = local.bitfields(
        "s",
        8,
        &[("bits", unsigned, 0, 3), ("plain", unsigned, 32, 0)],
    );
    let mut target = Builder::new();
    let unsigned = target.int("unsigned int", 4, false);
    let members = [("plain", unsigned, 0, 3), ("bits", unsigned, 64, 0)];
    target.bitfields("s", 16, &members);
    let bits = ask(&local, &target, root, "0:0", FieldByteOffset).unwrap();
    let mut insns = [insn(MOV, 0, 1234)];
    let done = patch(&mut insns, 0, &bits).unwrap();
    assert_eq!(insns[0].imm, 8);
    assert_eq!(done, Patch::Immediate { old: 1234, new: 8 }, "as it was");
    let plain = ask(&local, &target, root, "0:1", FieldByteOffset).unwrap();
    patch(&mut [insn(MOV, 0, 1234)], 0, &plain).unwrap_err();
    patch(&mut [insn(MOV, 0, 4)], 0, &plain).unwrap();
    for (kind, access) in [(FieldSigned, "0:0"), (FieldRshiftU64, "0:0")] {
        let answer = ask(&local, &target, root, access, kind).unwrap();
        assert!(
            answer.compiled.checked,
            "{} is never ambiguous",
            kind.name()
        );
    }
    // The numbers of types move when objects are linked.
    for kind in [TypeIdLocal, TypeIdTarget] {
        assert!(
            !ask(&local, &target, root, "0", kind)
                .unwrap()
                .compiled
                .checked
        );
    }
}

#[test]
fn an_offset_must_fit_sixteen_bits() {
    for (new, fits) in [(0x7fff, true), (0x8000, false), (1 << 20, false)] {
        let done = patch(&mut [insn(LDXW, 16, 0)], 0, &answer(16, Some(new)));
        assert_eq!(done.is_ok(), fits, "{new:#x}");
        patch(&mut [insn(MOV, 0, 16)], 0, &answer(16, Some(new))).unwrap();
    }
}

#[test]
fn other_instructions_can_not_be_relocated_but_can_be_poisoned() {
    let bad = |insns: &mut [Insn]| patch(insns, 0, &answer(1 << 32 | 5, Some(1))).unwrap_err();
    for mut insns in [
        [insn(op::CALL, 0, 5), HIGH],
        [insn(op::JMP32 | 0x10, 0, 5), HIGH],
        [insn(MOV | op::SRC_X, 0, 5), HIGH],
        [insn(op::LD | 0x20, 0, 5), HIGH],
        // A sixteen-byte load of a map, with an offset, or whose second half is no second half.
        [LD64.with_src(op::PSEUDO_MAP_FD), HIGH],
        [Insn { off: 1, ..LD64 }, HIGH],
        [LD64, Insn { code: MOV, ..HIGH }],
        [LD64, Insn { regs: 1, ..HIGH }],
        [LD64, Insn { off: 1, ..HIGH }],
    ] {
        let code = insns[0].code;
        assert_eq!(bad(&mut insns), RelocateError::Instruction(code));
        assert_eq!(patch(&mut insns, 0, &answer(0, None)), Ok(Patch::Poisoned));
        assert_eq!(insns[0], CALL);
    }
    assert_eq!(bad(&mut [LD64]), RelocateError::Instruction(op::LD_IMM64));
    assert_eq!(bad(&mut []), RelocateError::Instruction(0));
    patch(&mut [HIGH], 9, &answer(0, Some(0))).unwrap_err();
}

#[test]
fn load_size_follows_the_target_field_where_no_sign_is_lost() {
    type Make = fn(&mut Builder) -> TypeId;
    const U8: Make = |b| b.int("unsigned char", 1, false);
    const BOOL: Make = |b| b.boolean();
    const U16: Make = |b| b.int("short unsigned int", 2, false);
    const U32: Make = |b| b.int("unsigned int", 4, false);
    const S32: Make = |b| b.int("int", 4, true);
    const U64: Make = |b| b.int("long unsigned int", 8, false);
    const S64: Make = |b| b.int("long int", 8, true);
    const U128: Make = |b| b.int("unsigned __int128", 16, false);
    const POINTER: Make = |b| b.ptr(TypeId::VOID);
    const STRUCT4: Make = |b| b.structure("x", 4, &[]);
    const STRUCT8: Make = |b| b.structure("x", 8, &[]);
    const ENUM: Make = |b| b.enumeration("e", &[("A", 0)]);
    const ENUM64: Make = |b| b.enum64("e", &[("A", 0)]);
    const FOUR: Make = |b| {
        let int = b.int("unsigned int", 4, false);
        b.array(int, 4)
    };
    const NINE: Make = |b| {
        let int = b.int("unsigned int", 4, false);
        b.array(int, 9)
    };
    const EIGHTS: Make = |b| {
        let long = b.int("long unsigned int", 8, false);
        b.array(long, 4)
    };
    enum Then {
        Width(u8),
        Poison,
        Error,
    }
    use Then::*;
    for (local, size, target, then) in [
        (U32, op::SIZE_W, U32, Width(op::SIZE_W)),
        (U32, op::SIZE_W, U8, Width(op::SIZE_B)),
        (U32, op::SIZE_W, BOOL, Width(op::SIZE_B)),
        (U32, op::SIZE_W, U16, Width(op::SIZE_H)),
        (U32, op::SIZE_W, U64, Width(op::SIZE_DW)),
        (U64, op::SIZE_DW, U32, Width(op::SIZE_W)),
        (U32, op::SIZE_W, S32, Width(op::SIZE_W)),
        (S32, op::SIZE_W, S32, Width(op::SIZE_W)),
        (POINTER, op::SIZE_DW, POINTER, Width(op::SIZE_DW)),
        (S32, op::SIZE_W, S64, Poison),
        (U32, op::SIZE_W, S64, Poison),
        (S32, op::SIZE_W, U64, Poison),
        (ENUM, op::SIZE_W, ENUM64, Poison),
        (STRUCT4, op::SIZE_W, STRUCT8, Poison),
        // The load is not as wide as the field was: it can't be said what it means.
        (U32, op::SIZE_H, U64, Error),
        (U64, op::SIZE_DW, U128, Error),
        // Arrays are loaded by their elements: another length is nothing, another width is.
        (FOUR, op::SIZE_W, NINE, Width(op::SIZE_W)),
        (FOUR, op::SIZE_W, EIGHTS, Poison),
    ] {
        let side = |make: Make, offset| {
            let mut b = Builder::new();
            let ty = make(&mut b);
            let alias = b.typedef("alias", ty);
            let root = b.structure("s", 64, &[("f", alias, offset)]);
            (b, root)
        };
        let ((local, root), (target, _)) = (side(local, 8), side(target, 24));
        let resolution = ask(&local, &target, root, "0:0", FieldByteOffset).unwrap();
        let mut insns = [insn(op::LDX | size | 0x60, 8, 0)];
        let done = patch(&mut insns, 0, &resolution);
        let (l, t) = (local.bytes(), target.bytes());
        match then {
            Width(width) => {
                let expected = insn(op::LDX | width | 0x60, 24, 0);
                assert_eq!(insns, [expected], "{done:?} {l:x?} {t:x?}");
            }
            Poison => assert_eq!(
                (done, insns),
                (Ok(Patch::Poisoned), [CALL]),
                "{l:x?} {t:x?}"
            ),
            Error => assert!(done.is_err(), "{done:?} {l:x?} {t:x?}"),
        }
        // A number in a register has no width: only its value changes.
        let mut insns = [insn(MOV, 0, 8)];
        patch(&mut insns, 0, &resolution).unwrap();
        assert_eq!(insns, [insn(MOV, 0, 24)]);
    }
}

#[test]
fn a_load_whose_field_became_a_bitfield_or_was_one_is_poisoned() {
    for (local_width, target_width) in [(0, 3), (3, 0)] {
        let side = |width| {
            let mut b = Builder::new();
            let unsigned = b.int("unsigned int", 4, false);
            let root = b.bitfields("s", 8, &[("f", unsigned, 32, width)]);
            (b, root)
        };
        let ((local, root), (target, _)) = (side(local_width), side(target_width));
        let resolution = ask(&local, &target, root, "0:0", FieldByteOffset).unwrap();
        assert_eq!(
            patch(&mut [insn(LDXW, 4, 0)], 0, &resolution),
            Ok(Patch::Poisoned)
        );
        let done = patch(&mut [insn(MOV, 0, 4)], 0, &resolution).unwrap();
        assert_eq!(done, Patch::Immediate { old: 4, new: 4 });
    }
}

#[test]
fn elements_of_rows_of_another_length_are_still_loaded() {
    let side = |columns| {
        let mut b = Builder::new();
        let unsigned = b.int("unsigned int", 4, false);
        let row = b.array(unsigned, columns);
        let table = b.array(row, 2);
        let root = b.structure("s", 64, &[("t", table, 0)]);
        (b, root)
    };
    let ((local, root), (target, _)) = (side(3), side(5));
    let resolution = ask(&local, &target, root, "0:0:1", FieldByteOffset).unwrap();
    let mut insns = [insn(LDXW, 12, 0)];
    patch(&mut insns, 0, &resolution).unwrap();
    assert_eq!(insns, [insn(LDXW, 20, 0)]);
}
