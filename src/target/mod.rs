//! The kernel to fit: its types, read through a small window, and what else is known of it.

mod config;
mod error;
mod format;
mod inflate;
mod kernel;
mod known;
// What a board does not strictly need, or `slim.rs` without it.
#[cfg_attr(not(feature = "full"), path = "slim.rs")]
mod more;
mod named;
mod names;
mod open;
mod resolve;
mod scan;
mod source;
mod strings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod whole;
mod window;

pub use config::Config;
pub use error::TargetError;
pub use format::{FormatField, Shape, tracepoint_fields};
pub use kernel::{BtfChoice, Extent, Kernel, NoTypes, TypeSource};
#[cfg(feature = "full")]
pub use more::{Address, Found, Survey, Symbols};
pub use named::NamedTypes;
pub use names::Wanted;
pub use open::open_btf;
pub use resolve::{KALLSYMS, Place, Resolved, is_kernel};
pub use source::Source;
pub use whole::WholeBtf;
pub use window::WindowedBtf;
