//! CO-RE by the output of a real compiler: each source in `conformance/` is an object and its
//! target, with the expected value of each relocation next to it, worked out by hand. libbpf must be of
//! the same opinion, but where it is known not to be.

// Shared with tests/oracle.rs, which uses more of them.
#[allow(dead_code)]
#[path = "oracle/libbpf.rs"]
mod libbpf;
#[allow(dead_code)]
#[path = "oracle/listing.rs"]
mod listing;
#[path = "oracle/ours.rs"]
mod ours;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use listing::Listing;

use btfly::btf::{Btf, TypeId, Types};
use btfly::elf::Elf;
use btfly::object::{Insn, Object, op};
use btfly::relocate::POISON;

/// Where Debian 12's libbpf (1.1) answers otherwise, and why.
const LIBBPF_DIFFERS: [(&str, &str); 2] = [
    (
        "array_load",
        "before 1.6 libbpf compares the sizes of whole arrays where a load takes one element",
    ),
    (
        "unsigned_enum",
        "libbpf expects the sign in what the compiler wrote without, and refuses the object",
    ),
];

/// A program with one relocation.
struct Question {
    name: String,
    expected: String,
}

/// A source and what it was compiled to.
struct Pair {
    name: String,
    object: PathBuf,
    target: PathBuf,
    questions: Vec<Question>,
    /// Words of the error that it must end in.
    fails: Option<String>,
}

/// All pairs, compiled once, for the oldest instruction set and for the newest.
fn pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(compile_all)
}

fn compile_all() -> Vec<Pair> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files: Vec<PathBuf> = fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "c"))
        .collect();
    files.sort();
    let cpus = ["v2", "v4"];
    let pairs = files
        .iter()
        .flat_map(|source| cpus.map(|cpu| pair(source, cpu)));
    pairs.collect()
}

fn pair(source: &Path, cpu: &str) -> Pair {
    let text = fs::read_to_string(source).unwrap();
    let name = source.file_stem().unwrap().to_str().unwrap();
    let asked = |line: &str| {
        let rest = line.strip_prefix("ASK(").or(line.strip_prefix("ASK_AT("))?;
        let mut words = rest.splitn(3, ", ");
        Some(Question {
            name: words.next()?.into(),
            expected: words.next()?.into(),
        })
    };
    let fails = text.strip_prefix("/* fails: ");
    Pair {
        name: name.into(),
        object: compile(source, &format!("{name}.{cpu}.o"), cpu, &[]),
        target: compile(
            source,
            &format!("{name}.{cpu}.target.o"),
            cpu,
            &["-DTARGET"],
        ),
        questions: text.lines().filter_map(asked).collect(),
        fails: fails.and_then(|rest| Some(rest.split_once(" */")?.0.into())),
    }
}

fn compile(source: &Path, to: &str, cpu: &str, flags: &[&str]) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(to);
    let output = Command::new("clang-19")
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror"])
        .arg(format!("-mcpu={cpu}"))
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf/include"))
        .args(flags)
        .args([Path::new("-c"), source, Path::new("-o"), &to])
        .output()
        .expect("clang-19, of scripts/setup");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    to
}

/// What btfly makes of it.
fn ours(object: &Path, target: &Path) -> Listing {
    ours::listings(&[object.into()], target, &[]).remove(0)
}

/// The slot of a program's only relocation, and the name of the type that it starts from.
fn relocation<'o>(object: &'o Object<'_>, program: &str) -> (usize, &'o str) {
    let found = object.programs.iter().find(|p| p.name == program);
    let function = object.entry(found.expect(program)).unwrap();
    let slots = function.start..function.start + function.len;
    let mut relos = object.code[function.code].relocations.iter();
    let mut relos = relos
        .by_ref()
        .filter(|r| slots.contains(&(r.insn_offset as usize / 8)));
    let relo = relos.next().expect(program);
    assert!(
        relos.next().is_none(),
        "{program}: more than one relocation"
    );
    let btf = object.btf.as_ref().unwrap();
    let name = btf.name(btf.header(relo.type_id).unwrap().name).unwrap();
    (relo.insn_offset as usize / 8 - function.start, name)
}

/// What an instruction came to, in the words of the sources.
fn outcome(insn: Insn, next: Option<Insn>) -> String {
    let width = match insn.code & op::SIZE_MASK {
        op::SIZE_B => "u8",
        op::SIZE_H => "u16",
        op::SIZE_W => "u32",
        _ => "u64",
    };
    match insn.class() {
        _ if insn.code == op::CALL && insn.imm == POISON => "poison".into(),
        op::LDX | op::ST | op::STX => format!("{width}@{}", insn.off),
        op::LD if insn.is_ld_imm64() => {
            let high = next.expect("its second half").imm;
            (i64::from(high) << 32 | i64::from(insn.imm as u32)).to_string()
        }
        op::ALU | op::ALU64 => insn.imm.to_string(),
        class => panic!("class {class}"),
    }
}

/// The slots of a program of a listing.
fn slots(lines: &[String]) -> Vec<Insn> {
    let slots = lines.iter().filter(|line| !line.starts_with("fn "));
    let parse = |line: &String| {
        let byte = |at: usize| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap();
        Insn::parse(std::array::from_fn(byte))
    };
    slots.map(parse).collect()
}

/// Whether `id` is the number of a type called `name`, flavours aside.
fn is_number_of(id: &str, name: &str, btf: &Btf<'_>) -> bool {
    let Ok(header) = btf.header(TypeId(id.parse().unwrap())) else {
        return false;
    };
    btf.name(header.name) == Some(name)
}

#[test]
fn each_relocation_comes_to_what_was_worked_out_by_hand() {
    let mut count = 0;
    for pair in pairs().iter().filter(|pair| pair.fails.is_none()) {
        let bytes = fs::read(&pair.object).unwrap();
        let object = Object::parse(&bytes).unwrap();
        let target = fs::read(&pair.target).unwrap();
        let target = Elf::parse(&target).unwrap();
        let target = Btf::parse(target.section(".BTF").unwrap().data).unwrap();
        assert_eq!(object.programs.len(), pair.questions.len(), "{}", pair.name);
        let listing = ours(&pair.object, &pair.target);
        assert_eq!(listing.verdict, "ok", "{}", pair.name);
        for Question { name, expected } in &pair.questions {
            let (slot, root) = relocation(&object, name);
            let slots = slots(&listing.programs[name]);
            let found = outcome(slots[slot], slots.get(slot + 1).copied());
            let right = match expected.as_str() {
                "its_own_id" => is_number_of(&found, root, object.btf.as_ref().unwrap()),
                "target_id" => is_number_of(&found, root, &target),
                expected => found == expected,
            };
            assert!(
                right,
                "{}: {name}: {found}, and {expected} is right",
                pair.name
            );
            count += 1;
        }
    }
    println!("{count} relocations");
    assert!(count > 400, "{count}");
}

#[test]
fn what_can_not_be_relocated_is_refused_and_named() {
    let failing = pairs()
        .iter()
        .filter_map(|pair| Some((pair, pair.fails.as_ref()?)));
    let mut count = 0;
    for (pair, words) in failing {
        let verdict = ours(&pair.object, &pair.target).verdict;
        assert!(verdict.starts_with("fail "), "{}: {verdict}", pair.name);
        assert!(verdict.contains(words), "{}: {verdict}", pair.name);
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn an_instruction_that_holds_something_else_than_was_compiled_is_refused() {
    let pair = pairs().iter().find(|pair| pair.name == "fields").unwrap();
    let mut bytes = fs::read(&pair.object).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    // The first program asks for the offset of a: 4 bytes into the object's struct.
    let code = elf.section("raw_tp").unwrap().data;
    let at = code.as_ptr().addr() - bytes.as_ptr().addr();
    let insn = Insn::parse(*bytes[at..].first_chunk().unwrap());
    assert_eq!((insn.class(), insn.imm), (op::ALU64, 4));
    bytes[at + 4] = 5;
    let changed = pair.object.with_extension("changed.o");
    fs::write(&changed, bytes).unwrap();
    let ours = ours(&changed, &pair.target).verdict;
    assert!(ours.contains("struct plain.a"), "{ours}");
    let theirs = libbpf::listing(&changed, &pair.target, &[]).verdict;
    assert!(theirs.contains("got 5, exp 4"), "{theirs}");
}

#[test]
fn libbpf_is_of_the_same_opinion() {
    for pair in pairs() {
        let known = LIBBPF_DIFFERS.iter().find(|(name, _)| *name == pair.name);
        let theirs = libbpf::listing(&pair.object, &pair.target, &[]);
        let differences = ours(&pair.object, &pair.target).differences(&theirs);
        match known {
            // Once it is of our opinion, the reason has gone.
            Some((_, why)) => assert!(!differences.is_empty(), "{}: no longer: {why}", pair.name),
            None => assert!(
                differences.is_empty(),
                "{} (ours, libbpf's):\n{}",
                pair.name,
                differences.join("\n")
            ),
        }
    }
}
