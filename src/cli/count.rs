//! Events that are counted and not shown.

use std::io::Write;

use btfly::object::Object;
use btfly::ring::Batch;
use btfly::value::Fields;

use super::events::is_ring;
use crate::tools::{Total, View};

/// How many events came from each ring.
pub struct Count {
    rings: Vec<Total>,
}

impl Count {
    pub fn new(object: &Object<'_>) -> Count {
        let rings = object.maps.iter().filter(|map| is_ring(map));
        let rings = rings.map(|map| Total {
            map: map.name.into(),
            ..Total::default()
        });
        Count {
            rings: rings.collect(),
        }
    }

    fn ring(&mut self, map: &str) -> Option<&mut Total> {
        // There are one or two.
        self.rings.iter_mut().find(|ring| ring.map == map)
    }
}

impl View for Count {
    fn header(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"RING EVENTS BYTES\n");
    }

    fn event(&mut self, map: &str, _: u32, bytes: &[u8], _: &mut Vec<u8>) {
        let (records, bytes) = (1, bytes.len() as u64);
        let lost = 0;
        self.counted(
            map,
            Batch {
                records,
                bytes,
                lost,
            },
        );
    }

    fn names(&self) -> Vec<String> {
        let numbers = Total::default().numbers();
        numbers.map(|(name, _)| name.to_owned()).into()
    }

    fn fields(&mut self, map: &str, bytes: &[u8], _: &mut Fields<'_>) -> bool {
        self.event(map, 0, bytes, &mut Vec::new());
        false
    }

    fn lost(&mut self, map: &str, _: u32, count: u64, _: &mut Vec<u8>) {
        if let Some(ring) = self.ring(map) {
            ring.lost = ring.lost.saturating_add(count);
        }
    }

    fn counts(&self) -> bool {
        true
    }

    fn counted(&mut self, map: &str, batch: Batch) {
        if let Some(ring) = self.ring(map) {
            ring.events = ring.events.saturating_add(batch.records);
            ring.bytes = ring.bytes.saturating_add(batch.bytes);
        }
    }

    fn totals(&self) -> &[Total] {
        &self.rings
    }

    fn sum_up(&mut self, out: &mut Vec<u8>) {
        for ring in &self.rings {
            let _ = writeln!(out, "{} {} {}", ring.map, ring.events, ring.bytes);
        }
    }
}
