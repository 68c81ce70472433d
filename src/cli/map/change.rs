//! What changes a map.

use btfly::sys::abi::*;
use btfly::sys::bpf::map_freeze;
use btfly::sys::bpf_details::fdinfo;
use btfly::sys::holders;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::super::loaded::{MAPS, PROGRAMS, Words, find_one, no_more, refused};
use super::super::{Class, Failure};
use super::data;
use super::dump::no_such_key;
use super::layout::Layout;

/// The words of a key and of a value.
struct Given<'w> {
    key: &'w [&'w str],
    value: &'w [&'w str],
    flags: u64,
}

fn given<'w>(rest: &'w [&'w str]) -> Given<'w> {
    let (rest, flags) = match rest {
        [rest @ .., "any"] => (rest, BPF_ANY),
        [rest @ .., "exist" | "--exist"] => (rest, BPF_EXIST),
        [rest @ .., "noexist" | "--noexist"] => (rest, BPF_NOEXIST),
        rest => (rest, BPF_ANY),
    };
    let at = rest
        .iter()
        .position(|word| matches!(*word, "value" | "--value"));
    let (key, value) = rest.split_at(at.unwrap_or(rest.len()));
    let behind = |words: &'w [&'w str]| match words {
        ["key" | "--key" | "value" | "--value", words @ ..] => words,
        _ => &[],
    };
    Given {
        key: behind(key),
        value: behind(value),
        flags,
    }
}

/// The bytes of a value, for each CPU, and what must stay open for it.
fn value(layout: &Layout<'_>, words: &[&str]) -> Result<(Vec<u8>, Option<OwnedFd>), Failure> {
    let kind = match layout.info.map_type {
        BPF_MAP_TYPE_PROG_ARRAY => Some(&PROGRAMS),
        BPF_MAP_TYPE_ARRAY_OF_MAPS | BPF_MAP_TYPE_HASH_OF_MAPS => Some(&MAPS),
        _ => None,
    };
    if let Some(kind) = kind {
        let (fd, rest) = find_one(kind, words)?;
        no_more("map", rest)?;
        return Ok((fd.as_raw_fd().to_ne_bytes().to_vec(), Some(fd)));
    }
    let size = layout.info.value_size as usize;
    let one = data::read("value", words, size, layout.value.as_ref())?;
    let Some(stride) = layout.stride() else {
        return Ok((one, None));
    };
    // The same for each CPU.
    let mut all = vec![0; layout.elements.value_len()];
    for place in all.chunks_mut(stride.max(1)) {
        if let Some(front) = place.get_mut(..one.len()) {
            front.copy_from_slice(&one);
        }
    }
    Ok((all, None))
}

/// `update MAP key DATA value DATA [any|exist|noexist]`.
pub fn update(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    let layout = Layout::of(map.as_fd())?;
    let given = given(rest);
    let key = data::read(
        "key",
        given.key,
        layout.elements.key_len(),
        layout.key.as_ref(),
    )?;
    let (value, _held) = value(&layout, given.value)?;
    let flags = given.flags | layout.flags;
    let done = layout.elements.update(&key, &value, flags);
    done.map_err(|error| unwritable(map.as_fd(), &layout, error))
}

/// `push MAP value DATA`.
pub fn push(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    let layout = Layout::of(map.as_fd())?;
    let (value, _held) = value(&layout, given(rest).value)?;
    if layout.elements.key_len() > 0 {
        return Err(
            Failure::usage("this map has keys: nothing is pushed into it")
                .with_hint("btfly map update MAP key DATA value DATA"),
        );
    }
    let done = layout.elements.update(&[], &value, BPF_ANY);
    done.map_err(|error| unwritable(map.as_fd(), &layout, error))
}

/// `delete MAP key DATA`.
pub fn delete(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    let layout = Layout::of(map.as_fd())?;
    let key = given(rest).key;
    let key = data::read("key", key, layout.elements.key_len(), layout.key.as_ref())?;
    match layout.elements.delete(&key) {
        Ok(true) => Ok(()),
        Ok(false) => Err(no_such_key()),
        Err(Errno::INVAL) => Err(Failure::new(
            Class::Other,
            "entries of such a map can't be removed, as of arrays",
        )),
        Err(error) => Err(unwritable(map.as_fd(), &layout, error)),
    }
}

/// `freeze MAP`.
pub fn freeze(words: &Words<'_>) -> Result<(), Failure> {
    let (map, rest) = find_one(&MAPS, &words.words)?;
    no_more("map", rest)?;
    map_freeze(map.as_fd()).map_err(|error| match error {
        Errno::BUSY => Failure::new(
            Class::Other,
            "the map can't be frozen: it is frozen already, or somebody has it mapped for writing",
        ),
        error if error.raw_os_error() == 524 => {
            Failure::new(Class::Other, "maps of this type can't be frozen")
        }
        error => refused("freezing this map", error),
    })
}

/// Why a map did not take something.
fn unwritable(map: BorrowedFd<'_>, layout: &Layout<'_>, error: Errno) -> Failure {
    let told = |what: &str| Failure::new(Class::Other, what);
    let most = layout.info.max_entries;
    let told_frozen = fdinfo(map).is_ok_and(|text| holders::value(&text, "frozen:") == Some("1"));
    match error {
        Errno::TOOBIG if is_array(layout.info.map_type) => told(&format!(
            "the key is beyond the end: the map has {most} entries"
        )),
        Errno::TOOBIG => told(&format!("the map is full: it has {most} entries at most")),
        Errno::EXIST => told("the map has an entry with this key"),
        Errno::NOENT => no_such_key(),
        Errno::PERM if told_frozen => told("the map is frozen: only programs write into it"),
        Errno::PERM | Errno::ACCESS => refused("writing into this map", error)
            .with_hint("run it as root; a map may also be closed to user space (BPF_F_RDONLY)"),
        Errno::INVAL => told("the kernel does not take such an entry into a map of this type"),
        error => refused("writing into this map", error),
    }
}

fn is_array(map_type: u32) -> bool {
    matches!(
        map_type,
        BPF_MAP_TYPE_ARRAY
            | BPF_MAP_TYPE_PERCPU_ARRAY
            | BPF_MAP_TYPE_PROG_ARRAY
            | BPF_MAP_TYPE_PERF_EVENT_ARRAY
            | BPF_MAP_TYPE_CGROUP_ARRAY
            | BPF_MAP_TYPE_ARRAY_OF_MAPS
    )
}
