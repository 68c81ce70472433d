//! The kernel to fit: its types, read through a small window, and what else is known of it.

mod error;
mod format;
mod kernel;
// What a board does not strictly need, or `slim.rs` without it.
#[cfg_attr(not(feature = "full"), path = "slim.rs")]
mod more;
mod names;
mod scan;
mod source;
mod strings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod window;

pub use error::TargetError;
#[cfg(feature = "full")]
pub use format::Shape;
pub use format::{FormatField, tracepoint_fields};
pub use kernel::{BtfChoice, Extent, Kernel, NoTypes, TypeSource};
#[cfg(feature = "full")]
pub use more::{
    Address, Config, Found, KALLSYMS, Place, Resolved, Survey, Symbols, is_kernel, open_btf,
};
pub use names::Wanted;
pub use source::Source;
pub use window::WindowedBtf;
