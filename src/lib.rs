//! btfly loads eBPF objects on Linux without libbpf: ELF and BTF are read, CO-RE relocations are
//! applied, and the kernel is called, by this library alone.
//!
//! An object goes through the rooms in this order: [`object`] reads it, [`relocate`] fits it to the
//! types of [`target`], [`link`] puts its functions together, [`load`] brings it into the kernel,
//! [`attach`] hooks it in, [`ring`] reads what it sends, and [`value`] shows it.
//!
//! ```no_run
//! use btfly::object::Object;
//! use btfly::target::Kernel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bytes = std::fs::read("my.bpf.o")?;
//! let kernel = Kernel::running();
//! let loaded = Object::parse(&bytes)?
//!     .set("min_us", &1000u64)?
//!     .load(&kernel)?;
//! // Detached when dropped.
//! let links = loaded.attach(&kernel)?;
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs, unsafe_code)]
// Set by cross/build: the two loops that see every name and type of a kernel are compiled for speed,
// everything else for size.
#![cfg_attr(hot_loops, feature(optimize_attribute))]

pub mod attach;
mod boxed;
pub mod btf;
#[cfg(feature = "full")]
pub mod check;
pub mod elf;
#[cfg(feature = "full")]
pub mod join;
pub mod link;
pub mod load;
mod near;
pub mod object;
pub mod relocate;
pub mod ring;
pub mod sys;
pub mod target;
pub mod text;
pub mod value;
