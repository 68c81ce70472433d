//! Every source of kernel types, on real archives: those of BTFHub and of board kernels that lie
//! beside a checkout, in `../shared`. Where they are not there, nothing is tested.

#[path = "sources/counting.rs"]
mod counting;
#[path = "sources/whole.rs"]
mod whole;

use std::path::{Path, PathBuf};
use std::time::Instant;

use btfly::btf::{Btf, CoreRelo, RelocationKind};
use btfly::object::Object;
use btfly::relocate::{Answer, Minimal, RelocateError, Resolution, Resolver, resolve, wanted};
use btfly::target::{BtfChoice, Kernel, Wanted};

use whole::Whole;

const ARCHIVES: [&str; 7] = [
    "btfhub/android/a12-5.10-2022-06-arm64",
    "btfhub/centos/8/aarch64/4.18.0-147.5.1.el8_1.aarch64",
    "btfhub/debian/10/x86_64/4.19.0-24-cloud-amd64",
    "btfhub/kylin/V10/aarch64/4.19.90-24.4.v2101.ky10.aarch64",
    "btfhub/rock5b/rock5b-5.10-f9d1b1529-arm64",
    "kernels/5.10-board",
    "kernels/5.10-board-64k",
];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The archives that are there.
fn archives() -> Vec<PathBuf> {
    let shared = checkout().join("../shared");
    let paths = ARCHIVES
        .iter()
        .map(|name| shared.join([name, ".btf.tar.xz"].concat()));
    paths.filter(|path| path.exists()).collect()
}

/// What is in an archive, unpacked by tar and xz.
fn unpacked(archive: &Path) -> Vec<u8> {
    let mut tar = std::process::Command::new("tar");
    let output = tar.arg("-xJOf").arg(archive).output().expect("tar");
    assert!(output.status.success(), "{}", archive.display());
    output.stdout
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
    for archive in archives() {
        let bytes = unpacked(&archive);
        let whole = Whole::new(&bytes);
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

#[test]
fn a_minimal_btf_answers_as_the_whole_one_does_and_is_small() {
    let objects = objects();
    let objects: Vec<_> = objects
        .iter()
        .filter_map(|(_, o)| Object::parse(o).ok())
        .collect();
    for archive in archives() {
        let bytes = unpacked(&archive);
        let whole = Whole::new(&bytes);
        let mut minimal = Minimal::new(&whole);
        for object in &objects {
            let Some((btf, _)) = asked(object) else {
                continue;
            };
            let relos: Vec<CoreRelo> = relocations(object).copied().collect();
            minimal.keep(&btf, &relos).unwrap();
        }
        let small = minimal.finish().unwrap();
        println!(
            "{}: {} of {} bytes",
            archive.display(),
            small.len(),
            bytes.len()
        );
        assert!(small.len() < 4096);
        let small = Whole::new(&small);
        for object in &objects {
            let Some((btf, _)) = asked(object) else {
                continue;
            };
            let mut by_whole = Resolver::new(&btf, &whole);
            let mut by_small = Resolver::new(&btf, &small);
            for relo in relocations(object) {
                let (expected, found) = (by_whole.resolve(relo), by_small.resolve(relo));
                // Numbers of types are another BTF's own.
                if relo.kind != RelocationKind::TypeIdTarget {
                    assert_eq!(
                        outcome(found),
                        outcome(expected),
                        "{relo:?}: {}",
                        archive.display()
                    );
                }
            }
        }
    }
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
    for archive in archives() {
        let bytes = unpacked(&archive);
        let raw = Raw::new("memory", &bytes);
        let kernel = archive.file_name().unwrap().to_string_lossy();
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
                "{kernel}: {name}: {answers} answers, {} KiB, {} us, {} % of {} bytes read",
                peak.div_ceil(1024),
                time.as_micros(),
                percent.map_or("?".into(), |percent| percent.to_string()),
                bytes.len()
            );
            assert!(answers > 0);
            assert!(peak <= MOST, "{kernel}: {name}: {peak} bytes");
            // One pass over the names and one over the types read each byte once. What comes on top
            // are single records; where each struct is there hundreds of times, many.
            let deduplicated = !archive.to_string_lossy().contains("centos");
            assert!(!deduplicated || percent.is_none_or(|percent| percent <= 110));
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
    for archive in archives() {
        // `xz -6` packs with a window of 8 MiB; the reader's grows by doubling up to it.
        let (_, peak) = counting::peak(|| relocate(&object, &archive));
        println!("{}: {} KiB", archive.display(), peak.div_ceil(1024));
        assert!(peak <= (12 << 20) + (256 << 10), "{peak} bytes");
    }
}
