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

#[test]
fn relocation_takes_little_memory_and_unpacking_the_window_of_xz() {
    let (_, hello) = objects()
        .into_iter()
        .find(|(name, _)| name == "hello.bpf.o")
        .unwrap();
    let object = Object::parse(&hello).unwrap();
    let (btf, wanted) = asked(&object).unwrap();
    let raw = std::env::temp_dir().join(format!("btfly-sources-{}.btf", std::process::id()));
    for archive in archives() {
        std::fs::write(&raw, unpacked(&archive)).unwrap();
        // The archive's own window is that of `xz -6`; the window doubles as it grows.
        for (path, most) in [(&raw, 256 << 10), (&archive, (12 << 20) + (256 << 10))] {
            let start = Instant::now();
            let ((), peak) = counting::peak(|| {
                let source = kernel(path).types(&wanted).unwrap();
                for relo in relocations(&object) {
                    let _ = resolve(&btf, &*source.types, relo);
                }
            });
            let name = path.file_name().unwrap().to_string_lossy();
            println!(
                "{name}: {} KiB, {} ms",
                peak >> 10,
                start.elapsed().as_millis()
            );
            assert!(peak <= most, "{name}: {peak} bytes");
        }
    }
    let _ = std::fs::remove_file(raw);
}
