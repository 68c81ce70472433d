//! Objects joined to one, beside what libbpf's linker makes of them; and pairs that do not fit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use btfly::join::{JoinError, join};
use btfly::object::Object;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/join")
}

/// A folder of this test program's own.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("join");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn done(command: &mut Command) {
    let output = command.output().expect("what scripts/setup installs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

fn compile(source: &Path, cpu: &str, object: &Path) -> PathBuf {
    done(
        Command::new("clang-19")
            .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror"])
            .arg(format!("-mcpu={cpu}"))
            .args([Path::new("-c"), source, Path::new("-o"), object]),
    );
    object.into()
}

/// An object of these lines, behind the common header.
fn object(name: &str, lines: &str) -> Vec<u8> {
    let source = folder().join([name, ".c"].concat());
    let header = here().join("join.h");
    let text =
        format!("#include {header:?}\n{lines}\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n");
    fs::write(&source, text).unwrap();
    fs::read(compile(&source, "v2", &source.with_extension("o"))).unwrap()
}

/// What `btfly check --insns` prints, which is what would be loaded.
fn insns(object: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(["check", "--insns", "--btf", "none"])
        .arg(object)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("object ok"), "{text}");
    text
}

#[test]
fn programs_are_those_that_libbpf_makes_of_the_same_objects() {
    let folder = folder();
    let linker = folder.join("linker");
    done(
        Command::new("cc")
            .args(["-static", "-O2", "-Wall", "-Werror", "-o"])
            .args([&linker, &here().join("linker.c")])
            .args(["-lbpf", "-lelf", "-lz"]),
    );
    for cpu in ["v2", "v4"] {
        let paths = ["user", "definer"].map(|name| {
            let source = here().join([name, ".bpf.c"].concat());
            compile(&source, cpu, &folder.join(format!("{name}.{cpu}.o")))
        });
        let theirs = folder.join(format!("theirs.{cpu}.o"));
        done(Command::new(&linker).arg(&theirs).args(&paths));
        let bytes = paths.each_ref().map(|path| fs::read(path).unwrap());
        let joined = join(&[("user", &bytes[0]), ("definer", &bytes[1])]).unwrap();
        let ours = folder.join(format!("ours.{cpu}.o"));
        fs::write(&ours, &joined).unwrap();
        assert_eq!(insns(&ours), insns(&theirs), "-mcpu={cpu}");

        // Each variable is where the linker put it, and static ones of one name are two.
        let theirs = fs::read(&theirs).unwrap();
        let places = |bytes: &[u8]| {
            let object = Object::parse(bytes).unwrap();
            let of = |g: &btfly::object::Global<'_>| {
                let map = object.maps[g.map].name;
                let map = map.to_owned();
                (map, g.offset, g.name.to_owned(), g.size)
            };
            let mut all: Vec<_> = object.globals.iter().map(of).collect();
            all.sort();
            all
        };
        let ours = places(&joined);
        assert_eq!(
            ours.iter()
                .filter(|(_, _, name, _)| name == "local")
                .count(),
            2
        );
        assert_eq!(ours, places(&theirs), "-mcpu={cpu}");
    }
}

#[test]
fn what_does_not_fit_together_is_told_by_name_and_both_objects() {
    const PROGRAM: &str = "SEC(\"raw_tp/x\") int program(void *ctx) { return use(); }";
    let user = |declared: &str, use_: &str| {
        format!(
            "{declared}\n__attribute__((noinline)) static int use(void) {{ return {use_}; }}\n{PROGRAM}"
        )
    };
    for (name, declared, use_, defined, words) in [
        (
            "size",
            "extern u64 shared_value;",
            "shared_value",
            "int shared_value = 1;",
            &[
                "shared_value",
                "a variable of 8 bytes",
                "a variable of 4 bytes",
            ][..],
        ),
        (
            "kind",
            "extern int thing;",
            "thing",
            "int thing(void) { return 1; }",
            &[
                "thing",
                "a variable of 4 bytes",
                "a function of 0 parameters",
            ],
        ),
        (
            "parameters",
            "extern int thing(int);",
            "thing(1)",
            "int thing(int a, int b) { return a + b; }",
            &[
                "thing",
                "a function of 1 parameter",
                "a function of 2 parameters",
            ],
        ),
        (
            "map",
            "extern struct shared shared SEC(\".maps\");",
            "*(int *)lookup(&shared, &(u32){ 0 })",
            "struct { int (*type)[2]; int (*max_entries)[8]; u32 *key; struct value *value; } shared SEC(\".maps\");",
            &["shared", "a map of type 1", "a map of type 2"],
        ),
    ] {
        let a = object(&[name, "_a"].concat(), &user(declared, use_));
        let b = object(&[name, "_b"].concat(), defined);
        let error = join(&[("a.o", &a), ("b.o", &b)]).expect_err(name);
        assert!(matches!(*error, JoinError::Other { .. }), "{name}: {error}");
        let text = error.to_string();
        for word in words.iter().chain(&["a.o", "b.o"]) {
            assert!(text.contains(word), "{name}: {word} in {text}");
        }
    }
}

#[test]
fn two_strong_definitions_and_two_licenses_are_refused() {
    let a = object("twice_a", "int twice = 1;");
    let b = object("twice_b", "int twice = 2;");
    let error = join(&[("a.o", &a), ("b.o", &b)]).unwrap_err();
    assert_eq!(error.to_string(), "twice is defined by a.o and by b.o");
    let source = folder().join("license.c");
    fs::write(
        &source,
        "int x;\nchar LICENSE[] __attribute__((section(\"license\"))) = \"Proprietary\";\n",
    )
    .unwrap();
    let other = fs::read(compile(&source, "v2", &source.with_extension("o"))).unwrap();
    let error = join(&[("a.o", &a), ("b.o", &other)]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("\"GPL\"") && text.contains("\"Proprietary\""),
        "{text}"
    );
}

#[test]
fn what_nobody_defines_stays_an_extern() {
    let a = object(
        "extern_a",
        "extern int nobody __attribute__((weak));\n\
         SEC(\"raw_tp/x\") int program(void *ctx) { return nobody; }",
    );
    let b = object("extern_b", "int unused = 1;");
    let joined = join(&[("a.o", &a), ("b.o", &b)]).unwrap();
    let object = Object::parse(&joined).unwrap();
    let names: Vec<_> = object.externs.iter().map(|e| (e.name, e.weak)).collect();
    assert_eq!(names, [("nobody", true)]);
}
