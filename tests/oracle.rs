//! libbpf as the judge: real objects against real kernels' types, slot by slot.
//!
//! The objects are those inside Debian's arm64 libbpf-tools, those of `prebuilt/`, and those of
//! `oracle/objects/`. The types are those of the VM suite's kernels, taken out of their images, and of
//! the archives that lie beside a checkout, in `../shared`, where they are there. What is missing is
//! fetched.

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

const TABLE_AT_LOAD: &str = "a check looks at programs, not at tables of them";

/// Where Debian 12's libbpf (1.1) answers otherwise, and why.
const LIBBPF_DIFFERS: [(&str, &str); 17] = [
    (
        "externs.bpf",
        "before 1.3 libbpf knows no flavours of kernel functions",
    ),
    (
        "absent_function",
        "before 1.2 libbpf calls kernel function number 0 where there is none",
    ),
    ("arena.bpf", "before 1.4 libbpf knows no arenas"),
    (
        "callbacks.bpf",
        "before 1.4 libbpf knows no exception callbacks",
    ),
    ("described.bpf", "before 1.4 libbpf knows no arenas"),
    (
        "half_definer.bpf",
        "libbpf of old takes a function alone in .text for a program",
    ),
    (
        "links.bpf",
        "a program of it is given its kind by an option",
    ),
    (
        "struct_ops.bpf",
        "before 1.4 libbpf takes a program for one table only",
    ),
    ("struct_ops_call.bpf", TABLE_AT_LOAD),
    ("struct_ops_none.bpf", TABLE_AT_LOAD),
    ("struct_ops_odd.bpf", TABLE_AT_LOAD),
    ("struct_ops_size.bpf", TABLE_AT_LOAD),
    ("legacy.bpf", "since 1.0 libbpf takes no maps of before BTF"),
    (
        "without_btf.bpf",
        "since 1.0 libbpf takes no maps of before BTF",
    ),
    (
        "map_outer.bpf",
        "the type of its map is a number that its test replaces",
    ),
    (
        "pinned.bpf",
        "libbpf looks at the pin where it opens the object",
    ),
    (
        "pinned_other.bpf",
        "libbpf looks at the pin where it opens the object",
    ),
];

/// The same of other people's objects, and of BTFHub's kernels.
const LIBBPF_DIFFERS_ELSEWHERE: [(&str, &str); 28] = {
    const NUMBER_0: &str = "before 1.2 libbpf calls kernel function number 0 where there is none";
    const ALONE: &str = "it takes the one function of .text for a program, as newer ones do not";
    const PINNED: &str = "it asks this machine for a pinned map";
    [
        ("systemd-nsresourced.bpf", NUMBER_0),
        ("systemd-nsresourcework.bpf", NUMBER_0),
        ("xdpfilt_alw_all.o.bpf", PINNED),
        ("xdpfilt_alw_eth.o.bpf", PINNED),
        ("xdpfilt_alw_ip.o.bpf", PINNED),
        ("xdpfilt_alw_tcp.o.bpf", PINNED),
        ("xdpfilt_alw_udp.o.bpf", PINNED),
        ("xdpfilt_dny_all.o.bpf", PINNED),
        ("xdpfilt_dny_eth.o.bpf", PINNED),
        ("xdpfilt_dny_ip.o.bpf", PINNED),
        ("xdpfilt_dny_tcp.o.bpf", PINNED),
        ("xdpfilt_dny_udp.o.bpf", PINNED),
        ("test_pinning.bpf", PINNED),
        ("btf_data.bpf", ALONE),
        ("btf_dump_test_case_bitfields.bpf", ALONE),
        ("btf_dump_test_case_multidim.bpf", ALONE),
        ("btf_dump_test_case_namespacing.bpf", ALONE),
        ("btf_dump_test_case_ordering.bpf", ALONE),
        ("btf_dump_test_case_packing.bpf", ALONE),
        ("btf_dump_test_case_padding.bpf", ALONE),
        ("btf_dump_test_case_syntax.bpf", ALONE),
        ("sample_map_ret0.bpf", ALONE),
        ("sample_ret0.bpf", ALONE),
        ("test_sk_assign_libbpf.bpf", PINNED),
        (
            "test_sk_assign.bpf",
            "libbpf takes no maps of before BTF any more",
        ),
        // Before 5.6 there are no tables of functions at all, and not each kernel has this one.
        ("struct_ops_left.bpf", TABLE_AT_LOAD),
        ("dummy_st_ops.bpf", TABLE_AT_LOAD),
        (
            "gcc.bpf",
            "gcc 12 counts a variable's place twice where libbpf relocates by it",
        ),
    ]
};

const KALLSYMS: &str = "\
ffff800008000000 T _text
ffff800009123456 D init_task
ffff800008010000 t _stext
ffff800008020000 T schedule
ffff800008030000 T bpf_fentry_test1
ffff800008030010 T bpf_fentry_test2
ffff800008030020 T bpf_fentry_test3
ffff800008030030 T bpf_fentry_test4
ffff800008030040 T bpf_fentry_test5
ffff800008030050 T bpf_fentry_test6
ffff800008030060 T bpf_fentry_test7
ffff800008030070 T bpf_fentry_test8
ffff800008030080 T bpf_modify_return_test
ffff800008040000 t __per_cpu_start
ffff800008050000 d bpf_link_fops
ffff800008060000 d bpf_prog_active
ffff800008070000 d bpf_testmod
";

const KCONFIG: &str = "\
CONFIG_HZ=250
CONFIG_BPF=y
CONFIG_BPF_SYSCALL=y
CONFIG_MODULE=m
CONFIG_NAME=\"a name\"
CONFIG_CC_VERSION_TEXT=\"gcc (Debian)\"
CONFIG_LETTER=y
CONFIG_NEGATIVE=-5
# CONFIG_NOT_SET is not set
";

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
fn tools() -> Vec<PathBuf> {
    files(&script(&["debian", "objects"]), "o")
}

/// The project's own objects.
fn prebuilt() -> Vec<PathBuf> {
    let mut objects = Vec::new();
    for folder in ["prebuilt/arm64", "prebuilt/arm64/tests"] {
        objects.extend(files(&checkout().join(folder), "o"));
    }
    objects.sort();
    objects
}

/// Objects of this test's own, about what is no relocation: sections, functions, data, externs. Each is
/// compiled for the oldest and the newest instruction set.
fn own(into: &Path) -> Vec<PathBuf> {
    let sources = files(&checkout().join("tests/oracle/objects"), "c");
    let pairs = sources
        .iter()
        .flat_map(|source| [(source, "v2"), (source, "v4")]);
    let objects = pairs.map(|(source, cpu)| {
        let name = source.file_stem().unwrap().to_str().unwrap();
        let object = into.join(format!("{name}.{cpu}.o"));
        let output = Command::new("clang-19")
            .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror"])
            .arg(format!("-mcpu={cpu}"))
            .arg("-I")
            .arg(checkout().join("bpf/include"))
            .args([Path::new("-c"), source, Path::new("-o"), &object])
            .output()
            .expect("clang-19, of scripts/setup");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        object
    });
    objects.collect()
}

/// The files of a folder whose names end so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == end))
        .collect();
    found.sort();
    found
}

/// What stands in for the rest of a kernel: options for both sides.
fn facts(folder: &Path) -> [String; 4] {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    [
        "--kallsyms".into(),
        file("kallsyms", KALLSYMS),
        "--kconfig".into(),
        file("kconfig", KCONFIG),
    ]
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
    /// Objects that libbpf refuses.
    refused: Vec<String>,
    /// Objects that are known to differ, and did.
    known: BTreeSet<String>,
}

fn compare(objects: &[PathBuf], btf: &Path, raw: &Path, facts: &[String; 4]) -> Seen {
    let facts = facts.each_ref().map(String::as_str);
    let mut seen = Seen::default();
    let mut differences = Vec::new();
    for (object, ours) in objects.iter().zip(ours::listings(objects, btf, &facts)) {
        let theirs = libbpf::listing(object, raw, &facts);
        let file = object.file_name().unwrap().to_str().unwrap();
        let name = [".v2.o", ".v4.o", ".o"]
            .iter()
            .find_map(|end| file.strip_suffix(end));
        let name = name.unwrap();
        seen.objects += 1;
        seen.programs += theirs.programs.len();
        seen.slots += theirs.slots();
        seen.poisoned += theirs.poisoned();
        seen.refused
            .extend((theirs.verdict != "ok").then(|| name.to_string()));
        let found = ours.differences(&theirs);
        let mut known = LIBBPF_DIFFERS.iter().chain(&LIBBPF_DIFFERS_ELSEWHERE);
        if known.any(|(known, _)| *known == name) {
            seen.known
                .extend((!found.is_empty()).then(|| name.to_string()));
            continue;
        }
        differences.extend(found.iter().map(|found| format!("{file}: {found}")));
    }
    let (count, few) = (differences.len(), &differences[..differences.len().min(40)]);
    assert!(
        differences.is_empty(),
        "{}: {count} differences (ours | libbpf's):\n{}",
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
    let mut objects = tools();
    assert!(objects.len() > 50, "{}", objects.len());
    objects.extend(prebuilt());
    objects.extend(own(&folder));
    let facts = facts(&folder);
    let (mut poisoned, mut known) = (BTreeSet::new(), BTreeSet::new());
    for (name, btf) in kernels(&folder) {
        let mut seen = compare(&objects, &btf, &btf, &facts);
        println!("{name}: {seen:?}");
        assert!(seen.slots > 10_000 && seen.poisoned > 0, "{name}: {seen:?}");
        // Those have no kernel functions, and the first has no variables in its BTF. Half an
        // object is none alone, and functions of a module are not in the kernel's own BTF.
        let expected = match &*name {
            "5.10" => {
                "conntrack.bpf half_user.bpf ksyms.bpf unknown_section.bpf externs forward functions"
            }
            "6.1" => "conntrack.bpf half_user.bpf ksyms.bpf unknown_section.bpf forward functions",
            _ => "conntrack.bpf half_user.bpf ksyms.bpf unknown_section.bpf forward",
        };
        let differs = |name: &String| LIBBPF_DIFFERS.iter().any(|(known, _)| known == name);
        seen.refused.retain(|name| !differs(name));
        seen.refused.dedup();
        assert_eq!(seen.refused.join(" "), expected, "{name}");
        poisoned.insert(seen.poisoned);
        known.extend(seen.known);
    }
    // Were the types not looked at, all kernels would be alike.
    assert!(poisoned.len() > 1);
    // Once libbpf is of our opinion everywhere, the reason has gone.
    let listed = LIBBPF_DIFFERS.map(|(name, _)| name.to_string());
    assert_eq!(known, BTreeSet::from(listed));
}

#[test]
fn real_objects_get_the_instructions_that_libbpf_gives_them_from_btfhub() {
    let folder = folder("oracle-btfhub");
    let mut objects = tools();
    objects.extend(prebuilt());
    let facts = facts(&folder);
    for (archive, raw) in archives(&folder) {
        let seen = compare(&objects, &archive, &raw, &facts);
        println!("{}: {seen:?}", archive.display());
        assert!(seen.slots > 10_000 && seen.poisoned > 0, "{seen:?}");
    }
}

/// For `scripts/qemu-arm64/parity`: it takes minutes. `BTFLY_PARITY_OBJECTS` names folders, divided by colons.
#[test]
fn objects_of_others_get_the_instructions_that_libbpf_gives_them_on_each_kernel() {
    let Some(folders) = std::env::var_os("BTFLY_PARITY_OBJECTS") else {
        return;
    };
    let folder = folder("oracle-others");
    let objects: Vec<PathBuf> = std::env::split_paths(&folders)
        .flat_map(|folder| files(&folder, "o"))
        .collect();
    assert!(!objects.is_empty());
    let facts = facts(&folder);
    for (name, btf) in kernels(&folder) {
        let seen = compare(&objects, &btf, &btf, &facts);
        println!("{name}: {seen:?}");
        assert!(seen.slots > 0, "{name}: {seen:?}");
    }
}
