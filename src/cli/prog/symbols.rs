//! What the addresses in a program are called.

use btfly::object::disasm::Names;
use btfly::object::{Insn, op};
use btfly::sys::kallsyms::{address_of, at};

/// `BPF_FUNC_tail_call`.
const TAIL_CALL: i32 = 12;

/// Names of functions of the kernel, and of the machine code of programs.
pub struct Symbols {
    /// What the immediates of calls count from; 0 where addresses are hidden.
    base: u64,
    ksyms: Vec<u64>,
    /// Sorted by address.
    known: Vec<(u64, String)>,
}

impl Symbols {
    /// Those that the instructions call, and of each of `ksyms`.
    pub fn of(insns: &[u8], ksyms: &[u64]) -> Symbols {
        let base = address_of("__bpf_call_base").ok().flatten().unwrap_or(0);
        let mut symbols = Symbols {
            base,
            ksyms: ksyms.to_vec(),
            known: Vec::new(),
        };
        let mut wanted = ksyms.to_vec();
        for insn in insns
            .chunks_exact(Insn::LEN)
            .filter_map(|b| b.try_into().ok())
        {
            let insn = Insn::parse(insn);
            if insn.code == op::CALL {
                wanted.push(symbols.address(insn));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        if base != 0 {
            symbols.known = at(&wanted).unwrap_or_default();
        }
        symbols
    }

    /// Where a call goes.
    fn address(&self, insn: Insn) -> u64 {
        let own = usize::try_from(insn.imm)
            .ok()
            .and_then(|at| self.ksyms.get(at));
        match own {
            Some(own) if insn.src() == op::PSEUDO_CALL => *own,
            _ => self.base.wrapping_add_signed(insn.imm.into()),
        }
    }

    /// What is at an address: its name, or its number.
    pub fn name(&self, address: u64) -> String {
        let found = self
            .known
            .binary_search_by_key(&address, |(known, _)| *known);
        let found = found.ok().and_then(|at| self.known.get(at));
        found.map_or_else(|| format!("{address:#x}"), |(_, name)| name.clone())
    }
}

impl Names for Symbols {
    fn load(&self, insn: Insn, next: Insn) -> Option<String> {
        let (imm, more) = (insn.imm.cast_unsigned(), next.imm.cast_unsigned());
        Some(match insn.src() {
            op::PSEUDO_MAP_FD => format!("map[id:{imm}]"),
            op::PSEUDO_MAP_VALUE => format!("map[id:{imm}][0]+{more}"),
            op::PSEUDO_MAP_IDX_VALUE => format!("map[idx:{imm}]+{more}"),
            op::PSEUDO_FUNC => format!("subprog[{:+}]", insn.imm),
            _ => return None,
        })
    }

    fn call(&self, insn: Insn) -> Option<String> {
        let address = self.address(insn);
        Some(match insn.src() {
            // A program that is interpreted has no addresses.
            op::PSEUDO_CALL if self.ksyms.is_empty() => format!("{:+}", insn.off),
            op::PSEUDO_CALL => format!("{:+}#{}", insn.off, self.name(address)),
            // The one helper that has no address: the kernel makes a jump of it.
            0 if insn.imm == TAIL_CALL => "bpf_tail_call".into(),
            _ => self.name(address),
        })
    }
}
