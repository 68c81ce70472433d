//! The objects as shipped, read and joined, against what their C sources in `bpf/` say.

use super::*;
use crate::btf::Types;
use crate::elf::ElfError;
use crate::link::{LinkError, Linked, link};
use crate::relocate::Fitted;
use crate::sys::abi;

const HELLO: &[u8] = include_bytes!("../../prebuilt/arm64/hello.bpf.o");
const EXEC: &[u8] = include_bytes!("../../prebuilt/arm64/exec.bpf.o");
const KINDS: &[u8] = include_bytes!("../../prebuilt/arm64/tests/kinds.bpf.o");
const SUBPROG: &[u8] = include_bytes!("../../prebuilt/arm64/tests/subprog.bpf.o");
const RELO: &[u8] = include_bytes!("../../prebuilt/arm64/tests/relo.bpf.o");
const NO_CORE: &[u8] = include_bytes!("../../prebuilt/arm64/tests/no_core.bpf.o");
const UNKNOWN: &[u8] = include_bytes!("../../prebuilt/arm64/tests/unknown_section.bpf.o");

fn linked(object: &Object<'_>, program: &str) -> Linked {
    let program = object.programs.iter().find(|p| p.name == program).unwrap();
    link(object, &Fitted::compiled(object), program).unwrap()
}

fn names<'a>(object: &Object<'a>, linked: &Linked) -> Vec<&'a str> {
    linked
        .functions
        .iter()
        .map(|f| object.functions[f.0].name)
        .collect()
}

/// The instruction number that each record of `size` bytes starts with.
fn slots(records: &[u8], size: usize) -> Vec<u32> {
    let words = records.chunks(size).map(|r| r.first_chunk::<4>().unwrap());
    words.map(|w| u32::from_le_bytes(*w)).collect()
}

#[test]
fn programs_and_their_hooks_are_those_of_the_source() {
    let object = Object::parse(KINDS).unwrap();
    let found: Vec<_> = object
        .programs
        .iter()
        .map(|p| (p.name, p.kind.prog_type, p.hook, p.autoload))
        .collect();
    let section = object.programs[0].section;
    let function = section.strip_prefix("kprobe/").unwrap();
    let (kprobe, tp, raw) = (
        abi::BPF_PROG_TYPE_KPROBE,
        abi::BPF_PROG_TYPE_TRACEPOINT,
        abi::BPF_PROG_TYPE_RAW_TRACEPOINT,
    );
    let (category, openat) = ("syscalls", "openat");
    let (enter, exit) = ("sys_enter_openat", "sys_exit_openat");
    let expected = [
        (
            "kind_kprobe",
            kprobe,
            Hook::Kprobe {
                function,
                offset: 0,
            },
            true,
        ),
        ("kind_kretprobe", kprobe, Hook::Kretprobe { function }, true),
        (
            "kind_ksyscall",
            kprobe,
            Hook::Ksyscall { name: openat },
            true,
        ),
        (
            "kind_kretsyscall",
            kprobe,
            Hook::Kretsyscall { name: openat },
            true,
        ),
        (
            "kind_tp",
            tp,
            Hook::Tracepoint {
                category,
                name: enter,
            },
            true,
        ),
        (
            "kind_tracepoint",
            tp,
            Hook::Tracepoint {
                category,
                name: exit,
            },
            true,
        ),
        (
            "kind_raw_tp",
            raw,
            Hook::RawTracepoint { name: "sys_enter" },
            true,
        ),
        (
            "kind_raw_tracepoint",
            raw,
            Hook::RawTracepoint { name: "sys_exit" },
            true,
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(object.license, "Dual BSD/GPL");
}

#[test]
fn a_question_mark_leaves_a_program_out_until_it_is_asked_for() {
    let object = Object::parse(EXEC).unwrap();
    let fork = object.programs.iter().find(|p| p.name == "fork").unwrap();
    assert_eq!(
        (fork.section, fork.autoload),
        ("?tp/sched/sched_process_fork", false)
    );
    let (category, name) = ("sched", "sched_process_fork");
    assert_eq!(fork.hook, Hook::Tracepoint { category, name });
    for program in &object.programs {
        assert_eq!(
            program.autoload,
            !program.section.starts_with('?'),
            "{}",
            program.name
        );
    }
}

#[test]
fn maps_have_the_fields_of_their_definitions() {
    let object = Object::parse(EXEC).unwrap();
    let btf = object.btf.as_ref().unwrap();
    let event = 8 + 6 * 4 + 16 + 32 + 512 + 4096;
    for (name, map_type, key_size, value_size, max_entries) in [
        ("events", abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0),
        ("starts", abi::BPF_MAP_TYPE_LRU_HASH, 4, 48, 1024),
        ("captured", abi::BPF_MAP_TYPE_LRU_HASH, 4, event, 256),
        ("parents", abi::BPF_MAP_TYPE_LRU_HASH, 4, 4, 1024),
        ("scratch", abi::BPF_MAP_TYPE_PERCPU_ARRAY, 4, event, 1),
    ] {
        let map = &object.maps[object.map(name).unwrap()];
        let found = (map.map_type, map.key_size, map.value_size, map.max_entries);
        assert_eq!(
            found,
            (map_type, key_size, value_size, max_entries),
            "{name}"
        );
    }
    let offsets: Vec<_> = object
        .maps
        .iter()
        .filter_map(|m| match m.kind {
            MapKind::Declared { offset } => Some(offset),
            _ => None,
        })
        .collect();
    assert!(offsets.len() >= 5 && offsets.is_sorted());
    let rodata = &object.maps[object.map(".rodata").unwrap()];
    assert_eq!(
        (rodata.map_type, rodata.max_entries),
        (abi::BPF_MAP_TYPE_ARRAY, 1)
    );
    let starts = &object.maps[object.map("starts").unwrap()];
    assert_eq!(btf.size_of(starts.value_type), Ok(48));
    assert_eq!(btf.size_of(starts.key_type), Ok(4));
    // Sizes without types.
    let events = &object.maps[object.map("events").unwrap()];
    assert_eq!(events.key_type, crate::btf::TypeId::VOID);
    assert_eq!(object.map("start"), None);
}

#[test]
fn globals_lie_in_their_sections_and_can_be_set_before_the_object_is_loaded() {
    let mut object = Object::parse(SUBPROG).unwrap();
    let section = |o: &Object<'_>, name: &str| {
        let global = o.global(name).unwrap();
        (o.maps[global.map].name.to_string(), global.size)
    };
    for (name, place, size) in [
        ("factor", ".rodata", 8),
        ("step", ".data", 8),
        ("greeting", ".data", 8),
        ("total", ".bss", 8),
    ] {
        assert_eq!(section(&object, name), (place.into(), size), "{name}");
        let global = object.global(name).unwrap();
        assert_eq!(
            object.btf.as_ref().unwrap().size_of(global.ty),
            Ok(size as u32)
        );
    }
    assert_eq!(object.global_mut("factor").unwrap(), 7u64.to_le_bytes());
    assert_eq!(object.global_mut("greeting").unwrap(), b"moin\0\0\0\0");
    object
        .global_mut("step")
        .unwrap()
        .copy_from_slice(&9u64.to_le_bytes());
    assert_eq!(object.global_mut("step").unwrap(), 9u64.to_le_bytes());
    assert_eq!(object.global_mut("greeting").unwrap(), b"moin\0\0\0\0");
    assert!(object.global_mut("no_such").is_none());
    // What is zero has no contents in the file.
    let map = &object.maps[object.global("total").unwrap().map];
    let MapKind::Data { kind, initial } = &map.kind else {
        panic!("a data map");
    };
    assert_eq!(
        (*kind, initial.len(), map.max_entries),
        (DataKind::Bss, 0, 1)
    );
    assert!(map.value_size >= 8);
}

#[test]
fn instructions_refer_to_maps_data_and_functions() {
    let object = Object::parse(SUBPROG).unwrap();
    let text = object.code.iter().find(|c| c.section == ".text").unwrap();
    let program = object
        .code
        .iter()
        .find(|c| c.section == "raw_tp/sys_enter")
        .unwrap();
    let (mut maps, mut data, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for reference in text.references.iter().chain(&program.references) {
        match reference.to {
            Referent::Map(map) => maps.push(object.maps[map].name),
            Referent::Data { map, offset } => {
                let global = object.globals.iter();
                let global = global.filter(|g| g.map == map && g.offset == offset as usize);
                data.push(global.map(|g| g.name).next().unwrap());
            }
            Referent::Call(function) => calls.push(object.functions[function].name),
            other => panic!("{other:?}"),
        }
    }
    maps.sort();
    maps.dedup();
    data.sort();
    data.dedup();
    calls.sort();
    calls.dedup();
    assert_eq!(maps, ["results"]);
    assert_eq!(data, ["factor", "greeting", "step", "total"]);
    assert!(
        calls.contains(&"mix") && calls.contains(&"triple"),
        "{calls:?}"
    );
    // Every reference is found again by its instruction, and no other is.
    for (slot, insn) in program.insns.iter().enumerate() {
        let listed = program.references.iter().any(|r| r.insn == slot);
        assert_eq!(program.reference(slot).is_some(), listed);
        assert!(!listed || insn.is_ld_imm64() || insn.code == op::CALL);
    }
}

#[test]
fn subprograms_follow_in_the_order_in_which_their_calls_are_met_depth_first() {
    let object = Object::parse(SUBPROG).unwrap();
    for program in ["first", "second"] {
        let linked = linked(&object, program);
        assert_eq!(
            names(&object, &linked),
            [program, "triple", "mix", "add_factor"]
        );
    }
    let object = Object::parse(EXEC).unwrap();
    for (program, functions) in [
        (
            "enter_execve",
            &[
                "enter_execve",
                "enter",
                "read_argv",
                "read_args",
                "read_arg",
            ][..],
        ),
        (
            "exit_execveat",
            &[
                "exit_execveat",
                "leave",
                "read_argv",
                "read_args",
                "read_arg",
            ],
        ),
        ("fork", &["fork"]),
    ] {
        assert_eq!(names(&object, &linked(&object, program)), functions);
    }
}

#[test]
fn every_call_lands_on_the_function_that_the_source_calls() {
    for bytes in [SUBPROG, EXEC, HELLO, RELO, NO_CORE, KINDS] {
        let object = Object::parse(bytes).unwrap();
        for program in &object.programs {
            let linked = linked(&object, program.name);
            let mut calls = 0;
            for (at, insn) in linked.insns.iter().enumerate() {
                let origin = linked.origin(&object, at).unwrap();
                let compiled = object.code[origin.code].insns[origin.slot];
                assert_eq!(compiled.code, insn.code, "{} {at}", program.name);
                if !insn.is_local_call() {
                    continue;
                }
                calls += 1;
                let target = (at as i64 + 1 + i64::from(insn.imm)) as usize;
                let landed = linked.functions.iter().find(|f| f.1 == target).unwrap();
                let meant = match object.code[origin.code].reference(origin.slot) {
                    Some(Referent::Call(function)) => function,
                    None => {
                        let slot = origin.slot as i64 + 1 + i64::from(compiled.imm);
                        let mut all = object.functions.iter();
                        let start = |f: &Function<'_>| (f.code, f.start as i64);
                        all.position(|f| start(f) == (origin.code, slot)).unwrap()
                    }
                    other => panic!("{other:?}"),
                };
                assert_eq!(landed.0, meant, "{} {at}", program.name);
            }
            assert!(linked.functions.len() == 1 || calls > 0);
            assert!(
                linked
                    .origin(&object, linked.insns.len() + 1000)
                    .is_none_or(|o| { object.code[o.code].insns.len() <= o.slot })
            );
        }
    }
}

#[test]
fn function_and_line_records_stand_where_the_kernel_wants_them() {
    for bytes in [SUBPROG, EXEC, HELLO, RELO, NO_CORE, KINDS] {
        let object = Object::parse(bytes).unwrap();
        let btf = object.btf.as_ref().unwrap();
        for program in &object.programs {
            let linked = linked(&object, program.name);
            let starts: Vec<u32> = linked.functions.iter().map(|f| f.1 as u32).collect();
            assert_eq!(slots(&linked.func_info, 8), starts, "{}", program.name);
            for (record, (function, _)) in linked.func_info.chunks(8).zip(&linked.functions) {
                let id = u32::from_le_bytes(*record.last_chunk().unwrap());
                let func = btf.header(crate::btf::TypeId(id)).unwrap();
                assert_eq!(
                    btf.str_at(func.name),
                    Some(object.functions[*function].name)
                );
            }
            let lines = slots(&linked.line_info, 16);
            assert!(lines.is_sorted_by(|a, b| a < b), "{}", program.name);
            assert!(starts.iter().all(|s| lines.contains(s)), "{}", program.name);
            let last = *lines.last().unwrap() as usize;
            assert!(last < linked.insns.len());
            // No record is about the second half of a load.
            assert!(lines.iter().all(|&l| linked.insns[l as usize].code != 0));
        }
    }
}

#[test]
fn a_function_without_line_records_costs_the_lines_and_not_the_load() {
    let mut object = Object::parse(SUBPROG).unwrap();
    object
        .ext
        .line_info
        .sections
        .retain(|s| object.btf.as_ref().unwrap().str_at(s.section) != Some(".text"));
    let without_lines = linked(&object, "first");
    assert_eq!(without_lines.func_info.len(), 4 * 8);
    assert!(without_lines.line_info.is_empty());
    object.ext.func_info.sections.truncate(1);
    let without_functions = linked(&object, "first");
    assert!(without_functions.func_info.is_empty() && without_functions.line_info.is_empty());
}

#[test]
fn fixups_name_each_map_and_the_byte_in_it() {
    let object = Object::parse(HELLO).unwrap();
    let linked = linked(&object, "hello");
    let found: Vec<_> = linked
        .fixups
        .iter()
        .map(|f| {
            (
                object.maps[f.map].name,
                f.offset,
                linked.insns[f.insn].src(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("my_config", None, op::PSEUDO_MAP_FD),
            (".data", Some(0), op::PSEUDO_MAP_VALUE),
            ("output", None, op::PSEUDO_MAP_FD),
        ]
    );
}

#[test]
fn calls_by_name_and_by_section_symbol_reach_the_same_function() {
    // Clang calls global functions by name (immediate -1) and static ones through the symbol of
    // their section (the distance in the immediate). The source has both.
    let elf = crate::elf::Elf::parse(SUBPROG).unwrap();
    let code = elf
        .sections
        .iter()
        .position(|s| s.name == "raw_tp/sys_enter")
        .unwrap();
    let object = Object::parse(SUBPROG).unwrap();
    let read = object
        .code
        .iter()
        .find(|c| c.section == "raw_tp/sys_enter")
        .unwrap();
    let mut kinds = Vec::new();
    for relocation in elf.relocations(code).unwrap() {
        let slot = relocation.offset as usize / 8;
        if !read.insns[slot].is_local_call() {
            continue;
        }
        let symbol = &elf.symbols[relocation.symbol];
        let Some(Referent::Call(function)) = read.reference(slot) else {
            panic!("a call that is none");
        };
        kinds.push((symbol.kind, object.functions[function].name));
    }
    use crate::elf::SymbolKind;
    assert!(kinds.contains(&(SymbolKind::Section, "mix")), "{kinds:?}");
    assert!(
        kinds.contains(&(SymbolKind::Function, "triple")),
        "{kinds:?}"
    );
}

#[test]
fn a_call_into_the_middle_of_a_function_is_an_error() {
    let object = Object::parse(SUBPROG).unwrap();
    let mut fitted = Fitted::compiled(&object);
    let code = &mut fitted.code;
    let program = &object.programs[0];
    let entry = object.entry(program).unwrap();
    // An instruction that refers to nothing becomes a call of its neighbour.
    let slots = entry.start..entry.start + entry.len;
    let free = slots.into_iter().find(|&s| {
        object.code[entry.code].reference(s).is_none() && code[entry.code][s].class() == op::ALU64
    });
    let slot = free.unwrap();
    code[entry.code][slot] = Insn {
        code: op::CALL,
        regs: op::PSEUDO_CALL << 4,
        off: 0,
        imm: 0,
    };
    let error = link(&object, &fitted, program).unwrap_err();
    assert!(matches!(error, LinkError::NoFunction { .. }), "{error}");
    let nothing = Fitted::default();
    assert_eq!(
        link(&object, &nothing, program).unwrap_err(),
        LinkError::Lost
    );
}

#[test]
fn a_section_that_says_no_program_kind_is_named() {
    let object = Object::parse(UNKNOWN).unwrap();
    let program = &object.programs[0];
    assert_eq!((program.name, program.section), ("never", "no_such_kind/x"));
    assert_eq!(
        (&program.hook, program.kind),
        (&Hook::Unknown, ProgramKind::UNKNOWN)
    );
    let error = program.unknown_section();
    assert!(error.to_string().contains(program.section));
    assert!(error.hint().unwrap().contains("kprobe/FUNCTION"));
}

#[test]
fn files_that_are_no_bpf_objects_are_refused_with_the_reason() {
    let patched = |at: usize, bytes: &[u8]| {
        let mut file = HELLO.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Object::parse(&file).unwrap_err()
    };
    assert_eq!(
        Object::parse(b"").unwrap_err(),
        ObjectError::Elf(ElfError::NotElf)
    );
    assert_eq!(
        Object::parse(b"\x7fEL").unwrap_err(),
        ObjectError::Elf(ElfError::NotElf)
    );
    for (at, bytes, told) in [
        (0, &b"\x7fBTF"[..], "not an ELF file"),
        (4, &[1], "a 32-bit ELF file"),
        (5, &[2], "a big-endian object"),
        (16, &[3, 0], "a linked file"),
        (
            18,
            &[62, 0],
            "compiled for x86-64 (ELF machine 62), not for BPF",
        ),
        (
            18,
            &[183, 0],
            "compiled for arm64 (ELF machine 183), not for BPF",
        ),
        (
            18,
            &[77, 1],
            "compiled for another processor (ELF machine 333), not for BPF",
        ),
        (
            40,
            &[0xff; 8],
            "damaged ELF file: its section table lies outside the file",
        ),
    ] {
        let error = patched(at, bytes);
        assert!(error.to_string().starts_with(told), "{error}");
    }
}

#[test]
fn relocations_stand_at_instructions_that_can_hold_their_values() {
    let object = Object::parse(RELO).unwrap();
    let code = &object.code[0];
    assert!(code.relocations.len() > 15);
    assert!(code.relocations.is_sorted_by_key(|r| r.insn_offset));
    for relocation in &code.relocations {
        let insn = code.insns[relocation.insn_offset as usize / 8];
        assert_ne!(insn.class(), op::JMP);
    }
    assert!(
        Object::parse(NO_CORE)
            .unwrap()
            .code
            .iter()
            .all(|c| c.relocations.is_empty())
    );
}

#[test]
fn an_instruction_has_the_last_source_line_up_to_it() {
    let object = Object::parse(RELO).unwrap();
    let source = std::fs::read_to_string("bpf/tests/relo.bpf.c").unwrap();
    let function = object.entry(&object.programs[0]).unwrap();
    let line = |slot: usize| object.source_line(function.code, function.start + slot);
    let number = |slot: usize| -> usize {
        let line = line(slot).unwrap();
        line.strip_prefix("relo.bpf.c:").unwrap().parse().unwrap()
    };
    // The lines of a function lie between its braces, and more than one of them made code.
    let first = 1 + source.lines().position(|l| l.starts_with("int ")).unwrap();
    let lines: Vec<usize> = (0..function.len).map(number).collect();
    assert!(
        lines.iter().all(|&line| line >= first),
        "{first}: {lines:?}"
    );
    assert!(lines.iter().any(|&line| line > first), "{lines:?}");
    assert_eq!(object.source_line(usize::MAX, 0), None);
}
