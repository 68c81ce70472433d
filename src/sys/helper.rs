//! A thread beside the one that calls. The standard library's would bring its names, results and panics,
//! and printf(3) for the names.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io;
use rustix::thread::{Timespec, futex};

use super::process;

/// What the two threads share.
struct Shared<'a> {
    work: &'a (dyn Fn() + Sync),
    pause: Timespec,
    /// 1 when the helper is to end.
    done: AtomicU32,
}

/// Calls `work` again and again, with `pause` between, in a thread of its own while `main` runs. That thread
/// goes before others as far as it is permitted (see [`process::hurry_thread`]). Where no thread is to be
/// had, `main` runs without.
///
/// # Errors
/// None of its own: what `main` returns is returned.
pub fn beside<T>(pause: Duration, work: &(dyn Fn() + Sync), main: impl FnOnce() -> T) -> T {
    let shared = Shared {
        work,
        pause: Timespec::try_from(pause).unwrap_or_default(),
        done: AtomicU32::new(0),
    };
    let helper = Helper::start(&shared).ok();
    let answer = main();
    drop(helper);
    answer
}

/// A thread that was started. It has ended when this was dropped, also by a panic.
struct Helper<'a> {
    thread: libc::pthread_t,
    shared: &'a Shared<'a>,
}

impl<'a> Helper<'a> {
    fn start(shared: &'a Shared<'a>) -> io::Result<Helper<'a>> {
        let mut thread = std::mem::MaybeUninit::uninit();
        // Safety: `run` takes a pointer to `Shared`, whose parts may be used by several threads, and
        // which lives until the thread was joined: `Helper` borrows it, and is only dropped here.
        let error = unsafe {
            libc::pthread_create(
                thread.as_mut_ptr(),
                std::ptr::null(),
                run,
                std::ptr::from_ref(shared).cast_mut().cast(),
            )
        };
        match error {
            0 => Ok(Helper {
                // Safety: it was created.
                thread: unsafe { thread.assume_init() },
                shared,
            }),
            error => Err(io::Errno::from_raw_os_error(error)),
        }
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.shared.done.store(1, Ordering::Release);
        let _ = futex::wake(&self.shared.done, futex::Flags::PRIVATE, 1);
        // Safety: it was created, and is joined once.
        unsafe { libc::pthread_join(self.thread, std::ptr::null_mut()) };
    }
}

extern "C" fn run(shared: *mut libc::c_void) -> *mut libc::c_void {
    // Safety: it is what `start` gave, and lives until this thread has ended.
    let shared = unsafe { &*shared.cast::<Shared<'_>>() };
    let _ = process::hurry_thread();
    while shared.done.load(Ordering::Acquire) == 0 {
        (shared.work)();
        // It returns at once where the word is no longer 0.
        let _ = futex::wait(&shared.done, futex::Flags::PRIVATE, 0, Some(&shared.pause));
    }
    std::ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helper_works_while_main_runs_and_no_longer() {
        let calls = AtomicU32::new(0);
        let count = || {
            calls.fetch_add(1, Ordering::Relaxed);
        };
        let seen = beside(Duration::from_millis(1), &count, || {
            while calls.load(Ordering::Relaxed) < 3 {
                std::thread::yield_now();
            }
            "done"
        });
        assert_eq!(seen, "done");
        let at_the_end = calls.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(calls.load(Ordering::Relaxed), at_the_end);
    }

    #[test]
    fn a_long_pause_is_cut_short_at_the_end() {
        let start = std::time::Instant::now();
        beside(Duration::from_secs(600), &|| (), || ());
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
