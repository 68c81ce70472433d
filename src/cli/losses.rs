//! What was lost, by ring and CPU: told on standard error while it happens, and in all at the end.

use std::time::{Duration, Instant};

use super::output::{plain, say};

/// Losses come with every record where a ring overflows; a person is told once a second.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// The losses of a session.
#[derive(Debug, Default)]
pub struct Losses {
    places: Vec<Place>,
    /// When they were last told.
    told: Option<Instant>,
}

/// A ring on a CPU.
#[derive(Debug)]
struct Place {
    ring: usize,
    /// `None` for a ring of all CPUs.
    cpu: Option<u32>,
    lost: u64,
    /// How many of them were told on standard error.
    told: u64,
    /// How many of them stand in the output.
    shown: u64,
}

impl Losses {
    /// Counts records that were lost.
    pub fn add(&mut self, ring: usize, cpu: Option<u32>, count: u64) {
        let here = |place: &&mut Place| place.ring == ring && place.cpu == cpu;
        match self.places.iter_mut().find(here) {
            Some(place) => place.lost = place.lost.saturating_add(count),
            None => self.places.push(Place {
                ring,
                cpu,
                lost: count,
                told: 0,
                shown: 0,
            }),
        }
    }

    /// Says what was lost since it was last said, unless that was within the last second.
    pub fn tell<'n>(&mut self, now: Instant, name: &dyn Fn(usize) -> &'n str) {
        let soon = |told: Instant| now.saturating_duration_since(told) < TOLD_EVERY;
        if self.places.iter().all(|place| place.lost == place.told) || self.told.is_some_and(soon) {
            return;
        }
        self.told = Some(now);
        self.places.sort_by_key(|place| (place.ring, place.cpu));
        for place in &mut self.places {
            let count = place.lost.saturating_sub(place.told);
            if count > 0 {
                let ring = plain(name(place.ring));
                match place.cpu {
                    Some(cpu) => say(format_args!("lost {count} events on CPU {cpu} ({ring})\n")),
                    None => say(format_args!("lost {count} events ({ring})\n")),
                }
            }
            place.told = place.lost;
        }
    }

    /// Hands over what is to be shown in the output: ring, CPU, and how many since the last time.
    pub fn show(&mut self, each: &mut dyn FnMut(usize, Option<u32>, u64)) {
        self.places.sort_by_key(|place| (place.ring, place.cpu));
        for place in &mut self.places {
            let new = place.lost.saturating_sub(place.shown);
            if new > 0 {
                each(place.ring, place.cpu, new);
            }
            place.shown = place.lost;
        }
    }

    /// How many there were in all.
    pub fn sum(&self) -> u64 {
        let lost = self.places.iter().map(|place| place.lost);
        lost.fold(0, u64::saturating_add)
    }

    /// Says how many there were in all, and in which rings, if there were any.
    pub fn tell_all<'n>(&self, name: &dyn Fn(usize) -> &'n str) {
        if let Some(text) = self.in_all(name) {
            say(format_args!("{text}\n"));
        }
    }

    fn in_all<'n>(&self, name: &dyn Fn(usize) -> &'n str) -> Option<String> {
        let lost = self.sum();
        if lost == 0 {
            return None;
        }
        let mut text = format!("lost {lost} events in all: the rings were full");
        let mut places: Vec<&Place> = self.places.iter().collect();
        places.sort_by_key(|place| (place.ring, place.cpu));
        let mut start = " (";
        for place in places.into_iter().filter(|place| place.lost > 0) {
            let (ring, count) = (plain(name(place.ring)), place.lost);
            text += start;
            match place.cpu {
                Some(cpu) => text += &format!("{ring} on CPU {cpu}: {count}"),
                None => text += &format!("{ring}: {count}"),
            }
            start = ", ";
        }
        text.push(')');
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_by_ring_and_cpu() {
        let mut losses = Losses::default();
        losses.add(0, Some(1), 5);
        losses.add(1, None, 7);
        losses.add(0, Some(1), u64::MAX);
        losses.add(0, Some(0), 1);
        assert_eq!(losses.places.len(), 3);
        assert_eq!(losses.sum(), u64::MAX);
        let now = Instant::now();
        losses.tell(now, &|_| "events");
        assert!(losses.places.iter().all(|place| place.told == place.lost));
        losses.add(0, Some(0), 2);
        losses.tell(now, &|_| "events");
        let told: Vec<u64> = losses.places.iter().map(|place| place.told).collect();
        assert_eq!(told, [1, u64::MAX, 7], "not within the same second");
        let mut shown = Vec::new();
        losses.show(&mut |ring, cpu, count| shown.push((ring, cpu, count)));
        losses.add(1, None, 2);
        losses.show(&mut |ring, cpu, count| shown.push((ring, cpu, count)));
        let all = [(0, Some(0), 3), (0, Some(1), u64::MAX), (1, None, 7)];
        assert_eq!(shown, [&all[..], &[(1, None, 2)]].concat());
    }

    #[test]
    fn where_they_were_is_said_at_the_end() {
        let mut losses = Losses::default();
        let name = |ring: usize| ["perf", "ring"].get(ring).copied().unwrap_or_default();
        assert_eq!(losses.in_all(&name), None);
        losses.add(1, None, 7);
        losses.add(0, Some(1), 5);
        losses.add(0, Some(0), 2);
        let text = losses.in_all(&name).unwrap();
        let (sum, places) = text.split_once(": the rings were full ").unwrap();
        assert_eq!(sum, "lost 14 events in all");
        assert_eq!(places, "(perf on CPU 0: 2, perf on CPU 1: 5, ring: 7)");
    }
}
