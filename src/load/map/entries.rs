//! All entries of a map, read while programs change it: all at once, or each as it is read.
//!
//! Where the kernel reads many elements by one call (5.6 on, hashes and arrays), no element is missed or
//! told twice that is there all the while: a full build does that. Elsewhere keys are followed one by one: a key that is removed
//! under us leads back to the first, so keys that were seen are passed over, and the steps are counted. A
//! walk ends, whatever programs do.

use std::collections::BTreeMap;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use thiserror::Error;

use super::LoadedMap;
use crate::sys::Features;
use crate::sys::abi::{
    BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_LRU_HASH,
    BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH,
    BPF_MAP_TYPE_RHASH, BPF_MAP_TYPE_STACK_TRACE,
};
use crate::sys::bpf_map::{Elements, Reading};
use crate::sys::{Feature, map_batch::Cursor};

/// Bytes of keys and values that a batch is to have room for, and the fewest elements.
const PIECE: usize = 64 * 1024;
const FEWEST: usize = 64;
/// How often a batch is asked for again that a program kept the kernel from reading.
const TRIES: u32 = 64;
/// Steps from key to key beyond four for each entry that the map can have.
const MORE_STEPS: u64 = 1024;
/// Bytes of a whole map that are held: no board has more to give.
const MOST: usize = 1 << 30;

/// A map whose entries could not be read.
#[derive(Debug, Error)]
#[error("the entries of map {map}: {errno}")]
pub struct EntriesError {
    /// The map.
    pub map: String,
    /// The kernel's answer.
    pub errno: Errno,
}

/// What was in a map: keys and values, each of one length.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    key_len: usize,
    value_len: usize,
    keys: Vec<u8>,
    values: Vec<u8>,
    whole: bool,
}

impl Entries {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len().checked_div(self.key_len).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether each entry is here that was in the map all the while. It may not be where the map changed
    /// faster than it could be followed from key to key.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Keys and values in the kernel's order. The value of a per-CPU map has one part for each possible
    /// CPU, each filled up to eight bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let keys = self.keys.chunks_exact(self.key_len.max(1));
        keys.zip(self.values.chunks_exact(self.value_len.max(1)))
    }

    fn of(elements: &Elements<'_>) -> Entries {
        Entries {
            key_len: elements.key_len(),
            value_len: elements.value_len(),
            ..Entries::default()
        }
    }

    fn push(&mut self, keys: &[u8], values: &[u8]) -> Result<(), Errno> {
        if self.keys.len() + self.values.len() + keys.len() + values.len() > MOST {
            return Err(Errno::NOMEM);
        }
        self.keys.extend_from_slice(keys);
        self.values.extend_from_slice(values);
        Ok(())
    }
}

/// Whether maps of type `BPF_MAP_TYPE_…` have entries that can be walked and read.
#[must_use]
pub fn is_walkable(map_type: u32) -> bool {
    has_batches(map_type)
        || matches!(
            map_type,
            BPF_MAP_TYPE_LPM_TRIE | BPF_MAP_TYPE_STACK_TRACE | BPF_MAP_TYPE_RHASH
        )
}

/// Whether maps of type `BPF_MAP_TYPE_…` have a value for each CPU.
#[must_use]
pub fn is_per_cpu(map_type: u32) -> bool {
    matches!(
        map_type,
        BPF_MAP_TYPE_PERCPU_HASH | BPF_MAP_TYPE_PERCPU_ARRAY | BPF_MAP_TYPE_LRU_PERCPU_HASH
    )
}

/// Those whose batches can't go round in a circle.
fn has_batches(map_type: u32) -> bool {
    is_per_cpu(map_type)
        || matches!(
            map_type,
            BPF_MAP_TYPE_HASH | BPF_MAP_TYPE_LRU_HASH | BPF_MAP_TYPE_ARRAY
        )
}

impl LoadedMap {
    /// Reads all entries. Those of a map of 100,000 take as much memory as their keys and values.
    ///
    /// # Errors
    /// [`EntriesError`]: the kernel's answer.
    pub fn entries(&self, features: &Features) -> Result<Entries, EntriesError> {
        self.read_all(features, Reading::Keep)
    }

    /// Reads all entries and removes each in the same moment; on kernels that can't (before 5.6, or where
    /// `features` has neither `map-batch` nor `map-take`), right after it was read. What a program adds to a
    /// value between the two, or through an address that it looked up before, is lost.
    ///
    /// # Errors
    /// [`EntriesError`]: the kernel's answer; `EINVAL` for arrays, whose entries can't be removed.
    pub fn take_entries(&self, features: &Features) -> Result<Entries, EntriesError> {
        self.read_all(features, Reading::Remove)
    }

    /// Reads the entry of `key` and removes it, as [`take_entries`](Self::take_entries) does. `None`: there
    /// is none.
    ///
    /// # Errors
    /// [`EntriesError`]: the kernel's answer.
    pub fn take_entry(
        &self,
        features: &Features,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, EntriesError> {
        let elements = Elements::of(self.fd.as_fd()).map_err(|errno| self.failed(errno))?;
        let mut value = vec![0; elements.value_len()];
        match take(&elements, features, key, &mut value) {
            Ok(true) => Ok(Some(value)),
            Ok(false) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// Reads the entry of `key`. `None`: there is none.
    ///
    /// # Errors
    /// [`EntriesError`]: the kernel's answer.
    pub fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EntriesError> {
        let elements = Elements::of(self.fd.as_fd()).map_err(|errno| self.failed(errno))?;
        let mut value = vec![0; elements.value_len()];
        match elements.lookup(key, &mut value) {
            Ok(true) => Ok(Some(value)),
            Ok(false) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    fn failed(&self, errno: Errno) -> EntriesError {
        EntriesError {
            map: self.name.clone(),
            errno,
        }
    }

    fn read_all(&self, features: &Features, reading: Reading) -> Result<Entries, EntriesError> {
        read_all(self.fd.as_fd(), self.map_type, features, reading)
            .map_err(|errno| self.failed(errno))
    }
}

/// Takes as many keys and values as there are at a time; `false` ends the walk.
type Take<'t> = &'t mut dyn FnMut(&[u8], &[u8]) -> Result<bool, Errno>;

/// Hands each entry of a map of type `BPF_MAP_TYPE_…` to `each`, as it is read; `false` ends that. No more is held
/// than a batch, and where there are none the keys that were seen. The answer says what
/// [`Entries::is_whole`] says.
///
/// # Errors
/// The kernel's answer.
pub fn for_each_entry(
    elements: &Elements<'_>,
    map_type: u32,
    features: &Features,
    each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool, Errno> {
    let (key_len, value_len) = (elements.key_len().max(1), elements.value_len().max(1));
    let mut take = |keys: &[u8], values: &[u8]| {
        let mut pairs = keys
            .chunks_exact(key_len)
            .zip(values.chunks_exact(value_len));
        Ok(pairs.all(|(key, value)| each(key, value)))
    };
    walk(elements, map_type, features, Reading::Keep, &mut take)
}

fn read_all(
    map: BorrowedFd<'_>,
    map_type: u32,
    features: &Features,
    reading: Reading,
) -> Result<Entries, Errno> {
    let elements = Elements::of(map)?;
    let mut entries = Entries::of(&elements);
    let mut take = |keys: &[u8], values: &[u8]| entries.push(keys, values).map(|()| true);
    let whole = walk(&elements, map_type, features, reading, &mut take)?;
    entries.whole = whole;
    Ok(entries)
}

fn walk(
    elements: &Elements<'_>,
    map_type: u32,
    features: &Features,
    reading: Reading,
    take: Take<'_>,
) -> Result<bool, Errno> {
    if has_batches(map_type)
        && features.has(Feature::MapBatch)
        && let Some(whole) = by_batches(elements, reading, take)?
    {
        return Ok(whole);
    }
    let _ = map_type;
    by_keys(elements, features, reading, take)
}

/// `None` where this kernel has no batches for maps of this type: those of per-CPU arrays came with 5.13.
fn by_batches(
    elements: &Elements<'_>,
    reading: Reading,
    take: Take<'_>,
) -> Result<Option<bool>, Errno> {
    let (key_len, value_len) = (elements.key_len(), elements.value_len());
    let all = (elements.max_entries() as usize).max(1);
    let each = key_len.saturating_add(value_len).max(1);
    let mut room = PIECE.checked_div(each).unwrap_or(0).max(FEWEST).min(all);
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let mut cursor = Cursor::default();
    let mut tries = 0;
    let mut begun = false;
    loop {
        keys.resize(room.checked_mul(key_len).ok_or(Errno::NOMEM)?, 0);
        values.resize(room.checked_mul(value_len).ok_or(Errno::NOMEM)?, 0);
        let batch = match elements.batch(reading, &mut cursor, &mut keys, &mut values) {
            Ok(batch) => batch,
            // A bucket that is fuller than the buffers.
            Err(Errno::NOSPC) if room < all => {
                room = room.saturating_mul(2).min(all);
                continue;
            }
            // Between two looks at a full bucket it can grow, but not for ever.
            Err(Errno::NOSPC | Errno::INTR | Errno::AGAIN | Errno::BUSY) if tries < TRIES => {
                tries += 1;
                continue;
            }
            Err(Errno::PERM) => return Err(Errno::PERM),
            Err(_) if !begun => return Ok(None),
            Err(errno) => return Err(errno),
        };
        begun = true;
        let goes_on = take(
            keys.get(..batch.count * key_len).unwrap_or_default(),
            values.get(..batch.count * value_len).unwrap_or_default(),
        )?;
        if batch.last || !goes_on {
            return Ok(Some(true));
        }
    }
}

/// From key to key. What is to be removed is removed when all keys are known: programs that go on adding
/// keys would keep us here.
fn by_keys(
    elements: &Elements<'_>,
    features: &Features,
    reading: Reading,
    taking: Take<'_>,
) -> Result<bool, Errno> {
    let mut whole = false;
    // The same kind of map as others have use for: one code for all.
    let mut seen: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    let mut next = vec![0; elements.key_len()];
    let mut value = vec![0; elements.value_len()];
    let mut key: Option<Vec<u8>> = None;
    let steps = u64::from(elements.max_entries()) * 4 + MORE_STEPS;
    for _ in 0..steps {
        if !elements.next_key(key.as_deref(), &mut next)? {
            whole = true;
            break;
        }
        // It may be gone already.
        if seen.insert(next.clone(), None).is_none()
            && reading == Reading::Keep
            && elements.lookup(&next, &mut value)?
            && !taking(&next, &value)?
        {
            return Ok(true);
        }
        key = Some(next.clone());
    }
    if reading == Reading::Remove {
        for key in seen.into_keys() {
            if take(elements, features, &key, &mut value)? {
                taking(&key, &value)?;
            }
        }
    }
    Ok(whole)
}

/// Reads and removes an element, in one step where the kernel has it for such maps.
fn take(
    elements: &Elements<'_>,
    features: &Features,
    key: &[u8],
    value: &mut [u8],
) -> Result<bool, Errno> {
    if features.has(Feature::MapTake)
        && let Ok(taken) = elements.take(key, value)
    {
        return Ok(taken);
    }
    let _ = features;
    Ok(elements.lookup(key, value)? && elements.delete(key)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_come_in_pairs() {
        let mut entries = Entries {
            key_len: 1,
            value_len: 2,
            ..Entries::default()
        };
        entries.push(b"ab", b"1122").unwrap();
        let pairs: Vec<_> = entries.iter().collect();
        assert_eq!(pairs, [(&b"a"[..], &b"11"[..]), (b"b", b"22")]);
        assert_eq!(entries.len(), 2);
        assert_eq!(Entries::default().iter().len(), 0);
    }

    #[test]
    fn rings_and_queues_have_no_entries() {
        for map_type in [
            crate::sys::abi::BPF_MAP_TYPE_RINGBUF,
            crate::sys::abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY,
            crate::sys::abi::BPF_MAP_TYPE_QUEUE,
            crate::sys::abi::BPF_MAP_TYPE_PROG_ARRAY,
        ] {
            assert!(!is_walkable(map_type), "{map_type}");
        }
        assert!(is_walkable(BPF_MAP_TYPE_HASH) && !is_per_cpu(BPF_MAP_TYPE_HASH));
        assert!(is_walkable(BPF_MAP_TYPE_PERCPU_ARRAY) && is_per_cpu(BPF_MAP_TYPE_PERCPU_ARRAY));
    }
}
