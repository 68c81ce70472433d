//! The verifier's commonest messages in plain words, and what a programmer can do about each.
//!
//! Kernels of all ages word them in their own ways (`inv` became `scalar` in 5.18); a row has the parts
//! that stayed the same, or is there once for each wording. The first row that fits is taken.

/// A message in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) struct Words {
    /// Why the verifier refuses.
    pub why: &'static str,
    /// What to try.
    pub hint: &'static str,
}

struct Row {
    /// Parts of the message, in their order.
    parts: &'static [&'static str],
    words: Words,
}

const fn row(parts: &'static [&'static str], why: &'static str, hint: &'static str) -> Row {
    Row {
        parts,
        words: Words { why, hint },
    }
}

/// What a message of the verifier means; `None` for one that is not known here.
pub(in crate::load) fn words(reason: &str) -> Option<Words> {
    let fits = |row: &&Row| {
        let mut rest = reason;
        row.parts.iter().all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    };
    TABLE.iter().find(fits).map(|row| row.words)
}

const CHECK_NULL: &str = "compare the pointer with NULL first, and use it only where it is not";
const READ_KERNEL: &str = "read kernel memory with bpf_probe_read_kernel() or BPF_CORE_READ(), user memory with \
     bpf_probe_read_user()";
const BOUND: &str = "compare the index or length, as an unsigned number, with its limit right before the \
     access, or mask it: i &= SIZE - 1";

#[rustfmt::skip]
static TABLE: &[Row] = &[
    // Pointers.
    row(&["invalid mem access '", "_or_null'"],
        "the pointer may be NULL there, as of a failed lookup", CHECK_NULL),
    row(&["pointer arithmetic on ", "_or_null prohibited"],
        "something is added to a pointer that may be NULL", CHECK_NULL),
    row(&["type=", "_or_null expected="],
        "a pointer that may be NULL is handed to a function that wants one that is not", CHECK_NULL),
    row(&["Possibly NULL pointer passed"],
        "a pointer that may be NULL is handed to a function that wants one that is not", CHECK_NULL),
    row(&["invalid mem access 'inv'"],
        "a plain number is used as an address: the verifier does not know what it points to", READ_KERNEL),
    row(&["invalid mem access 'scalar'"],
        "a plain number is used as an address: the verifier does not know what it points to", READ_KERNEL),
    row(&["invalid mem access"],
        "memory is read or written through a pointer that does not allow it directly", READ_KERNEL),
    row(&["dereference of modified "],
        "the program's context is accessed through a pointer that something was added to",
        "read its fields at fixed offsets: do not index it, nor pass a pointer into it to a subprogram"),
    row(&["variable ctx access"],
        "the program's context is accessed at an offset that is not a constant",
        "read its fields at fixed offsets: do not index it in a loop that is not unrolled"),
    row(&["invalid bpf_context access"],
        "this kind of program may not read (or write) this part of its context on this kernel",
        "compare SEC() with the context's type: the field may be of another kind of program, or of a newer kernel"),
    row(&["the access beyond struct"],
        "a kernel struct is read past its end", "let CO-RE relocate the access: read fields by their names"),
    row(&["only read is supported"],
        "kernel memory is written directly, which is only ever read", "write through a helper or a kfunc, if there is one"),
    // Bounds.
    row(&["unbounded memory access"],
        "an index or length has no upper limit that the verifier knows of", BOUND),
    row(&["min value is negative"],
        "an index or length may be negative, as far as the verifier knows", BOUND),
    row(&["unbounded min value"],
        "a number without a lower limit is added to a pointer", BOUND),
    row(&["R", "makes ", "pointer be out of bounds"],
        "a pointer is moved beyond all bounds", BOUND),
    row(&["invalid access to map value"],
        "the access goes beyond the end of a map's value", BOUND),
    row(&["invalid access to map key"],
        "the access goes beyond the end of a map's key", BOUND),
    row(&["invalid access to memory, mem_size="],
        "the access goes beyond the end of memory of a known size", BOUND),
    row(&["outside of the allowed memory range"],
        "the access may go beyond the end of the memory", BOUND),
    row(&["invalid access to packet"],
        "the packet may be shorter than that", "compare with data_end first: if (data + SIZE > data_end) return …;"),
    row(&["offset is outside of the packet"],
        "the packet may be shorter than that", "compare with data_end first: if (data + SIZE > data_end) return …;"),
    row(&["misaligned ", "access off"],
        "the access is not aligned to its size, which this kind of memory wants",
        "align the field, or copy it by __builtin_memcpy() or byte by byte"),
    // The stack.
    row(&["combined stack size"],
        "the functions that call each other need more than the 512 bytes of stack in all",
        "put large variables into a per-CPU array with one entry"),
    row(&["invalid indirect read from stack"],
        "a helper is handed part of the stack that was never written: padding counts, too",
        "clear the variable before it is filled: struct T t = {}; or __builtin_memset()"),
    row(&["invalid read from stack"],
        "part of the stack is read that was never written: padding counts, too",
        "clear the variable before it is filled: struct T t = {}; or __builtin_memset()"),
    row(&["invalid variable-offset", "stack"],
        "an array on the stack is accessed at an index that may be outside of it", BOUND),
    row(&["invalid", "stack", "off="],
        "the access is outside of the 512 bytes of the stack, or reads what was never written",
        "put large variables into a per-CPU array with one entry, and clear what a helper reads"),
    row(&["stack depth", "exceeds"],
        "a function needs more than 512 bytes of stack", "put large variables into a per-CPU array with one entry"),
    // Registers and values.
    row(&["!read_ok"],
        "a value is used that nothing was ever put into: a variable that is not set on some path, or an \
         argument that a call has overwritten",
        "give the variable a value where it is declared"),
    row(&["leaks addr"],
        "a kernel address would get out to where user space sees it",
        "store what it points to, not the pointer; or load with CAP_PERFMON"),
    row(&["pointer comparison prohibited"],
        "two pointers are compared, which tells of kernel addresses", "load with CAP_PERFMON, or compare numbers"),
    row(&["R0 has ", "should have been in"],
        "the program returns a value that is not allowed for its kind", "return one of the allowed constants, mostly 0"),
    row(&["At program exit the register R0"],
        "the program returns a value that is not allowed for its kind", "return one of the allowed constants, mostly 0"),
    row(&["type=", "expected="],
        "a function of the kernel is handed something of another kind than it takes",
        "compare the argument with the function's declaration: a pointer to the stack, a map's value, the context?"),
    row(&["must be a known constant"],
        "a function of the kernel wants a constant there", "hand over a number that is known when it is compiled"),
    row(&["is not a known constant"],
        "a function of the kernel wants a constant there", "hand over a number that is known when it is compiled"),
    row(&["write into map forbidden"],
        "the map is read-only for programs, as .rodata is", "declare the variable without const, or the map without BPF_F_RDONLY_PROG"),
    row(&["read from map forbidden"],
        "the map is write-only for programs", "create the map without BPF_F_WRONLY_PROG"),
    row(&["cannot write into"],
        "the memory is read-only", "copy it to the stack or to a map's value, and write there"),
    row(&["invalid map_ptr"],
        "the map itself is read as if it were memory, beyond the fields that may be", "get to the map's values by bpf_map_lookup_elem()"),
    // What the kernel has and allows.
    row(&["invalid func unknown#"],
        "this kernel has no such helper", "the helper is of a newer kernel: guard the call with bpf_core_enum_value_exists()"),
    row(&["program of this type cannot use helper"],
        "the helper is not for this kind of program on this kernel", "use another kind of program, or another helper"),
    row(&["unknown func "],
        "this kernel has no such helper for this kind of program",
        "use another kind of program or helper, or guard the call with bpf_core_enum_value_exists()"),
    row(&["helper call is not allowed"],
        "the helper is not for what this program is attached to", "use another helper, or attach elsewhere"),
    row(&["GPL"],
        "the helper is for programs under the GPL only", "char LICENSE[] SEC(\"license\") = \"Dual BSD/GPL\"; where that is your licence"),
    row(&["calling kernel function ", "is not allowed"],
        "the kernel function is not for this kind of program", "use another kind of program: each function is for some kinds"),
    row(&["kernel function", "not supported"],
        "this kernel does not let programs call its functions here", "it needs CONFIG_DEBUG_INFO_BTF and a JIT that can; else use helpers"),
    row(&["cannot pass map_type"],
        "the helper is not for maps of this type", "use a map of another type, or another helper"),
    row(&["is not sleepable"],
        "the kernel lets no program sleep at this place",
        "take the section's name without .s; places that may sleep are system calls on new kernels, and some lsm hooks"),
    row(&["Sleepable program cannot attach"],
        "the kernel lets no program sleep at this place",
        "take the section's name without .s: of tracepoints those of system calls may sleep"),
    row(&["sleep"],
        "a program that may sleep is needed, or one that may not is",
        "compare SEC() with what is called: names that end in .s are of programs that may sleep"),
    // References and locks.
    row(&["Unreleased reference"],
        "something that was taken is not given back on each path", "release it (bpf_ringbuf_submit() or _discard(), bpf_sk_release()…) before each return"),
    row(&["reference leak"],
        "something that was taken is not given back on each path", "release it (bpf_ringbuf_submit() or _discard(), bpf_sk_release()…) before each return"),
    row(&["bpf_spin_unlock is missing"],
        "a lock is held where the program ends", "call bpf_spin_unlock() before each return"),
    row(&["while holding a lock"],
        "a function is called while a lock is held", "take the lock for plain reads and writes only"),
    // Size and shape.
    row(&["BPF program is too large"],
        "all paths together are more than a million instructions (before 5.2: 131,072)",
        "bound loops tighter, move their bodies to global functions, or use bpf_loop() (5.17)"),
    row(&["jumps is too complex"],
        "there are too many branches to keep in mind", "bound loops tighter, move their bodies to global functions, or use bpf_loop() (5.17)"),
    row(&["infinite loop detected"],
        "a loop may never end, as far as the verifier knows", "give it a limit that is a constant: for (i = 0; i < MAX; i++)"),
    row(&["back-edge from insn"],
        "the program has a loop, which kernels before 5.3 do not take", "unroll it: #pragma unroll, or __attribute__((always_inline)) functions"),
    row(&["unreachable insn"],
        "there are instructions that nothing leads to", "build with optimisation (-O2), and without functions that never return"),
    row(&["jump out of range"],
        "a jump leads out of its function", "the object may be damaged, or linked by hand: build it again with clang -O2"),
    row(&["last insn is not an exit or jmp"],
        "a function does not end", "let it return on each path; the compiler drops what follows undefined behaviour"),
    row(&["call stack of ", "too deep"],
        "functions call each other more than eight deep", "make some of them __always_inline"),
    row(&["tail_calls are not allowed"],
        "tail calls and subprograms do not go together here", "make the subprograms __always_inline, or use less stack"),
    row(&["unknown opcode"],
        "this kernel does not know the instruction", "compile with -mcpu=v2, which every kernel knows"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_in_words_whatever_the_kernel_calls_things() {
        for (message, word) in [
            ("R1 invalid mem access 'inv'", "plain number"),
            ("R1 invalid mem access 'scalar'", "plain number"),
            ("R0 invalid mem access 'map_value_or_null'", "NULL"),
            ("R7 invalid mem access 'ringbuf_mem_or_null'", "NULL"),
            ("R1 type=mem_or_null expected=ringbuf_mem", "NULL"),
            ("R1 invalid mem access 'fp'", "pointer"),
            (
                "R2 type=inv expected=fp, pkt, pkt_meta, map_key, map_value",
                "another kind",
            ),
            ("R2 type=scalar expected=fp", "another kind"),
            (
                "At program exit the register R0 has value (0x5; 0x0) should have been in (0x0; 0x1)",
                "returns",
            ),
            (
                "At program exit the register R0 has smin=5 smax=5 should have been in [0, 1]",
                "returns",
            ),
            (
                "invalid indirect read from stack R2 off -16+4 size 16",
                "never written",
            ),
            (
                "invalid read from stack R10 off -8+0 size 8",
                "never written",
            ),
            ("invalid stack off=-520 size=8", "512"),
            ("invalid write to stack R10 off=-520 size=8", "512"),
            ("invalid stack type R2 off=-8 access_size=600", "512"),
            (
                "cannot call GPL-restricted function from non-GPL compatible program",
                "GPL",
            ),
            (
                "cannot call GPL only function from proprietary program",
                "GPL",
            ),
            ("unknown func bpf_ringbuf_output#130", "no such helper"),
            (
                "program of this type cannot use helper bpf_probe_write_user#36",
                "kind of program",
            ),
            ("Unreleased reference id=2 alloc_insn=4", "given back"),
            (
                "BPF_EXIT instruction in main prog would lead to reference leak",
                "given back",
            ),
            ("helper call might sleep in a non-sleepable prog", "sleep"),
            ("bpf_lsm_file_open is not sleepable", "at this place"),
            (
                "BPF program is too large. Processed 1000001 insn",
                "million",
            ),
            ("R0 !read_ok", "nothing was ever put"),
        ] {
            let words = words(message).unwrap_or_else(|| panic!("{message}"));
            assert!(words.why.contains(word), "{message}: {words:?}");
        }
    }

    #[test]
    fn what_is_not_known_gets_no_words() {
        assert_eq!(words("something quite new"), None);
        assert_eq!(words(""), None);
    }
}
