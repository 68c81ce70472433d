//! How many records BPF rings had no room for, counted by the programs themselves.

use std::cell::RefCell;

use rustix::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use super::Memlock;
use crate::link::{self, Linked};
use crate::object::{Object, Program};
use crate::sys::abi::{BPF_F_MMAPABLE, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_RINGBUF};
use crate::sys::bpf;
use crate::sys::kernel::page_size;
use crate::sys::mapping::{Access, Mapping};

/// The counters of an object's programs.
#[derive(Debug)]
pub(super) struct Counters {
    map: OwnedFd,
    failures: Failures,
    /// Programs that don't count.
    without: RefCell<Vec<String>>,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Failures {
    memory: Mapping,
    /// How many maps the object has.
    maps: usize,
    /// The one ring, where there is no other.
    only: Option<usize>,
}

impl Counters {
    /// Counters for the rings of an object; `None` where it has none, or the kernel has no memory for
    /// them that can be mapped.
    pub fn new(object: &Object<'_>, memlock: &Memlock<'_>) -> Option<Counters> {
        let maps = object.maps.iter().enumerate();
        let mut rings = maps.filter(|(_, map)| map.map_type == BPF_MAP_TYPE_RINGBUF);
        let (first, _) = rings.next()?;
        let maps = object.maps.len();
        let len = (maps + 1).checked_mul(8)?;
        let create = bpf::MapCreate {
            map_type: BPF_MAP_TYPE_ARRAY,
            key_size: 4,
            value_size: u32::try_from(len).ok()?,
            max_entries: 1,
            map_flags: BPF_F_MMAPABLE,
            name: "btfly_lost",
            ..bpf::MapCreate::default()
        };
        let map = memlock.retry(|| bpf::map_create(&create)).ok()?;
        let len = len.checked_next_multiple_of(page_size())?;
        let memory = Mapping::new(map.as_fd(), 0, len, Access::Read).ok()?;
        Some(Counters {
            map,
            failures: Failures {
                memory,
                maps,
                only: rings.next().is_none().then_some(first),
            },
            without: RefCell::default(),
        })
    }

    /// A program that counts; `None` where it has nothing to count.
    pub fn added(
        &self,
        object: &Object<'_>,
        program: &Program<'_>,
        linked: &Linked,
    ) -> Option<Linked> {
        let mut counting = linked.clone();
        match link::count_failures(object, program, &mut counting) {
            Ok(true) => Some(counting),
            Ok(false) => None,
            Err(_) => {
                self.give_up(program);
                None
            }
        }
    }

    /// A program was not taken while it counted.
    pub fn give_up(&self, program: &Program<'_>) {
        self.without.borrow_mut().push(program.name.into());
    }

    pub fn fd(&self) -> RawFd {
        self.map.as_raw_fd()
    }

    /// Forgets what became of programs: all are loaded again.
    pub fn again(&self) {
        self.without.borrow_mut().clear();
    }

    /// What is counted from now on, and a note where a program does not.
    pub fn done(self) -> (Failures, Option<String>) {
        let without = self.without.into_inner();
        let note = (!without.is_empty()).then(|| {
            let names = without.join(", ");
            format!("what a full BPF ring has no room for is not counted in {names}")
        });
        (self.failures, note)
    }
}

impl Failures {
    /// How many records the ring of a map had no room for.
    pub fn of(&self, map: usize) -> u64 {
        let at = |index: usize| self.memory.load_acquire(index.saturating_mul(8));
        let unknown = match self.only == Some(map) {
            true => at(self.maps),
            false => 0,
        };
        at(map).saturating_add(unknown)
    }

    /// How many records of which is not known whose they were.
    pub fn unknown(&self) -> u64 {
        match self.only {
            Some(_) => 0,
            None => self.memory.load_acquire(self.maps.saturating_mul(8)),
        }
    }
}
