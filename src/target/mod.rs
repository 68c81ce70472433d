//! The kernel to fit: its types, read through a small window, and what else is known of it.

mod error;
mod format;
mod kernel;
mod known;
// What a board does not strictly need, or `slim.rs` without it.
#[cfg_attr(not(feature = "full"), path = "slim.rs")]
mod more;
mod names;
mod resolve;
mod scan;
mod source;
mod strings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod window;

pub use error::TargetError;
pub use format::{FormatField, Shape, tracepoint_fields};
pub use kernel::{BtfChoice, Extent, Kernel, NoTypes, TypeSource};
#[cfg(feature = "full")]
pub use more::{Address, Config, Found, NamedTypes, Survey, Symbols, WholeBtf, open_btf};
pub use names::Wanted;
pub use resolve::{KALLSYMS, Place, Resolved, is_kernel};
pub use source::Source;
pub use window::WindowedBtf;
