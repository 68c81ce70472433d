//! Records that are counted and not looked at.

use super::Record;
use super::set::Rings;
use std::ops::ControlFlow;

/// What came from a ring on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Samples.
    pub records: u64,
    /// Bytes of these, as [`Record::Sample`] has them.
    pub bytes: u64,
    /// Records that found no room.
    pub lost: u64,
}

impl Batch {
    fn is_empty(self) -> bool {
        self == Batch::default()
    }

    fn add(&mut self, record: &Record<'_>) {
        match record {
            Record::Sample(bytes) => {
                self.records = self.records.wrapping_add(1);
                self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
            }
            Record::Lost(count) => self.lost = self.lost.saturating_add(*count),
        }
    }
}

/// Gathers batches: a ring hands over one CPU after the other.
struct Gather<'e> {
    ring: usize,
    cpu: u32,
    batch: Batch,
    each: &'e mut dyn FnMut(usize, u32, Batch),
}

impl Gather<'_> {
    fn flush(&mut self) {
        if !self.batch.is_empty() {
            (self.each)(self.ring, self.cpu, std::mem::take(&mut self.batch));
        }
    }

    #[inline]
    fn add(&mut self, ring: usize, cpu: u32, record: &Record<'_>) -> ControlFlow<()> {
        if (ring, cpu) != (self.ring, self.cpu) {
            self.flush();
            (self.ring, self.cpu) = (ring, cpu);
        }
        self.batch.add(record);
        ControlFlow::Continue(())
    }
}

impl Rings<'_> {
    /// Passes over every record that is there, as [`Rings::drain`] does, and hands over how many there
    /// were: the number of a ring, a CPU, and what came from there.
    pub fn count(&mut self, each: &mut dyn FnMut(usize, u32, Batch)) {
        let mut gather = Gather {
            ring: 0,
            cpu: 0,
            batch: Batch::default(),
            each,
        };
        let _ = self.drain(&mut |ring, cpu, record| gather.add(ring, cpu, &record));
        gather.flush();
    }

    /// The same for what [`Rings::finish`] hands over.
    pub fn count_last(&mut self, each: &mut dyn FnMut(usize, u32, Batch)) {
        let mut gather = Gather {
            ring: 0,
            cpu: 0,
            batch: Batch::default(),
            each,
        };
        let _ = self.finish(&mut |ring, cpu, record| gather.add(ring, cpu, &record));
        gather.flush();
    }
}
