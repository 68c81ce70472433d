//! What is emitted, run by a small machine: the events that come of a context and of memory.

use std::collections::BTreeMap;

use btfly::btf::{Btf, Encoder, Kind, Record};
use btfly::object::Insn;
use btfly::relocate::Target;
use btfly::target::{FormatField, Shape, Source, WindowedBtf};
use btfly::value;

use super::{Facts, Plan, Refusal, Words, arguments, emit};

const CONTEXT: u64 = 0xffff_0000_0000_1000;
const STACK: u64 = 0xffff_0000_0000_4000;
const EVENT: u64 = 0xffff_0000_0000_8000;
const KERNEL: u64 = 0xffff_8000_1000_0000;
/// With a tag in its upper byte.
const USER: u64 = 0xb400_007f_0000_0000;

/// Memory of the kernel and of a process, byte by byte.
#[derive(Default)]
struct Machine {
    bytes: BTreeMap<u64, u8>,
}

impl Machine {
    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.bytes.extend((at..).zip(bytes.iter().copied()));
    }

    fn number(&self, at: u64, size: u32) -> u64 {
        let bytes = (0..u64::from(size)).rev();
        bytes.fold(0, |n, i| n << 8 | u64::from(self.bytes[&(at + i)]))
    }

    /// What a helper answers that reads memory of this kind.
    fn read(&mut self, [to, size, from]: [u64; 3], kernel: bool, text: bool) {
        let is_kernel = from >> 55 & 1 == 1;
        let of_process = from << 8 >> 8;
        let from = if is_kernel { from } else { of_process };
        let mut read: Vec<u8> = Vec::new();
        for at in from..from + size {
            match self.bytes.get(&at).filter(|_| is_kernel == kernel) {
                Some(byte) => read.push(*byte),
                None => return self.put(to, &vec![0; size as usize]),
            }
            if text && read.last() == Some(&0) {
                break;
            }
        }
        if text && let Some(last) = read.get_mut(size as usize - 1) {
            *last = 0;
        }
        self.put(to, &read);
    }

    /// Runs instructions as process 7, thread 8, called sh. The event that they send.
    fn run(&mut self, insns: &[Insn]) -> Option<Vec<u8>> {
        let mut r = [0u64; 11];
        (r[1], r[10]) = (CONTEXT, STACK);
        self.put(EVENT, &[0xee; 4096]);
        let (mut at, mut sent) = (0, None);
        loop {
            let Insn {
                code,
                regs,
                off,
                imm,
            } = insns[at];
            let (dst, src) = (usize::from(regs & 15), usize::from(regs >> 4));
            let imm = i64::from(imm) as u64;
            let size = [4, 2, 1, 8][usize::from(code >> 3 & 3)];
            let operand = if code & 8 == 8 { r[src] } else { imm };
            let place = |base: u64| base.wrapping_add_signed(off.into());
            at += 1;
            match (code & 7, code) {
                (_, 0x18) => {
                    r[dst] = imm & 0xffff_ffff | (insns[at].imm as u64) << 32;
                    at += 1;
                }
                (7, _) => {
                    r[dst] = match code >> 4 {
                        0x0 => r[dst].wrapping_add(operand),
                        0x5 => r[dst] & operand,
                        0x6 => r[dst] << operand,
                        0x7 => r[dst] >> operand,
                        0xc => (r[dst] as i64 >> operand) as u64,
                        0xb => operand,
                        _ => panic!("{code:#x}"),
                    }
                }
                (4, 0xb4) => r[dst] = imm & 0xffff_ffff,
                (1, _) => r[dst] = self.number(place(r[src]), size),
                (2, _) => self.put(place(r[dst]), &imm.to_le_bytes()[..size as usize]),
                (3, _) => self.put(place(r[dst]), &r[src].to_le_bytes()[..size as usize]),
                (5, 0x85) => {
                    let [_, a, b, c, d, e, ..] = r;
                    match imm {
                        1 => r[0] = EVENT,
                        14 => r[0] = 7 << 32 | 8,
                        16 => self.put(a, b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                        25 => {
                            assert_eq!((a, c), (CONTEXT, 0xffff_ffff));
                            let event = (d..d + e).map(|at| self.bytes[&at]);
                            sent = Some(event.collect());
                        }
                        112..=115 => self.read([a, b, c], imm & 1 == 1, imm > 113),
                        _ => panic!("helper {imm}"),
                    }
                }
                (5, 0x95) => return sent,
                (5, _) => {
                    let (a, b) = (r[dst], operand);
                    let jumps = match code >> 4 {
                        0x0 => true,
                        0x1 => a == b,
                        0x2 => a > b,
                        0x3 => a >= b,
                        0x4 => a & b != 0,
                        0x5 => a != b,
                        0x6 => a as i64 > b as i64,
                        0x7 => a as i64 >= b as i64,
                        0xa => a < b,
                        0xb => a <= b,
                        0xc => (a as i64) < b as i64,
                        0xd => a as i64 <= b as i64,
                        _ => panic!("{code:#x}"),
                    };
                    assert!(off >= 0, "a loop");
                    at += usize::from(jumps) * off as usize;
                }
                _ => panic!("{code:#x}"),
            }
        }
    }
}

/// The event of these words as JSON: an error where they are refused, nothing where none is sent.
fn event(text: &str, facts: &Facts<'_>, machine: &mut Machine) -> Result<String, Refusal> {
    let plan = Plan::new(&Words::read(text)?, facts)?;
    let Some(bytes) = machine.run(&emit::code(&plan).insns) else {
        return Ok(String::new());
    };
    let types = Btf::parse(&plan.types).unwrap();
    let event = types.find(Kind::Struct, "event").unwrap();
    let shown = value::Plan::new(&types, event).unwrap();
    assert_eq!(shown.size(), bytes.len());
    let mut json = Vec::new();
    shown.json(&bytes, &mut json);
    Ok(String::from_utf8(json).unwrap())
}

/// A kernel with `int f(int dfd, struct filename *name, const struct dentry *dentry, enum mode mode, …)`.
fn kernel() -> Vec<u8> {
    let mut out = Encoder::default();
    let int = out.int("int", 4, true);
    let char = out.int("char", 1, false);
    let long = out.int("long unsigned int", 8, false);
    let text = out.plain(Kind::Ptr, "", char.0);
    let filename = out.structure("filename", 16, &[("uptr", long, 0), ("name", text, 8)]);
    let byte = out.int("unsigned char", 1, false);
    let byte = out.plain(Kind::Const, "", byte.0);
    let bytes = out.plain(Kind::Ptr, "", byte.0);
    let qstr = out.structure("qstr", 16, &[("hash", long, 0), ("name", bytes, 8)]);
    let rest = [
        out.name("d_name"),
        qstr.0,
        0,
        out.name("__d_name"),
        qstr.0,
        0,
    ];
    let name = record(Kind::Union, 16, 2, &rest);
    let name = out.add("", name);
    let inode = out.structure("inode", 16, &[("i_mode", int, 0), ("i_ino", long, 8)]);
    let inode = out.plain(Kind::Ptr, "", inode.0);
    let rest = [
        [out.name("flag"), int.0, 3 << 24 | 5],
        [out.name("low"), int.0, 0],
        [0, name.0, 64],
        [out.name("d_inode"), inode.0, 192],
        [out.name("tag"), out.array(char, 4).0, 256],
    ];
    let rest = rest.concat();
    let mut dentry = record(Kind::Struct, 40, 5, &rest);
    dentry.flag = true;
    let dentry = out.add("dentry", dentry);
    let rest = [out.name("MODE_A"), 1, out.name("MODE_B"), 2];
    let mode = record(Kind::Enum, 4, 2, &rest);
    let mode = out.add("mode", mode);
    let filename = out.plain(Kind::Ptr, "", filename.0);
    let dentry = out.plain(Kind::Const, "", dentry.0);
    let dentry = out.plain(Kind::Ptr, "", dentry.0);
    let pair = out.structure("pair", 16, &[("a", long, 0), ("b", long, 8)]);
    let parameters = [
        ("dfd", int),
        ("name", filename),
        ("dentry", dentry),
        ("mode", mode),
        ("pair", pair),
        ("path", text),
        ("void", out.plain(Kind::Ptr, "", 0)),
        ("last", long),
    ];
    let mut rest = Vec::new();
    for (name, ty) in parameters {
        rest.extend([out.name(name), ty.0]);
    }
    let proto = record(Kind::FuncProto, int.0, 8, &rest);
    let proto = out.add("", proto);
    out.plain(Kind::Func, "f", proto.0);
    out.bytes()
}

fn record(kind: Kind, size_or_type: u32, vlen: u32, rest: &[u32]) -> Record<'_> {
    Record {
        kind,
        flag: false,
        vlen,
        size_or_type,
        rest,
    }
}

/// What `f` finds when it is called.
fn called() -> Machine {
    let mut machine = Machine::default();
    let (filename, dentry, inode) = (KERNEL, KERNEL + 0x100, KERNEL + 0x200);
    let registers = [u64::MAX - 99, filename, dentry, 2, 5, 6, USER, 0x77];
    let registers: Vec<u8> = registers.iter().flat_map(|r| r.to_le_bytes()).collect();
    machine.put(CONTEXT, &registers);
    let at = |address: u64| address.to_le_bytes();
    machine.put(filename, &[[0; 8], at(KERNEL + 0x300)].concat());
    machine.put(KERNEL + 0x300, b"/tmp/a file\0");
    machine.put(USER << 8 >> 8, b"of user\0");
    // Flag: bits 5 to 7 are 101, which is -3.
    machine.put(
        dentry,
        &[
            [0xa1, 0, 0, 0, 0, 0, 0, 0],
            at(0),
            at(KERNEL + 0x400),
            at(inode),
        ]
        .concat(),
    );
    machine.put(dentry + 32, b"tag\0");
    machine.put(KERNEL + 0x400, b"a file\0");
    machine.put(inode, &[[0xff, 0x81, 0, 0, 0, 0, 0, 0], at(4711)].concat());
    machine
}

fn asked(text: &str) -> Result<String, Refusal> {
    let btf = kernel();
    let mut wanted = btfly::target::Wanted::default();
    wanted.root("f", Kind::Func);
    let types = WindowedBtf::gather(Source::Memory(&btf), btf.len() as u64, &wanted).unwrap();
    let types: &dyn Target = &types;
    let function = types.header(types.candidates("f")[0]).unwrap();
    let proto = types.header(function.target()).unwrap();
    let facts = Facts::Known(types, arguments(types, &proto).unwrap());
    event(text, &facts, &mut called())
}

#[test]
fn arguments_are_sent_by_the_types_of_the_kernel() {
    for (words, expected) in [
        (
            "f",
            r#"{"pid":7,"tid":8,"comm":"sh","dfd":-100,"name":"/tmp/a file","dentry":"a file","mode":"MODE_B","pair":"0x5","path":"of user","void":"0x77"}"#,
        ),
        ("f tid pid", r#"{"tid":8,"pid":7}"#),
        (
            "f dentry->d_inode->i_ino",
            r#"{"dentry_d_inode_i_ino":4711}"#,
        ),
        ("f dentry.d_inode", r#"{"dentry_d_inode":4711}"#),
        ("f dentry.d_name.name", r#"{"dentry_d_name_name":"a file"}"#),
        (
            "f dentry.flag, dentry.low",
            r#"{"dentry_flag":-3,"dentry_low":161}"#,
        ),
        ("f dentry.tag", r#"{"dentry_tag":"tag"}"#),
        ("f name.uptr mode", r#"{"name_uptr":0,"mode":"MODE_B"}"#),
    ] {
        assert_eq!(asked(words).as_deref(), Ok(expected), "{words}");
    }
}

#[test]
fn conditions_hold_or_nothing_is_sent() {
    for (condition, holds) in [
        ("dfd == -100", true),
        ("dfd < -99", true),
        ("dfd <= -101", false),
        ("dfd > -100", false),
        ("dfd >= -100", true),
        ("dfd != -100", false),
        ("name == /tmp/a file", true),
        ("name == /tmp/a", false),
        ("name == /tmp/a file2", false),
        ("name != /tmp/a file", false),
        ("name != /tmp/b file", true),
        ("path == \"of user\"", true),
        ("mode == MODE_B", true),
        ("mode & 1", false),
        ("mode & 3", true),
        ("void == 0x77", true),
        ("void > 0x78", false),
        ("dentry.d_inode.i_ino >= 4711", true),
        ("dentry.d_inode.i_ino < 4711", false),
        ("dentry.flag == -3", true),
        ("comm == sh and dfd == -100", true),
        ("comm == sh and dfd == 0", false),
        ("comm == shell", false),
        ("pid = 7", true),
    ] {
        let words = format!("f tid if {condition}");
        let expected = if holds { r#"{"tid":8}"# } else { "" };
        assert_eq!(asked(&words).as_deref(), Ok(expected), "{condition}");
    }
}

#[test]
fn what_is_not_there_is_refused_with_what_there_is() {
    for (words, what, hint) in [
        ("f x", "there is no x", "dfd, name, dentry"),
        (
            "f dentry.d_inod",
            "dentry has no field d_inod",
            "it has d_inode",
        ),
        ("f dentry.x", "dentry has no field x", "d_name, __d_name"),
        ("f dfd.x", "dfd is no struct", "no field x"),
        (
            "f dentry.d_inode.i_ino.x",
            "dentry.d_inode.i_ino is no struct",
            "",
        ),
        ("f pair.a", "pair is handed over in registers", ""),
        ("f last", "last is not in a register", "first eight"),
        ("f if dfd == a", "dfd: ", "=="),
        ("f if name < a", "name: text is compared by == and !=", "=="),
        ("f if comm == 0123456789abcdef", "comm: ", "=="),
    ] {
        let refusal = asked(words).unwrap_err();
        assert!(refusal.what.starts_with(what), "{words}: {refusal:?}");
        assert!(refusal.hint.contains(hint), "{words}: {refusal:?}");
    }
}

#[test]
fn a_tracepoint_tells_what_its_record_has() {
    let field = |name: &str, declared: &str, offset, size, signed, shape| FormatField {
        name: name.into(),
        declared: declared.into(),
        offset,
        size,
        signed,
        shape,
    };
    let number = Shape::Number;
    let fields = [
        field("common_pid", "int", 4, 4, true, number),
        field("comm", "char", 8, 16, false, Shape::Array(1)),
        field("prio", "int", 24, 4, true, number),
        field("dev", "dev_t", 28, 4, false, number),
        field("path", "const char *", 32, 8, false, Shape::Pointer),
        field("__data_loc_name", "__data_loc char[]", 40, 4, true, number),
        field("__rel_loc_more", "__rel_loc char[]", 44, 4, true, number),
        field("args", "unsigned long", 48, 16, false, Shape::Array(8)),
        field("odd", "u16", 65, 2, false, number),
    ];
    let mut machine = called();
    machine.put(CONTEXT, &[0; 8]);
    machine.put(CONTEXT + 8, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
    machine.put(CONTEXT + 24, &(-5i32).to_le_bytes());
    machine.put(CONTEXT + 28, &(8u32 << 20 | 1).to_le_bytes());
    machine.put(CONTEXT + 32, &USER.to_le_bytes());
    machine.put(CONTEXT + 40, &(70u32 | 6 << 16).to_le_bytes());
    machine.put(CONTEXT + 44, &(28u32 | 5 << 16).to_le_bytes());
    machine.put(
        CONTEXT + 48,
        &[[1u64, 2].map(u64::to_le_bytes).concat(), vec![0; 1]].concat(),
    );
    machine.put(CONTEXT + 65, &513u16.to_le_bytes());
    machine.put(CONTEXT + 70, b"first\0more\0\0\0\0\0\0");
    let facts = Facts::Record(&fields);
    for (words, expected) in [
        (
            "a:b",
            r#"{"pid":7,"tid":8,"current_comm":"sh","comm":"bash","prio":-5,"dev":"8:1","path":"of user","name":"first","more":"more","args":[1,2],"odd":513}"#,
        ),
        ("a:b prio if name == first", r#"{"prio":-5}"#),
        (
            "a:b prio if comm == bash and prio < 0 and dev == 8:1",
            r#"{"prio":-5}"#,
        ),
        ("a/b prio if comm == sh", ""),
        ("a:b prio if current_comm == sh", r#"{"prio":-5}"#),
    ] {
        let found = event(words, &facts, &mut machine);
        assert_eq!(found.as_deref(), Ok(expected), "{words}");
    }
    let refusal = event("a:b common_pid", &facts, &mut machine).unwrap_err();
    assert_eq!(refusal.what, "there is no common_pid");
    let refusal = event("a:b if args == 1", &facts, &mut machine).unwrap_err();
    assert!(refusal.what.starts_with("args: "), "{refusal:?}");
}

#[test]
fn without_types_registers_have_numbers() {
    let expected = r#"{"arg1":"0xffff800010000000"}"#;
    let found = event("f arg1 if arg3 == 2", &Facts::ARGUMENTS, &mut called());
    assert_eq!(found.as_deref(), Ok(expected));
    let refusal = event("f arg8", &Facts::ARGUMENTS, &mut called()).unwrap_err();
    assert!(refusal.hint.contains("arg7"), "{refusal:?}");
    let returned = event("f", &Facts::RETURNED, &mut called()).unwrap();
    assert!(
        returned.ends_with(r#""ret":"0xffffffffffffff9c"}"#),
        "{returned}"
    );
}
