//! A small heap: for programs whose size counts, in the place of the C library's, which is ten times as large.
//!
//! Blocks are of few sizes, each with a list of those that are free; new ones are cut from pieces that the kernel
//! gives. A block that is large is a mapping of its own, which grows by moving pages and goes back when it is freed.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, null_mut};
use std::sync::{Mutex, PoisonError};

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// Every block begins at a multiple of this.
const ALIGN: usize = 16;
/// Bytes of the smallest block.
const SMALLEST: usize = 16;
/// Sizes of blocks: two for each power of two, up to [`LARGEST`].
const SIZES: usize = 23;
/// Bytes of the largest block that is not a mapping of its own.
const LARGEST: usize = 32 * 1024;
/// Bytes that the kernel is asked for at once.
const PIECE: usize = 128 * 1024;
/// What a mapping is rounded up to: the largest page that arm64 has.
const PAGE: usize = 64 * 1024;

/// The heap.
#[derive(Default)]
pub struct Heap(Mutex<State>);

struct State {
    /// The first free block of each size; in it is the address of the next, or 0.
    free: [usize; SIZES],
    /// Where the rest of the last piece is.
    at: usize,
    left: usize,
}

impl Default for State {
    fn default() -> Self {
        State::EMPTY
    }
}

impl State {
    const EMPTY: State = State {
        free: [0; SIZES],
        at: 0,
        left: 0,
    };
}

/// The index of the smallest size that has room for so many bytes, and that size.
fn class(size: usize) -> (usize, usize) {
    let size = size.max(SMALLEST);
    // The power of two at it or below it, and what is half as much again.
    let power = usize::BITS - 1 - size.leading_zeros();
    let base = 1usize << power;
    let step = (power - SMALLEST.trailing_zeros()) as usize * 2;
    // Of 16 bytes on, half of it keeps to the alignment from 32 on.
    match size {
        _ if size == base => (step, base),
        _ if size <= base + base / 2 && base > SMALLEST => (step + 1, base + base / 2),
        _ => (step + 2, base * 2),
    }
}

/// Whether such a block is a mapping of its own.
fn is_mapping(layout: Layout) -> bool {
    layout.size() > LARGEST || layout.align() > ALIGN
}

/// A new mapping with room for so many bytes, all zero; null where there is none.
fn map(size: usize) -> *mut u8 {
    let Some(len) = size.max(1).checked_next_multiple_of(PAGE) else {
        return null_mut();
    };
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // Safety: a new mapping, which nobody knows yet.
    let mapped = unsafe { mmap_anonymous(null_mut(), len, access, flags) };
    mapped.map_or(null_mut(), <*mut _>::cast)
}

impl Heap {
    /// One with nothing in it.
    #[must_use]
    pub const fn new() -> Heap {
        Heap(Mutex::new(State::EMPTY))
    }

    fn take(&self, size: usize) -> *mut u8 {
        let (class, size) = class(size);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let Some(first) = state.free.get_mut(class) else {
            return null_mut();
        };
        if *first != 0 {
            let block = *first as *mut usize;
            // Safety: a free block, which holds the address of the next.
            *first = unsafe { block.read() };
            return block.cast();
        }
        if state.left < size {
            let piece = map(PIECE);
            if piece.is_null() {
                return piece;
            }
            // What is left of the last one is small, and stays unused.
            (state.at, state.left) = (piece as usize, PIECE);
        }
        let block = state.at;
        state.at += size;
        state.left -= size;
        block as *mut u8
    }

    fn give(&self, block: *mut u8, size: usize) {
        let (class, _) = class(size);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = state.free.get_mut(class) {
            // Safety: the block is free now, and has room for an address.
            unsafe { block.cast::<usize>().write(*first) };
            *first = block as usize;
        }
    }
}

// Safety: a block is given to one at a time, and is as large and as aligned as its layout says; what is behind a
// lock is changed by one thread at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_mapping(layout) {
            // No more than the smallest page.
            true if layout.align() > 4096 => null_mut(),
            true => map(layout.size()),
            false => self.take(layout.size()),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // Safety: as the caller vouches.
        let block = unsafe { self.alloc(layout) };
        // A mapping is zero already, and takes no memory until it is written.
        if !block.is_null() && !is_mapping(layout) {
            // Safety: a new block, of this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_mapping(layout) {
            return self.give(block, layout.size());
        }
        let len = layout.size().max(1).next_multiple_of(PAGE);
        // Safety: the mapping of a large block, which nobody uses any more.
        let _ = unsafe { munmap(block.cast(), len) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Safety: the caller vouches for the size.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_mapping(layout), is_mapping(wanted)) {
            (true, true) => {
                let pages = |size: usize| size.max(1).checked_next_multiple_of(PAGE);
                let (Some(old), Some(new)) = (pages(layout.size()), pages(size)) else {
                    return null_mut();
                };
                // Safety: the mapping of a large block; whoever had its address gets the new one.
                let moved = unsafe { mremap(block.cast(), old, new, MremapFlags::MAYMOVE) };
                return moved.map_or(null_mut(), <*mut _>::cast);
            }
            (false, false) if class(layout.size()) == class(size) => return block,
            _ => {}
        }
        // Safety: a new block, which is no part of the old one; both have room for what is copied.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_room_and_its_own_list() {
        let mut before = (0, 0);
        for size in 1..=LARGEST {
            let (index, block) = class(size);
            assert!(block >= size && index < SIZES, "{size}: {index} {block}");
            assert!(block % ALIGN == 0, "{size}: {block}");
            assert!(block < 32 || block <= size * 3 / 2 + 16, "{size}: {block}");
            assert!((index, block) == before || index > before.0 && block > before.1 || size == 1);
            before = (index, block);
        }
    }

    #[test]
    fn blocks_keep_what_is_in_them_while_others_come_and_go() {
        let heap = Heap::new();
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 12345u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let check = |block: *mut u8, layout: Layout, mark: u8| {
            // Safety: the block is ours, and was filled.
            let bytes = unsafe { core::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|b| *b == mark), "{layout:?}");
        };
        for round in 0..20_000 {
            let size = match next(10) {
                0 => 1 + next(200_000),
                _ => 1 + next(700),
            };
            let mark = round as u8;
            // Safety: blocks are used as their layouts say, and freed once.
            unsafe {
                match next(3) {
                    0 if !blocks.is_empty() => {
                        let (block, layout, mark) = blocks.swap_remove(next(blocks.len()));
                        check(block, layout, mark);
                        heap.dealloc(block, layout);
                    }
                    1 if !blocks.is_empty() => {
                        let at = next(blocks.len());
                        let (block, layout, old) = blocks[at];
                        let block = heap.realloc(block, layout, size);
                        assert!(!block.is_null());
                        let kept = Layout::from_size_align(size.min(layout.size()), 8).unwrap();
                        check(block, kept, old);
                        block.write_bytes(mark, size);
                        blocks[at] = (block, Layout::from_size_align(size, 8).unwrap(), mark);
                    }
                    _ => {
                        let layout = Layout::from_size_align(size, 8).unwrap();
                        let block = heap.alloc(layout);
                        assert!(!block.is_null() && (block as usize).is_multiple_of(ALIGN));
                        block.write_bytes(mark, size);
                        blocks.push((block, layout, mark));
                    }
                }
            }
        }
        for (block, layout, mark) in blocks {
            check(block, layout, mark);
            // Safety: as above.
            unsafe { heap.dealloc(block, layout) };
        }
    }

    #[test]
    fn a_block_that_is_aligned_to_pages_is_a_mapping() {
        let heap = Heap::new();
        let layout = Layout::from_size_align(100, 4096).unwrap();
        // Safety: used as its layout says.
        unsafe {
            let block = heap.alloc(layout);
            assert!(!block.is_null() && (block as usize).is_multiple_of(4096));
            let block = heap.realloc(block, layout, 70_000);
            assert!(!block.is_null() && (block as usize).is_multiple_of(4096));
            heap.dealloc(block, Layout::from_size_align(70_000, 4096).unwrap());
        }
    }
}
