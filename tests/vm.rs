//! The suite that runs in a virtual machine, as root, one test at a time: drives the binary as a
//! user would.
//!
//! `scripts/qemu-arm64/suite` sets BTFLY (the binary), BTFLY_KERNEL (the kernel's name in the matrix)
//! and the other variables that it lists. Where BTFLY_KERNEL is not set every test returns at once:
//! nothing here may load BPF into a developer's machine.

#[path = "vm/board.rs"]
mod board;
#[path = "vm/bpftool.rs"]
mod bpftool;
#[path = "vm/btf.rs"]
mod btf;
#[path = "vm/built_in.rs"]
mod built_in;
#[path = "vm/chapter5.rs"]
mod chapter5;
#[path = "vm/cold.rs"]
mod cold;
#[path = "vm/compilers.rs"]
mod compilers;
#[path = "vm/completions.rs"]
mod completions;
#[cfg(feature = "full")]
#[path = "vm/contexts.rs"]
mod contexts;
#[path = "vm/differential.rs"]
mod differential;
#[path = "vm/doctor.rs"]
mod doctor;
#[path = "vm/errors.rs"]
mod errors;
#[path = "vm/exec.rs"]
mod exec;
#[path = "vm/feature.rs"]
mod feature;
#[path = "vm/features.rs"]
mod features;
#[path = "vm/globals.rs"]
mod globals;
#[path = "vm/guard.rs"]
mod guard;
#[path = "vm/headers.rs"]
mod headers;
#[path = "vm/hints.rs"]
mod hints;
#[path = "vm/hostile.rs"]
mod hostile;
#[path = "vm/join.rs"]
mod join;
#[cfg(feature = "full")]
#[path = "vm/ksyms.rs"]
mod ksyms;
#[path = "vm/left.rs"]
mod left;
#[path = "vm/lines.rs"]
mod lines;
#[path = "vm/links.rs"]
mod links;
#[path = "vm/load.rs"]
mod load;
#[path = "vm/loaded.rs"]
mod loaded;
#[path = "vm/map_contents.rs"]
mod map_contents;
#[path = "vm/map_kinds.rs"]
mod map_kinds;
#[path = "vm/maps.rs"]
mod maps;
#[path = "vm/modules.rs"]
mod modules;
#[path = "vm/pins.rs"]
mod pins;
#[path = "vm/probed.rs"]
mod probed;
#[path = "vm/probes.rs"]
mod probes;
#[path = "vm/program.rs"]
mod program;
#[path = "vm/relocate.rs"]
mod relocate;
#[cfg(feature = "full")]
#[path = "vm/ring_ways.rs"]
mod ring_ways;
#[cfg(feature = "full")]
#[path = "vm/rings.rs"]
mod rings;
#[path = "vm/run.rs"]
mod run;
#[path = "vm/sandbox.rs"]
mod sandbox;
#[path = "vm/scarce.rs"]
mod scarce;
#[path = "vm/sections.rs"]
mod sections;
#[path = "vm/shapes.rs"]
mod shapes;
#[path = "vm/show.rs"]
mod show;
#[path = "vm/status.rs"]
mod status;
#[path = "vm/stop.rs"]
mod stop;
#[path = "vm/struct_ops.rs"]
mod struct_ops;
#[path = "vm/table.rs"]
mod table;
#[cfg(feature = "full")]
#[path = "vm/targets.rs"]
mod targets;
#[path = "vm/terminal.rs"]
mod terminal;
#[path = "vm/tool_counts.rs"]
mod tool_counts;
#[cfg(feature = "full")]
#[path = "vm/toolbox/mod.rs"]
mod toolbox;
#[path = "vm/tools.rs"]
mod tools;
#[path = "vm/types.rs"]
mod types;
#[path = "vm/values.rs"]
mod values;
#[path = "vm/verdicts.rs"]
mod verdicts;
#[path = "vm/watch.rs"]
mod watch;
