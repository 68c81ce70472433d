//! The records of a perf ring: a pure walk over the bytes that are unread.
//!
//! A record is a header (type, misc, size) and its body, a multiple of 8 bytes in all, and may go
//! on at the ring's start. Source: the kernel's `include/uapi/linux/perf_event.h`.

use super::Record;
use crate::sys::abi::{
    PERF_RECORD_LOST, PERF_RECORD_LOST_SAMPLES, PERF_RECORD_SAMPLE, PerfEventHeader,
};
use std::mem::size_of;
use std::ops::{ControlFlow, Range};

const HEADER: usize = size_of::<PerfEventHeader>();

/// Where in a ring of `size` bytes, a power of two, the bytes from `tail` to `head` lie: to the
/// ring's end, and from its start. `None` where that is more than the ring holds.
pub(super) fn unread_ranges(
    head: u64,
    tail: u64,
    size: usize,
) -> Option<(Range<usize>, Range<usize>)> {
    let len = usize::try_from(head.wrapping_sub(tail)).ok()?;
    if len > size || !size.is_power_of_two() {
        return None;
    }
    let start = usize::try_from(tail & (size as u64 - 1)).ok()?;
    let to_end = len.min(size - start);
    Some((start..start + to_end, 0..len - to_end))
}

/// Bytes that the kernel has written and not been given back: two pieces that follow each other.
pub(super) struct Unread<'a> {
    pub(super) first: &'a [u8],
    pub(super) second: &'a [u8],
}

impl Unread<'_> {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// `len` bytes at `at`, as they lie where they are in one piece, else put together in `scratch`.
    fn bytes<'s>(&'s self, at: usize, len: usize, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        let end = at.checked_add(len)?;
        if end <= self.first.len() {
            return self.first.get(at..end);
        }
        let second_end = end - self.first.len();
        if let Some(start) = at.checked_sub(self.first.len()) {
            return self.second.get(start..second_end);
        }
        let (front, back) = (self.first.get(at..)?, self.second.get(..second_end)?);
        scratch.clear();
        scratch.extend_from_slice(front);
        scratch.extend_from_slice(back);
        Some(scratch)
    }

    fn header(&self, at: usize) -> Option<PerfEventHeader> {
        // Mostly it lies in the first piece.
        #[cfg(feature = "full")]
        if let Some(bytes) = self.first.get(at..).and_then(<[u8]>::first_chunk::<HEADER>) {
            let [a, b, c, d, _, _, low, high] = *bytes;
            return Some(PerfEventHeader {
                record_type: u32::from_ne_bytes([a, b, c, d]),
                misc: 0,
                size: u16::from_ne_bytes([low, high]),
            });
        }
        let mut scratch = Vec::new();
        let bytes = self.bytes(at, HEADER, &mut scratch)?;
        Some(PerfEventHeader {
            record_type: u32_at(bytes, 0)?,
            misc: 0,
            size: u16::try_from(u32_at(bytes, 4)? >> 16).ok()?,
        })
    }
}

/// What a walk came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Bytes that are done with.
    pub(super) consumed: usize,
    /// Records that the kernel had no room for.
    pub(super) lost: u64,
    /// Bytes given up because they made no sense; they are done with, too.
    pub(super) corrupt: usize,
    /// Whether the receiver asked to stop.
    pub(super) stopped: bool,
}

/// Hands over the records in order, until none is left or `each` breaks. The record at which it
/// breaks counts as received. Each sample has so many bytes in `front` of it.
#[cfg_attr(all(hot_loops, feature = "full"), optimize(speed))]
pub(super) fn walk<F>(
    unread: &Unread<'_>,
    front: usize,
    scratch: &mut Vec<u8>,
    each: &mut F,
) -> Walked
where
    F: FnMut(Record<'_>) -> ControlFlow<()> + ?Sized,
{
    let mut walked = Walked::default();
    let len = unread.len();
    while walked.consumed < len {
        let Some((record_type, body)) = record_at(unread, walked.consumed, scratch) else {
            // Without a size nothing behind can be found: begin anew where the kernel will write.
            walked.corrupt = len - walked.consumed;
            walked.consumed = len;
            break;
        };
        walked.consumed += HEADER + body.len();
        let record = match record_type {
            PERF_RECORD_SAMPLE => raw_sample(body, front).map(Record::Sample),
            // An id, then the count.
            PERF_RECORD_LOST => u64_at(body, 8).map(Record::Lost),
            PERF_RECORD_LOST_SAMPLES => u64_at(body, 0).map(Record::Lost),
            // Throttling and the like.
            _ => continue,
        };
        let Some(record) = record else {
            walked.corrupt += HEADER + body.len();
            continue;
        };
        if let Record::Lost(count) = record {
            walked.lost = walked.lost.saturating_add(count);
        }
        if each(record).is_break() {
            walked.stopped = true;
            break;
        }
    }
    walked
}

/// The type and body of the record at `at`; `None` where its size can't be true.
fn record_at<'s>(
    unread: &'s Unread<'_>,
    at: usize,
    scratch: &'s mut Vec<u8>,
) -> Option<(u32, &'s [u8])> {
    let header = unread.header(at)?;
    let size = usize::from(header.size);
    if size < HEADER || !size.is_multiple_of(8) {
        return None;
    }
    let body = unread.bytes(at + HEADER, size - HEADER, scratch)?;
    Some((header.record_type, body))
}

/// The body of a sample of PERF_SAMPLE_RAW: what stands in `front` of it, a 32-bit length, then so many
/// bytes.
pub(super) fn raw_sample(body: &[u8], front: usize) -> Option<&[u8]> {
    let body = body.get(front..)?;
    let len = usize::try_from(u32_at(body, 0)?).ok()?;
    body.get(4..4_usize.checked_add(len)?)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record with its header.
    pub(in super::super) fn record(record_type: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = record_type.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&0_u16.to_ne_bytes());
        bytes.extend_from_slice(&u16::try_from(HEADER + body.len()).unwrap().to_ne_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// A sample as the kernel writes it: length and bytes padded together to a multiple of 8.
    pub(in super::super) fn sample(data: &[u8]) -> Vec<u8> {
        let padded = (4 + data.len()).next_multiple_of(8) - 4;
        let mut body = u32::try_from(padded).unwrap().to_ne_bytes().to_vec();
        body.extend_from_slice(data);
        body.resize(4 + padded, 0);
        record(PERF_RECORD_SAMPLE, &body)
    }

    pub(in super::super) fn lost(count: u64) -> Vec<u8> {
        let mut body = 7_u64.to_ne_bytes().to_vec();
        body.extend_from_slice(&count.to_ne_bytes());
        record(PERF_RECORD_LOST, &body)
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Got {
        Sample(Vec<u8>),
        Lost(u64),
    }

    fn collect(first: &[u8], second: &[u8]) -> (Vec<Got>, Walked) {
        let mut got = Vec::new();
        let unread = Unread { first, second };
        let walked = walk(&unread, 0, &mut Vec::new(), &mut |record| {
            got.push(match record {
                Record::Sample(bytes) => Got::Sample(bytes.to_vec()),
                Record::Lost(count) => Got::Lost(count),
            });
            ControlFlow::Continue(())
        });
        (got, walked)
    }

    #[test]
    fn records_are_whole_wherever_the_ring_wraps() {
        let mut bytes = sample(b"first program");
        bytes.extend(lost(3));
        bytes.extend(sample(&[0x5a; 61]));
        let want = [
            Got::Sample(b"first program\0\0\0\0\0\0\0".to_vec()),
            Got::Lost(3),
            Got::Sample([&[0x5a; 61][..], &[0; 7]].concat()),
        ];
        for cut in 0..=bytes.len() {
            let (got, walked) = collect(&bytes[..cut], &bytes[cut..]);
            assert_eq!(got, want, "wrapped at {cut}");
            assert_eq!(walked.consumed, bytes.len());
            assert_eq!((walked.lost, walked.corrupt), (3, 0));
        }
    }

    #[test]
    fn a_sample_keeps_its_padding_of_up_to_seven_bytes() {
        for (len, padded) in [(0, 4), (4, 4), (5, 12), (11, 12), (12, 12), (13, 20)] {
            let bytes = sample(&vec![1; len]);
            assert_eq!(bytes.len() % 8, 0);
            let (got, _) = collect(&bytes, &[]);
            let [Got::Sample(data)] = &got[..] else {
                panic!("{got:?}");
            };
            assert_eq!(data.len(), padded, "{len} bytes");
        }
    }

    #[test]
    fn other_records_are_passed_over() {
        let mut bytes = record(5, &[0; 24]);
        bytes.extend(sample(b"data"));
        let (got, walked) = collect(&bytes, &[]);
        assert_eq!(got, [Got::Sample(b"data".to_vec())]);
        assert_eq!(walked.corrupt, 0);
    }

    #[test]
    fn an_impossible_size_gives_up_what_follows_and_counts_it() {
        let good = sample(b"good");
        for size in [0_u16, 4, 7, 12, 15, 48, u16::MAX] {
            let mut bytes = good.clone();
            let mut bad = sample(b"bad!");
            bad[6..8].copy_from_slice(&size.to_ne_bytes());
            bytes.extend(&bad);
            bytes.extend(&good);
            let (got, walked) = collect(&bytes, &[]);
            assert_eq!(got, [Got::Sample(b"good".to_vec())], "size {size}");
            assert_eq!(walked.consumed, bytes.len(), "size {size}");
            assert_eq!(walked.corrupt, bytes.len() - good.len(), "size {size}");
        }
    }

    #[test]
    fn a_sample_longer_than_its_record_is_dropped_alone() {
        let mut bytes = sample(b"liar");
        bytes[8..12].copy_from_slice(&5_u32.to_ne_bytes());
        let bad = bytes.len();
        bytes.extend(sample(b"true"));
        bytes.extend(record(PERF_RECORD_LOST, &[0; 8]));
        let (got, walked) = collect(&bytes, &[]);
        assert_eq!(got, [Got::Sample(b"true".to_vec())]);
        assert_eq!(walked.corrupt, bad + 16);
    }

    #[test]
    fn every_truncation_is_survived() {
        let mut bytes = sample(b"some data");
        bytes.extend(lost(1));
        for len in 0..bytes.len() {
            let (_, walked) = collect(&bytes[..len], &[]);
            assert_eq!(walked.consumed, len);
        }
    }

    #[test]
    fn a_receiver_that_breaks_has_the_record_and_nothing_more() {
        let one = sample(b"one!");
        let bytes = [one.clone(), sample(b"two!"), sample(b"three")].concat();
        let mut seen = 0;
        let unread = Unread {
            first: &bytes,
            second: &[],
        };
        let walked = walk(&unread, 0, &mut Vec::new(), &mut |_| {
            seen += 1;
            if seen == 2 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        assert!(walked.stopped);
        assert_eq!(walked.consumed, 2 * one.len());
    }

    #[test]
    fn counts_of_lost_records_do_not_overflow() {
        let bytes = [lost(u64::MAX), lost(2)].concat();
        assert_eq!(collect(&bytes, &[]).1.lost, u64::MAX);
    }

    #[test]
    fn unread_bytes_lie_at_the_end_and_then_at_the_start() {
        let cases = [
            ((0, 0), Some((0..0, 0..0))),
            ((24, 8), Some((8..24, 0..0))),
            ((64, 0), Some((0..64, 0..0))),
            ((80, 48), Some((48..64, 0..16))),
            ((8, u64::MAX - 7), Some((56..64, 0..8))),
            ((72, 0), None),
            ((0, 8), None),
        ];
        for ((head, tail), ranges) in cases {
            assert_eq!(unread_ranges(head, tail, 64), ranges, "{head} {tail}");
        }
        assert_eq!(unread_ranges(0, 0, 24), None);
        assert_eq!(unread_ranges(0, 0, 0), None);
    }
}
