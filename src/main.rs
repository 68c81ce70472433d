//! The `btfly` command.
#![deny(unsafe_code)]

mod cli;
mod tools;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().skip(1))
}
