//! The `btfly` command.
#![deny(unsafe_code)]
#![cfg_attr(not(any(feature = "full", test)), no_main)]

mod cli;
mod tools;

/// A build for boards has a heap of its own, which is smaller than the C library's.
#[cfg(not(feature = "full"))]
#[global_allocator]
static HEAP: btfly::sys::heap::Heap = btfly::sys::heap::Heap::new();

#[cfg(any(feature = "full", test))]
fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().skip(1)).into()
}

#[cfg(not(any(feature = "full", test)))]
btfly::start!(cli::main);
