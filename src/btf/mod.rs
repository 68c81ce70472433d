//! The BTF format: type records, strings, `.BTF.ext`, and how they are read without trust.
//!
//! BTF (the kernel's `Documentation/bpf/btf.rst`, `include/uapi/linux/btf.h`) is a header, a run of
//! variable-length type records and a run of NUL-terminated names. [`Btf`] holds one that is in
//! memory; anything that can hand out the bytes of a record, such as a window on a file, is a
//! [`Types`]. Records are numbered from 1; 0 is `void`.

mod blob;
#[cfg(feature = "full")]
mod contexts;
#[cfg(feature = "full")]
mod declare;
pub mod diff;
pub mod dump;
mod encode;
mod error;
mod ext;
mod ids;
#[cfg(feature = "full")]
mod ksyms;
mod load;
mod names;
mod record;
#[cfg(feature = "full")]
mod sanitise;
#[cfg(feature = "full")]
mod statics;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod types;

pub use blob::{Btf, Layout};
#[cfg(feature = "full")]
pub use contexts::{Context, Retyped, WithContexts, has_tagged, rename, retype};
#[cfg(feature = "full")]
pub use declare::{DeclarationError, declare};
pub use encode::{Encoder, Record};
pub use error::BtfError;
pub use ext::{BtfExt, CoreRelo, ExtRecords, ExtSection, RelocationKind};
pub use ids::{BitOffset, StrOffset, TypeId};
pub use load::{DatasecFill, for_kernel};
pub use names::essential_name;
pub use record::{
    Array, Enumerator, Header, IntEncoding, Kind, Linkage, Member, Param, SecInfo, Word,
    record_len, word,
};
#[cfg(feature = "full")]
pub use sanitise::{Lacks, sanitise};
#[cfg(feature = "full")]
pub use statics::make_static;
pub use types::{MAX_CHAIN, Types};
