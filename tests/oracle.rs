//! libbpf as the judge: real objects against real kernels' types, slot by slot.
//!
//! The objects are those inside Debian's arm64 libbpf-tools, and those of `prebuilt/`. The types are
//! those of the VM suite's kernels, taken out of their images, and of the archives that lie beside
//! a checkout, in `../shared`, where they are there. What is missing is fetched.

#[path = "oracle/carve.rs"]
mod carve;
#[path = "oracle/libbpf.rs"]
mod libbpf;
#[path = "oracle/listing.rs"]
mod listing;
#[path = "oracle/ours.rs"]
mod ours;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KERNELS: [&str; 4] = ["5.10", "6.1", "6.12", "7.x"];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder for what is unpacked: made anew by each run.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The last line that a script of the project prints.
fn script(words: &[&str]) -> PathBuf {
    let [name, words @ ..] = words else {
        panic!("no script");
    };
    let output = Command::new(checkout().join("scripts/qemu-arm64").join(name))
        .args(words)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// The objects inside Debian's tools.
fn tools(into: &Path) -> Vec<PathBuf> {
    let mut objects = Vec::new();
    let folder = script(&["debian", "libbpf-tools"]).join("usr/sbin");
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // Some tools are another name of one.
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        for (number, object) in carve::objects(&bytes).into_iter().enumerate() {
            let name = entry.file_name().into_string().unwrap();
            let path = into.join(format!("{name}.{number}.bpf.o"));
            fs::write(&path, object).unwrap();
            objects.push(path);
        }
    }
    objects.sort();
    objects
}

/// The project's own objects, but for those that are there to be refused.
fn prebuilt() -> Vec<PathBuf> {
    let refused = ["unknown_section.bpf.o"];
    let mut objects = Vec::new();
    for folder in ["prebuilt/arm64", "prebuilt/arm64/tests"] {
        for entry in fs::read_dir(checkout().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".o") && !refused.contains(&&*name) {
                objects.push(path);
            }
        }
    }
    objects.sort();
    objects
}

/// A kernel's types: a name, and the raw BTF.
fn kernels(into: &Path) -> Vec<(String, PathBuf)> {
    let kernels = KERNELS.map(|kernel| {
        let image = fs::read(script(&["kernel", kernel])).unwrap();
        let path = into.join(format!("{kernel}.btf"));
        fs::write(&path, carve::btf(&image).expect("a kernel with BTF")).unwrap();
        (kernel.into(), path)
    });
    kernels.into()
}

/// BTFHub's archives: each as it is, and its contents.
fn archives(into: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![checkout().join("../shared/btfhub")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".btf.tar.xz") {
                let output = Command::new("tar").arg("-xJOf").arg(&path).output();
                let raw = into.join(path.file_stem().unwrap());
                fs::write(&raw, output.unwrap().stdout).unwrap();
                found.push((path, raw));
            }
        }
    }
    found.sort();
    found
}

/// How much was compared, and how much of it libbpf poisoned.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    objects: usize,
    programs: usize,
    slots: usize,
    poisoned: usize,
}

fn compare(objects: &[PathBuf], btf: &Path, raw: &Path) -> Seen {
    let mut seen = Seen::default();
    let mut differences = Vec::new();
    for object in objects {
        let ours = ours::listing(object, btf);
        let theirs = libbpf::listing(object, raw);
        let name = object.file_name().unwrap().to_string_lossy();
        seen.objects += 1;
        seen.programs += theirs.programs.len();
        seen.slots += theirs.slots();
        seen.poisoned += theirs.poisoned();
        for difference in ours.differences(&theirs) {
            differences.push(format!("{name}: {difference}"));
        }
    }
    let (count, few) = (differences.len(), &differences[..differences.len().min(40)]);
    assert!(
        differences.is_empty(),
        "{}: {count} differences (ours, libbpf's):\n{}",
        btf.display(),
        few.join("\n")
    );
    seen
}

#[test]
fn libbpf_cannot_reach_the_kernel_of_this_machine() {
    assert_eq!(libbpf::prove(), "a bpf call ends the program\n");
}

#[test]
fn real_objects_get_the_instructions_that_libbpf_gives_them_on_each_kernel() {
    let folder = folder("oracle-kernels");
    let mut objects = tools(&folder);
    assert!(objects.len() > 50, "{}", objects.len());
    objects.extend(prebuilt());
    let mut poisoned = BTreeSet::new();
    for (name, btf) in kernels(&folder) {
        let seen = compare(&objects, &btf, &btf);
        println!("{name}: {seen:?}");
        assert!(seen.slots > 10_000 && seen.poisoned > 0, "{name}: {seen:?}");
        poisoned.insert(seen.poisoned);
    }
    // Were the types not looked at, all kernels would be alike.
    assert!(poisoned.len() > 1);
}

#[test]
fn real_objects_get_the_instructions_that_libbpf_gives_them_from_btfhub() {
    let folder = folder("oracle-btfhub");
    let mut objects = tools(&folder);
    objects.extend(prebuilt());
    for (archive, raw) in archives(&folder) {
        // An archive is unpacked for each object.
        let few: Vec<_> = objects.iter().step_by(8).cloned().collect();
        let of_archive = compare(&few, &archive, &raw);
        let seen = compare(&objects, &raw, &raw);
        println!("{}: {seen:?}, {of_archive:?} as it is", archive.display());
        assert!(seen.slots > 10_000 && seen.poisoned > 0, "{seen:?}");
    }
}
