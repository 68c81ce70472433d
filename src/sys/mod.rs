//! The kernel's door: its binary interface, one function per system call or pseudo file that is
//! used, and a table of features that are probed when first asked for.
//!
//! Nothing here decides anything: a function does one thing, and its error is the kernel's own
//! (`rustix::io::Errno`), unchanged. The rooms above give it a subject and a hint.
#![allow(unsafe_code)]

pub mod abi;
pub mod attach_probes;
pub mod bpf;
mod bpf_call;
pub mod bpf_details;
mod bpf_ids;
pub mod bpf_link;
pub mod bpf_map;
#[cfg(feature = "full")]
pub mod bpf_multi;
pub mod bpf_pin;
pub mod bytes;
#[cfg(all(packed, not(feature = "full")))]
mod cold;
pub mod constant;
pub mod cpus;
pub mod features;
pub mod file;
pub mod heap;
#[cfg(feature = "full")]
pub mod helper;
pub mod holders;
pub mod kallsyms;
pub mod kernel;
#[cfg(feature = "full")]
pub mod log_range;
pub mod lzma;
pub mod map_batch;
pub mod map_fdinfo;
pub mod map_types;
pub mod mapping;
pub mod memory;
mod more_probes;
pub mod names;
pub mod net;
pub mod perf;
pub mod permission;
pub mod poll;
pub mod probe_pmu;
mod probes;
pub mod process;
pub mod prog_types;
pub mod rlimit;
pub mod security;
pub mod signals;
#[cfg(not(feature = "full"))]
pub mod start;
pub mod stdio;
pub mod task_fd;
pub mod tracefs;
#[cfg(packed)]
mod unpack;
mod vdso;

pub use features::{Feature, Features};
