//! CO-RE: what an object's relocations mean on another kernel. A pure function of two sets of types.
//!
//! # The algorithm
//! A relocation names a *root type* in the object's BTF, an *access string* such as `0:12:4`, and a
//! *kind*: what is asked of the field, type or enumerator found there. [`resolve`] answers it:
//!
//! 1. The access string is walked through the object's types: the **local spec** ([`Spec`]), a
//!    list of members by name and array elements by number, with the offset in bits.
//! 2. Every target type with the root's essential name and kind is a **candidate**. The spec is
//!    walked again there, members found by name wherever they have moved, through anonymous structs
//!    too, and each step's type must be compatible.
//! 3. Each candidate that matches gives the value that was asked for. All must agree. Those that do
//!    not match are out for what else is asked of the same root type ([`Resolver`]).
//! 4. No match: existence is 0, type numbers and sizes are 0, and everything else **poisons** the
//!    instruction: it becomes a call that the verifier refuses, if it ever gets there.
//!
//! [`patch`] then writes the value into the instruction, after a check that the instruction
//! holds what the object's own types say it was compiled with. [`fit`] does all this for a whole
//! object.
//!
//! The rules are those of the kernel's `tools/lib/bpf/relo_core.c`.

mod compat;
#[cfg(feature = "full")]
mod config;
mod error;
#[cfg(feature = "full")]
mod externs;
mod fit;
mod matching;
#[cfg(feature = "full")]
mod minimal;
mod patch;
mod resolve;
mod spec;
#[cfg(test)]
mod tests;
mod value;
mod wanted;

#[cfg(feature = "full")]
pub use config::bytes as config_bytes;
pub use error::RelocateError;
#[cfg(feature = "full")]
pub use externs::{
    ConfigValue, ExternError, Found, Known, Needed, externs, externs_needed, externs_wanted,
};
#[cfg(feature = "full")]
pub use fit::roots_missing;
pub use fit::{Choose, FitError, Fitted, RelocationReport, describe, fit, names_wanted, root_name};
pub use matching::Target;
#[cfg(feature = "full")]
pub use minimal::Minimal;
pub use patch::{POISON, Patch, patch};
pub use resolve::{Candidate, Resolution, Resolver, resolve};
pub use spec::{Accessor, Spec, type_name};
pub use value::{Answer, Value};
pub use wanted::wanted;
