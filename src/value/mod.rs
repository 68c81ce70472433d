//! Bytes and their BTF type become text columns, a tree or JSON; a person's words become bytes.
//!
//! A type is walked once, when its [`Plan`] is made; after that BTF is not looked at again, and
//! nothing is allocated for an event but the room in the buffer that it is appended to.
//!
//! ```text
//! let plan = Plan::new(&btf, event_type)?;
//! plan.header(&mut out);              // PID     COMM             MESSAGE
//! plan.row(record, &mut out);         // 4711    bash             hey root
//! plan.json(record, &mut out);        // {"pid":4711,"comm":"bash","message":"hey root"}
//! plan.tree(record, &mut out);        // {\n  pid: 4711\n …
//! plan.parse("{pid: 1}", &mut bytes)?;
//! ```
//!
//! Neither the type nor the bytes are trusted: whatever they are, the text is finite, and harmless
//! to a terminal.

mod columns;
#[cfg(feature = "full")]
mod counted;
#[cfg(feature = "full")]
mod counters;
mod error;
mod escape;
#[cfg(feature = "full")]
mod fields;
mod float;
#[cfg(feature = "full")]
mod histogram;
#[cfg(feature = "full")]
mod meaning;
#[cfg(feature = "full")]
mod names;
mod number;
mod parse;
mod plan;
mod render;
#[cfg(feature = "full")]
mod room;
#[cfg(test)]
mod tests;
#[cfg(feature = "full")]
mod time;
mod words;

pub use columns::{Field, Fit, column};
#[cfg(feature = "full")]
pub use counters::Counters;
pub use error::ValueError;
pub use escape::{escape, escape_json, until_nul};
#[cfg(feature = "full")]
pub use escape::{escape_csv, escape_quoted};
#[cfg(feature = "full")]
pub use fields::{Cells, ENVELOPE, Fields, KindName};
#[cfg(feature = "full")]
pub use histogram::{Scale, histogram, range_of, slot_of};
#[cfg(feature = "full")]
pub use number::read_number;
pub use number::{push_hex, push_signed, push_unsigned, push_wide};
pub use plan::Plan;
#[cfg(feature = "full")]
pub use room::{Room, Start};
#[cfg(feature = "full")]
pub use time::WallClock;
