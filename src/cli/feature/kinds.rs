//! Types of programs and maps, helpers, instructions, kinds of BTF.

use btfly::btf::Kind;
use btfly::relocate::Target;
use btfly::sys::abi::{
    BPF_PROG_TYPE_EXT, BPF_PROG_TYPE_LSM, BPF_PROG_TYPE_STRUCT_OPS, BPF_PROG_TYPE_TRACING,
};
use btfly::sys::{Feature, map_types, names, prog_types};
use btfly::target::{Kernel, Wanted};

use super::super::Failure;
use super::{Asked, Out};

/// Numbers of one sort of things, with their names, which end where there is no name.
fn numbered(name: fn(u32) -> Option<&'static str>) -> impl Iterator<Item = (u32, &'static str)> {
    (1..).map_while(move |number| Some((number, name(number)?)))
}

pub fn programs(_: &Asked, out: &mut Out) -> Result<(), Failure> {
    for (number, name) in numbered(names::prog_type) {
        let is = prog_types::probe(number).is_ok();
        let label = ["program type ", name].concat();
        out.yes(&["have_", name, "_prog_type"], &label, is);
    }
    Ok(())
}

pub fn maps(_: &Asked, out: &mut Out) -> Result<(), Failure> {
    for (number, name) in numbered(|number| map_types::map_type(number).map(|t| t.name)) {
        let is = map_types::probe(number).is_ok();
        let label = ["map type ", name].concat();
        out.yes(&["have_", name, "_map_type"], &label, is);
    }
    Ok(())
}

/// Functions that programs of some types can be for, if they only call a helper: one for tests, and a hook.
pub const FENTRY: &str = "bpf_fentry_test1";
const LSM: &str = "bpf_lsm_file_open";

/// The BTF id of a function of this kernel.
pub fn function(name: &str) -> Option<u32> {
    let mut wanted = Wanted::default();
    wanted.root(name, Kind::Func);
    wanted.name(name);
    let types = Kernel::own_types(&wanted).ok()??.types;
    let found: &dyn Target = &*types;
    found.candidates(name).first().map(|id| id.0)
}

/// The most helpers that are asked for: there have been 211 since 6.2, and none is to come.
const MOST: u32 = 1024;

/// Those that say something in the kernel's log as soon as a program calls them: `bpf_trace_printk`,
/// `bpf_probe_write_user`, `bpf_trace_vprintk`.
const LOUD: [u32; 3] = [6, 36, 177];

pub fn helpers(asked: &Asked, out: &mut Out) -> Result<(), Failure> {
    for (kind, name) in numbered(names::prog_type) {
        let place = match kind {
            BPF_PROG_TYPE_TRACING => function(FENTRY),
            BPF_PROG_TYPE_LSM => function(LSM),
            // They have no place of their own.
            BPF_PROG_TYPE_EXT | BPF_PROG_TYPE_STRUCT_OPS => None,
            _ => Some(0),
        };
        let mut usable = Vec::new();
        if let Some(place) = place.filter(|_| prog_types::probe(kind).is_ok()) {
            for number in 1..MOST {
                if LOUD.contains(&number) && !asked.full {
                    continue;
                }
                let Some(helper) = prog_types::helper(kind, place, number) else {
                    break;
                };
                if helper.usable {
                    usable.push(helper.name);
                }
            }
        }
        let label = ["helpers of ", name].concat();
        out.list(&[name, "_available_helpers"], &label, &usable);
        out.flush()?;
    }
    Ok(())
}

pub fn misc(_: &Asked, out: &mut Out) -> Result<(), Failure> {
    let many = prog_types::takes_many().is_ok();
    let first = ("large_insn_limit", many);
    let others = prog_types::PROGRAMS.iter();
    let others = others.map(|(name, insns)| (*name, prog_types::takes(insns).is_ok()));
    for (name, is) in [first].into_iter().chain(others) {
        out.yes(&["have_", name], &name.replace('_', " "), is);
    }
    Ok(())
}

/// Kinds of types, by the feature that they came with.
const KINDS: [(&str, Feature); 7] = [
    (
        "int ptr array struct union enum fwd typedef volatile const restrict",
        Feature::Btf,
    ),
    ("func func_proto", Feature::BtfFunc),
    ("var datasec", Feature::BtfDatasec),
    ("float", Feature::BtfFloat),
    ("decl_tag", Feature::BtfDeclTag),
    ("type_tag", Feature::BtfTypeTag),
    ("enum64", Feature::BtfEnum64),
];

pub fn btf(asked: &Asked, out: &mut Out) -> Result<(), Failure> {
    for (kinds, feature) in KINDS {
        let is = asked.kernel.features.has(feature);
        for kind in kinds.split(' ') {
            out.yes(&[kind], kind, is);
        }
    }
    Ok(())
}

pub fn loader(asked: &Asked, out: &mut Out) -> Result<(), Failure> {
    for feature in Feature::all() {
        let is = asked.kernel.features.has(feature);
        out.yes(&[feature.name()], feature.name(), is);
    }
    Ok(())
}
