//! Records out of memory that the kernel writes and we read: perf rings and BPF ring buffers, in
//! order, with losses counted.
//!
//! A `sys::poll::Poller` says when to look; each ring's `drain` hands over what is there. What the bytes mean
//! is not known here.
#![allow(unsafe_code)]

mod bpf;
#[cfg(feature = "full")]
mod count;
mod error;
#[cfg(feature = "full")]
mod pace;
mod perf;
mod perf_record;
#[cfg(feature = "full")]
mod records;
mod sender;
#[cfg(feature = "full")]
mod set;
#[cfg(feature = "full")]
mod sorted;

pub use bpf::BpfRing;
#[cfg(feature = "full")]
pub use count::Batch;
pub use error::RingError;
pub use perf::{PerfOptions, PerfRing, Wake};
#[cfg(feature = "full")]
pub use records::BpfRecords;
#[cfg(feature = "full")]
pub use set::{RINGS_TOKEN, RingOptions, Rings};

/// What a ring hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// What a program sent. From a perf ring up to 7 bytes of padding follow the program's own, so
    /// that the length is 4 above a multiple of 8.
    Sample(&'a [u8]),
    /// So many records found no room, at this place in the order.
    Lost(u64),
}
