//! `btfly check` as people call it: prebuilt objects against kernels whose BTF is made here, and
//! against the archives of BTFHub that lie beside a checkout, in `../shared`, where they do.

#[path = "check/kernels.rs"]
mod kernels;

use std::path::Path;
use std::process::Command;

use kernels::Folder;

/// What a call of btfly said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn call(args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_btfly"))
        .args(args)
        .output();
    let output = output.expect("btfly");
    Said {
        code: output.status.code().expect("an exit code"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn check(args: &[&str]) -> Said {
    call(&[&["check"], args].concat())
}

/// The words of a text, however it is broken into lines.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn object(name: &str) -> String {
    format!("{}/prebuilt/arm64/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_object_has_a_verdict_for_each_kernel() {
    let folder = Folder::new("verdicts");
    let (new, old) = (folder.new_kernel("6.9"), folder.old_kernel("4.9"));
    let (hello, kinds) = (object("hello.bpf.o"), object("tests/kinds.bpf.o"));
    let said = check(&[&hello, &kinds, "--btf", &new, "--btf", &old]);
    let expected = format!(
        "{hello}\n  6.9  fits\n  4.9  degrades: missing struct pt_regs.orig_x0\n\
         {kinds}\n  6.9  fits\n  4.9  fits\n3 fit, 1 degrade, 0 fail\n"
    );
    assert_eq!(said.out, expected);
    assert_eq!((said.code, &*said.err), (0, ""));
    // As a shell writes `--btf *.btf`.
    let said = check(&[&hello, "--btf", &new, &old, &kinds]);
    assert_eq!(said.out, expected);
}

#[test]
fn what_can_not_be_loaded_fails_with_the_reason_and_the_rest_is_checked_all_the_same() {
    let folder = Folder::new("failing");
    let kernel = folder.new_kernel("6.9");
    let broken = folder.write("6.10.btf", b"\x9f\xeb\x02\0");
    let cut = std::fs::read(object("hello.bpf.o")).unwrap();
    let cut = folder.write("cut.o", &cut[..cut.len() / 2]);
    let (kinds, unknown) = (
        object("tests/kinds.bpf.o"),
        object("tests/unknown_section.bpf.o"),
    );
    let said = check(&[&cut, &kinds, &unknown, "--btf", &kernel, "--btf", &broken]);
    assert_eq!(said.code, 2);
    assert_eq!(said.err, "btfly: 5 of 6 checks failed\n");
    let told = flat(&said.out);
    for line in [
        "6.9 fails: damaged ELF file: its section table lies outside the file",
        "6.9 fits",
        "6.9 fails: program never: section 'no_such_kind/x' is not known",
        "its version is not 1",
        "1 fit, 0 degrade, 5 fail",
    ] {
        assert!(told.contains(line), "{line}\n{}", said.out);
    }
    // Two structs of one name that both have the field, elsewhere.
    let twice = folder.ambiguous_kernel("twice");
    let said = check(&[&object("hello.bpf.o"), "--btf", &twice]);
    assert_eq!(said.code, 2);
    let ambiguous = "hello, instruction 14: struct task_struct.tgid (0:1 @ offset 4): \
                     ambiguous: [2] struct task_struct, [5] struct task_struct";
    assert!(flat(&said.out).contains(ambiguous), "{}", said.out);
}

#[test]
fn a_kernel_without_btf_is_called_none() {
    let said = check(&[&object("hello.bpf.o"), "--btf", "none"]);
    assert_eq!(said.code, 0);
    let lines: Vec<&str> = said.out.lines().collect();
    let missing = "  no BTF  degrades: missing struct task_struct.tgid, struct pt_regs.orig_x0";
    assert_eq!(lines[1], missing);
    assert!(
        said.out
            .contains("(pt_regs), which are counted as missing here.")
    );
    let said = check(&[&object("tests/no_core.bpf.o"), "--btf", "none"]);
    assert!(said.out.contains("  no BTF  fits\n"), "{}", said.out);
}

#[test]
fn a_folder_stands_for_all_kernels_in_it_and_a_release_for_one() {
    let folder = Folder::new("hub");
    for place in ["debian/12/arm64", "kylin/V10"] {
        std::fs::create_dir_all(folder.path(place)).unwrap();
    }
    folder.new_kernel("debian/12/arm64/6.1.0");
    folder.old_kernel("kylin/V10/4.19.90");
    folder.old_kernel("kylin/V10/6.1.0");
    folder.write("README.md", b"not BTF");
    let (hello, path) = (object("hello.bpf.o"), folder.path("."));
    let said = check(&[&hello, "--btf", &path]);
    let labels: Vec<&str> = said
        .out
        .lines()
        .filter_map(|l| l.strip_prefix("  "))
        .collect();
    // Two of one name are called by their paths.
    let twice = |place: &str| format!("{path}/{place}/6.1.0.btf");
    let expected = [
        twice("debian/12/arm64"),
        "4.19.90".into(),
        twice("kylin/V10"),
    ];
    for label in &expected {
        assert!(
            labels.iter().any(|l| l.starts_with(&**label)),
            "{label}\n{}",
            said.out
        );
    }
    assert!(
        said.out.ends_with("1 fit, 2 degrade, 0 fail\n"),
        "{}",
        said.out
    );
    let said = check(&[&hello, "--btf", &path, "--release", "4.19.90"]);
    let expected = format!("{hello}\n  4.19.90  degrades: missing struct pt_regs.orig_x0\n");
    assert_eq!((said.code, said.out), (0, expected));
    let said = check(&[&hello, "--btf", &path, "--release", "5.0"]);
    assert_eq!(said.code, 6);
    assert!(
        said.err
            .contains("no file in it is called 5.0.btf or 5.0.btf.tar.xz"),
        "{}",
        said.err
    );
}

#[test]
fn the_document_of_json_has_the_shape_that_the_readme_says() {
    let folder = Folder::new("json");
    let (kernel, text) = (
        folder.old_kernel("4.9"),
        folder.write("text.o", b"\"text\"\n"),
    );
    let hello = object("hello.bpf.o");
    let said = check(&[&hello, &text, "--json", "--btf", &kernel]);
    let expected = format!(
        "{{\"results\":[{{\"object\":\"{hello}\",\"kernel\":\"4.9\",\"verdict\":\"degrades\",\"why\":null,\
         \"missing\":[\"struct pt_regs.orig_x0\"],\"unknown\":[],\"programs\":[{{\"name\":\"hello\",\
         \"section\":\"ksyscall/execve\",\"instructions\":63}}]}},\
         {{\"object\":\"{text}\",\"kernel\":\"4.9\",\"verdict\":\"fails\",\"why\":\"not an ELF file\",\
         \"missing\":[],\"unknown\":[],\"programs\":[]}}]}}\n"
    );
    assert_eq!((said.code, said.out), (2, expected));
}

#[test]
fn instructions_are_printed_as_they_would_be_sent() {
    let folder = Folder::new("insns");
    let (new, old) = (folder.new_kernel("6.9"), folder.old_kernel("4.9"));
    let hello = object("hello.bpf.o");
    let said = check(&[&hello, "--insns", "--btf", &new]);
    assert_eq!((said.code, &*said.err), (0, ""));
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[..2], ["prog hello 63", "fn hello"]);
    assert_eq!(lines[lines.len() - 2..], ["end", "object ok"]);
    assert_eq!(lines.len(), 63 + 4);
    // `r1 = offset` of task->tgid at 2468 and of regs->orig_x0 at 272, each added to a pointer.
    for line in ["b701000010010000", "b7010000a4090000"] {
        assert_eq!(
            lines.iter().filter(|l| **l == line).count(),
            1,
            "{line}\n{}",
            said.out
        );
    }
    for note in [" map=my_config", " map=output", " map=.data"] {
        assert!(lines.iter().any(|l| l.ends_with(note)), "{note}");
    }
    // The field that the other kernel lacks, and the text between several.
    let said = check(&[
        &hello, "--insns", "--btf", &new, "--btf", &old, "--btf", "none",
    ]);
    let heads = said.out.lines().filter(|l| l.starts_with('#'));
    let expected = ["6.9", "4.9", "no BTF"].map(|label| format!("# {hello} {label}"));
    assert_eq!(heads.collect::<Vec<_>>(), expected);
    let count = |what: &str| said.out.lines().filter(|l| l.ends_with(what)).count();
    assert_eq!((count(" poison=core"), count("object ok")), (3, 3));
    // An object of a section that nobody knows is put together all the same.
    let unknown = object("tests/unknown_section.bpf.o");
    let said = check(&[&unknown, "--insns", "--btf", &new]);
    let expected = "prog never 2\nfn never\nb700000000000000\n9500000000000000\nend\n\
                    object fail program never: section 'no_such_kind/x' is not known\n";
    assert_eq!((said.code, &*said.out), (2, expected));
}

#[test]
fn symbols_and_configuration_are_read_from_files() {
    let folder = Folder::new("facts");
    let kernel = folder.with_kfuncs("6.9");
    let externs = object("tests/externs.bpf.o");
    let unknown = "  not looked up: CONFIG_HZ, CONFIG_IPV6, CONFIG_BPF_SYSCALL,";
    let said = check(&[&externs, "--btf", &kernel]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains(unknown), "{}", said.out);

    let symbols = folder.write(
        "kallsyms",
        b"ffff80000a1b2c40 D init_task\nffff800008000000 T _text\n",
    );
    let text = b"CONFIG_HZ=250\n# CONFIG_IPV6 is not set\nCONFIG_BPF_SYSCALL=y\n";
    let plain = folder.write("config", text);
    let packed = folder.write("config.gz", &kernels::gzip(text));
    for config in [&plain, &packed] {
        let args = [
            &*externs,
            "--btf",
            &kernel,
            "--kallsyms",
            &symbols,
            "--kconfig",
            config,
        ];
        let said = check(&args);
        assert_eq!(said.code, 0, "{}", said.out);
        assert!(!said.out.contains("not looked up"), "{}", said.out);
        assert!(
            said.out.contains("CONFIG_IPV6") && !said.out.contains("CONFIG_HZ"),
            "{}",
            said.out
        );
    }
    let said = check(&[
        &externs,
        "--insns",
        "--btf",
        &kernel,
        "--kallsyms",
        &symbols,
    ]);
    assert!(
        said.out.contains("18020000402c1b0a\n000000000080ffff\n"),
        "{}",
        said.out
    );

    let without = folder.write("kallsyms2", b"ffff800008000000 T _text\n");
    let said = check(&[&externs, "--btf", &kernel, "--kallsyms", &without]);
    assert_eq!(said.code, 2);
    let told = flat(&said.out);
    assert!(
        told.contains("fails: extern init_task: the kernel's symbol table"),
        "{}",
        said.out
    );
    let bad = folder.write("config2", b"CONFIG_HZ=y\n");
    let said = check(&[&externs, "--insns", "--btf", &kernel, "--kconfig", &bad]);
    let expected = "object fail extern CONFIG_HZ: the kernel's value y is for a bool, a char or an enum libbpf_tristate\n";
    assert_eq!((said.code, &*said.out), (2, expected));
    // A file that is no such thing is the caller's mistake, not the object's.
    for option in ["--kallsyms", "--kconfig"] {
        let said = check(&[&externs, "--btf", &kernel, option, &kernel]);
        assert_eq!((said.code, &*said.out), (6, ""), "{}", said.err);
    }
}

#[test]
fn the_report_of_v_is_on_standard_error() {
    let folder = Folder::new("report");
    let (new, old) = (folder.new_kernel("6.9"), folder.old_kernel("4.9"));
    let hello = object("hello.bpf.o");
    let plain = check(&[&hello, "--btf", &new, "--btf", &old]);
    let said = check(&[&hello, "--btf", &new, "--btf", &old, "-v"]);
    assert_eq!(said.out, plain.out);
    assert_eq!(plain.err, "");
    for line in [
        &*format!("# {hello} 6.9"),
        "byte_off: struct task_struct.tgid (0:1 @ offset 4)",
        "matching candidate [2] struct task_struct.tgid (0:0 @ offset 2468)",
        "(ALU/ALU64) imm 4 -> 2468",
        "poisoned: invalid if it is reached",
    ] {
        assert!(
            said.err.lines().any(|l| l.contains(line)),
            "{line}\n{}",
            said.err
        );
    }
}

#[test]
fn words_of_strangers_do_nothing_to_a_terminal() {
    let folder = Folder::new("hostile");
    let old = folder.old_kernel("4.9");
    let mut bytes = std::fs::read(object("hello.bpf.o")).unwrap();
    let name = b"\0orig_x0\0";
    for at in 0..bytes.len() - name.len() {
        if bytes[at..].starts_with(name) {
            bytes[at..at + name.len()].copy_from_slice(b"\0\x1b[31\xc2\x9bm\0");
        }
    }
    let hostile = folder.write("hostile.o", &bytes);
    let gone = folder.path("\x1b[2J\n.o");
    let out = folder.path("out.btf");
    for args in [
        &["check", &hostile, "--btf", &old, "-v"][..],
        &["check", &hostile, "--btf", &old, "-v", "--json"],
        &["check", &hostile, "--btf", &old, "-v", "--insns"],
        &["check", &gone, "--btf", &old],
        &["check", &hostile, "--btf", &gone],
        &["btf", "min", "--for", &hostile, "--btf", &gone, "-o", &out],
        &["run", &gone],
    ] {
        let said = call(args);
        for text in [&said.out, &said.err] {
            let acts = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(acts), "{args:?}: {text:?}");
        }
        let told = [&*said.out, &said.err].concat();
        assert!(
            told.contains("\\x1b[") || told.contains("\\u001b["),
            "{args:?}: {told}"
        );
        assert!(
            said.err.lines().all(|line| !line.starts_with(".o")),
            "{}",
            said.err
        );
    }
}

#[test]
fn files_that_are_none_are_not_waited_for() {
    let folder = Folder::new("pipes");
    let (kernel, hello) = (folder.new_kernel("6.9"), object("hello.bpf.o"));
    let (pipe, elsewhere) = (folder.path("README"), Folder::new("minimal"));
    let out = elsewhere.path(".");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (args, code) in [
        (&["check", &pipe, "--btf", &kernel][..], 2),
        (&["check", &hello, "--btf", &pipe], 2),
        (&["check", &hello, "--btf", &folder.path(".")], 0),
        (&["check", &hello, "--btf", &kernel, "--kallsyms", &pipe], 6),
        (
            &["check", &hello, "--btf", &kernel, "--kallsyms", "/dev/zero"],
            6,
        ),
        (
            &[
                "check",
                &hello,
                "--btf",
                &kernel,
                "--kallsyms",
                "/dev/urandom",
            ],
            6,
        ),
        (&["check", &hello, "--btf", &kernel, "--kconfig", &pipe], 6),
        (
            &[
                "btf",
                "min",
                "--for",
                &hello,
                "--btf",
                &folder.path("."),
                "-o",
                &out,
            ],
            0,
        ),
    ] {
        let said = call(args);
        assert_eq!(said.code, code, "{args:?}: {}{}", said.out, said.err);
    }
    let inside = folder.path("small");
    let said = call(&[
        "btf",
        "min",
        "--for",
        &hello,
        "--btf",
        &folder.path("."),
        "-o",
        &inside,
    ]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!Path::new(&inside).exists());
    // What a shell gives for `<(…)`.
    let piped = format!(
        "(sleep 0.1; echo 'ffff80000a1b2c40 D init_task') | {} check {hello} --btf {kernel} \
         --kallsyms /dev/stdin",
        env!("CARGO_BIN_EXE_btfly")
    );
    let output = Command::new("sh").args(["-c", &piped]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_wrong_command_line_is_told_what_would_be_right() {
    let hello = object("hello.bpf.o");
    for (args, code, words) in [
        (&[][..], 1, "btfly check OBJECT"),
        (&["--btf", "none"], 1, "btfly check OBJECT"),
        (&[&hello, "--insns", "--json"], 1, "[--insns | --json]"),
        (&[&hello, "--no-such-option"], 1, "--no-such-option"),
        (&["/no/such/object"], 2, "/no/such/object"),
        (&[&hello, "--btf", "/no/such/btf"], 6, "/no/such/btf"),
    ] {
        let said = check(args);
        assert_eq!(said.code, code, "{}", said.err);
        assert!(said.err.contains(words), "{words}: {}", said.err);
        assert_eq!(said.out, "");
    }
    let said = call(&["help", "check"]);
    assert_eq!(said.code, 0);
    for words in [
        "--insns",
        "--kallsyms",
        "--kconfig",
        "--release",
        "--json",
        "none",
    ] {
        assert!(said.out.contains(words), "{words}");
    }
    assert!(call(&[]).out.contains("  check "));
}

#[test]
fn real_archives_give_the_same_instructions_as_the_files_in_them() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/btfhub");
    let Some(shared) = shared.to_str().filter(|path| Path::new(path).exists()) else {
        return;
    };
    let folder = Folder::new("archives");
    let objects = ["hello.bpf.o", "exec.bpf.o", "tests/relo.bpf.o"].map(object);
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    let said = check(&[&objects[..], &["--btf", shared]].concat());
    println!("{}", said.out);
    assert_eq!((said.code, &*said.err), (0, ""));
    let archives = kernels::archives(Path::new(shared));
    assert!(!archives.is_empty());
    for archive in archives {
        let raw = folder.write("raw.btf", &kernels::unpacked(&archive));
        let insns = |btf: &str| {
            let said = check(&[&objects[..], &["--insns", "--btf", btf]].concat());
            let lines = said.out.lines().filter(|l| !l.starts_with('#'));
            lines.map(Into::into).collect::<Vec<String>>()
        };
        let found = insns(&archive);
        assert_eq!(found, insns(&raw), "{archive}");
        assert_eq!(
            found.iter().filter(|l| *l == "object ok").count(),
            objects.len()
        );
    }
}

#[test]
fn nobody_needs_to_be_root() {
    use std::os::unix::process::CommandExt;
    let said = check(&[&object("hello.bpf.o"), "--btf", "none"]);
    // Only root can become nobody; for who is not, the other tests say as much.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = Folder::new("nobody");
    let (program, object) = (folder.path("btfly"), folder.path("hello.bpf.o"));
    std::fs::copy(env!("CARGO_BIN_EXE_btfly"), &program).unwrap();
    std::fs::copy(self::object("hello.bpf.o"), &object).unwrap();
    let mut command = Command::new(program);
    command
        .args(["check", &object, "--btf", "none"])
        .uid(65534)
        .gid(65534);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().nth(1), said.out.lines().nth(1));
}

#[test]
fn a_minimal_btf_is_made_for_as_many_objects_as_a_shell_writes() {
    let folder = Folder::new("many");
    let kernel = folder.new_kernel("6.9");
    let (hello, relo) = (object("hello.bpf.o"), object("tests/relo.bpf.o"));
    let made = |objects: &[&str]| {
        let out = format!("{kernel}.min");
        let ends = ["--btf", &kernel, "-o", &out];
        let said = call(&[&["btf", "min", "--for", &relo], objects, &ends].concat());
        assert_eq!((said.code, &*said.err), (0, ""));
        std::fs::read(out).unwrap()
    };
    let both = made(&["--for", &hello]);
    assert_eq!(made(&[&hello]), both);
    assert!(made(&[]).len() < both.len());
}
