//! Every source of kernel types, on the BTF of real kernels.

#[path = "sources/counting.rs"]
mod counting;
#[path = "sources/kernels.rs"]
mod kernels;
#[path = "sources/whole.rs"]
mod whole;

use std::path::{Path, PathBuf};
use std::time::Instant;

use btfly::btf::{Btf, CoreRelo, RelocationKind};
use btfly::object::Object;
use btfly::relocate::{
    Answer, Minimal, RelocateError, Resolution, Resolver, Target, patch, resolve, wanted,
};
use btfly::target::{Address, BtfChoice, Config, Kernel, Symbols, Wanted};

use kernels::{KernelBtf, checkout, kernels};
use whole::Whole;

/// The kernels whose BTF came in an archive, with that.
fn archives() -> impl Iterator<Item = (PathBuf, KernelBtf)> {
    kernels().filter_map(|btf| Some((btf.archive.clone()?, btf)))
}

/// Whether an object asks for up to a hundred structs, to measure what that takes.
fn is_for_measuring(name: &str) -> bool {
    name.starts_with("roots_")
}

/// Every prebuilt object that has relocations.
fn objects() -> Vec<(String, Vec<u8>)> {
    let mut objects = Vec::new();
    for folder in ["prebuilt/arm64", "prebuilt/arm64/tests"] {
        for entry in std::fs::read_dir(checkout().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "o") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                objects.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    objects.sort();
    objects
}

fn relocations<'o>(object: &'o Object<'_>) -> impl Iterator<Item = &'o CoreRelo> {
    object.code.iter().flat_map(|code| &code.relocations)
}

fn asked<'a>(object: &Object<'a>) -> Option<(Btf<'a>, Wanted<'a>)> {
    let btf = object.btf.clone()?;
    let wanted = wanted(&btf, relocations(object)).unwrap();
    (!wanted.is_empty()).then_some((btf, wanted))
}

fn kernel(btf: &Path) -> Kernel {
    Kernel {
        btf: BtfChoice::File(btf.to_str().unwrap().into()),
        ..Kernel::running()
    }
}

/// What decides over the instruction.
fn outcome(
    resolution: Result<Resolution, RelocateError>,
) -> Result<(Option<u64>, bool), RelocateError> {
    resolution.map(|resolution| {
        let number = match resolution.answer {
            Answer::Value(value) => Some(value.number),
            Answer::Poison => None,
        };
        (number, resolution.resizable)
    })
}

#[test]
fn an_archive_gives_the_same_answers_as_its_contents_read_as_a_whole() {
    for (archive, btf) in archives() {
        let whole = Whole::new(&btf.bytes);
        for (name, object) in objects() {
            // Some are there to be refused.
            let Ok(object) = Object::parse(&object) else {
                continue;
            };
            let Some((btf, wanted)) = asked(&object) else {
                continue;
            };
            let source = kernel(&archive).types(&wanted).unwrap();
            for relo in relocations(&object) {
                let windowed = outcome(resolve(&btf, &*source.types, relo));
                let expected = outcome(resolve(&btf, &whole, relo));
                assert_eq!(
                    windowed,
                    expected,
                    "{name}: {relo:?}: {}",
                    archive.display()
                );
            }
        }
    }
}

/// The instructions of an object as they are patched for a kernel, section by section. Numbers of
/// types are another BTF's own: what they are patched into stays as it is.
fn patched(object: &Object<'_>, types: &dyn Target) -> Vec<Vec<[u8; 8]>> {
    let btf = object.btf.as_ref().unwrap();
    let mut resolver = Resolver::new(btf, types);
    let sections = object.code.iter().map(|code| {
        let mut insns = code.insns.clone();
        for relo in &code.relocations {
            let resolution = resolver.resolve(relo);
            let Ok(resolution) = resolution else {
                continue;
            };
            if relo.kind != RelocationKind::TypeIdTarget {
                patch(&mut insns, relo.insn_offset as usize / 8, &resolution).unwrap();
            }
        }
        insns.into_iter().map(|insn| insn.bytes()).collect()
    });
    sections.collect()
}

/// Picks out what some objects need of a kernel's BTF.
fn minimal(whole: &Whole<'_>, objects: &[Object<'_>]) -> Vec<u8> {
    let mut minimal = Minimal::new(whole);
    for object in objects {
        if let Some((btf, _)) = asked(object) {
            let relos: Vec<CoreRelo> = relocations(object).copied().collect();
            minimal.keep(&btf, &relos).unwrap();
        }
    }
    minimal.finish().unwrap()
}

#[test]
fn a_minimal_btf_gives_the_same_bytes_as_the_whole_one_and_is_small() {
    let objects = objects();
    let of = |tool: bool| -> Vec<Object<'_>> {
        let wanted = |name: &str| match tool {
            true => tools().contains(&name.to_owned()),
            // Beside them the one tool that there always was.
            false => {
                !is_for_measuring(name)
                    && (name == "exec.bpf.o" || !tools().contains(&name.to_owned()))
            }
        };
        let objects = objects.iter().filter(|(name, _)| wanted(name));
        objects.filter_map(|(_, o)| Object::parse(o).ok()).collect()
    };
    for kernel in kernels() {
        let whole = Whole::new(&kernel.bytes);
        for tool in of(true) {
            let len = minimal(&whole, &[tool]).len();
            assert!(len <= 1024, "{len} bytes for one tool");
        }
        for (what, objects, most) in [
            ("tools", of(true), 2560),
            ("exec and all objects that are no tool's", of(false), 4096),
        ] {
            let small = minimal(&whole, &objects);
            let (len, of) = (small.len(), kernel.bytes.len());
            println!("{}: {what}: {len} of {of} bytes", kernel.name);
            assert!(len <= most, "{len} bytes");
            let small = Whole::new(&small);
            for object in objects.iter().filter(|object| asked(object).is_some()) {
                let slots = |types| patched(object, types).into_iter().flatten();
                for (slot, (found, expected)) in slots(&small).zip(slots(&whole)).enumerate() {
                    assert_eq!(found, expected, "{}: slot {slot}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn a_folder_of_btf_becomes_one_of_minimal_btf_with_the_same_layout() {
    let min = |args: &[&str]| {
        let mut btfly = std::process::Command::new(env!("CARGO_BIN_EXE_btfly"));
        let done = btfly.args(["btf", "min", "--tools"]).args(args).output();
        let done = done.unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let made = |args: &[&str]| assert_eq!(min(args), (Some(0), String::new()));
    let folder = std::env::temp_dir().join(format!("btfly-folder-{}", std::process::id()));
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    let (code, words) = min(&["--btf", &path("empty"), "-o", &path("small")]);
    assert_eq!(code, Some(6));
    assert!(words.contains(".btf.tar.xz"), "{words}");
    std::fs::remove_dir_all(&folder).unwrap();
    for (archive, btf) in archives().filter(|(_, btf)| btf.bytes.len() < 5_000_000) {
        let name = &btf.name;
        std::fs::create_dir_all(folder.join("hub/id/1/arm64")).unwrap();
        std::fs::write(folder.join("hub/README"), "text").unwrap();
        std::fs::write(folder.join("hub/id/1/arm64/a.btf"), &btf.bytes).unwrap();
        std::fs::copy(&archive, folder.join("hub/b.btf.tar.xz")).unwrap();
        made(&["--btf", &path("hub"), "-o", &path("small")]);
        made(&["--btf", archive.to_str().unwrap(), "-o", &path("one")]);
        let one = std::fs::read(folder.join("one")).unwrap();
        for file in ["small/id/1/arm64/a.btf", "small/b.btf"] {
            assert!(
                std::fs::read(folder.join(file)).unwrap() == one,
                "{name}: {file}"
            );
        }
        assert_eq!(std::fs::read_dir(folder.join("small")).unwrap().count(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn big_endian_btf_is_refused_with_the_reason_in_any_form() {
    let (_, object) = objects()
        .into_iter()
        .find(|(name, _)| name == "hello.bpf.o")
        .unwrap();
    let object = Object::parse(&object).unwrap();
    let (_, wanted) = asked(&object).unwrap();
    // As a big-endian kernel has it: magic, version, flags, and five words.
    let mut raw = vec![0xeb, 0x9f, 1, 0];
    raw.extend(
        [24u32, 0, 0, 0, 1]
            .iter()
            .flat_map(|word| word.to_be_bytes()),
    );
    raw.push(0);
    let mut tar = vec![0; 1024];
    tar[..4].copy_from_slice(b"name");
    tar[124..135].copy_from_slice(b"00000000031");
    tar[156] = b'0';
    tar[257..263].copy_from_slice(b"ustar\0");
    tar[512..512 + raw.len()].copy_from_slice(&raw);
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x02");
    for (what, bytes) in [("raw", raw), ("tar", tar), ("elf", elf)] {
        let file = Raw::new(&format!("big-{what}"), &bytes);
        let error = kernel(&file.0).types(&wanted).err().expect(what);
        assert!(error.to_string().contains("big-endian"), "{what}: {error}");
    }
}

/// The files of the tools that are built in.
fn tools() -> Vec<String> {
    let folder = checkout().join("prebuilt/arm64");
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // The example is the only object there that is no tool.
    names
        .filter(|name| name.ends_with(".bpf.o") && name != "hello.bpf.o")
        .collect()
}

/// A file of raw BTF that is gone when the test ends, whatever it says.
struct Raw(PathBuf);

impl Raw {
    fn new(name: &str, bytes: &[u8]) -> Raw {
        let name = format!("btfly-{name}-{}.btf", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Raw(path)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Bytes that this thread has read so far, by whatever call. `None`: this kernel does not count.
fn bytes_read() -> Option<u64> {
    let mut text = [0; 256];
    let mut file = std::fs::File::open("/proc/thread-self/io").ok()?;
    let len = std::io::Read::read(&mut file, &mut text).ok()?;
    let text = core::str::from_utf8(&text[..len]).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "))?;
    line.parse().ok()
}

/// Answers every relocation of an object, as loading does: what was asked before is not asked again,
/// and no answer keeps its candidates.
fn relocate(object: &Object<'_>, from: &Path) -> usize {
    let (btf, wanted) = asked(object).unwrap();
    let source = kernel(from).types(&wanted).unwrap();
    let mut resolver = Resolver::new(&btf, &*source.types);
    let mut answers: Vec<((u32, u32, u32), Resolution)> = Vec::new();
    for relo in relocations(object) {
        let key = (relo.type_id.0, relo.access.0, relo.kind as u32);
        if answers.iter().all(|(known, _)| *known != key) {
            // Debian's for x86 has none of arm64's registers.
            if let Ok(mut answer) = resolver.resolve(relo) {
                answer.candidates = Vec::new();
                answers.push((key, answer));
            }
        }
    }
    answers.len()
}

#[test]
fn relocation_takes_256_kib_and_two_passes_for_any_object_and_kernel() {
    const MOST: usize = 256 << 10;
    let objects = objects();
    for kernel in kernels() {
        let (name_of_kernel, bytes) = (&kernel.name, &kernel.bytes);
        let raw = Raw::new("memory", bytes);
        for (name, object) in &objects {
            let Ok(object) = Object::parse(object) else {
                continue;
            };
            if asked(&object).is_none() {
                continue;
            }
            let (start, before) = (Instant::now(), bytes_read());
            let (answers, peak) = counting::peak(|| relocate(&object, &raw.0));
            let time = start.elapsed();
            let read = bytes_read().zip(before).map(|(now, before)| now - before);
            let percent = read.map(|read| read * 100 / bytes.len() as u64);
            println!(
                "{name_of_kernel}: {name}: {answers} answers, {} KiB, {} us, {} % of {} bytes read",
                peak.div_ceil(1024),
                time.as_micros(),
                percent.map_or("?".into(), |percent| percent.to_string()),
                bytes.len()
            );
            assert!(answers > 0);
            assert!(peak <= MOST, "{name_of_kernel}: {name}: {peak} bytes");
            // One pass over the names and one over the types read each byte once. What comes on top
            // are single records, some blocks for each of many structs; where each struct is there
            // hundreds of times, many.
            let most = match is_for_measuring(name) {
                true => bytes.len() + (64 << 10) + answers * (24 << 10),
                false => bytes.len() / 100 * 110,
            };
            let few = read.is_none_or(|read| read <= most as u64);
            assert!(few || !kernel.is_deduplicated(), "{name_of_kernel}: {name}");
        }
    }
}

#[test]
fn unpacking_takes_the_window_of_xz_and_gives_it_back() {
    let (_, hello) = objects()
        .into_iter()
        .find(|(name, _)| name == "hello.bpf.o")
        .unwrap();
    let object = Object::parse(&hello).unwrap();
    for (archive, _) in archives() {
        // `xz -6` packs with a window of 8 MiB; the reader's grows by doubling up to it.
        let (_, peak) = counting::peak(|| relocate(&object, &archive));
        println!("{}: {} KiB", archive.display(), peak.div_ceil(1024));
        assert!(peak <= (12 << 20) + (256 << 10), "{peak} bytes");
    }
}

/// The numbers of lines that a file of facts has here: as many as a large kernel's.
const LINES: u32 = 200_000;

#[test]
fn a_configuration_and_a_symbol_table_are_not_held_in_memory() {
    const MOST: usize = 128 << 10;
    let config: String = (0..LINES / 10)
        .map(|at| format!("CONFIG_SOME_OPTION_{at}=y\n"))
        .chain(["CONFIG_HZ=250\n".into()])
        .collect();
    let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    packed.extend(miniz_oxide::deflate::compress_to_vec(config.as_bytes(), 6));
    for (name, bytes) in [("config", config.into_bytes()), ("config.gz", packed)] {
        let file = Raw::new(name, &bytes);
        let path = file.0.to_str().unwrap();
        let (config, peak) =
            counting::peak(|| Config::read(path, ["CONFIG_HZ", "CONFIG_NO"].into_iter()));
        let config = config.unwrap();
        assert_eq!(
            (config.get("CONFIG_HZ"), config.get("CONFIG_NO")),
            (Some("250"), None)
        );
        println!("{name}: {} bytes, {} KiB", bytes.len(), peak.div_ceil(1024));
        assert!(peak <= MOST, "{name}: {peak} bytes");
    }
    let symbols: String = (0..LINES)
        .map(|at| format!("ffff8000{at:08x} t some_symbol_{at}\n"))
        .collect();
    let file = Raw::new("kallsyms", symbols.as_bytes());
    let path = file.0.to_str().unwrap();
    let (found, peak) = counting::peak(|| Symbols::read(path, ["some_symbol_7"].into_iter()));
    assert_eq!(
        found.unwrap().get("some_symbol_7"),
        Address::One(0xffff_8000_0000_0007)
    );
    println!(
        "kallsyms: {} bytes, {} KiB",
        symbols.len(),
        peak.div_ceil(1024)
    );
    assert!(peak <= MOST, "{peak} bytes");
}
