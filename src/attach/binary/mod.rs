//! Programs and libraries of user space, where uprobes go: which file a name means, and at which byte
//! of it a function is.
//!
//! A file is read through small windows: a library may be larger than a board's memory.

mod elf;
mod error;
mod find;
mod strings;
#[cfg(test)]
mod tests;
mod versions;

pub use error::BinaryError;

pub(super) use elf::Binary;
pub(super) use find::path_of;
