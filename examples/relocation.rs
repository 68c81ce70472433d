//! Measures what CO-RE relocation takes on the running kernel: for `scripts/qemu-arm64/bench`.
//!
//! `relocation [--runs N] [--btf FILE] OBJECT` parses the object, then does what loading does up to
//! the first call that loads something: it gathers names, reads the kernel's types, answers every
//! relocation and patches its instruction. It prints one line of `name=value`: microseconds (the
//! least and the median of all runs); the most memory that was allocated at one time, and what the
//! kernel counts as private to the process beyond what it was before, in kB; and how many
//! relocations there were.
//!
//! `relocation --by-kernel OBJECT` loads the object once, for the kernel to relocate it, and prints `load_us=…`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use btfly::btf::CoreRelo;
use btfly::load::{Options, Relocate, load};
use btfly::object::Object;
use btfly::relocate::{Resolver, patch, wanted};
use btfly::target::{BtfChoice, Kernel, TypeSource};

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// Safety: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // Safety: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // Safety: the caller's.
        unsafe { System.dealloc(start, layout) }
    }
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let by_kernel = args.next_if(|arg| arg == "--by-kernel").is_some();
    let mut runs = 1;
    if args.next_if(|arg| arg == "--runs").is_some() {
        runs = args.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    }
    let mut kernel = Kernel::running();
    if args.next_if(|arg| arg == "--btf").is_some() {
        kernel.btf = BtfChoice::File(args.next().unwrap_or_default());
    }
    let (Some(path), None, 1..) = (args.next(), args.next(), runs) else {
        eprintln!("usage: relocation [--by-kernel] [--runs N] [--btf FILE] OBJECT");
        return ExitCode::from(1);
    };
    let measured = match by_kernel {
        true => load_once(&path, &kernel),
        false => measure(&path, &kernel, runs),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relocation: {path}: {error}");
            ExitCode::from(6)
        }
    }
}

fn measure(path: &str, kernel: &Kernel, runs: usize) -> Result<(), Failure> {
    let bytes = std::fs::read(path)?;
    let object = Object::parse(&bytes)?;
    let private = private()?;
    let allocated = NOW.load(Relaxed);
    PEAK.store(allocated, Relaxed);
    let mut times = Vec::with_capacity(runs);
    let mut grown = 0;
    for _ in 0..runs {
        let started = Instant::now();
        let types = relocate(&object, kernel)?;
        times.push(started.elapsed().as_nanos() / 1000);
        // The window and the index are still held here.
        grown = grown.max(self::private()?.saturating_sub(private));
        drop(types);
    }
    let peak = PEAK.load(Relaxed) - allocated;
    times.sort_unstable();
    println!(
        "min_us={} median_us={} heap_kb={} private_kb={grown} relocations={}",
        times[0],
        times[runs / 2],
        peak.div_ceil(1024),
        relocations(&object).count(),
    );
    Ok(())
}

fn load_once(path: &str, kernel: &Kernel) -> Result<(), Failure> {
    let bytes = std::fs::read(path)?;
    let object = Object::parse(&bytes)?;
    let options = Options {
        relocate: Relocate::Kernel,
        ..Options::default()
    };
    let started = Instant::now();
    let loaded = load(&object, kernel, options)?;
    let took = started.elapsed();
    println!(
        "load_us={} programs={}",
        took.as_nanos() / 1000,
        loaded.programs.len()
    );
    Ok(())
}

fn relocations<'o>(object: &'o Object<'_>) -> impl Iterator<Item = &'o CoreRelo> {
    object.code.iter().flat_map(|code| &code.relocations)
}

/// The types of the kernel, of which every relocation of `object` was answered and patched.
fn relocate(object: &Object<'_>, kernel: &Kernel) -> Result<TypeSource, Failure> {
    let Some(btf) = &object.btf else {
        return Ok(TypeSource::none());
    };
    let wanted = wanted(btf, relocations(object))?;
    if wanted.is_empty() {
        return Ok(TypeSource::none());
    }
    let source = kernel.types(&wanted)?;
    let mut resolver = Resolver::new(btf, &*source.types);
    for code in &object.code {
        let mut insns = code.insns.clone();
        for relo in &code.relocations {
            let resolution = resolver.resolve(relo)?;
            patch(&mut insns, relo.insn_offset as usize / 8, &resolution)?;
        }
    }
    Ok(source)
}

/// `RssAnon` of this process in kB: what it has in memory that is neither a file's nor shared.
fn private() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no RssAnon in /proc/self/status")?.parse()?)
}
