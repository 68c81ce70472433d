//! Objects that were cut off, damaged or made for something else: an error or a program, soon, and
//! never a panic. And objects as shipped, fitted to their own types, which must change nothing.

use btfly::btf::Btf;
use btfly::elf::ElfError;
use btfly::link::link;
use btfly::object::{Insn, Object, ObjectError};
use btfly::relocate::{Fitted, Patch, Resolver, patch, wanted};
use btfly::target::{Source, WindowedBtf};

const HELLO: &[u8] = include_bytes!("../prebuilt/arm64/hello.bpf.o");
const EXEC: &[u8] = include_bytes!("../prebuilt/arm64/exec.bpf.o");
const RELO: &[u8] = include_bytes!("../prebuilt/arm64/tests/relo.bpf.o");

/// The bytes of the section `.BTF`.
fn btf_of(object: &[u8]) -> Vec<u8> {
    let elf = btfly::elf::Elf::parse(object).unwrap();
    elf.section(".BTF").unwrap().data.to_vec()
}

/// What came of an object: relocations made and refused, programs linked.
#[derive(Debug, Default, PartialEq)]
struct Came {
    relocated: usize,
    poisoned: usize,
    refused: usize,
    linked: usize,
}

/// Takes an object through every pure room: read, relocated against the BTF `kernel`, linked.
fn through(bytes: &[u8], kernel: &[u8]) -> Result<(Came, Vec<Vec<Insn>>), ObjectError> {
    let object = Object::parse(bytes)?;
    let mut came = Came::default();
    let mut fitted = Fitted::compiled(&object);
    if let Some(btf) = &object.btf {
        let relocations = || object.code.iter().flat_map(|c| &c.relocations);
        let wanted = wanted(btf, relocations()).unwrap_or_default();
        let len = kernel.len() as u64;
        if let Ok(target) = WindowedBtf::gather(Source::Memory(kernel), len, &wanted) {
            let mut resolver = Resolver::new(btf, &target);
            for (section, insns) in object.code.iter().zip(&mut fitted.code) {
                for relocation in &section.relocations {
                    let at = relocation.insn_offset as usize / 8;
                    let done = resolver.resolve(relocation).and_then(|r| {
                        r.describe(btf, relocation);
                        r.candidates
                            .iter()
                            .for_each(|c| drop(c.describe(&target, relocation)));
                        patch(insns, at, &r)
                    });
                    match done {
                        Ok(Patch::Poisoned) => came.poisoned += 1,
                        Ok(_) => came.relocated += 1,
                        Err(error) => {
                            assert!(!error.to_string().is_empty());
                            came.refused += 1;
                        }
                    }
                }
            }
        }
    }
    for program in &object.programs {
        match link(&object, &fitted, program) {
            Ok(linked) => {
                came.linked += 1;
                assert!(linked.insns.len() <= 1_000_000);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    Ok((came, fitted.code))
}

#[test]
fn an_object_fitted_to_its_own_types_is_not_changed() {
    for bytes in [HELLO, EXEC] {
        let kernel = btf_of(bytes);
        let object = Object::parse(bytes).unwrap();
        let (came, code) = through(bytes, &kernel).unwrap();
        let relocations: usize = object.code.iter().map(|c| c.relocations.len()).sum();
        assert!(relocations > 0);
        let all = Came {
            relocated: relocations,
            linked: object.programs.len(),
            ..Came::default()
        };
        assert_eq!(came, all);
        for (before, after) in object.code.iter().zip(&code) {
            assert_eq!(&before.insns, after, "{}", before.section);
        }
    }
}

#[test]
fn an_object_whose_flavours_are_taken_for_a_kernel_is_told_that_they_disagree() {
    // relo has `task_struct` and `task_struct___flavour`, whose fields lie elsewhere: two types of
    // one essential name. What one of them alone has is clear, and rules the other out.
    let (came, _) = through(RELO, &btf_of(RELO)).unwrap();
    assert!(came.relocated > 15 && came.refused > 0, "{came:?}");
    assert_eq!((came.poisoned, came.linked), (0, 1));
}

#[test]
fn an_object_fitted_to_a_kernel_without_its_types_is_poisoned_and_not_refused() {
    // hello asks for task_struct.tgid and pt_regs.orig_x0, which the types of `no_core` lack.
    let no_core = include_bytes!("../prebuilt/arm64/tests/no_core.bpf.o");
    let (came, code) = through(HELLO, &btf_of(no_core)).unwrap();
    assert_eq!((came.relocated, came.refused, came.linked), (0, 0, 1));
    let calls = code
        .iter()
        .flatten()
        .filter(|i| i.imm == btfly::relocate::POISON);
    assert_eq!(calls.count(), came.poisoned);
    assert!(came.poisoned >= 2);
}

#[test]
fn an_object_cut_off_at_any_length_ends_in_an_error() {
    let kernel = btf_of(HELLO);
    for len in 0..HELLO.len() {
        let cut = HELLO.get(..len).unwrap();
        // The section table stands at the end: without all of it there is no object.
        let error = through(cut, &kernel).err();
        let error = error.unwrap_or_else(|| panic!("cut at {len} it was loaded"));
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn an_object_with_any_byte_changed_never_ends_in_a_panic() {
    let kernel = btf_of(HELLO);
    let (mut refused, mut taken) = (0, 0);
    for at in 0..HELLO.len() {
        for change in [0xff, 0x01, 0x80] {
            let mut bytes = HELLO.to_vec();
            bytes[at] ^= change;
            match through(&bytes, &kernel) {
                Ok(_) => taken += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    // Most bytes are names and code, which may be anything; tables may not.
    assert!(
        refused > 500 && taken > 500,
        "{refused} refused, {taken} taken"
    );
}

#[test]
fn a_kernel_with_any_byte_changed_or_cut_never_ends_in_a_panic() {
    let kernel = btf_of(HELLO);
    assert!(Btf::parse(&kernel).is_ok());
    for at in 0..kernel.len() {
        for change in [0xff, 0x01] {
            let mut bytes = kernel.clone();
            bytes[at] ^= change;
            through(HELLO, &bytes).unwrap();
        }
        through(HELLO, &kernel[..at]).unwrap();
    }
}

/// An ELF header and nothing else.
fn header(class: u8, order: u8, kind: u16, machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order, 1]);
    bytes[16..18].copy_from_slice(&kind.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    bytes[52] = 64;
    bytes
}

#[test]
fn files_for_something_else_are_refused_with_the_reason() {
    for (bytes, told) in [
        (Vec::new(), "not an ELF file"),
        (b"#!/bin/sh\n".to_vec(), "not an ELF file"),
        (
            header(2, 1, 1, 62),
            "compiled for x86-64 (ELF machine 62), not for BPF",
        ),
        (
            header(2, 1, 1, 183),
            "compiled for arm64 (ELF machine 183), not for BPF",
        ),
        (header(2, 2, 1, 247), "a big-endian object"),
        (header(1, 1, 1, 40), "a 32-bit ELF file"),
        (header(2, 1, 2, 247), "a linked file"),
        (header(2, 1, 1, 247), "no program found in the object"),
    ] {
        let error = Object::parse(&bytes).unwrap_err();
        assert!(error.to_string().starts_with(told), "{error}");
    }
    let error = Object::parse(&header(2, 1, 1, 62)).unwrap_err();
    assert!(matches!(
        error,
        ObjectError::Elf(ElfError::Machine { machine: 62, .. })
    ));
    assert!(error.hint().unwrap().contains("-target bpf"));
}

#[test]
fn an_object_without_btf_is_refused_where_its_maps_need_it() {
    // The section is there under another name, as after stripping: `.BTF` becomes `.BTx`.
    let mut bytes = HELLO.to_vec();
    let name = b"\0.BTF\0";
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap();
    bytes[at + 4] = b'x';
    let error = Object::parse(&bytes).unwrap_err();
    assert_eq!(
        error,
        ObjectError::NoBtf {
            needs: "the section .maps"
        }
    );
    assert!(error.hint().unwrap().contains("-g"));
}
