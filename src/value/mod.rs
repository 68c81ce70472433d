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
mod counted;
mod counters;
mod error;
mod escape;
mod fields;
mod float;
mod histogram;
mod meaning;
mod names;
mod number;
mod parse;
mod plain;
mod plan;
mod render;
#[cfg_attr(not(feature = "full"), path = "room_small.rs")]
mod room;
#[cfg(all(test, feature = "full"))]
mod tests;
mod time;
mod words;

pub use columns::{Field, Fit, column};
pub use counters::Counters;
pub use error::ValueError;
pub use escape::{escape, escape_json, until_nul};
pub use escape::{escape_csv, escape_quoted};
pub use fields::{Cells, ENVELOPE, Fields, KindName};
pub use histogram::{Scale, histogram, range_of, slot_of};
pub use number::read_number;
pub use number::{push_hex, push_signed, push_unsigned, push_wide};
pub use plan::Plan;
pub use room::{Room, Start};
pub use time::WallClock;
