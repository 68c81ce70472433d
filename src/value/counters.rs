//! The numbers in a value that count something: they can be added up over CPUs, and what was counted
//! since an earlier look is their difference.

use super::columns::{Field, raw};
use super::meaning::Meaning;
use super::number::{mask, read};
use super::plan::{Node, Plan, Scalar, Shape};

/// More rows of numbers than this, and a value counts as a whole no more.
const MOST_RUNS: usize = 4096;

/// Words in the names of numbers that are no counts: ids, places, points in time, extremes.
const NO_COUNTS: [&str; 41] = [
    "addr",
    "cpu",
    "daddr",
    "dev",
    "dport",
    "family",
    "fd",
    "first",
    "flags",
    "gid",
    "id",
    "ino",
    "inode",
    "ip",
    "last",
    "lport",
    "major",
    "max",
    "min",
    "minor",
    "mode",
    "netns",
    "node",
    "pgid",
    "pid",
    "port",
    "ppid",
    "prio",
    "saddr",
    "sid",
    "sport",
    "start",
    "state",
    "tgid",
    "tid",
    "timestamp",
    "ts",
    "type",
    "uid",
    "version",
    "when",
];

/// Where the counters of a type are.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    runs: Vec<Run>,
    whole: bool,
}

/// Numbers of one size, one behind the other.
#[derive(Clone, Copy, Debug)]
struct Run {
    at: usize,
    /// Bytes of each: 1, 2, 4 or 8.
    size: usize,
    len: usize,
}

impl Plan {
    /// Finds the counters of the type: whole numbers, also in arrays and structs, that are not called
    /// like an id, a time or an extreme (`pid`, `start_ts`, `max`). Members of a union count only where
    /// no two of them share bytes.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters {
            runs: Vec::new(),
            whole: true,
        };
        counters.collect(self, self.root, 0, "");
        counters.runs.sort_by_key(|run| run.at);
        let mut end = 0;
        for run in &counters.runs {
            counters.whole &= run.at >= end;
            end = run.at.saturating_add(run.size.saturating_mul(run.len));
        }
        let overlap = counters.runs.windows(2).any(|pair| match pair {
            [a, b] => b.at < a.at.saturating_add(a.size.saturating_mul(a.len)),
            _ => false,
        });
        if overlap || counters.runs.is_empty() || counters.runs.len() > MOST_RUNS {
            return Counters::default();
        }
        counters
    }

    /// The name of the first field that is a counter.
    #[must_use]
    pub fn first_counter(&self) -> Option<&str> {
        let mut numbers = self.fields().filter(|field| field.is_number());
        let found = numbers.find(|field| {
            let mut counters = Counters::default();
            counters.collect(self, field.node(), 0, field.name);
            !counters.runs.is_empty()
        });
        found.map(|field| field.name)
    }

    /// The numbers in a field that is an array of whole numbers, zero-extended; `None` for another field,
    /// and where the record does not have it all.
    #[must_use]
    pub fn numbers(&self, field: &Field<'_>, record: &[u8]) -> Option<Vec<u64>> {
        let Shape::Array { element, len } = field.node().shape else {
            return None;
        };
        let element = self.element(element);
        if !matches!(element.shape, Shape::Scalar(scalar) if is_whole(scalar)) {
            return None;
        }
        let bytes = field.bytes(record)?;
        let size = element.size as usize;
        let number = |index: u32| read(bytes, (index as usize).checked_mul(size)?, size);
        (0..len).map(number).collect()
    }

    /// Whether a field is an array of whole numbers.
    #[must_use]
    pub fn is_numbers(&self, field: &Field<'_>) -> bool {
        self.numbers(field, &vec![0; self.size()]).is_some()
    }

    /// For an array of structs: the plan of one, and how many there are.
    #[must_use]
    pub fn of_element(&self) -> Option<(Plan, usize)> {
        let Shape::Array { element, len } = self.root.shape else {
            return None;
        };
        let root = self.element(element);
        let name = self.columns.first()?.name;
        let mut plan = self.clone();
        plan.root = root;
        plan.lay_out_columns(name);
        matches!(root.shape, Shape::Composite { .. }).then_some((plan, len as usize))
    }

    /// Whether values are structs or unions, with fields of their own.
    #[must_use]
    pub fn has_fields(&self) -> bool {
        matches!(self.root.shape, Shape::Composite { .. })
    }
}

impl Counters {
    /// Whether the value has nothing else in it, so that values can be added up.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds the counters of `other` to those of `value`.
    pub fn add(&self, value: &mut [u8], other: &[u8]) {
        self.combine(value, other, u64::wrapping_add);
    }

    /// Takes the counters of `earlier` from those of `value`. Where one of them was more then than it is
    /// now, the value is another than the one that was looked at, and stays as it is.
    pub fn subtract(&self, value: &mut [u8], earlier: &[u8]) {
        let pairs = self.places().map(|(at, size)| {
            let number = |bytes| read(bytes, at, size).unwrap_or(0);
            (number(&*value), number(earlier))
        });
        let mut pairs = pairs;
        if pairs.any(|(now, then)| then > now) {
            return;
        }
        drop(pairs);
        self.combine(value, earlier, u64::wrapping_sub);
    }

    /// Whether one of them is not zero.
    #[must_use]
    pub fn any(&self, value: &[u8]) -> bool {
        self.places()
            .any(|(at, size)| read(value, at, size).is_some_and(|number| number != 0))
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        self.runs.iter().flat_map(|run| {
            (0..run.len).map(|index| (run.at.saturating_add(index * run.size), run.size))
        })
    }

    fn combine(&self, value: &mut [u8], other: &[u8], with: fn(u64, u64) -> u64) {
        for (at, size) in self.places() {
            let (Some(ours), Some(theirs)) = (read(value, at, size), read(other, at, size)) else {
                continue;
            };
            let result = with(ours, theirs) & mask(8 * size as u32);
            let bytes = result.to_le_bytes();
            if let (Some(place), Some(bytes)) = (value.get_mut(at..at + size), bytes.get(..size)) {
                place.copy_from_slice(bytes);
            }
        }
    }

    fn collect(&mut self, plan: &Plan, node: Node, at: usize, name: &str) {
        if self.runs.len() > MOST_RUNS {
            return;
        }
        match node.shape {
            Shape::Scalar(scalar) if is_whole(scalar) && counts(name) => {
                self.runs.push(Run {
                    at,
                    size: node.size as usize,
                    len: 1,
                });
            }
            Shape::Array { element, len } => {
                let element = plan.element(element);
                let (size, len) = (element.size as usize, len as usize);
                match element.shape {
                    Shape::Scalar(scalar) if is_whole(scalar) && counts(name) => {
                        self.runs.push(Run { at, size, len });
                    }
                    _ => {
                        for index in 0..len.min(MOST_RUNS) {
                            let at = at.saturating_add(index.saturating_mul(size));
                            self.collect(plan, element, at, name);
                        }
                    }
                }
            }
            Shape::Composite { first, len } => {
                for member in plan.members(first, len) {
                    let at = at.saturating_add(member.at as usize);
                    self.collect(plan, member.node, at, plan.name(member.name));
                }
            }
            _ => self.whole = false,
        }
    }
}

/// Whether a number is a whole one, or a time that some took.
fn is_whole(scalar: Scalar) -> bool {
    matches!(
        scalar,
        Scalar::Unsigned | Scalar::Signed | Scalar::Meant(Meaning::Time)
    )
}

/// Whether a number of this name counts something.
fn counts(name: &str) -> bool {
    let mut words = name.split('_').map(str::to_ascii_lowercase);
    !words.any(|word| NO_COUNTS.binary_search(&word.as_str()).is_ok())
}

/// The number of bits in a field's raw value, for who draws distributions.
pub(super) fn is_number(field: &Field<'_>) -> bool {
    let node = field.node();
    raw(node, &vec![0; node.size as usize + 8], 0).is_some()
}

impl Field<'_> {
    /// Whether it is a pointer.
    #[must_use]
    pub fn is_pointer(&self) -> bool {
        matches!(self.node().shape, Shape::Scalar(Scalar::Pointer))
    }

    /// Whether [`number`](Field::number) has a number of the field in a record that is long enough.
    #[must_use]
    pub fn is_number(&self) -> bool {
        is_number(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Btf;
    use crate::btf::testing::Builder;

    fn plan(b: &Builder, id: crate::btf::TypeId) -> Plan {
        Plan::new(&Btf::parse(&b.bytes()).unwrap(), id).unwrap()
    }

    #[test]
    fn counts_are_told_from_ids_by_their_names() {
        assert!(NO_COUNTS.is_sorted());
        for name in [
            "",
            "count",
            "bytes",
            "total_ns",
            "slots",
            "hits",
            "total_time",
        ] {
            assert!(counts(name), "{name}");
        }
        for name in [
            "pid", "start_ts", "max", "max_ns", "MIN", "user_id", "saddr",
        ] {
            assert!(!counts(name), "{name}");
        }
    }

    #[test]
    fn counters_are_added_and_what_came_since_is_their_difference() {
        let mut b = Builder::new();
        let (word, long) = (b.int("u32", 4, false), b.int("u64", 8, false));
        let slots = b.array(word, 3);
        let comm = b.char_array(4);
        let members = [
            ("total_ns", long, 0),
            ("slots", slots, 8),
            ("comm", comm, 20),
        ];
        let id = b.structure("hist", 24, &members);
        let plan = plan(&b, id);
        let counters = plan.counters();
        assert!(!counters.is_whole() && !counters.is_empty());
        let value = |total: u64, slots: [u32; 3], comm: &[u8; 4]| {
            let mut bytes = total.to_le_bytes().to_vec();
            slots
                .iter()
                .for_each(|slot| bytes.extend(slot.to_le_bytes()));
            bytes.extend(comm);
            bytes
        };
        let earlier = value(5, [1, 2, 3], b"old\0");
        let mut now = value(9, [1, 4, 3], b"new\0");
        counters.subtract(&mut now, &earlier);
        assert_eq!(now, value(4, [0, 2, 0], b"new\0"));
        assert!(counters.any(&now));
        counters.add(&mut now, &earlier);
        assert_eq!(now, value(9, [1, 4, 3], b"new\0"));
        // Another entry of the same key: less than was there.
        let mut fresh = value(1, [0, 0, 9], b"new\0");
        counters.subtract(&mut fresh, &earlier);
        assert_eq!(fresh, value(1, [0, 0, 9], b"new\0"));
        assert!(!counters.any(&value(0, [0; 3], b"new\0")));
        let field = plan.field("slots").unwrap();
        assert_eq!(plan.numbers(&field, &now), Some(vec![1, 4, 3]));
        assert_eq!(plan.numbers(&field, &now[..10]), None);
        assert!(!plan.is_numbers(&plan.field("comm").unwrap()));
    }

    #[test]
    fn a_lone_number_counts_and_members_that_share_bytes_do_not() {
        let mut b = Builder::new();
        let (word, long) = (b.int("u32", 4, false), b.int("u64", 8, false));
        let both = b.union("both", 8, &[("a", word), ("b", long)]);
        assert!(plan(&b, long).counters().is_whole());
        assert!(plan(&b, both).counters().is_empty());
        let one = b.structure("one", 8, &[("n", long, 0)]);
        let many = b.array(one, 3);
        let many = plan(&b, many);
        let counters = many.counters();
        let mut value = vec![1; 24];
        counters.subtract(&mut value, &[1; 24]);
        assert_eq!(value, [0; 24]);
        let (one, len) = many.of_element().unwrap();
        assert_eq!((one.size(), len), (8, 3));
        assert!(one.field("n").unwrap().is_number());
    }
}
