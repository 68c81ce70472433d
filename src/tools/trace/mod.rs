//! `btfly trace`: a program made of a person's words, which sends what a function is called with or what a
//! tracepoint tells.
//!
//! [`Words`] are read; [`Plan`] finds each field in the kernel's types, and lays out the event that is sent;
//! [`emit`] makes the instructions. The object of it all goes the way that every object goes.

mod emit;
mod fetch;
mod function;
mod plan;
mod record;
#[cfg(test)]
mod tests;
mod types;
mod words;

use btfly::object::{Code, Function, Hook, MapKind, MapSpec, Object, Program, ProgramKind};
use btfly::object::{Reference, Referent};
use btfly::sys::abi::{BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY};

pub use function::{Argument, arguments};
pub use plan::{Facts, Plan};
pub use words::{Place, Words, joined};

/// Why something is not traced, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub what: String,
    pub hint: String,
}

impl Refusal {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal {
            what: what.into(),
            hint: hint.into(),
        }
    }
}

/// The program's name.
pub const PROGRAM: &str = "trace";

/// The object that does it; its program has no kind yet.
pub fn object<'o>(plan: &Plan, section: &'o str, types: btfly::btf::Btf<'o>) -> Object<'o> {
    let emitted = emit::code(plan);
    let map = |name, map_type, value_size, max_entries| {
        let mut map = MapSpec::new(name, MapKind::Declared { offset: 0 });
        (map.map_type, map.key_size) = (map_type, 4);
        (map.value_size, map.max_entries) = (value_size, max_entries);
        map
    };
    let references = emitted.maps.iter().map(|&(insn, map)| Reference {
        insn,
        to: Referent::Map(map),
    });
    Object {
        btf: Some(types),
        ext: btfly::btf::BtfExt::default(),
        license: "GPL",
        functions: vec![Function {
            name: PROGRAM,
            code: 0,
            start: 0,
            len: emitted.insns.len(),
            local: false,
            global: true,
        }],
        code: vec![Code {
            section,
            references: references.collect(),
            relocations: Vec::new(),
            insns: emitted.insns,
        }],
        programs: vec![Program {
            name: PROGRAM,
            section,
            function: 0,
            kind: ProgramKind::UNKNOWN,
            hook: Hook::Unknown,
            autoload: true,
            #[cfg(feature = "full")]
            exception_callback: None,
        }],
        maps: vec![
            map("events", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 0),
            map("scratch", BPF_MAP_TYPE_PERCPU_ARRAY, plan.room, 1),
        ],
        globals: Vec::new(),
        #[cfg(feature = "full")]
        externs: Vec::new(),
    }
}
