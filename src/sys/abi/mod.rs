//! The kernel's binary interface: its structs, its numbers and its names, checked at compile time.
//!
//! Everything here mirrors a uapi header of the kernel; nothing here decides anything. Sizes and
//! offsets are held by `static_assertions`, so a wrong layout does not compile.

mod bpf_attr;
mod bpf_const;
mod bpf_details;
mod bpf_info;
mod perf;

pub use bpf_attr::*;
pub use bpf_const::*;
pub use bpf_details::*;
pub use bpf_info::*;
pub use perf::*;
