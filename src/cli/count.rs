//! Events that are counted and not shown.

use std::io::Write;

use btfly::object::Object;
use btfly::value::Fields;

use super::events::is_ring;
use crate::tools::View;

/// How many events came from each ring.
pub struct Count {
    rings: Vec<Ring>,
}

struct Ring {
    map: String,
    events: u64,
    bytes: u64,
}

impl Count {
    pub fn new(object: &Object<'_>) -> Count {
        let rings = object.maps.iter().filter(|map| is_ring(map));
        let rings = rings.map(|map| Ring {
            map: map.name.into(),
            events: 0,
            bytes: 0,
        });
        Count {
            rings: rings.collect(),
        }
    }
}

impl View for Count {
    fn header(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"RING EVENTS BYTES\n");
    }

    fn event(&mut self, map: &str, _: u32, bytes: &[u8], _: &mut Vec<u8>) {
        // There are one or two.
        if let Some(ring) = self.rings.iter_mut().find(|ring| ring.map == map) {
            ring.events += 1;
            ring.bytes = ring.bytes.saturating_add(bytes.len() as u64);
        }
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn fields(&mut self, map: &str, bytes: &[u8], _: &mut Fields<'_>) -> bool {
        self.event(map, 0, bytes, &mut Vec::new());
        false
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        for ring in &self.rings {
            let _ = writeln!(out, "{} {} {}", ring.map, ring.events, ring.bytes);
        }
    }
}
