//! Objects against kernels that are made here, and objects and kernels that were damaged.

use std::time::Duration;

use super::*;
use crate::btf::Linkage;
use crate::btf::testing::Builder;
use crate::target::testing::{Whole, windowed};
use crate::target::{Address, NoTypes};

const EXTERNS: &[u8] = include_bytes!("../../prebuilt/arm64/tests/externs.bpf.o");

/// A kernel for `bpf/tests/externs.bpf.c`, with or without `task_struct.pid`.
fn kernel(pid: &str) -> Vec<u8> {
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let task = b.structure("task_struct", 0x120, &[(pid, int, 0x110)]);
    let task = b.ptr(task);
    let rq = b.structure("rq", 4, &[("cpu", int, 0)]);
    b.var("runqueues", rq, Linkage::Global);
    let proto = b.func_proto(task, &[("task", task)]);
    b.func("bpf_task_acquire", proto, Linkage::Static);
    let proto = b.func_proto(crate::btf::TypeId::VOID, &[("task", task)]);
    b.func("bpf_task_release", proto, Linkage::Static);
    b.bytes()
}

fn symbols(name: &str) -> Address {
    match name {
        "init_task" => Address::One(0xffff_8000_0a1b_2c40),
        _ => Address::None,
    }
}

const KNOWN: Known<'static> = Known {
    symbols: Some(&symbols),
    config: None,
};

/// Everything that `btfly check` does with two files, in memory.
fn through(object: &[u8], kernel: &[u8]) -> Result<String, String> {
    let object = Object::parse(object).map_err(|e| e.to_string())?;
    let wanted = wanted(&object).map_err(|e| e.to_string())?;
    let target = windowed(kernel, &wanted).map_err(|e| e.to_string())?;
    let mut told = String::new();
    let mut text = String::new();
    let report = &mut |made: &RelocationReport<'_>| told.push_str(&made.to_string());
    let linked = &mut |program: &Program<'_>, linked: &Linked| {
        write_insns(&object, program, linked, &mut text);
    };
    let checked = check(&object, &target, KNOWN, report, linked);
    let checked = checked.map_err(|e| e.to_string())?;
    Ok([told, text, checked.missing.join("\n")].concat())
}

fn insns(object: &[u8], target: &dyn Target) -> (Vec<String>, Checked) {
    let object = Object::parse(object).unwrap();
    let mut text = String::new();
    let linked = &mut |program: &Program<'_>, linked: &Linked| {
        write_insns(&object, program, linked, &mut text);
    };
    let checked = check(&object, target, KNOWN, &mut |_| {}, linked).unwrap();
    (text.lines().map(Into::into).collect(), checked)
}

#[test]
fn instructions_are_final_but_for_what_a_running_kernel_gives() {
    let kernel = kernel("pid");
    let (lines, checked) = insns(EXTERNS, &Whole::new(&kernel).unwrap());
    // Worked out by hand, from what llvm-objdump shows of the object.
    let symbols = [
        "prog symbols 54",
        "fn symbols",
        "1801000000000000", // no_such_symbol: weak
        "0000000000000000",
        "18020000402c1b0a", // init_task: its address
        "000000000080ffff",
        "0f12000000000000",
        "1831000005000000 btfid", // runqueues: the fifth type
        "0000000000000000",
        "0f12000000000000",
        "1801000000000000", // no_such_variable: weak
        "0000000000000000",
        "0f12000000000000",
        "1821000000000000 map=.bss",
        "0000000000000000",
        "7b21000000000000",
        "1811000000000000 map=values",
        "0000000000000000",
        "1842000006000000 func=each", // from slot 17 to 23
        "0000000000000000",
        "b703000000000000",
        "b704000000000000",
        "85000000a4000000",
        "8510000008000000 call=config", // from slot 22 to 30
        "9500000000000000",
        "fn each",
        "bf36000000000000",
        "8510000005000000 call=config",
    ];
    for (at, expected) in symbols.iter().enumerate() {
        assert_eq!(lines[at], *expected, "line {at}");
    }
    let kconfig = lines.iter().position(|l| l == "fn config").unwrap();
    let kconfig = &lines[kconfig + 1..];
    // CONFIG_BPF_SYSCALL, 16 bytes into the map.
    assert_eq!(kconfig[0], "1821000000000000 map=.kconfig");
    assert_eq!(kconfig[1], "0000000010000000");
    let functions = lines.iter().position(|l| l.starts_with("prog functions"));
    let functions = &lines[functions.unwrap()..];
    assert_eq!(functions[0], "prog functions 27");
    let expected = [
        "fn functions",
        "7911000000000000",
        "8520000007000000 kfunc", // bpf_task_acquire: the seventh type
        "b701000000000000",
        "1500150000000000",
        "6101100100000000", // task->pid at 0x110
        "6701000020000000",
        "c701000020000000",
        "1822000000000000 map=.bss",
        "0000000000000000",
        "7b12000000000000",
        "1831000009000000 btfid", // bpf_task_release: the ninth
        "0000000000000000",
        "1501030000000000",
        "bf01000000000000",
        "8520000009000000 kfunc",
        "0500050000000000",
        "1801000000000000", // bpf_no_such_function: weak
        "0000000000000000",
        "1501020000000000",
        "bf01000000000000",
        "8500000085185477 poison=kfunc", // the sixth extern: 2002000005
        "b701000001000000",
        "b702000002000000",
        "8500000087185477 poison=kfunc", // bpf_task_from_pid is of another form: 2002000007
    ];
    assert_eq!(functions[1..26], expected);
    assert_eq!(lines.last().unwrap(), "end");
    assert_eq!(
        checked.missing,
        [
            "bpf_no_such_function()",
            "bpf_task_from_pid___old()",
            "no_such_symbol",
            "no_such_variable"
        ]
    );
    let unknown = [
        "CONFIG_HZ",
        "CONFIG_IPV6",
        "CONFIG_BPF_SYSCALL",
        "CONFIG_CC_VERSION_TEXT",
    ];
    assert_eq!(checked.unknown, unknown);
}

#[test]
fn what_a_kernel_lacks_is_named_once_and_its_instructions_are_poisoned() {
    let kernel = kernel("tgid");
    let (lines, checked) = insns(EXTERNS, &Whole::new(&kernel).unwrap());
    assert_eq!(checked.missing[0], "struct task_struct.pid");
    let poisoned = "850000001023ad0b poison=core";
    assert_eq!(lines.iter().filter(|l| *l == poisoned).count(), 1);
    // Without types nothing is there that is not weak.
    let object = Object::parse(EXTERNS).unwrap();
    let error = check(&object, &NoTypes, KNOWN, &mut |_| {}, &mut |_, _| {}).unwrap_err();
    let expected = "extern bpf_task_acquire: the kernel's BTF does not have it";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn everything_that_is_missing_is_named_as_the_object_has_it() {
    let relo = include_bytes!("../../prebuilt/arm64/tests/relo.bpf.o");
    let (_, checked) = insns(relo, &NoTypes);
    let missing = &checked.missing;
    assert!(
        missing.iter().any(|m| m.starts_with("struct task_struct.")),
        "{missing:?}"
    );
    assert!(missing.iter().all(|m| !m.contains('@')), "{missing:?}");
    let mut once = missing.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), missing.len());
    let hello = include_bytes!("../../prebuilt/arm64/hello.bpf.o");
    let kernel = kernel("tgid");
    let (_, checked) = insns(hello, &Whole::new(&kernel).unwrap());
    assert_eq!(checked.missing, ["struct pt_regs.orig_x0"]);
}

#[test]
fn maps_with_initial_values_are_referred_to_like_others() {
    let filled = include_bytes!("../../prebuilt/arm64/tests/filled_maps.bpf.o");
    let (lines, checked) = insns(filled, &NoTypes);
    assert!(checked.missing.is_empty() && checked.refused.is_none());
    for note in [" map=maps", " map=jumps"] {
        assert_eq!(
            lines.iter().filter(|l| l.ends_with(note)).count(),
            1,
            "{lines:#?}"
        );
    }
}

/// CPU time of this thread: what else runs on the machine does not count.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// Counts what came of each damaged input, and how long the slowest took.
#[derive(Default)]
struct Tally {
    taken: u32,
    refused: u32,
    slowest: Duration,
}

impl Tally {
    fn try_out(&mut self, object: &[u8], kernel: &[u8]) {
        let start = worked();
        match through(object, kernel) {
            Ok(_) => self.taken += 1,
            Err(why) => {
                assert!(!why.is_empty());
                self.refused += 1;
            }
        }
        self.slowest = self.slowest.max(worked() - start);
    }

    /// Each byte of `whole` flipped in several ways, and each length of it.
    fn mutate(&mut self, whole: &[u8], through: impl Fn(&mut Tally, &[u8])) {
        for at in 0..whole.len() {
            for change in [0xff, 0x01] {
                let mut bytes = whole.to_vec();
                bytes[at] ^= change;
                through(self, &bytes);
            }
            through(self, &whole[..at]);
        }
    }
}

#[test]
fn no_damaged_object_ends_in_a_panic_or_takes_long() {
    let kernel = kernel("pid");
    let mut tally = Tally::default();
    tally.mutate(EXTERNS, |tally, bytes| tally.try_out(bytes, &kernel));
    let Tally {
        taken,
        refused,
        slowest,
    } = tally;
    assert!(
        taken > 1000 && refused > 1000,
        "{taken} taken, {refused} refused"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn no_damaged_kernel_ends_in_a_panic_or_takes_long() {
    let kernel = kernel("pid");
    let mut tally = Tally::default();
    tally.mutate(&kernel, |tally, bytes| tally.try_out(EXTERNS, bytes));
    let Tally {
        taken,
        refused,
        slowest,
    } = tally;
    assert!(
        taken > 100 && refused > 100,
        "{taken} taken, {refused} refused"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
