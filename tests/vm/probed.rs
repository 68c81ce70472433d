//! A program to be probed: /tmp/probed waits for its input to end, calls work(7) and work_more(8), and
//! exits. Written by hand, so that what it is called and where it lies is known.

use crate::program::executable;

pub const PATH: &str = "/tmp/probed";

const BASE: u64 = 0x40_0000;
const CODE_AT: u64 = 64 + 56;

#[rustfmt::skip]
const CODE: [u32; 19] = [
    0xd280_0000, // _start: mov x0, 0
    0xd100_43ff, // sub sp, sp, 16
    0x9100_03e1, // mov x1, sp
    0xd280_0022, // mov x2, 1
    0xd280_07e8, // mov x8, 63 (read)
    0xd400_0001, // svc 0
    0xd280_00e0, // mov x0, 7
    0x9400_0006, // bl work
    0xd280_0100, // mov x0, 8
    0x9400_0006, // bl work_more
    0xd280_0ba8, // mov x8, 93 (exit)
    0xd280_0000, // mov x0, 0
    0xd400_0001, // svc 0
    0x9100_0400, // work: add x0, x0, 1
    0xd65f_03c0, // ret
    0x9100_0800, // work_more: add x0, x0, 2
    0xd65f_03c0, // ret
    0xd65f_03c0, // twin: ret
    0xd65f_03c0, // twin: ret
];

/// The functions and their first instructions.
const FUNCTIONS: [(&str, u64); 5] = [
    ("_start", 0),
    ("work", 13),
    ("work_more", 15),
    ("twin", 17),
    ("twin", 18),
];

/// Makes the program, one without its symbols, and a file that is none.
pub fn make() {
    executable("probed", &elf(true));
    executable("probed.stripped", &elf(false));
    executable("probed.txt", b"this is not a program\n");
}

fn elf(symbols: bool) -> Vec<u8> {
    let code_len = 4 * CODE.len() as u64;
    let names = b"\0.text\0.symtab\0.strtab\0";
    let mut strings = vec![0];
    let mut table = vec![0; 24];
    for (name, insn) in FUNCTIONS {
        table.extend_from_slice(&(strings.len() as u32).to_le_bytes());
        table.extend_from_slice(&[0x12, 0, 1, 0]); // global function in section 1
        table.extend_from_slice(&(BASE + CODE_AT + 4 * insn).to_le_bytes());
        table.extend_from_slice(&8u64.to_le_bytes());
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
    }
    let table_at = (CODE_AT + code_len).next_multiple_of(8);
    let strings_at = table_at + table.len() as u64;
    let names_at = strings_at + strings.len() as u64;
    let sections_at = (names_at + names.len() as u64).next_multiple_of(8);

    let mut elf = Vec::new();
    elf.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |elf: &mut Vec<u8>, n: u16| elf.extend_from_slice(&n.to_le_bytes());
    let word = |elf: &mut Vec<u8>, n: u32| elf.extend_from_slice(&n.to_le_bytes());
    let long = |elf: &mut Vec<u8>, n: u64| elf.extend_from_slice(&n.to_le_bytes());
    half(&mut elf, 2); // ET_EXEC
    half(&mut elf, 183); // EM_AARCH64
    word(&mut elf, 1);
    long(&mut elf, BASE + CODE_AT);
    long(&mut elf, 64); // program headers
    long(&mut elf, if symbols { sections_at } else { 0 });
    word(&mut elf, 0);
    let (sections, names_in) = if symbols { (5, 4) } else { (0, 0) };
    for n in [64, 56, 1, 64, sections, names_in] {
        half(&mut elf, n);
    }
    let end = CODE_AT + code_len;
    word(&mut elf, 1); // PT_LOAD
    word(&mut elf, 5); // readable, executable
    for n in [0, BASE, BASE, end, end, 0x1_0000] {
        long(&mut elf, n);
    }
    for insn in CODE {
        word(&mut elf, insn);
    }
    if !symbols {
        return elf;
    }
    elf.resize(table_at as usize, 0);
    elf.extend_from_slice(&table);
    elf.extend_from_slice(&strings);
    elf.extend_from_slice(names);
    elf.resize(sections_at as usize, 0);
    // Name, type, flags, address, offset, size, link, info, alignment, size of an entry.
    let (table_len, strings_len) = (table.len() as u64, strings.len() as u64);
    for (name, kind, flags, address, at, len, link, entry) in [
        (0, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 6, BASE + CODE_AT, CODE_AT, code_len, 0, 0),
        (7, 2, 0, 0, table_at, table_len, 3, 24),
        (15, 3, 0, 0, strings_at, strings_len, 0, 0),
        (0, 3, 0, 0, names_at, names.len() as u64, 0, 0),
    ] {
        word(&mut elf, name);
        word(&mut elf, kind);
        for n in [flags, address, at, len] {
            long(&mut elf, n);
        }
        word(&mut elf, link);
        word(&mut elf, 1);
        long(&mut elf, 1);
        long(&mut elf, entry);
    }
    elf
}
