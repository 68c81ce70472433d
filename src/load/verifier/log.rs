//! Reads a verifier's log: which line is the reason, and where the verifier stood.

/// What a log says of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// The line that says why.
    pub reason: String,
    /// The instruction at which it stopped, counted from the start of the program.
    pub insn: Option<usize>,
    /// The source line, where the kernel knows it.
    pub source: Option<String>,
}

/// Finds the reason in a log: the first line behind the last instruction that neither shows the
/// verifier's state nor speaks of its way. A refusal before the first instruction, of the program's
/// form or its calls, is a line alone. The source is in the last line that starts with `;`.
pub(super) fn read(log: &str) -> Told {
    let mut told = Told::default();
    for line in log.lines() {
        let line = line.trim_ascii();
        if line.is_empty() || is_noise(line) {
            continue;
        }
        if let Some(source) = line.strip_prefix("; ") {
            told.source = Some(source.trim_ascii().into());
        } else if let Some(insn) = instruction(line) {
            told.insn = insn.or(told.insn);
            told.reason.clear();
        } else if told.reason.is_empty() {
            told.reason = line.into();
        }
    }
    if told.reason.starts_with("combined stack size") {
        // Found when all instructions were through: it is none of them.
        (told.insn, told.source) = (None, None);
    }
    if let Some(insn) = named(&told.reason) {
        if told.insn != Some(insn) {
            told.source = None;
        }
        told.insn = Some(insn);
    }
    told
}

/// A line that stands for an instruction: `8: (61) r1 = *(u32 *)(r0 +160)`, or for the state before one,
/// `8: R1=ctx() R10=fp0`, which is no instruction that was looked at, or not yet.
fn instruction(line: &str) -> Option<Option<usize>> {
    let (number, rest) = line.split_once(':')?;
    let number = number.parse().ok()?;
    Some(rest.trim_ascii_start().starts_with('(').then_some(number))
}

/// The instruction that the message itself names.
fn named(reason: &str) -> Option<usize> {
    const BEFORE: [&str; 4] = [
        "back-edge from insn ",
        "unreachable insn ",
        "jump out of range from insn ",
        "infinite loop detected at insn ",
    ];
    let rest = BEFORE.iter().find_map(|b| reason.strip_prefix(b))?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

/// What is no reason: summaries, states of registers, and how the verifier came to where it is.
/// Kernels before 5.19 tell their backtracking, too.
fn is_noise(line: &str) -> bool {
    const FRONTS: [&str; 19] = [
        "processed ",
        "verification time ",
        "stack depth ",
        "func#",
        "Validating ",
        "Func#",
        "from ",
        "last_idx ",
        "regs=",
        "parent ",
        "mark_precise: ",
        "propagating ",
        "caller:",
        "callee:",
        "returning from callee",
        "to caller at ",
        "cur state:",
        "old state:",
        "frame",
    ];
    // Of a function's arguments, when it is not told by BTF what they are.
    let unsized_arg = line.starts_with("arg#") && line.contains("cannot be determined");
    unsized_arg || is_state(line) || FRONTS.iter().any(|front| is_front(line, front))
}

/// Whether a line starts so; `frame` and `from` are words of messages, too, and count before a number only.
fn is_front(line: &str, front: &str) -> bool {
    let Some(rest) = line.strip_prefix(front) else {
        return false;
    };
    match front {
        "frame" | "from " => rest
            .trim_ascii_start()
            .starts_with(|c: char| c.is_ascii_digit()),
        _ => true,
    }
}

/// A line of registers, `R0_w=map_value(…) R10=fp0`, as kernels before 5.18 put behind instructions.
fn is_state(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    first.starts_with('R') && first.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_line_behind_the_last_instruction() {
        let told = read(
            "func#0 @0\n0: R1=ctx() R10=fp0\n; int x = *p; @ a.bpf.c:12\n\
             0: (61) r0 = *(u32 *)(r2 +0)\nR2 !read_ok\n\
             processed 1 insns (limit 1000000) max_states_per_insn 0\n",
        );
        assert_eq!(told.reason, "R2 !read_ok");
        assert_eq!(told.insn, Some(0));
        assert_eq!(told.source.as_deref(), Some("int x = *p; @ a.bpf.c:12"));
    }

    #[test]
    fn registers_behind_the_instruction_are_not_the_reason() {
        let told = read(
            "8: (61) r1 = *(u32 *)(r0 +160)\n R0_w=map_value(id=0,off=0,ks=4,vs=32,imm=0) R10=fp0\n\
             invalid access to map value, value_size=32 off=160 size=4\n\
             R0 min value is outside of the allowed memory range\nprocessed 9 insns\n",
        );
        assert!(
            told.reason.starts_with("invalid access to map value"),
            "{told:?}"
        );
        assert_eq!(told.insn, Some(8));
    }

    #[test]
    fn backtracking_is_not_the_reason() {
        let told = read(
            "7: (0f) r1 += r2\nlast_idx 7 first_idx 0\nregs=4 stack=0 before 6: (57) r2 &= 63\n\
             parent didn't have regs=4 stack=0 marks\n\
             8: (71) r0 = *(u8 *)(r1 +0)\n R0=inv(id=0)\n\
             R1 unbounded memory access, make sure to bounds check any such access\n",
        );
        assert!(told.reason.starts_with("R1 unbounded"), "{told:?}");
        assert_eq!(told.insn, Some(8));
    }

    #[test]
    fn the_way_to_a_branch_is_not_the_reason() {
        let told = read(
            "5: (15) if r0 == 0x0 goto pc+2\n6: safe\n\nfrom 5 to 8: R0=scalar() R10=fp0\n\
             8: R0=scalar() R10=fp0\n8: (95) exit\n\
             At program exit the register R0 has unknown scalar value should have been in (0x0; 0x1)\n",
        );
        assert!(told.reason.starts_with("At program exit"), "{told:?}");
        assert_eq!(told.insn, Some(8));
    }

    #[test]
    fn advice_behind_the_reason_is_not_the_reason() {
        let told = read(
            "0: (85) call unknown#195896080\ninvalid func unknown#195896080\n\n\
             Suggestion: check the helper\nprocessed 1 insns\n",
        );
        assert_eq!(told.reason, "invalid func unknown#195896080");
    }

    #[test]
    fn without_an_instruction_the_message_names_it_itself() {
        for (reason, insn) in [
            ("unreachable insn 5", Some(5)),
            ("back-edge from insn 7 to 2", Some(7)),
            ("jump out of range from insn 1 to 4000", Some(1)),
            ("last insn is not an exit or jmp", None),
        ] {
            let log = ["func#0 @0\n", reason, "\nprocessed 0 insns\n"].concat();
            let told = read(&log);
            assert_eq!((told.reason.as_str(), told.insn), (reason, insn));
        }
    }

    #[test]
    fn what_is_found_when_all_is_through_has_no_instruction() {
        let told = read(
            "; return f(x); @ a.c:3\n12: (95) exit\n\
             combined stack size of 2 calls is 576. Too large\nprocessed 14 insns\n",
        );
        assert_eq!((told.insn, told.source), (None, None));
        assert!(told.reason.starts_with("combined"));
    }

    #[test]
    fn an_empty_log_gives_no_reason() {
        assert_eq!(read(""), Told::default());
    }
}
